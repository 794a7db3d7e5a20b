import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { MachinePair } from '../../../test/world/machine-pair.ts';
import { contractsOn, fundingOf, must } from '../../../test/world/sample.ts';
import { amount } from '../base/amount.ts';
import { height } from '../base/height.ts';
import { dogecoinRegtest } from '../coin/dogecoin.ts';
import type { Deposit } from '../contract/contract.ts';
import { encodeTransaction, outpointKey, transactionId } from '../tx/transaction.ts';
import { announcedOf } from './payer-open.ts';

const DOGE = 100_000_000n;
const SMALL = (DOGE * 15n) / 1_000n;

for (const contract of contractsOn(dogecoinRegtest)) {
  /** A stranger pays to the channel's script; both nodes know, so many blocks deep. */
  const stray = (pair: MachinePair, value: bigint, depth: number, salt = 90): Deposit => {
    const transaction = fundingOf(pair.terms, [value], salt);
    const deposit = { outpoint: { txid: transactionId(transaction), vout: 0 }, value: amount(value) };
    pair.confirm(deposit, depth);
    must(pair.tellPayer(pair.view([{ deposit, transaction: encodeTransaction(transaction) }])));
    return deposit;
  };
  const funding = (unconfirmed?: bigint): MachinePair => {
    const pair = new MachinePair({ contract }, unconfirmed === undefined ? {} : { unconfirmed: amount(unconfirmed) });
    pair.create();
    const [own] = pair.fund([10n * DOGE], 0);
    pair.exchange({ kind: 'announce' });
    must(pair.tellPayer({ kind: 'launch' }));
    pair.confirm(own ?? assert.fail(), 3);
    return pair;
  };

  describe(`${contract.id}: outputs that somebody else makes`, () => {
    test('keep a channel neither from opening, nor from a top-up, nor from its end, while they are not deep', () => {
      for (const unconfirmed of [undefined, 5n * DOGE]) {
        const pair = funding(unconfirmed);
        const strange = stray(pair, SMALL, 0);
        assert.equal(announcedOf(pair.payerState()).length, 1);
        const opened = pair.exchange({ kind: 'announce' });
        assert.equal(opened.kind === 'accepted' && opened.capacity, 10n * DOGE);
        assert.deepEqual(pair.payerState().found, [strange.outpoint]);
        pair.fund([3n * DOGE]);
        const toppedUp = pair.exchange({ kind: 'announce' });
        assert.equal(toppedUp.kind === 'accepted' && toppedUp.capacity, 13n * DOGE);
        const reply = pair.exchange({ kind: 'end' });
        assert.equal(reply.kind === 'ended' && reply.transaction.inputs.length, 2);
      }
    });

    test('join once they are as deep as the payee asks for, behind what stands already', () => {
      const pair = funding();
      const strange = stray(pair, 2n * DOGE, 0);
      pair.exchange({ kind: 'announce' });
      pair.confirm(strange, 2);
      must(pair.tellPayer(pair.view()));
      assert.equal(announcedOf(pair.payerState()).length, 1);
      pair.confirm(strange, 3);
      must(pair.tellPayer(pair.view()));
      assert.deepEqual([pair.payerState().found, announcedOf(pair.payerState()).length], [[], 2]);
      const reply = pair.exchange({ kind: 'announce' });
      assert.equal(reply.kind === 'accepted' && reply.capacity, 12n * DOGE);
    });

    test('leave room for the payer’s own, however many they are', () => {
      const pair = funding();
      for (let i = 0; i < 20; i++) stray(pair, SMALL, 10, 100 + i);
      assert.equal(pair.exchange({ kind: 'announce' }).kind, 'accepted');
      assert.equal(pair.payerState().deposits.length, 8);
      assert.equal(pair.fund([DOGE, DOGE, DOGE]).length, 3);
    });

    test('are refunded after the expiry all the same, where the payer can have them alone', () => {
      const pair = funding();
      const strange = stray(pair, DOGE, 1);
      pair.exchange({ kind: 'announce' });
      pair.tip = height(2_000);
      pair.broadcasts.length = 0;
      must(pair.tellPayer(pair.view()));
      const refunded = pair.broadcasts.flatMap(({ inputs }) => inputs.map(({ outpoint }) => outpointKey(outpoint)));
      assert.equal(refunded.includes(outpointKey(strange.outpoint)), contract.expiryIn === 'script');
    });

    test('have no deposit broadcast that the payee has not agreed to, whatever state they find the channel in', () => {
      const isOut = (pair: MachinePair, { outpoint }: Deposit): boolean =>
        pair.broadcasts.some((one) => transactionId(one) === outpoint.txid);
      const unmined = (pair: MachinePair): Deposit => {
        const [own] = pair.fund([10n * DOGE], 0);
        pair.chain.delete(outpointKey(own?.outpoint ?? assert.fail()));
        return own ?? assert.fail();
      };
      const planned = (): MachinePair => {
        const pair = new MachinePair({ contract });
        pair.create();
        return pair;
      };
      const abandon = (pair: MachinePair): void => void must(pair.tellPayer({ kind: 'abandon' }));
      const cases = [
        [planned(), () => undefined],
        [planned(), abandon],
        [new MachinePair({ contract }).open(10n * DOGE), () => undefined],
      ] as const;
      for (const [pair, first] of cases) {
        const own = unmined(pair);
        // As where the answer never came: the refunds are signed all the same.
        pair.answer('announce', pair.ask(pair.request({ kind: 'announce' })));
        first(pair);
        for (const salt of [90, 91]) {
          stray(pair, SMALL, 10, salt);
          must(pair.tellPayer(pair.view()));
        }
        assert.ok(!isOut(pair, own));
        assert.equal(must(pair.tellPayer({ kind: 'launch' })).effects.length > 0, true);
        assert.ok(isOut(pair, own));
        pair.broadcasts.length = 0;
        must(pair.tellPayer(pair.view()));
        assert.ok(isOut(pair, own), 'what is on its way is sent again while it is missing');
      }
    });

    test('make the channel where it has nothing else', () => {
      const pair = new MachinePair({ contract });
      pair.create();
      const strange = stray(pair, 5n * DOGE, 1);
      const waiting = pair.exchange({ kind: 'announce' });
      assert.equal(waiting.kind === 'provisional' && waiting.waitingFor.code, 'funding-unconfirmed');
      stray(pair, SMALL, 0, 91);
      pair.confirm(strange, 3);
      must(pair.tellPayer(pair.view()));
      const reply = pair.exchange({ kind: 'announce' });
      assert.equal(reply.kind === 'accepted' && reply.capacity, 5n * DOGE);
    });
  });
}
