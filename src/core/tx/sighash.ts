import { withoutCodeSeparators } from './script.ts';
import { encodeTransaction, sha256d, type Transaction } from './transaction.ts';

/** Hash types of legacy signatures; the byte behind a DER signature. */
export const SIGHASH = { ALL: 1, NONE: 2, SINGLE: 3, ANYONECANPAY: 0x80 } as const;

const BASE_TYPE = 0x1f;
const NULL_OUTPUT = { value: 0xffff_ffff_ffff_ffffn, script: new Uint8Array() };

/** The digest that a SINGLE signature without an output at its index signs (`interpreter.cpp`, SignatureHash): valid everywhere, so never to be made or taken. */
const ONE: Uint8Array = Uint8Array.of(1, ...new Uint8Array(31));

/**
 * The legacy signature hash of input `index`, exact to consensus for every 32-bit hash type (`interpreter.cpp`, SignatureHash).
 * Holds consensus' own trap too: outside the outputs SINGLE gives the constant 1. Sign through `sign.ts`, which refuses that.
 */
export function signatureHash(tx: Transaction, index: number, scriptCode: Uint8Array, hashType: number): Uint8Array {
  const base = hashType & BASE_TYPE;
  if (index >= tx.inputs.length || (base === SIGHASH.SINGLE && index >= tx.outputs.length)) return ONE;
  const preimage = encodeTransaction({
    ...tx,
    inputs: signedInputs(tx, index, withoutCodeSeparators(scriptCode), hashType),
    outputs: signedOutputs(tx, index, base),
  });
  const suffix = new Uint8Array(4);
  new DataView(suffix.buffer).setInt32(0, hashType, true);
  const bytes = new Uint8Array(preimage.length + 4);
  bytes.set(preimage);
  bytes.set(suffix, preimage.length);
  return sha256d(bytes);
}

function signedInputs(tx: Transaction, index: number, scriptCode: Uint8Array, hashType: number): Transaction['inputs'] {
  const othersAreFree = (hashType & BASE_TYPE) === SIGHASH.NONE || (hashType & BASE_TYPE) === SIGHASH.SINGLE;
  const inputs = tx.inputs.map((input, i) =>
    i === index ? { ...input, script: scriptCode } : { ...input, script: new Uint8Array(), sequence: othersAreFree ? 0 : input.sequence },
  );
  return (hashType & SIGHASH.ANYONECANPAY) === 0 ? inputs : inputs.slice(index, index + 1);
}

function signedOutputs(tx: Transaction, index: number, base: number): Transaction['outputs'] {
  if (base === SIGHASH.NONE) return [];
  if (base === SIGHASH.SINGLE) return tx.outputs.slice(0, index + 1).map((output, i) => (i === index ? output : NULL_OUTPUT));
  return tx.outputs;
}
