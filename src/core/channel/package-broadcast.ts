import type { Amount } from '../base/amount.ts';
import { equalBytes } from '../base/bytes.ts';
import type { Deposit, Terms } from '../contract/contract.ts';
import { type CpfpStep, cpfpChildren, firstCpfpStep } from '../contract/cpfp.ts';
import { type Cost, costOf } from '../contract/fee.ts';
import type { Signer } from '../tx/sign.ts';
import type { Transaction } from '../tx/transaction.ts';
import type { Effect } from './state-machine.ts';

/** How children pay for a transaction whose own fee can't be changed. */
export interface PackageOptions {
  readonly terms: Terms;
  readonly deposits: readonly Deposit[];
  /** This side's output, and its key where that is available. */
  readonly script: Uint8Array;
  readonly signer: Signer | undefined;
  readonly rungs: readonly CpfpStep[];
  /** This side can't replace it: only children can raise its fee. */
  readonly isFinal?: boolean;
  /** What it pays according to the node, for a transaction that spends other things too. */
  readonly cost?: Cost;
  /** The rate that miners ask for, per 1,000 bytes. */
  readonly wanted: Amount;
}

/** The transaction with the children that it needs. Empty when it needs none, or has no output that a child could spend. */
export function broadcastPackage(
  transaction: Transaction,
  { terms, deposits, script, signer, rungs, wanted, isFinal = false, cost: stated }: PackageOptions,
): readonly Effect[] {
  const cost = costOf(transaction, deposits) ?? stated;
  const vout = transaction.outputs.findIndex((output) => equalBytes(output.script, script));
  if (cost === undefined || signer === undefined || vout < 0) return [];
  const { policy } = terms.coin;
  const isExposed = isFinal && transaction.outputs.some((output) => !equalBytes(output.script, script));
  const ladder = isExposed ? [firstCpfpStep(policy), ...rungs] : rungs;
  const children = cpfpChildren(
    { transaction, cost, vout, signer },
    policy,
    ladder,
    wanted,
    isExposed && policy.family.spare === 0 ? 1 : 0,
  );
  return children.length === 0 ? [] : [transaction, ...children].map((one) => ({ kind: 'broadcast', transaction: one }));
}
