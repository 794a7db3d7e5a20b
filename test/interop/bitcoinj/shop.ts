import { join } from 'node:path';
import { asChain } from '../../../src/chain/regtest/port.ts';
import { type Amount, amount } from '../../../src/core/base/amount.ts';
import { concatBytes } from '../../../src/core/base/bytes.ts';
import { dogecoinRegtest } from '../../../src/core/coin/dogecoin.ts';
import { p2pkh } from '../../../src/core/tx/script.ts';
import { verifyPortable } from '../../../src/core/tx/sign.ts';
import { type Line, type Store, WorldError } from '../../../src/engine/ports.ts';
import { fastestSigner } from '../../../src/engine/signer.ts';
import { BitcoinjBook, bitcoinjPayee } from '../../../src/merchant/bitcoinj.ts';
import { type Merchant, openMerchant } from '../../../src/merchant/merchant.ts';
import { defaultTerms } from '../../../src/merchant/terms.ts';
import { openSqlite } from '../../../src/store/sqlite.ts';
import type { BitcoinjShop, Increment } from '../../../src/transport/bitcoinj/payee.ts';
import { serveBitcoinj } from '../../../src/transport/bitcoinj/server.ts';
import { Attachments } from '../../../src/transport/bitcoinj/session-registry.ts';
import { serveTcp, type TcpServer } from '../../../src/transport/tcp/serve.ts';
import { seedKeyRing } from '../../../src/wallet/keyring.ts';
import type { World } from './world.ts';

/** Goes before the info of each acknowledgement. */
export const PREFIX = 0xa0;
export const MIN_PAYMENT: Amount = amount(1_000n);
const COIN = dogecoinRegtest;
const SEED = new Uint8Array(32).fill(5);

/** What the shop was told of. */
export type Told =
  | { readonly kind: 'opened' }
  | { readonly kind: 'closed' }
  | { readonly kind: 'paid'; readonly by: bigint; readonly total: bigint; readonly info: string | undefined };

interface Seen {
  readonly told: Told[];
  readonly faults: unknown[];
  isDead: boolean;
}

/** A line on which a shop that is dead says nothing more. */
function mortal(line: Line, shop: Pick<Seen, 'isDead'>): Line {
  const dead = async (): Promise<void> => {
    throw new WorldError('peer-unreachable', 'the shop is dead', 'Start it again.');
  };
  return {
    remote: line.remote,
    frames: line.frames,
    setIdle: (milliseconds) => line.setIdle(milliseconds),
    close: () => line.close(),
    send: (body) => (shop.isDead ? dead() : line.send(body)),
  };
}

/** A pawment merchant that bitcoinj's payers find at a port, on the chain of a world. Its channels are in a file: started again it has them all. */
export class PawmentShop implements AsyncDisposable {
  readonly merchant: Merchant;
  /** Info (hex) of a payment that the application refuses. */
  static readonly unwanted: string = 'dead';
  readonly told: readonly Told[];
  /** What no connection should have thrown. */
  readonly faults: readonly unknown[];
  readonly #store: Store;
  readonly #server: TcpServer;
  readonly #seen: Seen;

  private constructor(merchant: Merchant, store: Store, server: TcpServer, seen: Seen) {
    this.merchant = merchant;
    this.told = seen.told;
    this.faults = seen.faults;
    this.#seen = seen;
    this.#store = store;
    this.#server = server;
  }

  static async start(world: World, port = 0): Promise<PawmentShop> {
    const clock = { now: () => world.seconds * 1000 };
    const random = { bytes: (length: number) => crypto.getRandomValues(new Uint8Array(length)) };
    const store = openSqlite(join(world.folder, 'merchant.sqlite'));
    const keys = seedKeyRing(COIN, SEED, fastestSigner());
    const chain = { ...asChain(world.regtest), coin: COIN };
    const book = new BitcoinjBook();
    const payeeScript = p2pkh(keys.signer("m/44'/1'/0'/0/0").publicKey);
    const terms = { ...defaultTerms(COIN), minDeposit: amount(100_000n), unconfirmed: amount(10n ** 12n) };
    const merchant = openMerchant({
      ...{ chain, store, keys, verify: verifyPortable, clock, random, terms, payeeScript },
      identity: new Uint8Array(16),
      prices: new Map(),
      exposure: amount(10n ** 13n),
      books: [book],
    });
    await merchant.engine.follower.poll();
    const { minDeposit, maxDeposit, depth, unconfirmed } = terms;
    const seen: Seen = { told: [], faults: [], isDead: false };
    const { told } = seen;
    const shop: BitcoinjShop = {
      closed: () => void told.push({ kind: 'closed' }),
      opened: () => void told.push({ kind: 'opened' }),
      paid: async ({ by, total, info }: Increment) => {
        const text = info && Buffer.from(info).toString('hex');
        told.push({ kind: 'paid', by, total, info: text });
        if (text === PawmentShop.unwanted) throw new Error('unwanted');
        return info && concatBytes(Uint8Array.of(PREFIX), info);
      },
    };
    const payee = bitcoinjPayee({
      ...{ merchant, book, chain, keys, random, clock, verify: verifyPortable, payeeScript, shop },
      terms: {
        ...{ minDeposit, maxDeposit, depth, unconfirmed, minPayment: MIN_PAYMENT, closingMargin: 7_500 },
        window: { least: 14_400, most: 604_800 },
      },
    });
    const attachments = new Attachments();
    const server = await serveTcp((line) => serveBitcoinj(mortal(line, seen), payee, attachments), {
      port,
      onError: (error) => void seen.faults.push(error),
    });
    return new PawmentShop(merchant, store, server, seen);
  }

  get port(): number {
    return this.#server.port;
  }

  /** Reads the chain. */
  poll(): Promise<void> {
    return this.merchant.engine.follower.poll();
  }

  /** Ends it without a word to anybody. */
  async kill(): Promise<void> {
    this.#seen.isDead = true;
    await this[Symbol.asyncDispose]();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.close();
    await this.#store.close();
  }
}
