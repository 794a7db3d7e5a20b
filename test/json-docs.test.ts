import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdir, readFile } from 'node:fs/promises';
import { after as afterAll, before, test } from 'node:test';
import { promisify } from 'node:util';
import { z } from 'zod';
import { CommandLine } from './command-line.ts';
import { assertHas, documented, failureKeys, object, rows, shownRows } from './json-page.ts';
import { fund } from './shop.ts';
import { publishedVectors } from './vector.ts';

const run = promisify(execFile);
/** picopayments' deposit. */
const { expected: assetSending } = z
  .object({ sign: z.object({ deposit: z.object({ expected: z.string() }) }) })
  .parse(publishedVectors('picopayments-scripts.json')).sign.deposit;

let cli: CommandLine;
before(async () => {
  cli = await CommandLine.open();
});
afterAll(() => cli.close());

async function done(row: string, folder: string, ...words: readonly string[]): Promise<Record<string, unknown>> {
  const { code, out, said } = await cli.run(folder, ...words);
  assert.ok(code === 0 || code === 4, `${words.join(' ')}: ${JSON.stringify(out)} ${said}`);
  return documented(row, out);
}

/** Bytes that an earlier version wrote. */
async function golden(name: string): Promise<string> {
  return (await readFile(`test/golden/message/v1/${name}.hex`, 'utf8')).trim();
}

const SHOP = ['merchant', '--listen', '127.0.0.1:0', '--price', 'tea=0.1', '--bitcoinj', ':0', '--unconfirmed', '5', '--exposure', '50'];
const sold = z.object({ url: z.string(), bitcoinj: z.int() });

/** A channel that takes payments at once. */
async function opened(
  row: string,
  folder: string,
  url: string,
  ...more: readonly string[]
): Promise<{ channel: string; redeemScript: string }> {
  const out = await done(row, folder, 'open', url, '--deposit', '50', ...more);
  return z.object({ channel: z.string(), redeemScript: z.string() }).parse(out);
}

test('the chain, the wallet and the demo print the keys that docs/json.md says, and no others', async () => {
  const chain = documented('chain', await (await cli.serve('chain', 'chain', '--port', '0')).up);
  await done('wallet init', 'purse', 'wallet', 'init');
  const { mnemonic } = await done('wallet words', 'purse', 'wallet', 'words');
  documented('wallet restore', (await cli.tell(String(mnemonic), 'again', 'wallet', 'restore')).out);
  await fund(cli, 'purse', 300n);
  const { address } = await done('wallet address', 'purse', 'wallet', 'address');
  const at = ['--rpc-url', String(chain['rpcUrl'])];
  await done('chain mine', 'purse', 'chain', 'mine', '101', ...at);
  await done('chain fund', 'purse', 'chain', 'fund', String(address), '5', ...at);
  await done('wallet balance', 'purse', 'wallet', 'balance');
  const to = cli.regtest.newAddress();
  await done('wallet send', 'purse', 'wallet', 'send', to, '1');
  cli.regtest.mine(1);
  await done('wallet sweep', 'purse', 'wallet', 'sweep');
  cli.regtest.mine(1);
  await done('wallet send … all', 'purse', 'wallet', 'send', to, 'all');
  const { stdout } = await run(process.execPath, ['bin/pawment.js', 'demo', '--payments', '3', '--json']);
  documented('demo', JSON.parse(stdout));
});

test('the payer, the merchant and the watcher print the keys that docs/json.md says, and no others', async () => {
  const watched = cli.folder('watched');
  await mkdir(watched);
  const { url, bitcoinj } = sold.parse(documented('merchant', await (await cli.serve('shop', ...SHOP, '--watch-to', watched)).up));
  assert.equal((await cli.run('payer', 'wallet', 'init')).code, 0);
  await fund(cli, 'payer', 300n);
  await done('offer', 'payer', 'offer', url);
  const { channel, redeemScript } = await opened('open', 'payer', url);
  await done('pay', 'payer', 'pay', channel, '--item', 'tea');
  cli.regtest.mine(1);
  await done('pay', 'payer', 'pay', '--bitcoinj', `127.0.0.1:${bitcoinj}`, '--deposit', '10', '--amount', '0.1', '--max', '1');
  await done('show', 'payer', 'show', channel);
  await done('channels', 'payer', 'channels');
  await done('merchant channels', 'shop', 'merchant', 'channels');
  documented('status', { payer: (await done('status', 'payer', 'status'))['payer'] });
  await done('status', 'shop', 'status');
  await done('backup', 'payer', 'backup');
  await done('verify', 'payer', 'verify');
  documented('watch', await (await cli.serve('watcher', 'watch', watched)).up);
  await done('watch --once', 'watcher', 'watch', watched, '--once');
  await done('restore', 'payer', 'restore', '--force');

  await done('decode of a script', 'payer', 'decode', redeemScript);
  for (const [row, name] of [
    ['decode of a PSBT', 'cltv-multisig-flexible-payment-psbt'],
    ['decode of a PSBT', 'revocable-fixed-payment-psbt'],
    ['decode of a compact payment', 'cltv-multisig-flexible-payment-compact'],
    ['decode of a compact payment', 'revocable-fixed-payment-compact'],
    ['decode of a compact announcement', 'cltv-multisig-flexible-announce-compact'],
    ['decode of a compact announcement', 'revocable-fixed-announce-compact'],
    ['decode of a compact end', 'cltv-multisig-flexible-end-compact'],
  ] as const)
    await done(row, 'payer', 'decode', await golden(name));

  const mine = cli.folder('mine');
  await done('refresh', 'payer', 'refresh', channel, '--watch-to', mine);
  await done("watch --once on a payer's folder", 'watcher', 'watch', mine, '--once');
  await done('merchant give-back', 'shop', 'merchant', 'give-back', channel, '0.05', '--no-wait');
  cli.regtest.mine(6);
  const { hex } = await done('close', 'payer', 'close', channel);
  await done('decode of a transaction', 'payer', 'decode', String(hex));
  const { assetSend } = await done('decode of a transaction', 'payer', 'decode', assetSending);
  assert.deepEqual(assetSend, { codec: 'counterparty', asset: 'A14456548018133352000', quantity: '1337', to: 0 });
  await done('merchant close --all', 'shop', 'merchant', 'close', '--all', '--no-wait');
  await done('merchant close', 'shop', 'merchant', 'close', channel, '--no-wait');
  const late = await opened('open', 'payer', url, '--no-wait');
  const { expiry } = z.object({ expiry: z.int() }).parse((await cli.run('payer', 'show', late.channel)).out);
  cli.regtest.mine(expiry + 1 - cli.regtest.tip.height);
  await done('refund', 'payer', 'refund', late.channel);
  cli.regtest.mine(61);
  await done('recover', 'payer', 'recover');
  await done('channels', 'payer', 'channels');
});

test('the doctor prints the keys that docs/json.md says, and no others', async () => {
  assert.equal((await cli.run('patient', 'wallet', 'init')).code, 0);
  await done('doctor', 'patient', 'doctor');
});

test('whatever the reason, a command that is not done prints the keys that docs/json.md says', async () => {
  const kinds: Readonly<Record<string, readonly string[]>> = {
    usage: ['pay', '--no-such-flag'],
    config: ['wallet', 'send', 'nowhere', '1'],
    'channel-unknown': ['pay', 'abc', '--item', 'tea'],
    'node-wrong-chain': ['chain', 'mine', '1', '--coin', 'litecoin-regtest'],
  };
  assert.equal((await cli.run('refused', 'wallet', 'init')).code, 0);
  for (const [error, words] of Object.entries(kinds)) {
    const { code, out } = await cli.run('refused', ...words);
    assertHas(out, failureKeys, words.join(' '));
    assert.deepEqual([object.parse(out)['error'], code !== 0], [error, true]);
  }
});

test('no row of docs/json.md is of a command that was not tried', () => {
  assert.deepEqual(
    [...rows.keys()].filter((row) => !shownRows.has(row)),
    // test/hub-cli.test.ts
    ['pay --via', 'hub', 'hub open', 'hub channels'],
  );
});
