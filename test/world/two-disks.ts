import assert from 'node:assert/strict';
import { asChain } from '../../src/chain/regtest/port.ts';
import { createRegtest, type Regtest } from '../../src/chain/regtest/regtest.ts';
import { type Amount, amount } from '../../src/core/base/amount.ts';
import { bytesToHex, type ChannelId } from '../../src/core/base/bytes.ts';
import type { LockTime } from '../../src/core/base/height.ts';
import type { PayeeState } from '../../src/core/channel/payee-state.ts';
import type { PayerState } from '../../src/core/channel/payer-state.ts';
import type { Coin } from '../../src/core/coin/coin.ts';
import { dogecoinRegtest } from '../../src/core/coin/dogecoin.ts';
import type { Reply, Request } from '../../src/core/message/message.ts';
import { scriptOf } from '../../src/core/tx/address.ts';
import { p2pkh } from '../../src/core/tx/script.ts';
import { type Signature, type Signer, signer, type Verify } from '../../src/core/tx/sign.ts';
import type { Chain, Connection, SeedRing, Store } from '../../src/engine/ports.ts';
import { fastestSigner } from '../../src/engine/signer.ts';
import { type Merchant, type MerchantOptions, openMerchant } from '../../src/merchant/merchant.ts';
import type { MerchantTerms } from '../../src/merchant/terms.ts';
import { type Agent, openAgent } from '../../src/payer/agent.ts';
import type { WireFormat } from '../../src/payer/wire-format.ts';
import { identityOf } from '../../src/store/identity.ts';
import { type MemoryDisk, memoryStore } from '../../src/store/memory.ts';
import { seedKeyRing } from '../../src/wallet/keyring.ts';
import { openWallet, type Wallet } from '../../src/wallet/wallet.ts';
import { PacedChain } from './paced-chain.ts';
import { must } from './sample.ts';
import { shortLife, shortTerms } from './short-terms.ts';

export type Side = 'payer' | 'payee';

export interface TwoDisksOptions {
  readonly verify: Verify;
  readonly terms?: Partial<MerchantTerms>;
  /** What a side's programs store through, where that is not the disk itself. */
  readonly store?: (side: Side, store: Store) => Store;
  /** What both sides see of the chain, where that is not the chain itself. */
  readonly through?: (chain: Chain) => Chain;
  readonly coin?: Coin;
  /** How the payer's messages go, `compact` unless given. */
  readonly form?: WireFormat;
}

/** A payer and a merchant on an embedded chain, each with a disk that a test may copy, put back, or take away. Seeds stay. */
export class TwoDisks {
  readonly coin: Coin;
  readonly regtest: Regtest;
  readonly chain: Chain;
  readonly keys: Readonly<Record<Side, SeedRing>>;
  payeeScript: Uint8Array = p2pkh(signer(new Uint8Array(32).fill(77)).publicKey);
  /** Twice dust: the first payment covers its own close. */
  readonly price: Amount;
  readonly deposit: Amount;
  /** What the owner of the merchant has it start with. */
  terms: Partial<MerchantTerms>;
  ordered: Pick<MerchantOptions, 'isRecovering'> = {};
  readonly disks: Record<Side, MemoryDisk> = { payer: new Map(), payee: new Map() };
  /** What reaches the merchant goes through here, whoever is the merchant by then. */
  readonly payee: Connection = { exchange: (request) => this.answer(request) };
  readonly #verify: Verify;
  readonly #form: WireFormat;
  readonly #store: NonNullable<TwoDisksOptions['store']>;
  readonly #paced: PacedChain;
  #merchant: Merchant | undefined;
  #agent: Agent | undefined;
  #wallet: Wallet | undefined;

  private constructor({ verify, coin = dogecoinRegtest, terms = {}, through = (chain) => chain, ...more }: TwoDisksOptions) {
    const { form = 'compact', store = (_, it) => it } = more;
    this.#store = store;
    this.coin = coin;
    let seconds = 1_700_000_000;
    this.regtest = createRegtest({ coin: this.coin, now: () => seconds++ * 1_000 });
    this.regtest.mine(1_400);
    this.#paced = new PacedChain(this.regtest);
    this.chain = through(asChain(this.regtest));
    this.price = amount(this.coin.policy.dust * 2n);
    this.deposit = amount(this.price * 100n);
    const ring = (fill: number): SeedRing => remembering(seedKeyRing(this.coin, new Uint8Array(32).fill(fill), fastestSigner()));
    this.keys = { payer: ring(1), payee: ring(2) };
    this.#verify = verify;
    this.#form = form;
    this.terms = { ...terms };
  }

  /** Both sides on empty disks, the payer's wallet with money for a few channels. */
  static async open(options: TwoDisksOptions): Promise<TwoDisks> {
    const world = new TwoDisks(options);
    await world.start('payer', new Map());
    await world.start('payee', new Map());
    for (let i = 0; i < 6; i++) world.regtest.fund(await world.wallet.receiveAddress(), amount(world.deposit * 2n));
    await world.mine(1);
    return world;
  }

  /** Starts one side's program on a disk, as after a crash or a restore; it reads the chain first, as every program does. A wallet is on the disk unless given. */
  async start(side: Side, disk: MemoryDisk, wallet?: Wallet): Promise<void> {
    const { chain, keys } = this;
    this.disks[side] = disk;
    const store = this.#store(side, memoryStore(disk));
    const random = { bytes: (length: number) => crypto.getRandomValues(new Uint8Array(length)) };
    const common = {
      chain,
      store,
      keys: keys[side],
      verify: this.#verify,
      clock: { now: () => this.#paced.now.medianTime * 1_000 },
      random,
    };
    if (side === 'payer') {
      this.#wallet = wallet ?? (await openWallet(common));
      this.#agent = openAgent({ ...common, wallet: this.#wallet, form: this.#form });
      if (wallet === undefined) await this.#wallet.sync();
      await this.#agent.poll();
    } else {
      const terms = { ...shortTerms(this.coin, this.terms.contract), depth: [{ upTo: amount(10n ** 18n), blocks: 2 }], ...this.terms };
      const prices = new Map([['tea', { text: 'A cup of tea', price: this.price }]]);
      const identity = await identityOf(store, random);
      this.#merchant = openMerchant({ ...common, terms, prices, payeeScript: this.payeeScript, identity, ...this.ordered });
      await this.#merchant.engine.follower.poll();
    }
  }

  /** The side is gone: it sees nothing, and answers nothing. */
  leave(side: Side): void {
    if (side === 'payee') this.#merchant = undefined;
    else [this.#agent, this.#wallet] = [undefined, undefined];
  }

  copy(side: Side): MemoryDisk {
    return copyOf(this.disks[side]);
  }

  get merchant(): Merchant {
    return this.#merchant ?? assert.fail('the merchant has not started');
  }

  get agent(): Agent {
    return this.#agent ?? assert.fail('the payer has not started');
  }

  get wallet(): Wallet {
    return this.#wallet ?? assert.fail('the payer has not started');
  }

  answer(request: Request): Promise<Reply> {
    return this.merchant.answer(request);
  }

  async look(): Promise<void> {
    await this.#wallet?.sync();
    await this.#merchant?.engine.follower.poll();
    await this.#agent?.poll();
  }

  /** Mines until one block is missing for a lock to open. */
  async mineBefore(lock: LockTime): Promise<void> {
    this.#paced.mineBefore(lock);
    await this.look();
  }

  async mine(blocks: number): Promise<void> {
    this.#paced.mine(blocks);
    await this.look();
  }

  /** A channel whose deposit is deep enough to count, not announced again yet. */
  async funded(lifetime: number = shortLife(this.coin, this.terms.contract, 100)): Promise<ChannelId> {
    const offer = must(await this.payee.exchange({ kind: 'offer-request' }));
    if (offer.kind !== 'offer') assert.fail(offer.kind);
    const isFree = offer.minExpiry < offer.maxExpiry;
    const expiry = isFree ? this.#paced.lockIn(offer.contract.expiresBy, lifetime) : offer.minExpiry;
    const { channel } = must(await this.agent.plan(offer, expiry, await this.freshScript(), { expiryIn: offer.contract.expiryIn }));
    must(await this.agent.fund(channel, this.deposit, this.payee));
    await this.mine(2);
    return channel;
  }

  async opened(lifetime?: number): Promise<ChannelId> {
    const channel = await this.funded(lifetime);
    must(await this.agent.announce(channel, this.payee));
    return channel;
  }

  async buy(channel: ChannelId): Promise<void> {
    const invoice = must(await this.agent.invoice(channel, 'tea', this.payee));
    must(await this.agent.pay(channel, { ...invoice, most: invoice.amount }, this.payee));
  }

  async topUp(channel: ChannelId): Promise<void> {
    must(await this.agent.fund(channel, this.deposit, this.payee));
    await this.mine(2);
    must(await this.agent.announce(channel, this.payee));
  }

  async freshScript(): Promise<Uint8Array> {
    return scriptOf(this.coin, await this.wallet.receiveAddress()) ?? assert.fail('a wallet has addresses');
  }

  async payerState(channel: ChannelId): Promise<PayerState> {
    return (await this.agent.engine.get(channel)) ?? assert.fail('the payer has no such channel');
  }

  async payeeState(channel: ChannelId): Promise<PayeeState> {
    return (await this.merchant.engine.get(channel)) ?? assert.fail('the payee has no such channel');
  }
}

/** Signatures are the same each time (RFC 6979), so a test that goes the same ways a thousand times need not make them again. */
function remembering(ring: SeedRing): SeedRing {
  const made = new Map<string, Signature>();
  const signers = new Map<string, Signer>();
  return {
    ...ring,
    signer: (name) => {
      const known = signers.get(name);
      if (known !== undefined) return known;
      const own = ring.signer(name);
      const sign = (digest: Uint8Array): Signature => {
        const id = `${name} ${bytesToHex(digest)}`;
        const signature = made.get(id) ?? own.sign(digest);
        made.set(id, signature);
        return signature;
      };
      signers.set(name, { ...own, sign });
      return { ...own, sign };
    },
  };
}

/** Records are never changed in place. */
export function copyOf(disk: MemoryDisk): MemoryDisk {
  return new Map([...disk].map(([kind, records]) => [kind, new Map(records)]));
}
