import { bytesToHex, channelId, concatBytes, hexToBytes, txId } from '../base/bytes.ts';
import { isHeight, isLockTime } from '../base/height.ts';
import { Malformed } from '../base/reader.ts';
import { type Refusal, refuse } from '../base/refusal.ts';
import type { Deposit, Payment } from '../contract/contract.ts';
import type { HashLock } from '../contract/pending.ts';
import { type PublicKey, publicKey, readCompact, type Signature } from '../tx/sign.ts';
import type { Outpoint } from '../tx/transaction.ts';
import { ByteReader, uint8, uint32, uint64 } from './byte-reader.ts';
import type { Announce, End, Pay } from './message.ts';

/**
 * The form for speed and headers. First byte: kind. Then big-endian fields:
 * payment (1): channel 32, total 8, count 1, signatures 64 each: 106 bytes for a payment from one deposit.
 * announce (2): payer key 33, expiry 4, count 1, deposits of txid 32, vout 4, value 8.
 * end (3): channel 32, total 8, fee 8, script length 1, script, count 1, signatures 64 each; then, if it leaves out deposits: count 1, txid 32 and
 * vout 4 each.
 * Where payments can be taken back, the further field comes right after the kind. The kind is another one, so that no message that was cut short is a
 * message of the other kind:
 * payment under a hash (4): hash 20, then as (1); without signatures where everything is given back.
 * announce with a penalty key (5): key 33, then as (2).
 * Payment with pending amounts (6): count 1, amount 8, hash 20 and height 4 each, then as (1).
 */
const KIND = { payment: 1, announce: 2, end: 3, paymentUnderHash: 4, announceWithPenalty: 5, paymentWithLocks: 6 } as const;

/** No message of a channel with the most deposits is longer. */
export const MAX_COMPACT_BYTES = 4096;

/** The parts of an announcement in the compact form; the offer is sent separately. */
export type CompactAnnounce = Omit<Announce, 'offer'>;
export type CompactPay = Omit<Pay, 'invoice'>;

export function encodePay({ channel, payment: { total, signatures, ...beside } }: CompactPay): Uint8Array {
  return concatBytes(...payHead(beside), hexToBytes(channel), uint64(total), ...encodeSignatures(signatures));
}

/** No contract has payments that can be taken back and be pending too. */
function payHead({ hash, locks }: Pick<Payment, 'hash' | 'locks'>): readonly Uint8Array[] {
  if (hash !== undefined) return [uint8(KIND.paymentUnderHash), hash];
  if (locks === undefined) return [uint8(KIND.payment)];
  const parts = locks.flatMap((lock) => [uint64(lock.amount), lock.hash, uint32(lock.expiry)]);
  return [uint8(KIND.paymentWithLocks), uint8(locks.length), ...parts];
}

export function decodePay(bytes: Uint8Array): CompactPay | Refusal {
  return decode(bytes, [KIND.payment, KIND.paymentUnderHash, KIND.paymentWithLocks], (reader, kind) => {
    const under = kind === KIND.paymentUnderHash ? { hash: reader.bytes(20) } : {};
    const locked = kind === KIND.paymentWithLocks ? { locks: decodeLocks(reader) } : {};
    const channel = channelId(bytesToHex(reader.bytes(32)));
    return { kind: 'payment', channel, payment: { total: reader.amount(), signatures: decodeSignatures(reader), ...under, ...locked } };
  });
}

function decodeLocks(reader: ByteReader): readonly HashLock[] {
  const count = reader.uint8();
  if (count === 0) throw new Malformed('nothing is pending');
  return Array.from({ length: count }, () => {
    const [amount, hash, expiry] = [reader.amount(), reader.bytes(20), reader.uint32()];
    if (!isHeight(expiry)) throw new Malformed('not a height');
    return { amount, hash, expiry };
  });
}

export function encodeAnnounce({ payerKey, expiry, deposits, penaltyKey }: CompactAnnounce): Uint8Array {
  const head = penaltyKey === undefined ? [uint8(KIND.announce)] : [uint8(KIND.announceWithPenalty), penaltyKey];
  const parts = deposits.flatMap(({ outpoint, value }) => [hexToBytes(outpoint.txid), uint32(outpoint.vout), uint64(value)]);
  return concatBytes(...head, payerKey, uint32(expiry), uint8(deposits.length), ...parts);
}

export function decodeAnnounce(bytes: Uint8Array): CompactAnnounce | Refusal {
  return decode(bytes, [KIND.announce, KIND.announceWithPenalty], (reader, kind) => {
    const punishing = kind === KIND.announceWithPenalty ? { penaltyKey: decodeKey(reader) } : {};
    const payerKey = decodeKey(reader);
    const expiry = reader.uint32();
    if (!isLockTime(expiry)) throw new Malformed('the expiry is neither a block height nor a time');
    const deposits = Array.from({ length: reader.uint8() }, () => decodeDeposit(reader));
    return { kind: 'announce', payerKey, expiry, deposits, ...punishing };
  });
}

function decodeKey(reader: ByteReader): PublicKey {
  const key = publicKey(reader.bytes(33));
  if (key === undefined) throw new Malformed('a key is not a compressed public key');
  return key;
}

function decodeDeposit(reader: ByteReader): Deposit {
  return { outpoint: decodeOutpoint(reader), value: reader.amount() };
}

function decodeOutpoint(reader: ByteReader): Outpoint {
  const txid = txId(bytesToHex(reader.bytes(32)));
  return { txid, vout: reader.uint32() };
}

export function encodeEnd({ channel, agreement: { total, fee, payerScript, without = [] }, signatures }: End): Uint8Array {
  const head = [uint8(KIND.end), hexToBytes(channel), uint64(total), uint64(fee), uint8(payerScript.length), payerScript];
  const left = without.flatMap(({ txid, vout }) => [hexToBytes(txid), uint32(vout)]);
  return concatBytes(...head, ...encodeSignatures(signatures), ...(without.length === 0 ? [] : [uint8(without.length), ...left]));
}

export function decodeEnd(bytes: Uint8Array): End | Refusal {
  return decode(bytes, [KIND.end], (reader) => {
    const channel = channelId(bytesToHex(reader.bytes(32)));
    const [total, fee] = [reader.amount(), reader.amount()];
    const payerScript = reader.bytes(reader.uint8());
    const signatures = decodeSignatures(reader);
    return { kind: 'end', channel, agreement: { total, fee, payerScript, ...decodeWithout(reader) }, signatures };
  });
}

function decodeWithout(reader: ByteReader): Pick<End['agreement'], 'without'> {
  if (reader.isAtEnd) return {};
  const count = reader.uint8();
  if (count === 0) throw new Malformed('the list of deposits to leave out is empty');
  return { without: Array.from({ length: count }, () => decodeOutpoint(reader)) };
}

function encodeSignatures(signatures: readonly Signature[]): readonly Uint8Array[] {
  return [uint8(signatures.length), ...signatures];
}

function decodeSignatures(reader: ByteReader): readonly Signature[] {
  return Array.from({ length: reader.uint8() }, () => {
    const decoded = readCompact(reader.bytes(64));
    if (decoded === 'high-s') throw new Malformed('a signature has a high s', 'signature-high-s');
    if (decoded === 'malformed') throw new Malformed('the r or s of a signature is out of range', 'signature-malformed');
    return decoded;
  });
}

function decode<T>(bytes: Uint8Array, kinds: readonly number[], read: (reader: ByteReader, kind: number) => T): T | Refusal {
  if (bytes.length > MAX_COMPACT_BYTES) return refuse('message-too-large', { most: MAX_COMPACT_BYTES });
  try {
    const reader = new ByteReader(bytes);
    const kind = reader.uint8();
    if (!kinds.includes(kind)) throw new Malformed('it is a message of another kind');
    const value = read(reader, kind);
    reader.end();
    return value;
  } catch (error) {
    if (error instanceof Malformed) return refuse(error.code, { reason: error.message });
    throw error;
  }
}
