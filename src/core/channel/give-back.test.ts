import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { MachinePair } from '../../../test/world/machine-pair.ts';
import { assertRefused, must, payeeKey, payeeScript, returnScript } from '../../../test/world/sample.ts';
import { amount, ZERO } from '../base/amount.ts';
import { equalBytes } from '../base/bytes.ts';
import { height } from '../base/height.ts';
import { refuse } from '../base/refusal.ts';
import type { Payment } from '../contract/contract.ts';
import { revocable } from '../contract/revocable.ts';
import type { Receipt, Reply, RevocationState } from '../message/message.ts';
import type { Transaction } from '../tx/transaction.ts';
import { transactionId } from '../tx/transaction.ts';
import type { PayeeState } from './payee-state.ts';
import { recoverChannel } from './payer-recover.ts';
import type { PayerState } from './payer-state.ts';

const DOGE = 100_000_000n;
let orders = 0;

function opened(...values: readonly bigint[]): MachinePair {
  return new MachinePair({ contract: revocable }).open(...values);
}

/** What the payee wants to give back, as it tells the payer. */
function giveBackOf(pair: MachinePair): { readonly total: ReturnType<typeof amount>; readonly hash: Uint8Array } {
  const state = pair.exchange({ kind: 'resync' });
  return (state.kind === 'state' ? state.revocation?.giveBack : undefined) ?? assert.fail('nothing is given back');
}

function giveBack(pair: MachinePair, value: bigint): Reply {
  must(pair.tellPayee({ kind: 'give-back', order: `${orders++}`, amount: amount(value) }));
  return pair.exchange({ kind: 'take-back', ...giveBackOf(pair) });
}

function close(pair: MachinePair): Transaction {
  must(pair.tellPayee({ kind: 'close' }));
  return pair.broadcasts.at(-1) ?? assert.fail('no close');
}

test('money goes up, down and up again, and the payer owes no more than the last total', () => {
  const pair = opened(100n * DOGE);
  pair.pay(30n * DOGE, 25n * DOGE, pair.invoice('a'.repeat(32), 25n * DOGE).id);
  const reply = giveBack(pair, 10n * DOGE);
  assert.equal(reply.kind, 'receipt');
  assert.deepEqual([pair.payeeState().best?.total, pair.payeeState().spent], [20n * DOGE, 15n * DOGE]);
  assert.deepEqual([pair.openPayer().best?.total, pair.openPayer().signed, pair.openPayer().spent], [20n * DOGE, 20n * DOGE, 15n * DOGE]);
  pair.pay(40n * DOGE, 5n * DOGE, pair.invoice('b'.repeat(32), 5n * DOGE).id);
  assert.equal(pair.payeeState().best?.total, 40n * DOGE);
  giveBack(pair, 40n * DOGE);
  assert.deepEqual([pair.payeeState().best, pair.openPayer().best, pair.openPayer().signed], [undefined, undefined, ZERO]);
  pair.pay(7n * DOGE);
  assert.equal(pair.openPayer().best?.total, 7n * DOGE);
  assert.equal(pair.openPayer().revocation?.index, 2);
});

test('the same order again gives nothing more back', () => {
  const pair = opened(100n * DOGE);
  pair.pay(30n * DOGE);
  for (let i = 0; i < 2; i++) must(pair.tellPayee({ kind: 'give-back', order: 'the same', amount: amount(10n * DOGE) }));
  assert.equal(giveBackOf(pair).total, 20n * DOGE);
  pair.exchange({ kind: 'take-back', ...giveBackOf(pair) });
  must(pair.tellPayee({ kind: 'give-back', order: 'the same', amount: amount(10n * DOGE) }));
  assert.equal(pair.payeeState().giveBack, undefined);
});

test('an order counts for nothing until the payer has signed for less', () => {
  const pair = opened(100n * DOGE);
  pair.pay(30n * DOGE);
  must(pair.tellPayee({ kind: 'give-back', order: `${orders++}`, amount: amount(10n * DOGE) }));
  pair.pay(35n * DOGE);
  assert.equal(giveBackOf(pair).total, 25n * DOGE);
  assert.equal(pair.openPayer().signed, 35n * DOGE);
  assertRefused(pair.tellPayee({ kind: 'give-back', order: `${orders++}`, amount: amount(26n * DOGE) }), 'give-back-too-much');
  must(pair.tellPayee({ kind: 'give-back', order: `${orders++}`, amount: amount(25n * DOGE) }));
  assert.equal(giveBackOf(pair).total, ZERO);
});

test('a total that no close could pay out is not given back to', () => {
  const pair = opened(100n * DOGE);
  pair.pay(30n * DOGE);
  assertRefused(pair.tellPayee({ kind: 'give-back', order: `${orders++}`, amount: amount(30n * DOGE - 1n) }), 'total-too-small');
});

for (const lost of ['request', 'reply'] as const) {
  test(`a ${lost} that is lost on the way back is made good by sending the same again`, () => {
    const pair = opened(100n * DOGE);
    pair.pay(30n * DOGE);
    must(pair.tellPayee({ kind: 'give-back', order: `${orders++}`, amount: amount(10n * DOGE) }));
    const request = pair.request({ kind: 'take-back', ...giveBackOf(pair) });
    assert.equal(pair.openPayer().signed, 30n * DOGE, 'nothing has come back yet');
    if (lost === 'reply') assert.equal(pair.ask(request).kind, 'receipt');
    assertRefused(pair.tellPayer({ kind: 'pay', total: amount(31n * DOGE), price: ZERO }), 'payment-unanswered');
    assert.equal(pair.exchange({ kind: 'resend' }).kind, 'receipt');
    assert.equal(pair.openPayer().signed, 20n * DOGE);
    assert.equal(pair.payeeState().revoked, 1);
  });

  test(`all that is given back survives a ${lost} that is lost`, () => {
    const pair = opened(100n * DOGE);
    pair.pay(30n * DOGE);
    must(pair.tellPayee({ kind: 'give-back', order: `${orders++}`, amount: amount(30n * DOGE) }));
    const request = pair.request({ kind: 'take-back', ...giveBackOf(pair) });
    if (lost === 'reply') pair.ask(request);
    pair.exchange({ kind: 'resend' });
    assert.deepEqual([pair.openPayer().signed, pair.payeeState().revoked], [ZERO, 1]);
  });
}

test('the payee’s state tells a payer that lost the answer what it needs', () => {
  const pair = opened(100n * DOGE);
  pair.pay(30n * DOGE);
  must(pair.tellPayee({ kind: 'give-back', order: `${orders++}`, amount: amount(10n * DOGE) }));
  pair.ask(pair.request({ kind: 'take-back', ...giveBackOf(pair) }));
  pair.exchange({ kind: 'resync' });
  assert.deepEqual(
    [pair.openPayer().best?.total, pair.openPayer().signed, pair.openPayer().revocation?.index],
    [20n * DOGE, 20n * DOGE, 1],
  );
  assert.equal(pair.pay(21n * DOGE).kind, 'receipt');
});

test('without the right secret nothing has come back', () => {
  const pair = opened(100n * DOGE);
  pair.pay(30n * DOGE);
  must(pair.tellPayee({ kind: 'give-back', order: `${orders++}`, amount: amount(10n * DOGE) }));
  const request = pair.request({ kind: 'take-back', ...giveBackOf(pair) });
  const reply = pair.ask(request);
  if (reply.kind !== 'receipt') assert.fail(reply.kind);
  for (const secret of [undefined, new Uint8Array(32)]) {
    const { secret: _, ...without } = reply;
    pair.answer('payment', secret === undefined ? without : { ...reply, secret });
    assert.equal(pair.openPayer().signed, 30n * DOGE);
    assert.equal(pair.openPayer().best?.total, 30n * DOGE);
  }
});

test('a payee that shows again what it revoked, or names no hash for it, is not believed', () => {
  const pair = opened(100n * DOGE);
  pair.pay(30n * DOGE);
  const before = pair.ask(pair.request({ kind: 'resync' }));
  if (before.kind !== 'state' || before.best === undefined) assert.fail(before.kind);
  giveBack(pair, 10n * DOGE);
  const now = pair.ask(pair.request({ kind: 'resync' }));
  if (now.kind !== 'state') assert.fail(now.kind);
  const { hash: _, ...bare } = before.best;
  for (const best of [before.best, bare]) {
    pair.answer('state-request', { ...now, best, spent: best.total });
    assert.deepEqual([pair.openPayer().best?.total, pair.openPayer().signed], [20n * DOGE, 20n * DOGE]);
  }
});

test('a payee that names no hash is not paid', () => {
  const pair = new MachinePair({ contract: revocable }).open(100n * DOGE);
  const state = pair.ask(pair.request({ kind: 'resync' }));
  if (state.kind !== 'state') assert.fail(state.kind);
  const { revocation, ...open } = pair.openPayer();
  const [first] = open.deposits;
  if (first === undefined) assert.fail('no deposit');
  pair.payer = { ...open, kind: 'funding', deposits: [], offered: [first] };
  const { revocation: _, ...silent } = state;
  pair.answer('state-request', silent);
  assert.equal(pair.payerState().kind, 'funding');
  pair.answer('state-request', state);
  assert.deepEqual(pair.openPayer().revocation, revocation);
});

test('the payer signs under one hash only, and for no less than it signed under it before', () => {
  const pair = opened(100n * DOGE);
  pair.pay(30n * DOGE);
  must(pair.tellPayee({ kind: 'give-back', order: `${orders++}`, amount: amount(10n * DOGE) }));
  const offered = giveBackOf(pair);
  must(pair.tellPayer({ kind: 'take-back', ...offered }));
  pair.answer('payment', refuse('give-back-other'));
  assertRefused(pair.tellPayer({ kind: 'take-back', total: offered.total, hash: new Uint8Array(20).fill(1) }), 'give-back-other');
  assertRefused(pair.tellPayer({ kind: 'take-back', total: amount(5n * DOGE), hash: offered.hash }), 'give-back-other');
  must(pair.tellPayer({ kind: 'take-back', ...offered }));
});

test('a payee that shows a lower payment than it was signed can still close with that, and the payer reckons so', () => {
  const pair = opened(100n * DOGE);
  pair.pay(30n * DOGE);
  must(pair.tellPayee({ kind: 'give-back', order: `${orders++}`, amount: amount(20n * DOGE) }));
  const { hash } = giveBackOf(pair);
  const lower = pair.request({ kind: 'take-back', total: amount(10n * DOGE), hash });
  pair.answer('payment', refuse('give-back-other'));
  must(pair.tellPayer({ kind: 'take-back', total: amount(25n * DOGE), hash }));
  pair.answer('payment', refuse('give-back-other'));
  pair.ask(lower);
  pair.exchange({ kind: 'resync' });
  assert.deepEqual([pair.openPayer().best?.total, pair.openPayer().signed], [10n * DOGE, 25n * DOGE]);
});

test('a payment under a hash that was revoked is not taken', () => {
  const pair = opened(100n * DOGE);
  const old = pair.request({ kind: 'pay', total: amount(50n * DOGE), price: ZERO });
  pair.answer('payment', pair.ask(old));
  giveBack(pair, 30n * DOGE);
  const refused = pair.ask(old);
  assertRefused(refused, 'hash-outdated');
  assert.deepEqual(refused.detail, {}, 'nobody who has not signed the best one is told of it');
  assert.equal(pair.payeeState().best?.total, 20n * DOGE);
});

test('contracts in which money only moves one way give nothing back', () => {
  const pair = new MachinePair().open(100n * DOGE);
  pair.pay(30n * DOGE);
  assertRefused(pair.tellPayee({ kind: 'give-back', order: `${orders++}`, amount: amount(DOGE) }), 'contract-one-way');
});

test('the payout waits for its height, and then pays the payee all of the total but the fee', () => {
  const pair = opened(100n * DOGE);
  pair.pay(30n * DOGE);
  const commit = close(pair);
  assert.deepEqual(commit.outputs.map(({ value }) => value).at(-1), 30n * DOGE);
  const at = revocable.revocation?.payoutAt(pair.terms) ?? assert.fail();
  pair.spend(commit, 70);
  const held = { outpoint: { txid: transactionId(commit), vout: commit.outputs.length - 1 }, value: amount(30n * DOGE) };
  pair.confirm(held, 70);
  pair.broadcasts.length = 0;
  pair.tip = height(at - 1);
  must(pair.tellPayee(pair.view()));
  assert.equal(pair.broadcasts.length, 0);
  assert.equal(pair.payeeState().kind, 'closing');
  pair.tip = at;
  must(pair.tellPayee(pair.view()));
  const [payout] = pair.broadcasts;
  assert.ok(payout !== undefined && payout.lockTime === at && equalBytes(payout.outputs[0]?.script ?? new Uint8Array(), payeeScript));
  pair.spend(payout, 60);
  must(pair.tellPayee(pair.view()));
  const ended = pair.payeeState();
  assert.deepEqual(
    [ended.kind, ended.kind === 'ended' && ended.how, ended.kind === 'ended' && ended.received],
    ['ended', 'closed', payout.outputs[0]?.value],
  );
  must(pair.tellPayer(pair.view()));
  assert.equal(pair.payerState().kind, 'ended');
});

test('a revoked close is punished at once, until that is buried', () => {
  const pair = opened(100n * DOGE);
  pair.pay(30n * DOGE);
  const old = pair.payeeState();
  giveBack(pair, 20n * DOGE);
  const { best, terms, deposits } = old;
  if (best === undefined) assert.fail();
  const closing = { terms, deposits, payment: best, signer: payeeKey };
  const stolen = must(terms.contract.close([closing], { script: terms.payeeScript, feeRate: pair.feeRate }));
  pair.spend(stolen, 1);
  pair.confirm({ outpoint: { txid: transactionId(stolen), vout: 1 }, value: amount(30n * DOGE) }, 1);
  pair.broadcasts.length = 0;
  must(pair.tellPayer(pair.view()));
  const [penalty, ...others] = pair.broadcasts;
  assert.ok(penalty !== undefined && others.length === 0);
  assert.ok(equalBytes(penalty.outputs[0]?.script ?? new Uint8Array(), returnScript));
  pair.spend(stolen, 70);
  pair.spend(penalty, 59);
  must(pair.tellPayer(pair.view()));
  assert.notEqual(pair.payerState().kind, 'ended');
  pair.spend(penalty, 60);
  must(pair.tellPayer(pair.view()));
  const ended = pair.payerState();
  assert.deepEqual([ended.kind, ended.kind === 'ended' && ended.how], ['ended', 'punished']);
  assert.ok(ended.kind === 'ended' && ended.returned > 99n * DOGE);
});

test('a close that is not revoked is let be', () => {
  const pair = opened(100n * DOGE);
  pair.pay(30n * DOGE);
  giveBack(pair, 20n * DOGE);
  const commit = close(pair);
  pair.spend(commit, 1);
  pair.broadcasts.length = 0;
  must(pair.tellPayer(pair.view()));
  assert.equal(pair.broadcasts.length, 0);
});

describe('a payer that has lost all but its seed', () => {
  /** Five secrets were shown; 30 was paid, and 25 is what is left. */
  function lost(): { readonly pair: MachinePair; readonly revoked: PayeeState } {
    const pair = opened(100n * DOGE);
    pair.pay(30n * DOGE);
    const revoked = pair.payeeState();
    for (let i = 0; i < 5; i++) giveBack(pair, DOGE);
    const { terms, keyName, funding } = pair.payerState();
    pair.payer = recoverChannel({ terms, keyName, deposits: pair.openPayer().deposits, funding });
    return { pair, revoked };
  }

  test('takes over the hash, the secrets and the best payment, pays on, is given back to, and punishes', () => {
    const { pair, revoked } = lost();
    const { payer: fresh } = pair;
    pair.exchange({ kind: 'resync' });
    const { revocation, best, signed } = pair.openPayer();
    assert.deepEqual([revocation?.index, revocation?.secrets.map(({ index }) => index), best?.total], [5, [3, 4], 25n * DOGE]);
    assert.equal(signed, 100n * DOGE, 'what it signed besides is not known');
    pair.pay(26n * DOGE);
    giveBack(pair, DOGE);
    assert.deepEqual([pair.openPayer().revocation?.index, pair.openPayer().best?.total], [6, 25n * DOGE]);
    const { best: payment = assert.fail(), terms, deposits } = revoked;
    const closing = [{ terms, deposits, payment, signer: payeeKey }];
    const stolen = must(terms.contract.close(closing, { script: terms.payeeScript, feeRate: pair.feeRate }));
    pair.spend(stolen, 1);
    pair.confirm({ outpoint: { txid: transactionId(stolen), vout: 1 }, value: amount(30n * DOGE) }, 1);
    const punishes = (): boolean => {
      pair.broadcasts.length = 0;
      must(pair.tellPayer(pair.view()));
      return pair.broadcasts.some(({ outputs, lockTime }) => lockTime === 0 && (outputs[0]?.value ?? 0n) > 29n * DOGE);
    };
    assert.ok(punishes());
    pair.payer = fresh;
    assert.ok(!punishes(), 'without the secrets it can’t');
  });

  test('takes over nothing that does not fit together', () => {
    const { pair } = lost();
    const { payer: fresh } = pair;
    const reply = pair.ask(pair.request({ kind: 'resync' }));
    if (reply.kind !== 'state') assert.fail(reply.kind);
    const { revocation: { hash, secrets = [] } = assert.fail(), best = assert.fail(), ...bare } = reply;
    const [four = assert.fail(), five = assert.fail()] = secrets;
    const told = (revocation: RevocationState | undefined, shown: Payment = best): PayerState => {
      pair.payer = fresh;
      pair.answer('state-request', { ...bare, best: shown, ...(revocation && { revocation }) });
      return pair.payerState();
    };
    for (const wrong of [[five], [five, four], [four, five, five], [four, { ...five, index: 6 }], [{ ...four, index: 2 ** 40 - 1 }]])
      assert.equal(told({ hash, secrets: wrong }).kind, 'funding', wrong.map(({ index }) => index).join());
    assert.equal(told({ hash: new Uint8Array(20), secrets }).kind, 'funding', 'the best payment is under another hash');
    assert.equal(told(undefined).kind, 'funding', 'no hash to pay under');
    const forged = told({ hash, secrets }, { ...best, total: amount(best.total + DOGE) });
    assert.equal(forged.best, undefined, 'nor what it has not signed');
    assert.equal(told({ hash, secrets }).best?.total, 25n * DOGE);
  });
});

test('a payment under a hash that was revoked is not taken for the best one, whoever shows it', () => {
  const pair = opened(100n * DOGE);
  pair.pay(30n * DOGE);
  const { best: old = assert.fail() } = pair.openPayer();
  giveBack(pair, 10n * DOGE);
  const reply = pair.ask(pair.request({ kind: 'resync' }));
  if (reply.kind !== 'state') assert.fail(reply.kind);
  pair.answer('state-request', { ...reply, best: old });
  assert.deepEqual([pair.openPayer().best?.total, pair.openPayer().signed], [20n * DOGE, 20n * DOGE]);
  pair.answer('state-request', reply);
  assert.equal(pair.pay(21n * DOGE).kind, 'receipt');
});

test('a secret that comes after the expiry is kept: the close that it revokes is punished', () => {
  const pair = opened(100n * DOGE);
  pair.pay(30n * DOGE);
  const { best: payment = assert.fail(), terms, deposits } = pair.payeeState();
  must(pair.tellPayee({ kind: 'give-back', order: `${orders++}`, amount: amount(20n * DOGE) }));
  const late = pair.ask(pair.request({ kind: 'take-back', ...giveBackOf(pair) }));
  pair.tip = height(terms.expiry);
  must(pair.tellPayer(pair.view()));
  assert.equal(pair.payerState().kind, 'refunding');
  pair.answer('payment', late);
  assert.equal(pair.payerState().signed, 10n * DOGE);
  const stolen = must(revocable.close([{ terms, deposits, payment, signer: payeeKey }], { script: payeeScript, feeRate: pair.feeRate }));
  pair.spend(stolen, 1);
  pair.broadcasts.length = 0;
  must(pair.tellPayer(pair.view()));
  assert.ok(pair.broadcasts.some(({ inputs }) => inputs[0]?.outpoint.txid === transactionId(stolen)));
  for (const secret of [new Uint8Array(32), undefined]) {
    const before = pair.payerState();
    pair.answer('payment', { ...(late as Receipt), ...(secret && { secret }) });
    assert.deepEqual(pair.payerState(), before);
  }
});
