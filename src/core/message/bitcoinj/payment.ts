import { type Amount, amount, subtract } from '../../base/amount.ts';
import { type Refusal, refuse } from '../../base/refusal.ts';
import type { Payment } from '../../contract/contract.ts';
import { SIGHASH } from '../../tx/sighash.ts';
import { decodeLowered, encodeSignature } from '../../tx/sign.ts';
import type { Update } from './message.ts';

/** The payment that an update makes in a channel of `capacity`. bitcoinj sends the amount that the payer keeps, and does not require a low s. */
export function paymentOf({ change, signature }: Update, capacity: Amount): Payment | Refusal {
  if (change > capacity) return refuse('total-not-positive');
  const read = decodeLowered(signature);
  if (typeof read === 'string') return refuse('signature-malformed');
  if (read.hashType !== hashTypeFor(change)) return refuse('signature-wrong', { hashType: read.hashType });
  return { total: subtract(capacity, change), signatures: [read.signature] };
}

/** The update for a payment in a channel of `capacity` with one deposit. */
export function updateOf({ total, signatures }: Payment, capacity: Amount, info?: Uint8Array): Update {
  const change = amount(capacity - total);
  const [signature] = signatures;
  if (signature === undefined) throw new RangeError('a payment out of one deposit holds one signature');
  return { change, signature: encodeSignature(signature, hashTypeFor(change)), ...(info === undefined ? {} : { info }) };
}

function hashTypeFor(change: Amount): number {
  return SIGHASH.ANYONECANPAY | (change > 0n ? SIGHASH.SINGLE : SIGHASH.NONE);
}
