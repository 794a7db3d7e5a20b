import { type Amount, isAmount } from '../../core/base/amount.ts';
import { type ChannelId, equalBytes } from '../../core/base/bytes.ts';
import { isRefusal } from '../../core/base/refusal.ts';
import { termsOf } from '../../core/channel/announce.ts';
import { channelIdOf, type Payment } from '../../core/contract/contract.ts';
import type { Update } from '../../core/message/bitcoinj/message.ts';
import { paymentOf } from '../../core/message/bitcoinj/payment.ts';
import type { Announce, Offer } from '../../core/message/message.ts';
import type { PublicKey } from '../../core/tx/sign.ts';
import { decodeTransaction, type Transaction, transactionId } from '../../core/tx/transaction.ts';
import { type Ending, failed, refused } from './ending.ts';
import type { BitcoinjPayee } from './payee.ts';

/** A channel whose deposit is on its way, and the payment that came with it, which is not taken yet. */
export interface Opened {
  readonly kind: 'opened';
  readonly channel: ChannelId;
  readonly payment: Payment;
}

/** Takes a contract: what can be refused is refused before it is broadcast, for then the client's coins are bound until the expiry. */
export async function openedBy(
  payee: BitcoinjPayee,
  offer: Offer,
  payerKey: PublicKey,
  bytes: Uint8Array,
  initial: Update,
): Promise<Opened | Ending> {
  const transaction = decodeTransaction(bytes);
  if (transaction === undefined) return failed('BAD_TRANSACTION', 'The contract is no transaction.');
  const announce = announcementOf(offer, payerKey, transaction);
  const [deposit] = announce?.deposits ?? [];
  if (announce === undefined || deposit === undefined) return failed('BAD_TRANSACTION', 'The first output is not that of the channel.');
  const payment = paymentOf(initial, deposit.value);
  if (isRefusal(payment)) return refused(payment);
  if (payment.total < payee.minPayment) return failed('BAD_TRANSACTION', `The first payment must be ${payee.minPayment} at least.`);
  const refusal = await announced(payee, announce, transaction);
  return refusal ?? { kind: 'opened', channel: channelIdOf(offer.coin, offer.contract.redeemScript(termsOf(announce))), payment };
}

function announcementOf(offer: Offer, payerKey: PublicKey, transaction: Transaction): Announce | undefined {
  const unfunded = { kind: 'announce', offer, payerKey, expiry: offer.maxExpiry } as const;
  const terms = termsOf(unfunded);
  const [output] = transaction.outputs;
  if (output === undefined || !isAmount(output.value) || !equalBytes(output.script, offer.contract.outputScript(terms))) return undefined;
  const value: Amount = output.value;
  return { ...unfunded, deposits: [{ outpoint: { txid: transactionId(transaction), vout: 0 }, value }] };
}

/** Announces the deposit as any payer would, and broadcasts it in between, should the node not know it yet. */
async function announced(payee: BitcoinjPayee, announce: Announce, transaction: Transaction): Promise<Ending | undefined> {
  const first = await payee.answer(announce);
  if (isRefusal(first)) return refused(first);
  if (first.kind === 'accepted') return undefined;
  const sent = await payee.broadcast(transaction);
  if ('reason' in sent) return failed('BAD_TRANSACTION', `The network does not take the contract: ${sent.reason}`);
  const reply = await payee.answer(announce);
  if (isRefusal(reply)) return refused(reply);
  return reply.kind === 'provisional' ? refused(reply.waitingFor) : undefined;
}
