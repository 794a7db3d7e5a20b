import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { MachinePair } from '../../../test/world/machine-pair.ts';
import { assertRefused, fundingOf, must, payerKey, returnScript, sampleFunding, sampleTerms } from '../../../test/world/sample.ts';
import { amount, feeFor } from '../base/amount.ts';
import { bytesToHex } from '../base/bytes.ts';
import { height } from '../base/height.ts';
import { refuse } from '../base/refusal.ts';
import { closeSize } from '../contract/tx-size.ts';
import type { State } from '../message/message.ts';
import { encodeTransaction, transactionId } from '../tx/transaction.ts';
import type { ChainView } from './state-machine.ts';

const DOGE = 100_000_000n;

/** An output to the channel that somebody else made, as the chain shows it. */
function gift(pair: MachinePair, value: bigint): ChainView['found'] {
  const [deposit] = sampleFunding(pair.terms, [value]).deposits;
  assert.ok(deposit !== undefined);
  pair.confirm(deposit);
  return [{ deposit, transaction: encodeTransaction(fundingOf(pair.terms, [value])) }];
}

/** The state that the payee answers with when its best has this total. */
function stateAt(pair: MachinePair, total: bigint): State {
  const { terms, deposits, channel } = pair.payeeState();
  const best = must(terms.contract.sign(terms, deposits, amount(total), payerKey));
  return { kind: 'state', channel, status: 'open', capacity: amount(10n * DOGE), spent: amount(total), deposits, best };
}

describe('deposits before they are accepted', () => {
  test('what is planned and missing is not broadcast, whatever the chain shows', () => {
    const pair = new MachinePair();
    pair.create();
    pair.fund([5n * DOGE]);
    pair.chain.clear();
    must(pair.tellPayer(pair.view()));
    assert.deepEqual([pair.payerState().kind, pair.broadcasts.length], ['planned', 0]);
    must(pair.tellPayer({ kind: 'launch' }));
    must(pair.tellPayer(pair.view()));
    assert.equal(pair.broadcasts.length, 2);
  });

  test('a planned channel that somebody else’s wallet funds has coins in it: it can’t be abandoned', () => {
    const pair = new MachinePair();
    pair.create();
    must(pair.tellPayer(pair.view(gift(pair, 5n * DOGE))));
    assert.equal(pair.payerState().kind, 'funding');
    assertRefused(pair.tellPayer({ kind: 'abandon' }), 'channel-ending');
    assert.equal(pair.exchange({ kind: 'announce' }).kind, 'accepted');
  });

  test('a missing deposit is not given up for a found one of another value', () => {
    const pair = new MachinePair();
    pair.create();
    const [sent] = pair.fund([5n * DOGE]);
    must(pair.tellPayer({ kind: 'launch' }));
    pair.chain.clear();
    const found = gift(pair, 2n * DOGE);
    must(pair.tellPayer(pair.view(found)));
    assert.deepEqual(pair.payerState().offered, [sent, found[0]?.deposit]);
  });

  test('a deposit that comes to light under another id long after the expiry is refunded, not given up with the one it replaced', () => {
    const pair = new MachinePair();
    pair.create();
    pair.fund([5n * DOGE]);
    must(pair.tellPayer({ kind: 'launch' }));
    pair.chain.clear();
    pair.tip = height(pair.terms.expiry + 1_000);
    const [one] = gift(pair, 5n * DOGE);
    const made = fundingOf(pair.terms, [5n * DOGE]);
    const transaction = { ...made, lockTime: 7 };
    const outpoint = { txid: transactionId(transaction), vout: one?.deposit.outpoint.vout ?? 0 };
    const deposit = { outpoint, value: amount(5n * DOGE) };
    pair.chain.clear();
    // The view that brings it was made for the deposits known before, so it says nothing about the new one.
    must(pair.tellPayer(pair.view([{ deposit, transaction: encodeTransaction(transaction) }])));
    assert.equal(pair.payerState().kind, 'funding');
    pair.confirm(deposit);
    must(pair.tellPayer(pair.view()));
    assert.equal(pair.payerState().kind, 'refunding');
  });

  test('a gift above what the offer allows is not announced, and does not keep the rest from it', () => {
    const pair = new MachinePair({}, { maxDeposit: amount(20n * DOGE) });
    pair.create();
    pair.fund([5n * DOGE]);
    must(pair.tellPayer({ kind: 'launch' }));
    must(pair.tellPayer(pair.view(gift(pair, 100n * DOGE))));
    const reply = pair.exchange({ kind: 'announce' });
    assert.equal(reply.kind === 'accepted' && reply.capacity, 5n * DOGE);
    assert.deepEqual([pair.openPayer().deposits.length, pair.openPayer().offered.length], [1, 1]);
  });

  test('withdrawing one funding transaction leaves the other', () => {
    const pair = new MachinePair();
    pair.create();
    const [first, second] = pair.fund([5n * DOGE, 3n * DOGE]);
    assert.ok(first !== undefined && second !== undefined);
    must(pair.tellPayer({ kind: 'withdraw', txid: first.outpoint.txid }));
    must(pair.tellPayer({ kind: 'launch' }));
    assert.deepEqual(pair.broadcasts.map(transactionId), [second.outpoint.txid]);
    assert.deepEqual(pair.payerState().offered, [second]);
  });

  test('a channel that is ending, being refunded or over is not announced again', () => {
    const pair = new MachinePair().open(10n * DOGE);
    pair.request({ kind: 'end' });
    assertRefused(pair.tellPayer({ kind: 'announce' }), 'channel-ending');
    pair.tip = height(2_000);
    must(pair.tellPayer(pair.view()));
    assertRefused(pair.tellPayer({ kind: 'announce' }), 'channel-ending');
    const other = new MachinePair().open(10n * DOGE);
    assert.equal(other.exchange({ kind: 'announce' }).kind, 'accepted');
  });

  test('a fixed fee of ten times what a close costs is the most that is agreed to', () => {
    const terms = sampleTerms();
    const most = 10n * feeFor(closeSize(terms, 1, 2), terms.coin.policy.feeRate);
    const input = { kind: 'create', expiry: height(2_000), keyName: 'm/1', returnScript } as const;
    const offered = (fee: bigint): MachinePair => new MachinePair({ signing: { kind: 'fixed', fee: amount(fee) } });
    const [dear, good] = [offered(most + 1n), offered(most)];
    assertRefused(dear.tellPayer({ ...input, offer: dear.offer }), 'fee-too-high');
    must(good.tellPayer({ ...input, offer: good.offer }));
  });
});

describe('ends that are answered twice, or late', () => {
  test('a refusal that comes behind the agreement undoes nothing', () => {
    const pair = new MachinePair().open(10n * DOGE);
    assert.equal(pair.exchange({ kind: 'end' }).kind, 'ended');
    const agreed = pair.payer;
    pair.answer('end', refuse('agreement-short'));
    assert.deepEqual(pair.payer, agreed);
  });

  test('a channel that the payee says has ended stays with the chain; any other refusal opens it again', () => {
    const pair = new MachinePair().open(10n * DOGE);
    pair.request({ kind: 'end' });
    pair.answer('end', refuse('channel-ended'));
    assert.equal(pair.payerState().kind, 'ending');
    pair.answer('end', refuse('agreement-malformed'));
    assert.equal(pair.payerState().kind, 'open');
  });

  test('a refusal of something else than the end does not open it again', () => {
    const pair = new MachinePair().open(10n * DOGE);
    pair.request({ kind: 'end' });
    pair.answer('announce', refuse('agreement-malformed'));
    assert.equal(pair.payerState().kind, 'ending');
  });
});

describe('what the payer remembers of its payments', () => {
  test('a payment carries only the signatures that the payee does not hold, and is kept whole', () => {
    const pair = new MachinePair().open(10n * DOGE, 5n * DOGE);
    const crossing = pair.request({ kind: 'pay', total: amount(12n * DOGE), price: amount(0n) });
    assert.equal(crossing.kind === 'payment' && crossing.payment.signatures.length, 2);
    pair.answer('payment', pair.ask(crossing));
    const next = pair.request({ kind: 'pay', total: amount(13n * DOGE), price: amount(0n) });
    assert.equal(next.kind === 'payment' && next.payment.signatures.length, 1);
    assert.equal(pair.openPayer().pending?.payment.signatures.length, 2);
    assert.equal(pair.ask(next).kind, 'receipt');
  });

  test('an unanswered payment is let go when the payee holds a better one, and kept when it is ahead', () => {
    for (const [held, kept] of [
      [3n * DOGE, false],
      [2n * DOGE, false],
      [DOGE, true],
    ] as const) {
      const pair = new MachinePair().open(10n * DOGE);
      pair.request({ kind: 'pay', total: amount(2n * DOGE), price: amount(0n) });
      pair.answer('state-request', stateAt(pair, held));
      assert.equal(pair.openPayer().best?.total, held);
      assert.equal(pair.openPayer().pending !== undefined, kept, String(held));
    }
  });

  test('what was once signed counts as signed, also when the payee shows less', () => {
    const pair = new MachinePair().open(10n * DOGE);
    pair.request({ kind: 'pay', total: amount(9n * DOGE), price: amount(0n) });
    pair.answer('payment', refuse('funding-reorganised'));
    pair.answer('state-request', stateAt(pair, 3n * DOGE));
    assert.deepEqual([pair.openPayer().best?.total, pair.openPayer().signed], [3n * DOGE, 9n * DOGE]);
    pair.answer('state-request', stateAt(pair, 10n * DOGE));
    assert.equal(pair.openPayer().signed, 10n * DOGE);
  });

  test('the payee’s word on what was spent raises it at most to the total, and never lowers it', () => {
    const spentAfter = (spent: bigint | undefined): bigint => {
      const pair = new MachinePair().open(10n * DOGE);
      pair.pay(2n * DOGE, 2n * DOGE);
      const detail = {
        best: String(5n * DOGE),
        signatures: bytesToHex(stateAt(pair, 5n * DOGE).best?.signatures[0] ?? assert.fail()),
        ...(spent === undefined ? {} : { spent: String(spent) }),
      };
      pair.request({ kind: 'pay', total: amount(3n * DOGE), price: amount(0n) });
      pair.answer('payment', refuse('total-lower', detail));
      assert.equal(pair.openPayer().best?.total, 5n * DOGE);
      return pair.openPayer().spent;
    };
    assert.deepEqual(
      [0n, DOGE, 4n * DOGE, 9n * DOGE, undefined].map(spentAfter),
      [2n, 2n, 4n, 5n, 5n].map((whole) => whole * DOGE),
    );
  });

  test('what is spent is never more than the total, also when a payment was signed before the payee showed a better one', () => {
    const pair = new MachinePair().open(10n * DOGE);
    const { channel } = pair.openPayer();
    pair.request({ kind: 'pay', total: amount(3n * DOGE), price: amount(3n * DOGE) });
    pair.answer('state-request', stateAt(pair, 2n * DOGE));
    assert.deepEqual([pair.openPayer().best?.total, pair.openPayer().spent], [2n * DOGE, 2n * DOGE]);
    const [total, capacity] = [amount(3n * DOGE), amount(10n * DOGE)];
    pair.answer('payment', { kind: 'receipt', channel, total, spent: amount(2n * DOGE), capacity });
    assert.deepEqual([pair.openPayer().best?.total, pair.openPayer().spent], [3n * DOGE, 3n * DOGE]);
  });

  test('an answer about another channel’s deposits changes nothing of this one', () => {
    const pair = new MachinePair().open(10n * DOGE);
    const before = pair.payer;
    const elsewhere = new MachinePair({ signing: { kind: 'fixed', fee: amount(DOGE / 50n) } }).open(10n * DOGE);
    const { terms, deposits } = elsewhere.openPayer();
    const best = must(terms.contract.sign(terms, deposits, amount(3n * DOGE), payerKey));
    pair.answer('state-request', { ...stateAt(pair, 3n * DOGE), best });
    assert.deepEqual(pair.payer, before);
    pair.answer('state-request', stateAt(pair, 3n * DOGE));
    assert.equal(pair.openPayer().best?.total, 3n * DOGE);
  });
});
