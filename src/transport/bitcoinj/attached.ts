import { type Amount, subtract, ZERO } from '../../core/base/amount.ts';
import type { ChannelId } from '../../core/base/bytes.ts';
import { isRefusal, type Refusal, refuse } from '../../core/base/refusal.ts';
import { isActive, type PayeeState } from '../../core/channel/payee-state.ts';
import { capacityOf, type Payment } from '../../core/contract/contract.ts';
import type { BitcoinjMessage, UpdatePayment } from '../../core/message/bitcoinj/message.ts';
import { paymentOf } from '../../core/message/bitcoinj/payment.ts';
import { serially } from '../../engine/lock.ts';
import { closed, type Ending, failed, refused, unexpected } from './ending.ts';
import type { BitcoinjPayee } from './payee.ts';

/** Who pays in each channel just now. */
export class Attachments {
  /** Of one channel, what clients say and what the chain shows is taken one after the other. */
  readonly inTurn: <T>(channel: ChannelId, work: () => Promise<T>) => Promise<T> = serially<ChannelId>();
  readonly #holders = new Map<ChannelId, Attached>();

  /** Gives the channel to a client that has shown its key; whoever had it is sent away, and can come back. */
  give(channel: ChannelId, holder: Attached): void {
    const before = this.#holders.get(channel);
    this.#holders.set(channel, holder);
    if (before !== undefined && before !== holder) before.end(closed());
  }

  release(channel: ChannelId, holder: Attached): void {
    if (this.#holders.get(channel) === holder) this.#holders.delete(channel);
  }
}

/** The side of a connection on which something can be said at any time. */
export interface Voice {
  readonly say: (message: BitcoinjMessage) => Promise<void>;
  /** Says the last word, and hangs up. */
  readonly end: (ending: Ending) => void;
}

export interface AttachedOptions {
  readonly channel: ChannelId;
  readonly payee: BitcoinjPayee;
  readonly attachments: Attachments;
  readonly voice: Voice;
  /** The first payment of a client that has just made the channel. */
  readonly initial?: Payment;
}

/** One client at one channel. Until it has made a payment it has not shown that it has the payer's key: then it can do nothing else. */
export class Attached {
  readonly #options: AttachedOptions;
  readonly #unwatch: () => void;
  #isProven: boolean = false;
  #stage: 'opening' | 'open' | 'over' = 'opening';

  constructor(options: AttachedOptions) {
    this.#options = options;
    const { channel, payee, attachments } = options;
    this.#unwatch = payee.watch(channel, (state) => this.#seen(state));
    if (options.initial === undefined) return;
    this.#isProven = true;
    attachments.give(channel, this);
  }

  /** The channel is said to be open once the deposit is deep enough for the first payment, or for anything at all. */
  open(): Promise<Ending | undefined> {
    const { attachments, channel } = this.#options;
    return attachments.inTurn(channel, () => this.#open());
  }

  take(message: BitcoinjMessage): Promise<Ending | undefined> {
    const { attachments, channel } = this.#options;
    return attachments.inTurn(channel, () => this.#take(message));
  }

  /** Somebody else pays from now on, or the channel is over. */
  end(ending: Ending): void {
    if (this.#stage === 'over') return;
    this.release();
    this.#options.voice.end(ending);
  }

  release(): void {
    this.#stage = 'over';
    this.#unwatch();
    this.#options.attachments.release(this.#options.channel, this);
  }

  #seen(state: PayeeState): void {
    if (!isActive(state)) this.end(closed(state.transaction));
    else if (this.#stage === 'opening') {
      void this.open().then(
        (ending) => ending && this.end(ending),
        () => this.end(failed('OTHER', 'The channel can not be read just now.')),
      );
    }
  }

  async #open(): Promise<Ending | undefined> {
    if (this.#stage !== 'opening') return undefined;
    const { initial, voice, payee, channel } = this.#options;
    const taken = initial === undefined ? await this.#ready() : await this.#pay(initial, undefined);
    if (isRefusal(taken)) return taken.code === 'exposure-full' ? undefined : refused(taken);
    this.#stage = 'open';
    payee.shop.opened?.(channel);
    await voice.say({ kind: 'channel-open' });
    return undefined;
  }

  async #ready(): Promise<Refusal | undefined> {
    const state = await this.#options.payee.state(this.#options.channel);
    const isReady = state?.backing === undefined || (state.limits.unconfirmed ?? ZERO) > 0n;
    return isReady ? undefined : refuse('exposure-full');
  }

  async #take(message: BitcoinjMessage): Promise<Ending | undefined> {
    if (this.#stage === 'over') return undefined;
    if (message.kind === 'close') return this.#settle();
    return message.kind === 'update-payment' && this.#stage === 'open' ? this.#increment(message) : unexpected(message);
  }

  /** Anybody can know the contract's id: who has shown no key is let go, and the channel settled when it is time. */
  async #settle(): Promise<Ending> {
    const { payee, channel, attachments } = this.#options;
    if (!this.#isProven) return closed();
    this.#unwatch();
    attachments.release(channel, this);
    const settled = await payee.close(channel);
    return isRefusal(settled) ? closed() : closed(settled);
  }

  async #increment(update: UpdatePayment): Promise<Ending | undefined> {
    const { payee, channel, voice } = this.#options;
    const state = await payee.state(channel);
    if (state === undefined) return closed();
    const capacity = capacityOf(state.deposits);
    const payment = paymentOf(update, capacity);
    if (isRefusal(payment)) return refused(payment);
    const info = await this.#pay(payment, update.info);
    if (isRefusal(info)) return refused(info);
    if (info === 'unwanted') return failed('OTHER', 'The application did not take the payment; it counts all the same.');
    await voice.say({ kind: 'payment-ack', ...(info && { info }) });
    return payment.total === capacity ? this.#settle() : undefined;
  }

  /** What the application says of the payment. A total that no close could pay out is acknowledged, and counts with the next that one can. */
  async #pay(payment: Payment, info: Uint8Array | undefined): Promise<Uint8Array | undefined | 'unwanted' | Refusal> {
    const { payee, channel } = this.#options;
    const before = (await payee.state(channel))?.best?.total ?? ZERO;
    const reply = await payee.answer({ kind: 'payment', channel, payment });
    if (isRefusal(reply)) return isUncounted(reply, payment.total, before) ? undefined : reply;
    if (reply.kind !== 'receipt' || reply.total <= before) return undefined;
    this.#isProven = true;
    this.#options.attachments.give(channel, this);
    const increment = { channel, by: subtract(reply.total, before), total: reply.total, ...(info && { info }) };
    return payee.shop.paid?.(increment).catch(() => 'unwanted' as const);
  }
}

function isUncounted({ code }: Refusal, total: Amount, best: Amount): boolean {
  return code === 'total-too-small' ? best === 0n : code === 'total-not-higher' && total === best;
}
