import assert from 'node:assert/strict';
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { example } from '../deploy.ts';
import { freePort } from './daemon.ts';
import { caddy, nginx, openssl, type Program, pathOf } from './program.ts';

/** A real proxy with TLS, as the examples configure it, in front of a socket. */
export interface RunningProxy {
  readonly port: number;
  readonly stop: () => Promise<void>;
}

/** What a proxy is started with; folders of its own for each. */
export interface Place {
  readonly folder: string;
  readonly port: number;
  readonly socket: string;
  readonly certificate: string;
  readonly key: string;
}

/** How one is configured and started. */
export interface Kind {
  readonly program: Program;
  /** Writes its config. @returns its arguments. */
  readonly configure: (place: Place) => readonly string[];
  /** It says so when it serves. */
  readonly up: RegExp;
}

export const proxies: Readonly<Record<'nginx' | 'caddy', Kind>> = {
  nginx: { program: nginx, configure: nginxConfig, up: /start worker process \d/ },
  caddy: { program: caddy, configure: caddyConfig, up: /serving initial configuration/ },
};

const SOCKET = '/run/pawment/shop.sock';

/** The server of the example, in a whole config that writes nowhere else. */
function nginxConfig({ folder, port, socket, certificate, key }: Place): readonly string[] {
  const server = example('nginx.conf', {
    [SOCKET]: socket,
    '    listen [::]:443 ssl http2;\n': '',
    'listen 443 ': `listen 127.0.0.1:${port} `,
    '/etc/ssl/shop.example.pem': certificate,
    '/etc/ssl/private/shop.example.key': key,
  });
  const config = [
    // As root its workers would be somebody who may not enter the folder.
    ...(process.getuid?.() === 0 ? ['user root;'] : []),
    ...[
      'daemon off;',
      `pid ${folder}/nginx.pid;`,
      'error_log stderr notice;',
      'worker_processes 1;',
      'events {}',
      'http {',
      'access_log off;',
    ],
    ...['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((name) => `${name}_temp_path ${folder}/${name};`),
    ...[server, '}'],
  ];
  writeFileSync(join(folder, 'nginx.conf'), config.join('\n'));
  return ['-e', 'stderr', '-p', folder, '-c', join(folder, 'nginx.conf')];
}

function caddyConfig({ folder, port, socket, certificate, key }: Place): readonly string[] {
  const config = example('Caddyfile', {
    [`unix/${SOCKET}`]: `unix/${socket}`,
    '{\n\tservers {': '{\n\tadmin off\n\tauto_https disable_redirects\n\tservers {',
    'shop.example {': `https://localhost:${port} {\n\tbind 127.0.0.1\n\ttls ${certificate} ${key}`,
  });
  writeFileSync(join(folder, 'Caddyfile'), config);
  return ['run', '--adapter', 'caddyfile', '--config', join(folder, 'Caddyfile')];
}

/** A certificate of localhost that is its own authority. */
export function selfSigned(folder: string): { readonly certificate: string; readonly key: string } {
  const [certificate, key] = [join(folder, 'certificate.pem'), join(folder, 'key.pem')];
  const made = [
    'req',
    '-x509',
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:prime256v1',
    '-nodes',
    '-days',
    '2',
    '-subj',
    '/CN=localhost',
  ];
  execFileSync(pathOf(openssl), [...made, '-addext', 'subjectAltName=DNS:localhost', '-keyout', key, '-out', certificate], {
    stdio: 'ignore',
  });
  return { certificate, key };
}

/** Starts it at a port that was free a moment ago: proxies take no port 0. @throws Error with what it said when it ends before it serves. */
export async function startProxy(name: keyof typeof proxies, where: Omit<Place, 'port' | 'folder'>, folder: string): Promise<RunningProxy> {
  const { program, configure, up } = proxies[name];
  mkdirSync(folder);
  const port = await freePort();
  const args = configure({ ...where, folder, port });
  const env = { ...process.env, HOME: folder, XDG_DATA_HOME: folder, XDG_CONFIG_HOME: folder };
  const child = spawn(pathOf(program), args, { env, stdio: ['ignore', 'ignore', 'pipe'] });
  const kill = (): unknown => child.kill('SIGKILL');
  process.once('exit', kill);
  const ended = once(child, 'close');
  await hears(child, up);
  const stop = async (): Promise<void> => {
    child.kill('SIGTERM');
    await ended;
    process.off('exit', kill);
  };
  return { port, stop };
}

function hears({ stderr }: ChildProcess, up: RegExp): Promise<void> {
  assert.ok(stderr !== null);
  const said: string[] = [];
  const lines = createInterface(stderr);
  return new Promise((resolve, reject) => {
    lines.on('line', (line) => {
      said.push(line);
      if (up.test(line)) resolve();
    });
    lines.once('close', () => reject(new Error(said.join('\n'))));
  });
}
