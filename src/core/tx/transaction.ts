import { sha256 } from '@noble/hashes/sha2.js';
import { RawOldTx, RawTx } from '@scure/btc-signer/script.js';
import { bytesToHex, hexToBytes, type TxId, txId } from '../base/bytes.ts';

export interface Outpoint {
  readonly txid: TxId;
  /** Index of the output, 0 … 2^32-1. */
  readonly vout: number;
}

export interface TxInput {
  readonly outpoint: Outpoint;
  /** scriptSig; empty before signing. */
  readonly script: Uint8Array;
  readonly sequence: number;
}

export interface TxOutput {
  /** Smallest units as the wire carries them, 0 … 2^64-1: not yet known to be an amount of money. */
  readonly value: bigint;
  /** scriptPubKey. */
  readonly script: Uint8Array;
}

/** A transaction without its witnesses: what legacy signatures and transaction ids commit to. */
export interface Transaction {
  readonly version: number;
  readonly inputs: readonly TxInput[];
  readonly outputs: readonly TxOutput[];
  readonly lockTime: number;
}

export function sha256d(bytes: Uint8Array): Uint8Array {
  return sha256(sha256(bytes));
}

export function outpointKey(outpoint: Outpoint): string {
  return `${outpoint.txid}:${outpoint.vout}`;
}

export function sameOutpoint(a: Outpoint, b: Outpoint): boolean {
  return a.vout === b.vout && a.txid === b.txid;
}

/** Legacy serialisation, no witnesses. */
export function encodeTransaction(tx: Transaction): Uint8Array {
  return RawOldTx.encode({
    version: tx.version,
    inputs: tx.inputs.map(({ outpoint, script, sequence }) => ({
      txid: hexToBytes(outpoint.txid),
      index: outpoint.vout,
      finalScriptSig: script,
      sequence,
    })),
    outputs: tx.outputs.map(({ value, script }) => ({ amount: value, script })),
    lockTime: tx.lockTime,
  });
}

/** Reads a whole transaction; witnesses are dropped. Undefined for anything else, trailing bytes included. */
export function decodeTransaction(bytes: Uint8Array): Transaction | undefined {
  // With the witness mark first, as nodes read: the other way round witnesses could pass for outputs, and inputs go unseen.
  const raw = attempt(() => RawTx.decode(bytes)) ?? attempt(() => RawOldTx.decode(bytes));
  return raw && fromRaw(raw);
}

/** The same transaction as the codec library holds it. */
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

function attempt<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}

export function transactionId(tx: Transaction): TxId {
  return txId(bytesToHex(sha256d(encodeTransaction(tx)).reverse()));
}

/** Bytes on the wire without witnesses; fees and limits of legacy chains count these. */
export function transactionSize(tx: Transaction): number {
  return encodeTransaction(tx).length;
}
