import assert from 'node:assert/strict';
import type { ChannelId } from '../../src/core/base/bytes.ts';
import { isRefusal } from '../../src/core/base/refusal.ts';
import { type Chain, WorldError } from '../../src/engine/ports.ts';
import type { MerchantTerms } from '../../src/merchant/terms.ts';
import { stateRequest } from '../world/asking.ts';
import { type ChannelSubject, ChannelWorld } from '../world/channel-world.ts';
import { type FaultPlan, FaultyChain } from '../world/faulty-chain.ts';

export type Side = 'payer' | 'payee';

export const MINUTE = 60_000;
/** Trouble can pass within the margin, and the expiry is soon mined. */
const TERMS: Partial<MerchantTerms> = { closingMargin: 30, minLifetime: 60, maxLifetime: 200 };

export interface TrialOptions {
  /** Whose node it is that is in trouble. */
  readonly side: Side;
  /** What that node shows when it is well. */
  readonly inner?: Chain;
}

/** A payer and a payee, one of whose nodes is in trouble for a while. */
export class Trial {
  readonly world: ChannelWorld;
  readonly node: FaultyChain;
  readonly time: { now: number };
  /** The largest total that the payer holds a receipt for. */
  acknowledged = 0n;
  /** How often something new was asked for while in doubt. */
  doubts = 0;
  readonly #unanswered: Promise<void>[] = [];

  private constructor(world: ChannelWorld, node: FaultyChain, time: { now: number }) {
    this.world = world;
    this.node = node;
    this.time = time;
  }

  static async open(subject: ChannelSubject, { side, inner = subject.chain }: TrialOptions): Promise<Trial> {
    const time = { now: Date.now() };
    const node = new FaultyChain(inner);
    const world = await ChannelWorld.open(subject, { terms: TERMS, nodes: { [side]: node.chain }, clock: { now: () => time.now } });
    return new Trial(world, node, time);
  }

  /** Blocks come while the node is in trouble; each side looks, and `act` is tried. Then the node is well again, and each side looks once. */
  async endure(plan: FaultPlan, rounds: number, act: () => Promise<unknown>): Promise<void> {
    this.node.begin(plan);
    for (let round = 0; round < rounds; round++) {
      await this.world.subject.mine(1);
      this.time.now += 4 * MINUTE;
      for (const poll of this.world.watching.values()) await this.attempt(poll);
      await this.attempt(act);
      await this.checkCredit();
    }
    this.node.heal();
    await Promise.all(this.#unanswered);
    await this.world.look();
  }

  /** Tries what the world may fail, or never answer. Anything else that is thrown is a fault of the program. */
  async attempt(work: () => Promise<unknown>): Promise<void> {
    const done = work().then(
      () => undefined,
      (error: unknown) => assert.ok(error instanceof WorldError, error instanceof Error ? error.stack : String(error)),
    );
    this.#unanswered.push(done);
    await Promise.race([done, turns(20)]);
  }

  /** Pays the price of one thing; true when there is a receipt. */
  async pay(channel: ChannelId): Promise<boolean> {
    const paid = await this.world.agent.pay(channel, { amount: this.world.price }, this.world.payee);
    if (isRefusal(paid) || paid.reply.kind !== 'receipt') return false;
    this.acknowledged = paid.reply.total;
    return true;
  }

  /** Whoever can't see the chain for long, or sees something odd, promises nothing new. */
  async checkCredit(): Promise<void> {
    const { doubt, unready, readAt = 0 } = this.world.merchant.engine.follower.report();
    if (this.time.now - readAt > 10 * MINUTE) assert.ok(doubt, 'who has not looked for long is in doubt');
    if (doubt !== undefined) assert.equal(unready?.code, doubt.code);
    if (unready === undefined) return;
    this.doubts++;
    await assert.rejects(this.world.merchant.answer({ kind: 'offer-request' }), { name: 'WorldError', code: unready.code });
  }

  /** What was acknowledged is known whatever the node is up to. */
  async checkKept(channel: ChannelId): Promise<void> {
    const state = await this.world.merchant.answer(await stateRequest(this.world.agent, channel));
    assert.ok(state.kind === 'state' && (state.best?.total ?? 0n) >= this.acknowledged, state.kind);
  }

  /** Mines until both are done, and says how each ended and what it got. */
  async bury(): Promise<void> {
    for (let i = 0; i < 3; i++) await this.world.mine(1);
    await this.world.bury();
  }
}

/** So many turns of the event loop: enough for whatever is answered at all. */
async function turns(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await new Promise((resolve) => setImmediate(resolve));
}
