import assert from 'node:assert/strict';
import { equalBytes } from '../../../../src/core/base/bytes.ts';
import { type Closing, capacityOf, type Deposit, type Filler, type Signing } from '../../../../src/core/contract/contract.ts';
import { closeSize, P2PKH_INPUT_BYTES } from '../../../../src/core/contract/tx-size.ts';
import { p2pkh } from '../../../../src/core/tx/script.ts';
import { type Transaction, transactionSize } from '../../../../src/core/tx/transaction.ts';
import { assertRefused, must, sampleFunding } from '../../../world/sample.ts';
import { altered, type Case, type Channel, feeOf, type World } from './world.ts';

const slotted = (slot: number): Signing => ({ kind: 'flexible', slot });

/** The bytes a close of such channels is promised to stay below: `outputs` besides the payers'. */
function bound(closings: readonly Closing[], fillers: number, outputs: number): number {
  const terms = closings[0]?.terms ?? assert.fail('nothing to close');
  const inputs = closings.reduce((sum, { payment }) => sum + payment.signatures.length, 0);
  const changes = closings.filter(({ payment, deposits }) => payment.total < deposits.reduce((sum, { value }) => sum + value, 0n)).length;
  return closeSize(terms, inputs, changes + outputs) + fillers * P2PKH_INPUT_BYTES;
}

interface Together {
  readonly closings: readonly Closing[];
  readonly fillers?: readonly Filler[];
  /** The payee's own: 1 unless more gaps had to be filled. */
  readonly outputs?: number;
}

/** Closes, checks what everybody gets, and has the chain take it. */
function closeTogether(world: World, { closings, fillers = [], outputs = 1 }: Together): Transaction {
  const tx = must(world.contract.close(closings, world.payout, fillers));
  const spent: readonly Deposit[] = [...closings.flatMap(({ deposits }) => deposits), ...fillers];
  world.assertCost(tx, spent, bound(closings, fillers.length, outputs));
  const own = tx.outputs.filter(({ script }) => equalBytes(script, world.payout.script));
  assert.equal(own.length, outputs);
  for (const { terms, payment, deposits } of closings) {
    const change = deposits.reduce((sum, { value }) => sum + value, 0n) - payment.total;
    const slot = terms.signing.kind === 'flexible' ? terms.signing.slot : 0;
    if (change > 0n) assert.deepEqual(tx.outputs[slot], { value: change, script: p2pkh(terms.payerKey) });
  }
  const taken = [...closings.map(({ payment }) => payment.total), ...fillers.map(({ value }) => value)].reduce(
    (sum, value) => sum + value,
    0n,
  );
  assert.equal(
    own.reduce((sum, { value }) => sum + value, 0n),
    taken - feeOf(tx, spent),
  );
  world.accepts(tx);
  return tx;
}

function slotOneBesideSlotZero(world: World): void {
  const channels = [1, 0].map((slot) => world.channel({ signing: slotted(slot) }));
  const closings = channels.map((channel, i) => world.closing(channel, world.money(300n + BigInt(i))));
  const tx = closeTogether(world, { closings });
  assert.deepEqual(
    tx.inputs.map(({ outpoint }) => outpoint),
    [1, 0].map((i) => channels[i]?.deposits[0]?.outpoint),
  );
  const alone = closings.map((closing) => must(world.contract.close([closing], world.payout, [world.filler()])));
  assert.ok(transactionSize(tx) < alone.reduce((sum, one) => sum + transactionSize(one), 0), 'that is what it is for');
}

/** A signature holds at its own index only: closed elsewhere, the chain refuses it. */
function slotsAreBound(world: World): void {
  const channel = world.channel({ signing: slotted(1) });
  const tx = must(world.contract.close([world.closing(channel, world.money(300n))], world.payout, [world.filler()]));
  const first = altered(channel, channel.payee, tx, (whole) => ({
    ...whole,
    inputs: whole.inputs.slice(1),
    outputs: whole.outputs.slice(1),
  }));
  world.refuses(first, /./);
  world.accepts(tx);
}

function aloneIsRefused(world: World): void {
  const channel = world.channel({ signing: slotted(1) });
  const closing = world.closing(channel, world.money(300n));
  assertRefused(world.contract.close([closing], world.payout), 'contract-unfit');
  const twin = world.closing(world.channel({ signing: slotted(1) }), world.money(300n));
  const sameSlot = world.contract.close([closing, twin], world.payout, [world.filler(), world.filler()]);
  assertRefused(sameSlot, 'contract-unfit', 'two in one slot');
  closeTogether(world, { closings: [closing], fillers: [world.filler()] });
}

function gapFilledByDrained(world: World): void {
  const inSlot = world.closing(world.channel({ signing: slotted(1) }), world.money(300n));
  const drained = world.closing(world.channel({ signing: slotted(5) }), world.money(1_000n));
  const tx = closeTogether(world, { closings: [inSlot, drained] });
  assert.deepEqual(tx.inputs[0]?.outpoint, drained.deposits[0]?.outpoint);
}

/** The channel's own used-up deposit fills the gap before the one in use. */
function gapFilledByOwnDeposit(world: World): void {
  const channel: Channel = world.channel({ signing: slotted(1), deposits: [400n, 600n] });
  assertRefused(world.contract.close([world.closing(channel, world.money(300n))], world.payout), 'contract-unfit', 'the first alone');
  const tx = closeTogether(world, { closings: [world.closing(channel, world.money(700n))] });
  assert.deepEqual(
    tx.inputs.map(({ outpoint }) => outpoint),
    channel.deposits.map(({ outpoint }) => outpoint),
  );
}

function manyGaps(world: World): void {
  const closing = world.closing(world.channel({ signing: slotted(3) }), world.money(300n));
  const fillers = [world.filler(), world.filler(), world.filler()];
  assertRefused(world.contract.close([closing], world.payout, fillers.slice(1)), 'contract-unfit', 'two for three gaps');
  closeTogether(world, { closings: [closing], fillers, outputs: 3 });
}

function fillersRaiseTheFee(world: World): void {
  const closing = world.closing(world.channel(), world.money(2n));
  const dear = { ...world.payout, feeRate: world.money(4n) };
  assertRefused(world.contract.close([closing], dear), 'fee-unaffordable');
  const filler = world.filler();
  const tx = must(world.contract.close([closing], dear, [filler]));
  world.assertCost(tx, [...closing.deposits, filler], bound([closing], 1, 1), dear.feeRate);
  world.accepts(tx);
}

function several(world: World): void {
  const plans = [
    [slotted(0), 300n],
    [slotted(7), 1_000n],
    [slotted(2), 500n],
    [slotted(9), 1_000n],
    [slotted(1), 700n],
  ] as const;
  const closings = plans.map(([signing, total]) => world.closing(world.channel({ signing }), world.money(total)));
  closeTogether(world, { closings, fillers: [world.filler()] });
}

/** Drained channels of sixteen deposits each, made up: more of them than nodes relay in one transaction. */
function tooManyTogether(world: World): void {
  const closings = Array.from({ length: 34 }, (_, i): Closing => {
    const { terms, payer, payee } = world.terms({});
    const values = Array.from({ length: 16 }, (__, at) => world.money(BigInt(i + at + 1)));
    const { deposits } = sampleFunding(terms, values);
    return { terms, deposits, payment: must(world.contract.sign(terms, deposits, capacityOf(deposits), payer)), signer: payee };
  });
  assertRefused(world.contract.close(closings, world.payout), 'contract-unfit');
  const fewer = must(world.contract.close(closings.slice(0, 5), world.payout));
  assert.ok(transactionSize(fewer) <= world.coin.policy.maxTransactionSize);
  assert.equal(fewer.inputs.length, 80);
}

/** For contracts that leave the fee to the payee. */
export const slotCases: readonly Case[] = [
  ['slots: channels in slot 0 and 1 close in one transaction, given in any order', slotOneBesideSlotZero],
  ['slots: the chain refuses a signature at another index', slotsAreBound],
  ['slots: slot 1 alone is refused, and so are two channels in it', aloneIsRefused],
  ['slots: a drained channel fills the gap of another', gapFilledByDrained],
  ["slots: a channel's own drained deposit fills its gap", gapFilledByOwnDeposit],
  ['slots: several gaps take as many coins', manyGaps],
  ['slots: three in their slots, two drained and a coin on top', several],
  ['more channels than one transaction may hold are refused', tooManyTogether],
  ['a coin of the payee pays a fee that the total would not', fillersRaiseTheFee],
];
