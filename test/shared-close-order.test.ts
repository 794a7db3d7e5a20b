import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { z } from 'zod';
import { amount } from '../src/core/base/amount.ts';
import { CommandLine } from './command-line.ts';

const DOGE = 100_000_000n;
const closed = z.object({ channel: z.string(), state: z.string() });
const opened = z.object({ channel: z.string() });
let machine: CommandLine;

before(async () => {
  machine = await CommandLine.open();
});
after(() => machine.close());

test('all channels are closed by one order: what is spent to the last shares a transaction', async () => {
  const shop = await machine.serve('shop', 'merchant', '--listen', '127.0.0.1:0', '--price', 'tea=0.1', '--depth', '1');
  const { url } = z.object({ url: z.string() }).parse(await shop.up);
  assert.equal((await machine.run('shop', 'merchant', 'close')).code, 2, 'which one?');
  assert.deepEqual((await machine.run('shop', 'merchant', 'close', '--all')).out, { channels: [] });
  const payers = ['first', 'second', 'third'];
  for (const payer of payers) {
    assert.equal((await machine.run(payer, 'wallet', 'init')).code, 0);
    const { address } = z.object({ address: z.string() }).parse((await machine.run(payer, 'wallet', 'address')).out);
    machine.regtest.fund(address, amount(50n * DOGE));
    machine.regtest.mine(1);
    const opening = machine.run(payer, 'open', url, '--deposit', '10');
    const mining = setInterval(() => machine.regtest.mine(1), 500);
    opened.parse((await opening).out);
    clearInterval(mining);
    const spent = await machine.run(payer, 'pay', url, '--amount', payer === 'first' ? '3' : '10');
    assert.equal(spent.code, 0, spent.said);
  }
  const { channels: states } = z.object({ channels: z.array(closed) }).parse((await machine.run('shop', 'merchant', 'close', '--all')).out);
  assert.deepEqual(
    states.map(({ state }) => state),
    ['closing', 'closing', 'closing'],
  );
  const waiting = machine.regtest.mempool();
  assert.equal(waiting.length, 2);
  assert.deepEqual(
    waiting.map((txid) => machine.regtest.transaction(txid)?.transaction.inputs.length ?? 0).sort((a, b) => a - b),
    [1, 2],
  );
});
