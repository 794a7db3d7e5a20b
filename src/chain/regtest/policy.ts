import { type Transaction, type TxOutput, transactionSize } from '../../core/tx/transaction.ts';
import type { ChainRules } from './chain-params.ts';
import { noTransaction } from './checker.ts';
import { evaluate } from './interpreter.ts';
import type { CoinAge } from './mempool-graph.ts';
import { NO_FLAGS } from './script-flags.ts';
import { countSigOps, isPushOnly } from './script-shape.ts';
import { type Dialect, outputForm } from './standard-outputs.ts';
import { isUnspendable, type UnspentCoin } from './utxo-set.ts';

/** A weight of 400,000 is too much on Dogecoin (1.14), but still allowed on Litecoin (0.21). */
const MAX_STANDARD_SIZE = { dogecoin: 99_999, litecoin: 100_000 } as const;
const MAX_INPUT_SCRIPT = 1_650;
const MAX_DATA_SCRIPT = 83;
const MAX_MULTISIG_KEYS = 3;
const MAX_P2SH_SIGOPS = 15;
export const MAX_STANDARD_SIGOPS = 4_000;
const BYTES_PER_SIGOP = 20;
const LITECOIN_MIN_SIZE = 82;
/** A coin of 10^8 units that is 144 blocks deep, in 250 bytes (`txmempool.h`, AllowFreeThreshold). */
const FREE_PRIORITY = 57_600_000;

/** Why nodes would not relay the transaction because of its form (`IsStandardTx`); undefined if they would. */
export function checkStandard(tx: Transaction, rules: ChainRules): string | undefined {
  if (tx.version < 1 || tx.version > 2) return 'version';
  if (transactionSize(tx) > MAX_STANDARD_SIZE[rules.dialect]) return 'tx-size';
  for (const { script } of tx.inputs) {
    if (script.length > MAX_INPUT_SCRIPT) return 'scriptsig-size';
    if (!isPushOnly(script)) return 'scriptsig-not-pushonly';
  }
  const reason = tx.outputs.map((output) => checkOutput(output, rules)).find((why) => why !== undefined);
  if (reason !== undefined) return reason;
  const dataOutputs = tx.outputs.filter(({ script }) => outputForm(script, rules.dialect).kind === 'nulldata').length;
  if (dataOutputs > 1) return 'multi-op-return';
  return rules.dialect === 'litecoin' && transactionSize(tx) < LITECOIN_MIN_SIZE ? 'tx-size-small' : undefined;
}

function checkOutput(output: TxOutput, rules: ChainRules): string | undefined {
  const form = outputForm(output.script, rules.dialect);
  switch (form.kind) {
    case 'nonstandard':
      return 'scriptpubkey';
    case 'witness':
      if (rules.dialect === 'dogecoin') return 'scriptpubkey';
      break;
    case 'multisig':
      if (form.keys > MAX_MULTISIG_KEYS) return 'scriptpubkey';
      break;
    case 'nulldata':
      return output.script.length > MAX_DATA_SCRIPT ? 'scriptpubkey' : undefined;
    case 'pubkey':
    case 'pubkeyhash':
    case 'scripthash':
      break;
  }
  return isHardDust(output, rules) ? 'dust' : undefined;
}

function isHardDust({ value, script }: TxOutput, rules: ChainRules): boolean {
  if (isUnspendable(script)) return false;
  const size = 8 + (script.length < 0xfd ? 1 : 3) + script.length;
  return value < rules.hardDust(size, outputForm(script, rules.dialect).kind === 'witness');
}

/** Whether every spent output is of a known form and no redeem script runs too many signature checks (`AreInputsStandard`). */
export function areInputsStandard(tx: Transaction, coins: readonly UnspentCoin[], dialect: Dialect): boolean {
  return tx.inputs.every(({ script }, i) => {
    const form = outputForm(coins[i]?.output.script ?? new Uint8Array(), dialect);
    if (form.kind === 'nonstandard') return false;
    if (form.kind !== 'scripthash') return true;
    const stack: Uint8Array[] = [];
    if (evaluate(stack, script, NO_FLAGS, noTransaction) !== undefined) return false;
    const redeemScript = stack.at(-1);
    return redeemScript !== undefined && countSigOps(redeemScript, true) <= MAX_P2SH_SIGOPS;
  });
}

/** Size that fees are computed from: many signature operations make a transaction count as longer (`GetVirtualTransactionSize`). */
export function virtualSize(size: number, sigOps: number): number {
  return Math.max(size, sigOps * BYTES_PER_SIGOP);
}

/** The fee at a rate, rounded down as nodes do, but never zero (`CFeeRate::GetFee`). */
export function feeAt(rate: bigint, size: number): bigint {
  const fee = (rate * BigInt(size)) / 1000n;
  return fee === 0n && size !== 0 && rate > 0n ? 1n : fee;
}

/** What peers ask in addition for outputs below the soft dust limit (`GetDogecoinDustFee`). */
export function softDustFee(tx: Transaction, rules: ChainRules): bigint {
  const limit = rules.softDust;
  if (limit === undefined) return 0n;
  return BigInt(tx.outputs.filter(({ value, script }) => value < limit && !isUnspendable(script)).length) * limit;
}

/** The age of its coins at the present tip; `size` as for fees (`coins.cpp` GetPriority, `CTxMemPoolEntry`). */
export function coinAge(tx: Transaction, coins: readonly UnspentCoin[], size: number, tipHeight: number): CoinAge {
  const confirmed = coins.filter(({ height }) => height <= tipHeight);
  const sum = confirmed.reduce((total, { output, height }) => total + Number(output.value) * (tipHeight - height), 0);
  const value = confirmed.reduce((total, { output }) => total + Number(output.value), 0);
  return { priority: sum / modifiedSize(tx, transactionSize(tx)), growth: value / modifiedSize(tx, size) };
}

/** Whether coins of this priority are old enough to need no fee (`txmempool.h`, AllowFree). */
export function isFree(priority: number): boolean {
  return priority > FREE_PRIORITY;
}

/** Inputs do not count towards size here, so that merging small coins is not punished (`CalculateModifiedSize`). */
function modifiedSize(tx: Transaction, whole: number): number {
  return tx.inputs.reduce((size, { script }) => {
    const offset = 41 + Math.min(110, script.length);
    return size > offset ? size - offset : size;
  }, whole);
}
