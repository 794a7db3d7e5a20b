import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Regtest } from '../../../src/chain/regtest/regtest.ts';
import { type RegtestServer, serveRegtest } from '../../../src/chain/regtest/server.ts';
import { type Amount, amount } from '../../../src/core/base/amount.ts';
import { bytesToHex, txId } from '../../../src/core/base/bytes.ts';
import type { Coin } from '../../../src/core/coin/coin.ts';
import { dogecoinRegtest } from '../../../src/core/coin/dogecoin.ts';
import { encodeTransaction, outpointKey, type Transaction } from '../../../src/core/tx/transaction.ts';
import { BitcoinjPeer, type NodeAccess, type PeerOptions } from './peer.ts';

const START = 1_700_000_000;
/** Past the height where CLTV binds blocks. */
const FIRST_BLOCKS = 1_360;
const CREDENTIALS = { user: 'pawment', password: 'test' } as const;

/** What bitcoinj's refunds pay, whatever their size. */
const REFUND_RATE = amount(1_000n);
/** The only dust limit that bitcoinj knows. */
const DUST = amount(546n);

/** A coin whose nodes were started with `-minrelaytxfee` and `-dustlimit` low enough for bitcoinj's refunds. */
export function lenient(coin: Coin): Coin {
  return { ...coin, policy: { ...coin.policy, minRelayFeeRate: REFUND_RATE, dust: DUST } };
}

/** The embedded chain behind its JSON-RPC, policy on, and peers in folders of their own whose clocks are the chain's. */
export class World implements AsyncDisposable {
  readonly coin: Coin;
  readonly regtest: Regtest;
  readonly folder: string;
  readonly #server: RegtestServer;
  #seconds = START;

  private constructor(coin: Coin, regtest: Regtest, server: RegtestServer, folder: string) {
    this.coin = coin;
    this.regtest = regtest;
    this.#server = server;
    this.folder = folder;
    regtest.setTime(this.#seconds);
    regtest.mine(FIRST_BLOCKS);
  }

  static async start(coin: Coin = lenient(dogecoinRegtest)): Promise<World> {
    const regtest = new Regtest({ coin });
    // As the network takes transactions, not only the node that they are handed to.
    const server = await serveRegtest(regtest, { ...CREDENTIALS, relay: 'peer' });
    return new World(coin, regtest, server, await mkdtemp(join(tmpdir(), 'pawment-interop-')));
  }

  /** Where its node listens. */
  get node(): NodeAccess {
    return { url: this.#server.url, ...CREDENTIALS };
  }

  get seconds(): number {
    return this.#seconds;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.close();
    await rm(this.folder, { recursive: true, force: true });
  }

  /** Starts a peer, or starts it again with the wallet it had: a name is a wallet file. */
  peer(name: string, options: Partial<PeerOptions> = {}): Promise<BitcoinjPeer> {
    return BitcoinjPeer.start({
      network: this.coin.id,
      node: this.node,
      wallet: join(this.folder, `${name}.wallet`),
      seed: Buffer.from(name.padEnd(16, '.')).toString('hex'),
      time: this.#seconds,
      feePerKb: this.coin.policy.feeRate,
      ...options,
    });
  }

  /** Pays a peer's wallet, which sees the transaction before it is mined. */
  async fund(peer: BitcoinjPeer, value: Amount): Promise<string> {
    const funded = this.regtest.fund((await peer.wallet()).address, value);
    if (funded === undefined) throw new Error('the faucet is empty');
    const hex = bytesToHex(encodeTransaction(funded.transaction));
    await peer.see(hex);
    return hex;
  }

  /** Mines one block of all that waits, bitcoinj's cheap refunds too. */
  mine(): void {
    this.regtest.mine(1, { minFeeRate: this.coin.policy.minRelayFeeRate });
  }

  /** Turns the clock to a Unix time in seconds, without a block. */
  turnTo(seconds: number): void {
    this.#seconds = seconds;
    this.regtest.setTime(seconds);
  }

  /** Turns the clock so far that the median time of blocks has passed `seconds`, which takes six blocks and about as many seconds. */
  pass(seconds: number): void {
    this.turnTo(seconds + 1);
    while (this.regtest.chain.tip.medianTime <= seconds) this.mine();
  }

  /** Whether the transaction is in the chain. */
  isMined(txid: string): boolean {
    return (this.regtest.transaction(txId(txid))?.depth ?? 0) > 0;
  }

  waits(txid: string): boolean {
    return this.regtest.mempool().includes(txId(txid));
  }

  outputs(txid: string): bigint[] {
    return this.#transaction(txid).outputs.map(({ value }) => value);
  }

  /** What a transaction's first input spends: `txid:vout`. */
  spends(txid: string): string | undefined {
    const [input] = this.#transaction(txid).inputs;
    return input && outpointKey(input.outpoint);
  }

  #transaction(txid: string): Transaction {
    const found = this.regtest.transaction(txId(txid));
    if (found === undefined) throw new Error(`the chain knows no transaction ${txid}`);
    return found.transaction;
  }
}
