import { type Amount, amount, feeFor, least } from '../base/amount.ts';
import type { Policy } from '../coin/coin.ts';
import { script } from '../tx/script.ts';
import { SIGHASH, signatureHash } from '../tx/sighash.ts';
import { encodeSignature, type Signer } from '../tx/sign.ts';
import { type Transaction, transactionId } from '../tx/transaction.ts';
import { type Cost, rateOf, times } from './fee.ts';
import { TX_SEQUENCE, TX_VERSION } from './form.ts';
import { P2PKH_INPUT_BYTES } from './tx-size.ts';

/**
 * One step of fee bumping by children: the rate that the child gives the whole family, and the largest part of the output that all children up to
 * this one may cost.
 */
export interface CpfpStep {
  /** As a multiple of the coin's own rate. */
  readonly factor: bigint;
  /** The part as 1/share. */
  readonly share: bigint;
}

/** Urgent: the money would be lost at the expiry. Patient: it would only come late. */
export const URGENT_STEPS: readonly CpfpStep[] = [
  { factor: 4n, share: 5n },
  { factor: 20n, share: 3n },
  { factor: 100n, share: 2n },
];
export const PATIENT_STEPS: readonly CpfpStep[] = URGENT_STEPS.map(({ factor }) => ({ factor, share: 10n }));

/**
 * The first child of a transaction that can't be replaced and has an output that others can spend. They may fill the family, and then no second child
 * is accepted. So the first child pays ahead for everything that may come. Where a full family has no spare room, it is always sent with its parent,
 * and costs little; where nodes always accept one more child, it waits until it is needed.
 */
export function firstCpfpStep({ family }: Policy): CpfpStep {
  return { factor: 100n, share: family.spare > 0 ? 10n : 100n };
}

/** Version, lock time and counts; one P2PKH input; one P2PKH output. */
export const CHILD_BYTES: number = 10 + P2PKH_INPUT_BYTES + 34;

/** An unconfirmed transaction, what it pays, and its P2PKH output that `signer` can spend. */
export interface CpfpParent {
  readonly transaction: Transaction;
  readonly cost: Cost;
  readonly vout: number;
  readonly signer: Signer;
}

/**
 * Children that pay for a parent whose own fee can't be changed, parents first: miners rate a transaction together with its ancestors (`miner.cpp`,
 * addPackageTxs). Each spends the output before it back to the same script. Where children can't be replaced either, one that pays too little would
 * block the next one; so each step adds its own child to the chain. A step depends on the parent and `policy` only, so the same children are made
 * again after a crash. `wanted` only says how many steps are made; the first `certain` are always made.
 */
export function cpfpChildren(
  { transaction, cost, vout, signer }: CpfpParent,
  policy: Policy,
  rungs: readonly CpfpStep[],
  wanted: Amount,
  certain: number = 0,
): readonly Transaction[] {
  const output = transaction.outputs[vout];
  if (output === undefined) return [];
  const children: Transaction[] = [];
  let family = cost;
  let last = { transaction, vout, value: output.value };
  for (const [rung, { factor, share }] of rungs.entries()) {
    if (rung >= certain && rateOf(family) >= wanted) break;
    const size = family.size + CHILD_BYTES;
    const needed = feeFor(size, times(policy.feeRate, factor));
    const spent = output.value - last.value;
    const most = least(amount(output.value / share), policy.maxFee) - spent;
    const fee = needed - family.fee < most ? needed - family.fee : most;
    if (fee < feeFor(CHILD_BYTES, policy.feeRate)) continue;
    const value = last.value - fee;
    if (value < policy.dust) break;
    const child = childOf(last, { value, script: output.script }, signer);
    children.push(child);
    family = { fee: amount(family.fee + fee), size };
    last = { transaction: child, vout: 0, value };
  }
  return children;
}

function childOf(
  parent: { readonly transaction: Transaction; readonly vout: number },
  output: Transaction['outputs'][number],
  signer: Signer,
): Transaction {
  const outpoint = { txid: transactionId(parent.transaction), vout: parent.vout };
  const bare: Transaction = {
    version: TX_VERSION,
    inputs: [{ outpoint, script: new Uint8Array(), sequence: TX_SEQUENCE }],
    outputs: [output],
    lockTime: 0,
  };
  const signature = encodeSignature(signer.sign(signatureHash(bare, 0, output.script, SIGHASH.ALL)), SIGHASH.ALL);
  return { ...bare, inputs: bare.inputs.map((input) => ({ ...input, script: script(signature, signer.publicKey) })) };
}
