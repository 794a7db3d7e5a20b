import { hmac } from '@noble/hashes/hmac.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { type Amount, amount } from '../core/base/amount.ts';
import { concatBytes, equalBytes } from '../core/base/bytes.ts';
import { isLockTime } from '../core/base/height.ts';
import type { Coin } from '../core/coin/coin.ts';
import type { Form, Signing, Terms } from '../core/contract/contract.ts';
import { contractByNumber } from '../core/contract/registry.ts';
import { ByteReader, uint8, uint32 } from '../core/message/byte-reader.ts';
import { OP, operationAt, script } from '../core/tx/script.ts';
import { publicKey } from '../core/tx/sign.ts';
import { encodeTransaction, type Transaction, type TxOutput } from '../core/tx/transaction.ts';

/** What a seed does not tell about a channel; the payer's key comes from the seed itself. */
export interface RecoveryNote {
  /** Index of the payer's key on the channel branch. */
  readonly keyIndex: number;
  readonly terms: Omit<Terms, 'payerKey'>;
}

/**
 * Format 1, contract 1, key index 4, payee key 33, expiry 4, closing margin 4, signing 1 and its slot or fee 4, kind of the payee's output script 1
 * and its hash 20; integers big-endian. 73 bytes: within the 80 that nodes relay, and pushed by one opcode.
 */
const NOTE_BYTES = 73;
const FORMAT = 1;

/** The payee scripts that an offer may have, without their hash. */
const PAYEE_SCRIPTS: readonly ((hash: Uint8Array) => Uint8Array)[] = [
  (hash) => script('DUP', 'HASH160', hash, 'EQUALVERIFY', 'CHECKSIG'),
  (hash) => script('HASH160', hash, 'EQUAL'),
  (hash) => script('OP_0', hash),
];

/** An output of a note's size, with the value that the contract gives it. */
export function blankRecoveryNote({ dataValue: value }: Pick<Form, 'dataValue'>): TxOutput & { readonly value: Amount } {
  return { script: script('RETURN', new Uint8Array(NOTE_BYTES)), value };
}

/** Replaces the blank note with the real one. Without the secret it looks like random bytes. */
export function withRecoveryNote(unsigned: Transaction, note: RecoveryNote, secret: Uint8Array): Transaction {
  const sealed = combined(encodeNote(note), padFor(unsigned, secret));
  const outputs = unsigned.outputs.map((output) =>
    sealedIn(output.script) === undefined ? output : { ...output, script: script('RETURN', sealed) },
  );
  return { ...unsigned, outputs };
}

/**
 * The note in a transaction, if it has one of this secret. From any other transaction the result is random: the caller has to check that the
 * transaction also pays to the channel that the note describes.
 */
export function readRecoveryNote(coin: Coin, transaction: Transaction, secret: Uint8Array): RecoveryNote | undefined {
  const sealed = transaction.outputs.flatMap(({ script }) => sealedIn(script) ?? [])[0];
  return sealed && decodeNote(coin, combined(sealed, padFor(transaction, secret)));
}

function sealedIn(outputScript: Uint8Array): Uint8Array | undefined {
  if (outputScript[0] !== OP.RETURN || outputScript.length !== 2 + NOTE_BYTES) return undefined;
  return operationAt(outputScript, 1)?.data;
}

/** As long as a note, and different for every transaction: it depends on everything in it except signatures and the note. */
function padFor({ inputs, outputs, ...rest }: Transaction, secret: Uint8Array): Uint8Array {
  const bare = inputs.map((input) => ({ ...input, script: new Uint8Array() }));
  const others = outputs.filter(({ script }) => sealedIn(script) === undefined);
  const text = sha256(encodeTransaction({ ...rest, inputs: bare, outputs: others }));
  const blocks = Array.from({ length: Math.ceil(NOTE_BYTES / 32) }, (_, i) => hmac(sha256, secret, concatBytes(text, uint8(i))));
  return concatBytes(...blocks).subarray(0, NOTE_BYTES);
}

function combined(bytes: Uint8Array, pad: Uint8Array): Uint8Array {
  return bytes.map((byte, i) => byte ^ (pad[i] ?? 0));
}

/** @throws RangeError for terms that no payer accepts. */
function encodeNote({ keyIndex, terms }: RecoveryNote): Uint8Array {
  const { contract, payeeKey, expiry, closingMargin, signing, payeeScript } = terms;
  const kind = PAYEE_SCRIPTS.findIndex((make) => hashes(payeeScript).some((hash) => equalBytes(make(hash), payeeScript)));
  const [hash = new Uint8Array(20)] = hashes(payeeScript).filter((one) => kind >= 0 && one.length === 20);
  const bytes = concatBytes(
    ...[uint8(FORMAT), uint8(contract.number), uint32(keyIndex), payeeKey, uint32(expiry), uint32(closingMargin)],
    ...[uint8(signing.kind === 'fixed' ? 1 : 0), uint32(signing.kind === 'fixed' ? Number(signing.fee) : signing.slot)],
    ...[uint8(kind + 1), hash],
  );
  if (bytes.length !== NOTE_BYTES) throw new RangeError(`a note has ${NOTE_BYTES} bytes, not ${bytes.length}`);
  return bytes;
}

/** The pushes of an output script. */
function hashes(outputScript: Uint8Array): readonly Uint8Array[] {
  const found: Uint8Array[] = [];
  for (let op = operationAt(outputScript, 0); op !== undefined; op = operationAt(outputScript, op.end)) {
    if (op.data?.length === 20) found.push(op.data);
  }
  return found;
}

function decodeNote(coin: Coin, bytes: Uint8Array): RecoveryNote | undefined {
  const reader = new ByteReader(bytes);
  if (reader.uint8() !== FORMAT) return undefined;
  const contract = contractByNumber(reader.uint8());
  const keyIndex = reader.uint32();
  const payeeKey = publicKey(reader.bytes(33));
  const [expiry, closingMargin] = [reader.uint32(), reader.uint32()];
  const signing = signingFrom(reader.uint8(), reader.uint32());
  const makeScript = PAYEE_SCRIPTS[reader.uint8() - 1];
  if (contract === undefined || payeeKey === undefined || signing === undefined || !isLockTime(expiry)) return undefined;
  // If the payee's script has another form it is unknown here: the refund does not need it.
  const payeeScript = makeScript?.(reader.bytes(20)) ?? new Uint8Array();
  return { keyIndex, terms: { coin, contract, payeeKey, expiry, closingMargin, signing, payeeScript } };
}

function signingFrom(kind: number, value: number): Signing | undefined {
  if (kind > 1) return undefined;
  return kind === 1 ? { kind: 'fixed', fee: amount(BigInt(value)) } : { kind: 'flexible', slot: value };
}
