import type { Verify } from '../../core/tx/sign.ts';
import type { Transaction } from '../../core/tx/transaction.ts';
import type { ChainRules } from './chain-params.ts';
import { checkerFor } from './checker.ts';
import { verifyScript } from './interpreter.ts';
import { REJECT } from './reject-codes.ts';
import { type ScriptError, scriptErrorText } from './script-error.ts';
import { MANDATORY_FLAGS } from './script-flags.ts';
import { countP2shSigOps, countSigOps } from './script-shape.ts';
import type { UnspentCoin } from './utxo-set.ts';

/** A node's reason to refuse: its usual word, and what some nodes add after a comma. */
export interface Reason {
  readonly reason: string;
  readonly debug?: string;
}

export interface SpendContext {
  /** Height of the block that would hold the spend. */
  readonly height: number;
  readonly coinbaseMaturity: number;
  readonly maxMoney: bigint;
}

export type Spend = { readonly kind: 'pays'; readonly fee: bigint } | ({ readonly kind: 'refused' } & Reason);

export function valueIn(coins: readonly UnspentCoin[]): bigint {
  return coins.reduce((sum, { output }) => sum + output.value, 0n);
}

export function valueOut(tx: Transaction): bigint {
  return tx.outputs.reduce((sum, { value }) => sum + value, 0n);
}

/** Consensus rules for a spend, except its scripts (`CheckTxInputs`); `coins` are the outputs its inputs spend, in order. */
export function checkSpend(tx: Transaction, coins: readonly UnspentCoin[], context: SpendContext): Spend {
  const young = coins.find(({ coinbase, height }) => coinbase && context.height - height < context.coinbaseMaturity);
  if (young !== undefined) {
    const debug = `tried to spend coinbase at depth ${context.height - young.height}`;
    return { kind: 'refused', reason: 'bad-txns-premature-spend-of-coinbase', debug };
  }
  const [input, output] = [valueIn(coins), valueOut(tx)];
  if (input > context.maxMoney) return { kind: 'refused', reason: 'bad-txns-inputvalues-outofrange' };
  if (input < output) {
    return { kind: 'refused', reason: 'bad-txns-in-belowout', debug: `value in (${money(input)}) < value out (${money(output)})` };
  }
  return { kind: 'pays', fee: input - output };
}

/** Whole coins with two to eight decimals (`FormatMoney`). */
function money(units: bigint): string {
  const fraction = (units % 100_000_000n).toString().padStart(8, '0');
  return `${units / 100_000_000n}.${fraction.replace(/0{1,6}$/, '')}`;
}

/** The first input whose script fails, if any. */
export function checkScripts(
  tx: Transaction,
  coins: readonly UnspentCoin[],
  flags: number,
  verify: Verify,
): { readonly index: number; readonly error: ScriptError } | undefined {
  for (const index of tx.inputs.keys()) {
    const error = checkScript(tx, index, coins, flags, verify);
    if (error !== undefined) return { index, error };
  }
  return undefined;
}

export function checkScript(
  tx: Transaction,
  index: number,
  coins: readonly UnspentCoin[],
  flags: number,
  verify: Verify,
): ScriptError | undefined {
  const input = tx.inputs[index];
  const coin = coins[index];
  if (input === undefined || coin === undefined) throw new RangeError(`no input ${index} with its coin`);
  return verifyScript(input.script, coin.output.script, flags, checkerFor(tx, index, verify));
}

/**
 * If only policy flags make a script fail, the failure has another name and code, in the mempool and in blocks alike (`validation.cpp`, CheckInputs).
 */
export function blameScript(
  tx: Transaction,
  coins: readonly UnspentCoin[],
  { index, error }: { readonly index: number; readonly error: ScriptError },
  { rules, verify }: { readonly rules: ChainRules; readonly verify: Verify },
): Reason & { readonly code: number } {
  const words = scriptErrorText(error, rules.dialect);
  const isPolicy = checkScript(tx, index, coins, MANDATORY_FLAGS, verify) === undefined;
  if (isPolicy) return { code: REJECT.NONSTANDARD, reason: `non-mandatory-script-verify-flag (${words})` };
  return { code: REJECT.INVALID, reason: `mandatory-script-verify-flag-failed (${words})` };
}

/** Signature operations in the transaction itself; a bare CHECKMULTISIG counts 20 (`GetLegacySigOpCount`). */
export function legacySigOps(tx: Transaction): number {
  const scripts = [...tx.inputs, ...tx.outputs].map(({ script }) => script);
  return scripts.reduce((sum, script) => sum + countSigOps(script, false), 0);
}

/** The same, plus those of the redeem scripts it runs. */
export function allSigOps(tx: Transaction, coins: readonly UnspentCoin[]): number {
  return tx.inputs.reduce(
    (sum, { script }, i) => sum + countP2shSigOps(coins[i]?.output.script ?? new Uint8Array(), script),
    legacySigOps(tx),
  );
}
