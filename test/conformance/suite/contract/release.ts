import assert from 'node:assert/strict';
import { after } from '../../../../src/core/base/height.ts';
import type { Deposit, Terms } from '../../../../src/core/contract/contract.ts';
import { script } from '../../../../src/core/tx/script.ts';
import { SIGHASH, signatureHash } from '../../../../src/core/tx/sighash.ts';
import { encodeSignature, type Signature } from '../../../../src/core/tx/sign.ts';
import type { Transaction } from '../../../../src/core/tx/transaction.ts';
import { assertRefused, must } from '../../../world/sample.ts';
import { altered, type Case, type Channel, spoilt, type World } from './world.ts';

function bearing(deposit: Deposit, release: Signature | undefined): Deposit {
  const { release: _, ...bare } = deposit;
  return release === undefined ? bare : { ...bare, release };
}

function checksReleases(world: World): void {
  const { contract, subject } = world;
  const channel = world.channel({ deposits: [500n, 300n] });
  const { terms, deposits, payer, payee } = channel;
  const [first, second] = deposits;
  assert.ok(first !== undefined && second !== undefined);
  const holds = (release: Signature | undefined, deposit = first, under: Terms = terms): boolean =>
    contract.isRefundable(under, bearing(deposit, release), subject.verify);
  const [right] = contract.release(terms, [first], payee);
  assert.ok(right !== undefined && holds(right), 'control');
  assert.deepEqual(contract.release(terms, [first], payee), [right], 'the same again');
  const wrong: readonly (readonly [string, Signature | undefined])[] = [
    ['none', undefined],
    ['spoilt', spoilt(right)],
    ['by the payer', contract.release(terms, [first], payer)[0]],
    ['by a stranger', contract.release(terms, [first], world.key())[0]],
    ['of another deposit', contract.release(terms, [second], payee)[0]],
    ['of another expiry', contract.release({ ...terms, expiry: after(terms.expiry, 1) }, [first], payee)[0]],
  ];
  for (const [label, release] of wrong) assert.ok(!holds(release), label);
  assert.ok(!holds(right, second), 'under another deposit');
  assert.ok(!holds(right, first, { ...terms, expiry: after(terms.expiry, -1) }), 'under another expiry');
  const unsigned = deposits.map((deposit) => bearing(deposit, undefined));
  assertRefused(contract.refund(terms, unsigned, world.payout, payer), 'refund-unsigned');
  assertRefused(contract.refund(terms, [first, ...unsigned.slice(1)], world.payout, payer), 'refund-unsigned');
  must(contract.refund(terms, deposits, world.payout, payer));
}

/** Whoever has the payer's key still can't refund before the expiry, nor with what the payee signed for something else. */
function releasesNothingElse(world: World): void {
  const channel = world.channel({ life: 10 });
  const { terms, payer } = channel;
  const tx = must(world.contract.refund(terms, channel.deposits, world.payout, payer));
  const early: readonly ((tx: Transaction) => Transaction)[] = [
    (whole) => ({ ...whole, lockTime: 0 }),
    (whole) => ({ ...whole, lockTime: whole.lockTime - 1 }),
    (whole) => ({ ...whole, version: 3 - whole.version }),
    (whole) => ({ ...whole, inputs: whole.inputs.map((input) => ({ ...input, sequence: 0xffff_ffff })) }),
  ];
  world.paced.mineBefore(terms.expiry);
  world.paced.mine(1);
  for (const change of early) world.refuses(altered(channel, payer, tx, change), /script-verify-flag/);
  // Its own signature in both places.
  const own = encodeSignature(payer.sign(signatureHash(tx, 0, world.contract.redeemScript(terms), SIGHASH.ALL)), SIGHASH.ALL);
  world.refuses({ ...tx, inputs: tx.inputs.map((input) => ({ ...input, script: script('OP_0', own, own) })) }, /script-verify-flag/);
  world.accepts(altered(channel, payer, tx, elsewhere(world)));
}

/** The payer decides about fee and destination when the time has come. */
function elsewhere(world: World): (tx: Transaction) => Transaction {
  return (tx) => ({ ...tx, outputs: [{ value: (tx.outputs[0]?.value ?? 0n) - world.dust, script: world.payout.script }] });
}

function refundsTogether(world: World): void {
  const one: Channel = world.channel({ deposits: [500n, 300n, 200n], life: 12 });
  const tx = must(world.contract.refund(one.terms, one.deposits, world.payout, one.payer));
  world.paced.mineBefore(one.terms.expiry);
  world.refuses(tx, /non-final/);
  world.paced.mine(1);
  world.accepts(tx);
}

/** For contracts whose refunds the payee signs. */
export const releaseCases: readonly Case[] = [
  ['a release holds for one deposit and one expiry, and is the payee’s', checksReleases],
  ['a release is no leave to refund earlier or otherwise, and leaves open where to', releasesNothingElse],
  ['deposits that were released one by one are refunded together', refundsTogether],
];
