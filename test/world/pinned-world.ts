import assert from 'node:assert/strict';
import { Regtest } from '../../src/chain/regtest/regtest.ts';
import { type Amount, amount } from '../../src/core/base/amount.ts';
import { type ChannelId, equalBytes, type TxId } from '../../src/core/base/bytes.ts';
import type { Height } from '../../src/core/base/height.ts';
import { blocksOn } from '../../src/core/base/lock-time.ts';
import type { Coin } from '../../src/core/coin/coin.ts';
import { type Contract, payerScript, type Signing } from '../../src/core/contract/contract.ts';
import type { Signer } from '../../src/core/tx/sign.ts';
import { sameOutpoint, type Transaction } from '../../src/core/tx/transaction.ts';
import type { Verifier } from '../../src/engine/verifier.ts';
import type { SidesOptions } from './channel-sides.ts';
import { ChannelWorld } from './channel-world.ts';
import { embedded } from './embedded.ts';
import { PacedChain } from './paced-chain.ts';
import { heavyChild, lightChildren, type Pinned } from './pins.ts';

/** Room for each quarter of it, and a life not much longer. In blocks. */
const MARGIN = 16;
const LIFETIME = 30;

export type Pin = (pinned: Pinned, coin: Coin) => readonly Transaction[];

/** What holds up a raise, and what keeps children out. */
export const pins: Readonly<Record<string, Pin>> = {
  'a large cheap child': (pinned, { policy }) => [heavyChild(pinned, { bytes: 29_700, fee: amount(policy.feeRate * 40n) })],
  'a family filled by tiny children': (pinned, { policy }) =>
    lightChildren(pinned, { count: 24, fee: amount(policy.minRelayFeeRate / 4n) }),
};

export interface PinnedOptions {
  readonly contract: Contract;
  readonly signing?: Signing;
  /** The payee is paid to a key that is not at hand. */
  readonly isCold?: boolean;
  /** Blocks that a channel lives. */
  readonly life?: number;
  readonly books?: SidesOptions['books'];
}

/** A chain that several worlds may share, past the height where the coin's rules bind blocks. */
export function pinnedChain(coin: Coin, verifier: Verifier): PacedChain {
  const paced = new PacedChain(new Regtest({ coin, verify: verifier.verify }));
  paced.mine(1_360);
  return paced;
}

/** Merchant and payer on an embedded chain with a market: miners ask for what no estimate knows, and the payer, from a moment on, is a thief. */
export class PinnedWorld {
  readonly world: ChannelWorld;
  readonly regtest: Regtest;
  readonly market: { minFeeRate: Amount };
  readonly #paced: PacedChain;
  readonly #life: number;
  readonly #from: Height;
  readonly #struck = new Set<TxId>();

  private constructor(world: ChannelWorld, paced: PacedChain, market: { minFeeRate: Amount }, life: number) {
    this.#life = life;
    this.world = world;
    this.regtest = paced.regtest;
    this.market = market;
    this.#paced = paced;
    this.#from = paced.tip;
  }

  static async open(paced: PacedChain, verifier: Verifier, options: PinnedOptions): Promise<PinnedWorld> {
    const { contract, signing, isCold = false, life = LIFETIME, books } = options;
    const { regtest } = paced;
    const { coin } = regtest;
    const market = { minFeeRate: coin.policy.feeRate };
    const span = (blocks: number): number => blocksOn(contract.expiresBy, blocks, coin.blockSeconds);
    const subject = embedded(regtest, verifier, { mine: async (blocks) => paced.mine(blocks, market) });
    const terms = { contract, closingMargin: span(MARGIN), minLifetime: span(life), ...(signing && { signing }) };
    const clock = { now: () => regtest.chain.tip.block.header.time * 1000 };
    const world = await ChannelWorld.open(subject, { terms, clock, isCold, ...(books && { books }) });
    return new PinnedWorld(world, paced, market, life);
  }

  /** A channel of which so many percent are paid. */
  async paid(percent: bigint): Promise<ChannelId> {
    const channel = await this.world.openChannel(this.#life);
    await this.world.payUpTo(channel, (this.world.deposit * percent) / 100n);
    return channel;
  }

  ask(factor: bigint): void {
    this.market.minFeeRate = amount(this.world.coin.policy.feeRate * factor);
  }

  /** The block that the channel expires with. */
  async expiryOf(channel: ChannelId): Promise<Height> {
    return this.#paced.opensAt((await this.world.payeeState(channel)).terms.expiry);
  }

  /**
   * To the expiry. The payer does nothing that helps, and holds up each transaction of its channels as soon as it waits, where it has an output of it.
   * @returns how many of its children nodes took.
   */
  async robbed(channels: readonly ChannelId[], pin: Pin, look: () => Promise<unknown> = async () => {}): Promise<number> {
    const { world } = this;
    world.watching.delete('payer');
    let taken = 0;
    const expiry = await this.expiryOf(channels[0] ?? assert.fail('no channel'));
    while (this.#paced.tip < expiry) {
      for (const channel of channels) taken += await this.#strike(channel, pin);
      await world.mine(1);
      await look();
    }
    return taken;
  }

  async #strike(channel: ChannelId, pin: Pin): Promise<number> {
    const { regtest, world } = this;
    const { deposits, terms, keyName } = await world.payer(channel);
    const waiting = regtest.pool.spenderOf(deposits[0]?.outpoint ?? assert.fail('no deposit'));
    if (waiting === undefined || this.#struck.has(waiting.txid)) return 0;
    this.#struck.add(waiting.txid);
    const ownerOf = (script: Uint8Array): Signer | undefined =>
      equalBytes(script, payerScript(terms)) ? world.keys.payer.signer(keyName) : world.wallet.keyOf(script);
    const owned = waiting.transaction.outputs.flatMap(({ script }, vout): readonly Pinned[] => {
      const owner = ownerOf(script);
      return owner === undefined ? [] : [{ transaction: waiting.transaction, vout, owner }];
    });
    const children = owned.slice(0, 1).flatMap((pinned) => pin(pinned, world.coin));
    return children.filter((child) => regtest.broadcast(child).kind === 'accepted').length;
  }

  /** What took the first deposit, and whether a block has it by now. */
  async fateOf(channel: ChannelId): Promise<{ readonly transaction: Transaction; readonly isMined: boolean } | undefined> {
    const { outpoint } = (await this.world.payeeState(channel)).deposits[0] ?? assert.fail('no deposit');
    const waiting = this.regtest.pool.spenderOf(outpoint);
    if (waiting !== undefined) return { transaction: waiting.transaction, isMined: false };
    for (let at: number = this.regtest.tip.height; at > this.#from; at--) {
      const { transactions = [] } = this.regtest.block(at) ?? {};
      const spender = transactions.find(({ transaction }) => transaction.inputs.some((input) => sameOutpoint(input.outpoint, outpoint)));
      if (spender !== undefined) return { transaction: spender.transaction, isMined: true };
    }
    return undefined;
  }
}
