import assert from 'node:assert/strict';
import { type Closing, capacityOf, type Deposit, payerScript } from '../../../../src/core/contract/contract.ts';
import { closeSize } from '../../../../src/core/contract/tx-size.ts';
import { outpointKey, type Transaction } from '../../../../src/core/tx/transaction.ts';
import { assertRefused, must } from '../../../world/sample.ts';
import { type Case, feeOf, type World } from './world.ts';

function without(closing: Closing, ...gone: readonly number[]): Closing {
  return { ...closing, without: gone.map((at) => closing.deposits[at] ?? assert.fail('no such deposit')) };
}

function taken(tx: Transaction, deposits: readonly Deposit[]): readonly number[] {
  const inputs = tx.inputs.map(({ outpoint }) => outpointKey(outpoint));
  return deposits.flatMap(({ outpoint }, at) => (inputs.includes(outpointKey(outpoint)) ? [at] : []));
}

/** Each set of deposits that can be left, down to one: what the total takes from them comes to the payee, the change to the payer. */
function claimsWhatIsLeft(world: World): void {
  for (const gone of [[0], [1], [2], [0, 1], [0, 2], [1, 2]]) {
    const channel = world.channel({ deposits: [300n, 200n, 500n] });
    const closing = world.closing(channel, world.money(600n));
    const tx = must(world.contract.close([without(closing, ...gone)], world.payout));
    const left = channel.deposits.filter((_, at) => !gone.includes(at));
    assert.deepEqual(
      taken(tx, channel.deposits),
      [0, 1, 2].filter((at) => !gone.includes(at)),
    );
    const change = gone.includes(2) ? 0n : world.money(400n);
    const outputs = tx.outputs.map(({ value, script }) => [value, script]);
    const paid = capacityOf(left) - change - feeOf(tx, channel.deposits);
    const own = [paid, world.payout.script];
    assert.deepEqual(outputs, change === 0n ? [own] : [[change, payerScript(channel.terms)], own]);
    world.assertCost(tx, channel.deposits, closeSize(channel.terms, left.length, outputs.length));
    world.accepts(tx);
  }
}

/** What a close has to leave behind can still be claimed by itself, and the rest refunded. */
function claimsOneAfterTheOther(world: World): void {
  const channel = world.channel({ deposits: [300n, 200n, 500n], life: 30 });
  const closing = world.closing(channel, world.money(600n));
  const all = must(world.contract.close([closing], world.payout));
  const parts = [
    [1, 2],
    [0, 2],
    [0, 1],
  ].map((gone) => must(world.contract.close([without(closing, ...gone)], world.payout)));
  const [first, ...others] = parts;
  world.accepts(first ?? assert.fail());
  world.refuses(all, /inputs/);
  for (const part of others) world.accepts(part);
  assert.equal(new Set(parts.flatMap((part) => taken(part, channel.deposits))).size, 3);
}

function refusesWhatIsWorthless(world: World): void {
  const channel = world.channel({ deposits: [300n, 500n] });
  const closing = world.closing(channel, world.money(301n));
  assertRefused(world.contract.close([without(closing, 0, 1)], world.payout), 'nothing-to-close');
  assertRefused(world.contract.close([without(closing, 0)], world.payout), 'fee-unaffordable', 'one dust would not pay for its output');
  // A deposit that the total does not reach is none of its business.
  const small = world.closing(channel, world.money(200n));
  world.accepts(must(world.contract.close([without(small, 1)], world.payout)));
}

function fixedIsAllOrNothing(world: World): void {
  const channel = world.channel({ deposits: [300n, 500n, 100n], signing: world.fixed(2) });
  const closing = world.closing(channel, world.money(400n));
  for (const gone of [[0], [1], [0, 1]]) assertRefused(world.contract.close([without(closing, ...gone)], world.payout), 'deposit-gone');
  world.accepts(must(world.contract.close([without(closing, 2)], world.payout)));
}

function othersAreNotHeldUp(world: World): void {
  const poor = world.channel({ deposits: [300n, 200n], signing: { kind: 'flexible', slot: 1 } });
  const rich = world.channel();
  const closings = [without(world.closing(poor, world.money(400n)), 0), world.closing(rich, world.money(300n))];
  const tx = must(world.contract.close(closings, world.payout));
  assert.equal(tx.inputs.length, 2);
  world.accepts(tx);
}

/** For contracts that leave the fee to the payee. */
export const flexiblePartialCases: readonly Case[] = [
  ['of several deposits any that are left can be closed without the rest', claimsWhatIsLeft],
  ['each deposit of a payment can be claimed by itself, one after the other', claimsOneAfterTheOther],
  ['what would not pay for its own claim is refused', refusesWhatIsWorthless],
  ['a channel that lost a deposit closes together with others', othersAreNotHeldUp],
];

export const partialCases: readonly Case[] = [['terms that fix the fee are closed whole or not at all', fixedIsAllOrNothing]];
