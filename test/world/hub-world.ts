import assert from 'node:assert/strict';
import { Regtest } from '../../src/chain/regtest/regtest.ts';
import { amount, feeFor as feeAt } from '../../src/core/base/amount.ts';
import type { ChannelId } from '../../src/core/base/bytes.ts';
import { type Height, height } from '../../src/core/base/height.ts';
import { dogecoinRegtest as coin } from '../../src/core/coin/dogecoin.ts';
import { cltvMultisig } from '../../src/core/contract/cltv-multisig.ts';
import type { Signing, Terms } from '../../src/core/contract/contract.ts';
import { hopBlocks } from '../../src/core/contract/hash-lock.ts';
import { closeSize } from '../../src/core/contract/tx-size.ts';
import type { Transaction } from '../../src/core/tx/transaction.ts';
import { type Connection, WorldError } from '../../src/engine/ports.ts';
import { fastestVerifier } from '../../src/engine/verifier.ts';
import { type Hub, type HubOptions, openHub } from '../../src/hub/hub.ts';
import { hubMerchant } from '../../src/hub/merchant.ts';
import { PendingChannels } from '../../src/hub/pending-channels.ts';
import { hubService } from '../../src/payer/hub-service.ts';
import { lockVia, lookVia, type SeenVia, type ViaPurchase, type Way } from '../../src/payer/pay-via.ts';
import { memoryStore } from '../../src/store/memory.ts';
import { ChannelWorld } from './channel-world.ts';
import { embedded } from './embedded.ts';
import { must } from './sample.ts';
import { wire } from './wire.ts';

const verifier = await fastestVerifier();
export const PAYEE = 'http://far';
/** A closing fee of ten times the usual, as terms with pending amounts fix it. */
export const fixed: Extract<Signing, { kind: 'fixed' }> = {
  kind: 'fixed',
  fee: amount(10n * feeAt(closeSize({ contract: cltvMultisig }, 1, 2), coin.policy.feeRate)),
};

type Asked<Kind extends 'quote' | 'forward'> = Parameters<Hub[Kind]>;

/** A payer, a hub and a payee; the hub's channel with the payee lasts as long as the payer's with the hub. */
export class HubWorld {
  readonly regtest: Regtest;
  /** Payer and hub. */
  readonly near: ChannelWorld;
  /** Hub and payee. */
  readonly far: ChannelWorld;
  readonly options: HubOptions;
  readonly incoming: ChannelId;
  readonly outgoing: ChannelId;
  readonly troubles: unknown[] = [];
  /** Whether the payee can be reached by the hub, and the hub by the payer. */
  reach = { payee: true, hub: true };
  /** So many answers of the payee to the hub are lost. */
  loses = 0;
  hub: Hub;

  private constructor(
    regtest: Regtest,
    near: ChannelWorld,
    far: ChannelWorld,
    books: readonly [PendingChannels, PendingChannels],
    channels: readonly [ChannelId, ChannelId],
  ) {
    this.regtest = regtest;
    this.near = near;
    this.far = far;
    [this.incoming, this.outgoing] = channels;
    const route = async (payee: string) => (payee === PAYEE ? this.outgoing : undefined);
    const common = { merchant: near.merchant, agent: far.agent, store: memoryStore(), fee: { base: amount(1_000n), perMille: 5 } };
    const onTrouble = (_: unknown, error: unknown): void => void this.troubles.push(error);
    this.options = { ...common, route, payeeOf: async () => this.#payee, incoming: books[0], outgoing: books[1], onTrouble };
    this.hub = openHub(this.options);
  }

  static async open(lifetime?: number): Promise<HubWorld> {
    const regtest = new Regtest({ coin, verify: verifier.verify });
    regtest.mine(1_360);
    const [incoming, outgoing] = [new PendingChannels(), new PendingChannels()];
    const terms = { contract: cltvMultisig, signing: fixed };
    const near = await ChannelWorld.open(embedded(regtest, verifier), { terms, isForwarding: true, books: () => [incoming] });
    const far = await ChannelWorld.open(embedded(regtest, verifier), { terms, punishing: () => ({ books: [outgoing] }) });
    const channels = [await near.openChannel(lifetime), await far.openChannel()] as const;
    await near.look();
    return new HubWorld(regtest, near, far, [incoming, outgoing], channels);
  }

  /** A hub that was started again knows what is stored, and nothing else. */
  restart(): void {
    this.hub = openHub(this.options);
  }

  get #payee(): Connection {
    return {
      exchange: async (...asked) => {
        const reply = await this.#if('payee', () => this.far.payee.exchange(...asked));
        if (this.loses-- > 0) throw new WorldError('peer-unreachable', 'lost', 'again');
        return reply;
      },
    };
  }

  #if<T>(who: 'payee' | 'hub', act: () => Promise<T>): Promise<T> {
    if (this.reach[who]) return act();
    return Promise.reject(new WorldError('peer-unreachable', 'gone', 'wait'));
  }

  get way(): Way {
    const { agent, merchant } = this.near;
    const hub = {
      quote: (...asked: Asked<'quote'>) => this.hub.quote(...asked),
      forward: (...asked: Asked<'forward'>) => this.hub.forward(...asked),
    };
    const there = wire(hubMerchant(merchant, hub, verifier.verify));
    const connection: Connection = { exchange: (...asked) => this.#if('hub', () => there.exchange(...asked)) };
    return { channel: this.incoming, connection, hub: hubService(agent, connection) };
  }

  async lock(): Promise<ViaPurchase> {
    return must(await lockVia(this.near.agent, this.way, { address: PAYEE, connection: this.far.payee }, 'tea', async () => undefined));
  }

  look(purchase: SeenVia, keep: (preimage: Uint8Array) => Promise<void> = async () => undefined): ReturnType<typeof lookVia> {
    return lookVia(this.near.agent, this.way, purchase, keep);
  }

  /** A purchase whose payee closes and claims in one block, which the hub does not see, and answers nothing. */
  async claimedUnseen(): Promise<ViaPurchase> {
    const purchase = await this.lock();
    this.loses = Number.POSITIVE_INFINITY;
    assert.deepEqual(await this.look(purchase), { kind: 'pending' });
    const { merchant, watching } = this.far;
    const follow = watching.get('payer') ?? assert.fail();
    watching.delete('payer');
    must(await merchant.close(this.outgoing));
    await this.far.look();
    await this.near.mine(1);
    await this.far.mine(3);
    watching.set('payer', follow);
    return purchase;
  }

  async totals(): Promise<readonly bigint[]> {
    const [payer, own, next, payee] = [
      await this.near.payer(this.incoming),
      await this.near.payeeState(this.incoming),
      await this.far.payer(this.outgoing),
      await this.far.payeeState(this.outgoing),
    ];
    return [payer, own, next, payee].map(({ best }) => best?.total ?? 0n);
  }

  /** Both hops look at the chain, and the hub at its hops. */
  async mine(blocks: number): Promise<void> {
    for (let i = 0; i < blocks; i++) {
      await this.near.mine(1);
      await this.far.look();
      await this.hub.tick();
      await this.near.look();
    }
  }

  async mineTo(height: number): Promise<void> {
    const { height: now } = await this.near.chain.tip();
    await this.mine(height - now);
  }

  /** The heights of the locks in both channels. */
  async nextExpiry(): Promise<number> {
    return this.#least((await this.far.payer(this.outgoing)).terms);
  }

  async ownExpiry(): Promise<Height> {
    return height((await this.nextExpiry()) + hopBlocks(coin));
  }

  #least(terms: Terms): Height {
    return terms.contract.hashLocks?.leastExpiry(terms) ?? assert.fail();
  }

  async sends(transaction: Transaction): Promise<void> {
    assert.deepEqual(await this.near.chain.broadcast(transaction), { kind: 'accepted' });
  }
}
