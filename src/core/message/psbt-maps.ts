import { utf8ToBytes } from '@noble/hashes/utils.js';
import { bytesToHex, concatBytes, equalBytes, type TxId, txId } from '../base/bytes.ts';
import { Malformed } from '../base/reader.ts';
import { type Refusal, refuse } from '../base/refusal.ts';
import { isMarked, readOutput, readPlain, sha256d, type Transaction, type TxOutput } from '../tx/transaction.ts';
import { WireReader } from '../tx/wire-reader.ts';

/** The parts of a PSBT's maps that a channel needs. */
export interface PsbtMaps {
  readonly transaction: Transaction;
  /** The bytes as they are in the PSBT: whoever uses them checks that they are a key. */
  readonly penaltyKey?: Uint8Array;
  readonly inputs: readonly InputMap[];
  readonly outputs: readonly OutputMap[];
}

export interface InputMap {
  readonly funding?: { readonly id: TxId; readonly outputs: readonly TxOutput[] };
  readonly redeemScript?: Uint8Array;
  /** Public keys with signatures. */
  readonly partialSig: readonly (readonly [Uint8Array, Uint8Array])[];
  readonly sighashType?: number;
}

export interface OutputMap {
  readonly redeemScript?: Uint8Array;
}

/**
 * What follows BIP174's number for proprietary fields: the identifier with its length, and pawment's number 0 for the penalty key of an announcement.
 * The value is the compressed key.
 */
const OWN = { identifier: 'pawment', penaltyKey: 0x00 } as const;
export const PENALTY_KEY_FIELD: Uint8Array = concatBytes(
  Uint8Array.of(OWN.identifier.length),
  utf8ToBytes(OWN.identifier),
  Uint8Array.of(OWN.penaltyKey),
);

/** `psbt` and 0xff. */
const MAGIC = Uint8Array.of(0x70, 0x73, 0x62, 0x74, 0xff);

/**
 * BIP174's field numbers of one kind of map. `bare`: nothing follows the number in the key. `keyed`: a public key follows. `allowed`: a channel uses
 * it. `own`: what follows the number of the only proprietary field that is allowed.
 */
interface Shape {
  readonly name: string;
  readonly bare: ReadonlySet<number>;
  readonly keyed: ReadonlySet<number>;
  readonly allowed: ReadonlySet<number>;
  readonly own?: Uint8Array;
}

const GLOBAL = { unsignedTx: 0x00, version: 0xfb } as const;
const PROPRIETARY = 0xfc;
const INPUT = { nonWitnessUtxo: 0x00, partialSig: 0x02, sighashType: 0x03, redeemScript: 0x04, derivation: 0x06 } as const;
const OUTPUT = { redeemScript: 0x00, derivation: 0x02 } as const;

const GLOBAL_SHAPE: Shape = { ...shape('global', [0x00, 0xfb], [], Object.values(GLOBAL)), own: PENALTY_KEY_FIELD };
// Signing devices add key derivations; they say nothing about the payment.
const INPUT_SHAPE: Shape = shape('input', [0x00, 0x01, 0x03, 0x04, 0x05, 0x07, 0x08, 0x09], [0x02, 0x06], Object.values(INPUT));
const OUTPUT_SHAPE: Shape = shape('output', [0x00, 0x01], [0x02], Object.values(OUTPUT));

function shape(name: string, bare: readonly number[], keyed: readonly number[], allowed: readonly number[]): Shape {
  return { name, bare: new Set(bare), keyed: new Set(keyed), allowed: new Set(allowed) };
}

interface Field {
  readonly type: number;
  /** The part of the key after the number. */
  readonly key: Uint8Array;
  readonly value: Uint8Array;
}

/** No signing device adds so many to one map. */
const MOST_FIELDS = 256;

/** Reads PSBT version 0 (BIP174) in linear time; refused when it has a field that a channel may not have. Of such fields only the keys are read. */
export function readMaps(bytes: Uint8Array): PsbtMaps | Refusal {
  try {
    return mapsIn(new WireReader(bytes));
  } catch (error) {
    if (error instanceof Malformed) return refuse('psbt-malformed', { reason: error.message });
    throw error;
  }
}

function mapsIn(reader: WireReader): PsbtMaps | Refusal {
  if (!equalBytes(reader.bytes(MAGIC.length), MAGIC)) throw new Malformed('it does not begin with the magic bytes of a PSBT');
  const whole = readMap(reader, GLOBAL_SHAPE);
  const transaction = unsignedIn(whole);
  const inputs = transaction.inputs.map(() => readMap(reader, INPUT_SHAPE));
  const outputs = transaction.outputs.map(() => readMap(reader, OUTPUT_SHAPE));
  // Some programs write one empty map where there are no outputs.
  if (outputs.length === 0 && !reader.isAtEnd && reader.uint8() !== 0)
    throw new Malformed('it has a map for an output that does not exist');
  reader.end();
  const read = inputs.map(inputOf);
  const stray = strayIn(GLOBAL_SHAPE, [whole]) ?? strayIn(INPUT_SHAPE, inputs) ?? strayIn(OUTPUT_SHAPE, outputs);
  const penaltyKey = valueAt(whole, PROPRIETARY);
  return stray ?? { transaction, ...(penaltyKey && { penaltyKey }), inputs: read, outputs: outputs.map(outputOf) };
}

function readMap(reader: WireReader, { bare, keyed }: Shape): readonly Field[] {
  const fields: Field[] = [];
  const seen = new Set<string>();
  for (let whole = reader.prefixed(); whole.length > 0; whole = reader.prefixed()) {
    const name = whole.length === 1 ? `${whole[0]}` : bytesToHex(whole);
    if (seen.has(name)) throw new Malformed('a map has a field twice');
    seen.add(name);
    if (seen.size > MOST_FIELDS) throw new Malformed(`a map has more than ${MOST_FIELDS} fields`);
    const [type = 0, key] = [whole[0], whole.subarray(1)];
    if (bare.has(type) && key.length > 0) throw new Malformed('the key of a field is too long');
    if (keyed.has(type) && !isPublicKey(key)) throw new Malformed('the key of a field is not a public key');
    fields.push({ type, key, value: reader.prefixed() });
  }
  return fields;
}

/** Checks the form only. Whose key it is matters only to the reader of the signature. */
function isPublicKey(key: Uint8Array): boolean {
  const [form] = key;
  return key.length === 33 ? form === 2 || form === 3 : key.length === 65 && form === 4;
}

function strayIn({ name, allowed, own }: Shape, maps: readonly (readonly Field[])[]): Refusal | undefined {
  const stray = maps.flat().find(({ type, key }) => {
    return type === PROPRIETARY ? own === undefined || !equalBytes(key, own) : !allowed.has(type);
  });
  return stray && refuse('psbt-field-unknown', { field: `${name} ${stray.type}` });
}

function unsignedIn(fields: readonly Field[]): Transaction {
  const version = valueAt(fields, GLOBAL.version);
  if (version !== undefined && numberIn(version) !== 0) throw new Malformed('its PSBT version is not 0');
  const bytes = valueAt(fields, GLOBAL.unsignedTx);
  if (bytes === undefined) throw new Malformed('it has no transaction');
  const transaction = readPlain(bytes);
  if (transaction.inputs.some(({ script }) => script.length > 0)) throw new Malformed('its transaction has a signed input');
  return transaction;
}

function inputOf(fields: readonly Field[]): InputMap {
  const [funding, redeemScript, sighashType] = [INPUT.nonWitnessUtxo, INPUT.redeemScript, INPUT.sighashType].map((type) =>
    valueAt(fields, type),
  );
  for (const { type, value } of fields)
    if (type === INPUT.derivation && (value.length < 4 || value.length % 4 !== 0)) throw new Malformed('a key derivation is malformed');
  return {
    ...(funding && { funding: fundingIn(funding) }),
    ...(redeemScript && { redeemScript }),
    partialSig: fields.filter(({ type }) => type === INPUT.partialSig).map(({ key, value }) => [key, value] as const),
    ...(sighashType === undefined ? {} : { sighashType: numberIn(sighashType) }),
  };
}

function outputOf(fields: readonly Field[]): OutputMap {
  const redeemScript = valueAt(fields, OUTPUT.redeemScript);
  return redeemScript === undefined ? {} : { redeemScript };
}

function valueAt(fields: readonly Field[], type: number): Uint8Array | undefined {
  return fields.find((field) => field.type === type)?.value;
}

function numberIn(value: Uint8Array): number {
  const reader = new WireReader(value);
  const number = reader.uint32();
  reader.end();
  return number;
}

/** A whole transaction, with its witnesses (BIP144) or without: only its outputs and its id are used. */
function fundingIn(bytes: Uint8Array): NonNullable<InputMap['funding']> {
  const reader = new WireReader(bytes);
  reader.int32();
  const marked = isMarked(bytes);
  if (marked) reader.bytes(2);
  const start = reader.at;
  const inputs = reader.list(passInput);
  const outputs = reader.list(readOutput);
  const end = reader.at;
  if (marked) for (const _ of inputs) reader.list((witness) => witness.prefixed());
  const lockTime = reader.bytes(4);
  reader.end();
  const plain = marked ? concatBytes(bytes.subarray(0, 4), bytes.subarray(start, end), lockTime) : bytes;
  return { id: txId(bytesToHex(sha256d(plain).reverse())), outputs };
}

function passInput(reader: WireReader): undefined {
  reader.bytes(36);
  reader.prefixed();
  reader.uint32();
}
