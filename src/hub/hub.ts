import { type Amount, amount as amountOf } from '../core/base/amount.ts';
import { bytesToHex, type ChannelId, equalBytes } from '../core/base/bytes.ts';
import { type Height, height } from '../core/base/height.ts';
import type { ChainTime } from '../core/base/lock-time.ts';
import { isRefusal, type Refusal, refuse } from '../core/base/refusal.ts';
import type { PayeeState } from '../core/channel/payee-state.ts';
import { fateOf } from '../core/channel/payer-locks.ts';
import type { PayerState } from '../core/channel/payer-state.ts';
import { isDue, type Terms } from '../core/contract/contract.ts';
import { hopBlocks } from '../core/contract/hash-lock.ts';
import { type HashLock, isAmong, lockUnder, type PaymentHash } from '../core/contract/pending.ts';
import { keyedMutex } from '../engine/mutex.ts';
import { type Connection, type Store, WorldError } from '../engine/ports.ts';
import type { Merchant } from '../merchant/merchant.ts';
import type { Agent } from '../payer/agent.ts';
import { type Hop, hopTable } from './hop.ts';
import type { PendingChannels } from './pending-channels.ts';

/** What a hub asks for each payment that it forwards: a part in thousandths, rounded up, and a base. */
export interface HubFee {
  readonly base: Amount;
  readonly perMille: number;
}

export interface HubOptions {
  /** Takes what is to be forwarded (`MerchantOptions.isForwarding`). */
  readonly merchant: Merchant;
  readonly agent: Agent;
  readonly store: Store;
  readonly fee: HubFee;
  /** The hub's channel with a payee by its address, for what is to be forwarded next; undefined where it has none. */
  readonly route: (payee: string) => Promise<ChannelId | undefined>;
  /** The way to the payee of one of the hub's channels. */
  readonly payeeOf: (channel: ChannelId) => Promise<Connection>;
  /** Books of the merchant and of the agent. */
  readonly incoming: PendingChannels;
  readonly outgoing: PendingChannels;
  /** Told what hinders one hop: it is tried again at the next look, and hinders no other. */
  readonly onTrouble?: (hash: PaymentHash, error: unknown) => void;
}

/** What a payer has to know to pay somebody through the hub. */
export interface HubQuote {
  /** The hub's channel with the payee: who asks the payee for an invoice names it. */
  readonly channel: ChannelId;
  readonly fee: HubFee;
  /** The least height of the payer's own lock. */
  readonly expiry: Height;
}

/** What to do with an amount that the payer has locked. */
export interface ForwardOrder {
  readonly incoming: ChannelId;
  readonly hash: PaymentHash;
  /** The channel that was quoted. */
  readonly next: ChannelId;
  /** What the payee is to get, and its invoice. */
  readonly amount: Amount;
  readonly invoice: string;
}

/** A merchant and a payer on one store, which forward what is pending under a hash. Nobody has to trust it with money. */
export interface Hub {
  readonly quote: (incoming: ChannelId, payee: string) => Promise<HubQuote | Refusal>;
  /** Takes on what the payer has locked already, once for each hash; the same order again tells how it stands. */
  readonly forward: (order: ForwardOrder) => Promise<Hop | Refusal>;
  /**
   * Shows payers the preimages that the own channels know, those of claims on the chain among them. It asks nobody, so nobody can delay it: call it after
   * each look at the chain, also while a `tick` goes on.
   */
  readonly claim: () => Promise<void>;
  /** The same, and then whatever else is due of all that is pending: at the start, and again and again. */
  readonly tick: () => Promise<void>;
}

export function feeFor({ base, perMille }: HubFee, amount: Amount): Amount {
  return amountOf(base + (amount * BigInt(perMille) + 999n) / 1000n);
}

/** The height of the payee's lock, and the least of the payer's, which has to be later by a hop. */
function heights(incoming: Terms, outgoing: Terms): { readonly next: Height; readonly own: Height } | Refusal {
  const [own, next] = [leastExpiry(incoming), leastExpiry(outgoing)];
  if (own === undefined || next === undefined)
    return refuse('contract-unfit', { reason: 'nothing can be pending in one of the two channels' });
  return { next, own: height(Math.max(own, next + hopBlocks(outgoing.coin))) };
}

function leastExpiry(terms: Terms): Height | undefined {
  return terms.signing.kind === 'fixed' ? terms.contract.hashLocks?.leastExpiry(terms) : undefined;
}

export function openHub(options: HubOptions): Hub {
  const { merchant, agent, fee, route } = options;
  const hops = hopTable(options.store);
  const inTurn = keyedMutex<string>();
  const both = async (incoming: ChannelId, outgoing: ChannelId): Promise<readonly [PayeeState, PayerState] | Refusal> => {
    const [own, next] = [await merchant.engine.get(incoming), await agent.engine.get(outgoing)];
    return own === undefined || next === undefined ? refuse('channel-unknown') : [own, next];
  };

  const advance = (hash: PaymentHash, hop: Hop): Promise<Hop> => advanced(options, hops, hash, hop);

  const taken = async ({ incoming, hash, next: outgoing, amount, invoice }: ForwardOrder): Promise<Hop | Refusal> => {
    const states = await both(incoming, outgoing);
    if (isRefusal(states)) return states;
    const lock = openLock(states[0], hash);
    if (lock === undefined) return refuse('lock-unknown');
    const at = heights(states[0].terms, states[1].terms);
    if (isRefusal(at)) return at;
    if (lock.expiry < at.own) return refuse('lock-too-near', { expiry: lock.expiry, least: at.own });
    const needed = amount + feeFor(fee, amount);
    if (lock.amount < needed) return refuse('invoice-unmet', { total: lock.amount, needed });
    const hop: Hop = { kind: 'forwarding', incoming, outgoing, amount, expiry: at.next, invoice };
    return (await hops.add(hash, hop)) ? advance(hash, hop) : refuse('lock-repeated');
  };

  const claim = async (): Promise<void> => {
    for (const [hash, channel] of await allPending(options)) await apart(options, hash, () => claimed(options, hops, hash, channel));
  };

  const looked = async (hash: PaymentHash, incoming: ChannelId): Promise<void> => {
    const hop = await hops.get(hash);
    if (hop === undefined) return;
    // The hash is spent: whoever uses it again gets nothing for it, and pays nothing.
    if (hop.incoming !== incoming) await merchant.giveUp(incoming, hash);
    else await advance(hash, hop);
  };

  return {
    quote: async (incoming, payee) => {
      const channel = await route(payee);
      if (channel === undefined) return refuse('channel-unknown', { payee });
      const states = await both(incoming, channel);
      if (isRefusal(states)) return states;
      const at = heights(states[0].terms, states[1].terms);
      return isRefusal(at) ? at : { channel, fee, expiry: at.own };
    },
    forward: (order) =>
      inTurn(bytesToHex(order.hash), async () => {
        const known = await hops.get(order.hash);
        if (known === undefined) return taken(order);
        return known.incoming === order.incoming ? advance(order.hash, known) : refuse('lock-repeated');
      }),
    claim,
    tick: async () => {
      await claim();
      const pending = await allPending(options);
      await Promise.all(
        pending.map(([hash, channel]) => inTurn(bytesToHex(hash), () => apart(options, hash, () => looked(hash, channel)))),
      );
      await settleAll(options, hops);
    },
  };
}

/** Everything that is pending in the channels of payers. */
async function allPending({ merchant, incoming }: HubOptions): Promise<readonly (readonly [PaymentHash, ChannelId])[]> {
  const states = await Promise.all([...incoming.channels].map(async (channel) => [await merchant.engine.get(channel), channel] as const));
  return states.flatMap(([state, channel]) => (state?.best?.locks ?? []).map(({ hash }) => [hash, channel] as const));
}

/** What is pending in an open channel and neither revealed nor given up. */
function openLock({ kind, best, revealed = [], failed = [] }: PayeeState, hash: PaymentHash): HashLock | undefined {
  const isDone = kind !== 'open' || isAmong(hash, failed) || revealed.some(({ lock }) => equalBytes(lock.hash, hash));
  return isDone ? undefined : lockUnder(hash, best?.locks);
}

type Hops = ReturnType<typeof hopTable>;

/** Shows the payer a preimage that the hub's own channel with the payee knows. */
async function claimed(options: HubOptions, hops: Hops, hash: PaymentHash, incoming: ChannelId): Promise<void> {
  const hop = await hops.get(hash);
  if (hop?.incoming === incoming) await learned(options, hops, hash, hop);
}

/** The hop, its preimage shown to the payer; undefined while none is known. */
async function learned(options: HubOptions, hops: Hops, hash: PaymentHash, hop: Hop): Promise<Hop | undefined> {
  if (hop.kind === 'failed') return undefined;
  if (hop.kind === 'revealed') return shown(options, hop);
  const state = await options.agent.engine.get(hop.outgoing);
  const fate = state && fateOf(state, hash);
  if (fate?.kind !== 'revealed') return undefined;
  const { preimage } = fate;
  return shown(options, await hops.change(hash, (one) => ({ ...one, kind: 'revealed', preimage })));
}

/** What follows from both channels as they are: nothing is remembered between two looks but the table and the channels themselves. */
async function advanced(options: HubOptions, hops: Hops, hash: PaymentHash, hop: Hop): Promise<Hop> {
  if (hop.kind === 'failed') return ended(options, hash, hop);
  const known = await learned(options, hops, hash, hop);
  if (known !== undefined) return known;
  const { agent } = options;
  const state = await agent.engine.get(hop.outgoing);
  if (state === undefined) throw new Error('the channel of a hop is known');
  const asked = await next(options, hash, hop, state);
  const shownNow = await learned(options, hops, hash, hop);
  if (shownNow !== undefined) return shownNow;
  const fate = fateOf((await agent.engine.get(hop.outgoing)) ?? state, hash);
  const refusal = isRefusal(asked) ? asked.code : hop.refusal;
  const isOver = fate.kind === 'gone' && (hop.kind === 'failing' || isRefusal(asked));
  if (isOver) return ended(options, hash, await hops.change(hash, (one) => failed(one, 'failed', refusal)));
  if (isRefusal(asked) && hop.kind === 'forwarding') return hops.change(hash, (one) => failed(one, 'failing', asked.code));
  return hop;
}

/** A preimage that came meanwhile counts for more than any refusal. */
function failed(hop: Hop, kind: 'failing' | 'failed', refusal: string | undefined): Hop {
  return hop.kind === 'revealed' ? hop : { ...hop, kind, ...(refusal !== undefined && { refusal }) };
}

/** Locks in the next channel, once the lock in the own one is stored; a hop that was refused is only asked about. */
async function next(options: HubOptions, hash: PaymentHash, hop: Hop, state: PayerState): Promise<unknown> {
  const { agent, merchant, payeeOf } = options;
  if (state.kind !== 'open') return refuse('channel-ending');
  const payee = await payeeOf(hop.outgoing);
  if (hop.kind === 'failing') return quietly(() => agent.fate(hop.outgoing, hash, payee));
  const incoming = await merchant.engine.get(hop.incoming);
  const isThere = incoming !== undefined && openLock(incoming, hash) !== undefined && !isDue(incoming.terms, latest(options));
  const isLive = lockUnder(hash, state.best?.locks) !== undefined;
  if (!isThere && !isLive) return refuse('lock-unknown');
  return quietly(() => agent.lock(hop.outgoing, { lock: { amount: hop.amount, hash, expiry: hop.expiry }, invoice: hop.invoice }, payee));
}

/** The chain as the side knows it that has read more of it: what one has not seen yet may be over. */
function latest({ merchant, agent }: HubOptions): ChainTime {
  merchant.engine.follower.trusted();
  const [own, other] = [merchant.engine.follower.seen(), agent.engine.follower.seen()];
  const { tip, medianTime } = own.tip.height >= other.tip.height ? own : other;
  return { tip: tip.height, medianTime, now: medianTime * 1_000 };
}

/** A payee that can't be reached is asked again at the next look; what is due on the chain does not wait for it. */
async function quietly<T>(ask: () => Promise<T>): Promise<T | undefined> {
  try {
    return await ask();
  } catch (error) {
    if (error instanceof WorldError && (error.code === 'peer-unreachable' || error.code === 'peer-nonsense')) return undefined;
    throw error;
  }
}

/** The preimage is in the table before it is in the own channel; there it is stored before anything is settled with the payee. */
async function shown({ merchant }: HubOptions, hop: Hop): Promise<Hop> {
  if (hop.preimage !== undefined) await merchant.reveal(hop.incoming, hop.preimage);
  return hop;
}

async function ended({ merchant }: HubOptions, hash: PaymentHash, hop: Hop): Promise<Hop> {
  if (hop.kind === 'failed') await merchant.giveUp(hop.incoming, hash);
  return hop;
}

/** Pays the payees what they have shown preimages for. */
async function settleAll(options: HubOptions, hops: Hops): Promise<void> {
  const { agent, outgoing, payeeOf } = options;
  for (const channel of outgoing.channels) {
    const state = await agent.engine.get(channel);
    if (state?.kind !== 'open') continue;
    for (const { hash } of state.best?.locks ?? []) {
      await apart(options, hash, async () => {
        const hop = await hops.get(hash);
        if (hop?.kind !== 'revealed' || fateOf(state, hash).kind !== 'revealed') return;
        await quietly(async () => agent.settle(channel, [hash], await payeeOf(channel)));
      });
    }
  }
}

/** One hop hinders no other. */
async function apart({ onTrouble }: HubOptions, hash: PaymentHash, act: () => Promise<unknown>): Promise<void> {
  try {
    await act();
  } catch (error) {
    if (onTrouble === undefined) throw error;
    onTrouble(hash, error);
  }
}
