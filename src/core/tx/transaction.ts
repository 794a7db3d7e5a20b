import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex, hexToBytes, type TxId, txId } from '../base/bytes.ts';
import { Malformed } from '../base/reader.ts';
import { WireReader } from './wire-reader.ts';
import { sizeBytes, WireWriter } from './wire-writer.ts';

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
  /** Smallest units as serialised, 0 … 2^64-1: not checked to be an amount of money. */
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

const ID_BYTES = 32;

export function sha256d(bytes: Uint8Array): Uint8Array {
  return sha256(sha256(bytes));
}

export function outpointKey(outpoint: Outpoint): string {
  return `${outpoint.txid}:${outpoint.vout}`;
}

export function sameOutpoint(a: Outpoint, b: Outpoint): boolean {
  return a.vout === b.vout && a.txid === b.txid;
}

/** Legacy serialisation, no witnesses. @throws RangeError for a number that does not fit its field. */
export function encodeTransaction(tx: Transaction): Uint8Array {
  const writer = new WireWriter(transactionSize(tx));
  writer.int32(tx.version);
  writer.size(tx.inputs.length);
  for (const { outpoint, script, sequence } of tx.inputs) {
    writer.bytes(hexToBytes(outpoint.txid).reverse());
    writer.uint32(outpoint.vout);
    writer.prefixed(script);
    writer.uint32(sequence);
  }
  writer.size(tx.outputs.length);
  for (const { value, script } of tx.outputs) {
    writer.uint64(value);
    writer.prefixed(script);
  }
  writer.uint32(tx.lockTime);
  return writer.whole;
}

/** Reads a whole transaction and drops its witnesses. Undefined for anything else, also with bytes after the end. */
export function decodeTransaction(bytes: Uint8Array): Transaction | undefined {
  // Try the form with the witness marker first, as nodes do: otherwise witnesses could be read as outputs, and inputs be missed.
  return decodeWitnessed(bytes) ?? attempt(() => readPlain(bytes));
}

/** The same for a transaction that has witnesses; undefined for any other. */
export function decodeWitnessed(bytes: Uint8Array): Transaction | undefined {
  return isMarked(bytes) ? attempt(() => readWitnessed(bytes)) : undefined;
}

/** Whether BIP144's marker is in the place of the input count. */
export function isMarked(bytes: Uint8Array): boolean {
  return bytes[4] === 0 && bytes[5] === 1;
}

/** @throws Malformed unless the bytes are a whole transaction in the form without witnesses. */
export function readPlain(bytes: Uint8Array): Transaction {
  const reader = new WireReader(bytes);
  const version = reader.int32();
  const tx = { version, inputs: reader.list(readInput), outputs: reader.list(readOutput), lockTime: reader.uint32() };
  reader.end();
  return tx;
}

function readWitnessed(bytes: Uint8Array): Transaction {
  const reader = new WireReader(bytes);
  const version = reader.int32();
  reader.bytes(2);
  const [inputs, outputs] = [reader.list(readInput), reader.list(readOutput)];
  const witnesses = inputs.map(() => reader.list((witness) => witness.prefixed()));
  // BIP144: a transaction without witnesses has only the other form.
  if (witnesses.every((items) => items.length === 0)) throw new Malformed('it has the form of SegWit, but no witness');
  const lockTime = reader.uint32();
  reader.end();
  return { version, inputs, outputs, lockTime };
}

function readInput(reader: WireReader): TxInput {
  const txid = txId(bytesToHex(reader.bytes(ID_BYTES).reverse()));
  return { outpoint: { txid, vout: reader.uint32() }, script: reader.prefixed(), sequence: reader.uint32() };
}

export function readOutput(reader: WireReader): TxOutput {
  return { value: reader.uint64(), script: reader.prefixed() };
}

function attempt<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof Malformed) return undefined;
    throw error;
  }
}

export function transactionId(tx: Transaction): TxId {
  return txId(bytesToHex(sha256d(encodeTransaction(tx)).reverse()));
}

/** Serialised size without witnesses; fees and limits of legacy chains use it. */
export function transactionSize(tx: Transaction): number {
  const inputs = tx.inputs.reduce((sum, { script }) => sum + ID_BYTES + 4 + prefixedSize(script) + 4, 0);
  const outputs = tx.outputs.reduce((sum, { script }) => sum + 8 + prefixedSize(script), 0);
  return 4 + sizeBytes(tx.inputs.length) + inputs + sizeBytes(tx.outputs.length) + outputs + 4;
}

function prefixedSize(bytes: Uint8Array): number {
  return sizeBytes(bytes.length) + bytes.length;
}
