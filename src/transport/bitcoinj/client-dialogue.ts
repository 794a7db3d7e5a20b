import { isRefusal } from '../../core/base/refusal.ts';
import { decodeBitcoinj } from '../../core/message/bitcoinj/decode.ts';
import { encodeBitcoinj } from '../../core/message/bitcoinj/encode.ts';
import type { BitcoinjErrorCode, BitcoinjMessage, Update } from '../../core/message/bitcoinj/message.ts';
import { type Line, WorldError } from '../../engine/ports.ts';

/** Why a server ended the conversation, in its own words. */
export interface Farewell {
  readonly settlement?: Uint8Array;
  readonly code?: BitcoinjErrorCode;
  readonly explanation?: string;
  /** The best payment, if a pawment server shows one that this side has forgotten. */
  readonly best?: Update;
}

type Kind = BitcoinjMessage['kind'];
type Of<K extends Kind> = Extract<BitcoinjMessage, { kind: K }>;

/** One question and answer after the other, on a line on which the server may end the conversation at any time. */
export class ClientDialogue {
  /** Resolves when the conversation has ended, with the server's last message. */
  readonly over: Promise<Farewell>;
  readonly #line: Line;
  readonly #inbox: BitcoinjMessage[] = [];
  #wake: (() => void) | undefined;
  #ended: WorldError | undefined;

  constructor(line: Line) {
    this.#line = line;
    this.over = this.#listen();
  }

  /**
   * The answer to a message. @throws WorldError `peer-unreachable` when the server has ended the conversation or is gone: what it accepted before is
   * still valid. `peer-nonsense` when it answered something else; this ends the conversation too.
   */
  async ask<K extends Kind>(message: BitcoinjMessage, ...kinds: readonly K[]): Promise<Of<K>> {
    await this.say(message);
    return this.next(...kinds);
  }

  /** Milliseconds without a message after which the server counts as gone. */
  setIdle(milliseconds: number): void {
    this.#line.setIdle(milliseconds);
  }

  async say(message: BitcoinjMessage): Promise<void> {
    if (this.#ended !== undefined) throw this.#ended;
    await this.#line.send(encodeBitcoinj(message));
  }

  /** The next message. @throws WorldError as `ask`. */
  async next<K extends Kind>(...kinds: readonly K[]): Promise<Of<K>> {
    while (this.#inbox.length === 0 && this.#ended === undefined) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    const message = this.#inbox.shift();
    if (message === undefined) throw this.#ended ?? new Error('a conversation without messages has ended');
    if (isOf(message, kinds)) return message;
    await this.leave({ kind: 'error', code: 'SYNTAX_ERROR', explanation: `A ${message.kind} is not expected here.` });
    throw new WorldError('peer-nonsense', `The server sent ${message.kind} where it is not expected.`, 'Check the address.');
  }

  /**
   * Sends a last message, if there is one, and closes this side. What was sent before still goes out; the server may take its time to close its side.
   */
  async leave(last?: BitcoinjMessage): Promise<void> {
    try {
      if (last !== undefined) await this.say(last);
    } catch (error) {
      if (!(error instanceof WorldError)) throw error;
    }
    void this.#line.close();
  }

  async #listen(): Promise<Farewell> {
    let farewell: Farewell = {};
    try {
      for await (const frame of this.#line.frames) {
        const message = decodeBitcoinj(frame);
        if (isRefusal(message)) {
          const code = message.code === 'key-invalid' ? 'BAD_TRANSACTION' : 'SYNTAX_ERROR';
          await this.leave({ kind: 'error', code, explanation: message.message });
          this.#end(
            new WorldError('peer-nonsense', `The server sent a message that can’t be read: ${message.message}`, 'Check the address.'),
          );
          break;
        }
        if (message.kind === 'close' || message.kind === 'error') {
          farewell = message;
          break;
        }
        this.#inbox.push(message);
        this.#wake?.();
      }
      this.#end(parted(farewell));
    } catch (error) {
      if (!(error instanceof WorldError)) throw error;
      this.#end(error);
    }
    void this.#line.close();
    return farewell;
  }

  #end(why: WorldError): void {
    this.#ended ??= why;
    this.#wake?.();
  }
}

function isOf<K extends Kind>(message: BitcoinjMessage, kinds: readonly K[]): message is Of<K> {
  return kinds.some((kind) => kind === message.kind);
}

function parted({ code, explanation = '' }: Farewell): WorldError {
  const said = code === undefined ? 'The server ended the connection.' : `The server ended the connection: ${code}. ${explanation}`.trim();
  return new WorldError('peer-unreachable', said, 'Connect again: the channel continues where it was.');
}
