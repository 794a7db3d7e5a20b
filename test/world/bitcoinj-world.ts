import assert from 'node:assert/strict';
import { asChain } from '../../src/chain/regtest/port.ts';
import { Regtest } from '../../src/chain/regtest/regtest.ts';
import { type Amount, amount } from '../../src/core/base/amount.ts';
import type { ChannelId } from '../../src/core/base/bytes.ts';
import type { PayeeState } from '../../src/core/channel/payee-state.ts';
import type { Coin } from '../../src/core/coin/coin.ts';
import { dogecoinRegtest } from '../../src/core/coin/dogecoin.ts';
import { p2pkh } from '../../src/core/tx/script.ts';
import type { Transaction } from '../../src/core/tx/transaction.ts';
import type { Store } from '../../src/engine/ports.ts';
import { fastestSigner } from '../../src/engine/signer.ts';
import { fastestVerifier } from '../../src/engine/verifier.ts';
import { BitcoinjBook, type BitcoinjTerms, bitcoinjPayee } from '../../src/merchant/bitcoinj.ts';
import { type Merchant, openMerchant } from '../../src/merchant/merchant.ts';
import { defaultTerms } from '../../src/merchant/terms.ts';
import { type MemoryDisk, memoryStore } from '../../src/store/memory.ts';
import type { BitcoinjPayee, BitcoinjShop, Increment } from '../../src/transport/bitcoinj/payee.ts';
import { serveBitcoinj } from '../../src/transport/bitcoinj/server.ts';
import { Attachments } from '../../src/transport/bitcoinj/session-registry.ts';
import type { Quotas } from '../../src/transport/rate-limit.ts';
import { seedKeyRing } from '../../src/wallet/keyring.ts';
import { BitcoinjPayer } from './bitcoinj-payer.ts';
import { FaultyChain } from './faulty-chain.ts';
import { linePair } from './line-pair.ts';
import { type ManualTimers, manualTimers } from './manual-timers.ts';

const START = 1_700_000_000;
/** Past the height where CLTV binds blocks. */
const FIRST_BLOCKS = 1_360;
const SEED = new Uint8Array(32).fill(5);
const DOGE = 100_000_000n;
const verifier = await fastestVerifier();

export interface BitcoinjWorldOptions {
  /** The version that clients speak unless told otherwise; 2 unless given. */
  readonly major?: number;
  readonly terms?: Partial<BitcoinjTerms>;
  /** The most that all channels together deliver before their deposits are deep enough; plenty unless given. */
  readonly exposure?: Amount;
  /** What the merchant's node says that miners ask for, times the coin's own rate; 1 unless given. */
  readonly rate?: () => bigint;
  /** What each address may ask for; anything unless given. */
  readonly quotas?: Quotas;
  /** What the application answers; nothing unless given. */
  readonly answer?: (payment: Increment) => Promise<Uint8Array | undefined>;
  /** Stands between the merchant and its disk. */
  readonly store?: (disk: Store) => Store;
}

/** What the application was told, in order. */
export type ShopEvent =
  | { readonly kind: 'opened' }
  | { readonly kind: 'closed'; readonly settlement: Transaction | undefined }
  | { readonly kind: 'paid'; readonly by: bigint; readonly total: bigint; readonly info?: Uint8Array };

/** A merchant that serves bitcoinj's clients over lines in memory, on a chain of its own whose clock stands still. */
export class BitcoinjWorld {
  readonly coin: Coin = dogecoinRegtest;
  readonly regtest: Regtest;
  /** The merchant's node. */
  readonly node: FaultyChain;
  readonly disk: MemoryDisk = new Map();
  readonly timers: ManualTimers = manualTimers();
  readonly told: ShopEvent[] = [];
  /** What no session should have thrown. */
  readonly faults: unknown[] = [];
  readonly #options: BitcoinjWorldOptions;
  #seconds = START;
  #nonces = 0;
  #merchant: Merchant;
  #payee: BitcoinjPayee;
  #attachments = new Attachments();
  #keys = 0;

  private constructor(options: BitcoinjWorldOptions) {
    this.#options = options;
    this.regtest = new Regtest({ coin: this.coin, verify: verifier.verify });
    this.regtest.setTime(START);
    this.regtest.mine(FIRST_BLOCKS);
    const { rate = () => 1n } = options;
    const feeRate = async (): Promise<Amount> => amount(this.coin.policy.feeRate * rate());
    this.node = new FaultyChain({ ...asChain(this.regtest), feeRate });
    [this.#merchant, this.#payee] = this.#open();
  }

  static async open(options: BitcoinjWorldOptions = {}): Promise<BitcoinjWorld> {
    const world = new BitcoinjWorld(options);
    await world.look();
    return world;
  }

  get merchant(): Merchant {
    return this.#merchant;
  }

  get payee(): BitcoinjPayee {
    return this.#payee;
  }

  get seconds(): number {
    return this.#seconds;
  }

  /** The merchant starts again with what is on its disk; connections to the one before are over when their lines are cut. */
  async restart(): Promise<void> {
    this.#attachments = new Attachments();
    [this.#merchant, this.#payee] = this.#open();
    await this.look();
  }

  /** A client of its own key that has said nothing yet. */
  connect(key: number = ++this.#keys, major: number = this.#options.major ?? 2, address = '10.0.0.1'): BitcoinjPayer {
    const { quotas } = this.#options;
    const { near, far, cut } = linePair({ timers: this.timers, address });
    const options = { timers: this.timers, ...(quotas && { quotas }) };
    const served = serveBitcoinj(far, this.#payee, this.#attachments, options).catch((error: unknown) => {
      this.faults.push(error);
    });
    return new BitcoinjPayer(near, { coin: this.coin, key, major, cut, served, fund: (script, value) => this.#contract(script, value) });
  }

  /** Mines, and lets the merchant see it. */
  async mine(blocks: number): Promise<void> {
    this.regtest.mine(blocks);
    await this.look();
  }

  async look(): Promise<void> {
    await this.#merchant.engine.follower.poll();
  }

  turnTo(seconds: number): void {
    this.#seconds = seconds;
    this.regtest.setTime(seconds);
  }

  async state(channel: ChannelId): Promise<PayeeState> {
    return (await this.#merchant.engine.get(channel)) ?? assert.fail('the merchant has no such channel');
  }

  /** All channels that the merchant has stored. */
  async channels(): Promise<readonly PayeeState[]> {
    const states: PayeeState[] = [];
    for await (const [, state] of this.#merchant.engine.all()) states.push(state);
    return states;
  }

  /** The one channel that there is. */
  async single(): Promise<PayeeState> {
    const [state, ...others] = await this.channels();
    assert.equal(others.length, 0);
    return state ?? assert.fail('the merchant has no channel');
  }

  /** A transaction that the faucet has signed and not sent. */
  #contract(script: Uint8Array, value: Amount): Transaction {
    return this.regtest.faucet.prepare([{ value, script }]) ?? assert.fail('the faucet is empty');
  }

  #open(): [Merchant, BitcoinjPayee] {
    const { exposure = amount(DOGE * 1_000_000n), store = (disk) => disk } = this.#options;
    const { chain } = this.node;
    const keys = seedKeyRing(this.coin, SEED, fastestSigner());
    const book = new BitcoinjBook();
    const payeeScript = p2pkh(keys.signer("m/44'/1'/0'/0/0").publicKey);
    const clock = { now: () => this.#seconds * 1000 };
    const random = {
      bytes: (length: number) => new Uint8Array(length).fill(++this.#nonces % 256).fill(Math.floor(this.#nonces / 256), 0, 8),
    };
    const common = { chain, keys, clock, random, payeeScript, verify: verifier.verify };
    const merchant = openMerchant({
      ...common,
      store: store(memoryStore(this.disk)),
      identity: new Uint8Array(16),
      terms: defaultTerms(this.coin),
      prices: new Map([['tea', { text: 'A cup of tea', price: amount(DOGE / 2n) }]]),
      exposure,
      books: [book],
    });
    return [merchant, bitcoinjPayee({ ...common, merchant, book, terms: { ...TERMS, ...this.#options.terms }, shop: this.#shop() })];
  }

  #shop(): BitcoinjShop {
    const { answer } = this.#options;
    return {
      opened: () => void this.told.push({ kind: 'opened' }),
      closed: (_, settlement) => void this.told.push({ kind: 'closed', settlement }),
      paid: async (payment) => {
        const { by, total, info } = payment;
        this.told.push({ kind: 'paid', by, total, ...(info && { info }) });
        return answer?.(payment);
      },
    };
  }
}

const TERMS: BitcoinjTerms = {
  minDeposit: amount(DOGE),
  maxDeposit: amount(DOGE * 1_000n),
  depth: [{ upTo: amount(DOGE * 1_000_000_000n), blocks: 2 }],
  unconfirmed: amount(DOGE * 1_000n),
  minPayment: amount(1_000n),
  closingMargin: 7_500,
  window: { least: 14_400, most: 604_800 },
};
