import { refuse } from '../../src/core/base/refusal.ts';
import type { Reply, Request } from '../../src/core/message/message.ts';
import { type Connection, WorldError } from '../../src/engine/ports.ts';
import type { Process, Stage } from './stage.ts';

/** Probabilities for each message. */
export interface NetworkOdds {
  readonly lost: number;
  readonly doubled: number;
  /** Kept back until somebody lets it go, blocks later. */
  readonly held: number;
  /** The sender gives up before the answer comes; the message goes on. */
  readonly impatience: number;
}

export const CALM: NetworkOdds = { lost: 0, doubled: 0, held: 0, impatience: 0 };

export type NetworkFault =
  | 'request-lost'
  | 'reply-lost'
  | 'message-doubled'
  | 'message-held'
  | 'gave-up-early'
  | 'peer-died'
  | 'nobody-there'
  | 'payee-busy';

/** A program that answers messages. */
export interface Listener {
  readonly process: Process;
  readonly answer: Connection['exchange'];
}

/** One request under way: its sender hears of the first answer, or that none can come any more. */
interface Exchange {
  readonly sender: Process;
  copies: number;
  readonly succeed: (reply: Reply) => void;
  readonly fail: (error: WorldError) => void;
}

export class Network {
  readonly #stage: Stage;
  readonly #wires: Process = { name: 'net', alive: true };
  odds: NetworkOdds = CALM;
  #held: (() => void)[] = [];
  readonly #handling = new Set<{ readonly process: Process; readonly exchange: Exchange }>();
  onFault: (fault: NetworkFault) => void = () => undefined;
  onSent: (sender: Process, request: Request) => void = () => undefined;
  onAnswer: (from: Process, request: Request, reply: Reply) => void = () => undefined;
  /** Whether whoever is asked has no time to look at it. */
  isBusy: (request: Request) => boolean = () => false;
  /** Whether an answer gets lost that others would not. */
  loses: (reply: Reply) => boolean = () => false;
  /** An answer has come to whoever asked. */
  onHeard: (request: Request, reply: Reply) => void = () => undefined;
  /** What arrives instead of an answer. */
  bend: (request: Request, reply: Reply) => Reply = (_, reply) => reply;

  constructor(stage: Stage) {
    this.#stage = stage;
  }

  connection(sender: Process, listener: () => Listener | undefined): Connection {
    return {
      exchange: (request, psbt) =>
        new Promise((resolve, reject) => {
          const exchange: Exchange = { sender, copies: 0, succeed: resolve, fail: reject };
          this.onSent(sender, request);
          this.#send(exchange, listener, request, psbt);
        }),
    };
  }

  #send(exchange: Exchange, listener: () => Listener | undefined, request: Request, psbt: Uint8Array | undefined): void {
    const { chance } = this.#stage;
    const { lost, doubled, held, impatience } = this.odds;
    const isDoubled = chance.happens(doubled);
    if (isDoubled) this.onFault('message-doubled');
    exchange.copies = isDoubled ? 2 : 1;
    for (let i = 0; i < (isDoubled ? 2 : 1); i++) {
      const arrive = (): void => void this.#stage.ask(this.#wires, request.kind, () => this.#deliver(exchange, listener, request, psbt));
      if (chance.happens(lost)) {
        this.onFault('request-lost');
        this.#drop(exchange);
      } else if (chance.happens(held)) {
        this.onFault('message-held');
        this.#held.push(arrive);
        this.#giveUp(exchange);
      } else arrive();
    }
    if (chance.happens(impatience)) {
      this.onFault('gave-up-early');
      this.#giveUp(exchange);
    }
  }

  #deliver(exchange: Exchange, listener: () => Listener | undefined, request: Request, psbt: Uint8Array | undefined): void {
    const there = listener();
    if (there === undefined) {
      this.onFault('nobody-there');
      this.#drop(exchange);
      return;
    }
    if (this.isBusy(request)) {
      this.onFault('payee-busy');
      this.#answer(exchange, request, refuse('too-many', { seconds: 5 }));
      return;
    }
    const handled = { process: there.process, exchange };
    this.#handling.add(handled);
    this.#stage.start(there.process, `answer ${request.kind}`, async () => {
      try {
        const reply = await there.answer(request, psbt);
        this.onAnswer(there.process, request, reply);
        this.#answer(exchange, request, this.bend(request, reply));
      } catch (error) {
        this.#drop(exchange);
        throw error;
      } finally {
        this.#handling.delete(handled);
      }
    });
  }

  #answer(exchange: Exchange, request: Request, reply: Reply): void {
    if (this.#stage.chance.happens(this.odds.lost) || this.loses(reply)) {
      this.onFault('reply-lost');
      this.#drop(exchange);
      return;
    }
    const label = `reply ${reply.kind === 'refusal' ? reply.code : reply.kind}`;
    const heard = (): Reply => {
      this.onHeard(request, reply);
      return reply;
    };
    void this.#stage.ask(exchange.sender, label, heard).then(exchange.succeed);
  }

  /** One copy will not be answered. */
  #drop(exchange: Exchange): void {
    exchange.copies--;
    if (exchange.copies === 0) this.#giveUp(exchange);
  }

  #giveUp(exchange: Exchange): void {
    const error = new WorldError('peer-unreachable', 'no reply came', 'Try again.');
    void this.#stage.ask(exchange.sender, 'no reply', () => error).then(exchange.fail);
  }

  /** What a program was answering when it died is not answered. */
  died(process: Process): void {
    for (const handled of [...this.#handling]) {
      if (handled.process !== process) continue;
      this.#handling.delete(handled);
      this.onFault('peer-died');
      this.#drop(handled.exchange);
    }
  }

  /** Lets go what was held back. */
  flush(): void {
    const held = this.#held;
    this.#held = [];
    for (const arrive of held) arrive();
  }
}
