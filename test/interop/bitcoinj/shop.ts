import { join } from 'node:path';
import { asChain } from '../../../src/chain/regtest/port.ts';
import { type Amount, amount } from '../../../src/core/base/amount.ts';
import { concatBytes } from '../../../src/core/base/bytes.ts';
import { dogecoinRegtest } from '../../../src/core/coin/dogecoin.ts';
import { p2pkh } from '../../../src/core/tx/script.ts';
import { verifyPortable } from '../../../src/core/tx/sign.ts';
import type { Store } from '../../../src/engine/ports.ts';
import { BitcoinjBook, bitcoinjPayee } from '../../../src/merchant/bitcoinj.ts';
import { type Merchant, openMerchant } from '../../../src/merchant/merchant.ts';
import { defaultTerms } from '../../../src/merchant/terms.ts';
import { openSqlite } from '../../../src/store/sqlite.ts';
import { Attachments } from '../../../src/transport/bitcoinj/attachments.ts';
import type { BitcoinjShop, Increment } from '../../../src/transport/bitcoinj/payee.ts';
import { serveBitcoinj } from '../../../src/transport/bitcoinj/session.ts';
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
  | { readonly kind: 'paid'; readonly by: bigint; readonly total: bigint; readonly info: string | undefined }
  | { readonly kind: 'error'; readonly error: unknown };

/** A pawment merchant that bitcoinj's payers find at a port, on the chain of a world. Its channels are in a file: started again it has them all. */
export class PawmentShop implements AsyncDisposable {
  readonly merchant: Merchant;
  readonly told: readonly Told[];
  readonly #store: Store;
  readonly #server: TcpServer;

  private constructor(merchant: Merchant, store: Store, server: TcpServer, told: readonly Told[]) {
    this.merchant = merchant;
    this.told = told;
    this.#store = store;
    this.#server = server;
  }

  static async start(world: World, port = 0): Promise<PawmentShop> {
    const clock = { now: () => world.seconds * 1000 };
    const random = { bytes: (length: number) => crypto.getRandomValues(new Uint8Array(length)) };
    const store = openSqlite(join(world.folder, 'merchant.sqlite'));
    const keys = seedKeyRing(COIN, SEED);
    const chain = { ...asChain(world.regtest), coin: COIN };
    const book = new BitcoinjBook();
    const payeeScript = p2pkh(keys.signer("m/44'/1'/0'/0/0").publicKey);
    const terms = { ...defaultTerms(COIN), minDeposit: amount(100_000n), unconfirmed: amount(10n ** 12n) };
    const merchant = openMerchant({
      ...{ chain, store, keys, verify: verifyPortable, clock, random, terms, payeeScript },
      prices: new Map(),
      exposure: amount(10n ** 13n),
      books: [book],
    });
    await merchant.engine.follower.poll();
    const { minDeposit, maxDeposit, depth, unconfirmed } = terms;
    const told: Told[] = [];
    const shop: BitcoinjShop = {
      opened: () => void told.push({ kind: 'opened' }),
      paid: async ({ by, total, info }: Increment) => {
        told.push({ kind: 'paid', by, total, info: info && Buffer.from(info).toString('hex') });
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
    const server = await serveTcp((line) => serveBitcoinj(line, payee, attachments), {
      port,
      onError: (error) => void told.push({ kind: 'error', error }),
    });
    return new PawmentShop(merchant, store, server, told);
  }

  get port(): number {
    return this.#server.port;
  }

  /** Reads the chain. */
  poll(): Promise<void> {
    return this.merchant.engine.follower.poll();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.close();
    await this.#store.close();
  }
}
