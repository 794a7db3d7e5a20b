import { isRefusal } from '../../core/base/refusal.ts';
import { isActive, type PayeeState } from '../../core/channel/payee-state.ts';
import type { Contract } from '../../core/contract/contract.ts';
import { decodeBitcoinj } from '../../core/message/bitcoinj/decode.ts';
import { encodeBitcoinj } from '../../core/message/bitcoinj/encode.ts';
import { type BitcoinjMessage, type ClientVersion, DEFAULT_WINDOW, type ProvideContract } from '../../core/message/bitcoinj/message.ts';
import { contractOf } from '../../core/message/bitcoinj/version.ts';
import type { Offer } from '../../core/message/message.ts';
import type { PublicKey } from '../../core/tx/sign.ts';
import { type Line, WorldError } from '../../engine/ports.ts';
import { Attached, type AttachedOptions, type Attachments } from './attached.ts';
import { type Ending, failed, hungUp, unexpected } from './ending.ts';
import { openedBy } from './opening.ts';
import type { BitcoinjPayee } from './payee.ts';

/** How far a connection has come. */
type Stage =
  | { readonly kind: 'greeting' }
  | { readonly kind: 'offered'; readonly offer: Offer }
  | { readonly kind: 'attached'; readonly attached: Attached };

export interface SessionOptions {
  /** Milliseconds that a client may be silent until its channel is open; 15,000 unless given. */
  readonly patience?: number;
  /** The same afterwards: it can go on with its channel at any time. An hour unless given. */
  readonly idle?: number;
}

/** Serves one client until either side ends. What was said last gets out before the line closes. */
export async function serveBitcoinj(
  line: Line,
  payee: BitcoinjPayee,
  attachments: Attachments,
  options: SessionOptions = {},
): Promise<void> {
  const { patience = 15_000, idle = 3_600_000 } = options;
  const session = new Session(line, payee, attachments, idle);
  line.setIdle(patience);
  try {
    await session.run();
  } catch (error) {
    // The peer is gone, or never was one: nobody is left to be told.
    if (!(error instanceof WorldError)) throw error;
  } finally {
    await line.close();
  }
}

class Session {
  readonly #line: Line;
  readonly #payee: BitcoinjPayee;
  readonly #attachments: Attachments;
  readonly #idle: number;
  #stage: Stage = { kind: 'greeting' };

  constructor(line: Line, payee: BitcoinjPayee, attachments: Attachments, idle: number) {
    this.#line = line;
    this.#payee = payee;
    this.#attachments = attachments;
    this.#idle = idle;
  }

  async run(): Promise<void> {
    try {
      for await (const frame of this.#line.frames) {
        const ending = await this.#take(frame).catch(trouble);
        if (ending === undefined) continue;
        if (ending.message !== undefined) await this.#say(ending.message);
        return;
      }
    } finally {
      if (this.#stage.kind === 'attached') this.#stage.attached.release();
    }
  }

  async #take(frame: Uint8Array): Promise<Ending | undefined> {
    const message = decodeBitcoinj(frame);
    if (isRefusal(message)) return failed('SYNTAX_ERROR', message.message);
    if (message.kind === 'error') return hungUp;
    switch (this.#stage.kind) {
      case 'greeting':
        return message.kind === 'client-version' ? this.#greeted(message) : unexpected(message);
      case 'offered':
        return this.#answered(this.#stage.offer, message);
      case 'attached':
        return this.#stage.attached.take(message);
    }
  }

  async #greeted(hello: ClientVersion): Promise<Ending | undefined> {
    const { major, previous, window = DEFAULT_WINDOW } = hello;
    const contract = contractOf(major);
    if (contract === undefined) return failed('NO_ACCEPTABLE_VERSION', `Version ${major} is not spoken here.`);
    const known = previous === undefined ? undefined : this.#payee.channelOf(previous);
    const state = known === undefined ? undefined : await this.#payee.state(known);
    const isKnown = state !== undefined && canGoOn(state, contract);
    const offer = isKnown ? undefined : this.#payee.offer(contract, window);
    await this.#say({ kind: 'server-version', major, minor: 0 });
    if (offer === undefined) return known && this.#attach({ channel: known });
    this.#stage = { kind: 'offered', offer };
    const { payeeKey, minDeposit: minCapacity, maxExpiry: expiry } = offer;
    await this.#say({ kind: 'initiate', payeeKey, minCapacity, expiry, minPayment: this.#payee.minPayment });
    return undefined;
  }

  async #answered(offer: Offer, message: BitcoinjMessage): Promise<Ending | undefined> {
    // Nothing has begun that could be settled.
    if (message.kind === 'close') return hungUp;
    if (message.kind !== 'provide-contract') return unexpected(message);
    if (message.payerKey === undefined) return failed('SYNTAX_ERROR', 'The contract comes without the client’s key.');
    return this.#provided(offer, message.payerKey, message);
  }

  async #provided(offer: Offer, payerKey: PublicKey, { contract, initial }: ProvideContract): Promise<Ending | undefined> {
    const opened = await openedBy(this.#payee, offer, payerKey, contract, initial);
    return opened.kind === 'ending' ? opened : this.#attach({ channel: opened.channel, initial: opened.payment });
  }

  /** The line belongs to a channel from here on. */
  #attach(to: Pick<AttachedOptions, 'channel' | 'initial'>): Promise<Ending | undefined> {
    const voice = { say: (message: BitcoinjMessage) => this.#say(message), end: (ending: Ending) => void this.#end(ending) };
    const attached = new Attached({ ...to, payee: this.#payee, attachments: this.#attachments, voice });
    this.#stage = { kind: 'attached', attached };
    this.#line.setIdle(this.#idle);
    return attached.open();
  }

  /** From outside of the conversation: the loop over it ends with the line. */
  async #end({ message }: Ending): Promise<void> {
    try {
      if (message !== undefined) await this.#say(message);
    } catch (error) {
      if (!(error instanceof WorldError)) throw error;
    } finally {
      await this.#line.close();
    }
  }

  #say(message: BitcoinjMessage): Promise<void> {
    return this.#line.send(encodeBitcoinj(message));
  }
}

function canGoOn(state: PayeeState, contract: Contract): boolean {
  return isActive(state) && state.terms.contract === contract;
}

/** What stands in the way here is told the client; its channel is as it was. */
function trouble(error: unknown): Ending {
  if (error instanceof WorldError) return failed('OTHER', error.message);
  throw error;
}
