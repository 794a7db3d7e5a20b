import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { MachinePair } from '../../../test/world/machine-pair.ts';
import { assertRefused, must, payeeKey, payerKey } from '../../../test/world/sample.ts';
import { amount } from '../base/amount.ts';
import { height } from '../base/height.ts';
import type { RevocationHash } from '../contract/contract.ts';
import { revocable } from '../contract/revocable.ts';
import type { RevocationState } from '../message/message.ts';
import { outpointKey } from '../tx/transaction.ts';
import { secretOf, withSetBack } from './payee-revocation.ts';
import type { PayeeState } from './payee-state.ts';

const DOGE = 100_000_000n;
let orders = 0;

function offered(pair: MachinePair, value: bigint): NonNullable<RevocationState['giveBack']> {
  must(pair.tellPayee({ kind: 'give-back', order: `${orders++}`, amount: amount(value) }));
  const state = pair.exchange({ kind: 'resync' });
  return (state.kind === 'state' ? state.revocation?.giveBack : undefined) ?? assert.fail('nothing is given back');
}

function giveBack(pair: MachinePair, value: bigint): void {
  assert.equal(pair.exchange({ kind: 'take-back', ...offered(pair, value) }).kind, 'receipt');
}

/** 30 were paid; the payee's copy was made when money had come back `before` times, and it did `times` times since. */
function setBack(times: number, before: number, value: bigint = 5n * DOGE): MachinePair {
  const pair = new MachinePair({ contract: revocable }).open(100n * DOGE);
  pair.pay(30n * DOGE);
  for (let i = 0; i < before; i++) giveBack(pair, DOGE);
  const copy: PayeeState = pair.payeeState();
  for (let i = 0; i < times; i++) giveBack(pair, value);
  pair.payee = withSetBack(copy);
  return pair;
}

/** A payer that pays under any hash it likes. */
function payUnder(pair: MachinePair, total: bigint, hash: RevocationHash | undefined, invoice?: string): string {
  const { terms, deposits, channel } = pair.openPayer();
  const payment = must(terms.contract.sign(terms, deposits, amount(total), payerKey, hash));
  const reply = pair.ask({ kind: 'payment', channel, payment, ...(invoice && { invoice }) });
  return reply.kind === 'refusal' ? reply.code : reply.kind;
}

describe('a merchant that was set back to an older copy', () => {
  for (const times of [0, 1, 2]) {
    test(`sells nothing, under whatever hash: money came back ${times} times since`, () => {
      const pair = setBack(times, 1);
      const { hash } = pair;
      const before = pair.payeeState();
      const invoice = pair.invoice('0'.repeat(32), DOGE);
      assert.equal(payUnder(pair, 40n * DOGE, hash, invoice.id), 'payee-set-back');
      const { channel, terms, deposits } = pair.openPayer();
      const payment = must(terms.contract.sign(terms, deposits, amount(40n * DOGE), payerKey, hash));
      assertRefused(pair.tellPayee({ kind: 'increment', pay: { kind: 'payment', channel, payment } }), 'payee-set-back');
      assert.deepEqual(pair.payeeState(), before);
    });
  }

  for (const [times, before] of [
    [1, 0],
    [2, 0],
    [1, 3],
    [6, 1],
  ] as const) {
    test(`an honest payer hands over what is left, and ends the channel for that: ${times} times since, ${before} before`, () => {
      const pair = setBack(times, before, 2n * DOGE);
      const left = BigInt(30 - before - 2 * times) * DOGE;
      assertRefused(pair.pay(left + DOGE), 'hash-outdated');
      pair.exchange({ kind: 'resync' });
      assert.equal(pair.exchange({ kind: 'hand-over' }).kind, 'receipt');
      const { best, revoked, spent } = pair.payeeState();
      assert.deepEqual([best?.total, revoked, spent], [left, before + times, 0n]);
      const end = pair.exchange({ kind: 'end' });
      assert.equal(end.kind, 'ended');
    });
  }

  test('a payer to whom all was given back hands that over', () => {
    const pair = setBack(1, 1, 29n * DOGE);
    assert.equal(pair.exchange({ kind: 'hand-over' }).kind, 'receipt');
    const { best, revoked, setBack: isNoted } = pair.payeeState();
    assert.deepEqual([best, revoked, isNoted], [undefined, 2, true]);
  });

  test('what is handed over is no credit, and is taken once', () => {
    const pair = setBack(2, 0);
    pair.exchange({ kind: 'hand-over' });
    const after = pair.payeeState();
    assert.equal(pair.exchange({ kind: 'hand-over' }).kind, 'receipt');
    assert.deepEqual(pair.payeeState(), after);
    assert.equal(payUnder(pair, 25n * DOGE, pair.hash, pair.invoice('0'.repeat(32), DOGE).id), 'payee-set-back');
  });

  test('secrets that are not its own, or that it knows to be shown, move nothing', () => {
    const pair = setBack(3, 1);
    const before = pair.payeeState();
    const { channel, best: payment = assert.fail() } = pair.openPayer();
    const tell = (index: number, secret: Uint8Array): void => {
      assertRefused(pair.ask({ kind: 'payment', channel, payment, lastSecret: { index, secret } }), 'hash-outdated');
      assert.deepEqual(pair.payeeState(), before);
    };
    const keys = { signer: payeeKey };
    tell(3, new Uint8Array(32).fill(7));
    tell(2 ** 47, secretOf(keys, 3));
    tell(2, secretOf(keys, 3));
    tell(0, secretOf(keys, 0));
    assert.equal(pair.ask({ kind: 'payment', channel, payment, lastSecret: { index: 3, secret: secretOf(keys, 3) } }).kind, 'receipt');
  });
});

test('a channel that closes keeps what it closes with, whatever secret is shown', () => {
  const pair = setBack(2, 0);
  must(pair.tellPayee({ kind: 'close' }));
  const before = pair.payeeState();
  const reply = pair.exchange({ kind: 'hand-over' });
  assert.equal(reply.kind === 'refusal' ? reply.code : reply.kind, 'hash-outdated');
  assert.deepEqual(pair.payeeState(), before);
});

test('a merchant that has only its seed takes what an honest payer hands over, and sells nothing on it', () => {
  const pair = new MachinePair({ contract: revocable }).open(100n * DOGE);
  pair.pay(30n * DOGE);
  giveBack(pair, 20n * DOGE);
  pair.payee = undefined;
  assert.equal(pair.exchange({ kind: 'announce' }).kind, 'accepted');
  assert.equal(pair.exchange({ kind: 'hand-over' }).kind, 'receipt');
  assert.equal(payUnder(pair, 25n * DOGE, pair.hash, pair.invoice('0'.repeat(32), DOGE).id), 'payee-set-back');
});

test('a channel of another store sells nothing from the start where money can come back, and all else as before', () => {
  const storeNumber = (number: number): Uint8Array => new Uint8Array(16).fill(number);
  for (const [store, isNoted] of [
    [1, undefined],
    [2, true],
  ] as const) {
    const pair = new MachinePair({ contract: revocable }, { origin: { store: storeNumber(1), until: height(2_000) } }).open(100n * DOGE);
    const announce = pair.announcement();
    const funding = announce.deposits.flatMap(({ outpoint }) => pair.chain.get(outpointKey(outpoint)) ?? []);
    pair.payee = undefined;
    const standing = { store: storeNumber(store), isRecovering: true, terms: pair.offer };
    must(pair.tellPayee({ kind: 'announce', announce, funding, standing }));
    assert.equal(pair.payeeState().setBack, isNoted);
  }
});
