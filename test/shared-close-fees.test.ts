import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { asChain } from '../src/chain/regtest/port.ts';
import { amount } from '../src/core/base/amount.ts';
import { equalBytes, type TxId } from '../src/core/base/bytes.ts';
import type { Coin } from '../src/core/coin/coin.ts';
import { dogecoinRegtest } from '../src/core/coin/dogecoin.ts';
import { litecoinRegtest } from '../src/core/coin/litecoin.ts';
import { p2pkh } from '../src/core/tx/script.ts';
import { outpointKey, transactionId } from '../src/core/tx/transaction.ts';
import type { Chain } from '../src/engine/ports.ts';
import { crowd } from './crowd.ts';
import { keyNumber } from './world/sample.ts';

const COUNT = 280;
/** Two margins and some blocks after the last funding. */
const EXPIRY = 1_700;
const payout = keyNumber(77);
const script = p2pkh(payout.publicKey);

interface Market {
  readonly coin: Coin;
  /** Units of each deposit. */
  readonly value: bigint;
  /** Times the coin's own rate that miners ask for when the channels are settled, and from then on. */
  readonly from: bigint;
  readonly to: bigint;
  /** The merchant's node forgets the first of the shared closes; miners do not. */
  readonly isForgotten?: boolean;
}

const markets: Readonly<Record<string, Market>> = {
  'where nothing is replaced, and children have to hurry them': { coin: litecoinRegtest, value: 10n ** 8n, from: 1n, to: 3n },
  'at many times the usual fees': { coin: litecoinRegtest, value: 10n ** 8n, from: 15n, to: 15n },
  'at fees near the most that one transaction may pay': { coin: dogecoinRegtest, value: 10n ** 10n, from: 150n, to: 150n },
  'while the merchant’s node forgets one that miners remember': {
    coin: dogecoinRegtest,
    value: 10n ** 8n,
    from: 1n,
    to: 3n,
    isForgotten: true,
  },
};

describe(`${COUNT} channels settled at once are all closed before their expiry`, () => {
  for (const [name, { coin, value, from, to, isForgotten = false }] of Object.entries(markets)) {
    test(name, async () => {
      const { regtest, states, open } = await crowd(COUNT, { coin, value: amount(value), expiry: EXPIRY, script });
      const port = asChain(regtest);
      const deposits = states.flatMap((state) => state.deposits);
      const before = new Map(
        await Promise.all(deposits.map(async ({ outpoint }) => [outpointKey(outpoint), await port.output(outpoint)] as const)),
      );
      const market = { rate: amount(coin.policy.feeRate * from) };
      const forgotten = new Set<TxId>();
      const isRemembered = async (): Promise<boolean> => (await port.mempool()).some((txid) => forgotten.has(txid));
      const chain: Chain = {
        ...port,
        feeRate: async () => market.rate,
        mempool: async () => (await port.mempool()).filter((txid) => !forgotten.has(txid)),
        output: async (outpoint) => ((await isRemembered()) ? before.get(outpointKey(outpoint)) : port.output(outpoint)),
      };
      const merchant = open(chain, { keyOf: (to_) => (equalBytes(to_, script) ? payout : undefined) });
      await merchant.engine.follower.poll();
      const [first] = await merchant.settle(states.map(({ channel }) => channel));
      if (isForgotten && first !== undefined && 'transaction' in first) forgotten.add(transactionId(first.transaction));
      market.rate = amount(coin.policy.feeRate * to);
      while (regtest.tip.height < EXPIRY) {
        regtest.mine(1, { minFeeRate: market.rate });
        await merchant.engine.follower.poll();
      }
      const left = deposits.filter(({ outpoint }) => regtest.chain.coins.find(outpoint) !== undefined);
      assert.equal(left.length, 0);
    });
  }
});

test('a channel whose deposit the chain could still undo takes no others with it', async () => {
  const { regtest, states, open } = await crowd(5, { shallow: 2 });
  const merchant = open(asChain(regtest));
  await merchant.engine.follower.poll();
  const settled = await merchant.settle(states.map(({ channel }) => channel));
  const sizes = settled.map((one) => ('transaction' in one ? one.transaction.inputs.length : 0));
  assert.deepEqual(sizes, [3, 3, 3, 1, 1]);
});

test('while it waits nothing is sent again, however often the chain is looked at', async () => {
  const { regtest, states, open } = await crowd(5);
  const port = asChain(regtest);
  const sent: TxId[] = [];
  const merchant = open({
    ...port,
    broadcast: (transaction) => {
      sent.push(transactionId(transaction));
      return port.broadcast(transaction);
    },
  });
  await merchant.engine.follower.poll();
  await merchant.settle(states.map(({ channel }) => channel));
  assert.equal(sent.length, 1);
  for (let i = 0; i < 5; i++) await merchant.engine.follower.poll();
  regtest.mine(1, { minFeeRate: amount(10n ** 12n) });
  await merchant.engine.follower.poll();
  assert.equal(sent.length, 1);
});
