import type { Amount } from '../core/base/amount.ts';
import type { ChannelId } from '../core/base/bytes.ts';
import { isRefusal, type Refusal, refuse } from '../core/base/refusal.ts';
import { invoiceHash } from '../core/channel/payee-locks.ts';
import { notActive, type PayeeState } from '../core/channel/payee-state.ts';
import type { KeptInvoice } from '../core/channel/state-machine.ts';
import { boundsOf } from '../core/coin/coin.ts';
import { isMore, lockUnder, type PaymentHash } from '../core/contract/pending.ts';
import type { Announce, InvoiceRequest, Offer, Pay, Provisional, Reply } from '../core/message/message.ts';
import { decodePsbt, mostPsbtBytes } from '../core/message/psbt-codec.ts';
import { channelOfPsbt, readEnd, readPayment } from '../core/message/psbt-payment.ts';
import { addressOf } from '../core/tx/address.ts';
import { noIndexer } from '../engine/asset-lookup.ts';
import type { Driven } from '../engine/channel-driver.ts';
import { type EngineOptions, type PayeeEngine, payeeEngine } from '../engine/engine.ts';
import type { Indexer, Random } from '../engine/ports.ts';
import type { RequestHandler, TakenPayment } from '../transport/request-handler.ts';
import { announceQueue } from './announce-queue.ts';
import { type InvoiceBook, invoiceBook, type PriceList } from './invoice.ts';
import { payerAuth } from './payer-auth.ts';
import { type CloseResult, SharedCloser } from './shared-close.ts';
import { type MerchantTerms, makeOffer } from './terms.ts';

export { noteSetBack } from '../engine/set-back.ts';

export interface MerchantOptions extends EngineOptions<PayeeState> {
  readonly random: Random;
  readonly terms: MerchantTerms;
  readonly prices: PriceList;
  /** Output script of all closes; its keys need not be here. */
  readonly payeeScript: Uint8Array;
  /** Id of the store: it tells stores of one seed apart (`store/identity.ts`). */
  readonly identity: Uint8Array;
  /**
   * Accepts channels that payers bring back from lost stores of this seed, and therefore offers of any age. No other program may serve with this
   * seed. Call `noteSetBack` before the store is claimed: then nothing is sold on channels whose payers may know more than an older copy does.
   */
  readonly isRecovering?: boolean;
  /**
   * Awaited before a secret is shown that revokes payments: whoever else could close with one of them, as watchers do, must hold nothing of it any more.
   * What it throws is the answer to the payer, and no secret is shown.
   */
  readonly beforeRevoking?: (channel: ChannelId) => Promise<void>;
  /** Needed where the terms name an asset; it is believed about what payers bring. */
  readonly indexer?: Indexer;
  /** Takes pending amounts whose preimages it does not have: the owner forwards them, and reveals or gives up what became of them. */
  readonly isForwarding?: boolean;
}

/** The product around a payee: answers payers over any transport, closes, and follows the chain. */
export interface Merchant extends RequestHandler {
  /**
   * Accepts a payment for which the application itself delivers, in the amount that the payment `added`: nothing becomes credit. @throws WorldError
   * as `answer`.
   */
  readonly increment: (pay: Pay) => Promise<TakenPayment | Refusal>;
  /**
   * Answers an announcement under an offer that never left this program; so the offer can't be from another store or have outdated terms. @throws
   * WorldError as `answer`.
   */
  readonly announce: (announce: Announce) => Promise<Reply>;
  /**
   * Orders to give back so much of what a channel was paid; the payer takes it at its next contact. `order` names it: the same again changes nothing.
   * Refused where payments are for good, and where no close could pay out what is left.
   */
  readonly giveBack: (channel: ChannelId, amount: Amount, order: string) => Promise<Driven<PayeeState> | Refusal>;
  /** Shows the payer a preimage: what is pending under its hash is paid from now on, by a settlement or on the chain. Refused where nothing is. */
  readonly reveal: (channel: ChannelId, preimage: Uint8Array) => Promise<Driven<PayeeState> | Refusal>;
  /** Gives up what is pending under a hash: the payer may leave it out. It can't be revealed afterwards. */
  readonly giveUp: (channel: ChannelId, hash: PaymentHash) => Promise<Driven<PayeeState> | Refusal>;
  /** Seed step H, ordered by the owner. */
  readonly close: (channel: ChannelId) => Promise<Driven<PayeeState> | Refusal>;
  /**
   * The same for many at once, in few transactions; it also replaces an agreed end. @throws WorldError when the node can't be asked: the stored
   * closes are sent later.
   */
  readonly settle: (channels: readonly ChannelId[]) => Promise<readonly CloseResult[]>;
  readonly engine: PayeeEngine;
  readonly invoices: InvoiceBook;
}

/** @throws WorldError `config` for terms in an asset without an indexer. */
export function openMerchant(options: MerchantOptions): Merchant {
  const { chain, store, clock, random, terms, prices, payeeScript, identity, isRecovering = false } = options;
  const { coin } = chain;
  if (terms.asset !== undefined && options.indexer === undefined) throw noIndexer();
  const { engine, settler } = settlingEngine(options);
  const invoices = invoiceBook(store, clock, random, prices);
  const announce = announceQueue(chain, engine, options.indexer);
  const standing = { store: identity, isRecovering, terms: { ...terms, payeeScript } };
  const unproven = payerAuth(engine, options.verify);

  const invoice = priceOf(options, engine, invoices);
  const { take, paid, described } = tillOf(options, engine, invoices);

  return {
    answer: async (request) => {
      switch (request.kind) {
        case 'offer-request':
          return offerAt(options, engine);
        case 'announce':
          return announcedReply(await announce(request, standing));
        case 'invoice-request':
          engine.follower.ready();
          // Who pays through a hub has no key of the channel.
          return (request.isPending ? undefined : await unproven(request)) ?? invoice(request);
        case 'payment':
          return receiptOf(await paid(request));
        case 'state-request':
          return (await unproven(request)) ?? described(request.channel);
        case 'sync':
        case 'join':
        case 'quote-request':
        case 'forward':
          return refuse('request-unknown');
        case 'end':
          return replyOf(await engine.drive(request.channel, { kind: 'end', end: request }));
      }
    },
    announce: async (request) => announcedReply(await announce(request)),
    pay: paid,
    increment: (pay) => take('increment', pay),
    room: async (channel) => roomOf(await engine.get(channel)),
    readPsbt: async (kind, bytes) => {
      const psbt = decodePsbt(bytes);
      if (isRefusal(psbt)) return psbt;
      const state = await engine.get(channelOfPsbt(coin, psbt));
      if (state === undefined) return refuse('channel-unknown');
      const read = kind === 'payment' ? readPayment : readEnd;
      return read(psbt, state.terms, state.deposits);
    },
    giveBack: (channel, amount, order) => engine.drive(channel, { kind: 'give-back', amount, order }),
    reveal: (channel, preimage) => engine.drive(channel, { kind: 'reveal', preimage }),
    giveUp: (channel, hash) => engine.drive(channel, { kind: 'give-up', hash }),
    close: (channel) => engine.drive(channel, { kind: 'close' }),
    settle: (channels) => settler.settle(channels),
    engine,
    invoices,
  };
}

/** Answers what an item costs; for who pays through a hub, under a hash. */
function priceOf({ chain, keys }: MerchantOptions, engine: PayeeEngine, invoices: InvoiceBook): (asked: InvoiceRequest) => Promise<Reply> {
  return async ({ channel, item, isPending }) => {
    const state = await engine.get(channel);
    if (state === undefined) return refuse('channel-unknown');
    if (state.setBack) return refuse('payee-set-back');
    const asked = { channel, item, address: addressOf(chain.coin, state.terms.payeeScript) ?? '' };
    if (state.kind === 'open')
      return isPending ? invoices.quote(asked, (id) => invoiceHash({ signer: keys.signer(state.keyName) }, id)) : invoices.issue(asked);
    return state.kind === 'paused' ? refuse('funding-reorganised') : notActive(state);
  };
}

/** The invoice that a payment is for by what is pending under its hash: nothing is stored of it until then. */
function quotedFor(
  { chain, keys }: MerchantOptions,
  invoices: InvoiceBook,
  { channel, invoice: id, payment: { locks } }: Pay,
  state: PayeeState | undefined,
): { readonly invoice?: KeptInvoice } {
  if (id === undefined || locks === undefined || state === undefined) return {};
  const hash = invoiceHash({ signer: keys.signer(state.keyName) }, id);
  if (lockUnder(hash, locks) === undefined) return {};
  const invoice = invoices.quoted({ id, hash, channel, address: addressOf(chain.coin, state.terms.payeeScript) ?? '' });
  return invoice === undefined ? {} : { invoice: { invoice } };
}

/** Where payments come in, and secrets go out. */
function tillOf(options: MerchantOptions, engine: PayeeEngine, invoices: InvoiceBook): Till {
  const { beforeRevoking = holdsNothing, isForwarding = false } = options;
  const payment = (pay: Pay) => (state: PayeeState | undefined) =>
    ({ kind: 'payment', pay, isForwarding, ...quotedFor(options, invoices, pay, state) }) as const;
  const take = async (kind: 'payment' | 'increment', pay: Pay): Promise<TakenPayment | Refusal> => {
    // A payment that is for no more than the best one is answered from the store, in whatever state the node is.
    if (isMore(pay.payment, (await engine.get(pay.channel))?.best)) engine.follower.trusted();
    const taken = takenOf(await engine.drive(pay.channel, kind === 'payment' ? payment(pay) : { kind, pay }));
    if (!isRefusal(taken) && taken.receipt.secret !== undefined) await beforeRevoking(pay.channel);
    return taken;
  };

  const paid = async (pay: Pay): Promise<TakenPayment | Refusal> => {
    const taken = await take('payment', pay);
    if (isRefusal(taken)) return taken;
    if (taken.receipt.invoice !== undefined) invoices.settled(taken.receipt.invoice);
    return taken;
  };

  const described = async (channel: ChannelId): Promise<Reply> => {
    const reply = replyOf(await engine.drive(channel, { kind: 'state-request' }));
    if (reply.kind === 'state' && reply.revocation?.secrets !== undefined) await beforeRevoking(channel);
    return reply;
  };

  return { take, paid, described };
}

interface Till {
  readonly take: (kind: 'payment' | 'increment', pay: Pay) => Promise<TakenPayment | Refusal>;
  readonly paid: (pay: Pay) => Promise<TakenPayment | Refusal>;
  readonly described: (channel: ChannelId) => Promise<Reply>;
}

/** Nobody else could close with what is revoked. */
async function holdsNothing(): Promise<void> {}

function offerAt({ chain, terms, payeeScript, clock, keys, random, identity }: MerchantOptions, { follower }: PayeeEngine): Offer {
  const { tip, medianTime } = follower.ready();
  return makeOffer(chain.coin, terms, payeeScript, { tip: tip.height, medianTime, now: clock.now() }, keys, random, identity);
}

/** An engine that updates shared closes whenever it has read the chain. */
function settlingEngine(options: MerchantOptions): { readonly engine: PayeeEngine; readonly settler: SharedCloser } {
  const settler: SharedCloser = new SharedCloser(options, () => followed);
  const followed = payeeEngine({ young: boundsOf(options.terms.depth), ...options, books: [...(options.books ?? []), settler] });
  const poll = async (): Promise<void> => {
    // An incomplete reading must not delay what is known already.
    const read = await followed.follower.poll().then(
      () => undefined,
      (error: unknown) => ({ error }),
    );
    if (followed.follower.report().seen !== undefined) await settler.tend();
    if (read !== undefined) throw read.error;
  };
  return { engine: { ...followed, follower: { ...followed.follower, poll } }, settler };
}

function receiptOf(taken: TakenPayment | Refusal): Reply {
  return isRefusal(taken) ? taken : taken.receipt;
}

function roomOf(state: PayeeState | undefined): number | Refusal {
  return state === undefined ? refuse('channel-unknown') : mostPsbtBytes(state.deposits.length);
}

function announcedReply(answer: Driven<PayeeState> | Provisional | Refusal): Reply {
  return answer.kind === 'driven' ? replyOf(answer) : answer;
}

function takenOf(driven: Driven<PayeeState> | Refusal): TakenPayment | Refusal {
  if (isRefusal(driven)) return driven;
  const { reply, added } = driven;
  if (reply?.kind !== 'receipt') throw new Error('a payment is answered by a receipt or a refusal');
  return { kind: 'taken', receipt: reply, added };
}

function replyOf(driven: Driven<PayeeState> | Refusal): Reply {
  if (isRefusal(driven)) return driven;
  if (driven.reply === undefined) throw new Error('a request is answered by a reply or a refusal');
  return driven.reply;
}
