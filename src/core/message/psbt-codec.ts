import { RawPSBTV0 } from '@scure/btc-signer/psbt.js';
import { Transaction as PsbtBuilder } from '@scure/btc-signer/transaction.js';
import { isAmount } from '../base/amount.ts';
import { equalBytes } from '../base/bytes.ts';
import { type Refusal, refuse } from '../base/refusal.ts';
import type { Contract, Deposit, Terms } from '../contract/contract.ts';
import { p2sh } from '../tx/script.ts';
import type { Transaction } from '../tx/transaction.ts';
import { type InputMap, type OutputMap, PENALTY_KEY_FIELD, type PsbtMaps, readMaps } from './psbt-maps.ts';

/** The complete funding transactions of a channel by id, as BIP174 requires them for legacy inputs. */
export type FundingTransactions = ReadonlyMap<string, Uint8Array>;

/** A PSBT of the channel, checked without any knowledge of the channel: every input spends the same script, bare or by its hash. */
export interface ChannelPsbt {
  readonly transaction: Transaction;
  readonly redeemScript: Uint8Array;
  readonly inputs: readonly PsbtInput[];
  readonly outputs: readonly OutputMap[];
  /** The bytes as they are in the PSBT, if it names one. */
  readonly penaltyKey?: Uint8Array;
}

export interface PsbtInput {
  readonly deposit: Deposit;
  /** Public key, and signature with its hash type byte, as they are in the PSBT. */
  readonly partialSignatures: readonly { readonly key: Uint8Array; readonly signature: Uint8Array }[];
  readonly hashType?: number;
}

/** Larger than any PSBT of a channel with the most deposits, funding transactions included. */
export const MAX_PSBT_BYTES = 1_000_000;

/** The largest transaction that nodes relay (`MAX_STANDARD_TX_SIZE`, `policy.h`), and the other fields of an input. */
const MOST_INPUT_BYTES = 100_000 + 1_000;
/** Everything outside the inputs: mostly the outputs before the slot's own. */
const MOST_FRAME_BYTES = 16_000;

/** The largest size of a PSBT of a channel with so many deposits. */
export function mostPsbtBytes(deposits: number): number {
  return Math.min(MAX_PSBT_BYTES, MOST_FRAME_BYTES + deposits * MOST_INPUT_BYTES);
}

/** Reads PSBT version 0 (BIP174) and checks everything that needs no knowledge of the channel. */
export function decodePsbt(bytes: Uint8Array): ChannelPsbt | Refusal {
  if (bytes.length > MAX_PSBT_BYTES) return refuse('message-too-large', { most: MAX_PSBT_BYTES });
  const maps = readMaps(bytes);
  if ('kind' in maps) return maps;
  const { lockTime } = maps.transaction;
  return lockTime === 0 ? decodeInputs(maps) : refuse('psbt-locktime-wrong', { lockTime, expected: 0 });
}

/** Checks that the transaction has the form of a contract's closes. */
export function wrongForm({ transaction: tx }: ChannelPsbt, { form: { version, sequence } }: Contract): Refusal | undefined {
  if (tx.version !== version) return refuse('psbt-version-wrong', { version: tx.version, expected: version });
  const input = tx.inputs.find((one) => one.sequence !== sequence);
  return input && refuse('psbt-sequence-wrong', { sequence: input.sequence, expected: sequence });
}

function decodeInputs({ transaction, inputs: maps, ...rest }: PsbtMaps): ChannelPsbt | Refusal {
  const redeemScript = scriptOf(transaction, maps[0]);
  if (redeemScript === undefined) return refuse('psbt-inputs-wrong', { reason: 'the first input has no redeem script' });
  const inputs: PsbtInput[] = [];
  for (const [i, map] of maps.entries()) {
    const input = decodeInput(transaction, i, map, { redeemScript, shown: maps[0]?.redeemScript ?? NONE });
    if ('kind' in input) return input;
    inputs.push(input);
  }
  return { ...rest, transaction, redeemScript, inputs };
}

const P2SH_BYTES = 23;
const NONE = new Uint8Array();

/** The redeem script; for a bare output, which has none, its output script (BIP174 requires the script only where it is hashed). */
function scriptOf({ inputs }: Transaction, map: InputMap | undefined): Uint8Array | undefined {
  const output = map?.funding?.outputs[inputs[0]?.outpoint.vout ?? 0];
  return map?.redeemScript ?? (output && output.script.length !== P2SH_BYTES ? output.script : undefined);
}

/** `shown`: the redeem script in the PSBT, empty for a bare output. */
function decodeInput(
  transaction: Transaction,
  index: number,
  map: InputMap,
  { redeemScript, shown }: { readonly redeemScript: Uint8Array; readonly shown: Uint8Array },
): PsbtInput | Refusal {
  const outpoint = transaction.inputs[index]?.outpoint;
  const { funding } = map;
  if (outpoint === undefined || !equalBytes(map.redeemScript ?? NONE, shown)) {
    return refuse('psbt-inputs-wrong', { input: index, reason: 'its redeem script is not that of the first input' });
  }
  if (funding === undefined || funding.id !== outpoint.txid) {
    return refuse('psbt-inputs-wrong', { input: index, reason: 'its funding transaction is missing, or is another one' });
  }
  const output = funding.outputs[outpoint.vout];
  if (output === undefined) return refuse('funding-output-missing', { input: index, vout: outpoint.vout });
  if (!equalBytes(output.script, shown.length === 0 ? redeemScript : p2sh(redeemScript)))
    return refuse('funding-script-wrong', { input: index });
  if (!isAmount(output.value)) return refuse('funding-value-wrong', { input: index });
  return {
    deposit: { outpoint, value: output.value },
    partialSignatures: map.partialSig.map(([key, signature]) => ({ key, signature })),
    ...(map.sighashType === undefined ? {} : { hashType: map.sighashType }),
  };
}

/** What a PSBT of the channel shows beside its transaction. */
export interface Shown {
  readonly funding: FundingTransactions;
  /** The payer's, one for each input, where it has signed. */
  readonly signatures?: readonly { readonly signature: Uint8Array; readonly hashType: number }[];
  /** Redeem scripts of outputs, by their index (BIP174, PSBT_OUT_REDEEM_SCRIPT). */
  readonly hashedIn?: ReadonlyMap<number, Uint8Array>;
  /** The same for the last output. */
  readonly lastScript?: Uint8Array;
  readonly penaltyKey?: Uint8Array;
}

/** Writes a PSBT of the channel. @throws Error when a funding transaction is missing: the payer keeps them all. */
export function encodePsbt(
  terms: Terms,
  transaction: Transaction,
  { funding, signatures = [], hashedIn, lastScript, penaltyKey }: Shown,
): Uint8Array {
  const script = terms.contract.redeemScript(terms);
  const hashed = equalBytes(terms.contract.outputScript(terms), script) ? {} : { redeemScript: script };
  const psbt = new PsbtBuilder({ version: transaction.version, lockTime: transaction.lockTime, disableScriptCheck: true });
  for (const [i, { outpoint, sequence }] of transaction.inputs.entries()) {
    const nonWitnessUtxo = funding.get(outpoint.txid);
    if (nonWitnessUtxo === undefined) throw new Error(`the funding transaction ${outpoint.txid} is not available`);
    const hashType = signatures[i] && { sighashType: signatures[i].hashType };
    psbt.addInput({ txid: outpoint.txid, index: outpoint.vout, sequence, nonWitnessUtxo, ...hashed, ...hashType });
  }
  for (const [i, output] of transaction.outputs.entries()) {
    const redeemScript = hashedIn?.get(i) ?? (i === transaction.outputs.length - 1 ? lastScript : undefined);
    psbt.addOutput({ amount: output.value, script: output.script, ...(redeemScript && { redeemScript }) });
  }
  // Last, because the builder adds nothing that a signature commits to.
  for (const [i, { signature }] of signatures.entries()) psbt.updateInput(i, { partialSig: [pair(terms.payerKey, signature)] });
  const bytes = psbt.toPSBT(0);
  return penaltyKey === undefined ? bytes : withPenaltyKey(bytes, penaltyKey);
}

/** The builder can't write proprietary fields. */
function withPenaltyKey(bytes: Uint8Array, penaltyKey: Uint8Array): Uint8Array {
  const raw = RawPSBTV0.decode(bytes);
  return RawPSBTV0.encode({ ...raw, global: { ...raw.global, proprietary: [[PENALTY_KEY_FIELD.slice(), penaltyKey.slice()]] } });
}

function pair(key: Uint8Array, value: Uint8Array): [Uint8Array, Uint8Array] {
  return [key, value];
}
