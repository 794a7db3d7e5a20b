import { bytesToHex, equalBytes, type TxId, txId } from '../base/bytes.ts';
import { sha256d, type Transaction, type TxInput, type TxOutput } from '../tx/transaction.ts';
import { Malformed } from './reader.ts';
import { WireReader } from './wire-reader.ts';

/** What the maps of a PSBT hold, as far as a channel has use for it. */
export interface PsbtMaps {
  readonly transaction: Transaction;
  readonly inputs: readonly InputMap[];
}

export interface InputMap {
  readonly funding?: { readonly id: TxId; readonly outputs: readonly TxOutput[] };
  readonly redeemScript?: Uint8Array;
  /** Public keys with signatures. */
  readonly partialSig: readonly (readonly [Uint8Array, Uint8Array])[];
  readonly sighashType?: number;
}

/** `psbt` and 0xff. */
const MAGIC = Uint8Array.of(0x70, 0x73, 0x62, 0x74, 0xff);
/** BIP174's field numbers: of the global map, and of input maps. */
const UNSIGNED_TX = 0;
const INPUT = { nonWitnessUtxo: 0, partialSig: 2, sighashType: 3, redeemScript: 4 } as const;

/**
 * Reads the PSBT that a payment takes when nothing is added: the unsigned transaction; for each input its funding transaction, hash type, redeem
 * script and at most one signature, each once; nothing for the outputs. Undefined for all else, whether or not it is a PSBT.
 */
export function readPlainMaps(bytes: Uint8Array): PsbtMaps | undefined {
  try {
    return plainMaps(new WireReader(bytes));
  } catch (error) {
    if (error instanceof Malformed) return undefined;
    throw error;
  }
}

function plainMaps(reader: WireReader): PsbtMaps {
  if (!equalBytes(reader.bytes(MAGIC.length), MAGIC)) throw new Malformed('no magic');
  if (keyType(reader) !== UNSIGNED_TX) throw new Malformed('another global field');
  const transaction = readTransaction(reader.prefixed());
  if (transaction.inputs.some(({ script }) => script.length > 0)) throw new Malformed('a signed input');
  if (reader.uint8() !== 0) throw new Malformed('more global fields');
  const inputs = transaction.inputs.map(() => readInputMap(reader));
  for (const _ of transaction.outputs) if (reader.uint8() !== 0) throw new Malformed('a field of an output');
  reader.end();
  return { transaction, inputs };
}

/** The type of a key that consists of nothing else. */
function keyType(reader: WireReader): number {
  if (reader.uint8() !== 1) throw new Malformed('a longer key');
  return reader.uint8();
}

function readInputMap(reader: WireReader): InputMap {
  let map: InputMap = { partialSig: [] };
  for (let keyLength = reader.uint8(); keyLength > 0; keyLength = reader.uint8()) {
    map = { ...map, ...readField(reader, keyLength, map) };
  }
  return map;
}

const PARTIAL_SIG_KEY_LENGTH = 1 + 33;

function readField(reader: WireReader, keyLength: number, map: InputMap): Partial<InputMap> {
  const type = reader.uint8();
  if (type === INPUT.partialSig && keyLength === PARTIAL_SIG_KEY_LENGTH && map.partialSig.length === 0) {
    return { partialSig: [[reader.bytes(33), reader.prefixed()]] };
  }
  if (keyLength !== 1) throw new Malformed('a longer key');
  const value = reader.prefixed();
  if (type === INPUT.nonWitnessUtxo && map.funding === undefined) {
    const { outputs } = readTransaction(value);
    return { funding: { id: txId(bytesToHex(sha256d(value).reverse())), outputs } };
  }
  if (type === INPUT.redeemScript && map.redeemScript === undefined) return { redeemScript: value };
  if (type === INPUT.sighashType && map.sighashType === undefined && value.length === 4) {
    return { sighashType: new WireReader(value).uint32() };
  }
  throw new Malformed('another field, or one twice');
}

/** A whole transaction without witnesses. One that has no inputs is left to the library: it could be the mark of witnesses. */
function readTransaction(bytes: Uint8Array): Transaction {
  const reader = new WireReader(bytes);
  const version = reader.int32();
  const inputs = reader.list(readInput);
  if (inputs.length === 0) throw new Malformed('no inputs');
  const outputs = reader.list(readOutput);
  const lockTime = reader.uint32();
  reader.end();
  return { version, inputs, outputs, lockTime };
}

function readInput(reader: WireReader): TxInput {
  const txid = txId(bytesToHex(reader.bytes(32).reverse()));
  return { outpoint: { txid, vout: reader.uint32() }, script: reader.prefixed(), sequence: reader.uint32() };
}

function readOutput(reader: WireReader): TxOutput {
  return { value: reader.uint64(), script: reader.prefixed() };
}
