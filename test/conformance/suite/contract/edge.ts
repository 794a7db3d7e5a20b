import assert from 'node:assert/strict';
import { amount, feeFor, ZERO } from '../../../../src/core/base/amount.ts';
import type { RefusalCode } from '../../../../src/core/base/refusal.ts';
import type { Signing, Terms } from '../../../../src/core/contract/contract.ts';
import { assertRefused, must, sampleFunding } from '../../../world/sample.ts';
import { type Case, fixedFee, type World } from './world.ts';

/** Totals at an edge: `undefined` for those that can be paid. */
type Edge = readonly [total: bigint, code: RefusalCode | undefined, label: string];

function assertEdges(world: World, terms: Terms, deposits: readonly bigint[], edges: readonly Edge[]): void {
  const funding = sampleFunding(terms, deposits).deposits;
  for (const [total, code, label] of edges) {
    const planned = world.contract.plan(terms, funding, amount(total));
    if (code !== undefined) assertRefused(planned, code, label);
    else assert.equal(must(planned).total, total, label);
  }
}

function edgesOfFlexible(world: World): void {
  const { dust } = world;
  const { terms } = world.terms({});
  const all = world.money(1_000n);
  const least = dust + world.closingFee(1, 2);
  assertEdges(
    world,
    terms,
    [all],
    [
      [0n, 'total-not-positive', 'nothing'],
      [1n, 'total-too-small', 'the least there is'],
      [least - 1n, 'total-too-small', 'one below fee and dust'],
      [least, undefined, 'fee and dust'],
      [all - dust, undefined, 'change of dust'],
      [all - dust + 1n, 'total-leaves-dust', 'change of one less'],
      [all - 1n, 'total-leaves-dust', 'change of one'],
      [all, undefined, 'all'],
      [all + 1n, 'total-above-capacity', 'one more'],
    ],
  );
  const alone = dust + world.closingFee(1, 1);
  assertEdges(world, terms, [alone], [[alone, undefined, 'a deposit that is worth its close']]);
  assertEdges(world, terms, [alone - 1n], [[alone - 1n, 'total-too-small', 'a deposit that is not']]);
}

/** The smallest total that is worth its close: what pays for that, or for taking what a close holds, and an output. */
function leastOf(world: World, { signing }: Terms): bigint {
  const { dust, coin } = world;
  const { revocation } = world.contract;
  if (signing.kind === 'flexible') return dust + world.closingFee(1, 2);
  return dust + (revocation === undefined ? 0n : feeFor(revocation.penaltySize, coin.policy.feeRate));
}

function edgesOfFixed(world: World): void {
  const { dust } = world;
  const fee = world.closingFee(1, 2);
  const { terms } = world.terms({ signing: { kind: 'fixed', fee } });
  const least = leastOf(world, terms);
  const most = world.money(1_000n) - fee;
  assertEdges(
    world,
    terms,
    [most + fee],
    [
      [0n, 'total-not-positive', 'nothing'],
      [least - 1n, 'total-too-small', 'less than an output is worth'],
      [least, undefined, 'the smallest output'],
      [most - dust, undefined, 'change of dust'],
      [most - dust + 1n, 'total-leaves-dust', 'change of one less'],
      [most - 1n, 'total-leaves-dust', 'change of one'],
      [most, undefined, 'all but the fee'],
      [most + 1n, 'total-above-capacity', 'one more'],
    ],
  );
  const low: Signing = { kind: 'fixed', fee: amount(fee - 1n) };
  assertEdges(world, { ...terms, signing: low }, [most], [[least, 'fee-too-low', 'a fee of one less']]);
}

function edgesBetweenDeposits(world: World): void {
  const { dust } = world;
  const { terms } = world.terms({});
  const deposits = [world.money(500n), world.money(300n)] as const;
  const [first, second] = [deposits[0] - fixedFee(terms), deposits[1]];
  assertEdges(world, terms, deposits, [
    [first - dust, undefined, 'change of dust'],
    [first - dust + 1n, 'total-leaves-dust', 'change of one less'],
    [first - 1n, 'total-leaves-dust', 'change of one'],
    [first, undefined, 'the first deposit'],
    [first + 1n, undefined, 'one out of the second'],
    [first + second - dust, undefined, 'change of dust out of the second'],
    [first + second - dust + 1n, 'total-leaves-dust', 'change of one less out of the second'],
    [first + second, undefined, 'both'],
    [first + second + 1n, 'total-above-capacity', 'one more'],
  ]);
}

function adviceIsGood(world: World): void {
  const { terms } = world.terms({});
  const funding = sampleFunding(terms, [world.money(500n), world.money(300n)]).deposits;
  const advised = (total: bigint, code: RefusalCode, names: readonly string[]): void => {
    const refused = world.contract.plan(terms, funding, amount(total));
    assertRefused(refused, code);
    for (const name of names) must(world.contract.plan(terms, funding, amount(BigInt(refused.detail[name] ?? assert.fail(name)))));
  };
  advised(world.money(500n) - fixedFee(terms) - 1n, 'total-leaves-dust', ['all', 'most']);
  advised(world.money(801n), 'total-above-capacity', ['most']);
  advised(1n, 'total-too-small', ['least']);
}

function chainTakesEdges(world: World): void {
  const { dust } = world;
  const [few, many] = [world.channel(), world.channel()];
  const least = amount(leastOf(world, few.terms));
  const smallest = world.closed(few, least);
  assert.equal(smallest.outputs[1]?.value, few.terms.signing.kind === 'fixed' ? least : dust);
  world.accepts(smallest);
  const largest = world.closed(many, amount(world.money(1_000n) - fixedFee(many.terms) - dust));
  assert.equal(largest.outputs[0]?.value, dust);
  world.accepts(largest);
}

/** For contracts that leave the fee to the payee. */
export const flexibleEdgeCases: readonly Case[] = [
  ['flexible: totals are refused one below and one above what can be closed', edgesOfFlexible],
];

export const edgeCases: readonly Case[] = [
  ['fixed: totals are refused one below and one above what can be closed', edgesOfFixed],
  ['change too small for an output is refused in each deposit; the step into the next is not', edgesBetweenDeposits],
  ['a refused total comes with totals that are taken', adviceIsGood],
  ['the chain takes a close at the smallest total and one at the smallest change', chainTakesEdges],
  [
    'a channel without deposits can pay nothing',
    (world) => {
      const { terms } = world.terms({});
      assertRefused(world.contract.plan(terms, [], amount(1n)), 'total-above-capacity');
      assertRefused(world.contract.plan(terms, [], ZERO), 'total-not-positive');
    },
  ],
];
