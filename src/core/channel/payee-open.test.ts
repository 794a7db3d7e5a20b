import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { MachinePair } from '../../../test/world/machine-pair.ts';
import { assertRefused, keyNumber, must, payeeKey, sampleTerms } from '../../../test/world/sample.ts';
import { type Amount, amount, MAX_AMOUNT } from '../base/amount.ts';
import { txId } from '../base/bytes.ts';
import { height } from '../base/height.ts';
import { isRefusal, type RefusalCode } from '../base/refusal.ts';
import type { Deposit } from '../contract/contract.ts';
import { leastDeposit } from '../contract/tx-size.ts';
import type { Announce, Reply } from '../message/message.ts';
import { p2pkh } from '../tx/script.ts';
import { outpointKey } from '../tx/transaction.ts';
import { MAX_DEPOSITS } from './offer-fit.ts';

const DOGE = 100_000_000n;

/** A payer that has funded and not been answered yet, and its announcement. */
function announcing(...values: readonly bigint[]): {
  readonly pair: MachinePair;
  readonly announce: Announce;
  readonly deposits: readonly Deposit[];
} {
  const pair = new MachinePair();
  pair.create();
  const deposits = pair.fund(values);
  return { pair, announce: pair.announcement(), deposits };
}

function deposit(number: number, value: bigint): Deposit {
  return { outpoint: { txid: txId(number.toString(16).padStart(64, '0')), vout: 0 }, value: amount(value) };
}

function waitingFor(reply: Reply): RefusalCode | undefined {
  return reply.kind === 'provisional' ? reply.waitingFor.code : undefined;
}

/** Each is refused before anything is stored; the announcement as it was is accepted behind it. */
function refusedFirst(name: string, code: RefusalCode, alter: (announce: Announce, pair: MachinePair) => Announce): void {
  test(`${name}: ${code}`, () => {
    const { pair, announce } = announcing(10n * DOGE);
    assertRefused(pair.ask(alter(announce, pair)), code);
    assert.equal(pair.payee, undefined);
    assert.equal(pair.ask(announce).kind, 'accepted');
  });
}

describe('a first announcement', () => {
  refusedFirst('an offer that was altered', 'offer-unknown', (announce) => ({
    ...announce,
    offer: { ...announce.offer, maxDeposit: amount(announce.offer.maxDeposit + 1n) },
  }));
  refusedFirst('an offer with less depth', 'offer-unknown', (announce) => ({
    ...announce,
    offer: { ...announce.offer, depth: [{ upTo: MAX_AMOUNT, blocks: 0 }] },
  }));
  refusedFirst('an offer with a key of somebody else', 'offer-unknown', (announce) => ({
    ...announce,
    offer: { ...announce.offer, payeeKey: keyNumber(50).publicKey },
  }));
  refusedFirst('the payee key twice', 'key-repeated', (announce) => ({ ...announce, payerKey: payeeKey.publicKey }));
  refusedFirst('an expiry below the offer', 'expiry-too-near', (announce) => ({ ...announce, expiry: height(1_499) }));
  test('an expiry below the offer, far from the margin: expiry-too-near', () => {
    const pair = new MachinePair({}, { minExpiry: height(1_800) });
    pair.create();
    const [made] = pair.fund([10n * DOGE]);
    assert.ok(made !== undefined);
    assertRefused(pair.ask({ ...pair.announcement(), expiry: height(1_799) }), 'expiry-too-near');
    assert.equal(pair.payee, undefined);
    assert.equal(pair.ask(pair.announcement()).kind, 'accepted');
  });
  refusedFirst('an expiry above the offer', 'expiry-too-far', (announce) => ({ ...announce, expiry: height(3_001) }));
  refusedFirst('an expiry inside the margin', 'expiry-too-near', (announce, pair) => {
    pair.tip = height(1_880);
    const near = { ...announce, expiry: height(2_000) };
    assertRefused(pair.ask(near), 'expiry-too-near');
    pair.tip = height(1_879);
    return { ...announce, expiry: height(1_999) };
  });
  refusedFirst('a chain that does not enforce CLTV yet', 'contract-unfit', (announce, pair) => {
    pair.tip = height(1_350);
    assertRefused(pair.ask(announce), 'contract-unfit');
    pair.tip = height(1_400);
    return { ...announce, offer: { ...announce.offer, coin: { ...announce.offer.coin, rules: {} } } };
  });
  refusedFirst('no deposit', 'deposit-absent', (announce) => ({ ...announce, deposits: [] }));
  refusedFirst('a deposit twice', 'deposit-repeated', (announce) => ({
    ...announce,
    deposits: [...announce.deposits, ...announce.deposits],
  }));
  refusedFirst('too many deposits', 'deposit-too-many', (announce) => ({
    ...announce,
    deposits: Array.from({ length: MAX_DEPOSITS + 1 }, (_, i) => deposit(i, DOGE)),
  }));
  refusedFirst('deposits larger than the offer allows', 'deposit-too-large', (announce) => ({
    ...announce,
    deposits: [deposit(1, announce.offer.maxDeposit + 1n)],
  }));
  refusedFirst('deposits whose sum is no amount of money', 'deposit-too-large', (announce) => ({
    ...announce,
    deposits: [deposit(1, MAX_AMOUNT), deposit(2, MAX_AMOUNT)],
  }));
  refusedFirst('a deposit that is not worth its own refund', 'deposit-too-small', (announce) => ({
    ...announce,
    deposits: [...announce.deposits, deposit(1, leastDeposit(sampleTerms()) - 1n)],
  }));

  test('deposits smaller than the offer asks for: deposit-too-small', () => {
    const pair = new MachinePair({}, { minDeposit: amount(10n * DOGE) });
    pair.create();
    const [made] = [deposit(1, 10n * DOGE - 1n)];
    assertRefused(pair.ask({ ...pair.announcement(), deposits: [made] }), 'deposit-too-small');
    const enough = deposit(2, 10n * DOGE);
    pair.confirm(enough);
    assert.equal(pair.ask({ ...pair.announcement(), deposits: [enough] }).kind, 'accepted');
  });
});

describe('what the payee’s own node says of the funding', () => {
  /** Refused with a code that is over for good, or waited for; accepted once the node says otherwise. */
  const cases: readonly (readonly [string, RefusalCode, 'refused' | 'waits', (pair: MachinePair, deposit: Deposit) => void])[] = [
    ['missing', 'funding-missing', 'waits', (pair, { outpoint }) => pair.chain.delete(outpointKey(outpoint))],
    ['unconfirmed', 'funding-unconfirmed', 'waits', (pair, one) => pair.confirm(one, 0)],
    ['one block short', 'funding-unconfirmed', 'waits', (pair, one) => pair.confirm(one, 2)],
    ['an immature coinbase', 'funding-immature', 'waits', (pair, one) => pair.confirm(one, 10, { isImmature: true })],
    ['spent', 'funding-spent', 'refused', (pair, { outpoint }) => pair.chain.set(outpointKey(outpoint), { kind: 'spent' })],
    [
      'no such output',
      'funding-output-missing',
      'refused',
      (pair, { outpoint }) => pair.chain.set(outpointKey(outpoint), { kind: 'no-such-output' }),
    ],
    ['another script', 'funding-script-wrong', 'refused', (pair, one) => pair.confirm(one, 10, { script: p2pkh(payeeKey.publicKey) })],
    ['another value', 'funding-value-wrong', 'refused', (pair, one) => pair.confirm(one, 10, { value: amount(one.value - 1n) })],
  ];
  for (const [name, code, what, spoil] of cases) {
    test(`${name}: ${code}`, () => {
      const { pair, announce, deposits } = announcing(10n * DOGE);
      const [first] = deposits;
      spoil(pair, first ?? assert.fail());
      const reply = pair.ask(announce);
      if (what === 'waits') assert.equal(waitingFor(reply), code);
      else assertRefused(reply, code);
      assert.equal(pair.payee, undefined);
      pair.confirm(first ?? assert.fail(), 3);
      assert.equal(pair.ask(announce).kind, 'accepted');
    });
  }

  test('how deep they must be goes by the sum of the deposits', () => {
    const depth = [
      { upTo: amount(10n * DOGE), blocks: 2 },
      { upTo: MAX_AMOUNT, blocks: 6 },
    ];
    const pair = new MachinePair({}, { depth });
    pair.create();
    const [first, second] = pair.fund([10n * DOGE, 5n * DOGE], 2);
    assert.ok(first !== undefined && second !== undefined);
    const both = pair.announcement();
    assert.equal(waitingFor(pair.ask(both)), 'funding-unconfirmed');
    assert.equal(pair.ask({ ...both, deposits: [first] }).kind, 'accepted', 'the first alone is deep enough');
    assert.equal(waitingFor(pair.ask(both)), 'funding-unconfirmed', 'a top-up raises what the first needs too');
    pair.confirm(second, 6);
    assert.equal(waitingFor(pair.ask(both)), 'funding-unconfirmed');
    pair.confirm(first, 6);
    assert.equal(pair.ask(both).kind, 'accepted');
  });

  test('one bad deposit outweighs one that is not deep enough', () => {
    const { pair, announce, deposits } = announcing(10n * DOGE, 5n * DOGE);
    const [first, second] = deposits;
    pair.confirm(first ?? assert.fail(), 1);
    pair.chain.set(outpointKey(second?.outpoint ?? assert.fail()), { kind: 'spent' });
    assertRefused(pair.ask(announce), 'funding-spent');
    pair.confirm(second ?? assert.fail(), 3);
    assert.equal(waitingFor(pair.ask(announce)), 'funding-unconfirmed');
    pair.confirm(first ?? assert.fail(), 3);
    const accepted = pair.ask(announce);
    assert.equal(accepted.kind === 'accepted' && accepted.capacity, 15n * DOGE);
  });
});

describe('a further announcement', () => {
  const topUp = (pair: MachinePair, values: readonly bigint[], depth = 10): Announce => {
    pair.fund(values, depth);
    return pair.announcement();
  };

  test('the same again changes nothing and is answered the same', () => {
    const pair = new MachinePair().open(10n * DOGE);
    pair.pay(DOGE);
    const before = pair.payee;
    const step = must(pair.tellPayee({ kind: 'announce', announce: pair.announcement(), funding: [...pair.chain.values()] }));
    assert.deepEqual(pair.payee, before);
    assert.equal(pair.payee?.best?.total, DOGE);
    assert.deepEqual(step.effects, [
      { kind: 'reply', message: { kind: 'accepted', channel: pair.payeeState().channel, capacity: 10n * DOGE } },
    ]);
  });

  test('nothing new is nothing to store', () => {
    const pair = new MachinePair().open(10n * DOGE);
    const state = pair.payeeState();
    const step = must(pair.tellPayee({ kind: 'announce', announce: pair.announcement(), funding: [...pair.chain.values()] }));
    assert.deepEqual(step.state, state);
    assert.equal(step.state === state, true);
  });

  test('a deposit more is taken once it is deep enough, behind the known ones in whatever order it comes', () => {
    const pair = new MachinePair().open(10n * DOGE);
    const announce = topUp(pair, [5n * DOGE], 2);
    assert.equal(waitingFor(pair.ask(announce)), 'funding-unconfirmed');
    assert.equal(pair.payee?.deposits.length, 1);
    const [known, further] = announce.deposits;
    pair.confirm(further ?? assert.fail(), 3);
    const reply = pair.ask({ ...announce, deposits: announce.deposits.toReversed() });
    assert.equal(reply.kind === 'accepted' && reply.capacity, 15n * DOGE);
    assert.deepEqual(pair.payee?.deposits, [known, further]);
  });

  test('a deposit less: deposit-dropped', () => {
    const pair = new MachinePair().open(10n * DOGE, 5n * DOGE);
    const announce = topUp(pair, [DOGE]);
    assertRefused(pair.ask({ ...announce, deposits: announce.deposits.slice(1) }), 'deposit-dropped');
    assertRefused(pair.ask({ ...announce, deposits: announce.deposits.slice(0, 1) }), 'deposit-dropped');
    assertRefused(pair.ask({ ...announce, deposits: [] }), 'deposit-dropped');
    assert.equal(pair.payee?.deposits.length, 2);
    assert.equal(pair.ask(announce).kind, 'accepted');
    assert.equal(pair.payee.deposits.length, 3);
  });

  test('under other terms than the first: offer-unknown', () => {
    const pair = new MachinePair().open(10n * DOGE);
    const announce = topUp(pair, [5n * DOGE], 0);
    const easy = { ...announce.offer, depth: [{ upTo: MAX_AMOUNT, blocks: 0 }], maxDeposit: MAX_AMOUNT };
    assertRefused(pair.ask({ ...announce, offer: easy }), 'offer-unknown');
    assert.equal(waitingFor(pair.ask(announce)), 'funding-unconfirmed');
    assert.equal(pair.payee?.deposits.length, 1);
  });

  test('another channel’s announcement is not this one’s: channel-unknown', () => {
    const pair = new MachinePair().open(10n * DOGE);
    const foreign = { ...pair.announcement(), expiry: height(2_500) };
    assertRefused(pair.ask(foreign), 'channel-unknown');
    assertRefused(pair.ask({ ...pair.announcement(), payerKey: keyNumber(60).publicKey }), 'channel-unknown');
    assert.equal(pair.ask(pair.announcement()).kind, 'accepted');
  });

  test('a known deposit with another value is not believed', () => {
    const pair = new MachinePair().open(10n * DOGE);
    const announce = pair.announcement();
    const [first] = announce.deposits;
    const raised: Deposit = { ...(first ?? assert.fail()), value: amount(20n * DOGE) };
    assertRefused(pair.ask({ ...announce, deposits: [raised] }), 'funding-value-wrong');
    assert.deepEqual(pair.payee?.deposits, [first]);
  });

  test('more than the offer allows in all: deposit-too-large, deposit-too-many', () => {
    const pair = new MachinePair({}, { maxDeposit: amount(15n * DOGE) }).open(10n * DOGE);
    const announce = pair.announcement();
    const further = deposit(77, 5n * DOGE + 1n);
    pair.confirm(further);
    assertRefused(pair.ask({ ...announce, deposits: [...announce.deposits, further] }), 'deposit-too-large');
    const many = Array.from({ length: MAX_DEPOSITS }, (_, i) => deposit(100 + i, DOGE / 10n));
    for (const one of many) pair.confirm(one);
    assertRefused(pair.ask({ ...announce, deposits: [...announce.deposits, ...many] }), 'deposit-too-many');
    assert.equal(pair.ask({ ...announce, deposits: [...announce.deposits, ...many.slice(1)] }).kind, 'accepted');
  });

  test('a deposit more inside the margin: margin-reached; the same again there is harmless', () => {
    const pair = new MachinePair().open(10n * DOGE);
    const announce = topUp(pair, [5n * DOGE]);
    const known = { ...announce, deposits: announce.deposits.slice(0, 1) };
    pair.tip = height(1_880);
    assertRefused(pair.ask(announce), 'margin-reached');
    assert.equal(pair.ask(known).kind, 'accepted');
    pair.tip = height(1_879);
    assert.equal(pair.ask(announce).kind, 'accepted');
  });

  test('of a channel that closes: channel-ending, and once it is over: channel-ended', () => {
    const pair = new MachinePair().open(10n * DOGE);
    const announce = pair.announcement();
    pair.pay(DOGE);
    const [transaction] = must(pair.tellPayee({ kind: 'close' })).effects.flatMap((effect) =>
      effect.kind === 'broadcast' ? [effect.transaction] : [],
    );
    assertRefused(pair.ask(announce), 'channel-ending');
    pair.spend(transaction ?? assert.fail(), 60);
    must(pair.tellPayee(pair.view()));
    assert.equal(pair.payee?.kind, 'ended');
    assertRefused(pair.ask(announce), 'channel-ended');
  });
});

test('whatever is announced is answered, never thrown at', () => {
  const values: readonly Amount[] = [amount(0n), amount(1n), amount(DOGE), MAX_AMOUNT];
  const expiries = [0, 1, 1_879, 2_000, 499_999_999].map(height);
  for (const value of values) {
    for (const expiry of expiries) {
      for (const closingMargin of [0, 120, 10_000_000]) {
        const pair = new MachinePair({}, { closingMargin });
        const reply = pair.ask({
          kind: 'announce',
          offer: pair.offer,
          payerKey: keyNumber(1).publicKey,
          expiry,
          deposits: [deposit(1, value)],
        });
        assert.ok(isRefusal(reply) || reply.kind === 'provisional', JSON.stringify(reply.kind));
      }
    }
  }
});
