import { type Amount, isAmount } from '../../core/base/amount.ts';
import { equalBytes } from '../../core/base/bytes.ts';
import { isRefusal, type Refusal, refuse } from '../../core/base/refusal.ts';
import { termsOf } from '../../core/channel/payee-open.ts';
import type { Deposit, Payment, Terms } from '../../core/contract/contract.ts';
import { layOut } from '../../core/contract/payment-plan.ts';
import { isSigned } from '../../core/contract/payment-signatures.ts';
import type { Update } from '../../core/message/bitcoinj/message.ts';
import { paymentOf } from '../../core/message/bitcoinj/payment.ts';
import type { Announce, Offer } from '../../core/message/message.ts';
import type { PublicKey } from '../../core/tx/sign.ts';
import { decodeTransaction, type Outpoint, sameOutpoint, type Transaction, transactionId } from '../../core/tx/transaction.ts';
import { type CloseReason, failed, refused } from './close-reason.ts';
import type { BitcoinjPayee } from './payee.ts';
import type { PendingChannel } from './pending-channels.ts';

/** A channel that can be made, and the first payment that came with it, which is not accepted yet. */
export interface ProvidedContract extends PendingChannel {
  readonly kind: 'provided';
  readonly payment: Payment;
}

/** The maker of a channel and what it is made of: in version 1 it must be the contract whose refund is signed, or no coin could come back. */
export interface ChannelMaker {
  readonly offer: Offer;
  readonly payerKey: PublicKey;
  readonly refunded?: Outpoint;
}

/**
 * Reads a contract. Everything that can be refused is refused before the broadcast, because after it the client's coins are locked until the expiry.
 */
export function readProvidedContract(
  payee: BitcoinjPayee,
  { offer, payerKey, refunded }: ChannelMaker,
  bytes: Uint8Array,
  initial: Update,
): ProvidedContract | CloseReason {
  const transaction = decodeTransaction(bytes);
  if (transaction === undefined) return failed('BAD_TRANSACTION', 'The contract is not a transaction.');
  const announce = announcementOf(offer, payerKey, transaction);
  const [deposit] = announce?.deposits ?? [];
  if (announce === undefined || deposit === undefined)
    return failed('BAD_TRANSACTION', 'The first output of the contract does not pay to the channel.');
  if (refunded !== undefined && !sameOutpoint(refunded, deposit.outpoint)) {
    return failed('BAD_TRANSACTION', 'The contract is not the one whose refund was signed.');
  }
  const payment = paymentOf(initial, deposit.value);
  if (isRefusal(payment)) return refused(payment);
  const signed = wronglySigned(payee, termsOf(announce), deposit, payment);
  if (signed !== undefined) return refused(signed);
  if (payment.total < payee.minPayment)
    return failed('BAD_TRANSACTION', `The first payment must be at least ${payee.minPayment} of the coin’s smallest unit.`);
  return { kind: 'provided', announce, transaction, payment };
}

/** The first payment may be too small for a close, but its signature must be valid: otherwise the client could never pay in its channel. */
function wronglySigned({ verify }: BitcoinjPayee, terms: Terms, deposit: Deposit, payment: Payment): Refusal | undefined {
  const planned = layOut(terms, [deposit], payment.total);
  if (isRefusal(planned)) return planned;
  return isSigned(terms, [deposit], payment, verify) ? undefined : refuse('signature-wrong');
}

function announcementOf(offer: Offer, payerKey: PublicKey, transaction: Transaction): Announce | undefined {
  const unfunded = { kind: 'announce', offer, payerKey, expiry: offer.maxExpiry } as const;
  const terms = termsOf(unfunded);
  const [output] = transaction.outputs;
  if (output === undefined || !isAmount(output.value) || !equalBytes(output.script, offer.contract.outputScript(terms))) return undefined;
  const value: Amount = output.value;
  return { ...unfunded, deposits: [{ outpoint: { txid: transactionId(transaction), vout: 0 }, value }] };
}
