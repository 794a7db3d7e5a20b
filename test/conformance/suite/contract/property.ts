import assert from 'node:assert/strict';
import fc from 'fast-check';
import { type Amount, add, amount } from '../../../../src/core/base/amount.ts';
import { equalBytes } from '../../../../src/core/base/bytes.ts';
import { isRefusal } from '../../../../src/core/base/refusal.ts';
import { capacityOf, type Deposit, payerScript, type Signing, type Terms } from '../../../../src/core/contract/contract.ts';
import { closeSize } from '../../../../src/core/contract/tx-size.ts';
import { sameOutpoint, type Transaction } from '../../../../src/core/tx/transaction.ts';
import { must, sampleFunding } from '../../../world/sample.ts';
import { type Case, type Channel, feeOf, fixedFee, isSignedBy, type World } from './world.ts';

/** Channels of one to four deposits, from barely useful to large, with either signing. */
export function channels(world: World): fc.Arbitrary<Channel> {
  const deposit = fc.oneof(fc.bigInt(world.dust, world.money(4n)), fc.bigInt(world.dust, world.money(1_000n)));
  const { signings } = world.subject;
  const signing: fc.Arbitrary<Signing> = fc.oneof(
    ...(signings.includes('flexible') ? [fc.nat(2).map((slot): Signing => ({ kind: 'flexible', slot }))] : []),
    fc.constant<Signing>({ kind: 'fixed', fee: world.closingFee(4, 2) }),
  );
  const sides = world.terms({});
  return fc.record({ values: fc.array(deposit, { minLength: 1, maxLength: 4 }), signing }).map(({ values, signing }) => {
    const terms: Terms = { ...sides.terms, signing };
    return { ...sides, terms, deposits: sampleFunding(terms, values).deposits };
  });
}

/** A total near what the deposits hold, near a deposit's end, or anywhere. */
export function totalIn(deposits: readonly Deposit[], parts: number, near: bigint): Amount {
  const edges = deposits.map((_, i) => capacityOf(deposits.slice(0, i + 1)));
  const edge = edges[parts % (edges.length * 2)];
  const wanted = edge === undefined ? (capacityOf(deposits) * BigInt(parts % 1_000)) / 1_000n : edge - near;
  return amount(wanted < 0n ? 0n : wanted);
}

interface Asked {
  readonly channel: Channel;
  readonly total: Amount;
}

function asked(world: World): fc.Arbitrary<Asked> {
  const near = fc.oneof(fc.constant(0n), fc.bigInt(0n, world.dust * 2n), fc.bigInt(-2n, 2n));
  return fc
    .tuple(channels(world), fc.nat(100_000), near)
    .map(([channel, parts, by]) => ({ channel, total: totalIn(channel.deposits, parts, by) }));
}

export const sum = (values: readonly { readonly value: bigint }[]): bigint => values.reduce((all, { value }) => all + value, 0n);

const PLAN_REFUSALS = new Set(['total-not-positive', 'total-above-capacity', 'total-leaves-dust', 'total-too-small', 'fee-too-low']);

function plansBalance(world: World): void {
  let planned = 0;
  const holds = ({ channel: { terms, deposits }, total }: Asked): void => {
    const plan = world.plan({ terms, deposits }, total);
    if (isRefusal(plan)) {
      assert.ok(PLAN_REFUSALS.has(plan.code), plan.code);
      return;
    }
    planned++;
    const fee = fixedFee(terms);
    const used = plan.inputs.map(({ deposit }) => deposit);
    assert.equal(sum(used), plan.change + total + fee);
    assert.deepEqual([...used.slice(1), ...used.slice(0, 1)], deposits.slice(0, used.length), 'the first ones, the last of them in front');
    assert.ok(used.length === 1 || sum(used.slice(1)) < total + fee, 'no more than are needed');
    assert.ok(plan.change === 0n || plan.change >= world.dust);
    const { inputs, outputs } = world.contract.draft(terms, plan);
    assert.equal(sum(used) - sum(outputs), fee);
    assert.equal(inputs.length, used.length);
    assert.deepEqual(
      outputs.map(({ value }) => value),
      plan.change > 0n ? [plan.change, total] : [total],
    );
  };
  fc.assert(fc.property(asked(world), holds), { numRuns: 300 });
  assert.ok(planned > 100, `${planned} plans`);
}

/** A filler for every slot before the channel's, so that every close can be made. */
function fillersOf(world: World): ReturnType<World['filler']>[] {
  return [world.filler(), world.filler()];
}

function closesBalance(world: World): void {
  const fillers = fillersOf(world);
  let closed = 0;
  const holds = ({ channel, total }: Asked): void => {
    const { terms, deposits, payee } = channel;
    const payment = world.sign(channel, total);
    if (isRefusal(payment)) return;
    closed++;
    const plan = must(world.plan(channel, total));
    const own = terms.signing.kind === 'flexible' ? fillers.slice(0, terms.signing.slot) : [];
    const tx = must(world.contract.close([{ terms, deposits, payment, signer: payee }], world.payout, own));
    const ours = terms.signing.kind === 'fixed' ? world.paysTo(terms) : world.payout.script;
    const paidTo = (script: Uint8Array): bigint => sum(tx.outputs.filter((output) => equalBytes(output.script, script)));
    const spent = [...plan.inputs.map(({ deposit }) => deposit), ...own];
    const fee = feeOf(tx, spent);
    assert.equal(paidTo(payerScript(terms)), plan.change);
    assert.equal(plan.change + paidTo(ours) + fee, sum(spent));
    const most = closeSize(terms, plan.inputs.length, plan.change > 0n ? 2 : 1) + own.length * (148 + 34 + 1);
    world.assertCost(tx, spent, most);
    assertSigned(world, channel, tx);
  };
  fc.assert(fc.property(asked(world), holds), { numRuns: 100 });
  assert.ok(closed > 25, `${closed} closes`);
}

/** Every input of the channel carries a signature of each side over this very transaction. */
function assertSigned(world: World, { terms, deposits }: Channel, tx: Transaction): void {
  const own = tx.inputs.filter(({ outpoint }) => deposits.some((deposit) => sameOutpoint(deposit.outpoint, outpoint)));
  for (const input of own) {
    assert.equal(world.contract.recognise(input.script), 'close');
    for (const key of [terms.payerKey, terms.payeeKey]) assert.ok(isSignedBy(world, terms, key, tx, tx.inputs.indexOf(input)));
  }
}

function agreementsBalance(world: World): void {
  let made = 0;
  const holds = ({ channel: { terms, deposits }, total }: Asked, more: bigint): void => {
    const fee = add(world.closingFee(deposits.length, 2), amount(more));
    const agreement = { total, fee, payerScript: payerScript(terms) };
    const tx = world.contract.agree(terms, deposits, agreement);
    const isFine = total + fee + world.dust <= capacityOf(deposits) && (total === 0n || total >= world.dust);
    assert.equal(isRefusal(tx), !isFine);
    if (isRefusal(tx)) return;
    made++;
    assert.equal(sum(tx.outputs) + fee, capacityOf(deposits));
    assert.equal(sum(tx.outputs.slice(1)), total);
    assert.ok(tx.outputs.every(({ value }) => value >= world.dust));
    assert.equal(tx.inputs.length, deposits.length);
  };
  fc.assert(fc.property(asked(world), fc.bigInt(0n, world.dust), holds), { numRuns: 200 });
  assert.ok(made > 50, `${made} agreements`);
}

export const propertyCases: readonly Case[] = [
  ['any deposits, any total: a plan and its draft balance, and use no more deposits than they need', plansBalance],
  ["any deposits, any total: a close gives the payer its change, and the rest is the payee's and the fee", closesBalance],
  ['any deposits, any total: an agreed end pays out all but its fee', agreementsBalance],
];
