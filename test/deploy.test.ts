import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { Command } from 'commander';
import { z } from 'zod';
import { resolveConfig } from '../src/cli/config.ts';
import { variableOf } from '../src/cli/config-options.ts';
import { CREDENTIALS } from '../src/cli/config-secrets.ts';
import { allCommands } from '../src/cli/main.ts';
import { endpoints } from '../src/transport/http/endpoints.ts';
import { DEPLOY, directives, example, listedCommands, unitCommands } from './deploy.ts';

// What the examples of running it say, held against the program.

const UNITS = readdirSync(join(DEPLOY, 'systemd')).filter((name) => name.endsWith('.service'));
const unit = (name: string): string => example(`systemd/${name}`);
const CONFIG = join(DEPLOY, 'pawment.json');
const CONFIG_THERE = '/etc/pawment/pawment.json';

/** Has the program read the words, with the config file of the examples in its place, and do nothing. @returns its flags. @throws what is wrong with them. */
async function flagsOf(words: readonly string[], config: string = CONFIG): Promise<unknown> {
  const program = new Command('pawment').exitOverride();
  const read: unknown[] = [];
  for (const command of await allCommands()) idle(program.addCommand(command).commands.at(-1) ?? assert.fail(), read);
  await program.parseAsync(
    words.map((word) => (word === CONFIG_THERE ? config : word)),
    { from: 'user' },
  );
  return read[0] ?? assert.fail('no command has run');
}

function idle(command: Command, read: unknown[]): void {
  command
    .exitOverride()
    .enablePositionalOptions()
    .configureOutput({ writeErr: () => undefined });
  if (command.commands.length === 0 || command.name() === 'merchant') command.action(() => void read.push(command.opts()));
  for (const child of command.commands) idle(child, read);
}

const merchantFlags = z.object({ listen: z.string(), watchTo: z.string(), metrics: z.string(), trustProxy: z.number() });
const merchantCommand = unitCommands(unit('pawment-merchant.service'))[0] ?? assert.fail();

describe('every command in the examples of running it is one that the program takes', () => {
  const readme = [...example('README.md').matchAll(/ pawment ((?:wallet|merchant|watch|backup)\b[^`\n]*)/g)].map(([, line = '']) =>
    line.trim().split(/\s+/),
  );
  const containers = ['docker/Dockerfile', 'docker/compose.yml'].flatMap((name) => listedCommands(example(name)));
  const all = [...UNITS.flatMap((name) => unitCommands(unit(name))), ...containers, ...readme];
  assert.ok(all.length >= 8);
  for (const words of all) test(words.join(' '), async () => void (await flagsOf(words)));
});

test('a flag, an argument or a setting that there is not would be found', async () => {
  await assert.rejects(flagsOf([...merchantCommand, '--trust-proxies']), /unknown option/);
  await assert.rejects(flagsOf(['watch', '--config', CONFIG_THERE]), /missing required argument/);
  await assert.rejects(flagsOf(merchantCommand, join(DEPLOY, 'README.md')), /is not JSON/);
});

test('the folders of the settings are those that the units make for the program', async () => {
  const merchant = unit('pawment-merchant.service');
  const { listen, watchTo } = merchantFlags.parse(await flagsOf(merchantCommand));
  const { datadir } = resolveConfig({ config: CONFIG }, {});
  const folder = (name: string, root: string): readonly string[] => directives(merchant, name).map((one) => `${root}/${one}`);
  assert.deepEqual(folder('StateDirectory', '/var/lib'), [datadir]);
  assert.ok(watchTo.startsWith(`${datadir}/`));
  assert.deepEqual(folder('RuntimeDirectory', '/run'), [listen.replace(/^unix:(.*)\/[^/]+$/, '$1')]);
  const backup = unit('pawment-backup.service');
  assert.deepEqual(directives(backup, 'StateDirectory'), directives(merchant, 'StateDirectory'));
  for (const words of unitCommands(backup)) assert.ok(words.includes(directives(backup, 'ReadWritePaths')[0] ?? assert.fail()));
  const watcher = unit('pawment-watch.service');
  assert.ok(unitCommands(watcher)[0]?.includes(`/var/lib/${directives(watcher, 'StateDirectory')[0]}`));
});

test('secrets come under the names by which the program looks for them', () => {
  const [passphrase, rpcPassword] = Object.values(CREDENTIALS).map((name) => `${name}:/etc/pawment/${name}`);
  assert.deepEqual(directives(unit('pawment-merchant.service'), 'LoadCredential'), [passphrase, rpcPassword]);
  assert.deepEqual(directives(unit('pawment-watch.service'), 'LoadCredential'), [rpcPassword]);
  const named = [...example('docker/compose.yml').matchAll(/PAWMENT_\w+/g)].map(([name]) => name);
  assert.deepEqual(new Set(named), new Set(['rpcUrl', 'rpcCookie', 'passphraseFile'].map(variableOf)));
});

test('proxies, health check and Prometheus ask where the merchant is', async () => {
  const { listen, metrics, trustProxy } = merchantFlags.parse(await flagsOf(merchantCommand));
  const socket = listen.replace('unix:', '');
  assert.ok(example('nginx.conf').includes(`server unix:${socket};`));
  assert.ok(example('Caddyfile').includes(`reverse_proxy unix/${socket} {`));
  assert.ok(example('docker/Dockerfile').includes(`socketPath: '${socket}', path: '/v1/ready'`));
  assert.ok(example('prometheus.yml').includes(`targets: [${metrics}]`));
  assert.ok(example('docker/prometheus.yml').includes('targets: [merchant:9402]'));
  assert.equal(trustProxy, 1);
  const inside = listedCommands(example('docker/compose.yml')).find(([name]) => name === 'merchant') ?? assert.fail();
  assert.equal(merchantFlags.parse(await flagsOf(inside)).metrics, '0.0.0.0:9402');
});

test('proxies take as large a body as the merchant, and let go of a connection before it does', () => {
  const most = Math.max(...Object.values(endpoints).map(({ body }) => body?.mostBytes ?? 0)) / 2 ** 20;
  assert.ok(example('nginx.conf').includes(`client_max_body_size ${most}m;`));
  assert.ok(example('Caddyfile').includes(`max_size ${most}MiB`));
  assert.equal(createServer().keepAliveTimeout, 5_000);
  assert.ok(example('nginx.conf').includes('keepalive_timeout 4s;'));
  assert.ok(example('Caddyfile').includes('keepalive 4s'));
});
