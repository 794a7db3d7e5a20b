import { type Amount, amount } from '../core/base/amount.ts';
import type { ChannelId } from '../core/base/bytes.ts';
import { type Height, height } from '../core/base/height.ts';
import { isRefusal, type Refusal, refuse } from '../core/base/refusal.ts';
import { fateOf, liveLocks } from '../core/channel/payer-locks.ts';
import type { PayerState } from '../core/channel/payer-state.ts';
import type { Terms } from '../core/contract/contract.ts';
import { isAmong, type PaymentHash } from '../core/contract/pending.ts';
import type { Invoice } from '../core/message/message.ts';
import type { Connection } from '../engine/ports.ts';
import type { Agent } from './agent.ts';
import { nonsense } from './request.ts';

/** What a hub says of a way to a payee. */
export interface WayQuote {
  /** The hub's channel with the payee. */
  readonly channel: ChannelId;
  readonly fee: { readonly base: Amount; readonly perMille: number };
  /** The least height of the own lock. */
  readonly expiry: Height;
}

/** How a forwarded amount stands, as the hub says: `failed` is its word that it claims nothing. */
export interface WayStatus {
  readonly kind: 'forwarding' | 'failing' | 'revealed' | 'failed';
  readonly refusal?: string;
}

/** A hub, as a payer needs it beside the payments. @throws WorldError as a `Connection`. */
export interface HubService {
  readonly quote: (incoming: ChannelId, payee: string) => Promise<WayQuote | Refusal>;
  readonly forward: (order: WayOrder) => Promise<WayStatus | Refusal>;
}

export interface WayOrder {
  readonly incoming: ChannelId;
  readonly hash: PaymentHash;
  /** The hub's channel that was quoted. */
  readonly next: ChannelId;
  readonly amount: Amount;
  readonly invoice: string;
}

/** The hub, and the payer's channel with it. */
export interface Way {
  readonly channel: ChannelId;
  readonly connection: Connection;
  readonly hub: HubService;
}

/** The payee, who is asked itself what it sells and under which hash: the hub can't put another in its place. */
export interface FarPayee {
  readonly address: string;
  readonly connection: Connection;
}

/** A price, and what the hub takes for forwarding it. Answers whether that is agreed to; awaited before anything is locked. */
export type AgreeVia = (price: Amount, fee: Amount, invoice: HashedInvoice) => Promise<Refusal | undefined>;

/** A purchase that is locked. */
export interface ViaPurchase {
  readonly invoice: Invoice;
  readonly hash: PaymentHash;
  readonly total: Amount;
  readonly order: WayOrder;
}

/** `paid`: the preimage is the proof. `pending`: nothing is decided, and nothing is lost by waiting. `failed`: it was given up. */
export type ViaOutcome =
  | { readonly kind: 'paid'; readonly preimage: Uint8Array }
  | { readonly kind: 'pending' }
  | { readonly kind: 'failed'; readonly reason: string };

/** How long a payer lets an amount be held up at most beyond what its own channel asks for, in seconds. */
const MOST_WAIT_SECONDS = 30 * 24 * 3600;

/** Asks hub and payee, and locks the price and the fee. */
export async function lockVia(
  agent: Agent,
  { channel, connection, hub }: Way,
  payee: FarPayee,
  item: string,
  agree: AgreeVia,
): Promise<ViaPurchase | Refusal> {
  const state = await agent.engine.get(channel);
  if (state === undefined) return refuse('channel-unknown');
  const quote = await hub.quote(channel, payee.address);
  if (isRefusal(quote)) return quote;
  const invoice = await priceFrom(payee, quote, item);
  if (isRefusal(invoice)) return invoice;
  const fee = amount(quote.fee.base + (invoice.amount * BigInt(quote.fee.perMille) + 999n) / 1000n);
  const expiry = ownExpiry(state.terms, quote.expiry);
  if (isRefusal(expiry)) return expiry;
  const refused = await agree(invoice.amount, fee, invoice);
  if (refused !== undefined) return refused;
  const { hash } = invoice;
  const total = amount(invoice.amount + fee);
  const fate = await agent.lock(channel, { lock: { amount: total, hash, expiry } }, connection);
  if (isRefusal(fate)) return fate;
  const order = { incoming: channel, hash, next: quote.channel, amount: invoice.amount, invoice: invoice.id };
  return { invoice, hash, total, order };
}

/** A purchase to look at, and its preimage, if an earlier look was shown it. */
export type SeenVia = Pick<ViaPurchase, 'hash' | 'order'> & { readonly preimage?: Uint8Array };

/**
 * One more look: has the hub forward it, asks what has become of it, and settles what is paid. `keep` is awaited before that: the channel forgets a
 * preimage with the settlement, and whoever has not kept it can't tell afterwards that it was paid.
 */
export async function lookVia(
  agent: Agent,
  { channel, connection, hub }: Way,
  { hash, order, preimage }: SeenVia,
  keep: (preimage: Uint8Array) => Promise<void>,
): Promise<ViaOutcome> {
  const status = await hub.forward(order);
  const fate = await agent.fate(channel, hash, connection);
  if (!isRefusal(fate) && fate.kind === 'revealed') {
    await keep(fate.preimage);
    await agent.settle(channel, [hash], connection);
    return { kind: 'paid', preimage: fate.preimage };
  }
  // As long as the amount is locked the hub can still claim it, whatever it says.
  if (isLive(await agent.engine.get(channel), hash)) return { kind: 'pending' };
  if (preimage !== undefined) return { kind: 'paid', preimage };
  await agent.settle(channel, [], connection);
  return { kind: 'failed', reason: isRefusal(status) ? status.code : (status.refusal ?? 'channel-ended') };
}

/** Pays what the hub has shown preimages for since, and leaves out what it has given up. */
export async function settleVia(agent: Agent, { channel, connection }: Pick<Way, 'channel' | 'connection'>): Promise<void> {
  const state = await agent.engine.get(channel);
  const locks = state?.kind === 'open' ? (state.best?.locks ?? []) : [];
  const [first] = locks;
  if (first === undefined) return;
  await agent.fate(channel, first.hash, connection);
  const after = await agent.engine.get(channel);
  const revealed = locks.filter(({ hash }) => after !== undefined && fateOf(after, hash).kind === 'revealed').map(({ hash }) => hash);
  const isChanged = after?.kind === 'open' && (revealed.length > 0 || liveLocks(after).length < locks.length);
  if (isChanged) await agent.settle(channel, revealed, connection);
}

function isLive(state: PayerState | undefined, hash: PaymentHash): boolean {
  return (
    state?.kind !== 'open' ||
    isAmong(
      hash,
      liveLocks(state).map((one) => one.hash),
    )
  );
}

type HashedInvoice = Invoice & Required<Pick<Invoice, 'hash'>>;

async function priceFrom({ connection }: FarPayee, { channel }: WayQuote, item: string): Promise<HashedInvoice | Refusal> {
  const reply = await connection.exchange({ kind: 'invoice-request', channel, item, isPending: true });
  if (isRefusal(reply)) return reply;
  if (reply.kind !== 'invoice' || reply.item !== item || reply.channel !== channel) throw nonsense('price', reply.kind);
  const { hash } = reply;
  if (hash === undefined) throw nonsense('price', 'price without a hash');
  return { ...reply, hash };
}

/** The hub names what it needs; the payer has a bound of its own. */
function ownExpiry(terms: Terms, asked: Height): Height | Refusal {
  const { hashLocks } = terms.contract;
  if (hashLocks === undefined) return refuse('contract-unfit', { reason: 'no payment of this contract can be pending' });
  const least = hashLocks.leastExpiry(terms);
  const most = least + Math.ceil(MOST_WAIT_SECONDS / terms.coin.blockSeconds);
  return asked > most ? refuse('lock-too-far', { expiry: asked, most }) : height(Math.max(asked, least));
}
