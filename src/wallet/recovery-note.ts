import { hmac } from '@noble/hashes/hmac.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { type Amount, amount } from '../core/base/amount.ts';
import { concatBytes, equalBytes } from '../core/base/bytes.ts';
import { isLockTime } from '../core/base/height.ts';
import type { Coin } from '../core/coin/coin.ts';
import { isBlocks } from '../core/contract/age-lock.ts';
import type { Contract, RevocationTerms, Signing, Terms } from '../core/contract/contract.ts';
import { contractByNumber } from '../core/contract/registry.ts';
import type { AgeLock } from '../core/contract/script-terms.ts';
import { ByteReader, uint8, uint16, uint32 } from '../core/message/byte-reader.ts';
import { OP, operationAt, script } from '../core/tx/script.ts';
import { publicKey } from '../core/tx/sign.ts';
import { encodeTransaction, type Transaction, type TxOutput } from '../core/tx/transaction.ts';

/** What a seed does not tell about a channel; the payer's keys come from the seed itself. */
export interface RecoveryNote {
  /** Index of the payer's key on the channel branch. */
  readonly keyIndex: number;
  readonly terms: NotedTerms;
}

export interface NotedTerms extends Omit<Terms, 'payerKey' | 'revocation'> {
  readonly revocation?: Pick<RevocationTerms, 'payoutDelay'>;
}

/**
 * Format 1, contract 1, key index 4, payee key 33, expiry 4, closing margin 4, signing 1 and its slot or fee 4, kind of the payee's output script 1
 * and its hash 20; integers big-endian. Format 2, of channels whose payments can be taken back, has the payout delay, 4, after that. Format 3, where
 * deposits are locked by their age too, has no room for the payee's output script: in its place it has the age 2 and the hash of the spend secret 20.
 * 73, 77 and 78 bytes: within the 80 that nodes relay. The length says which it is before the note is opened.
 */
const FORMAT = { oneWay: 1, revocable: 2, byAge: 3 } as const;
const NOTE_BYTES = { oneWay: 73, revocable: 77, byAge: 78 } as const;

function kindOf({ revocation, expiryIn }: NotedContract): keyof typeof FORMAT {
  if (expiryIn === 'age') return 'byAge';
  return revocation === undefined ? 'oneWay' : 'revocable';
}

/** What the format of a note depends on. */
type NotedContract = Pick<Contract, 'revocation' | 'expiryIn'>;

/** The payee scripts that an offer may have, without their hash. */
const PAYEE_SCRIPTS: readonly ((hash: Uint8Array) => Uint8Array)[] = [
  (hash) => script('DUP', 'HASH160', hash, 'EQUALVERIFY', 'CHECKSIG'),
  (hash) => script('HASH160', hash, 'EQUAL'),
  (hash) => script('OP_0', hash),
];

/** An output of a note's size, with the value that the contract gives it. */
export function blankRecoveryNote(contract: NotedContract & Pick<Contract, 'form'>): TxOutput & { readonly value: Amount } {
  return { script: script('RETURN', new Uint8Array(NOTE_BYTES[kindOf(contract)])), value: contract.form.dataValue };
}

/** Replaces the blank note with the real one. Without the secret it looks like random bytes. */
export function withRecoveryNote(unsigned: Transaction, noted: RecoveryNote, secret: Uint8Array): Transaction {
  const note = encodeNote(noted);
  const sealed = combined(note, padFor(unsigned, secret, note.length));
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
  return sealed && decodeNote(coin, combined(sealed, padFor(transaction, secret, sealed.length)));
}

function sealedIn(outputScript: Uint8Array): Uint8Array | undefined {
  if (outputScript[0] !== OP.RETURN) return undefined;
  const push = operationAt(outputScript, 1);
  const isNote = push?.end === outputScript.length && Object.values(NOTE_BYTES).some((length) => length === push.data?.length);
  return isNote ? push.data : undefined;
}

/** As long as a note, and different for every transaction: it depends on everything in it except signatures and the note. */
function padFor({ inputs, outputs, ...rest }: Transaction, secret: Uint8Array, length: number): Uint8Array {
  const bare = inputs.map((input) => ({ ...input, script: new Uint8Array() }));
  const others = outputs.filter(({ script }) => sealedIn(script) === undefined);
  const text = sha256(encodeTransaction({ ...rest, inputs: bare, outputs: others }));
  const blocks = Array.from({ length: Math.ceil(length / 32) }, (_, i) => hmac(sha256, secret, concatBytes(text, uint8(i))));
  return concatBytes(...blocks).subarray(0, length);
}

function combined(bytes: Uint8Array, pad: Uint8Array): Uint8Array {
  return bytes.map((byte, i) => byte ^ (pad[i] ?? 0));
}

/** @throws RangeError for terms that no payer accepts. */
function encodeNote({ keyIndex, terms }: RecoveryNote): Uint8Array {
  const { contract, payeeKey, expiry, closingMargin, signing, payeeScript, ageLock, revocation } = terms;
  const form = kindOf(contract);
  const bytes = concatBytes(
    ...[uint8(FORMAT[form]), uint8(contract.number), uint32(keyIndex), payeeKey, uint32(expiry), uint32(closingMargin)],
    ...[uint8(signing.kind === 'fixed' ? 1 : 0), uint32(signing.kind === 'fixed' ? Number(signing.fee) : signing.slot)],
    ...(ageLock === undefined ? scriptParts(payeeScript) : [uint16(ageLock.blocks), ageLock.spendHash]),
    ...(revocation === undefined ? [] : [uint32(revocation.payoutDelay)]),
  );
  if (bytes.length !== NOTE_BYTES[form]) throw new RangeError(`a note has ${NOTE_BYTES[form]} bytes, not ${bytes.length}`);
  return bytes;
}

function scriptParts(payeeScript: Uint8Array): readonly Uint8Array[] {
  const kind = PAYEE_SCRIPTS.findIndex((make) => hashes(payeeScript).some((hash) => equalBytes(make(hash), payeeScript)));
  const [hash = new Uint8Array(20)] = hashes(payeeScript).filter((one) => kind >= 0 && one.length === 20);
  return [uint8(kind + 1), hash];
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
  const format = reader.uint8();
  const contract = contractByNumber(reader.uint8());
  if (contract === undefined || format !== FORMAT[kindOf(contract)] || bytes.length !== NOTE_BYTES[kindOf(contract)]) return undefined;
  const keyIndex = reader.uint32();
  const payeeKey = publicKey(reader.bytes(33));
  const [expiry, closingMargin] = [reader.uint32(), reader.uint32()];
  const signing = signingFrom(reader.uint8(), reader.uint32());
  const written = contract.expiryIn === 'age' ? { ageLock: { blocks: reader.uint16(), spendHash: reader.bytes(20) } } : scriptFrom(reader);
  const revocation = contract.revocation && { payoutDelay: reader.uint32() };
  if (payeeKey === undefined || signing === undefined || !isLockTime(expiry) || !isWritable(written.ageLock, revocation)) return undefined;
  const terms = { coin, contract, payeeKey, expiry, closingMargin, signing, payeeScript: new Uint8Array(), ...written };
  return { keyIndex, terms: { ...terms, ...(revocation && { revocation }) } };
}

/** If the payee's script has another form it is unknown here: the refund does not need it. */
function scriptFrom(reader: ByteReader): Pick<Terms, 'payeeScript' | 'ageLock'> {
  const makeScript = PAYEE_SCRIPTS[reader.uint8() - 1];
  const hash = reader.bytes(20);
  return { payeeScript: makeScript?.(hash) ?? new Uint8Array() };
}

/** Whether scripts can have these locks: bytes that are no note give random ones. */
function isWritable(ageLock: AgeLock | undefined, revocation: NotedTerms['revocation']): boolean {
  return ageLock === undefined || (isBlocks(ageLock.blocks) && isBlocks(revocation?.payoutDelay ?? 0));
}

function signingFrom(kind: number, value: number): Signing | undefined {
  if (kind > 1) return undefined;
  return kind === 1 ? { kind: 'fixed', fee: amount(BigInt(value)) } : { kind: 'flexible', slot: value };
}
