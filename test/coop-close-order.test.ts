import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { z } from 'zod';
import { until } from '../src/cli/wait.ts';
import { amount } from '../src/core/base/amount.ts';
import { type TxId, txId } from '../src/core/base/bytes.ts';
import { CommandLine } from './command-line.ts';

const DOGE = 100_000_000n;
/** Milliseconds between two looks at what processes have done. */
const LOOK = 100;
const shown = z.object({ channel: z.string(), state: z.string() });
let machine: CommandLine;

before(async () => {
  machine = await CommandLine.open();
});
after(() => machine.close());

async function filled(payer: string): Promise<void> {
  assert.equal((await machine.run(payer, 'wallet', 'init')).code, 0);
  const { address } = z.object({ address: z.string() }).parse((await machine.run(payer, 'wallet', 'address')).out);
  machine.regtest.fund(address, amount(50n * DOGE));
  machine.regtest.mine(1);
}

/** What waits, once that is not `before` any more. Blocks come, and miners leave everything out. */
function waiting(before: readonly TxId[]): Promise<readonly TxId[]> {
  return until(async () => {
    machine.regtest.mineBlock([]);
    const mempool = machine.regtest.mempool();
    return mempool.join() === before.join() ? undefined : mempool;
  }, LOOK);
}

test('an agreed end that nobody mines gives way to the owner’s order, and an order to close all leaves it alone', async () => {
  const words = [
    '--listen',
    '127.0.0.1:0',
    '--bitcoinj',
    ':0',
    '--price',
    'tea=0.1',
    '--unconfirmed',
    '20',
    '--exposure',
    '50',
    '--depth',
    '1',
  ];
  const shop = await machine.serve('shop', 'merchant', ...words);
  const { url, bitcoinj } = z.object({ url: z.string(), bitcoinj: z.int() }).parse(await shop.up);
  await filled('payer');
  await filled('other');
  const { channel } = shown.parse((await machine.run('payer', 'open', url, '--deposit', '20', '--no-wait')).out);
  machine.regtest.mine(1);
  assert.equal((await machine.run('payer', 'open', '--resume', channel)).code, 0);
  assert.equal((await machine.run('payer', 'pay', channel, '--amount', '5')).code, 0);
  assert.equal((await machine.run('payer', 'close', channel)).code, 0);
  const [end, ...others] = machine.regtest.mempool();
  assert.ok(end !== undefined && others.length === 0, 'the end waits');

  // Beside it a channel of bitcoinj's: its end is the payee's own close, which nothing is to take the place of.
  assert.equal(
    (await machine.run('other', 'pay', '--bitcoinj', `127.0.0.1:${bitcoinj}`, '--deposit', '10', '--amount', '1', '--max', '1')).code,
    0,
  );
  const settled = await machine.run('other', 'pay', '--bitcoinj', `127.0.0.1:${bitcoinj}`, '--settle');
  const { settlement } = z.object({ settlement: z.string() }).parse(settled.out);
  assert.equal(settled.code, 0, settled.said);

  assert.deepEqual((await machine.run('shop', 'merchant', 'close', '--all')).out, { channels: [] });
  assert.ok(machine.regtest.mempool().includes(end), 'nobody named it');
  const { channels: all } = z.object({ channels: z.array(shown) }).parse((await machine.run('shop', 'merchant', 'channels')).out);
  const bitcoinjs = all.find((one) => one.channel !== channel) ?? assert.fail('no other channel');
  const before = machine.regtest.mempool();
  for (const one of [channel, bitcoinjs.channel]) {
    const { code, out } = await machine.run('shop', 'merchant', 'close', one);
    assert.deepEqual([code, shown.parse(out).state], [0, 'closing']);
  }
  const after = await waiting(before);
  assert.ok(!after.includes(end), 'the own close took its place');
  assert.ok(after.includes(txId(settlement)), 'control: what is an own close stays');
  const own = after.find((txid) => !before.includes(txid)) ?? assert.fail('nothing took its place');
  assert.equal(machine.regtest.transaction(own)?.transaction.inputs.length, 1);
  machine.regtest.mine(1);
  assert.deepEqual(machine.regtest.mempool(), []);
});
