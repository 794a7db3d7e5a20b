import assert from 'node:assert/strict';
import { amount } from '../../src/core/base/amount.ts';
import { type ChannelId, equalBytes } from '../../src/core/base/bytes.ts';
import { after } from '../../src/core/base/height.ts';
import type { PayeeState } from '../../src/core/channel/payee-state.ts';
import type { PayerState } from '../../src/core/channel/payer-state.ts';
import type { Coin } from '../../src/core/coin/coin.ts';
import type { Contract } from '../../src/core/contract/contract.ts';
import type { Reply, Request } from '../../src/core/message/message.ts';
import { scriptOf } from '../../src/core/tx/address.ts';
import type { Transaction } from '../../src/core/tx/transaction.ts';
import { type DuplexAgent, duplexAgent } from '../../src/duplex/agent.ts';
import type { LendingTerms, Pair } from '../../src/duplex/lending.ts';
import { type DuplexMerchant, duplexMerchant } from '../../src/duplex/merchant.ts';
import { type Chain, type Connection, type SeedRing, type Store, WorldError } from '../../src/engine/ports.ts';
import { fastestSigner } from '../../src/engine/signer.ts';
import type { PriceList } from '../../src/merchant/invoice.ts';
import { type Merchant, type MerchantOptions, openMerchant } from '../../src/merchant/merchant.ts';
import { type Agent, openAgent } from '../../src/payer/agent.ts';
import { type MemoryDisk, memoryStore } from '../../src/store/memory.ts';
import { storePart } from '../../src/store/part.ts';
import { ownScript, seedKeyRing } from '../../src/wallet/keyring.ts';
import { openWallet, type Wallet } from '../../src/wallet/wallet.ts';
import { DEPTH, priceOn, random } from './channel-sides.ts';
import type { ChannelSubject } from './channel-world.ts';
import { must } from './sample.ts';
import { SHORT, shortTerms } from './short-terms.ts';
import { wire } from './wire.ts';

export interface DuplexOptions {
  readonly contract?: Contract;
  readonly lending?: Partial<LendingTerms>;
  /** What a test puts in the place of a part, each time that a program starts. */
  readonly through?: Through;
}

export interface Through {
  readonly store?: (who: Who, store: Store) => Store;
  /** Each side as a payer. */
  readonly agent?: (who: Who, agent: Agent) => Agent;
}

/** What happens to an exchange on its way. */
export type Fate = 'whole' | 'request-lost' | 'reply-lost';

export type Who = 'merchant' | 'payer';

const clock = { now: Date.now };

/** A merchant and a payer, each of them both payer and payee, on one chain. Every exchange goes over the wire as bytes, and may be lost there. */
export class DuplexWorld {
  readonly subject: ChannelSubject;
  readonly coin: Coin;
  readonly price: bigint;
  merchant!: DuplexMerchant;
  agent!: DuplexAgent;
  wallets!: Record<Who, Wallet>;
  fate: (request: Request) => Fate = () => 'whole';
  /** What no node takes. */
  holding: (transaction: Transaction) => boolean = () => false;
  /** What was refused of what the merchant had to say. */
  readonly refused: string[] = [];
  readonly sent: Request[] = [];
  /** What the merchant has answered, whether or not it arrives. */
  onAnswer: (request: Request, reply: Reply) => void = () => undefined;
  /** The way to the merchant. */
  readonly road: Connection = { exchange: (request) => this.#carried(request) };
  /** Who looks at the chain when it changes. */
  readonly awake: Set<Who> = new Set(['merchant', 'payer']);

  readonly #options: DuplexOptions;
  readonly #keys: Record<Who, SeedRing>;
  readonly #disks: Record<Who, MemoryDisk> = { merchant: new Map(), payer: new Map() };

  private constructor(subject: ChannelSubject, options: DuplexOptions) {
    this.subject = { ...subject, chain: this.#holdingBack(subject.chain) };
    this.coin = subject.chain.coin;
    this.price = priceOn(this.coin);
    this.#options = options;
    const ring = (): SeedRing => seedKeyRing(this.coin, random.bytes(32), fastestSigner());
    this.#keys = { merchant: ring(), payer: ring() };
  }

  #holdingBack(chain: Chain): Chain {
    const refused = { kind: 'fee-too-low', reason: 'held back' } as const;
    return { ...chain, broadcast: async (transaction) => (this.holding(transaction) ? refused : chain.broadcast(transaction)) };
  }

  static async open(subject: ChannelSubject, options: DuplexOptions = {}): Promise<DuplexWorld> {
    const world = new DuplexWorld(subject, options);
    await world.start('merchant');
    await world.start('payer');
    for (const who of ['merchant', 'payer'] as const) {
      await subject.fund(await world.wallets[who].receiveAddress(), amount(world.price * 10_000n));
    }
    await world.mine(1);
    return world;
  }

  /** What is on a disk now. */
  copyOf(who: Who): MemoryDisk {
    return new Map([...this.#disks[who]].map(([kind, records]) => [kind, new Map(records)]));
  }

  /** Starts one side's program anew, with what its disk has, or an older copy. */
  async start(who: Who, disk: MemoryDisk = this.#disks[who]): Promise<void> {
    this.#disks[who] = disk;
    await (who === 'merchant' ? this.#startMerchant() : this.#startPayer());
  }

  async #startMerchant(): Promise<void> {
    const store = this.#storeOf('merchant');
    const part = storePart(store, 'opposite');
    const common = { chain: this.subject.chain, keys: this.#keys.merchant, verify: this.subject.verifier.verify, clock, random };
    const wallet = await openWallet({ ...common, store: part });
    const merchant = openMerchant({ ...this.#payeeOptions('merchant'), store, prices: pricesOf(this.price) });
    const agent = this.#agentOf('merchant', openAgent({ ...common, store: part, wallet, raised: async () => false }));
    const terms = { percent: 100, each: amount(this.price * 2000n), all: amount(this.price * 5000n), ...this.#options.lending };
    this.wallets = { ...this.wallets, merchant: wallet };
    this.merchant = duplexMerchant({
      ...common,
      merchant,
      agent,
      wallet,
      store,
      terms,
      onRefused: (_, { code }) => this.refused.push(code),
    });
    await this.#lookAs('merchant');
  }

  async #startPayer(): Promise<void> {
    const store = this.#storeOf('payer');
    const common = { chain: this.subject.chain, keys: this.#keys.payer, verify: this.subject.verifier.verify, clock };
    const wallet = await openWallet({ ...common, store });
    const payee: Merchant = openMerchant({ ...this.#payeeOptions('payer'), store: storePart(store, 'opposite'), prices: new Map() });
    this.wallets = { ...this.wallets, payer: wallet };
    this.agent = duplexAgent({ agent: this.#agentOf('payer', openAgent({ ...common, store, wallet })), payee, store });
    await this.#lookAs('payer');
  }

  #storeOf(who: Who): Store {
    const store = memoryStore(this.#disks[who]);
    return this.#options.through?.store?.(who, store) ?? store;
  }

  #agentOf(who: Who, agent: Agent): Agent {
    return this.#options.through?.agent?.(who, agent) ?? agent;
  }

  #payeeOptions(who: Who): Omit<MerchantOptions, 'store' | 'prices'> {
    const { contract } = who === 'merchant' ? this.#options : {};
    const terms = { ...shortTerms(this.coin, contract), depth: [{ upTo: amount(10n ** 18n), blocks: DEPTH }] };
    const { chain, verifier } = this.subject;
    const identity = new Uint8Array(16).fill(who === 'merchant' ? 1 : 2);
    return { chain, keys: this.#keys[who], verify: verifier.verify, clock, random, terms, identity, payeeScript: this.scriptOf(who) };
  }

  /** Where one side is paid to as a payee: its wallet's first key. */
  scriptOf(who: Who): Uint8Array {
    return ownScript(this.coin, this.#keys[who]);
  }

  async #carried(request: Request): ReturnType<Connection['exchange']> {
    this.sent.push(request);
    const fate = this.fate(request);
    const lost = new WorldError('peer-unreachable', 'lost', 'Send it again.');
    if (fate === 'request-lost') throw lost;
    const reply = await wire(this.merchant)
      .exchange(request)
      .catch((error: unknown) => {
        // A program that has died answers nothing.
        throw error instanceof WorldError && error.code === 'store-closed' ? lost : error;
      });
    this.onAnswer(request, reply);
    if (fate === 'reply-lost') throw lost;
    return reply;
  }

  async mine(blocks: number): Promise<void> {
    if (blocks > 0) await this.subject.mine(blocks);
    await this.look();
  }

  async look(): Promise<void> {
    for (const who of this.awake) await this.#lookAs(who);
  }

  async #lookAs(who: Who): Promise<void> {
    if (who === 'merchant') {
      await this.merchant.engine.follower.poll();
      await this.merchant.tend();
    } else {
      await this.agent.poll();
      await this.wallets.payer.sync();
    }
  }

  /** The payer's channel, open and deep. */
  async openChannel(deposit: bigint = this.price * 1000n, life: number = SHORT.minLifetime + 200): Promise<ChannelId> {
    const offer = must(await this.road.exchange({ kind: 'offer-request' }));
    if (offer.kind !== 'offer') return assert.fail(offer.kind);
    const { tip } = this.agent.engine.follower.seen();
    const back = scriptOf(this.coin, await this.wallets.payer.receiveAddress()) ?? assert.fail();
    const { channel } = must(await this.agent.plan(offer, after(tip.height, life), back));
    must(await this.agent.fund(channel, amount(deposit), this.road));
    await this.mine(DEPTH);
    must(await this.agent.announce(channel, this.road));
    return channel;
  }

  async buy(channel: ChannelId, times = 1): Promise<void> {
    for (let i = 0; i < times; i++) {
      const invoice = must(await this.agent.invoice(channel, 'tea', this.road));
      must(await this.agent.pay(channel, { ...invoice, most: invoice.amount }, this.road));
    }
  }

  /** Orders so many prices back, and lets the payer have them: twice where the channel the other way has to be opened first. */
  async giveBack(channel: ChannelId, times: bigint, name = `order ${this.sent.length}`): Promise<void> {
    must(await this.merchant.giveBack(channel, amount(this.price * times), name));
    await this.refresh(channel);
    if ((await this.agent.opposite(channel)) !== undefined) return;
    await this.mine(DEPTH);
    await this.refresh(channel);
  }

  paidTo({ outputs }: Transaction, script: Uint8Array): bigint {
    return outputs.filter((output) => equalBytes(output.script, script)).reduce((sum, { value }) => sum + value, 0n);
  }

  async refresh(channel: ChannelId): Promise<void> {
    must(await this.agent.refresh(channel, this.road));
  }

  async pair(channel: ChannelId): Promise<Pair> {
    for await (const pair of this.merchant.pairs()) if (pair.channel === channel) return pair;
    return assert.fail('no such pair');
  }

  /** The channel the other way, as its payee and its payer see it. */
  async opposite(channel: ChannelId): Promise<{ readonly payee: PayeeState; readonly payer: PayerState }> {
    const payee = (await this.agent.opposite(channel)) ?? assert.fail('no channel the other way');
    const payer = (await this.merchant.agent.engine.get(payee.channel)) ?? assert.fail('the merchant does not know it');
    return { payee, payer };
  }
}

function pricesOf(price: bigint): PriceList {
  return new Map([['tea', { text: 'A cup of tea', price: amount(price) }]]);
}
