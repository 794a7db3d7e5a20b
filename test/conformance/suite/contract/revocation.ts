import assert from 'node:assert/strict';
import { type Amount, amount, feeFor } from '../../../../src/core/base/amount.ts';
import { after, type Height, height, LOCK_TIME_THRESHOLD } from '../../../../src/core/base/height.ts';
import { penaltySigner } from '../../../../src/core/channel/payer-revocation.ts';
import { spendSecret } from '../../../../src/core/contract/age-lock.ts';
import type { Contract, Deposit, HeldOutput, Payment, Revocation, RevocationHash, Terms } from '../../../../src/core/contract/contract.ts';
import { closeSize } from '../../../../src/core/contract/tx-size.ts';
import { hash160, p2pkh, readScript, script } from '../../../../src/core/tx/script.ts';
import { SIGHASH, signatureHash } from '../../../../src/core/tx/sighash.ts';
import { encodeSignature, type Signer } from '../../../../src/core/tx/sign.ts';
import { type Transaction, transactionId, transactionSize } from '../../../../src/core/tx/transaction.ts';
import { assertRefused, must } from '../../../world/sample.ts';
import { type Case, type Channel, type ChannelOptions, SECRET, type World } from './world.ts';

const SCRIPT_FAILED = /script-verify-flag/;
const EARLY = /script-verify-flag|non-BIP68-final/;
const HASH: RevocationHash = hash160(SECRET);
const OTHER: RevocationHash = hash160(new Uint8Array(32).fill(6));

function revocationOf({ contract }: World): Revocation {
  return contract.revocation ?? assert.fail('payments of this contract can be taken back');
}

/** A channel whose payout is a few blocks off. */
function shortChannel(world: World, options: ChannelOptions = {}): Channel {
  const channel = world.channel({ life: 10, ...options });
  const { revocation } = channel.terms;
  return revocation === undefined
    ? assert.fail()
    : { ...channel, terms: { ...channel.terms, revocation: { ...revocation, payoutDelay: shortDelay(world) } } };
}

/** Where the payout shows a secret, it waits until the close is buried. */
function shortDelay({ contract, coin }: World): number {
  return contract.expiryIn === 'age' ? coin.channel.buried : 8;
}

/** The height at which what a close in the chain holds can be paid out. */
function payoutHeight(world: World, { terms }: Channel, held: readonly HeldOutput[]): Height {
  const heights = held.map((one) => revocationOf(world).payoutAt(terms, world.minedAt(one)));
  return height(Math.max(...heights));
}

/** What a close of such a channel holds, in the chain; the payer's signatures matter to that no more. */
function heldIn(world: World, { terms }: Channel, value: Amount, hash = HASH): HeldOutput {
  return { ...world.coinFor(world.contract.paysTo(terms, hash), value), hash };
}

function payoutOf(world: World, { terms, payee }: Channel, held: readonly HeldOutput[], signer: Signer = payee): Transaction {
  return must(revocationOf(world).payout(terms, held, world.payout, signer));
}

function penaltyOf(world: World, { terms, payer }: Channel, held: readonly HeldOutput[], secret = SECRET): Transaction {
  const revoked = held.map((one) => ({ ...one, secret }));
  return must(revocationOf(world).penalty(terms, revoked, world.payout, penaltySigner(payer)));
}

/** Signed anew by who signed it, after a change to it. */
function changed(tx: Transaction, signer: Signer, change: (tx: Transaction) => Transaction): Transaction {
  const next = change(tx);
  const inputs = next.inputs.map((input, i) => {
    const [, ...rest] = readScript(input.script) ?? assert.fail();
    const code = rest.at(-1);
    if (!(code instanceof Uint8Array)) assert.fail('the script comes last');
    const signature = encodeSignature(signer.sign(signatureHash(next, i, code, SIGHASH.ALL)), SIGHASH.ALL);
    return { ...input, script: script(signature, ...rest) };
  });
  return { ...next, inputs };
}

function closesIntoHeld(world: World): void {
  const channel = shortChannel(world);
  const total = world.money(300n);
  const commit = world.closed(channel, total);
  const [held, ...others] = revocationOf(world).outputs(channel.terms, commit, [OTHER, HASH]);
  assert.deepEqual(others, []);
  assert.deepEqual(held, { outpoint: { txid: transactionId(commit), vout: 1 }, value: total, hash: HASH });
  assert.deepEqual(commit.outputs[0]?.script, p2pkh(channel.payer.publicKey), 'the payer waits for nothing');
  world.assertCost(commit, channel.deposits, closeSize(channel.terms, 1, 2));
  world.accepts(commit);
}

/** Refused one block early, and with any lock that would open earlier. */
function paysOutAtItsHeight(world: World): void {
  const channel = shortChannel(world);
  const { terms, payee } = channel;
  const commit = world.closed(channel, world.money(300n));
  world.accepts(commit);
  const commitAt = world.paced.tip;
  const held = revocationOf(world).outputs(terms, commit, [HASH]);
  const at = payoutHeight(world, channel, held);
  assert.equal(at, world.contract.expiryIn === 'age' ? after(commitAt, shortDelay(world) - 1) : after(terms.expiry, 8));
  const payout = payoutOf(world, channel, held);
  world.assertCost(payout, held, revocationOf(world).payoutSize);
  world.paced.mineBefore(at);
  world.refuses(payout, /non-(BIP68-)?final/);
  for (const change of world.contract.expiryIn === 'age'
    ? earlierByAge(payout)
    : [
        (tx: Transaction): Transaction => ({ ...tx, lockTime: at - 1 }),
        (tx: Transaction): Transaction => ({ ...tx, lockTime: 0 }),
        (tx: Transaction): Transaction => ({ ...tx, inputs: tx.inputs.map((input) => ({ ...input, sequence: 0xffff_ffff })) }),
      ]) {
    world.refuses(changed(payout, payee, change), EARLY);
  }
  world.paced.mine(1);
  assert.equal(world.paced.tip, at);
  for (const key of [channel.payer, penaltySigner(channel.payer), world.key()]) {
    world.refuses(payoutOf(world, channel, held, key), SCRIPT_FAILED);
  }
  world.accepts(payout);
  world.refuses(penaltyOf(world, channel, held), /inputs/);
}

/** One block less, an age in time (BIP68's type flag), and none at all (its disable flag). */
function earlierByAge({ inputs: [input] }: Transaction): readonly ((tx: Transaction) => Transaction)[] {
  const { sequence: delay } = input ?? assert.fail();
  const withSequence =
    (sequence: number) =>
    (tx: Transaction): Transaction => ({ ...tx, inputs: tx.inputs.map((one) => ({ ...one, sequence })) });
  return [delay - 1, 0, 2 ** 22 + delay, 2 ** 22, 2 ** 31 + delay, 0xffff_ffff].map(withSequence);
}

/** Also behind the payout's height, as long as the payee has not taken it. */
function punishesAtOnce(world: World): void {
  const channel = shortChannel(world);
  const commit = world.closed(channel, world.money(300n));
  const held = revocationOf(world).outputs(channel.terms, commit, [HASH]);
  const penalty = penaltyOf(world, channel, held);
  world.assertCost(penalty, held, revocationOf(world).penaltySize);
  for (const tx of [commit, penalty]) assert.equal(world.regtest.broadcast(tx).kind, 'accepted');
  world.paced.mine(1);
  for (const tx of [commit, penalty]) assert.equal(world.regtest.transaction(transactionId(tx))?.depth, 1, 'both in the next block');
  const late = shortChannel(world);
  const kept = [heldIn(world, late, world.money(300n))];
  world.paced.mineBefore(payoutHeight(world, late, kept));
  world.paced.mine(2);
  world.accepts(penaltyOf(world, late, kept));
}

function punishesBySecretAndKey(world: World): void {
  const channel = shortChannel(world);
  const held = [heldIn(world, channel, world.money(300n))];
  const right = penaltyOf(world, channel, held);
  for (const secret of [
    new Uint8Array(32).fill(6),
    new Uint8Array(32),
    SECRET.subarray(1),
    Uint8Array.of(...SECRET, 0),
    new Uint8Array(),
  ]) {
    world.refuses(penaltyOf(world, channel, held, secret), SCRIPT_FAILED);
  }
  for (const key of [channel.payer, channel.payee, world.key()]) {
    world.refuses(
      changed(right, key, (tx) => tx),
      SCRIPT_FAILED,
    );
  }
  world.accepts(changed(right, penaltySigner(channel.payer), (tx) => tx));
}

/** A hash of what is no secret of the right length is nobody's penalty, not even of who knows it. */
function secretsHaveOneLength(world: World): void {
  for (const size of [31, 33]) {
    const secret = new Uint8Array(size).fill(5);
    const channel = shortChannel(world);
    const held = [heldIn(world, channel, world.money(300n), hash160(secret))];
    world.refuses(penaltyOf(world, channel, held, secret), SCRIPT_FAILED);
    world.paced.mineBefore(payoutHeight(world, channel, held));
    world.paced.mine(1);
    world.accepts(payoutOf(world, channel, held));
  }
}

function takesSeveral(world: World): void {
  const channel = shortChannel(world);
  const [one, two, three, four] = [10n, 20n, 30n, 40n].map((dusts) => heldIn(world, channel, world.money(dusts)));
  assert.ok(one !== undefined && two !== undefined && three !== undefined && four !== undefined);
  const penalty = penaltyOf(world, channel, [one, two]);
  world.assertCost(penalty, [one, two], 2 * revocationOf(world).penaltySize);
  world.accepts(penalty);
  world.paced.mineBefore(payoutHeight(world, channel, [three, four]));
  world.paced.mine(1);
  const payout = payoutOf(world, channel, [three, four]);
  world.assertCost(payout, [three, four], 2 * revocationOf(world).payoutSize);
  world.accepts(payout);
}

/** The bounds are those of heights of full length and of the longest signatures: what is made comes near, and never above. */
function keepsItsSizes(world: World): void {
  const { payoutSize, penaltySize } = revocationOf(world);
  const longest = { payout: 0, penalty: 0 };
  for (let i = 0; i < 40; i++) {
    const { terms, payer, payee } = world.terms({});
    const { revocation } = terms;
    const far = {
      ...terms,
      expiry: height(LOCK_TIME_THRESHOLD - 1 - i),
      ...(terms.ageLock && revocation && { revocation: { ...revocation, payoutDelay: 0xffff - i } }),
    };
    const channel: Channel = { terms: far, payer, payee, deposits: [] };
    const held = [{ outpoint: { txid: transactionId(EMPTY), vout: i }, value: world.money(300n), hash: HASH }];
    const [payout, penalty] = [payoutOf(world, channel, held), penaltyOf(world, channel, held)];
    assert.ok(payout.lockTime < LOCK_TIME_THRESHOLD, 'a height still');
    longest.payout = Math.max(longest.payout, transactionSize(payout));
    longest.penalty = Math.max(longest.penalty, transactionSize(penalty));
  }
  // A signature of the greatest length is one in two; a script's length takes one byte less than it could.
  for (const [made, bound] of [
    [longest.payout, payoutSize],
    [longest.penalty, penaltySize],
  ] as const) {
    assert.ok(made <= bound && made >= bound - 4, `${made} where ${bound} were promised`);
  }
}

const EMPTY: Transaction = { version: 1, inputs: [], outputs: [], lockTime: 0 };

function knowsItsOutputs(world: World): void {
  const channel = world.channel();
  const { terms } = channel;
  const { revocation } = terms;
  if (revocation === undefined) assert.fail();
  const { outputs } = revocationOf(world);
  const commit = world.closed(channel, world.money(300n));
  const foreign: readonly (readonly [string, Terms, readonly RevocationHash[]])[] = [
    ['no hash', terms, []],
    ['another hash', terms, [OTHER]],
    ['another payout', { ...terms, revocation: { ...revocation, payoutDelay: revocation.payoutDelay + 1 } }, [HASH]],
    [
      'another expiry, or another spend secret where that stands in its place',
      { ...terms, expiry: after(terms.expiry, 1), ...(terms.ageLock && { ageLock: { ...terms.ageLock, spendHash: OTHER } }) },
      [HASH],
    ],
    ['another payee', { ...terms, payeeKey: world.key().publicKey }, [HASH]],
    ['another penalty key', { ...terms, revocation: { ...revocation, penaltyKey: world.key().publicKey } }, [HASH]],
  ];
  for (const [label, others, hashes] of foreign) assert.deepEqual(outputs(others, commit, hashes), [], label);
  const agreed = { total: world.money(300n), payerScript: p2pkh(channel.payer.publicKey), fee: world.closingFee(1, 2) };
  assert.deepEqual(outputs(terms, must(world.contract.agree(terms, channel.deposits, agreed)), [HASH]), [], 'an agreed end');
  assert.deepEqual(
    outputs(terms, must(world.contract.refund(terms, channel.deposits, world.payout, channel.payer)), [HASH]),
    [],
    'a refund',
  );
  const [one, two] = [HASH, OTHER].map((hash) => ({ value: world.dust, script: world.contract.paysTo(terms, hash) }));
  assert.ok(one !== undefined && two !== undefined);
  const made = { ...EMPTY, outputs: [two, { value: 1n, script: world.payout.script }, one] };
  assert.deepEqual(
    outputs(terms, made, [HASH, OTHER]).map(({ outpoint: { vout }, hash }) => [vout, hash]),
    [
      [0, OTHER],
      [2, HASH],
    ],
  );
}

/** Signatures under one hash are nothing under another. */
function paysUnderOneHash(world: World): void {
  const channel = world.channel();
  const { terms, deposits } = channel;
  const right = world.paid(channel, world.money(300n));
  const verified = (payment: Payment): unknown => world.contract.verify(terms, deposits, payment, undefined, world.subject.verify);
  assertRefused(verified({ ...right, hash: OTHER }), 'signature-wrong');
  assert.deepEqual(verified(right), right);
  const { hash: _, ...unnamed } = right;
  assert.throws(() => verified(unnamed), /needs a revocation hash/);
}

function edgesOfClaims(world: World): void {
  const channel = world.channel();
  const { terms, payer, payee } = channel;
  const { payout, penalty, payoutSize, penaltySize } = revocationOf(world);
  const worth = (value: bigint): Deposit & HeldOutput => ({
    outpoint: { txid: transactionId(EMPTY), vout: 0 },
    value: amount(value),
    hash: HASH,
  });
  const least = (size: number): bigint => world.dust + feeFor(size, world.coin.policy.feeRate);
  const [ofPayee, ofPayer] = [least(payoutSize), least(penaltySize)];
  assertRefused(payout(terms, [worth(ofPayee - 1n)], world.payout, payee), 'fee-unaffordable');
  assert.equal(must(payout(terms, [worth(ofPayee)], world.payout, payee)).outputs[0]?.value, world.dust);
  const revoked = (value: bigint): Parameters<typeof penalty>[1] => [{ ...worth(value), secret: SECRET }];
  assertRefused(penalty(terms, revoked(ofPayer - 1n), world.payout, penaltySigner(payer)), 'fee-unaffordable');
  assert.equal(must(penalty(terms, revoked(ofPayer), world.payout, penaltySigner(payer))).outputs[0]?.value, world.dust);
}

/** What is refused is told with what would do, and that does. */
function refusesWindows(world: World): void {
  const { refuseTerms, leastPayoutDelay } = revocationOf(world);
  const { coin } = world;
  const { signing } = world.terms({}).terms;
  const fine = { coin, signing, closingMargin: 100_000, payoutDelay: 60_000 };
  assert.equal(refuseTerms(fine), undefined);
  for (const name of ['closingMargin', 'payoutDelay'] as const) {
    const refused = refuseTerms({ ...fine, [name]: 1 });
    assertRefused(refused, 'window-too-short', name);
    const least = Number(refused.detail['least']);
    assert.equal(refused.detail[name], '1');
    assert.equal(refuseTerms({ ...fine, [name]: least }), undefined, 'what was named would do');
    assertRefused(refuseTerms({ ...fine, [name]: least - 1 }), 'window-too-short', `${name}, one less`);
    if (name === 'payoutDelay') assert.equal(least, leastPayoutDelay(coin));
    else assert.ok(least > coin.channel.buried, 'a close is buried by the expiry');
  }
  const { payoutDelay: _, ...silent } = fine;
  assertRefused(refuseTerms(silent), 'window-too-short', 'no delay at all');
  assertRefused(refuseTerms({ ...fine, signing: { kind: 'flexible', slot: 0 } }), 'contract-unfit');
}

/** Dogecoin has no relative locks (BIP112): there OP_CSV holds nobody up. */
function needsNoCsv(world: World): void {
  assert.deepEqual(world.contract.needs, ['cltv']);
  const channel = shortChannel(world);
  const held = [heldIn(world, channel, world.money(300n))];
  const commitScript = readScript(payoutOf(world, channel, held).inputs[0]?.script ?? new Uint8Array())?.at(-1);
  if (!(commitScript instanceof Uint8Array)) assert.fail();
  for (const code of [commitScript, world.contract.redeemScript(channel.terms)]) {
    assert.ok(!readScript(code)?.some((part) => part === OP_CSV));
  }
}

const OP_CSV = 0xb2;

/** What no relative lock can count is refused, whoever names it. */
function refusesDelays(world: World): void {
  const { coin } = world;
  const { signing } = world.terms({}).terms;
  const fine = { coin, signing, closingMargin: 1_000, payoutDelay: 0xffff };
  assert.equal(revocationOf(world).refuseTerms(fine), undefined);
  for (const payoutDelay of [0x1_0000, 2 ** 22 + 1_000, 2 ** 31 + 1_000]) {
    assertRefused(revocationOf(world).refuseTerms({ ...fine, payoutDelay }), 'window-too-long', String(payoutDelay));
  }
}

/** A refund that says less than the deposit's script, or says it as a time, or not at all. */
function refundsByAge(world: World): void {
  const channel = world.channel({ life: 10 });
  const { payer, terms, deposits } = channel;
  const refund = must(world.contract.refund(terms, deposits, world.payout, payer));
  for (const change of earlierByAge(refund)) world.refuses(changed(refund, payer, change), EARLY);
  world.paced.mineBefore(world.opensAt(channel));
  for (const change of earlierByAge(refund)) world.refuses(changed(refund, payer, change), EARLY);
  world.refuses(refund, /non-BIP68-final/);
  const younger = { ...channel, deposits: [world.coinFor(world.contract.outputScript(terms), world.money(500n))] };
  world.refuses(must(world.contract.refund(terms, [...deposits, ...younger.deposits], world.payout, payer)), /non-BIP68-final/);
  world.accepts(refund);
}

/** Until the delay is over the payee's secret is nowhere; then the payout shows it, and whoever has it opens what is left of the deposits. */
function showsItsSecretLate(world: World): void {
  const { terms } = world.channel();
  const { payoutDelay } = terms.revocation ?? assert.fail();
  const { buried } = world.coin.channel;
  const { payoutAt } = revocationOf(world);
  assert.equal(payoutAt(terms, height(100)), 99 + payoutDelay);
  for (const short of [1, buried - 1, buried]) {
    const hasty = { ...terms, revocation: { ...(terms.revocation ?? assert.fail()), payoutDelay: short } };
    assert.equal(payoutAt(hasty, height(100)), 99 + buried, 'not before the close is buried, whatever the delay');
  }
}

/** What lies at the deposits' script is the payer's with the secret that a payout has shown, whatever its age; with another, or with another key, it is not. */
function opensTheRestBySecret(world: World): void {
  const channel = shortChannel(world);
  const { terms, payer, payee } = channel;
  const { change } = world.contract;
  if (change === undefined) assert.fail('a payout of this contract shows a secret');
  const commit = world.closed(channel, world.money(300n));
  world.accepts(commit);
  const held = revocationOf(world).outputs(terms, commit, [HASH]);
  const [one] = held;
  if (one === undefined) assert.fail();
  world.paced.mineBefore(payoutHeight(world, channel, held));
  world.paced.mine(1);
  const payout = payoutOf(world, channel, held);
  world.accepts(payout);
  const rest = [400n, 500n].map((dusts) => world.coinFor(world.contract.outputScript(terms), world.money(dusts)));
  const unlock = payout.inputs[0]?.script ?? assert.fail();
  const secret = change.secretIn(terms, one, unlock) ?? assert.fail('it is shown');
  assert.deepEqual([change.secretIn(terms, { ...one, hash: OTHER }, unlock), secret], [undefined, spendSecret(payee)]);
  const penalty = penaltyOf(world, channel, held).inputs[0]?.script ?? assert.fail();
  assert.equal(change.secretIn(terms, one, penalty), undefined, 'a penalty shows another');
  const take = (shown: Uint8Array, key: Signer): Transaction => must(change.take(terms, rest, shown, world.payout, key));
  world.refuses(take(SECRET, payer), SCRIPT_FAILED);
  world.refuses(take(secret, payee), SCRIPT_FAILED);
  const taken = take(secret, payer);
  assert.equal(world.contract.recognise(taken.inputs[0]?.script ?? assert.fail()), 'refund');
  world.assertCost(taken, rest, 2 * 373);
  world.accepts(taken);
}

const byHeight: readonly Case[] = [
  ['a secret of 31 or 33 bytes is none, though its hash is the right one', secretsHaveOneLength],
  ['absolute locks do: no rule is needed that Dogecoin lacks', needsNoCsv],
];
const byAge: readonly Case[] = [
  ['a delay that no relative lock can count is refused', refusesDelays],
  [
    'a refund with a lower, a time-form or a disabled age is refused by relay and by a block; a younger deposit holds an older one up',
    refundsByAge,
  ],
  ['no payout goes out before its close is buried', showsItsSecretLate],
  ['what lies at the deposits’ script opens by the secret that a payout has shown, and by the payer’s key', opensTheRestBySecret],
];

/** For contracts whose payments can be taken back. */
export const revocationCases = ({ expiryIn }: Contract): readonly Case[] => [
  ...(expiryIn === 'age' ? byAge : byHeight),
  ["a close holds the payee's part, and pays the payer at once", closesIntoHeld],
  ['a payout is refused by relay and by a block until its height, and is the payee’s alone', paysOutAtItsHeight],
  ['a revoked close is punished at once, as the child of an unmined one, and behind the payout’s height', punishesAtOnce],
  ['a penalty needs the secret and the key that the terms name', punishesBySecretAndKey],
  ['several held outputs are taken at once', takesSeveral],
  ['payout and penalty keep their sizes, with heights of full length too', keepsItsSizes],
  ['exactly what a close holds under these terms and hashes is known', knowsItsOutputs],
  ['signatures hold under one hash only', paysUnderOneHash],
  ['a payout or penalty is refused when it would not be worth an output', edgesOfClaims],
  ['windows that are too short are refused with those that would do', refusesWindows],
];
