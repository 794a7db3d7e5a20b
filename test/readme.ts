import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { Terminal } from './terminal.ts';

/** Commands that are the whole of what CI does, or of what a newcomer does first: CI itself runs them. */
export const TOP_LEVEL: readonly string[] = ['npm ci && npm run demo', 'npm run test:everything'];

const readme = await readFile('README.md', 'utf8');

export function blocks(language: string): readonly string[] {
  return [...readme.matchAll(/^```(\w*)\n([\s\S]*?)^```$/gm)].filter(([, tag]) => tag === language).map(([, , text = '']) => text);
}

/** The blocks of commands to try. */
export function commandBlocks(): readonly string[] {
  return blocks('sh').filter((text) => !TOP_LEVEL.includes(text.trim()));
}

/** How a newcomer's shell is started in a network of its own, where all ports are free; undefined where this user may not make one. */
export const ownNetwork: readonly string[] | undefined = mayMakeNetwork()
  ? ['unshare', '-n', 'sh', '-c', 'ip link set lo up && exec "$0" "$@"']
  : undefined;

function mayMakeNetwork(): boolean {
  return spawnSync('unshare', ['-n', 'ip', 'link', 'set', 'lo', 'up'], { stdio: 'ignore' }).status === 0;
}

/** The blocks with free ports in the place of those that they name or leave to be the usual ones. */
export async function atFreePorts(texts: readonly string[]): Promise<readonly string[]> {
  const named = ['8402', '8403', '4242'];
  const free = await Promise.all(named.map(freePort));
  const ports = new Map(named.map((port, i) => [port, String(free[i])]));
  return texts.map((text) =>
    text
      .replace(/pawment (merchant(?= --price)|doctor)/g, 'pawment $1 --listen 127.0.0.1:8402')
      .replaceAll(/(?<=:)(8402|8403|4242)\b/g, (port) => ports.get(port) ?? port),
  );
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  return typeof address === 'object' && address !== null ? address.port : assert.fail();
}

/** What came of pasting. */
export interface Pasted {
  /** All that the terminal showed. */
  readonly shown: string;
  /** The commands that ended with another exit code than 0. */
  readonly failed: readonly string[];
}

interface Newcomer {
  /** What runs the shell; it is run as it is unless given. */
  readonly within?: readonly string[] | undefined;
  /** All that the environment has besides an empty home, a path and a terminal. */
  readonly env?: Readonly<Record<string, string>>;
}

/** Pastes whole blocks, each at once, into one shell at a terminal, as a user does who has nothing but this checkout. */
export async function paste(texts: readonly string[], { within = [], env = {} }: Newcomer = {}): Promise<Pasted> {
  const home = await mkdtemp(join(tmpdir(), 'pawment-newcomer-'));
  const path = `${dirname(programIn('npx'))}${delimiter}/usr/sbin:/usr/bin:/sbin:/bin`;
  const shell = [...within, 'bash', '--norc', '--noprofile', '-i'];
  const terminal = new Terminal(shell, { HOME: home, PATH: path, TERM: 'dumb', PS1: '$ ', ...env });
  try {
    terminal.type(`trap 'echo has-"failed: $BASH_COMMAND"' ERR\n`);
    for (const [i, text] of texts.entries()) {
      terminal.type(`${text.trimEnd()}\necho block-"${i}"-over\n`);
      await terminal.saw(`block-${i}-over`);
    }
  } finally {
    // Jobs of a shell at a terminal are process groups.
    terminal.type("trap - ERR; kill -- $(jobs -p | sed 's/^/-/'); wait; exit\n");
    await terminal.over;
    await rm(home, { recursive: true, force: true });
  }
  const { shown } = terminal;
  return { shown, failed: [...shown.matchAll(/has-failed: (.*)/g)].map(([, command = '']) => command.trim()) };
}

/** Where a program is that this checkout did not bring along. */
function programIn(name: string): string {
  const folders = (process.env['PATH'] ?? '').split(delimiter).filter((folder) => !folder.includes('node_modules'));
  return folders.map((folder) => join(folder, name)).find((path) => existsSync(path)) ?? assert.fail(`there is no ${name}`);
}

/** What all blocks come to. */
export function assertAllDone({ shown, failed }: Pasted): void {
  assert.deepEqual(failed, [], shown);
  assert.match(shown, /100 payments, 10 [A-Z]+ in all/, shown);
  assert.match(shown, /closed, 10 paid, 89\.9\d+ of 100 [A-Z]+ back/, shown);
  assert.match(shown, /20 payments, 2 [A-Z]+ in all/, shown);
  assert.match(shown, /settled by [0-9a-f]{64}/, shown);
}
