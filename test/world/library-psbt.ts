import { RawPSBTV0 } from '@scure/btc-signer/psbt.js';
import { bytesToHex, equalBytes, txId } from '../../src/core/base/bytes.ts';
import { type InputMap, type OutputMap, PENALTY_KEY_FIELD, type PsbtMaps } from '../../src/core/message/psbt-maps.ts';
import { type Transaction, transactionId } from '../../src/core/tx/transaction.ts';

type Raw = ReturnType<typeof RawPSBTV0.decode>;

/** What another reader makes of a PSBT, whatever is in it; undefined where it reads none. It takes a hundred times as long, and much longer for some. */
export function libraryMaps(bytes: Uint8Array): PsbtMaps | undefined {
  const raw = attempt(() => RawPSBTV0.decode(bytes));
  if (raw?.global.unsignedTx === undefined) return undefined;
  // It lets an empty map pass behind the last output.
  const { unsignedTx } = raw.global;
  if (unsignedTx.outputs.length > 0 && raw.outputs.length > unsignedTx.outputs.length) return undefined;
  const [, penaltyKey] = raw.global.proprietary?.find(([key]) => equalBytes(key, PENALTY_KEY_FIELD)) ?? [];
  // An empty map stands behind a transaction without outputs.
  const outputs = raw.outputs.slice(0, unsignedTx.outputs.length).map(outputMap);
  return { transaction: fromRaw(unsignedTx), ...(penaltyKey && { penaltyKey }), inputs: raw.inputs.map(inputMap), outputs };
}

function outputMap({ redeemScript }: Raw['outputs'][number]): OutputMap {
  return redeemScript === undefined ? {} : { redeemScript };
}

function inputMap({ nonWitnessUtxo, redeemScript, partialSig, sighashType }: Raw['inputs'][number]): InputMap {
  const funding = nonWitnessUtxo && fromRaw(nonWitnessUtxo);
  return {
    ...(funding && { funding: { id: transactionId(funding), outputs: funding.outputs } }),
    ...(redeemScript && { redeemScript }),
    partialSig: partialSig ?? [],
    ...(sighashType === undefined ? {} : { sighashType }),
  };
}

function attempt<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}

/** The same transaction as the library holds it. */
interface RawTransaction {
  readonly version: number;
  readonly inputs: readonly { txid: Uint8Array; index: number; finalScriptSig: Uint8Array; sequence: number }[];
  readonly outputs: readonly { amount: bigint; script: Uint8Array }[];
  readonly lockTime: number;
}

export function fromRaw(raw: RawTransaction): Transaction {
  return {
    version: raw.version,
    inputs: raw.inputs.map(({ txid, index, finalScriptSig, sequence }) => ({
      outpoint: { txid: txId(bytesToHex(txid)), vout: index },
      script: finalScriptSig,
      sequence,
    })),
    outputs: raw.outputs.map(({ amount, script }) => ({ value: amount, script })),
    lockTime: raw.lockTime,
  };
}
