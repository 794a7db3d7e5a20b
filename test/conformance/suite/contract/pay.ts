import assert from 'node:assert/strict';
import { type Amount, subtract } from '../../../../src/core/base/amount.ts';
import { capacityOf, type Payment } from '../../../../src/core/contract/contract.ts';
import { newSignatures } from '../../../../src/core/contract/payment-signatures.ts';
import type { Signature, Verify } from '../../../../src/core/tx/sign.ts';
import { assertRefused, must } from '../../../world/sample.ts';
import { type Case, type Channel, fixedFee, spoilt, type World } from './world.ts';

const DEPOSITS = [500n, 300n, 200n];

/** Totals in dusts, and how many signatures go over the wire for each when the one before is held. */
const SERIES = [
  [100n, 1, 'in the first deposit'],
  [200n, 1, 'further in the first'],
  [600n, 2, 'into the second: it is used, the first is used up'],
  [700n, 1, 'further in the second'],
  [800n, 1, 'the second used up to the last unit'],
  [900n, 1, 'in the third'],
  [1_000n, 1, 'all'],
] as const;

function pays(world: World, channel: Channel, total: bigint): Payment {
  return must(world.sign(channel, world.money(total)));
}

/** Checks what goes over the wire, and nothing else, as the payee does. */
function takes(
  world: World,
  { terms, deposits }: Channel,
  given: Payment,
  held: Payment | undefined,
): ReturnType<typeof world.contract.verify> {
  return world.contract.verify(terms, deposits, given, held, world.subject.verify);
}

function drainsInTurn(world: World): void {
  let held: Payment | undefined;
  const channel = world.channel({ deposits: DEPOSITS });
  for (const [total, count, label] of SERIES) {
    const whole = pays(world, channel, total);
    const fresh = newSignatures(channel.terms, channel.deposits, whole, held);
    assert.equal(fresh.length, count, label);
    const kept: readonly Signature[] = held?.signatures ?? [];
    const best = must(takes(world, channel, { total: whole.total, signatures: fresh }, held));
    assert.deepEqual(best, whole, label);
    assert.equal(
      best.signatures.length - fresh.length,
      best.signatures.filter((one) => kept.includes(one)).length,
      'the rest is what was held',
    );
    assert.deepEqual(must(takes(world, channel, whole, undefined)), whole, 'a payee that holds nothing takes all');
    assert.deepEqual(must(takes(world, channel, whole, held)), whole, 'more than is needed is checked and taken');
    held = best;
  }
  const payment = held ?? assert.fail('paid');
  const closing = { terms: channel.terms, deposits: channel.deposits, payment, signer: channel.payee };
  world.accepts(must(world.contract.close([closing], world.payout)));
}

function closesAtEveryStep(world: World): void {
  for (const [dusts, , label] of SERIES) {
    const channel = world.channel({ deposits: DEPOSITS });
    const fee = fixedFee(channel.terms);
    const total = subtract(world.money(dusts), fee);
    const tx = world.closed(channel, total);
    const spent = channel.deposits.filter(({ outpoint }) => tx.inputs.some((input) => input.outpoint.txid === outpoint.txid));
    const change = capacityOf(spent) - total - fee;
    assert.equal(tx.outputs.length, change > 0n ? 2 : 1, label);
    if (change > 0n) assert.equal(tx.outputs[0]?.value, change, label);
    world.accepts(tx);
  }
}

function jumpsOverDeposits(world: World): void {
  const channel = world.channel({ deposits: DEPOSITS });
  const held = must(takes(world, channel, pays(world, channel, 100n), undefined));
  const jump = pays(world, channel, 900n);
  const fresh = newSignatures(channel.terms, channel.deposits, jump, held);
  assert.equal(fresh.length, 3);
  assert.deepEqual(must(takes(world, channel, { ...jump, signatures: fresh }, held)), jump);
}

function refusesWrong(world: World): void {
  const channel = world.channel({ deposits: DEPOSITS });
  const held = must(takes(world, channel, pays(world, channel, 200n), undefined));
  const crossing = pays(world, channel, 600n);
  const [inUse, drained] = crossing.signatures;
  assert.ok(inUse !== undefined && drained !== undefined);
  const older = pays(world, channel, 599n).signatures[0] ?? assert.fail('signed');
  const stranger = pays(world, { ...channel, payer: channel.payee }, 600n).signatures[0] ?? assert.fail('signed');
  const wrong: readonly (readonly [string, readonly Signature[]])[] = [
    ['spoilt in use', [spoilt(inUse), drained]],
    ['spoilt drained', [inUse, spoilt(drained)]],
    ['swapped', [drained, inUse]],
    ['of another total', [older, drained]],
    ["by the payee's key", [stranger, drained]],
    ['the same twice', [inUse, inUse]],
  ];
  for (const [label, signatures] of wrong)
    assertRefused(takes(world, channel, { ...crossing, signatures }, held), 'signature-wrong', label);
  for (const signatures of [[], [inUse]]) assertRefused(takes(world, channel, { ...crossing, signatures }, held), 'signature-missing');
  assertRefused(takes(world, channel, { ...crossing, signatures: [inUse, drained, drained] }, held), 'signature-surplus');
  const raised = { ...crossing, total: world.money(601n) };
  assertRefused(takes(world, channel, raised, held), 'signature-wrong', 'a total of the payee');
  must(takes(world, channel, crossing, held));
}

/** A held signature stands for its own deposit only, and a wrong one in its place is not taken. */
function heldOnesSettle(world: World): void {
  const channel = world.channel({ deposits: DEPOSITS });
  const held = must(takes(world, channel, pays(world, channel, 600n), undefined));
  const next = pays(world, channel, 700n);
  const [inUse, drained] = next.signatures;
  assert.ok(inUse !== undefined && drained !== undefined);
  assertRefused(takes(world, channel, { ...next, signatures: [inUse] }, undefined), 'signature-missing', 'nothing is held');
  const checked: Signature[] = [];
  const counting: Verify = (signature, hash, key) => checked.push(signature) > 0 && world.subject.verify(signature, hash, key);
  must(world.contract.verify(channel.terms, channel.deposits, { ...next, signatures: [inUse] }, held, counting));
  assert.deepEqual(checked, [inUse], 'one payment, one check');
  const before = must(takes(world, channel, pays(world, channel, 200n), undefined));
  assertRefused(takes(world, channel, { ...next, signatures: [inUse] }, before), 'signature-missing', 'held from before the crossing');
  assertRefused(takes(world, channel, { ...next, signatures: [inUse, spoilt(drained)] }, held), 'signature-wrong');
  assert.deepEqual(must(takes(world, channel, { ...next, signatures: [inUse] }, held)), next);
}

function fixedSignsAll(world: World): void {
  const channel = world.channel({ signing: world.fixed(3), deposits: DEPOSITS });
  const held = must(takes(world, channel, pays(world, channel, 600n), undefined));
  const next = pays(world, channel, 700n);
  assert.equal(newSignatures(channel.terms, channel.deposits, next, held).length, 2, 'every input, every time');
  assertRefused(takes(world, channel, { ...next, signatures: next.signatures.slice(0, 1) }, held), 'signature-missing');
  assertRefused(takes(world, channel, { ...next, signatures: held.signatures }, held), 'signature-wrong');
  assert.deepEqual(must(takes(world, channel, next, held)), next);
}

/** The same deposit may be looked at under other terms or beside other deposits, as after a reorganisation: nothing of the first stays. */
function forgetsNothingWrong(world: World): void {
  const channel = world.channel({ deposits: DEPOSITS });
  const { terms, payer } = channel;
  const [first, second, third] = channel.deposits;
  assert.ok(first !== undefined && second !== undefined && third !== undefined);
  const total: Amount = world.money(600n);
  const other = world.terms({});
  const otherwise = [terms.signing, ...world.signings(2), world.fixed(3)].map((signing) => ({ ...terms, signing }));
  const cases = [...otherwise, { ...other.terms, payerKey: terms.payerKey }].flatMap((one) => [
    { terms: one, deposits: [first, second], payer },
    { terms: one, deposits: [{ ...third, value: first.value }, second], payer },
  ]);
  for (const one of cases) {
    const anew = one.deposits.map((deposit) => ({ ...deposit }));
    const again = must(world.sign({ terms: { ...one.terms }, deposits: anew, payer }, total));
    assert.deepEqual(must(world.sign(one, total)), again);
  }
}

/** For contracts that leave the fee to the payee: the payer is done with a deposit once it is used up. */
export const flexiblePayCases: readonly Case[] = [
  ['deposits are drained in turn; only the payment that crosses over needs two signatures', drainsInTurn],
  ['what is held for a deposit settles it, and nothing else does', heldOnesSettle],
];

export const payCases: readonly Case[] = [
  ['the chain takes the close of every step of such a series', closesAtEveryStep],
  ['a payment over several deposits needs a signature for each', jumpsOverDeposits],
  ['wrong and missing signatures are refused, each beside the right one', refusesWrong],
  ['fixed: every payment signs every input', fixedSignsAll],
  ['a deposit under other terms or beside other deposits is signed as what it is there', forgetsNothingWrong],
];
