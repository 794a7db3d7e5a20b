import { type Amount, amount, greatest, parseUnits, ZERO } from '../core/base/amount.ts';
import { type ChannelId, equalBytes } from '../core/base/bytes.ts';
import type { LockTime } from '../core/base/height.ts';
import { isRefusal, type Refusal, refuse } from '../core/base/refusal.ts';
import { wrongAgeLock } from '../core/channel/offer-fit.ts';
import type { OfferLimits } from '../core/channel/offer-limits.ts';
import { termsOf } from '../core/channel/payee-open.ts';
import type { PayerInput } from '../core/channel/payer.ts';
import type { LockFate, LockInput } from '../core/channel/payer-locks.ts';
import { type PayInput, totalAhead, totalFor } from '../core/channel/payer-pay.ts';
import { notOpen, type PayerState } from '../core/channel/payer-state.ts';
import { channelIdOf } from '../core/contract/contract.ts';
import { times } from '../core/contract/fee.ts';
import { HEADROOM, minTotalAt } from '../core/contract/min-total.ts';
import type { PaymentHash } from '../core/contract/pending.ts';
import type { Invoice, Offer } from '../core/message/message.ts';
import { addressOf } from '../core/tx/address.ts';
import { type EngineOptions, type PayerEngine, payerEngine } from '../engine/engine.ts';
import { keyedMutex } from '../engine/mutex.ts';
import { type Connection, type KeyRing, WorldError } from '../engine/ports.ts';
import type { Wallet } from '../wallet/wallet.ts';
import { fundChannel, launchChannel, releaseOrphans } from './fund-channel.ts';
import { askFate, lockAmount, settleLocks } from './hash-locks.ts';
import { checkKind, type Exchange, type Line, lineTo, nonsense, stateOf, told } from './request.ts';
import { requestCoopClose } from './request-coop-close.ts';
import { isOutOfStep, resync, retryInStep } from './resync.ts';
import { takeBack } from './take-back.ts';
import { type Settled, settlePending } from './unanswered.ts';
import type { WireFormat } from './wire-format.ts';

export interface AgentOptions extends EngineOptions<PayerState> {
  readonly wallet: Wallet;
  /** `compact` unless given. */
  readonly form?: WireFormat;
  /** Called before a payment that has to be larger than asked for; false refuses it, and nothing is signed. Always accepted unless given. */
  readonly raised?: (raise: Raise) => Promise<boolean>;
}

/** A payment of more than was asked for, because the contract or fees allow no smaller one. The rest becomes credit. */
export interface Raise {
  readonly channel: ChannelId;
  /** What was asked for, less credit. */
  readonly due: Amount;
  readonly moves: Amount;
}

/** The product around a payer: opens, funds, uses, ends and refunds channels, and gets back everything that it did not spend. */
export interface Agent {
  readonly engine: PayerEngine;
  /**
   * Seed steps 1, 2 and A: makes keys, script and address; no coin is sent. An offer that asks for more than is usual for the coin is refused unless
   * `limits` allow it.
   */
  readonly plan: (offer: Offer, expiry: LockTime, returnScript: Uint8Array, limits?: Partial<OfferLimits>) => Promise<PayerState | Refusal>;
  /**
   * Seed steps B, C and 3, in a safe order: the deposit is signed and announced first, and broadcast only when the payee agrees to the terms. Also
   * adds deposits to an open channel. @throws WorldError `wallet-short`
   */
  readonly fund: (channel: ChannelId, value: Amount, payee: Connection) => Promise<Exchange | Refusal>;
  /** Continues a `fund` that was interrupted: announces what is signed but not broadcast, and broadcasts it if the payee agrees. */
  readonly launch: (channel: ChannelId, payee: Connection) => Promise<Exchange | Refusal>;
  /** Seed step 4: announces again; accepted once the deposits are deep enough. */
  readonly announce: (channel: ChannelId, payee: Connection) => Promise<Exchange | Refusal>;
  /** Asks for the price of an item. */
  readonly invoice: (channel: ChannelId, item: string, payee: Connection) => Promise<Invoice | Refusal>;
  /**
   * Seed steps E, F and 6: signs, stores, sends; refused where an invoice asks for more than `most`. An unanswered payment is sent again first. After
   * an error, the same purchase again (the same item, or the same amount ahead) is made only once, by whichever invoice came first. If payee or payer
   * was restored from old data, both are brought up to date on the way (`resync.ts`).
   */
  readonly pay: (channel: ChannelId, purchase: Purchase, payee: Connection) => Promise<Exchange | Refusal>;
  /**
   * Asks for the price of an item, lets `agree` decide the most that it may cost, and pays. After an error, a new call for the same item buys it only
   * once, at the price agreed before: the unanswered payment is sent again, and its receipt is the answer.
   */
  readonly buy: (channel: ChannelId, item: string, agree: Agree, payee: Connection) => Promise<Exchange | Refusal>;
  /** Takes what the payee wants to give back; what it gave back before counts too, if the answer was lost. An answer without anything to take is none. */
  readonly refresh: (channel: ChannelId, payee: Connection) => Promise<Exchange | Refusal>;
  /**
   * Signs an amount that is pending until the payee shows the preimage of a hash. The same again changes nothing, and asks what has become of it. A
   * refusal does not undo the signature: see `fateOf`.
   */
  readonly lock: (channel: ChannelId, lock: Omit<LockInput, 'kind'>, payee: Connection) => Promise<LockFate | Refusal>;
  /** Asks the payee what has become of it; the chain may tell too. */
  readonly fate: (channel: ChannelId, hash: PaymentHash, payee: Connection) => Promise<LockFate | Refusal>;
  /** Pays what was pending under these hashes, as far as their preimages are known, and leaves out what the payee has given up. */
  readonly settle: (channel: ChannelId, hashes: readonly PaymentHash[], payee: Connection) => Promise<Exchange | Refusal>;
  /** Brings both sides to the best state that either can prove: this payer takes over what it once signed, and shows the payee the rest. */
  readonly resync: (channel: ChannelId, payee: Connection) => Promise<Exchange | Refusal>;
  /** Ends at once at the best total, if the payee agrees; deposits that are gone are left out. @throws WorldError when the node can't be asked. */
  readonly end: (channel: ChannelId, payee: Connection) => Promise<Exchange | Refusal>;
  /**
   * Frees coins in the wallet that an interrupted program had reserved for deposits of no channel. Call it after a start, once the wallet has read
   * the chain, and before anything is funded.
   */
  readonly tidy: () => Promise<void>;
  /** Reads the chain: refunds what has expired, and adds deposits that were found. */
  readonly poll: () => Promise<void>;
}

/** The most that an item may cost, given the payee's price; or a refusal to buy it. */
export type Agree = (invoice: Invoice) => Promise<Amount | Refusal>;

/** What a payment is for. */
export type Purchase = Bought | Ahead;

/** An invoice, and the most that its item may cost: a limit that a person saw or agreed to, never the payee's own number. */
export interface Bought extends Pick<Invoice, 'amount' | 'id' | 'item'> {
  readonly most: Amount;
}

/** No purchase yet: the amount becomes credit, and later purchases use it. */
export interface Ahead extends Pick<Invoice, 'amount'>, Pick<PayInput, 'info'> {
  readonly id?: never;
}

export function openAgent(options: AgentOptions): Agent {
  const { wallet, form = 'compact', keys, chain, raised = async () => true } = options;
  const engine = payerEngine({ keyOf: wallet.keyOf, ...options });
  const lineOf = (channel: ChannelId, payee: Connection): Line => lineTo(engine, form, channel, payee);
  const announcedOn = async (line: Line): Promise<Exchange | Refusal> => told(await line.exchange({ kind: 'announce' }));
  // In compact form, without the funding transactions: anyone who has a complete funding transaction can get it mined.
  const propose: Agent['announce'] = (channel, payee) => announcedOn(lineTo(engine, 'compact', channel, payee));

  // One deposit of a channel after the other: when one is given up, another must not be taken back with it.
  const funding = keyedMutex<ChannelId>();
  // And one payment after the other: a payment must not take the answer to an equal one.
  const paying = keyedMutex<ChannelId>();

  return {
    engine,
    plan: async (offer, expiry, returnScript, limits = {}) => {
      if (offer.coin.id !== chain.coin.id) return refuse('coin-mismatch', { coin: offer.coin.id, expected: chain.coin.id });
      const wrong = wrongAgeLock(offer);
      if (wrong !== undefined) return wrong;
      const keyName = await wallet.nextChannelKey();
      const channel = idOf(offer, expiry, keys, keyName);
      return stateOf(await engine.drive(channel, { kind: 'create', offer, expiry, keyName, returnScript, limits }));
    },
    fund: (channel, value, payee) => funding(channel, () => fundChannel({ wallet, engine, propose }, channel, value, payee)),
    launch: (channel, payee) => funding(channel, () => launchChannel({ wallet, engine, chain, propose }, channel, payee)),
    announce: (channel, payee) => announcedOn(lineOf(channel, payee)),
    invoice: async (channel, item, payee) => askPrice(engine, lineOf(channel, payee), item),
    pay: (channel, purchase, payee) => paying(channel, () => paidAndRefreshed(engine, lineOf(channel, payee), purchase, raised)),
    buy: async (channel, item, agree, payee) => {
      const line = lineOf(channel, payee);
      const settled = await paying(channel, () => settlePending(engine, line));
      if (settled?.pending.item === item) return settled.exchange;
      const invoice = await askPrice(engine, line, item);
      if (isRefusal(invoice)) return invoice;
      const most = await agree(invoice);
      return isRefusal(most) ? most : paying(channel, () => paidAndRefreshed(engine, line, { ...invoice, most }, raised));
    },
    resync: async (channel, payee) => {
      const line = lineOf(channel, payee);
      await resync(line);
      return told(await line.exchange({ kind: 'resync' }));
    },
    end: async (channel, payee) => {
      const line = lineOf(channel, payee);
      await settlePending(engine, line);
      return told(await retryInStep(line, () => requestCoopClose(line, chain)));
    },
    lock: (channel, lock, payee) => paying(channel, () => lockAmount(engine, lineOf(channel, payee), lock)),
    fate: (channel, hash, payee) => paying(channel, () => askFate(lineOf(channel, payee), hash)),
    settle: (channel, hashes, payee) => paying(channel, () => settleLocks(engine, lineOf(channel, payee), hashes)),
    refresh: (channel, payee) => paying(channel, () => takeBack(engine, lineOf(channel, payee))),
    tidy: () => releaseOrphans({ wallet, engine }),
    poll: engine.follower.poll,
  };
}

function idOf(offer: Offer, expiry: LockTime, keys: KeyRing, keyName: string): ChannelId {
  const terms = termsOf({ offer, expiry, payerKey: keys.signer(keyName).publicKey });
  return channelIdOf(offer.coin, offer.contract.redeemScript(terms));
}

/** What the payee wants to give back is taken along. What hinders that does not undo the payment: it is taken the next time. */
async function paidAndRefreshed(engine: PayerEngine, line: Line, purchase: Purchase, raised: Raised): Promise<Exchange | Refusal> {
  const exchange = await paid(engine, line, purchase, raised);
  if (isRefusal(exchange) || exchange.reply.kind !== 'receipt' || exchange.reply.giveBack === undefined) return exchange;
  const taken = await takeBack(engine, line).catch(ifWorldFails);
  return taken === undefined || isRefusal(taken) ? exchange : { ...exchange, state: taken.state };
}

function ifWorldFails(error: unknown): undefined {
  if (!(error instanceof WorldError)) throw error;
}

async function paid(engine: PayerEngine, line: Line, purchase: Purchase, raised: Raised): Promise<Exchange | Refusal> {
  if (isBought(purchase) && purchase.amount > purchase.most) {
    return refuse('price-too-high', { price: purchase.amount, most: purchase.most });
  }
  const settled = await settlePending(engine, line);
  if (settled !== undefined && isFor(settled, purchase)) return settled.exchange;
  const pay = async (least?: Amount): Promise<Exchange | Refusal> => {
    const raise = raiseOf(await engine.get(line.channel), purchase, least);
    if (raise !== undefined && !(await raised(raise))) return refuse('price-too-high', { price: raise.moves, most: raise.due });
    return told(await retryInStep(line, () => line.exchange((state) => payInput(state, purchase, least))));
  };
  const first = await pay();
  const least = isRefusal(first) ? await worthAsked(engine, line, first) : undefined;
  return least === undefined ? first : pay(least);
}

type Raised = NonNullable<AgentOptions['raised']>;

/** One unit more is no raise: every payment needs a new total. */
function raiseOf(state: PayerState | undefined, purchase: Purchase, least: Amount | undefined): Raise | undefined {
  const input = payInput(state, purchase, least);
  if (state === undefined || isRefusal(input) || input.kind !== 'pay') return undefined;
  const best = state.best?.total ?? ZERO;
  const owed = isBought(purchase) ? state.spent + purchase.amount : best + purchase.amount;
  const due = owed > best ? amount(owed - best) : ZERO;
  const moves = amount(input.total - best);
  return moves > due && moves > 1n ? { channel: state.channel, due, moves } : undefined;
}

/**
 * While fees are high, a payee accepts only totals that are worth a close: the rest is credit. The least total that it asks for is checked against
 * the rate that this side's own node reports.
 */
async function worthAsked(engine: PayerEngine, line: Line, { code, detail: { least: asked = '' } }: Refusal): Promise<Amount | undefined> {
  const least = code === 'total-too-small' ? parseUnits(asked) : undefined;
  const state = await engine.get(line.channel);
  if (least === undefined || state === undefined) return undefined;
  const { terms, deposits } = state;
  const own = greatest(engine.follower.seen().feeRate, terms.coin.policy.feeRate);
  return least <= minTotalAt(terms, deposits, least, times(own, 2n * HEADROOM)) ? least : undefined;
}

/** Without an answer, the same purchase is requested again: it must not be bought twice. */
function isFor({ before, pending }: Settled, purchase: Purchase): boolean {
  if (isBought(purchase)) return pending.invoice === purchase.id || pending.item === purchase.item;
  const { amount, info = NONE } = purchase;
  if (pending.invoice !== undefined || !equalBytes(pending.info ?? NONE, info)) return false;
  return pending.ahead === undefined ? totalAhead(before, amount) === pending.payment.total : pending.ahead === amount;
}

const NONE = new Uint8Array();

function isBought(purchase: Purchase): purchase is Bought {
  return purchase.id !== undefined;
}

function payInput(state: PayerState | undefined, purchase: Purchase, least: Amount = ZERO): PayerInput | Refusal {
  if (state === undefined) return refuse('channel-unknown');
  if (state.kind !== 'open') return notOpen(state);
  if (isBought(purchase)) {
    const { id: invoice, item, amount: price } = purchase;
    const total = totalFor(state, price);
    return isRefusal(total) ? total : { kind: 'pay', total: greatest(total, least), price, invoice, item };
  }
  const { amount: ahead, info } = purchase;
  const total = totalAhead(state, ahead);
  return isRefusal(total) ? total : { kind: 'pay', total: greatest(total, least), price: ZERO, ahead, ...(info && { info }) };
}

/** An invoice is the payee's word about money: it must answer exactly this question, and pay to the address in the offer. */
async function askPrice(engine: PayerEngine, line: Line, item: string): Promise<Invoice | Refusal> {
  const state = await engine.get(line.channel);
  if (state === undefined) return refuse('channel-unknown');
  const ask = async (): Promise<Invoice | Refusal> => {
    const driven = await engine.drive(line.channel, { kind: 'ask', item });
    if (isRefusal(driven)) return driven;
    if (driven.send === undefined) throw new Error('a question is sent');
    const { send: request } = driven;
    const reply = await line.payee.exchange(request);
    checkKind(line.channel, request, reply);
    if (isRefusal(reply)) return reply;
    const address = addressOf(state.terms.coin, state.terms.payeeScript);
    if (reply.kind !== 'invoice' || reply.item !== item || reply.address !== address) throw nonsense('price', reply.kind);
    return reply;
  };
  const first = await ask();
  return isRefusal(first) && isOutOfStep(first) && (await resync(line)) ? ask() : first;
}
