import { height } from '../../src/core/base/height.ts';
import type { Refusal } from '../../src/core/base/refusal.ts';
import { type PayeeInput, payee } from '../../src/core/channel/payee.ts';
import type { PayeeState } from '../../src/core/channel/payee-state.ts';
import { type PayerInput, payer } from '../../src/core/channel/payer.ts';
import type { PayerState } from '../../src/core/channel/payer-state.ts';
import { payeeSnapshot, payerSnapshot } from '../../src/core/channel/snapshot.ts';
import type { Effect, Env, Step } from '../../src/core/channel/state-machine.ts';
import type { Contract } from '../../src/core/contract/contract.ts';
import type { Reply, Request, RevocationState } from '../../src/core/message/message.ts';
import { encodeTransaction } from '../../src/core/tx/transaction.ts';
import { medianTimeAt, must, payeeKey, payerKey, returnScript } from '../world/sample.ts';
import { Book, type Chain, FUNDING, tipOf } from './chain.ts';
import { settingOf, verify } from './setting.ts';

/** What may still happen, each counted down. */
export interface Budget {
  readonly payments: number;
  readonly crashes: number;
  readonly reorganisations: number;
  /** Blocks that leave out what they could hold. */
  readonly delays: number;
  /** Ends that the payer proposes, and closes that the payee's owner orders. */
  readonly ends: number;
  readonly closes: number;
  /** Orders of the payee's owner to give the last purchase back. */
  readonly returns?: number;
  /** Closes that the payee sends though it has revoked them. */
  readonly cheats?: number;
}

export type Side = 'payee' | 'payer';

/** One state of the whole: what both have stored, what is on the wire, the chain, and what the oracle remembers. */
export interface Node {
  readonly payee: PayeeState | undefined;
  readonly payer: PayerState;
  readonly chain: Chain;
  readonly request?: Request;
  readonly reply?: { readonly to: Request['kind']; readonly message: Reply };
  /** A side that has crashed and not come back, with the blocks it has missed. */
  readonly down: Readonly<Partial<Record<Side, number>>>;
  readonly budget: Budget;
  /** The largest total the payee has ever put into a receipt; after a payment for less, that. */
  readonly acknowledged: bigint;
  /** The largest total the payer has ever sent, by revocation hash in hex; `` where payments are for good. */
  readonly sent: ReadonlyMap<string, bigint>;
  /** Hashes whose secret has reached the payer. */
  readonly shown: readonly string[];
  /** What the payee has told the payer it may take back. */
  readonly offered?: NonNullable<RevocationState['giveBack']>;
  /** Closes with what the payee has revoked, each with its payout. */
  readonly revoked: readonly (readonly [close: number, payout: number])[];
  readonly hasCheated?: true;
}

/** The most that the payee could close with and keep. */
export function signedOf({ sent, shown }: Node): bigint {
  return [...sent].reduce((most, [hash, total]) => (shown.includes(hash) || total < most ? most : total), 0n);
}

export type PayeeStep = typeof payee;
export type PayerStep = typeof payer;

/** The real step functions, each asked once for the same question; and the short names that make states comparable. */
export class Machines {
  readonly book: Book;
  readonly #payee: PayeeStep;
  readonly #payer: PayerStep;
  readonly #names = new WeakMap<object, number>();
  readonly #texts = new Map<string, number>();
  readonly #answers = new Map<string, Step<PayeeState | PayerState | undefined> | Refusal>();

  constructor(contract: Contract, payeeStep: PayeeStep = payee, payerStep: PayerStep = payer) {
    this.book = new Book(settingOf(contract));
    this.#payee = payeeStep;
    this.#payer = payerStep;
  }

  get steps(): number {
    return this.#answers.size;
  }

  /** The same number for the same text, which is found once for each object. */
  #name(object: object | undefined, text: () => string): number {
    if (object === undefined) return -1;
    const known = this.#names.get(object);
    if (known !== undefined) return known;
    const written = text();
    const number = this.#texts.get(written) ?? this.#texts.size;
    this.#texts.set(written, number);
    this.#names.set(object, number);
    return number;
  }

  nameOfPayee(state: PayeeState | undefined): number {
    return this.#name(state, () => payeeSnapshot.encode(state as PayeeState));
  }

  nameOfPayer(state: PayerState | undefined): number {
    return this.#name(state, () => payerSnapshot.encode(state as PayerState));
  }

  nameOfMessage(message: object | undefined): number {
    return this.#name(message, () => JSON.stringify(message, plain));
  }

  #env(chain: Chain, side: Side): Env {
    const { coin } = this.book.setting.terms;
    const { feeRate } = coin.policy;
    const signer = side === 'payee' ? payeeKey : payerKey;
    return {
      tip: height(tipOf(chain)),
      medianTime: medianTimeAt(coin, tipOf(chain)),
      now: 0,
      feeRate,
      verify,
      signer,
      keyOf: () => undefined,
    };
  }

  payee(state: PayeeState | undefined, input: PayeeInput, chain: Chain, question: string): Step<PayeeState | undefined> | Refusal {
    const key = `e${this.nameOfPayee(state)} ${tipOf(chain)} ${question}`;
    const answer = this.#answers.get(key) ?? this.#payee(state, input, this.#env(chain, 'payee'));
    this.#answers.set(key, answer);
    return answer as Step<PayeeState | undefined> | Refusal;
  }

  payer(state: PayerState | undefined, input: PayerInput, chain: Chain, question: string): Step<PayerState | undefined> | Refusal {
    const key = `r${this.nameOfPayer(state)} ${tipOf(chain)} ${question}`;
    const answer = this.#answers.get(key) ?? this.#payer(state, input, this.#env(chain, 'payer'));
    this.#answers.set(key, answer);
    return answer as Step<PayerState | undefined> | Refusal;
  }

  keyOf(node: Node): string {
    const { chain, down, budget, request, reply } = node;
    const { payments, crashes, reorganisations, delays, ends, closes, returns = 0, cheats = 0 } = budget;
    return [
      this.nameOfPayee(node.payee),
      this.nameOfPayer(node.payer),
      chain.blocks.map((number) => number ?? '').join('.'),
      chain.known.join('.'),
      chain.waiting,
      chain.claim,
      this.nameOfMessage(request),
      reply?.to,
      this.nameOfMessage(reply?.message),
      down.payee,
      down.payer,
      `${payments}${crashes}${reorganisations}${delays}${ends}${closes}${returns}${cheats}`,
      node.acknowledged,
      [...node.sent].join(';'),
      node.shown.length,
      this.nameOfMessage(node.offered),
      node.revoked.join('.'),
      node.hasCheated === true,
    ].join(' ');
  }

  /** What the payee says to the first announcement. */
  #released(state: PayerState, chain: Chain): PayerState {
    const [effect] = must(this.payer(state, { kind: 'announce' }, chain, 'announce')).effects;
    if (effect?.kind !== 'send' || effect.message.kind !== 'announce') throw new Error('the payer announces');
    const announced = this.payee(undefined, { kind: 'announce', announce: effect.message, funding: [] }, chain, 'first announcement');
    const [reply] = must(announced).effects;
    if (reply?.kind !== 'reply') throw new Error('the payee answers');
    const { state: next } = must(this.payer(state, { kind: 'reply', to: 'announce', message: reply.message }, chain, 'first reply'));
    if (next === undefined) throw new Error('the payer has no channel');
    return next;
  }

  /** A channel whose funding transaction is signed, stored and on its way. */
  start(budget: Budget): Node {
    const { offer, terms, deposit, funding } = this.book.setting;
    const chain: Chain = { blocks: [], known: [FUNDING] };
    const tell = (state: PayerState | undefined, input: PayerInput, question: string): PayerState => {
      const { state: next } = must(this.payer(state, input, chain, question));
      if (next === undefined) throw new Error('the payer has no channel');
      return next;
    };
    const created = tell(
      undefined,
      { kind: 'create', offer, expiry: terms.expiry, keyName: 'm/1', returnScript, limits: { expiryIn: offer.contract.expiryIn } },
      'create',
    );
    const funded = tell(created, { kind: 'fund', deposits: [deposit], transaction: encodeTransaction(funding) }, 'fund');
    const launched = tell(this.#released(funded, chain), { kind: 'launch' }, 'launch');
    return { payee: undefined, payer: launched, chain, down: {}, budget, acknowledged: 0n, sent: new Map(), shown: [], revoked: [] };
  }
}

export function broadcastsOf(effects: readonly Effect[]): readonly Extract<Effect, { kind: 'broadcast' }>[] {
  return effects.filter((effect) => effect.kind === 'broadcast');
}

function plain(_: string, value: unknown): unknown {
  if (typeof value === 'bigint') return String(value);
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex');
  return value;
}
