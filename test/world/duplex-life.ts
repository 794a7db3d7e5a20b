import assert from 'node:assert/strict';
import fc from 'fast-check';
import { Regtest } from '../../src/chain/regtest/regtest.ts';
import { amount } from '../../src/core/base/amount.ts';
import type { ChannelId } from '../../src/core/base/bytes.ts';
import { isRefusal } from '../../src/core/base/refusal.ts';
import type { PayeeState } from '../../src/core/channel/payee-state.ts';
import type { PayerState } from '../../src/core/channel/payer-state.ts';
import { payeeSnapshot, payerSnapshot, type Snapshot } from '../../src/core/channel/snapshot.ts';
import type { Coin } from '../../src/core/coin/coin.ts';
import { closingAt } from '../../src/core/contract/contract.ts';
import type { Reply, Request } from '../../src/core/message/message.ts';
import { type Store, WorldError } from '../../src/engine/ports.ts';
import type { Verifier } from '../../src/engine/verifier.ts';
import { DEPTH } from './channel-sides.ts';
import { DuplexWorld, type Through, type Who } from './duplex-world.ts';
import { Dying, type Mishap, mishapsOf } from './dying.ts';
import { embedded } from './embedded.ts';

type Kind = 'buy' | 'give-back' | 'again' | 'refresh' | 'mine' | 'end' | 'merchant closes' | 'payer closes';

export interface DuplexAction extends Mishap<Who> {
  readonly kind: Kind;
  readonly times: number;
}

export interface DuplexHistory {
  readonly actions: readonly DuplexAction[];
  /** How it ends when nothing goes wrong any more; both channels may also run until they are due. */
  readonly last: 'end' | 'merchant closes' | 'payer closes' | 'nothing';
}

interface Order {
  readonly name: string;
  readonly value: bigint;
}

const mishaps = mishapsOf<Who>('merchant', 'payer');

const kinds = fc.oneof(
  { weight: 3, arbitrary: fc.constant<Kind>('buy') },
  { weight: 4, arbitrary: fc.constant<Kind>('give-back') },
  { weight: 1, arbitrary: fc.constant<Kind>('again') },
  { weight: 5, arbitrary: fc.constant<Kind>('refresh') },
  { weight: 3, arbitrary: fc.constant<Kind>('mine') },
);
const endings = fc.constantFrom<Kind>('end', 'end', 'end', 'merchant closes', 'payer closes');

function acts(kind: fc.Arbitrary<Kind>): fc.Arbitrary<DuplexAction> {
  return fc.tuple(kind, fc.integer({ min: 1, max: 40 }), mishaps).map(([one, times, mishap]) => ({ kind: one, times, ...mishap }));
}

export const duplexHistories: fc.Arbitrary<DuplexHistory> = fc
  .tuple(
    fc.array(acts(kinds), { minLength: 4, maxLength: 14 }),
    fc.array(acts(fc.oneof({ weight: 3, arbitrary: endings }, { weight: 2, arbitrary: kinds })), { maxLength: 4 }),
    fc.constantFrom('end', 'end', 'merchant closes', 'payer closes', 'nothing'),
  )
  .map(([actions, ends, last]) => ({ actions: [...actions, ...ends], last }));

/** A channel and the one the other way under whatever happens to messages and programs, and the money rules that hold after each of it. */
export class DuplexLife {
  readonly #world: DuplexWorld;
  readonly #channel: ChannelId;
  readonly #dying: Dying<Who>;
  /** In smallest units: all that was ordered to go back. */
  #ordered = 0n;
  #orders = 0;
  /** Whether it was stored is not known. */
  #unsure: Order | undefined;
  #taken: Order | undefined;
  #isEnding: boolean = false;
  /** What each side had signed in its own channel when it signed the one end. */
  readonly #frozen = new Map<Who, bigint>();

  private constructor(world: DuplexWorld, channel: ChannelId, dying: Dying<Who>) {
    this.#world = world;
    this.#channel = channel;
    this.#dying = dying;
    world.onAnswer = (request, reply) => this.#noteJoin(request, reply);
  }

  static async open(coin: Coin, verifier: Verifier, through: Through = {}): Promise<DuplexLife> {
    const regtest = new Regtest({ coin, verify: verifier.verify });
    regtest.mine(1_360);
    const dying = new Dying<Who>();
    const store = (who: Who, real: Store): Store => {
      const mortal = dying.store(who, real);
      return through.store?.(who, mortal) ?? mortal;
    };
    const world = await DuplexWorld.open(embedded(regtest, verifier), { through: { ...through, store } });
    const channel = await world.openChannel();
    return new DuplexLife(world, channel, dying);
  }

  async run({ actions, last }: DuplexHistory): Promise<void> {
    for (const action of actions) await this.#act(action);
    await this.#settle(last);
  }

  async #act({ kind, times, loss, crash }: DuplexAction): Promise<void> {
    let sent = 0;
    this.#world.fate = () => (sent++ === loss?.at ? loss.fate : 'whole');
    if (crash !== undefined) this.#dying.next = { ...crash };
    await this.#attempt(() => this.#does(kind, times));
    this.#world.fate = () => 'whole';
    delete this.#dying.next;
    await this.#restart();
    await this.#check();
  }

  /** Programs may die, and messages be lost; nothing else goes wrong. */
  async #attempt(work: () => Promise<unknown>): Promise<void> {
    try {
      await work();
    } catch (error) {
      assert.ok(error instanceof WorldError && ['store-closed', 'peer-unreachable'].includes(error.code), String(error));
    }
  }

  async #restart(): Promise<void> {
    for (const who of this.#dying.dead()) await this.#world.start(who);
    // The same once more says.
    if (this.#unsure !== undefined) await this.#order(this.#unsure);
  }

  async #does(kind: Kind, times: number): Promise<unknown> {
    const { agent, merchant, price, road } = this.#world;
    switch (kind) {
      case 'buy':
        return agent.buy(this.#channel, 'tea', async (invoice) => invoice.amount, road);
      case 'give-back':
        return this.#order({ name: `order ${this.#orders++}`, value: price * BigInt(times) });
      case 'again':
        return this.#taken && merchant.giveBack(this.#channel, amount(this.#taken.value), this.#taken.name);
      case 'refresh':
        return agent.refresh(this.#channel, road);
      case 'mine':
        return this.#world.mine(1 + (times % 3));
      case 'end':
        this.#isEnding = true;
        return agent.end(this.#channel, road);
      case 'merchant closes':
        this.#isEnding = true;
        return merchant.close(this.#channel);
      case 'payer closes':
        this.#isEnding = true;
        return this.#closeOpposite();
    }
  }

  async #order(order: Order): Promise<void> {
    this.#unsure = order;
    const taken = await this.#world.merchant.giveBack(this.#channel, amount(order.value), order.name);
    this.#unsure = undefined;
    if (isRefusal(taken)) return;
    this.#ordered += order.value;
    this.#taken = order;
  }

  async #closeOpposite(): Promise<void> {
    const opposite = await this.#world.agent.opposite(this.#channel);
    if (opposite?.best !== undefined) await this.#world.agent.payee.close(opposite.channel);
  }

  /** Whoever has signed the one end pays nothing more in its own channel. */
  #noteJoin(request: Request, reply: Reply): void {
    if (request.kind !== 'join') return;
    if (reply.kind === 'joined' && reply.end !== undefined) this.#frozen.set('merchant', this.#signedBy('merchant'));
    this.#frozen.set('payer', this.#signedBy('payer'));
  }

  #signedBy(who: Who): bigint {
    return this.#payers(who).reduce((sum, { signed }) => sum + signed, 0n);
  }

  #payers(who: Who): readonly PayerState[] {
    return this.#stored(who, who === 'merchant' ? 'opposite/payer-channel' : 'payer-channel', payerSnapshot);
  }

  #payees(who: Who): readonly PayeeState[] {
    return this.#stored(who, who === 'payer' ? 'opposite/payee-channel' : 'payee-channel', payeeSnapshot);
  }

  #stored<State>(who: Who, kind: string, snapshot: Snapshot<State>): readonly State[] {
    return [...(this.#world.copyOf(who).get(kind)?.values() ?? [])].map(({ value }) => snapshot.decode(value));
  }

  /** What has to be true of the disks after every step. */
  async #check(): Promise<void> {
    const given = this.#signedBy('merchant');
    assert.ok(given <= this.#ordered, `no more is given back than was ordered: ${given} of ${this.#ordered}`);
    for (const [payee, payer] of [
      ['merchant', 'payer'],
      ['payer', 'merchant'],
    ] as const) {
      const signed = new Map(this.#payers(payer).map((state) => [state.channel, state.signed]));
      for (const { channel, best } of this.#payees(payee))
        assert.ok((best?.total ?? 0n) <= (signed.get(channel) ?? 0n), `what was paid is on the disk of the ${payer} who paid it`);
      const frozen = this.#frozen.get(payer);
      assert.ok(frozen === undefined || this.#signedBy(payer) <= frozen, `the ${payer} pays nothing once it has signed the one end`);
    }
    for (const { best, deposits } of this.#payees('payer')) await this.#checkDeep(best === undefined ? [] : deposits);
  }

  async #checkDeep(deposits: PayeeState['deposits']): Promise<void> {
    for (const { outpoint } of deposits) {
      const output = await this.#world.subject.chain.output(outpoint);
      assert.ok(output === undefined || output.depth >= DEPTH, 'nothing is given back before the channel the other way is deep');
    }
  }

  /** Nothing goes wrong any more: what is owed is paid, both channels end, and every unit is accounted for. */
  async #settle(last: DuplexHistory['last']): Promise<void> {
    const world = this.#world;
    for (const who of ['merchant', 'payer'] as const) await world.start(who);
    for (let i = 0; i < 3; i++) {
      await world.mine(DEPTH);
      await world.agent.refresh(this.#channel, world.road);
    }
    await this.#check();
    if (!this.#isEnding) assert.equal(this.#signedBy('merchant'), this.#ordered, 'all that was ordered is given back');
    if (last !== 'nothing') await this.#does(last, 1);
    await world.mine(1);
    for (;;) {
      const { height } = await world.subject.chain.tip();
      const next = this.#due().find((at) => at > height);
      if (next === undefined) break;
      await world.mine(next - height);
      await world.mine(1);
    }
    await world.mine(world.coin.channel.buried + 1);
    await world.mine(1);
    this.#checkOver();
    await this.#checkSum();
  }

  #due(): readonly number[] {
    const terms = (['merchant', 'payer'] as const).flatMap((who) => [...this.#payers(who), ...this.#payees(who)]).map((one) => one.terms);
    return terms.flatMap((one) => [closingAt(one), one.expiry + 1]).toSorted((a, b) => a - b);
  }

  #checkOver(): void {
    for (const who of ['merchant', 'payer'] as const) {
      const left = [...this.#payers(who), ...this.#payees(who)].filter(({ kind }) => kind !== 'ended' && kind !== 'planned');
      assert.deepEqual(
        left.map(({ kind }) => kind),
        [],
        `nothing of the ${who} is left open`,
      );
    }
  }

  /** Each side has what it began with, and what it was paid less what it paid; fees are all that is gone. */
  async #checkSum(): Promise<void> {
    const { price, wallets } = this.#world;
    const start = price * 10_000n;
    const paid = (who: Who): bigint => this.#payees(who).reduce((sum, { best }) => sum + (best?.total ?? 0n), 0n);
    const gain = paid('merchant') - paid('payer');
    const has = async (who: Who): Promise<bigint> => {
      const { confirmed, pending } = await wallets[who].balance();
      return confirmed + pending;
    };
    const [merchant, payer] = [await has('merchant'), await has('payer')];
    const fees = 2n * start - merchant - payer;
    assert.ok(fees >= 0n && fees <= price * 10n, `fees of ${fees}`);
    for (const [who, value, due] of [
      ['merchant', merchant, start + gain],
      ['payer', payer, start - gain],
    ] as const)
      assert.ok(value <= due && value + fees >= due, `the ${who} has ${value}, and ${due} are its own but for ${fees} of fees`);
  }
}
