import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { MachinePair } from '../../../test/world/machine-pair.ts';
import { assertRefused, keyNumber, must, payeeKey } from '../../../test/world/sample.ts';
import { bytesToHex } from '../base/bytes.ts';
import { after, type Height, height } from '../base/height.ts';
import { dogecoinRegtest } from '../coin/dogecoin.ts';
import { spendHashOf, spendSecret } from '../contract/age-lock.ts';
import type { HeldOutput } from '../contract/contract.ts';
import { revocableCsv } from '../contract/revocable-csv.ts';
import { spendSecretIn } from '../contract/revocable-csv-script.ts';
import type { Offer } from '../message/message.ts';
import { outpointKey, type Transaction, transactionId } from '../tx/transaction.ts';

const LTC = 100_000_000n;

function pairOf(alter: Partial<Offer> = {}): MachinePair {
  return new MachinePair({ contract: revocableCsv }, alter);
}

/** Announces one deposit of such a depth. */
function announced(pair: MachinePair, depth: number): ReturnType<MachinePair['exchange']> {
  pair.create();
  pair.fund([10n * LTC], depth);
  return pair.exchange({ kind: 'announce' });
}

/** The greatest depth at which a deposit opens late enough, whatever is undone. */
function oldest({ terms, tip }: MachinePair): number {
  const { ageLock, coin, expiry } = terms;
  return tip - coin.channel.buried + (ageLock?.blocks ?? 0) - expiry;
}

function broadcastSince({ broadcasts }: MachinePair, from: number): readonly Transaction[] {
  return broadcasts.slice(from);
}

/** A closed channel, its close in a block `depth` deep, and what that holds. */
function closed(
  pair: MachinePair,
  ...deposits: readonly bigint[]
): { readonly close: Transaction; readonly held: readonly HeldOutput[]; readonly bury: (depth: number) => void } {
  pair.open(10n * LTC, ...deposits);
  pair.pay(3n * LTC);
  must(pair.tellPayee({ kind: 'close' }));
  const close = pair.broadcasts.at(-1) ?? assert.fail('a close');
  const held = revocableCsv.revocation?.outputs(pair.terms, close, [pair.hash ?? assert.fail()]) ?? [];
  const bury = (depth: number): void => {
    pair.spend(close, depth);
    for (const one of held) pair.confirm(one, depth);
    must(pair.tellPayee(pair.view()));
  };
  return { close, held, bury };
}

describe('deposits that are locked by their own age', () => {
  test('one that would open before the expiry is not taken, though only a reorganisation mined it so early; one block younger is', () => {
    const limit = oldest(pairOf());
    assertRefused(announced(pairOf(), limit + 1), 'funding-too-old');
    assertRefused(announced(pairOf(), limit + 500), 'funding-too-old', 'an old coin at the same script');
    assert.equal(announced(pairOf(), limit).kind, 'accepted');
  });

  test('an older coin joins no channel as its top-up; a younger one does', () => {
    const pair = pairOf().open(10n * LTC);
    pair.fund([5n * LTC], oldest(pair) + 1);
    assertRefused(pair.exchange({ kind: 'announce' }), 'funding-too-old');
    assert.equal(pair.payee?.deposits.length, 1);
    const other = pairOf().open(10n * LTC);
    other.fund([5n * LTC]);
    assert.equal(other.exchange({ kind: 'announce' }).kind, 'accepted');
  });

  test('an offer with an age that no relative lock has, as a time or without effect, is refused by both sides', () => {
    const { offer } = pairOf();
    const { refundAge = 0 } = offer;
    const most = 0xffff - (offer.maxExpiry - offer.minExpiry);
    for (const wrong of [0, -1, 0.5, most + 1, 2 ** 22 + refundAge, 2 ** 31 + refundAge]) {
      assert.throws(() => pairOf({ refundAge: wrong }).create(), /offer-(malformed|excessive)/, String(wrong));
      const pair = pairOf();
      const reply = announced(pair, 10);
      assert.equal(reply.kind, 'accepted');
      pair.payee = undefined;
      assertRefused(pair.ask({ ...pair.announcement(), offer: { ...offer, refundAge: wrong } }), 'offer-malformed', String(wrong));
    }
    const { refundAge: _, ...silent } = offer;
    const { spendHash: __, ...hashless } = offer;
    for (const wrong of [silent, hashless]) {
      const pair = pairOf();
      Object.assign(pair, { offer: wrong });
      assert.throws(() => pair.create(), /offer-malformed/);
    }
    pairOf().create();
  });

  test('an expiry that the offer does not allow is refused, whatever age would come of it', () => {
    const pair = pairOf();
    announced(pair, 10);
    const right = pair.announcement();
    pair.payee = undefined;
    for (const expiry of [0, 1, 1_499, 3_001, 499_999_999]) {
      const reply = pair.ask({ ...right, expiry: height(expiry) });
      assert.ok(reply.kind === 'refusal' && /^expiry-too/.test(reply.code), `${expiry}`);
    }
    assert.equal(pair.ask(right).kind, 'accepted');
  });

  test('a chain without CSV has no such channel, whoever names one', () => {
    const pair = new MachinePair({ contract: revocableCsv, coin: dogecoinRegtest });
    assert.throws(() => pair.create(), /contract-unfit.*csv.*dogecoin/);
    const fine = pairOf();
    announced(fine, 10);
    fine.payee = undefined;
    assertRefused(fine.ask({ ...fine.announcement(), offer: pair.offer }), 'contract-unfit');
    assert.equal(fine.ask(fine.announcement()).kind, 'accepted');
  });

  test('a payer does not agree to a refund that is days later than the expiry', () => {
    const { offer, terms } = pairOf();
    const day = Math.ceil(86_400 / terms.coin.blockSeconds);
    assert.throws(() => pairOf({ refundAge: (offer.refundAge ?? 0) + day }).create(), /offer-excessive.*refundAge/);
    pairOf({ refundAge: (offer.refundAge ?? 0) + terms.coin.channel.buried }).create();
  });

  test('a payee answers for its own spend secret only', () => {
    const pair = pairOf({ spendHash: spendHashOf(keyNumber(9)) });
    assertRefused(announced(pair, 10), 'offer-unknown');
    assert.deepEqual(pairOf().offer.spendHash, spendHashOf(payeeKey));
  });

  test('the refund waits for the deposit’s age behind the expiry, and each deposit for its own', () => {
    const pair = pairOf();
    pair.create();
    const [old, young] = [pair.fund([10n * LTC], 10)[0], pair.fund([5n * LTC], 3)[0]];
    assert.ok(old !== undefined && young !== undefined);
    assert.equal(pair.exchange({ kind: 'announce' }).kind, 'accepted');
    must(pair.tellPayer({ kind: 'launch' }));
    const mined = [after(pair.tip, -9), after(pair.tip, -2)] as const;
    const at = (tip: Height): readonly Transaction[] => {
      pair.tip = tip;
      const from = pair.broadcasts.length;
      pair.confirm(old, tip - mined[0] + 1);
      pair.confirm(young, tip - mined[1] + 1);
      must(pair.tellPayer(pair.view()));
      return broadcastSince(pair, from);
    };
    const opens = mined.map((one) => height(revocableCsv.refundAt(pair.terms, one)));
    const [first = assert.fail(), second = assert.fail()] = opens;
    assert.ok(first > pair.terms.expiry);
    assert.deepEqual([at(height(pair.terms.expiry)), at(after(first, -1))], [[], []]);
    assert.deepEqual(
      at(first).map(({ inputs }) => inputs.map(({ outpoint }) => outpoint.txid)),
      [[old.outpoint.txid]],
    );
    assert.equal(at(second).flatMap(({ inputs }) => inputs).length >= 2, true);
  });
});

describe('payouts that show the spend secret', () => {
  test('wait for the delay since the close’s own block, and anew where that is undone', () => {
    const pair = pairOf();
    const { close, bury } = closed(pair);
    const delay = pair.terms.revocation?.payoutDelay ?? assert.fail();
    const payoutsAt = (depth: number): readonly Transaction[] => {
      const from = pair.broadcasts.length;
      bury(depth);
      return broadcastSince(pair, from).filter(({ inputs }) => inputs.some(({ outpoint }) => outpoint.txid === transactionId(close)));
    };
    for (const early of [0, 1, pair.terms.coin.channel.buried, delay - 1]) assert.deepEqual(payoutsAt(early), [], `${early} deep`);
    const [payout, ...others] = payoutsAt(delay);
    assert.deepEqual([payout?.inputs[0]?.sequence, others], [delay, []]);
    assert.deepEqual(payoutsAt(delay - 1), [], 'mined again, later');
  });

  test('show it nowhere else', () => {
    const pair = pairOf();
    const { bury } = closed(pair);
    bury(1);
    const secret = spendSecret(payeeKey);
    const isShown = (tx: Transaction): boolean => tx.inputs.some(({ script }) => bytesToHex(script).includes(bytesToHex(secret)));
    assert.ok(pair.broadcasts.length > 0 && !pair.broadcasts.some(isShown));
    const delay = pair.terms.revocation?.payoutDelay ?? assert.fail();
    bury(delay);
    const payout = pair.broadcasts.at(-1) ?? assert.fail();
    assert.ok(isShown(payout));
    const { payerKey, payeeKey: payee, ageLock, revocation } = pair.terms;
    const commit = {
      ...{ payerKey: revocation?.penaltyKey ?? payerKey, payeeKey: payee, spendHash: ageLock?.spendHash ?? assert.fail(), delay },
      revokeHash: pair.hash ?? assert.fail(),
    };
    assert.deepEqual(spendSecretIn(payout.inputs[0]?.script ?? new Uint8Array(), commit), secret);
  });
});

/** What takes a deposit that no close spent, in what the payer sends when it looks. */
function takings(pair: MachinePair): readonly Transaction[] {
  const from = pair.broadcasts.length;
  must(pair.tellPayer(pair.view()));
  const [, second] = pair.payerState().deposits;
  return broadcastSince(pair, from).filter(({ inputs }) => inputs.some(({ outpoint }) => outpoint.txid === second?.outpoint.txid));
}

describe('what a close leaves at the deposits’ script', () => {
  test('is the payer’s as soon as a payout shows the spend secret, long before it opens by its age; and never while none does', () => {
    const pair = pairOf();
    const { bury, held } = closed(pair, 5n * LTC);
    const delay = pair.terms.revocation?.payoutDelay ?? assert.fail();
    for (const depth of [0, 1, delay - 1]) {
      bury(depth);
      assert.deepEqual(takings(pair), [], `nothing shown, the close ${depth} deep`);
    }
    bury(delay);
    const payout = pair.broadcasts.at(-1) ?? assert.fail();
    assert.deepEqual(takings(pair), [], 'sent, but nowhere to be seen');
    pair.spend(payout, 0);
    assert.ok(pair.tip < pair.terms.expiry);
    const [change, ...others] = takings(pair);
    assert.deepEqual([others, change?.lockTime, change?.inputs[0]?.sequence], [[], 0, revocableCsv.form.sequence]);
    assert.ok(bytesToHex(change?.inputs[0]?.script ?? new Uint8Array()).includes(bytesToHex(spendSecret(payeeKey))));
    assert.equal(revocableCsv.recognise(change?.inputs[0]?.script ?? new Uint8Array()), 'refund');
    assert.equal(pair.payerState().unrevoked?.length, held.length);
    pair.spend(change ?? assert.fail(), pair.terms.coin.channel.buried);
    pair.spend(payout, pair.terms.coin.channel.buried);
    bury(delay + pair.terms.coin.channel.buried);
    pair.spend(payout, pair.terms.coin.channel.buried);
    must(pair.tellPayer(pair.view()));
    assert.deepEqual([pair.payer?.kind, pair.payer?.kind === 'ended' && pair.payer.how], ['ended', 'closed']);
  });

  test('stays where a reorganisation undoes close and payout: what was paid is not taken back with a secret that is out', () => {
    const pair = pairOf();
    const { bury, held } = closed(pair, 5n * LTC);
    bury(pair.terms.revocation?.payoutDelay ?? assert.fail());
    pair.spend(pair.broadcasts.at(-1) ?? assert.fail(), 1);
    must(pair.tellPayer(pair.view()));
    pair.spends.clear();
    for (const { outpoint } of held) pair.chain.delete(outpointKey(outpoint));
    const from = pair.broadcasts.length;
    must(pair.tellPayer(pair.view()));
    assert.deepEqual([broadcastSince(pair, from), pair.payerState().unrevoked], [[], undefined]);
  });
});
