import type { ChannelId, TxId } from '../../core/base/bytes.ts';
import { type LruCache, lruCache } from '../../core/base/lru.ts';
import { isRefusal } from '../../core/base/refusal.ts';
import { termsOf } from '../../core/channel/payee-open.ts';
import { type Contract, channelIdOf } from '../../core/contract/contract.ts';
import type { Announce } from '../../core/message/message.ts';
import { type Transaction, transactionId } from '../../core/tx/transaction.ts';
import { type CloseReason, failed, refused } from './close-reason.ts';
import type { BitcoinjPayee } from './payee.ts';

/** A channel, and the contract that makes it. */
export interface PendingChannel {
  readonly announce: Announce;
  readonly transaction: Transaction;
}

export interface NewChannel {
  readonly kind: 'made';
  readonly channel: ChannelId;
}

/** A contract takes 32 kB at most. */
const MOST_UNFINISHED = 200;

/**
 * Contracts that are being broadcast and stored. If node or store fails half-way, whoever sends the contract again can continue: the client's coins
 * may be locked by then, and nothing is stored.
 */
export class PendingChannels {
  readonly #unfinished: LruCache<TxId, PendingChannel> = lruCache(MOST_UNFINISHED);

  /** The unfinished channel, if this contract was stopped half-way. */
  unfinished(txid: TxId, contract: Contract): PendingChannel | undefined {
    const opening = this.#unfinished.get(txid);
    return opening?.announce.offer.contract === contract ? opening : undefined;
  }

  /**
   * Announces the deposit as any payer would, and broadcasts the contract in between if the node does not know it yet. @throws WorldError when
   * stopped half-way.
   */
  async finish(payee: BitcoinjPayee, opening: PendingChannel): Promise<NewChannel | CloseReason> {
    const { announce, transaction } = opening;
    const txid = transactionId(transaction);
    const first = await payee.answer(announce);
    if (isRefusal(first)) return this.#given(txid, refused(first));
    if (first.kind === 'accepted') return this.#given(txid, made(announce));
    this.#unfinished.set(txid, opening);
    const sent = await payee.broadcast(transaction);
    if ('reason' in sent) return this.#given(txid, failed('BAD_TRANSACTION', `The node refused the contract: ${sent.reason}`));
    const reply = await payee.answer(announce);
    if (isRefusal(reply)) return refused(reply);
    return reply.kind === 'provisional' ? refused(reply.waitingFor) : this.#given(txid, made(announce));
  }

  #given<Outcome>(txid: TxId, outcome: Outcome): Outcome {
    this.#unfinished.delete(txid);
    return outcome;
  }
}

function made(announce: Announce): NewChannel {
  const { offer } = announce;
  return { kind: 'made', channel: channelIdOf(offer.coin, offer.contract.redeemScript(termsOf(announce))) };
}
