import { join } from 'node:path';
import { asChain } from '../../../src/chain/regtest/port.ts';
import type { Amount } from '../../../src/core/base/amount.ts';
import type { ChannelId } from '../../../src/core/base/bytes.ts';
import { isRefusal } from '../../../src/core/base/refusal.ts';
import type { PayerState } from '../../../src/core/channel/payer-state.ts';
import { dogecoinRegtest } from '../../../src/core/coin/dogecoin.ts';
import type { Contract } from '../../../src/core/contract/contract.ts';
import { verifyPortable } from '../../../src/core/tx/sign.ts';
import type { Chain, Store } from '../../../src/engine/ports.ts';
import { fastestSigner } from '../../../src/engine/signer.ts';
import { type Agent, openAgent } from '../../../src/payer/agent.ts';
import { type BitcoinjChannel, openBitcoinj } from '../../../src/payer/bitcoinj.ts';
import { openSqlite } from '../../../src/store/sqlite.ts';
import { connectTcp } from '../../../src/transport/tcp/connect.ts';
import { seedKeyRing } from '../../../src/wallet/keyring.ts';
import { openWallet, type Wallet } from '../../../src/wallet/wallet.ts';
import type { World } from './world.ts';

const COIN = dogecoinRegtest;
const KEYS = seedKeyRing(COIN, new Uint8Array(32).fill(6), fastestSigner());

/** A pawment payer on the chain of a world. Its wallet and channels are in a file: started again it has them all. */
export class PawmentBuyer implements AsyncDisposable {
  readonly agent: Agent;
  readonly wallet: Wallet;
  readonly #world: World;
  readonly #chain: Chain;
  readonly #store: Store;
  readonly #known: ChannelId[] = [];

  private constructor(world: World, chain: Chain, store: Store, wallet: Wallet, agent: Agent) {
    this.#world = world;
    this.#chain = chain;
    this.#store = store;
    this.wallet = wallet;
    this.agent = agent;
  }

  static async start(world: World): Promise<PawmentBuyer> {
    const chain = { ...asChain(world.regtest), coin: COIN };
    const store = openSqlite(join(world.folder, 'payer.sqlite'));
    const keys = KEYS;
    const wallet = await openWallet({ chain, store, keys });
    const agent = openAgent({ chain, store, keys, wallet, verify: verifyPortable, clock: { now: () => world.seconds * 1000 } });
    const buyer = new PawmentBuyer(world, chain, store, wallet, agent);
    await buyer.sync();
    for await (const [channel] of agent.engine.all()) buyer.#known.push(channel);
    return buyer;
  }

  /** Money that is in the chain. */
  async earn(value: Amount): Promise<void> {
    if (this.#world.regtest.fund(await this.wallet.receiveAddress(), value) === undefined) throw new Error('the faucet is empty');
    this.#world.mine();
    await this.sync();
  }

  /** Reads the chain. */
  async sync(): Promise<void> {
    await this.wallet.sync();
    await this.agent.poll();
  }

  /** A channel with the server at a port, an old one where there is one. */
  async open(port: number, contract: Contract, capacity: Amount, window: number): Promise<BitcoinjChannel> {
    const line = await connectTcp('127.0.0.1', port);
    const opened = await openBitcoinj(
      line,
      { contracts: [contract], capacity, window },
      {
        ...{ agent: this.agent, chain: this.#chain, wallet: this.wallet, keys: KEYS, clock: { now: () => this.#world.seconds * 1000 } },
        known: async () => (await Promise.all(this.#known.map((channel) => this.agent.engine.get(channel)))).filter(isThere),
        remember: async (channel) => void this.#known.push(channel),
      },
    );
    if (isRefusal(opened)) throw new Error(`${opened.code} ${JSON.stringify(opened.detail)}`);
    return opened;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#store.close();
  }
}

function isThere(state: PayerState | undefined): state is PayerState {
  return state !== undefined;
}
