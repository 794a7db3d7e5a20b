import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { MachinePair } from '../../../test/world/machine-pair.ts';
import { assertRefused, must, payeeKey, payeeScript, payerKey, returnScript, sampleTerms } from '../../../test/world/sample.ts';
import { type Amount, amount, feeFor } from '../base/amount.ts';
import { after, height } from '../base/height.ts';
import { type HashLock, worthOf } from '../contract/pending.ts';
import { contracts } from '../contract/registry.ts';
import { closeSize } from '../contract/tx-size.ts';
import type { Pay, Receipt } from '../message/message.ts';
import { hash160 } from '../tx/script.ts';
import type { Transaction } from '../tx/transaction.ts';
import { invoiceHash } from './payee-locks.ts';
import { fateOf } from './payer-locks.ts';

const DOGE = 100_000_000n;
const PREIMAGE = new Uint8Array(32).fill(7);
const OTHER = new Uint8Array(32).fill(8);
const pendingContracts = contracts.filter(({ hashLocks }) => hashLocks !== undefined);
const [first] = pendingContracts;

/** An open channel of 10 whose closing fee is fixed. */
function opened(contract = first): MachinePair {
  if (contract === undefined) assert.fail('a contract has hash locks');
  const { coin } = sampleTerms({ contract });
  const fee = amount(10n * feeFor(closeSize({ contract }, 1, 2), coin.policy.feeRate));
  return new MachinePair({ contract, signing: { kind: 'fixed', fee } }).open(20n * DOGE);
}

function lockOf({ terms }: MachinePair, sum: bigint, preimage = PREIMAGE): HashLock {
  const { hashLocks } = terms.contract;
  return { amount: amount(sum), hash: hash160(preimage), expiry: hashLocks?.leastExpiry(terms) ?? assert.fail() };
}

/** Over a payee that forwards: it takes what it has no preimage for. */
function forwarded(pair: MachinePair, lock: HashLock): Receipt {
  const request = pair.request({ kind: 'lock', lock });
  return carried(pair, request.kind === 'payment' ? request : assert.fail());
}

function carried(pair: MachinePair, pay: Pay): Receipt {
  const step = must(pair.tellPayee({ kind: 'payment', pay, isForwarding: true }));
  const [reply] = step.effects.flatMap((effect) => (effect.kind === 'reply' ? [effect.message] : []));
  if (reply?.kind !== 'receipt') assert.fail(reply?.kind);
  pair.answer('payment', reply);
  return reply;
}

function settledAfterResync(pair: MachinePair, lock: HashLock): void {
  pair.exchange({ kind: 'resync' });
  const request = pair.request({ kind: 'settle', hashes: [lock.hash] });
  carried(pair, request.kind === 'payment' ? request : assert.fail());
}

function totals({ payer, payee }: MachinePair): readonly (bigint | undefined)[] {
  return [payer?.best?.total, payee?.best?.total, payer?.spent, payee?.spent];
}

/** The payee closes because its margin has come, and the close is mined. */
function closed(pair: MachinePair): Transaction {
  pair.broadcasts.length = 0;
  pair.tip = height(1_880);
  must(pair.tellPayee(pair.view()));
  const close = pair.broadcasts.at(-1) ?? assert.fail('no close');
  mined(pair, close, pair.payeeState().best?.locks ?? []);
  return close;
}

function mined(pair: MachinePair, close: Transaction, locks: readonly HashLock[], depth = 60): void {
  pair.spend(close, depth);
  for (const one of pair.terms.contract.hashLocks?.outputs(pair.terms, close, locks) ?? []) pair.confirm(one, depth);
}

function paidTo({ outputs }: Transaction, script: Uint8Array): bigint {
  return outputs.filter((one) => Buffer.compare(one.script, script) === 0).reduce((sum, { value }) => sum + value, 0n);
}

for (const contract of pendingContracts) {
  describe(`pending amounts, ${contract.id}`, () => {
    test('an amount is pending, the payee gets its preimage, and the payer settles it', () => {
      const pair = opened(contract);
      assert.equal(pair.pay(2n * DOGE).kind, 'receipt');
      const lock = lockOf(pair, 3n * DOGE);
      const receipt = forwarded(pair, lock);
      assert.deepEqual(receipt.pending, [lock.hash]);
      assert.equal(receipt.preimages, undefined);
      assert.deepEqual(totals(pair), [2n * DOGE, 2n * DOGE, 0n, 0n]);
      assert.equal(fateOf(pair.payerState(), lock.hash).kind, 'pending');
      const step = must(pair.tellPayee({ kind: 'reveal', preimage: PREIMAGE }));
      assert.equal(step.added, 3n * DOGE);
      settledAfterResync(pair, lock);
      assert.deepEqual(totals(pair), [5n * DOGE, 5n * DOGE, 3n * DOGE, 3n * DOGE]);
      assert.equal(pair.payer?.best?.locks, undefined);
      assert.equal(fateOf(pair.payerState(), lock.hash).kind, 'gone');
      assertRefused(pair.tellPayee({ kind: 'payment', pay: sentAgain(pair, lock), isForwarding: true }), 'lock-repeated');
    });

    test('a merchant that has an invoice for it shows the preimage in its receipt, once', () => {
      const pair = opened(contract);
      const hash = invoiceHash({ signer: payeeKey }, INVOICE);
      pair.invoice(INVOICE, 3n * DOGE, { hash });
      const lock = { ...lockOf(pair, 3n * DOGE), hash };
      const reply = pair.exchange({ kind: 'lock', lock, invoice: INVOICE });
      if (reply.kind !== 'receipt') assert.fail(reply.kind);
      assert.equal(reply.preimages?.length, 1);
      assert.deepEqual(hash160(reply.preimages[0] ?? new Uint8Array()), hash);
      assert.equal(pair.invoices.get(INVOICE)?.paidTotal, 0n);
      assert.equal(pair.exchange({ kind: 'settle', hashes: [hash] }).kind, 'receipt');
      assert.deepEqual(totals(pair), [3n * DOGE, 3n * DOGE, 3n * DOGE, 3n * DOGE]);
      const again = { ...lock, expiry: after(lock.expiry, 1) };
      assertRefused(pair.exchange({ kind: 'lock', lock: again, invoice: INVOICE }), 'invoice-paid');
    });

    test('what is pending under no hash of the merchant’s own is not taken; under one for too little neither', () => {
      const pair = opened(contract);
      const lock = lockOf(pair, 3n * DOGE);
      assertRefused(pair.exchange({ kind: 'lock', lock }), 'lock-unknown');
      assert.equal(pair.payee?.best, undefined);
      assert.equal(fateOf(pair.payerState(), lock.hash).kind, 'pending', 'it was signed, and can be closed with');
      const hash = invoiceHash({ signer: payeeKey }, INVOICE);
      pair.invoice(INVOICE, 3n * DOGE, { hash });
      const short = { ...lock, hash, amount: amount(3n * DOGE - 1n) };
      assertRefused(pair.exchange({ kind: 'lock', lock: short, invoice: INVOICE }), 'invoice-unmet');
      assertRefused(pair.tellPayer({ kind: 'lock', lock: { ...short, amount: lock.amount }, invoice: INVOICE }), 'lock-repeated');
    });

    test('nothing that is pending is left out before the payee has given it up', () => {
      const pair = opened(contract);
      assert.equal(pair.pay(2n * DOGE).kind, 'receipt');
      const bare = pair.payerState().best ?? assert.fail();
      const lock = lockOf(pair, 3n * DOGE);
      forwarded(pair, lock);
      const { channel, deposits, terms } = pair.payerState();
      const paying = (total: bigint, locks: readonly HashLock[] = []): Pay => {
        const signed = terms.contract.sign(terms, deposits, amount(total), payerKey, undefined, locks.length > 0 ? locks : undefined);
        return { kind: 'payment', channel, payment: must(signed) };
      };
      for (const pay of [{ kind: 'payment', channel, payment: bare } as const, paying(2n * DOGE), paying(5n * DOGE - 1n)]) {
        assertRefused(pair.tellPayee({ kind: 'payment', pay, isForwarding: true }), 'lock-dropped');
      }
      must(pair.tellPayee({ kind: 'reveal', preimage: PREIMAGE }));
      assertRefused(pair.tellPayee({ kind: 'give-up', hash: lock.hash }), 'lock-unknown');
      assertRefused(pair.tellPayee({ kind: 'payment', pay: paying(4n * DOGE), isForwarding: true }), 'lock-dropped');
      must(pair.tellPayee({ kind: 'payment', pay: paying(5n * DOGE) }));
    });

    test('what the payee has given up is left out, and counts until the total has reached what a close with it pays', () => {
      const pair = opened(contract);
      assert.equal(pair.pay(2n * DOGE).kind, 'receipt');
      const lock = lockOf(pair, 3n * DOGE);
      forwarded(pair, lock);
      must(pair.tellPayee({ kind: 'give-up', hash: lock.hash }));
      assertRefused(pair.tellPayee({ kind: 'reveal', preimage: PREIMAGE }), 'lock-unknown');
      pair.exchange({ kind: 'resync' });
      assert.equal(pair.exchange({ kind: 'settle', hashes: [] }).kind, 'receipt');
      assert.deepEqual([pair.payee?.best?.locks, pair.payee?.failed], [undefined, undefined]);
      assert.equal(pair.pay(5n * DOGE - 1n).kind, 'receipt');
      assert.equal(fateOf(pair.payerState(), lock.hash).kind, 'pending');
      assert.equal(pair.payerState().signed, 5n * DOGE);
      assert.equal(pair.pay(5n * DOGE).kind, 'receipt');
      assert.equal(fateOf(pair.payerState(), lock.hash).kind, 'gone');
    });

    test('other payments carry what is pending, and their sum is bounded by the deposits', () => {
      const pair = opened(contract);
      const fee = pair.fixedFee;
      forwarded(pair, lockOf(pair, 3n * DOGE));
      assert.equal(pair.pay(2n * DOGE).kind, 'receipt');
      forwarded(pair, lockOf(pair, 4n * DOGE, OTHER));
      assert.equal(worthOf(pair.payee?.best), 9n * DOGE);
      assertRefused(
        pair.tellPayer({ kind: 'pay', total: amount(20n * DOGE - fee - 7n * DOGE + 1n), price: amount(0n) }),
        'total-above-capacity',
      );
      assert.equal(pair.pay(20n * DOGE - fee - 7n * DOGE).kind, 'receipt');
      const more = lockOf(pair, DOGE, new Uint8Array(32).fill(9));
      assertRefused(pair.tellPayer({ kind: 'lock', lock: more }), 'total-above-capacity');
      assertRefused(pair.tellPayer({ kind: 'end' }), 'lock-pending');
    });

    test('a lost answer changes nothing: the same is sent again, also from a memory before it', () => {
      const pair = opened(contract);
      assert.equal(pair.pay(2n * DOGE).kind, 'receipt');
      const before = pair.payerState();
      const lock = lockOf(pair, 3n * DOGE);
      const request = pair.request({ kind: 'lock', lock });
      if (request.kind !== 'payment') assert.fail();
      must(pair.tellPayee({ kind: 'payment', pay: request, isForwarding: true }));
      must(pair.tellPayee({ kind: 'reveal', preimage: PREIMAGE }));
      const again = pair.exchange({ kind: 'resend' });
      assert.ok(again.kind === 'receipt' && again.preimages?.length === 1);
      assert.equal(fateOf(pair.payerState(), lock.hash).kind, 'revealed');
      pair.payer = before;
      pair.exchange({ kind: 'resync' });
      assert.deepEqual(pair.payer.best?.locks, [lock], 'what it signed and forgot');
      assert.equal(pair.payerState().signed, 5n * DOGE);
      assert.equal(fateOf(pair.payerState(), lock.hash).kind, 'revealed');
      settledAfterResync(pair, lock);
      assert.deepEqual(totals(pair).slice(0, 2), [5n * DOGE, 5n * DOGE]);
    });

    test('a payee whose payer is gone closes with what is pending, and claims it with the preimage, which tells the payer', () => {
      const pair = opened(contract);
      assert.equal(pair.pay(2n * DOGE).kind, 'receipt');
      const lock = lockOf(pair, 3n * DOGE);
      forwarded(pair, lock);
      const close = closed(pair);
      assert.equal(paidTo(close, payeeScript), 2n * DOGE);
      pair.broadcasts.length = 0;
      must(pair.tellPayee(pair.view()));
      assert.deepEqual(pair.broadcasts, [], 'without the preimage nothing is claimed');
      assert.equal(pair.payeeState().kind, 'closing');
      must(pair.tellPayee({ kind: 'reveal', preimage: PREIMAGE }));
      must(pair.tellPayee(pair.view()));
      const [claim] = pair.broadcasts;
      assert.ok(claim !== undefined && paidTo(claim, payeeScript) > 2n * DOGE);
      must(pair.tellPayer(pair.view()));
      assert.equal(fateOf(pair.payerState(), lock.hash).kind, 'pending');
      pair.spend(claim, 0);
      must(pair.tellPayer(pair.view()));
      const fate = fateOf(pair.payerState(), lock.hash);
      assert.deepEqual(fate.kind === 'revealed' && fate.preimage, PREIMAGE);
      pair.spend(claim, 60);
      for (const tell of [() => pair.tellPayee(pair.view()), () => pair.tellPayer(pair.view())]) must(tell());
      const [payee, payer] = [pair.payeeState(), pair.payerState()];
      assert.ok(
        payee.kind === 'ended' && payee.how === 'closed' && payee.received === paidTo(close, payeeScript) + paidTo(claim, payeeScript),
      );
      assert.ok(payer.kind === 'ended' && payer.how === 'closed');
      assert.equal(fateOf(payer, lock.hash).kind, 'revealed', 'the proof of payment is kept');
    });

    test('what nobody has claimed the payer takes back from the height on, not before', () => {
      const pair = opened(contract);
      assert.equal(pair.pay(2n * DOGE).kind, 'receipt');
      const lock = lockOf(pair, 3n * DOGE);
      forwarded(pair, lock);
      closed(pair);
      pair.broadcasts.length = 0;
      for (const [tip, count] of [
        [lock.expiry - 1, 0],
        [lock.expiry, 1],
      ] as const) {
        pair.tip = height(tip);
        must(pair.tellPayer(pair.view()));
        assert.equal(pair.broadcasts.length, count, `at ${tip}`);
      }
      assert.equal(fateOf(pair.payerState(), lock.hash).kind, 'pending', 'until that is buried');
      const [back] = pair.broadcasts;
      assert.ok(back !== undefined && back.lockTime === lock.expiry && paidTo(back, returnScript) > 2n * DOGE);
      pair.spend(back, 60);
      pair.tip = after(lock.expiry, 60);
      must(pair.tellPayer(pair.view()));
      assert.equal(fateOf(pair.payerState(), lock.hash).kind, 'gone');
      must(pair.tellPayee(pair.view()));
      assert.deepEqual([pair.payeeState().kind, pair.payerState().kind], ['ended', 'ended']);
    });

    test('a payee that gave it up closes with it all the same: the payer has not forgotten it', () => {
      const pair = opened(contract);
      assert.equal(pair.pay(2n * DOGE).kind, 'receipt');
      const lock = lockOf(pair, 3n * DOGE);
      forwarded(pair, lock);
      const { terms, deposits, best = assert.fail() } = pair.payeeState();
      const closing = { terms, deposits, payment: best, signer: payeeKey };
      const old = must(contract.close([closing], { script: payeeScript, feeRate: pair.feeRate }));
      must(pair.tellPayee({ kind: 'give-up', hash: lock.hash }));
      pair.exchange({ kind: 'resync' });
      assert.equal(pair.exchange({ kind: 'settle', hashes: [] }).kind, 'receipt');
      mined(pair, old, [lock]);
      pair.tip = height(1_900);
      must(pair.tellPayer(pair.view()));
      assert.equal(fateOf(pair.payerState(), lock.hash).kind, 'pending');
      pair.broadcasts.length = 0;
      pair.tip = lock.expiry;
      must(pair.tellPayer(pair.view()));
      assert.equal(pair.broadcasts.length, 1);
    });
  });
}

const INVOICE = '00000000000000000000000000000001';

function sentAgain(pair: MachinePair, lock: HashLock): Pay {
  const { channel, deposits, terms, best } = pair.payerState();
  const signed = terms.contract.sign(terms, deposits, best?.total ?? (0n as Amount), payerKey, undefined, [lock]);
  return { kind: 'payment', channel, payment: must(signed) };
}
