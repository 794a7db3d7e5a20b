import assert from 'node:assert/strict';
import { type Amount, amount, feeFor, ZERO } from '../../../../src/core/base/amount.ts';
import { after, type Height, height, LOCK_TIME_THRESHOLD } from '../../../../src/core/base/height.ts';
import { isRefusal } from '../../../../src/core/base/refusal.ts';
import type { HashLocks, LockedOutput, Payment, Terms } from '../../../../src/core/contract/contract.ts';
import type { HashLock } from '../../../../src/core/contract/pending.ts';
import { closeSize } from '../../../../src/core/contract/tx-size.ts';
import { hash160, p2pkh, readScript, script } from '../../../../src/core/tx/script.ts';
import { SIGHASH, signatureHash } from '../../../../src/core/tx/sighash.ts';
import { encodeSignature, type Signer } from '../../../../src/core/tx/sign.ts';
import { type Transaction, transactionId, transactionSize } from '../../../../src/core/tx/transaction.ts';
import { assertRefused, must } from '../../../world/sample.ts';
import type { Case, Channel, World } from './world.ts';

const SCRIPT_FAILED = /script-verify-flag/;
const PREIMAGE = new Uint8Array(32).fill(7);
const OTHER = new Uint8Array(32).fill(8);

function locksOf({ contract }: World): HashLocks {
  return contract.hashLocks ?? assert.fail('payments of this contract can be pending');
}

function channelIn(world: World, life = 10): Channel {
  return world.channel({ life, signing: { kind: 'fixed', fee: amount(10n * world.closingFee(1, 2)) } });
}

function lockIn(world: World, { terms }: Pick<Channel, 'terms'>, dusts: bigint, preimage = PREIMAGE, later = 0): HashLock {
  return { amount: world.money(dusts), hash: hash160(preimage), expiry: after(locksOf(world).leastExpiry(terms), later) };
}

function paid(world: World, { terms, deposits, payer }: Channel, total: Amount, locks: readonly HashLock[]): Payment {
  const signed = must(world.contract.sign(terms, deposits, total, payer, undefined, locks));
  return must(world.contract.verify(terms, deposits, signed, undefined, world.subject.verify));
}

function closed(world: World, channel: Channel, total: Amount, locks: readonly HashLock[]): Transaction {
  const { terms, deposits, payee: signer } = channel;
  return must(world.contract.close([{ terms, deposits, payment: paid(world, channel, total, locks), signer }], world.payout));
}

/** Such an output in the chain; who signed for it matters to that no more. The lock is short, which no payment would be. */
function lockedIn(world: World, { terms }: Channel, dusts: bigint, preimage = PREIMAGE, blocks = 4): LockedOutput {
  const lock = { amount: world.money(dusts), hash: hash160(preimage), expiry: after(world.paced.now.tip, blocks) };
  return { ...world.coinFor(locksOf(world).outputScript(terms, lock), lock.amount), lock };
}

function claimOf(
  world: World,
  { terms, payee }: Channel,
  locked: readonly LockedOutput[],
  preimage = PREIMAGE,
  by: Signer = payee,
): Transaction {
  return must(
    locksOf(world).claim(
      terms,
      locked.map((one) => ({ ...one, preimage })),
      world.payout,
      by,
    ),
  );
}

function takenBack(world: World, { terms, payer }: Channel, locked: readonly LockedOutput[], by: Signer = payer): Transaction {
  return must(locksOf(world).takeBack(terms, locked, world.payout, by));
}

/** Signed anew by who signed it, after a change to it. */
function changed(tx: Transaction, signer: Signer, change: (tx: Transaction) => Transaction): Transaction {
  const next = change(tx);
  const inputs = next.inputs.map((input, i) => {
    const [, ...rest] = readScript(input.script) ?? assert.fail();
    const code = rest.at(-1);
    if (!(code instanceof Uint8Array)) assert.fail('the script comes last');
    return { ...input, script: script(encodeSignature(signer.sign(signatureHash(next, i, code, SIGHASH.ALL)), SIGHASH.ALL), ...rest) };
  });
  return { ...next, inputs };
}

function closesWithPending(world: World): void {
  const channel = channelIn(world);
  const { terms } = channel;
  const locks = [lockIn(world, channel, 50n), lockIn(world, channel, 60n, OTHER, 7)];
  const tx = closed(world, channel, world.money(300n), locks);
  assert.equal(tx.outputs.length, 4);
  assert.deepEqual(tx.outputs[0]?.script, p2pkh(channel.payer.publicKey), 'the payer waits for nothing');
  assert.deepEqual(tx.outputs[3], { value: world.money(300n), script: terms.payeeScript });
  const fee = terms.signing.kind === 'fixed' ? terms.signing.fee : ZERO;
  assert.equal(tx.outputs[0]?.value, world.money(1_000n - 300n - 50n - 60n) - fee);
  assert.deepEqual(
    locksOf(world).outputs(terms, tx, [...locks].reverse()),
    locks.map((lock, i) => ({ outpoint: { txid: transactionId(tx), vout: i + 1 }, value: lock.amount, lock })),
  );
  world.assertCost(tx, channel.deposits, closeSize(terms, 1, 4));
  world.accepts(tx);
  const [one, two] = locksOf(world).outputs(terms, tx, locks);
  assert.ok(one !== undefined && two !== undefined);
  const claim = claimOf(world, channel, [one]);
  assert.deepEqual(locksOf(world).preimageIn(claim.inputs[0]?.script ?? new Uint8Array()), PREIMAGE);
  world.assertCost(claim, [one], locksOf(world).claimSize);
  world.accepts(claim);
  const back = takenBack(world, channel, [two]);
  assert.equal(locksOf(world).preimageIn(back.inputs[0]?.script ?? new Uint8Array()), undefined);
  world.refuses(back, /non-final/);
}

/** Nothing but what is pending, and all of the deposit. */
function closesWithPendingAlone(world: World): void {
  const some = channelIn(world);
  const tx = closed(world, some, ZERO, [lockIn(world, some, 50n)]);
  assert.equal(tx.outputs.length, 2);
  world.accepts(tx);
  const all = channelIn(world);
  const fee = all.terms.signing.kind === 'fixed' ? all.terms.signing.fee : ZERO;
  const lock = { ...lockIn(world, all, 0n), amount: amount(world.money(1_000n) - fee) };
  assert.equal(closed(world, all, ZERO, [lock]).outputs.length, 1);
  assertRefused(
    world.contract.plan(all.terms, all.deposits, ZERO, undefined, [{ ...lock, amount: amount(lock.amount + 1n) }]),
    'total-above-capacity',
  );
}

function takesBackAtItsHeight(world: World): void {
  const channel = channelIn(world);
  const locked = [lockedIn(world, channel, 50n), lockedIn(world, channel, 40n)];
  const at: Height = locked.at(-1)?.lock.expiry ?? assert.fail();
  const back = takenBack(world, channel, locked);
  assert.equal(back.lockTime, at, 'the later of both');
  world.assertCost(back, locked, 2 * locksOf(world).takeBackSize);
  world.paced.mineBefore(at);
  world.refuses(back, /non-final/);
  for (const change of [
    (tx: Transaction): Transaction => ({ ...tx, lockTime: at - 1 }),
    (tx: Transaction): Transaction => ({ ...tx, lockTime: 0 }),
    (tx: Transaction): Transaction => ({ ...tx, inputs: tx.inputs.map((input) => ({ ...input, sequence: 0xffff_ffff })) }),
  ]) {
    world.refuses(changed(back, channel.payer, change), SCRIPT_FAILED);
  }
  world.paced.mine(1);
  for (const key of [channel.payee, world.key()]) world.refuses(takenBack(world, channel, locked, key), SCRIPT_FAILED);
  world.accepts(back);
  world.refuses(claimOf(world, channel, locked), /inputs/);
}

/** A claim needs no lock to be open, and is as good behind it while the payer has not taken the output. */
function claimsAtOnceAndLate(world: World): void {
  const channel = channelIn(world);
  const [soon, late] = [lockedIn(world, channel, 50n, PREIMAGE, 9), lockedIn(world, channel, 50n, OTHER, 2)];
  world.accepts(claimOf(world, channel, [soon]));
  world.paced.mine(3);
  world.accepts(claimOf(world, channel, [late], OTHER));
  world.refuses(takenBack(world, channel, [late]), /inputs/);
}

function claimsByPreimageAndKey(world: World): void {
  const channel = channelIn(world);
  const locked = [lockedIn(world, channel, 50n)];
  for (const preimage of [OTHER, new Uint8Array(32), PREIMAGE.subarray(1), Uint8Array.of(...PREIMAGE, 0), new Uint8Array()]) {
    world.refuses(claimOf(world, channel, locked, preimage), SCRIPT_FAILED);
  }
  for (const key of [channel.payer, world.key()]) world.refuses(claimOf(world, channel, locked, PREIMAGE, key), SCRIPT_FAILED);
  world.accepts(claimOf(world, channel, locked));
}

/** A hash of what is no preimage of the right length is nobody's claim, not even of who knows it: it goes back. */
function preimagesHaveOneLength(world: World): void {
  for (const size of [31, 33]) {
    const preimage = new Uint8Array(size).fill(5);
    const channel = channelIn(world);
    const locked = lockedIn(world, channel, 50n, preimage);
    world.refuses(claimOf(world, channel, [locked], preimage), SCRIPT_FAILED);
    world.paced.mineBefore(locked.lock.expiry);
    world.paced.mine(1);
    world.accepts(takenBack(world, channel, [locked]));
  }
}

function knowsItsLocks(world: World): void {
  const channel = channelIn(world);
  const { terms } = channel;
  const lock = lockIn(world, channel, 50n);
  const tx = closed(world, channel, world.money(300n), [lock]);
  const { outputs } = locksOf(world);
  const foreign: readonly (readonly [string, Terms, HashLock])[] = [
    ['another hash', terms, { ...lock, hash: hash160(OTHER) }],
    ['another height', terms, { ...lock, expiry: after(lock.expiry, 1) }],
    ['another amount', terms, { ...lock, amount: amount(lock.amount + 1n) }],
    ['another payee', { ...terms, payeeKey: world.key().publicKey }, lock],
    ['another payer', { ...terms, payerKey: world.key().publicKey }, lock],
  ];
  for (const [label, others, one] of foreign) assert.deepEqual(outputs(others, tx, [one]), [], label);
  assert.equal(outputs(terms, tx, [lock]).length, 1);
}

/** Signatures hold for these pending amounts only: not for others, not for none, not in another order. */
function signsWhatIsPending(world: World): void {
  const channel = channelIn(world);
  const { terms, deposits } = channel;
  const [one, two] = [lockIn(world, channel, 50n), lockIn(world, channel, 60n, OTHER)];
  const locks = [one, two];
  const right = paid(world, channel, world.money(300n), locks);
  const verified = (payment: Payment): unknown => world.contract.verify(terms, deposits, payment, undefined, world.subject.verify);
  const { locks: _, ...bare } = right;
  const others: readonly Payment[] = [
    bare,
    { ...right, locks: [one] },
    { ...right, locks: [two, one] },
    { ...right, locks: [{ ...one, expiry: after(one.expiry, 1) }, two] },
    {
      ...right,
      locks: [
        { ...one, hash: two.hash },
        { ...two, hash: one.hash },
      ],
    },
    {
      ...right,
      locks: [
        { ...one, amount: amount(one.amount + 1n) },
        { ...two, amount: amount(two.amount - 1n) },
      ],
    },
  ];
  for (const other of others) assertRefused(verified(other), 'signature-wrong');
  assert.deepEqual(verified(right), right);
}

function refusesLocks(world: World): void {
  const channel = channelIn(world);
  const { terms, deposits } = channel;
  const planned = (locks: readonly HashLock[], of: Terms = terms): unknown =>
    world.contract.plan(of, deposits, world.money(300n), undefined, locks);
  const lock = lockIn(world, channel, 50n);
  const early = planned([{ ...lock, expiry: after(lock.expiry, -1) }]);
  assertRefused(early, 'lock-too-near');
  assert.equal(early.detail['least'], `${lock.expiry}`);
  assert.ok(lock.expiry > terms.expiry + world.coin.channel.buried, 'a close is buried, and the claim has time');
  assertRefused(planned([lock, { ...lock, expiry: after(lock.expiry, 1) }]), 'lock-repeated');
  const nine = Array.from({ length: 9 }, (_, i) => ({ ...lock, hash: new Uint8Array(20).fill(i) }));
  assertRefused(planned(nine), 'lock-too-many');
  assert.ok(!isRefusal(planned(nine.slice(1))), 'eight are fine, for the fee too');
  const least = world.dust + feeFor(locksOf(world).claimSize, world.coin.policy.feeRate);
  assertRefused(planned([{ ...lock, amount: amount(least - 1n) }]), 'total-too-small');
  assert.ok(!isRefusal(planned([{ ...lock, amount: amount(least) }])));
  assertRefused(planned([lock], { ...terms, signing: { kind: 'flexible', slot: 0 } }), 'contract-unfit');
  assert.ok(!isRefusal(planned([lock])));
}

const EMPTY: Transaction = { version: 1, inputs: [], outputs: [], lockTime: 0 };

/** The bounds are those of heights of full length and of the longest signatures: what is made comes near, and never above. */
function keepsItsSizes(world: World): void {
  const { claimSize, takeBackSize, leastExpiry } = locksOf(world);
  const longest = { claim: 0, takeBack: 0 };
  for (let i = 0; i < 40; i++) {
    const { terms, payer, payee } = world.terms({});
    const channel: Channel = { terms: { ...terms, expiry: height(LOCK_TIME_THRESHOLD - 1 - i) }, payer, payee, deposits: [] };
    const lock = { amount: world.money(300n), hash: hash160(PREIMAGE), expiry: leastExpiry(channel.terms) };
    assert.ok(lock.expiry < LOCK_TIME_THRESHOLD, 'a height still');
    const locked = [{ outpoint: { txid: transactionId(EMPTY), vout: i }, value: lock.amount, lock }];
    longest.claim = Math.max(longest.claim, transactionSize(claimOf(world, channel, locked)));
    longest.takeBack = Math.max(longest.takeBack, transactionSize(takenBack(world, channel, locked)));
  }
  for (const [made, bound] of [
    [longest.claim, claimSize],
    [longest.takeBack, takeBackSize],
  ] as const) {
    assert.ok(made <= bound && made >= bound - 4, `${made} where ${bound} were promised`);
  }
}

/** For contracts whose payments can be pending. */
export const hashLockCases: readonly Case[] = [
  ['a close holds each pending amount for itself, and pays both sides at once', closesWithPending],
  ['nothing but a pending amount can be closed with, up to the whole deposit', closesWithPendingAlone],
  ['a pending amount goes back at its height: refused by relay and by a block before', takesBackAtItsHeight],
  ['a claim is taken at once, and behind the height while the output is there', claimsAtOnceAndLate],
  ['a claim needs the preimage and the payee’s key', claimsByPreimageAndKey],
  ['a preimage of 31 or 33 bytes is none, though its hash is the right one', preimagesHaveOneLength],
  ['exactly what a close holds under these terms and locks is known', knowsItsLocks],
  ['signatures hold for these pending amounts only', signsWhatIsPending],
  [
    'locks that are too near, too many, repeated, too small or not bound by signatures are refused; the nearest others are not',
    refusesLocks,
  ],
  ['claim and take-back keep their sizes, with heights of full length too', keepsItsSizes],
];
