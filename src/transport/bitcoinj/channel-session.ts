import { type Amount, greatest, subtract, ZERO } from '../../core/base/amount.ts';
import type { ChannelId, TxId } from '../../core/base/bytes.ts';
import { isRefusal, type Refusal, refuse } from '../../core/base/refusal.ts';
import { isActive, type PayeeState } from '../../core/channel/payee-state.ts';
import { capacityOf, type Payment } from '../../core/contract/contract.ts';
import { isSigned } from '../../core/contract/payment-signatures.ts';
import type { BitcoinjMessage, Close, UpdatePayment } from '../../core/message/bitcoinj/message.ts';
import { updateOf } from '../../core/message/bitcoinj/payment.ts';
import { isProof } from '../../core/message/bitcoinj/proof.ts';
import type { Transaction } from '../../core/tx/transaction.ts';
import { WorldError } from '../../engine/ports.ts';
import { behind, type CloseReason, closed, failed, hungUp, refused, unexpected } from './close-reason.ts';
import type { BitcoinjPayee } from './payee.ts';
import type { RequestCost } from './request-cost.ts';
import type { Attachments, Holder } from './session-registry.ts';
import { takePayment } from './take-payment.ts';
import { type Claim, risingBatches, type Turn } from './update-batch.ts';

/** The side of a connection that can send at any time. */
export interface Voice {
  readonly say: (message: BitcoinjMessage) => Promise<void>;
  /** Runs work that nobody waits for; its result, if there is one, is the last message before the line closes. */
  readonly aside: (work: Promise<CloseReason | undefined>) => void;
}

export interface ChannelSessionOptions {
  readonly channel: ChannelId;
  readonly payee: BitcoinjPayee;
  readonly attachments: Attachments;
  readonly voice: Voice;
  readonly toll: RequestCost;
  /** Called when the client has proved the payer's key. */
  readonly keep: () => void;
  /** The first payment, with a valid signature, of a client that has just made the channel. */
  readonly initial?: Payment;
  /** What a client that resumes the channel can prove its key with. */
  readonly resumed?: { readonly nonce: Uint8Array; readonly contract: TxId };
}

/**
 * One client at one channel. Anyone can know the contract's id, so until a client has signed a payment it is a guest: it can do nothing to the
 * channel or to the client that holds it, except ask to settle with a proof of its key.
 */
export class ChannelSession implements Holder {
  readonly #options: ChannelSessionOptions;
  readonly #unwatch: () => void;
  #standing: 'guest' | 'payer';
  #stage: 'opening' | 'open' | 'over' = 'opening';

  constructor(options: ChannelSessionOptions) {
    this.#options = options;
    this.#standing = options.initial === undefined ? 'guest' : 'payer';
    this.#unwatch = options.payee.watch(options.channel, (state) => this.#seen(state));
  }

  /** Tells the client that the channel is open, once the deposit is deep enough for the first payment, or for any. */
  open(): Promise<CloseReason | undefined> {
    return this.#inTurn(async () => (this.#stage === 'opening' ? this.#open() : undefined));
  }

  take(turn: Turn): Promise<CloseReason | undefined> {
    return this.#inTurn(async () => (this.#stage === 'over' ? undefined : this.#take(turn)));
  }

  /** Another client pays from now on. */
  leave(): void {
    this.#end();
  }

  /** The connection has ended. May be called again. */
  release(settlement?: Transaction): void {
    const { channel, payee, attachments } = this.#options;
    this.#stage = 'over';
    this.#unwatch();
    if (attachments.release(channel, this)) payee.shop.closed?.(channel, settlement);
  }

  #inTurn(work: () => Promise<CloseReason | undefined>): Promise<CloseReason | undefined> {
    return this.#options.attachments.inTurn(this.#options.channel, work);
  }

  #end(settlement?: Transaction): void {
    if (this.#stage === 'over') return;
    this.release(settlement);
    this.#options.voice.aside(Promise.resolve(closed(settlement)));
  }

  #seen(state: PayeeState): void {
    if (!isActive(state)) this.#end(state.transaction);
    else if (this.#stage === 'opening') this.#options.voice.aside(this.open());
  }

  async #open(): Promise<CloseReason | undefined> {
    const { initial, voice } = this.#options;
    const added = (await this.#ready()) ?? (initial === undefined ? ZERO : await this.#count(initial));
    if (isRefusal(added)) return added.code === 'exposure-full' ? undefined : refused(added);
    if (this.#isOver()) return undefined;
    this.#stage = 'open';
    if (initial === undefined) return this.#spoken({ kind: 'channel-open' });
    this.#hold();
    const answer = await this.#told({ payment: initial }, subtract(initial.total, added));
    if (answer === 'unwanted') return unwanted;
    await voice.say({ kind: 'channel-open' });
    return this.#settleIfExhausted(initial.total);
  }

  async #ready(): Promise<Refusal | undefined> {
    const { payee, channel } = this.#options;
    const state = await payee.state(channel);
    const isReady = state?.backing === undefined || (state.limits.unconfirmed ?? ZERO) > 0n;
    return isReady ? undefined : refuse('exposure-full');
  }

  async #take(turn: Turn): Promise<CloseReason | undefined> {
    if (turn.kind === 'close') return this.#standing === 'payer' || (await this.#isProven(turn)) ? this.#settle() : closed();
    if (turn.kind !== 'updates') return unexpected(turn);
    return this.#stage === 'open' ? this.#updated(turn.updates) : unexpected({ kind: 'update-payment' });
  }

  async #isProven({ proof }: Close): Promise<boolean> {
    const { payee, channel, resumed } = this.#options;
    const state = await payee.state(channel);
    if (proof === undefined || resumed === undefined || state === undefined) return false;
    return isProof(proof, resumed.nonce, resumed.contract, state.terms.payerKey, payee.verify);
  }

  async #settle(): Promise<CloseReason> {
    const { payee, channel } = this.#options;
    this.#unwatch();
    const settled = await payee.close(channel);
    const settlement = isRefusal(settled) ? undefined : settled;
    this.release(settlement);
    return closed(settlement);
  }

  async #settleIfExhausted(total: Amount): Promise<CloseReason | undefined> {
    const { payee, channel } = this.#options;
    const state = await payee.state(channel);
    return state !== undefined && total === capacityOf(state.deposits) ? this.#settle() : undefined;
  }

  async #updated(updates: readonly UpdatePayment[]): Promise<CloseReason | undefined> {
    const { payee, channel } = this.#options;
    const state = await payee.state(channel);
    if (state === undefined) return closed();
    for (const run of risingBatches(updates, capacityOf(state.deposits))) {
      const ending = isRefusal(run) ? this.#refused(run) : await this.#increased(run);
      if (ending !== undefined) return ending;
    }
    return undefined;
  }

  /** The last payment of a run, if it is good, counts for all of them. If it is not, they are taken one by one to find the wrong one. */
  async #increased(run: readonly Claim[]): Promise<CloseReason | undefined> {
    const whole = await this.#together(run);
    if (!isRefusal(whole)) return whole;
    if (run.length === 1) return this.#refused(whole);
    for (const claim of run) {
      const one = await this.#together([claim]);
      if (one !== undefined) return isRefusal(one) ? this.#refused(one) : one;
    }
    return undefined;
  }

  async #together(run: readonly Claim[]): Promise<CloseReason | Refusal | undefined> {
    const [first, last] = [run.at(0), run.at(-1)];
    if (first === undefined || last === undefined) return undefined;
    if (first.payment.total < (await this.#best())) return this.#setBack(first.payment);
    const added = await this.#count(last.payment);
    if (isRefusal(added)) return added;
    this.#hold();
    const ending = await this.#acknowledged(run, subtract(last.payment.total, added));
    return ending ?? this.#settleIfExhausted(last.payment.total);
  }

  #refused(refusal: Refusal): CloseReason {
    this.#options.toll.fine();
    return refused(refusal);
  }

  /** A payer that has lost its last payments is shown the best one; a client without its key is not. */
  async #setBack(payment: Payment): Promise<CloseReason | Refusal> {
    const { payee, channel, toll } = this.#options;
    const state = await payee.state(channel);
    const refusal = refuse('total-lower');
    if (state?.best === undefined || !isSigned(state.terms, state.deposits, payment, payee.verify)) return refusal;
    toll.fine();
    return behind(refusal, updateOf(state.best, capacityOf(state.deposits)));
  }

  #count(payment: Payment): ReturnType<typeof takePayment> {
    return takePayment(this.#options.payee, this.#options.channel, payment);
  }

  /** The application learns the whole amount that the payments of a run added to `before`, even when the client is gone. */
  async #acknowledged(run: readonly Claim[], before: Amount): Promise<CloseReason | undefined> {
    let total = before;
    let ending: CloseReason | undefined;
    for (const claim of run) {
      const info = await this.#told(claim, total);
      total = greatest(total, claim.payment.total);
      if (ending === undefined)
        ending = info === 'unwanted' ? unwanted : await this.#spoken({ kind: 'payment-ack', ...(info && { info }) });
    }
    return ending;
  }

  async #told({ payment, info }: Claim, before: Amount): Promise<Uint8Array | undefined | 'unwanted'> {
    const { channel, payee } = this.#options;
    const { total } = payment;
    if (total <= before || payee.shop.paid === undefined) return undefined;
    try {
      return await payee.shop.paid({ channel, by: subtract(total, before), total, ...(info && { info }) });
    } catch {
      return 'unwanted';
    }
  }

  /** A client that is gone is told nothing. */
  async #spoken(message: BitcoinjMessage): Promise<CloseReason | undefined> {
    try {
      await this.#options.voice.say(message);
      return undefined;
    } catch (error) {
      if (error instanceof WorldError) return hungUp;
      throw error;
    }
  }

  /** From now on this client pays in the channel. */
  #hold(): void {
    const { attachments, channel, payee, keep } = this.#options;
    this.#standing = 'payer';
    keep();
    if (!this.#isOver() && attachments.give(channel, this)) payee.shop.opened?.(channel);
  }

  /** True also while something is waited for. */
  #isOver(): boolean {
    return this.#stage === 'over';
  }

  async #best(): Promise<Amount> {
    const { payee, channel } = this.#options;
    return (await payee.state(channel))?.best?.total ?? ZERO;
  }
}

const unwanted: CloseReason = failed('OTHER', 'The application refused the purchase; the payment is stored and stays valid.');
