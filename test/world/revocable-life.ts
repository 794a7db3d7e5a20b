import assert from 'node:assert/strict';
import fc from 'fast-check';
import { amount } from '../../src/core/base/amount.ts';
import { bytesToHex, type ChannelId } from '../../src/core/base/bytes.ts';
import type { PayeeState } from '../../src/core/channel/payee-state.ts';
import type { PayerState } from '../../src/core/channel/payer-state.ts';
import { payeeSnapshot, payerSnapshot } from '../../src/core/channel/snapshot.ts';
import type { Coin } from '../../src/core/coin/coin.ts';
import type { Contract } from '../../src/core/contract/contract.ts';
import type { Transaction } from '../../src/core/tx/transaction.ts';
import { type Chain, type Connection, type Store, WorldError } from '../../src/engine/ports.ts';
import type { Verifier } from '../../src/engine/verifier.ts';
import { Dying, type Mishap, mishapsOf } from './dying.ts';
import { must } from './sample.ts';
import { type Side, TwoDisks } from './two-disks.ts';

/** What a test puts around the stores of a side's programs. */
type Outer = (side: Side, store: Store) => Store;

type Kind = 'pay' | 'give-back' | 'refresh' | 'resync' | 'top-up' | 'mine';
type Last = 'end' | 'close' | 'cheat' | 'nothing';

export interface RevocableAction extends Mishap<Side> {
  readonly kind: Kind;
  readonly times: number;
}

export interface RevocableHistory {
  readonly actions: readonly RevocableAction[];
  /** How it ends when nothing goes wrong any more. */
  readonly last: Last;
}

const kinds = fc.oneof(
  { weight: 5, arbitrary: fc.constant<Kind>('pay') },
  { weight: 4, arbitrary: fc.constant<Kind>('give-back') },
  { weight: 4, arbitrary: fc.constant<Kind>('refresh') },
  { weight: 1, arbitrary: fc.constant<Kind>('resync') },
  { weight: 1, arbitrary: fc.constant<Kind>('top-up') },
  { weight: 1, arbitrary: fc.constant<Kind>('mine') },
);

export const revocableHistories: fc.Arbitrary<RevocableHistory> = fc.record({
  actions: fc.array(
    fc
      .tuple(kinds, fc.integer({ min: 2, max: 30 }), mishapsOf<Side>('payer', 'payee'))
      .map(([kind, times, mishap]) => ({ kind, times, ...mishap })),
    { minLength: 3, maxLength: 16 },
  ),
  last: fc.constantFrom<Last>('end', 'close', 'cheat', 'cheat', 'nothing'),
});

/** Blocks between two looks while nothing but deadlines is to come: less than a side has to answer. */
const STEP = 60;
const MOST_STEPS = 100;
/** In prices: closes whose fees are fixed, their payouts, funding, refunds and penalties. */
const MOST_FEES = 15n;

/** One channel where money goes up and down, on a chain that is mined to the end: what each side has then is its own. */
export class RevocableLife {
  readonly #world: TwoDisks;
  readonly #channel: ChannelId;
  readonly #dying: Dying<Side>;
  readonly #start: bigint;
  /** What the merchant could ever close with, by the hash that it is under. */
  readonly #closable = new Map<string, PayeeState>();
  #orders = 0;
  /** What a program would only report if it were thrown. */
  #early: string | undefined;

  private constructor(world: TwoDisks, channel: ChannelId, dying: Dying<Side>, start: bigint) {
    this.#world = world;
    this.#channel = channel;
    this.#dying = dying;
    this.#start = start;
  }

  static async open(coin: Coin, contract: Contract, { verify }: Verifier, outer: Outer = (_, it) => it): Promise<RevocableLife> {
    const dying = new Dying<Side>();
    let life: RevocableLife | undefined;
    const through = (chain: Chain): Chain => ({
      ...chain,
      broadcast: async (transaction) => {
        if (life !== undefined) await life.#notePayout(transaction);
        return chain.broadcast(transaction);
      },
    });
    const world = await TwoDisks.open({
      verify,
      coin,
      terms: { contract },
      through,
      store: (side, store) => outer(side, dying.store(side, store)),
    });
    const { confirmed } = await world.wallet.balance();
    life = new RevocableLife(world, await world.opened(), dying, confirmed);
    return life;
  }

  async run({ actions, last }: RevocableHistory): Promise<void> {
    for (const action of actions) await this.#act(action);
    await this.#settle(last);
  }

  async #act({ kind, times, loss, crash }: RevocableAction): Promise<void> {
    let sent = 0;
    const road = this.#road(() => (sent++ === loss?.at ? loss.fate : 'whole'));
    if (crash !== undefined) this.#dying.next = { ...crash };
    await this.#does(kind, times, road).catch((error: unknown) => {
      assert.ok(error instanceof WorldError && ['store-closed', 'peer-unreachable'].includes(error.code), String(error));
    });
    delete this.#dying.next;
    for (const side of this.#dying.dead()) {
      await this.#world.start(side, this.#world.disks[side]);
      if (side === 'payer') await this.#world.agent.tidy();
    }
    this.#check();
  }

  #road(fate: () => 'whole' | 'request-lost' | 'reply-lost'): Connection {
    const lost = new WorldError('peer-unreachable', 'lost', 'Send it again.');
    return {
      exchange: async (request) => {
        const now = fate();
        if (now === 'request-lost') throw lost;
        const reply = await this.#world.answer(request).catch((error: unknown) => {
          // A program that has died answers nothing.
          throw error instanceof WorldError && error.code === 'store-closed' ? lost : error;
        });
        if (now === 'reply-lost') throw lost;
        return reply;
      },
    };
  }

  async #does(kind: Kind, times: number, road: Connection): Promise<unknown> {
    const { agent, merchant, price } = this.#world;
    const value = amount(price * BigInt(times));
    switch (kind) {
      case 'pay':
        return agent.pay(this.#channel, { amount: value }, road);
      case 'give-back':
        return merchant.giveBack(this.#channel, value, `order ${this.#orders++}`);
      case 'refresh':
        return agent.refresh(this.#channel, road);
      case 'resync':
        return agent.resync(this.#channel, road);
      case 'top-up':
        return agent.fund(this.#channel, value, road);
      case 'mine':
        await this.#world.mine(2);
        return agent.announce(this.#channel, road);
    }
  }

  #payer(): PayerState {
    return payerSnapshot.decode(this.#stored('payer', 'payer-channel'));
  }

  #payee(): PayeeState {
    return payeeSnapshot.decode(this.#stored('payee', 'payee-channel'));
  }

  #stored(side: Side, kind: string): string {
    return this.#world.disks[side].get(kind)?.get(this.#channel)?.value ?? assert.fail(`the ${side} has no such channel`);
  }

  /** What has to be true of the disks after every step. */
  #check(): void {
    const [payee, payer] = [this.#payee(), this.#payer()];
    assert.ok((payer.revocation?.index ?? 0) <= (payee.revoked ?? 0), 'each secret that the payer has is noted by the payee');
    assert.ok((payee.best?.total ?? 0n) <= payer.signed, 'what was paid is on the disk of the payer');
    if (payee.best?.hash !== undefined) this.#closable.set(bytesToHex(payee.best.hash), payee);
  }

  /** No payout goes out, which shows a secret that opens the deposits, while a reorganisation could still undo its close. */
  async #notePayout({ inputs }: Transaction): Promise<void> {
    const { terms } = this.#payee();
    const { buried } = terms.coin.channel;
    for (const { outpoint, sequence } of inputs) {
      if (terms.contract.expiryIn !== 'age' || sequence !== terms.revocation?.payoutDelay) continue;
      const output = await this.#world.chain.output(outpoint);
      if (output !== undefined && output.depth < buried) this.#early = `a payout is sent over a close ${output.depth} deep`;
    }
  }

  /** Nothing goes wrong any more: what is owed is given back, the channel ends, and every unit is accounted for. */
  async #settle(last: Last): Promise<void> {
    const world = this.#world;
    for (const side of ['payer', 'payee'] as const) await world.start(side, world.disks[side]);
    await world.agent.tidy();
    for (let i = 0; i < 3; i++) {
      // What was funded and did not leave.
      if (this.#payer().offered.length > 0) must(await world.agent.launch(this.#channel, world.payee));
      await world.mine(2);
      must(await world.agent.announce(this.#channel, world.payee));
      must(await world.agent.refresh(this.#channel, world.payee));
    }
    this.#check();
    const isRobbed = last === 'cheat' && (await this.#cheat());
    if (last === 'end') await world.agent.end(this.#channel, world.payee);
    if (last === 'close') await world.merchant.close(this.#channel);
    for (let i = 0; i < MOST_STEPS && !this.#isOver(isRobbed); i++) {
      // Who looks at what was just mined may be too early.
      await world.mine(1);
      await world.mine(STEP);
    }
    assert.equal(this.#early, undefined, this.#early);
    assert.ok(this.#isOver(isRobbed), `the payer is ${this.#payer().kind}, the payee ${this.#payee().kind}`);
    await world.mine(2);
    await this.#checkSum(isRobbed);
  }

  #isOver(isRobbed: boolean): boolean {
    return this.#payer().kind === 'ended' && (isRobbed || this.#payee().kind === 'ended');
  }

  /** The merchant closes with the most that it has given back, and is gone. */
  async #cheat(): Promise<boolean> {
    const { best, terms, deposits, keyName } = this.#payee();
    const now = best?.hash === undefined ? '' : bytesToHex(best.hash);
    const revoked = [...this.#closable].filter(([hash]) => hash !== now).map(([, state]) => state);
    const [first] = revoked.toSorted((a, b) => Number((b.best?.total ?? 0n) - (a.best?.total ?? 0n)));
    if (first?.best === undefined) return false;
    const closing = { terms, deposits: first.deposits, payment: first.best, signer: this.#world.keys.payee.signer(keyName) };
    const close = must(terms.contract.close([closing], { script: terms.payeeScript, feeRate: terms.coin.policy.feeRate }));
    assert.ok(deposits.length >= first.deposits.length);
    this.#world.leave('payee');
    assert.equal(this.#world.regtest.broadcast(close).kind, 'accepted');
    await this.#world.mine(1);
    return true;
  }

  async #checkSum(isRobbed: boolean): Promise<void> {
    const { price, wallet } = this.#world;
    const payee = this.#payee();
    const paid = isRobbed ? 0n : (payee.best?.total ?? 0n);
    const { confirmed, pending } = await wallet.balance();
    const left = confirmed + pending;
    const due = this.#start - paid;
    assert.ok(left <= due && left + MOST_FEES * price >= due, `the payer has ${left} of ${due}, where ${paid} was paid`);
    if (isRobbed) return;
    const received = payee.kind === 'ended' ? (payee.received ?? 0n) : 0n;
    assert.ok(received <= paid && received + MOST_FEES * price >= paid, `the payee has ${received} of ${paid}`);
  }
}
