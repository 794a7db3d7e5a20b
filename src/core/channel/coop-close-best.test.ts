import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { MachinePair } from '../../../test/world/machine-pair.ts';
import {
  assertRefused,
  contractsOn,
  FLEXIBLE,
  fundingOf,
  keyNumber,
  must,
  payeeScript,
  payerKey,
  type SampleTerms,
  sampleTerms,
  signingsOf,
} from '../../../test/world/sample.ts';
import { amount, feeFor } from '../base/amount.ts';
import { equalBytes } from '../base/bytes.ts';
import { height } from '../base/height.ts';
import { dogecoinRegtest } from '../coin/dogecoin.ts';
import type { Deposit, Signing } from '../contract/contract.ts';
import { closeSize } from '../contract/tx-size.ts';
import type { End } from '../message/message.ts';
import { outpointKey, type Transaction, transactionId } from '../tx/transaction.ts';

const DOGE = 100_000_000n;
const CAP = amount(100n * DOGE);

function inputs(transaction: Transaction | undefined): readonly string[] {
  return transaction?.inputs.map(({ outpoint }) => outpointKey(outpoint)) ?? [];
}

function keys(...deposits: readonly (Deposit | undefined)[]): readonly string[] {
  return deposits.map((deposit) => outpointKey(deposit?.outpoint ?? assert.fail()));
}

function last(pair: MachinePair): Transaction {
  return pair.broadcasts.at(-1) ?? assert.fail('nothing was broadcast');
}

function paid(transaction: Transaction, to = payeeScript): bigint {
  return transaction.outputs.filter(({ script }) => equalBytes(script, to)).reduce((sum, { value }) => sum + value, 0n);
}

function look(pair: MachinePair): void {
  must(pair.tellPayee(pair.view()));
}

function goes(pair: MachinePair, deposit: Deposit | undefined, how: 'replaced' | 'missing'): void {
  const key = outpointKey(deposit?.outpoint ?? assert.fail());
  pair.chain.delete(key);
  if (how === 'replaced') pair.replaced.set(key, { kind: 'replaced', transaction: fundingOf(sampleTerms(), [1n]), depth: 1 });
}

for (const contract of contractsOn(dogecoinRegtest)) {
  const fixed: Signing = { kind: 'fixed', fee: feeFor(closeSize(sampleTerms({ contract }), 2, 2), sampleTerms().coin.policy.feeRate) };
  for (const signing of [fixed, FLEXIBLE].filter(({ kind }) => signingsOf(contract).includes(kind))) {
    const options: SampleTerms = { contract, signing };

    /** Paid out of the first of two deposits, all deep, and an end that both have signed. */
    const agreed = (): { readonly pair: MachinePair; readonly end: Transaction } => {
      const pair = new MachinePair(options, { unconfirmed: CAP }).open(20n * DOGE, 5n * DOGE);
      pair.pay(18n * DOGE);
      look(pair);
      const reply = pair.exchange({ kind: 'end' });
      return reply.kind === 'ended' ? { pair, end: reply.transaction } : assert.fail(reply.kind);
    };

    describe(`${contract.id}, ${signing.kind}: an end never stands before the best payment`, () => {
      test('a top-up that is not deep is in no end: wait; once it is, it may be', () => {
        const pair = new MachinePair(options, { unconfirmed: CAP }).open(20n * DOGE);
        pair.pay(18n * DOGE);
        const [topUp] = pair.fund([5n * DOGE], 0);
        assert.equal(pair.exchange({ kind: 'announce' }).kind, 'accepted');
        must(pair.tellPayer({ kind: 'launch' }));
        look(pair);
        const refusal = pair.exchange({ kind: 'end' });
        assertRefused(refusal, 'funding-unconfirmed');
        assert.deepEqual([refusal.remedy, refusal.detail['blocks']], ['wait', '3']);
        assert.deepEqual([pair.payee?.kind, pair.payer?.kind], ['open', 'open']);
        pair.confirm(topUp ?? assert.fail(), 2);
        look(pair);
        assertRefused(pair.exchange({ kind: 'end' }), 'funding-unconfirmed');
        pair.confirm(topUp ?? assert.fail(), 3);
        look(pair);
        assert.equal(pair.exchange({ kind: 'end' }).kind, 'ended');
      });

      test('where nothing was paid there is nothing to lose', () => {
        const pair = new MachinePair(options, { unconfirmed: CAP });
        pair.create();
        pair.fund([20n * DOGE], 0);
        assert.equal(pair.exchange({ kind: 'announce' }).kind, 'accepted');
        assert.equal(pair.exchange({ kind: 'end' }).kind, 'ended');
      });

      for (const how of ['replaced', 'missing'] as const) {
        test(`as soon as a deposit that it spends is ${how}, the best payment is closed`, () => {
          const { pair, end } = agreed();
          const { deposits } = pair.payeeState();
          look(pair);
          assert.equal(transactionId(last(pair)), transactionId(end), 'control: while all are there it is waited for');
          goes(pair, deposits[1], how);
          look(pair);
          assert.deepEqual(inputs(last(pair)), keys(deposits[0]));
          const close = last(pair);
          assert.ok(paid(close, contract.paysTo(pair.terms, pair.hash)) > 17n * DOGE);
          look(pair);
          assert.deepEqual(last(pair), close, 'and so it stays');
          pair.spend(close, 60);
          look(pair);
          const payout = pair.payOut(close);
          const state = pair.payeeState();
          assert.deepEqual(state.kind === 'ended' && [state.how, state.received], ['closed', paid(payout)]);
        });
      }

      test('an end that comes back after all, and is mined, is as good', () => {
        const { pair, end } = agreed();
        const [, topUp] = pair.payeeState().deposits;
        goes(pair, topUp, 'missing');
        look(pair);
        pair.confirm(topUp ?? assert.fail());
        pair.spend(end, 60);
        look(pair);
        assert.deepEqual([pair.payee?.kind, paid(end)], ['ended', 18n * DOGE]);
      });

      test('near the margin the own close goes out where the end is not on its way', () => {
        const { pair } = agreed();
        const { deposits } = pair.payeeState();
        pair.tip = height(1_945);
        const before = pair.broadcasts.length;
        look(pair);
        const sent = pair.broadcasts.slice(before);
        assert.ok(sent.some((one) => inputs(one).join() === keys(deposits[0]).join()));
      });

      test('the owner orders the own close instead, and can not order it twice', () => {
        const { pair, end } = agreed();
        const [first] = pair.payeeState().deposits;
        must(pair.tellPayee({ kind: 'close' }));
        assert.deepEqual(inputs(last(pair)), keys(first));
        assert.notEqual(transactionId(last(pair)), transactionId(end));
        assertRefused(pair.tellPayee({ kind: 'close' }), 'channel-ending');
      });

      test('and by an order to close it together with others as well', () => {
        const { pair } = agreed();
        const [first] = pair.payeeState().deposits;
        const before = pair.broadcasts.length;
        must(pair.tellPayee({ kind: 'gather' }));
        const state = pair.payeeState();
        assert.deepEqual(state.kind === 'closing' && inputs(state.transaction), keys(first));
        assert.equal(pair.broadcasts.length, before, 'who closes them together sends it');
        assertRefused(pair.tellPayee({ kind: 'gather' }), 'channel-ending');
      });

      test('where nothing takes the place of an end on its way, children pay for that one, whatever was ordered', () => {
        const { pair, end } = agreed();
        const key = keyNumber(3);
        pair.keyOf = (script) => (equalBytes(script, payeeScript) ? key : undefined);
        must(pair.tellPayee({ kind: 'close' }));
        pair.spend(end, 0);
        pair.feeRate = amount(pair.feeRate * 50n);
        const before = pair.broadcasts.length;
        look(pair);
        const spends = (txid: string): boolean =>
          pair.broadcasts.slice(before).some(({ inputs: all }) => all.some(({ outpoint }) => outpoint.txid === txid));
        const isReplaced = signing.kind === 'flexible' && contract.form.sequence < 0xffff_fffe;
        assert.deepEqual(
          [spends(transactionId(end)), inputs(last(pair)).join() === keys(pair.payeeState().deposits[0]).join()],
          [!isReplaced, isReplaced],
        );
      });

      test('an end at zero is not forced: there is nothing to close with', () => {
        const pair = new MachinePair(options).open(20n * DOGE);
        assert.equal(pair.exchange({ kind: 'end' }).kind, 'ended');
        assertRefused(pair.tellPayee({ kind: 'close' }), 'nothing-to-close');
      });
    });

    test(`${contract.id}, ${signing.kind}: an end dressed up as an own close is told from one by what it spends`, () => {
      const pair = new MachinePair(options).open(20n * DOGE, 5n * DOGE);
      pair.pay(10n * DOGE);
      const { terms, deposits, channel } = pair.payeeState();
      const best = must(terms.contract.plan(terms, deposits, amount(10n * DOGE), pair.hash));
      const fee = amount(DOGE / 10n);
      const change = terms.contract.draft(terms, best).outputs[0] ?? assert.fail();
      const agreement = { total: amount(25n * DOGE - fee - change.value), payerScript: change.script, fee };
      const whole = must(terms.contract.agree(terms, deposits, agreement));
      assert.deepEqual(whole.outputs[0], change);
      const end: End = { kind: 'end', channel, agreement, signatures: terms.contract.signAgreement(terms, whole, payerKey) };
      // Where payments are taken back, one who offers more has forgotten that.
      if (contract.revocation !== undefined) return assertRefused(pair.ask(end), 'agreement-short');
      assert.equal(pair.ask(end).kind, 'ended');
      goes(pair, deposits[1], 'replaced');
      look(pair);
      assert.deepEqual(inputs(last(pair)), keys(deposits[0]));
    });
  }
}
