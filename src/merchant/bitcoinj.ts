import { type Amount, ZERO } from '../core/base/amount.ts';
import type { ChannelId, TxId } from '../core/base/bytes.ts';
import { lockTime } from '../core/base/height.ts';
import { isRefusal } from '../core/base/refusal.ts';
import { keyNameOf, termsOf } from '../core/channel/payee-open.ts';
import { isActive, type PayeeState } from '../core/channel/payee-state.ts';
import { isDue } from '../core/contract/contract.ts';
import { majorOf } from '../core/message/bitcoinj/version.ts';
import type { OfferedTerms } from '../core/message/message.ts';
import type { Verify } from '../core/tx/sign.ts';
import type { Book } from '../engine/engine.ts';
import { type Chain, type Clock, type KeyRing, type Random, WorldError } from '../engine/ports.ts';
import type { BitcoinjPayee, BitcoinjShop } from '../transport/bitcoinj/payee.ts';
import type { Merchant } from './merchant.ts';
import type { MerchantTerms } from './terms.ts';

/** Terms for bitcoinj's payers. Limits of deposits, depth and unconfirmed delivery are the same as for all other payers. */
export interface BitcoinjTerms extends Pick<MerchantTerms, 'minDeposit' | 'maxDeposit' | 'depth' | 'unconfirmed'> {
  /** The first payment. bitcoinj's payers accept at most 1,000 units unless configured otherwise; those before 0.15 accept exactly 1,000 only. */
  readonly minPayment: Amount;
  /** Seconds before its expiry at which a channel is closed. */
  readonly closingMargin: number;
  /** Lifetime of a channel in seconds: what the payer asks for, within these limits. */
  readonly window: { readonly least: number; readonly most: number };
}

type Listener = (state: PayeeState) => void;

/** Finds channels by their funding transactions, and reports new states to those who asked. The engine needs it as a book. */
export class BitcoinjBook implements Book<PayeeState> {
  readonly #byFunding = new Map<TxId, ChannelId>();
  readonly #listeners = new Map<ChannelId, Set<Listener>>();

  open(): void {
    this.#byFunding.clear();
  }

  found(channel: ChannelId, { kind, terms, deposits }: PayeeState): void {
    const [first] = deposits;
    if (first === undefined || majorOf(terms.contract) === undefined) return;
    if (kind === 'ended') this.#byFunding.delete(first.outpoint.txid);
    else this.#byFunding.set(first.outpoint.txid, channel);
  }

  stored(channel: ChannelId, state: PayeeState): void {
    this.found(channel, state);
    for (const listener of [...(this.#listeners.get(channel) ?? [])]) listener(state);
  }

  channelOf(funding: TxId): ChannelId | undefined {
    return this.#byFunding.get(funding);
  }

  watch(channel: ChannelId, listener: Listener): () => void {
    const listeners = this.#listeners.get(channel) ?? new Set();
    this.#listeners.set(channel, listeners.add(listener));
    return () => {
      listeners.delete(listener);
      if (listeners.size === 0 && this.#listeners.get(channel) === listeners) this.#listeners.delete(channel);
    };
  }
}

export interface BitcoinjOptions {
  readonly merchant: Merchant;
  readonly book: BitcoinjBook;
  readonly chain: Chain;
  readonly keys: KeyRing;
  readonly random: Random;
  readonly clock: Clock;
  readonly verify: Verify;
  readonly payeeScript: Uint8Array;
  readonly terms: BitcoinjTerms;
  readonly shop?: BitcoinjShop;
}

/** The merchant for bitcoinj's payers. @throws WorldError `config` for terms that leave no time to settle. */
export function bitcoinjPayee({
  merchant,
  book,
  chain,
  keys,
  random,
  clock,
  verify,
  payeeScript,
  terms,
  shop = {},
}: BitcoinjOptions): BitcoinjPayee {
  const { engine } = merchant;
  checkTerms(terms);
  const { minPayment, window, ...offered } = terms;
  return {
    minPayment,
    shop,
    nonce: () => random.bytes(16),
    offer: (contract, wanted) => {
      engine.follower.ready();
      const seconds = Math.max(window.least, Math.min(window.most, wanted));
      // Only one expiry: no message could say which of several the payer has chosen.
      const expiry = lockTime(Math.floor(clock.now() / 1000) + seconds);
      const own = { coin: chain.coin, contract, signing: { kind: 'flexible', slot: 0 }, payeeScript, nonce: random.bytes(16) } as const;
      const whole: OfferedTerms = { ...offered, ...own, unconfirmed: offered.unconfirmed ?? ZERO, minExpiry: expiry, maxExpiry: expiry };
      return { kind: 'offer', ...whole, payeeKey: keys.signer(keyNameOf(whole)).publicKey };
    },
    verify,
    release: (made, { payerKey, outpoint }) => {
      const { contract, maxExpiry: expiry } = made;
      const [release] = contract.release(
        termsOf({ offer: made, payerKey, expiry }),
        [{ outpoint, value: ZERO }],
        keys.signer(keyNameOf(made)),
      );
      if (release === undefined) throw new Error(`${contract.id} needs no signature for a refund`);
      return release;
    },
    resumable: async (funding, contract) => {
      const channel = book.channelOf(funding);
      const state = channel && (await engine.get(channel));
      if (state === undefined || !isActive(state) || state.terms.contract !== contract) return undefined;
      const { tip, medianTime } = engine.follower.seen();
      return isDue(state.terms, { tip: tip.height, medianTime, now: clock.now() }) ? undefined : channel;
    },
    watch: (channel, listener) => book.watch(channel, listener),
    state: engine.get,
    answer: (request) => (request.kind === 'announce' ? merchant.announce(request) : merchant.answer(request)),
    increment: merchant.increment,
    broadcast: chain.broadcast,
    close: async (channel) => {
      const driven = await merchant.close(channel);
      if (isRefusal(driven)) return driven;
      if (driven.state?.kind !== 'closing') throw new Error('a channel that was closed is closing');
      return driven.state.transaction;
    },
  };
}

/** Miners may set a block's time so far ahead, so no window of bitcoinj's is shorter. */
const LEAST_WINDOW = 2 * 3600;

function checkTerms({ window: { least, most }, closingMargin }: BitcoinjTerms): void {
  const wrong = (message: string): never => {
    throw new WorldError('config', message, 'Choose a longer window, or a shorter margin.');
  };
  if (!(least >= LEAST_WINDOW)) wrong(`A channel of ${least} seconds leaves no time to settle; it needs at least ${LEAST_WINDOW} seconds.`);
  if (!(most >= least)) wrong(`The least window (${least} seconds) is longer than the longest (${most}).`);
  if (!(closingMargin < least))
    wrong(`A channel of ${least} seconds would be closed at once, since closing begins ${closingMargin} seconds before the expiry.`);
}
