import assert from 'node:assert/strict';
import { amount, feeFor, subtract } from '../../../../src/core/base/amount.ts';
import type { Signing } from '../../../../src/core/contract/contract.ts';
import { closeSize, P2PKH_INPUT_BYTES } from '../../../../src/core/contract/tx-size.ts';
import { p2pkh } from '../../../../src/core/tx/script.ts';
import { SIGHASH } from '../../../../src/core/tx/sighash.ts';
import type { Transaction, TxOutput } from '../../../../src/core/tx/transaction.ts';
import { assertRefused, must } from '../../../world/sample.ts';
import { altered, type Case, feeOf, fixedFee, hashTypes, type World } from './world.ts';

const OWN_CHANGE = SIGHASH.SINGLE | SIGHASH.ANYONECANPAY;
const NOTHING_LEFT = SIGHASH.NONE | SIGHASH.ANYONECANPAY;
const SCRIPT_FAILED = /script-verify-flag/;

function withOutput(tx: Transaction, at: number, change: (output: TxOutput) => TxOutput): Transaction {
  return { ...tx, outputs: tx.outputs.map((output, i) => (i === at ? change(output) : output)) };
}

const lessBy =
  (value: bigint) =>
  (output: TxOutput): TxOutput => ({ ...output, value: output.value - value });

function closesWithChange(world: World): void {
  const channel = world.channel();
  const total = world.money(300n);
  const tx = world.closed(channel, total);
  const fee = feeOf(tx, channel.deposits);
  assert.deepEqual(tx.outputs, [
    { value: world.money(700n), script: p2pkh(channel.payer.publicKey) },
    { value: total - fee, script: world.payout.script },
  ]);
  assert.deepEqual(hashTypes(tx.inputs[0]?.script ?? new Uint8Array()), [OWN_CHANGE, SIGHASH.ALL]);
  world.assertCost(tx, channel.deposits, closeSize(channel.terms, 1, 2));
  world.accepts(tx);
}

function closesDrained(world: World): void {
  const channel = world.channel();
  const total = world.money(1_000n);
  const tx = world.closed(channel, total);
  assert.deepEqual(tx.outputs, [{ value: total - feeOf(tx, channel.deposits), script: world.payout.script }]);
  assert.deepEqual(hashTypes(tx.inputs[0]?.script ?? new Uint8Array()), [NOTHING_LEFT, SIGHASH.ALL]);
  world.assertCost(tx, channel.deposits, closeSize(channel.terms, 1, 1));
  world.accepts(tx);
}

function closesFixed(world: World): void {
  for (const [inputs, total] of [
    [1, 300n],
    [2, 1_500n],
  ] as const) {
    const signing = world.fixed(inputs);
    const channel = world.channel({ signing, deposits: [1_000n, 800n] });
    const tx = world.closed(channel, world.money(total));
    assert.equal(tx.inputs.length, inputs);
    assert.equal(feeOf(tx, channel.deposits), fixedFee(channel.terms));
    assert.deepEqual(tx.outputs.at(-1), { value: world.money(total), script: world.paysTo(channel.terms) });
    for (const { script } of tx.inputs) assert.deepEqual(hashTypes(script), [world.contract.form.fixedHashType, SIGHASH.ALL]);
    world.assertCost(tx, channel.deposits, closeSize(channel.terms, inputs, 2));
    world.accepts(tx);
  }
}

function closesFixedWhole(world: World): void {
  const signing = world.fixed();
  const channel = world.channel({ signing });
  const total = amount(world.money(1_000n) - world.closingFee(1, 2));
  const tx = world.closed(channel, total);
  assert.deepEqual(tx.outputs, [{ value: total, script: world.paysTo(channel.terms) }]);
  world.accepts(tx);
}

/** The payee tries every way at the payer's change; the transaction it started from is taken at the end. */
function keepsChange(world: World, signing: Signing): void {
  const channel = world.channel({ signing });
  const tx = world.closed(channel, world.money(300n));
  const own = world.payout.script;
  const attacks: readonly ((tx: Transaction) => Transaction)[] = [
    (whole) => withOutput(whole, 0, lessBy(1n)),
    (whole) => withOutput(whole, 0, (output) => ({ ...output, script: own })),
    (whole) => withOutput(withOutput(whole, 0, lessBy(world.dust)), 1, lessBy(-world.dust)),
    (whole) => ({ ...whole, outputs: whole.outputs.toReversed() }),
    (whole) => ({ ...whole, outputs: whole.outputs.slice(1) }),
    (whole) => ({ ...whole, lockTime: 1 }),
    (whole) => ({ ...whole, version: 3 - whole.version }),
    (whole) => ({ ...whole, inputs: whole.inputs.map((input) => ({ ...input, sequence: 0xffff_fffe })) }),
  ];
  for (const attack of attacks) world.refuses(altered(channel, channel.payee, tx, attack), SCRIPT_FAILED);
  world.accepts(altered(channel, channel.payee, tx, (same) => same));
}

/** What is the payee's own it may change: how much of it is fee, and where it goes. */
function ownOutputs(world: World, signing: Signing, isFree: boolean): void {
  const changes: readonly ((tx: Transaction) => Transaction)[] = [
    (tx) => withOutput(tx, 1, lessBy(world.dust)),
    (tx) => withOutput(tx, 1, (output) => ({ ...output, script: p2pkh(world.key().publicKey) })),
    (tx) => {
      const split = withOutput(tx, 1, lessBy(world.money(10n)));
      return { ...split, outputs: [...split.outputs, { value: world.money(9n), script: world.payout.script }] };
    },
  ];
  for (const change of changes) {
    const channel = world.channel({ signing });
    const tx = world.closed(channel, world.money(300n));
    const other = altered(channel, channel.payee, tx, change);
    if (isFree) world.accepts(other);
    else world.refuses(other, SCRIPT_FAILED);
    if (!isFree) world.accepts(tx);
  }
}

function paysTheRate(world: World): void {
  const channel = world.channel();
  const closing = world.closing(channel, world.money(300n));
  const feeRate = amount(world.coin.policy.feeRate * 5n);
  const tx = must(world.contract.close([closing], { ...world.payout, feeRate }));
  world.assertCost(tx, channel.deposits, closeSize(channel.terms, 1, 2), feeRate);
  const size = closeSize(channel.terms, 1, 2);
  const most = amount(((world.money(300n) - world.dust) * 1_000n) / BigInt(size));
  assert.ok(feeFor(size, most) <= world.coin.policy.maxFee);
  must(world.contract.close([closing], { ...world.payout, feeRate: most }));
  for (const rate of [amount(most + 1n + 1_000n / BigInt(size)), amount(world.coin.policy.maxFee * 10n)]) {
    assertRefused(world.contract.close([closing], { ...world.payout, feeRate: rate }), 'fee-unaffordable', String(rate));
  }
  world.accepts(tx);
}

function foreignClosings(world: World): void {
  assertRefused(world.contract.close([], world.payout), 'nothing-to-close');
  const fixed = world.closing(world.channel({ signing: world.fixed() }), world.money(300n));
  const usual = world.closing(world.channel(), world.money(300n));
  assertRefused(world.contract.close([fixed, usual], world.payout), 'contract-unfit', 'a fixed one beside another');
  const other = { ...usual, terms: { ...usual.terms, contract: { ...world.contract, id: 'another' } } };
  assertRefused(world.contract.close([other], world.payout), 'contract-unfit', 'a channel of another contract');
  const elsewhere = { ...usual, terms: { ...usual.terms, coin: { ...world.coin, id: 'another' } } };
  assertRefused(world.contract.close([usual, elsewhere], world.payout), 'coin-mismatch', 'a channel on another chain');
  for (const closing of [fixed, usual]) world.accepts(must(world.contract.close([closing], world.payout)));
}

/** Where the payer signed its own inputs only, coins of the payee raise the fee of a close that it can not change otherwise. */
function fixedWithFillers(world: World): void {
  const channel = world.channel({ signing: world.fixed(2), deposits: [500n, 300n] });
  const closing = world.closing(channel, world.money(600n));
  const alone = must(world.contract.close([closing], world.payout));
  const fillers = [world.filler(20n), world.filler(30n)];
  const raised = world.contract.close([closing], world.payout, fillers);
  if ((world.contract.form.fixedHashType & SIGHASH.ANYONECANPAY) === 0) {
    assertRefused(raised, 'contract-unfit');
    world.accepts(alone);
    return;
  }
  const tx = must(raised);
  assert.deepEqual(tx.outputs, alone.outputs);
  assert.equal(feeOf(tx, [...channel.deposits, ...fillers]), fixedFee(channel.terms) + world.money(50n));
  world.assertCost(tx, [...channel.deposits, ...fillers], closeSize(channel.terms, 2, 2) + 2 * P2PKH_INPUT_BYTES);
  const { maxFee } = world.coin.policy;
  const dear = { ...world.filler(), value: maxFee };
  assertRefused(world.contract.close([closing], world.payout, [dear]), 'fee-unaffordable', 'more than any fee may be');
  must(world.contract.close([closing], world.payout, [{ ...dear, value: subtract(maxFee, fixedFee(channel.terms)) }]));
  world.accepts(tx);
}

const FLEXIBLE: Signing = { kind: 'flexible', slot: 0 };

/** For contracts that leave the fee to the payee. */
export const flexibleCloseCases: readonly Case[] = [
  ['flexible: a close gives the payer its change and the payee the rest, less the fee', closesWithChange],
  ['flexible: a close of all leaves the payer without an output', closesDrained],
  ["flexible: the chain refuses a close in which the payee touched the payer's change", (world) => keepsChange(world, FLEXIBLE)],
  ['flexible: the payee may change its own output', (world) => ownOutputs(world, FLEXIBLE, true)],
  ['a close pays the rate it was asked for, and is refused when nothing would remain', paysTheRate],
];

export const closeCases: readonly Case[] = [
  ['fixed: a close is what the payer signed, also over two deposits', closesFixed],
  ['fixed: a close of all but the fee has one output', closesFixedWhole],
  ["fixed: the chain refuses a close in which the payee touched the payer's change", (world) => keepsChange(world, world.fixed())],
  ['fixed: the payee may not change its own output', (world) => ownOutputs(world, world.fixed(), false)],
  ["fixed: the payee's coins are fee where the payer signed its own inputs only, and refused where it signed all", fixedWithFillers],
  ['channels that can not be closed together are refused', foreignClosings],
];
