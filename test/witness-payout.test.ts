import assert from 'node:assert/strict';
import { after as afterAll, before, test } from 'node:test';
import { z } from 'zod';
import { asChain } from '../src/chain/regtest/port.ts';
import { feeFor } from '../src/core/base/amount.ts';
import { equalBytes, hexToBytes, txId } from '../src/core/base/bytes.ts';
import { litecoinRegtest as coin } from '../src/core/coin/litecoin.ts';
import { addressOf } from '../src/core/tx/address.ts';
import { decodeTransaction, encodeTransaction, type Transaction } from '../src/core/tx/transaction.ts';
import { CommandLine } from './command-line.ts';
import { fund } from './shop.ts';

const PRICE = 10_000_000n;
const opened = z.object({ channel: z.string(), expiry: z.number() });
const closed = z.object({ hex: z.string() });
const closing = z.object({ ownClose: z.string() });

let cli: CommandLine;
before(async () => {
  cli = await CommandLine.open(coin);
  assert.equal((await cli.run('payer', 'wallet', 'init')).code, 0);
  await fund(cli, 'payer', 100n);
});
afterAll(() => cli.close());

/** A command of the payer that succeeds. */
async function payer(...words: readonly string[]): Promise<unknown> {
  const { code, out, said } = await cli.run('payer', ...words);
  assert.equal(code, 0, JSON.stringify(out) + said);
  return out;
}

/** That the close pays the price to the program, and the coin's rate for all its bytes. */
async function assertPays(transaction: Transaction, program: Uint8Array, most: bigint): Promise<void> {
  const [paid, ...others] = transaction.outputs.filter(({ script }) => equalBytes(script, program));
  assert.ok(paid !== undefined && others.length === 0);
  assert.ok(paid.value <= PRICE && paid.value >= PRICE - most, `${paid.value}`);
  const chain = asChain(cli.regtest);
  const deposits = await Promise.all(transaction.inputs.map(({ outpoint }) => chain.transaction(outpoint.txid, 0)));
  const held = transaction.inputs.map(({ outpoint }, i) => deposits[i]?.transaction.outputs[outpoint.vout]?.value ?? assert.fail());
  const fee = held.reduce((sum, value) => sum + value, 0n) - transaction.outputs.reduce((sum, { value }) => sum + value, 0n);
  assert.ok(fee >= feeFor(encodeTransaction(transaction).length, coin.policy.minRelayFeeRate), `${fee}`);
}

const PROGRAMS = [
  ['P2WPKH', Uint8Array.of(0, 20, ...new Uint8Array(20).fill(7))],
  ['P2WSH', Uint8Array.of(0, 32, ...new Uint8Array(32).fill(8))],
  ['P2TR', Uint8Array.of(0x51, 32, ...new Uint8Array(32).fill(9))],
] as const;

for (const [name, program] of PROGRAMS) {
  test(`a merchant whose payout is ${name} on Litecoin sells, and is paid there by an agreed end and by its own close`, async () => {
    const payout = addressOf(coin, program) ?? assert.fail();
    const words = ['merchant', '--price', 'tea=0.1', '--payout', payout, '--listen', '127.0.0.1:0'];
    const shop = await cli.serve(name, ...words, '--unconfirmed', '5', '--exposure', '50');
    const { url, payTo } = z.object({ url: z.string(), payTo: z.string() }).parse(await shop.up);
    assert.equal(payTo, payout);
    const open = async (): Promise<string> => {
      const { channel } = opened.parse(await payer('open', url, '--deposit', '5'));
      await payer('pay', channel, '--item', 'tea');
      cli.regtest.mine(6);
      return channel;
    };
    const ended = closed.parse(await payer('close', await open()));
    await assertPays(decodeTransaction(hexToBytes(ended.hex)) ?? assert.fail(), program, 0n);
    const own = await cli.run(name, 'merchant', 'close', await open());
    const { ownClose } = closing.parse(own.out);
    const sent = await asChain(cli.regtest).transaction(txId(ownClose), 0);
    await assertPays(sent?.transaction ?? assert.fail('it is not on its way'), program, 1_000_000n);
    cli.regtest.mine(1);
    assert.deepEqual(cli.regtest.mempool(), []);
    await shop.kill();
  });
}

const paidTo = ({ outputs }: Transaction, program: Uint8Array): bigint =>
  outputs.filter(({ script }) => equalBytes(script, program)).reduce((sum, { value }) => sum + value, 0n);

test('what a payer gets back goes to any address of the coin that it names: the rest of an agreed end, and a refund', async () => {
  const shop = await cli.serve(
    'shop',
    'merchant',
    '--price',
    'tea=0.1',
    '--listen',
    '127.0.0.1:0',
    '--unconfirmed',
    '5',
    '--exposure',
    '50',
  );
  const { url } = z.object({ url: z.string() }).parse(await shop.up);
  const open = async (program: Uint8Array): Promise<z.infer<typeof opened>> => {
    const address = addressOf(coin, program) ?? assert.fail();
    const made = opened.parse(await payer('open', url, '--deposit', '5', '--return', address));
    await payer('pay', made.channel, '--item', 'tea');
    cli.regtest.mine(6);
    return made;
  };
  for (const [, program] of PROGRAMS) {
    const ended = closed.parse(await payer('close', (await open(program)).channel));
    const transaction = decodeTransaction(hexToBytes(ended.hex)) ?? assert.fail();
    assert.ok(paidTo(transaction, program) > 480_000_000n);
  }
  const [, , [, program]] = PROGRAMS;
  const { channel, expiry } = await open(program);
  await shop.kill();
  cli.regtest.mine(expiry - cli.regtest.tip.height);
  const refund = closed.parse(await payer('refund', channel));
  assert.ok(paidTo(decodeTransaction(hexToBytes(refund.hex)) ?? assert.fail(), program) > 490_000_000n);
  cli.regtest.mine(1);
  assert.deepEqual(cli.regtest.mempool(), []);

  const { code, out } = await cli.run('payer', 'open', url, '--deposit', '5', '--return', 'bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4');
  assert.deepEqual([code, z.object({ error: z.string() }).parse(out).error], [2, 'config']);
});
