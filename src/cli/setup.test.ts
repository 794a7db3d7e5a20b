import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { createRegtest } from '../chain/regtest/regtest.ts';
import { type RegtestServer, serveRegtest } from '../chain/regtest/server.ts';
import { height } from '../core/base/height.ts';
import { coinById } from '../core/coin/registry.ts';
import { type WorldCode, WorldError } from '../engine/ports.ts';
import type { Config } from './config.ts';
import { createSeed, openNode, openPayer, readSeed, seedPath } from './setup.ts';

const root = mkdtempSync(join(tmpdir(), 'pawment-open-'));
let node: RegtestServer;
before(async () => {
  node = await serveRegtest(createRegtest({ coin: coinOf('dogecoin-regtest') }));
});
after(async () => {
  await node.close();
  rmSync(root, { recursive: true });
});

function coinOf(id: string) {
  return coinById(id) ?? assert.fail(id);
}

let folders = 0;
function config(id: string, { rpc, ...given }: Partial<Config> = {}): Config {
  const datadir = mkdtempSync(join(root, `${folders++}-`));
  return { coin: coinOf(id), datadir, rpc, passphrase: 'much secret', json: false, ...given };
}

const fails = (code: WorldCode, message: RegExp) => (error: unknown) =>
  error instanceof WorldError && error.code === code && message.test(error.message);

test('on a main network no node is guessed; on a test chain the one named is used', async () => {
  await assert.rejects(openNode(config('dogecoin')), fails('config', /No node for dogecoin is given/));
  const chain = await openNode(config('dogecoin-regtest', { rpc: { url: node.url } }));
  assert.equal((await chain.tip()).height, 0);
});

test('a node of another chain is refused before anything is done', async () => {
  const rpc = { url: node.url };
  for (const id of ['litecoin-regtest', 'dogecoin', 'dogecoin-test'])
    await assert.rejects(openNode(config(id, { rpc })), fails('node-wrong-chain', new RegExp(id)));
  await openNode(config('dogecoin-regtest', { rpc }));
});

test('a node that does not answer is told apart from a wrong one', async () => {
  const server = await serveRegtest(createRegtest({ coin: coinOf('dogecoin-regtest') }));
  await openNode(config('dogecoin-regtest', { rpc: { url: server.url } }));
  await server.close();
  await assert.rejects(openNode(config('dogecoin-regtest', { rpc: { url: server.url } })), fails('node-down', /./));
});

test('a seed that others can read is refused; closed again it opens', async () => {
  const settings = config('dogecoin-regtest');
  const words = await createSeed(settings, 'payer', height(7));
  const path = seedPath(settings, 'payer');
  assert.equal(statSync(path).mode & 0o777, 0o600);
  chmodSync(path, 0o644);
  await assert.rejects(readSeed(settings, 'payer'), fails('config', /Other users/));
  chmodSync(path, 0o600);
  const { mnemonic, coin, birthday } = await readSeed(settings, 'payer');
  assert.deepEqual([mnemonic, coin, birthday], [words, 'dogecoin-regtest', 7]);
});

test('a seed of another coin is refused, with the coin that it is for', async () => {
  const settings = config('litecoin-regtest');
  await createSeed(settings, 'merchant', height(0));
  const other = { ...settings, coin: coinOf('dogecoin-regtest') };
  await assert.rejects(readSeed(other, 'merchant'), fails('config', /seed for litecoin-regtest/));
  assert.equal((await readSeed(settings, 'merchant')).coin, 'litecoin-regtest');
});

test('a seed opens by its passphrase only, is never written over, and none is made up', async () => {
  const settings = config('dogecoin-regtest');
  await assert.rejects(readSeed(settings, 'payer'), fails('config', /There is no seed/));
  await createSeed(settings, 'payer', height(0));
  await assert.rejects(createSeed(settings, 'payer', height(0)), fails('config', /seed at .* already/));
  await assert.rejects(readSeed({ ...settings, passphrase: 'such guess' }, 'payer'), fails('wallet-locked', /does not open/));
  await assert.rejects(
    createSeed(config('dogecoin-regtest', { passphrase: '' }), 'payer', height(0)),
    fails('config', /needs a passphrase/),
  );
  await readSeed(settings, 'payer');
});

test('one payer at a time on a data folder; after it another', async () => {
  const settings = config('dogecoin-regtest', { rpc: { url: node.url } });
  await createSeed(settings, 'payer', height(0));
  const first = await openPayer(settings);
  await assert.rejects(openPayer(settings), fails('config', /Another pawment/));
  await first.close();
  await (await openPayer(settings)).close();
});
