import { amount, feeFor } from '../../src/core/base/amount.ts';
import type { ChannelId } from '../../src/core/base/bytes.ts';
import { lockTime } from '../../src/core/base/height.ts';
import { blocksOn, present } from '../../src/core/base/lock-time.ts';
import { isRefusal } from '../../src/core/base/refusal.ts';
import { termsOf } from '../../src/core/channel/payee-open.ts';
import { dogecoinRegtest as coin } from '../../src/core/coin/dogecoin.ts';
import { capacityOf, channelIdOf, type Deposit, isDue, type Terms } from '../../src/core/contract/contract.ts';
import { closeSize } from '../../src/core/contract/tx-size.ts';
import { proofFor } from '../../src/core/message/key-proof.ts';
import type { Announce, Offer, Pay, Reply } from '../../src/core/message/message.ts';
import { p2pkh } from '../../src/core/tx/script.ts';
import type { Signer } from '../../src/core/tx/sign.ts';
import { outpointKey, sameOutpoint, type Transaction, type TxOutput } from '../../src/core/tx/transaction.ts';
import type { Connection, KeyRing } from '../../src/engine/ports.ts';
import { branchKeyName } from '../../src/wallet/key-branch.ts';
import { chainTimeAt, idOf, isExpired, type SimChain, type Unconfirmed } from './chain.ts';
import type { Chance } from './chance.ts';
import { type Coin, LASTING, Purse, REPLACEABLE } from './purse.ts';
import type { Process, Stage } from './stage.ts';

const { dust, feeRate, minRelayFeeRate } = coin.policy;
const MOST_OFFERS = 6;
const MOST_CHANNELS = 12;
/** Of what keeps a transaction from being replaced or helped: one large child, or as many as a family may have. */
const HEAVY_OUTPUTS = 2_500;
const CROWD = 24;
/** Blocks that an expiry is beyond the margin, at the least. */
const SLACK = 10;
/** More than a crumb: a payer has to take it for a deposit. */
const WORTH = (dust * 3n) / 2n;

/** A channel of the schemer's own, as it knows it. */
export interface Scheme {
  readonly channel: ChannelId;
  readonly terms: Terms;
  readonly signer: Signer;
  announce: Announce;
  /** The largest total that it has signed. */
  total: bigint;
}

/** What a funding pays: too little to be mined, more than the usual rate, or more than the rate of the day and never to be replaced, so that nobody doubts it. */
export type Pays = 'little' | 'enough' | 'surely';

/** Channels of one transaction, each with so many deposits. */
export interface Opening {
  readonly channels: number;
  readonly deposits: number;
  readonly value: bigint;
  readonly pays: Pays;
  /** Blocks that they last beyond the least, and some more. */
  readonly lifetime: number;
}

/** What it asks the payee over the second road, where every increment is delivered as it comes. */
export type Increment = (pay: Pay) => void;

/** Moves that need no more than the keys and the rules. What they are good for shows in the plots. */
export class Schemer {
  readonly purse: Purse;
  readonly schemes: Map<ChannelId, Scheme> = new Map();
  readonly process: Process = { name: 'schemer', alive: true };
  readonly #keys: KeyRing;
  readonly #stage: Stage;
  readonly #chain: SimChain;
  readonly #payee: Connection;
  readonly #increment: Increment;
  #offers: Offer[] = [];
  #used = 0;
  /** Channels that were made last. */
  #fresh = 1;
  #refundedAt: string | undefined;
  /** Miners' fees stay as high as it has made them. */
  holdsFees: boolean = false;
  /** Until this channel has expired they stay so many times the usual, whatever else happens. */
  siege: { readonly terms: Terms; readonly factor: bigint } | undefined;
  /** Transactions of its own whose place it has already made hard to take. */
  readonly #pinned = new Set<string>();

  constructor(stage: Stage, chain: SimChain, keys: KeyRing, connect: (process: Process) => Connection, increment: Increment) {
    this.#keys = keys;
    this.purse = new Purse(chain, [keys.signer(branchKeyName(coin, 'receive', 0)), ...channelSigners(keys)]);
    this.#stage = stage;
    this.#chain = chain;
    this.#payee = connect(this.process);
    this.#increment = increment;
  }

  get #chance(): Chance {
    return this.#stage.chance;
  }

  /** A channel of the last that it made, or any. */
  any(): Scheme | undefined {
    const all = [...this.schemes.values()];
    return this.#chance.pickAny(this.#chance.happens(0.8) ? all.slice(-this.#fresh) : all);
  }

  #start(label: string, work: () => Promise<unknown>): void {
    this.#stage.start(this.process, label, work);
  }

  #send(label: string, transaction: Transaction | undefined): boolean {
    if (transaction === undefined) return false;
    const { kind } = this.#chain.accept(transaction);
    this.#stage.note(`schemer ${label}: ${kind} ${idOf(transaction).txid.slice(0, 8)}`);
    return kind === 'accepted';
  }

  /** Keeps offers of all times. */
  collect(): void {
    this.#start('collect', async () => {
      const offer = await this.#payee.exchange({ kind: 'offer-request' });
      if (offer.kind === 'offer') this.#offers = [...this.#offers.slice(1 - MOST_OFFERS), offer];
    });
  }

  /**
   * Several channels by one transaction.
   * Where the payee signs refunds the funding goes out all the same: who plans to rob needs no way back.
   */
  open({ channels, deposits, value, pays, lifetime }: Opening): void {
    const made = Array.from({ length: channels }, () => this.#planned(lifetime)).filter((one) => one !== undefined);
    this.#fresh = made.length;
    const outputs = made.flatMap(({ terms }) =>
      Array.from({ length: deposits }, () => ({ value, script: terms.contract.outputScript(terms) })),
    );
    const funding = this.#funding(outputs, pays);
    if (funding === undefined || made.length === 0) return;
    const { txid } = idOf(funding);
    for (const [i, scheme] of made.entries()) {
      const own = Array.from({ length: deposits }, (_, j) => ({ outpoint: { txid, vout: i * deposits + j }, value: amount(value) }));
      this.schemes.set(scheme.channel, { ...scheme, announce: { ...scheme.announce, deposits: own } });
    }
    if (this.#send('funding', funding)) this.announce();
  }

  #planned(least: number): Scheme | undefined {
    const offer = this.#chance.happens(0.7) ? this.#offers.at(-1) : this.#chance.pickAny(this.#offers);
    if (offer === undefined || this.#used >= MOST_CHANNELS) return undefined;
    const signer = this.#keys.signer(branchKeyName(coin, 'channel', this.#used++));
    const { expiresBy } = offer.contract;
    const lifetime = blocksOn(expiresBy, least + this.#chance.between(0, 30), coin.blockSeconds);
    const at = present(expiresBy, chainTimeAt(this.#chain, this.#chain.tip.height));
    // An old offer is for a time that may be near.
    const from = Math.max(offer.minExpiry, at + offer.closingMargin + blocksOn(expiresBy, SLACK, coin.blockSeconds));
    const expiry = lockTime(Math.min(offer.maxExpiry, from + lifetime));
    const announce: Announce = { kind: 'announce', offer, payerKey: signer.publicKey, expiry, deposits: [] };
    const terms = termsOf(announce);
    return { channel: channelIdOf(coin, terms.contract.redeemScript(terms)), terms, signer, announce, total: 0n };
  }

  #funding(outputs: readonly TxOutput[], pays: Pays): Transaction | undefined {
    const value = outputs.reduce((sum, output) => sum + output.value, 0n);
    const coins = this.purse.gather(value + dust * 10n);
    if (coins === undefined) return undefined;
    if (pays === 'surely') return this.purse.make({ coins, outputs, feeRate: this.#chain.feeRate * 2n, sequence: LASTING });
    const rate = pays === 'little' ? minRelayFeeRate * 2n : feeRate * 2n;
    return this.purse.make({ coins, outputs, feeRate: rate, sequence: this.#chance.happens(0.5) ? REPLACEABLE : LASTING });
  }

  /** Shows the payee all that it has funded. */
  announce(): void {
    for (const { announce } of this.schemes.values()) this.#start('announce', () => this.#payee.exchange(announce));
  }

  topUp(scheme: Scheme, value: bigint, pays: Pays, isCrowded: boolean = false): void {
    const { terms } = scheme;
    const funding = this.#funding([{ value, script: terms.contract.outputScript(terms) }], pays);
    if (funding === undefined || !this.#send('top-up', funding)) return;
    const { txid } = idOf(funding);
    const [rest] = this.purse.outputsOf(txid, funding);
    if (isCrowded && rest !== undefined) this.#crowd(rest);
    const deposit = { outpoint: { txid, vout: 0 }, value: amount(value) };
    scheme.announce = { ...scheme.announce, deposits: [...scheme.announce.deposits, deposit] };
    this.#start('announce', () => this.#payee.exchange(scheme.announce));
  }

  /** Spends what funded a channel otherwise, where nodes take that. */
  replace(): void {
    const funding = this.#chance.pickAny([...this.#chain.pool.values()].filter((entry) => this.#isFunding(entry)));
    if (funding === undefined) return;
    const coins = this.#spentBy(funding.transaction);
    const rate = ((funding.fee * 1000n) / BigInt(funding.size)) * 3n + feeRate;
    this.#send('double spend', this.purse.make({ coins, outputs: [], feeRate: rate }));
  }

  /** Another use of the coins of a funding in a block, for a miner who takes that block away. */
  doubleSpend(): Transaction | undefined {
    const txid = this.any()?.announce.deposits[0]?.outpoint.txid;
    const funding = txid && this.#chain.mined.get(txid)?.transaction;
    const coins = funding === undefined ? [] : this.#spentBy(funding);
    return coins.length === 0 ? undefined : this.purse.make({ coins, outputs: [], feeRate: feeRate * 5n });
  }

  /** A miner's block with another use of the coins of what waits for one still, and of what builds on it. */
  robbedFunding(): Transaction | undefined {
    const funding = [...this.#chain.pool.values()].findLast((entry) => this.#isFunding(entry));
    const coins = funding === undefined ? [] : this.#spentBy(funding.transaction);
    return coins.length === 0 ? undefined : this.purse.make({ coins, outputs: [], feeRate: this.#chain.feeRate * 2n });
  }

  #isFunding({ txid }: Unconfirmed): boolean {
    return [...this.schemes.values()].some(({ announce }) => announce.deposits.some(({ outpoint }) => outpoint.txid === txid));
  }

  /** What a transaction of its own spends, as coins: those that are in blocks. */
  #spentBy({ inputs }: Transaction): readonly Coin[] {
    return inputs.flatMap(({ outpoint }) => {
      const output = this.#chain.mined.get(outpoint.txid)?.transaction.outputs[outpoint.vout];
      const signer = output && this.purse.signerOf(output.script);
      return output === undefined || signer === undefined ? [] : [{ outpoint, value: output.value, signer, isMined: true }];
    });
  }

  #signed({ terms, announce: { deposits }, signer, channel }: Scheme, total: bigint): Pay | undefined {
    const payment = terms.contract.sign(terms, deposits, amount(total), signer);
    return isRefusal(payment) ? undefined : { kind: 'payment', channel, payment };
  }

  async #exchange(scheme: Scheme, pay: Pay | undefined): Promise<Reply | undefined> {
    if (pay === undefined) return undefined;
    const reply = await this.#payee.exchange(pay);
    if (reply.kind === 'receipt' && reply.total > scheme.total) scheme.total = reply.total;
    return reply;
  }

  /** Buys like anybody else: with as much again as it costs, or out of credit. */
  buy(scheme: Scheme): void {
    this.#start('buy', async () => {
      const { channel, signer } = scheme;
      const proof = proofFor('invoice-request', channel, this.#chain.tip.height, signer);
      const item = this.#chance.pick(['tea', 'meal', 'meal']);
      const invoice = await this.#payee.exchange({ kind: 'invoice-request', channel, item, proof });
      if (invoice.kind !== 'invoice') return invoice;
      const total = scheme.total + this.#chance.pick([1n, invoice.amount, invoice.amount + dust * 2n]);
      const pay = this.#signed(scheme, total > dust * 2n ? total : dust * 2n);
      return this.#exchange(scheme, pay && { ...pay, invoice: invoice.id });
    });
  }

  /** The same total as credit and as an increment, at once, in any order. */
  twoRoads(scheme: Scheme): void {
    const total = scheme.total + dust * BigInt(this.#chance.between(2, 60));
    const pay = this.#signed(scheme, total);
    if (pay === undefined) return;
    const credit = (): void => this.#start('credit', () => this.#exchange(scheme, pay));
    const roads = this.#chance.pick<readonly (() => void)[]>([
      [credit, () => this.#increment(pay)],
      [() => this.#increment(pay), credit],
      [() => this.#increment(pay), () => this.#increment(pay)],
      [credit, () => this.#increment(pay), () => this.#increment(pay), credit],
    ]);
    for (const road of roads) road();
    if (total > scheme.total) scheme.total = total;
  }

  /** So much more, for nothing in particular. */
  credit(scheme: Scheme, value: bigint): void {
    this.#start('credit', () => this.#exchange(scheme, this.#signed(scheme, scheme.total + value)));
  }

  /** The same where every increment is delivered as it comes. */
  take(scheme: Scheme, value: bigint): void {
    const pay = this.#signed(scheme, scheme.total + value);
    if (pay === undefined) return;
    this.#increment(pay);
    scheme.total += value;
  }

  /** As much as the deposits hold, or nearly. */
  increment(scheme: Scheme): void {
    const capacity = capacityOf(scheme.announce.deposits);
    const left = capacity - scheme.total;
    const total = this.#chance.happens(0.3) ? capacity - dust * 2n : scheme.total + left / BigInt(this.#chance.between(2, 6));
    const pay = total > scheme.total ? this.#signed(scheme, total) : undefined;
    if (pay === undefined) return;
    this.#increment(pay);
    scheme.total = total;
  }

  /** An end over everything, at as low a fee as the payee will sign. */
  end(scheme: Scheme): void {
    const { terms, announce, signer, channel, total } = scheme;
    this.#start('end', async () => {
      const least = feeFor(closeSize(terms, announce.deposits.length, total > 0n ? 2 : 1), feeRate);
      const fee = amount(least * BigInt(this.#chance.pick([1, 1, 1, 3, 6, 60])));
      const agreement = { total: amount(total), payerScript: p2pkh(signer.publicKey), fee };
      const agreed = terms.contract.agree(terms, announce.deposits, agreement);
      if (isRefusal(agreed)) return agreed;
      return this.#payee.exchange({ kind: 'end', channel, agreement, signatures: terms.contract.signAgreement(terms, agreed, signer) });
    });
  }

  /** Small outputs to a channel, its own or another's, in one transaction: mined, or too cheap for that. */
  stuff(script: Uint8Array, count: number, isCheap: boolean): void {
    this.#send(
      'stuffing',
      this.#funding(
        Array.from({ length: count }, () => ({ value: this.#chance.pick([dust, WORTH]), script })),
        isCheap ? 'little' : 'enough',
      ),
    );
  }

  /** Whether one of its channels is in the margin. */
  get isDue(): boolean {
    const at = chainTimeAt(this.#chain, this.#chain.tip.height);
    return [...this.schemes.values()].some(({ terms }) => isDue(terms, at) && !isExpired(terms, at));
  }

  get isBesieging(): boolean {
    return this.siege !== undefined && !isExpired(this.siege.terms, chainTimeAt(this.#chain, this.#chain.tip.height));
  }

  /** Whatever spends its deposits and is not its own: a child of its output keeps that from being replaced, or helped. Says whether there was any. */
  pin(): boolean {
    const before = this.#pinned.size;
    for (const { txid, transaction } of [...this.#chain.pool.values()]) {
      const isClose = [...this.schemes.values()].some(({ announce }) => spends(transaction, announce.deposits));
      const [own] = transaction.lockTime === 0 && isClose && !this.#pinned.has(txid) ? this.purse.outputsOf(txid, transaction) : [];
      if (own === undefined) continue;
      this.#pinned.add(txid);
      this.#stage.note(`schemer pins ${txid.slice(0, 8)}`);
      if (this.#chance.happens(0.5)) this.#heavy(own);
      else this.#crowd(own);
    }
    return this.#pinned.size > before;
  }

  /** One child as large as relay takes, at a rate that miners leave out. What it pays out is its own again. */
  #heavy(parent: Coin): void {
    const count = this.#chance.between(100, HEAVY_OUTPUTS);
    const outputs = Array.from({ length: count }, () => ({ value: dust, script: this.purse.script }));
    const coins = [parent, ...(this.purse.gather(dust * BigInt(count + 400)) ?? [])];
    this.#send('heavy child', this.purse.make({ coins, outputs, feeRate: (this.#chain.minerRate * 9n) / 10n }));
  }

  /** A chain of tiny ones. */
  #crowd(parent: Coin): void {
    let last = parent;
    for (let i = 0; i < CROWD; i++) {
      const child = this.purse.make({ coins: [last], outputs: [], feeRate: this.#chain.relayRate * 2n });
      if (child === undefined || !this.#send('tiny child', child)) return;
      const [next] = this.purse.outputsOf(idOf(child).txid, child);
      if (next === undefined) return;
      last = next;
    }
  }

  /** From the expiry on: everything back, past whatever waits there, for as much as that is worth. */
  refund(): void {
    const { hash } = this.#chain.tip;
    if (this.#refundedAt === hash) return;
    this.#refundedAt = hash;
    for (const { terms, announce, signer } of this.schemes.values()) {
      if (!isExpired(terms, chainTimeAt(this.#chain, this.#chain.tip.height))) continue;
      const there = announce.deposits.filter(({ outpoint }) => this.#chain.outputs.has(outpointKey(outpoint)));
      for (const factor of [5n, 50n]) {
        const made = terms.contract.refund(terms, there, { script: p2pkh(signer.publicKey), feeRate: amount(feeRate * factor) }, signer);
        if (there.length > 0 && !isRefusal(made)) this.#send('refund', made);
      }
    }
  }
}

function spends({ inputs }: Transaction, deposits: readonly Deposit[]): boolean {
  return deposits.some(({ outpoint }) => inputs.some((input) => sameOutpoint(input.outpoint, outpoint)));
}

function channelSigners(keys: KeyRing): readonly Signer[] {
  return Array.from({ length: MOST_CHANNELS }, (_, i) => keys.signer(branchKeyName(coin, 'channel', i)));
}
