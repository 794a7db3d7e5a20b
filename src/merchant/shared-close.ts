import { type Amount, add, greatest, ZERO } from '../core/base/amount.ts';
import type { ChannelId } from '../core/base/bytes.ts';
import { type ChainTime, possible } from '../core/base/lock-time.ts';
import { isRefusal, type Refusal } from '../core/base/refusal.ts';
import { branchOf, isWaiting, spentBy, viewOf } from '../core/channel/deposit-view.ts';
import { broadcastPackage } from '../core/channel/package-broadcast.ts';
import type { PayeeState } from '../core/channel/payee-state.ts';
import type { ChainView, KeyOf } from '../core/channel/state-machine.ts';
import { type Closing, isDue } from '../core/contract/contract.ts';
import { URGENT_STEPS } from '../core/contract/cpfp.ts';
import {
  affordableRate,
  type Cost,
  closeUrgency,
  costOf,
  isFinal,
  isRaise,
  isReplaceable,
  raisedRate,
  times,
  type Urgency,
} from '../core/contract/fee.ts';
import { groupForSharedClose } from '../core/contract/shared-close-grouping.ts';
import { type Transaction, transactionId } from '../core/tx/transaction.ts';
import type { Book, PayeeEngine } from '../engine/engine.ts';
import { type Broadcast, type Chain, type Clock, isTaken, type KeyRing, WorldError } from '../engine/ports.ts';
import { bisectSpoilers } from './shared-close-bisect.ts';

export interface SharedCloserOptions {
  readonly chain: Chain;
  readonly keys: KeyRing;
  readonly clock: Clock;
  readonly keyOf?: KeyOf;
}

/** The result of an order to close a channel: what was sent for it and the node's answer; why it is not to be closed; or what failed. */
export type CloseResult =
  | { readonly channel: ChannelId; readonly transaction: Transaction; readonly outcome: Broadcast }
  | { readonly channel: ChannelId; readonly why: Refusal | WorldError };

interface PendingClose extends Closing {
  readonly channel: ChannelId;
  /** Its own close, as stored: follow sends it whenever the deposits are free. */
  readonly own: Transaction;
  /** Its deposits were as deep as their amount requires. */
  readonly isBacked: boolean;
  readonly view?: ChainView;
}

/** An unconfirmed close of several channels. */
interface SharedCloseSent {
  readonly transaction: Transaction;
  /** What a replacement has to pay in addition: the merchant's own wallet may have spent the output. */
  readonly burden: Amount;
  readonly endings: PendingClose[];
}

/** How many margins before the expiry a channel may still join a shared close, which may fail. */
const MARGINS_LEFT = 2;
/**
 * Closes several channels with one transaction. Each channel stores its own close first. The shared one is not stored; whenever it is lost, follow
 * sends the stored closes. So a crash loses nothing, and after a restart the chain shows what is under way.
 */
export class SharedCloser implements Book<PayeeState> {
  readonly #options: SharedCloserOptions;
  readonly #engine: () => PayeeEngine;
  readonly #endings = new Map<ChannelId, PendingClose>();
  #tended: string | undefined;

  constructor(options: SharedCloserOptions, engine: () => PayeeEngine) {
    this.#options = options;
    this.#engine = engine;
  }

  open(): void {
    this.#endings.clear();
  }

  found(channel: ChannelId, state: PayeeState): void {
    const { kind, terms, deposits, best: payment, keyName, backing } = state;
    if (kind !== 'closing' || payment === undefined) {
      this.#endings.delete(channel);
      return;
    }
    const known = this.#endings.get(channel);
    const { transaction: own } = state;
    const signer = this.#options.keys.signer(keyName);
    this.#endings.set(channel, { ...known, channel, terms, deposits, payment, own, signer, isBacked: backing === undefined });
  }

  stored(channel: ChannelId, state: PayeeState): void {
    this.found(channel, state);
  }

  viewed(channel: ChannelId, view: ChainView): void {
    const known = this.#endings.get(channel);
    if (known !== undefined) this.#endings.set(channel, { ...known, view });
  }

  /**
   * Closes channels with their best payments, in few transactions. @throws WorldError when the node can't be asked: the stored closes are sent later.
   */
  async settle(channels: readonly ChannelId[]): Promise<readonly CloseResult[]> {
    const settled: CloseResult[] = [];
    const endings: PendingClose[] = [];
    for (const channel of new Set(channels)) {
      const driven = await this.#engine()
        .drive(channel, { kind: 'gather' })
        .catch((error: unknown) => failed(error));
      const ending = this.#endings.get(channel);
      if (driven instanceof WorldError || isRefusal(driven)) settled.push({ channel, why: driven });
      else if (ending !== undefined) endings.push(ending);
    }
    for (const batch of this.#batches(endings)) settled.push(...(await (batch.length > 1 ? this.#together(batch) : this.#alone(batch))));
    return settled;
  }

  /** A channel with little time left, or with deposits that the chain could still undo, is closed alone, so that it can't make the others fail. */
  #batches(endings: readonly PendingClose[]): readonly (readonly PendingClose[])[] {
    const now = this.#now();
    const mayShare = ({ terms, isBacked }: PendingClose): boolean =>
      isBacked && !isDue({ ...terms, closingMargin: MARGINS_LEFT * terms.closingMargin }, now);
    const alone = endings.filter((ending) => !mayShare(ending)).map((ending) => [ending]);
    return [...groupForSharedClose(endings.filter(mayShare)).map(({ closings }) => closings), ...alone];
  }

  /** Raises closes in the mempool that pay too little, once for each block. */
  async tend(): Promise<void> {
    const { hash } = this.#engine().follower.seen().tip;
    if (hash === this.#tended) return;
    let trouble: WorldError | undefined;
    for (const flight of this.#flights()) {
      try {
        for (const transaction of this.#feeBumps(flight)) await this.#options.chain.broadcast(transaction);
      } catch (error) {
        trouble = failed(error);
      }
    }
    if (trouble !== undefined) throw trouble;
    this.#tended = hash;
  }

  #now(): ChainTime {
    const { tip, medianTime } = this.#engine().follower.seen();
    return { tip: tip.height, medianTime, now: this.#options.clock.now() };
  }

  async #alone(endings: readonly PendingClose[]): Promise<readonly CloseResult[]> {
    const settled: CloseResult[] = [];
    const { chain } = this.#options;
    for (const ending of endings) {
      const { channel, terms, own } = ending;
      settled.push({ channel, transaction: own, outcome: await chain.broadcast(own) });
      // A transaction that can't be replaced is sent with the children that might not be accepted later.
      if (isFinal(terms, own)) for (const one of this.#childrenOf(own, ending, 1n).slice(1)) await chain.broadcast(one);
    }
    return settled;
  }

  #childrenOf(
    transaction: Transaction,
    { terms, deposits }: Pick<PendingClose, 'terms' | 'deposits'>,
    factor: bigint,
  ): readonly Transaction[] {
    const wanted = times(this.#engine().follower.seen().feeRate, factor);
    const { payeeScript: script } = terms;
    const hurry = { terms, deposits, script, signer: this.#options.keyOf?.(script), rungs: URGENT_STEPS, wanted };
    const family = broadcastPackage(transaction, { ...hurry, isFinal: isFinal(terms, transaction) });
    return family.flatMap((effect) => (effect.kind === 'broadcast' ? [effect.transaction] : []));
  }

  async #together(endings: readonly PendingClose[]): Promise<readonly CloseResult[]> {
    const settled = new Map<PendingClose, CloseResult>();
    const send = async (some: readonly PendingClose[]): Promise<boolean> => {
      const transaction = this.#made(some, { factor: 1n, share: 10n });
      if (isRefusal(transaction)) return false;
      const outcome = await this.#options.chain.broadcast(transaction);
      for (const ending of some) settled.set(ending, { channel: ending.channel, transaction, outcome });
      return isTaken(outcome);
    };
    const spoiled = await bisectSpoilers(endings, (some) => this.#free(some), send);
    for (const ending of spoiled) settled.delete(ending);
    return [...settled.values(), ...(await this.#alone(spoiled))];
  }

  /** Those whose deposits are all confirmed and unspent, according to the node. */
  async #free(endings: readonly PendingClose[]): Promise<readonly PendingClose[]> {
    const { chain } = this.#options;
    const isFree = async ({ deposits }: PendingClose): Promise<boolean> => {
      const outputs = await Promise.all(deposits.map(({ outpoint }) => chain.output(outpoint)));
      return outputs.every((output) => output !== undefined && output.depth > 0);
    };
    const free = await Promise.all(endings.map(isFree));
    return endings.filter((_, i) => free[i] === true);
  }

  #made(endings: readonly PendingClose[], { factor, share }: Urgency, rival?: Cost): Transaction | Refusal {
    const [batch] = groupForSharedClose(endings);
    const [first] = endings;
    if (batch === undefined || first === undefined) throw new Error('a close is of at least one channel');
    const { contract, coin, payeeScript: script } = first.terms;
    const taken = add(...endings.map(({ payment }) => payment.total));
    const asked = times(this.#engine().follower.seen().feeRate, factor);
    const wanted = rival === undefined ? asked : greatest(asked, raisedRate(coin.policy, rival, batch.size));
    return contract.close(endings, { script, feeRate: affordableRate(coin.policy, wanted, share, taken, batch.size) });
  }

  #flights(): readonly SharedCloseSent[] {
    const flights = new Map<string, SharedCloseSent>();
    for (const ending of this.#endings.values()) {
      const { terms, deposits, view } = ending;
      if (view === undefined) continue;
      const seen = deposits
        .map((deposit) => ({ deposit, seen: viewOf(deposit, view) }))
        .flatMap(({ deposit, seen: one }) => (isWaiting(one) && branchOf(terms, deposit, one) === 'close' ? [one] : []))[0];
      if (seen === undefined || spentBy(seen.transaction, deposits).length === seen.transaction.inputs.length) continue;
      const id = transactionId(seen.transaction);
      const flight = flights.get(id) ?? { transaction: seen.transaction, burden: seen.cost?.burden ?? ZERO, endings: [] };
      flight.endings.push(ending);
      flights.set(id, flight);
    }
    return [...flights.values()];
  }

  /** The replacement of a shared close that pays too little, or children that pay for it; nothing when it pays enough. */
  #feeBumps({ transaction, burden, endings }: SharedCloseSent): readonly Transaction[] {
    const [first] = endings;
    const deposits = endings.flatMap((ending) => ending.deposits);
    const before = costOf(transaction, deposits);
    // It has inputs that are not known here: the channels' own closes have to replace it.
    if (first === undefined || before === undefined) return [];
    const { terms } = first;
    const { policy } = terms.coin;
    const now = this.#now();
    const urgency = endings
      .map((ending) => closeUrgency(ending.terms, possible(ending.terms.expiry, now)))
      .reduce((most, one) => (one.factor > most.factor ? one : most));
    if (isReplaceable(policy, transaction)) {
      const raises = (made: Transaction | Refusal, over: Cost): made is Transaction => {
        const cost = isRefusal(made) ? undefined : costOf(made, deposits);
        return cost !== undefined && isRaise(policy, over, cost);
      };
      if (!raises(this.#made(endings, urgency), before)) return [];
      const whole = { ...before, burden };
      const made = this.#made(endings, urgency, whole);
      if (raises(made, whole)) return [made];
    }
    return this.#childrenOf(transaction, { terms, deposits }, urgency.factor);
  }
}

/** The error if it is a `WorldError`. @throws any other error. */
function failed(error: unknown): WorldError {
  if (error instanceof WorldError) return error;
  throw error;
}
