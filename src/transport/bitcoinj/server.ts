import type { TxId } from '../../core/base/bytes.ts';
import { isRefusal, type Refusal } from '../../core/base/refusal.ts';
import type { Contract } from '../../core/contract/contract.ts';
import { RELEASE } from '../../core/contract/refund-signature.ts';
import { decodeBitcoinj } from '../../core/message/bitcoinj/decode.ts';
import { encodeBitcoinj } from '../../core/message/bitcoinj/encode.ts';
import {
  type BitcoinjMessage,
  type ClientVersion,
  DEFAULT_WINDOW,
  type ProvideContract,
  type ProvideRefund,
} from '../../core/message/bitcoinj/message.ts';
import { contractOf } from '../../core/message/bitcoinj/version.ts';
import type { Offer } from '../../core/message/message.ts';
import { encodeSignature } from '../../core/tx/sign.ts';
import { type Line, type Timers, WorldError } from '../../engine/ports.ts';
import type { Quotas } from '../rate-limit.ts';
import { ReadAhead } from '../read-ahead.ts';
import { Timeout } from '../timeout.ts';
import { systemTimers } from '../timers.ts';
import { ChannelSession, type ChannelSessionOptions } from './channel-session.ts';
import { type CloseReason, closed, failed, hungUp, unexpected } from './close-reason.ts';
import type { BitcoinjPayee } from './payee.ts';
import type { NewChannel } from './pending-channels.ts';
import { type ChannelMaker, readProvidedContract } from './provide-contract.ts';
import { RequestCost } from './request-cost.ts';
import type { Attachments } from './session-registry.ts';
import { type RefundToSign, readRefundToSign } from './sign-refund.ts';
import { batchUpdates, type Turn } from './update-batch.ts';

/** The state of a connection that has no channel yet. */
type Before =
  | { readonly kind: 'greeting' }
  | { readonly kind: 'offered'; readonly offer: Offer }
  | { readonly kind: 'released'; readonly offer: Offer; readonly refundable: RefundToSign };

/** What a client can resume: a channel, or one that was stopped half-way and has to be looked up at the node again. */
interface Found {
  readonly kind: 'state-request' | 'announce';
  readonly make: () => Promise<NewChannel | CloseReason>;
}

type Stage = Before | { readonly kind: 'attached'; readonly attached: ChannelSession } | { readonly kind: 'over' };

export interface SessionOptions {
  /** Milliseconds that a client may be silent until its channel is made or found; 15,000 unless given. */
  readonly patience?: number;
  /** The same afterwards: it can use its channel at any time. An hour unless given. */
  readonly idle?: number;
  readonly timers?: Timers;
  /** Limits for the client's address; none unless given. */
  readonly quotas?: Quotas;
  /** Called when the client has proved the key of its channel: its place is not given to strangers any more. */
  readonly keep?: () => void;
}

/**
 * Bytes that are read ahead of what is being handled: enough for about 300 payments, but large messages of thousands of clients must not fill the
 * memory.
 */
const MOST_AHEAD = 65_536;
/** What a message takes besides its bytes. */
const FRAME_WEIGHT = 128;

/** Serves one client until either side ends. The last message is sent before the line closes. */
export async function serveBitcoinj(
  line: Line,
  payee: BitcoinjPayee,
  attachments: Attachments,
  options: SessionOptions = {},
): Promise<void> {
  const session = new Session(line, payee, attachments, options);
  try {
    await session.run();
  } catch (error) {
    // The peer is gone, or never was a peer: nobody is left to be told.
    if (!(error instanceof WorldError)) throw error;
  } finally {
    await line.close();
  }
}

class Session {
  readonly #line: Line;
  readonly #payee: BitcoinjPayee;
  readonly #attachments: Attachments;
  readonly #requestCost: RequestCost;
  readonly #idle: number;
  readonly #keep: () => void;
  readonly #timeout: Timeout;
  readonly #faults: unknown[] = [];
  #stage: Stage = { kind: 'greeting' };

  constructor(line: Line, payee: BitcoinjPayee, attachments: Attachments, options: SessionOptions) {
    const { patience = 15_000, idle = 3_600_000, timers = systemTimers, quotas, keep = () => undefined } = options;
    this.#line = line;
    this.#payee = payee;
    this.#attachments = attachments;
    this.#requestCost = new RequestCost(line.remote, quotas);
    this.#idle = idle;
    this.#keep = keep;
    this.#timeout = new Timeout(timers, patience, () => this.#aside(Promise.resolve(this.#tooLate())));
    // If the line closed by itself, it could not say why.
    line.setIdle(undefined);
  }

  async run(): Promise<void> {
    const frames = new ReadAhead(this.#line.frames, MOST_AHEAD, ({ length }) => length + FRAME_WEIGHT);
    try {
      while (this.#stage.kind !== 'over') {
        this.#timeout.begin();
        const heard = await frames.next();
        this.#timeout.end();
        if (heard.length === 0) await this.#end(this.#stage.kind === 'attached' ? closed() : hungUp);
        for (const turn of batchUpdates(heard.map(decodeBitcoinj))) {
          const ending = await this.#take(turn).catch(trouble);
          if (ending !== undefined) await this.#end(ending);
        }
      }
    } finally {
      this.#timeout.end();
      this.#leave();
    }
    for (const fault of this.#faults) throw fault;
  }

  async #take(turn: Turn | Refusal): Promise<CloseReason | undefined> {
    if (this.#stage.kind === 'over') return undefined;
    if (isRefusal(turn)) return failed('SYNTAX_ERROR', turn.message);
    if (turn.kind === 'error') return hungUp;
    if (this.#stage.kind === 'attached') return this.#stage.attached.take(turn);
    // Nothing has begun that could be settled.
    if (turn.kind === 'close') return hungUp;
    if (turn.kind === 'updates') return unexpected({ kind: 'update-payment' });
    return this.#agreed(this.#stage, turn);
  }

  #agreed(stage: Before, turn: Exclude<Turn, { kind: 'updates' }>): Promise<CloseReason | undefined> | CloseReason {
    switch (stage.kind) {
      case 'greeting':
        return turn.kind === 'client-version' ? this.#greeted(turn) : unexpected(turn);
      case 'offered':
        return this.#answered(stage.offer, turn);
      case 'released':
        return turn.kind === 'provide-contract' ? this.#provided(turn, makerOf(stage)) : unexpected(turn);
    }
  }

  async #greeted({ major, previous, window = DEFAULT_WINDOW }: ClientVersion): Promise<CloseReason | undefined> {
    const contract = contractOf(major);
    if (contract === undefined) return failed('NO_ACCEPTABLE_VERSION', `This server does not support protocol version ${major}.`);
    const found = previous === undefined ? undefined : await this.#found(previous, contract);
    const tooMany = this.#requestCost.take(found?.kind ?? 'offer-request');
    if (tooMany !== undefined) return tooMany;
    const offer = found === undefined ? this.#payee.offer(contract, window) : undefined;
    const resumed = previous === undefined || found === undefined ? undefined : { nonce: this.#payee.nonce(), contract: previous };
    await this.#say({ kind: 'server-version', major, minor: 0, ...(resumed && { nonce: resumed.nonce }) });
    if (offer === undefined) return found && this.#attachTo(await found.make(), { ...(resumed && { resumed }) });
    this.#stage = { kind: 'offered', offer };
    const { payeeKey, minDeposit: minCapacity, maxExpiry: expiry } = offer;
    await this.#say({ kind: 'initiate', payeeKey, minCapacity, expiry, minPayment: this.#payee.minPayment });
    return undefined;
  }

  async #answered(offer: Offer, message: Exclude<Turn, { kind: 'updates' }>): Promise<CloseReason | undefined> {
    if (offer.contract.expiryIn === 'releases')
      return message.kind === 'provide-refund' ? this.#released(offer, message) : unexpected(message);
    if (message.kind !== 'provide-contract') return unexpected(message);
    const { payerKey } = message;
    if (payerKey === undefined) return failed('SYNTAX_ERROR', 'The message with the contract does not have the client’s key.');
    return this.#provided(message, { offer, payerKey });
  }

  async #released(offer: Offer, message: ProvideRefund): Promise<CloseReason | undefined> {
    const tooMany = this.#requestCost.take('release', message.refund.length);
    if (tooMany !== undefined) return tooMany;
    const refundable = readRefundToSign(offer, message);
    if (refundable.kind === 'ending') return refundable;
    this.#stage = { kind: 'released', offer, refundable };
    await this.#say({ kind: 'return-refund', signature: encodeSignature(this.#payee.release(offer, refundable), RELEASE) });
    return undefined;
  }

  async #provided({ contract, initial }: ProvideContract, maker: ChannelMaker): Promise<CloseReason | undefined> {
    const tooMany = this.#requestCost.take('announce', contract.length);
    if (tooMany !== undefined) return tooMany;
    const provided = readProvidedContract(this.#payee, maker, contract, initial);
    if (provided.kind === 'ending') return provided;
    return this.#attachTo(await this.#attachments.openings.finish(this.#payee, provided), { initial: provided.payment });
  }

  /** The channel to resume, or the unfinished one that becomes it. */
  async #found(previous: TxId, contract: Contract): Promise<Found | undefined> {
    const channel = await this.#payee.resumable(previous, contract);
    if (channel !== undefined) return { kind: 'state-request', make: async () => ({ kind: 'made', channel }) };
    const { openings } = this.#attachments;
    const opening = openings.unfinished(previous, contract);
    return opening && { kind: 'announce', make: () => openings.finish(this.#payee, opening) };
  }

  /** The line belongs to a channel from here on. */
  async #attachTo(
    made: NewChannel | CloseReason,
    client: Pick<ChannelSessionOptions, 'initial' | 'resumed'>,
  ): Promise<CloseReason | undefined> {
    if (made.kind === 'ending') return made;
    const voice = {
      say: (message: BitcoinjMessage) => this.#say(message),
      aside: (work: Promise<CloseReason | undefined>) => this.#aside(work),
    };
    const shared = { payee: this.#payee, attachments: this.#attachments, toll: this.#requestCost, keep: this.#keep };
    const attached = new ChannelSession({ ...client, ...shared, channel: made.channel, voice });
    this.#stage = { kind: 'attached', attached };
    this.#timeout.set(this.#idle);
    return attached.open();
  }

  #tooLate(): CloseReason {
    return this.#stage.kind === 'attached' ? closed() : failed('TIMEOUT', 'No message came for too long.');
  }

  /** Called from outside the conversation, whose loop ends with the line. */
  #aside(work: Promise<CloseReason | undefined>): void {
    const done = work.catch(trouble).then((ending) => ending && this.#end(ending));
    done.catch((error: unknown) => {
      this.#faults.push(error);
      void this.#line.close();
    });
  }

  async #end({ message }: CloseReason): Promise<void> {
    if (this.#stage.kind === 'over') return;
    this.#leave();
    try {
      if (message !== undefined) await this.#say(message);
    } catch (error) {
      if (!(error instanceof WorldError)) throw error;
    } finally {
      void this.#line.close();
    }
  }

  #leave(): void {
    if (this.#stage.kind === 'attached') this.#stage.attached.release();
    this.#stage = { kind: 'over' };
  }

  #say(message: BitcoinjMessage): Promise<void> {
    return this.#line.send(encodeBitcoinj(message));
  }
}

function makerOf({ offer, refundable }: Extract<Before, { kind: 'released' }>): ChannelMaker {
  return { offer, payerKey: refundable.payerKey, refunded: refundable.outpoint };
}

/** The failure is on the payee's side; the client's channel has not changed. */
function trouble(error: unknown): CloseReason {
  if (error instanceof WorldError)
    return failed('OTHER', 'The server can’t accept this now; the channel has not changed. Connect again later.');
  throw error;
}
