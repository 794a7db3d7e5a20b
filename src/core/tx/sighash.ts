import { withoutCodeSeparators } from './script.ts';
import { encodeTransaction, sha256d, type Transaction } from './transaction.ts';
import { sizeBytes } from './wire-writer.ts';

/** Hash types of legacy signatures: the byte after a DER signature. */
export const SIGHASH = { ALL: 1, NONE: 2, SINGLE: 3, ANYONECANPAY: 0x80 } as const;

const BASE_TYPE = 0x1f;
const NULL_OUTPUT = { value: 0xffff_ffff_ffff_ffffn, script: new Uint8Array() };

/**
 * The digest that a SINGLE signature signs when there is no output at its index (`interpreter.cpp`, SignatureHash). Such a signature is valid for
 * every transaction: never make or accept one.
 */
const ONE: Uint8Array = Uint8Array.of(1, ...new Uint8Array(31));

/** True when consensus signs the constant 1 instead of the transaction. */
export function isUnbound(tx: Transaction, index: number, hashType: number): boolean {
  return index >= tx.inputs.length || ((hashType & BASE_TYPE) === SIGHASH.SINGLE && index >= tx.outputs.length);
}

/**
 * The legacy signature hash of input `index`, equal to consensus for every 32-bit hash type (`interpreter.cpp`, SignatureHash), also where that is
 * the constant 1.
 * What pawment itself signs or checks uses `sighashTemplate`, which refuses the constant.
 */
export function signatureHash(tx: Transaction, index: number, scriptCode: Uint8Array, hashType: number): Uint8Array {
  return isUnbound(tx, index, hashType) ? ONE.slice() : sha256d(preimage(tx, index, scriptCode, hashType));
}

/** The bytes that are hashed, 32-bit hash type included. */
function preimage(tx: Transaction, index: number, scriptCode: Uint8Array, hashType: number): Uint8Array {
  const signed = encodeTransaction({
    ...tx,
    inputs: signedInputs(tx, index, withoutCodeSeparators(scriptCode), hashType),
    outputs: signedOutputs(tx, index, hashType),
  });
  const bytes = new Uint8Array(signed.length + 4);
  bytes.set(signed);
  new DataView(bytes.buffer).setInt32(signed.length, hashType, true);
  return bytes;
}

function signedInputs(tx: Transaction, index: number, scriptCode: Uint8Array, hashType: number): Transaction['inputs'] {
  const othersAreFree = (hashType & BASE_TYPE) === SIGHASH.NONE || (hashType & BASE_TYPE) === SIGHASH.SINGLE;
  const inputs = tx.inputs.map((input, i) =>
    i === index ? { ...input, script: scriptCode } : { ...input, script: new Uint8Array(), sequence: othersAreFree ? 0 : input.sequence },
  );
  return (hashType & SIGHASH.ANYONECANPAY) === 0 ? inputs : inputs.slice(index, index + 1);
}

function signedOutputs(tx: Transaction, index: number, hashType: number): Transaction['outputs'] {
  const base = hashType & BASE_TYPE;
  if (base === SIGHASH.NONE) return [];
  if (base === SIGHASH.SINGLE) return tx.outputs.slice(0, index + 1).map((output, i) => (i === index ? output : NULL_OUTPUT));
  return tx.outputs;
}

/** Signature hashes of one input for transactions that differ in output values only. */
export interface SighashTemplate {
  /** The digest with these values in the outputs that the hash type commits to, in the same order. */
  readonly digest: (values: readonly bigint[]) => Uint8Array;
}

/**
 * Lays out the bytes to hash once; each digest then only fills in values and hashes.
 * @throws Error for SINGLE without an output at its index: that signature would be valid for any transaction.
 */
export function sighashTemplate(tx: Transaction, index: number, scriptCode: Uint8Array, hashType: number): SighashTemplate {
  if (isUnbound(tx, index, hashType)) throw new Error(`input ${index} has no output to sign with hash type ${hashType}`);
  const bytes = preimage(tx, index, scriptCode, hashType);
  const view = new DataView(bytes.buffer);
  const offsets = valueOffsets(signedOutputs(tx, index, hashType), bytes.length);
  return {
    digest: (values) => {
      for (const [i, offset] of offsets.entries()) view.setBigUint64(offset, values[i] ?? 0n, true);
      return sha256d(bytes);
    },
  };
}

/** Offsets of the output values, counted back from the end (lock time and hash type); blanked outputs have none. */
function valueOffsets(outputs: Transaction['outputs'], length: number): readonly number[] {
  const offsets: number[] = [];
  let end = length - 8;
  for (const output of outputs.toReversed()) {
    end -= 8 + sizeBytes(output.script.length) + output.script.length;
    if (output !== NULL_OUTPUT) offsets.unshift(end);
  }
  return offsets;
}
