import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { Amount } from '../../../../src/core/base/amount.ts';
import { equalBytes, txId } from '../../../../src/core/base/bytes.ts';
import { isRefusal } from '../../../../src/core/base/refusal.ts';
import { type Deposit, type Payment, type PlannedInput, payerScript } from '../../../../src/core/contract/contract.ts';
import { SIGHASH, signatureHash } from '../../../../src/core/tx/sighash.ts';
import type { Signature } from '../../../../src/core/tx/sign.ts';
import { sameOutpoint, type Transaction, type TxInput, type TxOutput } from '../../../../src/core/tx/transaction.ts';
import { must } from '../../../world/sample.ts';
import { channels, sum, totalIn } from './property.ts';
import { type Case, type Channel, fixedFee, type World } from './world.ts';

/** A signature of the payer that the payee holds, and what it was made for. */
interface Held extends PlannedInput {
  readonly total: Amount;
  readonly signature: Signature;
  readonly change: bigint;
}

/** What a payee that wants too much does with the signatures it has. */
interface Scheme {
  /** For each deposit: which of its signatures, and in which of its transactions. */
  readonly picks: readonly { readonly pick: number; readonly group: number }[];
  readonly tweak: Tweak;
}

const TWEAKS = ['none', 'none', 'less-change', 'no-change', 'reversed', 'one-output'] as const;
type Tweak = (typeof TWEAKS)[number];

const schemes: fc.Arbitrary<Scheme> = fc.record({
  picks: fc.array(fc.record({ pick: fc.nat(1_000), group: fc.nat(2) }), { minLength: 4, maxLength: 4 }),
  tweak: fc.constantFrom(...TWEAKS),
});

/** The payments of a rising series of totals. */
function series(world: World, channel: Channel, parts: readonly number[]): readonly Payment[] {
  const near = fixedFee(channel.terms);
  const totals = [...new Set(parts.map((part) => totalIn(channel.deposits, part, near)))].sort((a, b) => (a < b ? -1 : 1));
  return totals.map((total) => world.sign(channel, total)).flatMap((payment) => (isRefusal(payment) ? [] : [payment]));
}

function heldOf(world: World, channel: Channel, payment: Payment): readonly Held[] {
  const { inputs, change, total } = must(world.plan(channel, payment.total));
  return inputs.map((input, i) => ({ ...input, change, total, signature: payment.signatures[i] ?? assert.fail('signed') }));
}

const isInUse = ({ hashType }: Held): boolean => (hashType & 0x1f) === SIGHASH.SINGLE;

const blank = ({ contract }: World, vout: number): TxInput => ({
  outpoint: { txid: txId('77'.repeat(32)), vout },
  script: new Uint8Array(),
  sequence: contract.form.sequence,
});

/** Inputs where the contract puts them: one that is in use at its slot with its change, others before and behind, gaps filled. */
function arranged(world: World, { terms }: Channel, held: readonly Held[], tweak: Tweak): Arranged {
  const slot = terms.signing.kind === 'flexible' ? terms.signing.slot : 0;
  const inUse = held.find(isInUse);
  const others = held.filter((one) => one !== inUse);
  const front = inUse === undefined ? [] : Array.from({ length: slot }, () => others.shift());
  const order = [...front, ...(inUse === undefined ? [] : [inUse]), ...others];
  const placed = tweak === 'reversed' ? order.toReversed() : order;
  const outputOf = (one: Held | undefined): TxOutput => {
    const change = one !== undefined && isInUse(one) ? one.change : 0n;
    if (change === 0n || tweak === 'no-change') return { value: world.dust, script: world.payout.script };
    return { value: tweak === 'less-change' ? change - 1n : change, script: payerScript(terms) };
  };
  const outputs = [...placed.map(outputOf), { value: world.dust, script: world.payout.script }];
  const inputs = placed.map((one, i) => ({ ...blank(world, i), ...(one === undefined ? {} : { outpoint: one.deposit.outpoint }) }));
  const kept = tweak === 'one-output' ? outputs.slice(-1) : outputs;
  return { tx: { version: world.contract.form.version, inputs, outputs: kept, lockTime: 0 }, held };
}

interface Arranged {
  readonly tx: Transaction;
  readonly held: readonly Held[];
}

/** What the payer loses by a transaction: nothing if the chain would refuse one of its signatures. */
function lossBy(world: World, { terms }: Channel, { tx, held }: Arranged): bigint {
  const code = world.contract.redeemScript(terms);
  const holds = held.every(({ deposit, hashType, signature }) => {
    const index = tx.inputs.findIndex(({ outpoint }) => sameOutpoint(outpoint, deposit.outpoint));
    return world.subject.verify(signature, signatureHash(tx, index, code, hashType), terms.payerKey);
  });
  if (!holds) return 0n;
  return sum(held.map(({ deposit }) => deposit)) - sum(tx.outputs.filter(({ script }) => equalBytes(script, payerScript(terms))));
}

/** One signature for each deposit, or none. */
function chosenFor(
  { deposits }: Channel,
  held: readonly Held[],
  { picks }: Scheme,
): readonly { readonly one: Held; readonly group: number }[] {
  return deposits.flatMap((deposit: Deposit, i) => {
    const own = held.filter((one) => one.deposit === deposit);
    const one = own[(picks[i]?.pick ?? 0) % (own.length + 1)];
    return one === undefined ? [] : [{ one, group: picks[i]?.group ?? 0 }];
  });
}

/** Up to three transactions out of those. */
function flexibleSchemes(world: World, channel: Channel, held: readonly Held[], scheme: Scheme): readonly Arranged[] {
  const chosen = chosenFor(channel, held, scheme);
  const groups = [0, 1, 2].map((group) => chosen.filter((pick) => pick.group === group).map(({ one }) => one));
  return groups.filter((group) => group.length > 0).map((group) => arranged(world, channel, group, scheme.tweak));
}

/** The same where each signature is for its own input and all outputs of one total: coins of the payee's may stand in for the other inputs. */
function apartSchemes(world: World, channel: Channel, held: readonly Held[], scheme: Scheme): readonly Arranged[] {
  const chosen = chosenFor(channel, held, scheme);
  return [...new Set(chosen.map(({ one }) => one.total))].map((total) => {
    const group = chosen.flatMap(({ one }) => (one.total === total ? [one] : []));
    const { outputs, ...whole } = world.contract.draft(channel.terms, must(world.plan(channel, total)));
    const inputs = group.map((one, i) => ({ ...blank(world, i), outpoint: one.deposit.outpoint }));
    return { tx: { ...whole, inputs, outputs: scheme.tweak === 'one-output' ? outputs.slice(-1) : outputs }, held: group };
  });
}

/** The outputs of one total with the inputs of another. */
function fixedScheme(world: World, channel: Channel, payments: readonly Payment[], { picks, tweak }: Scheme): readonly Arranged[] {
  const [ofOutputs, ofInputs] = [0, tweak === 'none' ? 0 : 1].map((at) => payments[(picks[at]?.pick ?? 0) % payments.length]);
  if (ofOutputs === undefined || ofInputs === undefined) return [];
  const [outer, inner] = [ofOutputs, ofInputs].map(({ total }) => world.contract.draft(channel.terms, must(world.plan(channel, total))));
  if (outer === undefined || inner === undefined) return [];
  return [{ tx: { ...inner, outputs: outer.outputs }, held: heldOf(world, channel, ofInputs) }];
}

function schemesOf(world: World, channel: Channel, payments: readonly Payment[], scheme: Scheme): readonly Arranged[] {
  const held = payments.flatMap((payment) => heldOf(world, channel, payment));
  if (channel.terms.signing.kind === 'flexible') return flexibleSchemes(world, channel, held, scheme);
  const isApart = (world.contract.form.fixedHashType & SIGHASH.ANYONECANPAY) !== 0;
  return isApart ? apartSchemes(world, channel, held, scheme) : fixedScheme(world, channel, payments, scheme);
}

function losesNoMore(world: World): void {
  const found = { schemes: 0, losses: 0, whole: 0 };
  const holds = (channel: Channel, parts: readonly number[], tried: readonly Scheme[]): void => {
    const payments = series(world, channel, parts);
    const best = payments.at(-1);
    if (best === undefined) return;
    const most = best.total + fixedFee(channel.terms);
    for (const scheme of tried) {
      const loss = schemesOf(world, channel, payments, scheme).reduce((all, one) => all + lossBy(world, channel, one), 0n);
      assert.ok(loss <= most, `loses ${loss} where ${most} was signed away`);
      found.schemes++;
      if (loss > 0n) found.losses++;
      if (loss === most) found.whole++;
    }
  };
  const parts = fc.array(fc.nat(100_000), { minLength: 1, maxLength: 6 });
  fc.assert(fc.property(channels(world), parts, fc.array(schemes, { minLength: 6, maxLength: 6 }), holds), { numRuns: 60 });
  // Schemes that work, and some that take all there is, or the bound would never have been near.
  assert.ok(found.losses > found.schemes / 20 && found.whole > 0, JSON.stringify(found));
}

export const lossCases: readonly Case[] = [
  ['whatever a payee makes of the signatures of a rising series, the payer loses no more than the largest total', losesNoMore],
];
