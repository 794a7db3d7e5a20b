import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { createRegtest } from '../src/chain/regtest/regtest.ts';
import { dogecoinRegtest } from '../src/core/coin/dogecoin.ts';
import { litecoinRegtest } from '../src/core/coin/litecoin.ts';
import { capacityOf } from '../src/core/contract/contract.ts';
import { costOf } from '../src/core/contract/fee.ts';
import { contracts } from '../src/core/contract/registry.ts';
import type { Transaction } from '../src/core/tx/transaction.ts';
import { fastestVerifier } from '../src/engine/verifier.ts';
import { MinedPair, type Side } from './world/mined-pair.ts';

const { verify } = await fastestVerifier();
const MOST = 10;

interface Race {
  /** The first block after which the payee looks, and the payer, counted from the expiry. */
  readonly payee: number;
  readonly payer: number;
  readonly first: Side;
}

/**
 * Every block for the payee, and for the payer those that can make a difference: at the expiry, and just before, with and after the payee.
 * A payer that comes before the expiry waits for it, and one that comes later still finds the same.
 */
function racesAround(reach: number): readonly Race[] {
  return Array.from({ length: 2 * reach + 1 }, (_, i) => i - reach).flatMap((payee) =>
    [...new Set([0, payee - 1, payee, payee + 1])]
      .filter((payer) => payer >= 0 && payer <= MOST)
      .flatMap((payer) => [
        { payee, payer, first: 'payee' as const },
        ...(payee === payer ? [{ payee, payer, first: 'payer' as const }] : []),
      ]),
  );
}

interface Result {
  readonly how: string;
  readonly transaction: Transaction;
}

/** A payee that was away comes back near the expiry and finds a payer that wants its refund. */
function run(pair: MinedPair, { payee, payer, first }: Race): Result {
  const { expiry } = pair.terms;
  pair.pay(pair.money(400n));
  const order: readonly Side[] = first === 'payee' ? ['payee', 'payer'] : ['payer', 'payee'];
  const starts = { payee: expiry + payee, payer: expiry + payer };
  pair.pass(expiry - 10 - pair.tip, []);
  for (; pair.tip < expiry + 12; pair.regtest.mine(1), pair.read()) {
    pair.look(order.filter((side) => pair.tip >= starts[side]));
  }
  pair.pass(60);
  const [one, other] = [pair.payerState(), pair.payeeState()];
  if (one.kind !== 'ended' || other.kind !== 'ended') return assert.fail(`${one.kind} and ${other.kind}`);
  assert.equal(one.how, other.how, 'both say the same');
  const [transaction] = one.transactions;
  assert.ok(transaction !== undefined && one.transactions.length === 1);
  const fee = costOf(transaction, one.deposits)?.fee ?? assert.fail();
  assert.equal(one.returned + (other.received ?? 0n) + fee, capacityOf(one.deposits), 'every unit is accounted for');
  return { how: one.how, transaction };
}

for (const coin of [dogecoinRegtest, litecoinRegtest]) {
  const regtest = createRegtest({ coin, relay: 'peer', verify });
  regtest.mine(1_360);
  describe(`${coin.id}: close against refund, ten blocks around the expiry`, () => {
    const race = (one: Race): Result => run(new MinedPair(regtest, { contract: contracts[0] }).openMined(1_000n), one);

    test('a close that is sent before the expiry is mined; later, whoever the mempool holds to', () => {
      const count = { closed: 0, refunded: 0 };
      for (const one of racesAround(coin === dogecoinRegtest ? MOST : 2)) {
        const { how, transaction } = race(one);
        const { payee, payer, first } = one;
        const label = `payee at ${payee}, payer at ${payer}, ${first} first`;
        // A refund in the mempool gives way to a close that pays more, where nodes allow that.
        const isTaken = payee > payer || (payee === payer && first === 'payer' && coin === litecoinRegtest);
        assert.equal(how, isTaken ? 'refunded' : 'closed', label);
        assert.equal(transaction.lockTime > 0, isTaken, label);
        count[isTaken ? 'refunded' : 'closed']++;
      }
      assert.ok(count.closed > 0 && count.refunded > 0);
    });
  });
}
