import type { ChannelId } from '../core/base/bytes.ts';
import { isRefusal, type Refusal, refuse } from '../core/base/refusal.ts';
import { notActive, type PayeeState } from '../core/channel/payee-state.ts';
import type { Offer, Pay, Provisional, Reply, Request } from '../core/message/message.ts';
import { decodePsbt } from '../core/message/psbt.ts';
import { channelOfPsbt, readEnd, readPayment } from '../core/message/psbt-message.ts';
import { addressOf } from '../core/tx/address.ts';
import type { Driven } from '../engine/drive.ts';
import { type EngineOptions, type PayeeEngine, payeeEngine } from '../engine/engine.ts';
import type { Random } from '../engine/ports.ts';
import { announcer } from './announcer.ts';
import { type InvoiceBook, invoiceBook, type PriceList } from './invoice.ts';
import { type Settled, Settler } from './settle.ts';
import { type MerchantTerms, makeOffer } from './terms.ts';

export interface MerchantOptions extends EngineOptions<PayeeState> {
  readonly random: Random;
  readonly terms: MerchantTerms;
  readonly prices: PriceList;
  /** Output script that all closes pay to; its keys need not be here. */
  readonly payeeScript: Uint8Array;
}

/** The product around a payee: answers payers over any transport, closes, and follows the chain. */
export interface Merchant {
  /** Answers one message. @throws WorldError when node or store can't be relied on: then nothing was taken. */
  readonly answer: (request: Request) => Promise<Reply>;
  /** Takes a payment for which the application gives something by itself: nothing of it is credit. @throws WorldError as `answer`. */
  readonly increment: (pay: Pay) => Promise<Reply>;
  /** Reads a PSBT as the payment, or the end, of the channel it is about. */
  readonly readPsbt: (kind: 'payment' | 'end', psbt: Uint8Array) => Promise<Request | Refusal>;
  /** Seed step H, ordered by the owner. */
  readonly close: (channel: ChannelId) => Promise<Driven<PayeeState> | Refusal>;
  /** The same for many at once, with few transactions. @throws WorldError when the node can't be asked: what is stored goes out later. */
  readonly settle: (channels: readonly ChannelId[]) => Promise<readonly Settled[]>;
  readonly engine: PayeeEngine;
  readonly invoices: InvoiceBook;
}

export function openMerchant(options: MerchantOptions): Merchant {
  const { chain, store, keys, clock, random, terms, prices, payeeScript } = options;
  const { coin } = chain;
  const { engine, settler } = settlingEngine(options);
  const invoices = invoiceBook(store, clock, random, prices);
  const announce = announcer(chain, engine);

  const offer = (): Offer => {
    const { tip, medianTime } = engine.follower.trusted();
    return makeOffer(coin, terms, payeeScript, { tip: tip.height, medianTime, now: clock.now() }, keys, random);
  };

  const invoice = async (channel: ChannelId, item: string): Promise<Reply> => {
    const state = await engine.get(channel);
    if (state === undefined) return refuse('channel-unknown');
    if (state.kind === 'open') return invoices.issue(channel, item, addressOf(coin, state.terms.payeeScript) ?? '');
    return state.kind === 'paused' ? refuse('funding-reorganised') : notActive(state);
  };

  /** What is not above the best total is answered from what is stored, whatever the node is up to. */
  const isKnown = async ({ channel, payment }: Pay): Promise<boolean> => payment.total <= ((await engine.get(channel))?.best?.total ?? 0n);

  const paid = (reply: Reply): Reply => {
    if (reply.kind === 'receipt' && reply.invoice !== undefined) invoices.settled(reply.invoice);
    return reply;
  };

  return {
    answer: async (request) => {
      switch (request.kind) {
        case 'offer-request':
          return offer();
        case 'announce':
          return announcedReply(await announce(request));
        case 'invoice-request':
          engine.follower.trusted();
          return invoice(request.channel, request.item);
        case 'payment':
          if (!(await isKnown(request))) engine.follower.trusted();
          return paid(replyOf(await engine.drive(request.channel, { kind: 'payment', pay: request })));
        case 'state-request':
          return replyOf(await engine.drive(request.channel, { kind: 'state-request' }));
        case 'end':
          return replyOf(await engine.drive(request.channel, { kind: 'end', end: request }));
      }
    },
    increment: async (pay) => {
      if (!(await isKnown(pay))) engine.follower.trusted();
      return replyOf(await engine.drive(pay.channel, { kind: 'increment', pay }));
    },
    readPsbt: async (kind, bytes) => {
      const psbt = decodePsbt(bytes);
      if (isRefusal(psbt)) return psbt;
      const state = await engine.get(channelOfPsbt(coin, psbt));
      if (state === undefined) return refuse('channel-unknown');
      const read = kind === 'payment' ? readPayment : readEnd;
      return read(psbt, state.terms, state.deposits);
    },
    close: (channel) => engine.drive(channel, { kind: 'close' }),
    settle: (channels) => settler.settle(channels),
    engine,
    invoices,
  };
}

/** An engine that sees to shared closes whenever it has read the chain. */
function settlingEngine(options: MerchantOptions): { readonly engine: PayeeEngine; readonly settler: Settler } {
  const settler: Settler = new Settler(options, () => followed);
  const followed = payeeEngine({ ...options, books: [...(options.books ?? []), settler] });
  const poll = async (): Promise<void> => {
    // What could not be read in all does not keep what is known from being seen to.
    const read = await followed.follower.poll().then(
      () => undefined,
      (error: unknown) => ({ error }),
    );
    if (followed.follower.report().seen !== undefined) await settler.tend();
    if (read !== undefined) throw read.error;
  };
  return { engine: { ...followed, follower: { ...followed.follower, poll } }, settler };
}

function announcedReply(answer: Driven<PayeeState> | Provisional | Refusal): Reply {
  return answer.kind === 'driven' ? replyOf(answer) : answer;
}

function replyOf(driven: Driven<PayeeState> | Refusal): Reply {
  if (isRefusal(driven)) return driven;
  if (driven.reply === undefined) throw new Error('a request is answered by a reply or a refusal');
  return driven.reply;
}
