import { type Amount, amount } from '../../src/core/base/amount.ts';
import { type ChannelId, equalBytes } from '../../src/core/base/bytes.ts';
import { isRefusal, type Refusal } from '../../src/core/base/refusal.ts';
import type { YoungBound } from '../../src/core/coin/coin.ts';
import { dogecoinRegtest as coin } from '../../src/core/coin/dogecoin.ts';
import type { Announce, Pay } from '../../src/core/message/message.ts';
import { p2pkh } from '../../src/core/tx/script.ts';
import type { Signer } from '../../src/core/tx/sign.ts';
import type { Driven } from '../../src/engine/channel-driver.ts';
import type { Chain, Clock, Store, Tip } from '../../src/engine/ports.ts';
import { noteSetBack } from '../../src/engine/set-back.ts';
import type { Item, PriceList } from '../../src/merchant/invoice.ts';
import { type Merchant, openMerchant } from '../../src/merchant/merchant.ts';
import type { MerchantTerms } from '../../src/merchant/terms.ts';
import { WatchWriter } from '../../src/merchant/watchtower/file-writer.ts';
import type { TakenPayment } from '../../src/transport/request-handler.ts';
import { wire } from '../world/wire.ts';
import type { Chance } from './chance.ts';
import { nativeKeyRing, verify } from './keys.ts';
import { Machine } from './machine.ts';
import type { Listener } from './network.ts';
import type { SimNode } from './node.ts';
import type { Process, Stage } from './stage.ts';
import type { WatchDisk } from './watch.ts';

const { dust } = coin.policy;

export const PRICES: PriceList = new Map([
  ['tea', { text: 'A cup of tea', price: amount(2n * dust) }],
  ['meal', { text: 'A meal', price: amount(45n * dust) }],
  ['sip', { text: 'A sip', price: amount(1_000n) }],
]);

/** What a shop asks for may be more than it was a moment ago. */
export class Prices extends Map<string, Item> {
  readonly #chance: Chance;
  readonly #rises: number;

  constructor(chance: Chance, rises: number) {
    super(PRICES);
    this.#chance = chance;
    this.#rises = rises;
  }

  override get(name: string): Item | undefined {
    const item = super.get(name);
    if (item === undefined || !this.#chance.happens(this.#rises)) return item;
    return { ...item, price: amount(item.price * this.#chance.pick([3n, 20n])) };
  }
}

export interface Instance extends Listener {
  readonly merchant: Merchant;
  readonly writer: WatchWriter | undefined;
  /** Tip up to which its last poll came through. */
  polled: string | undefined;
  isPolling: boolean;
}

/** What a world sets, and what a mutation may put in the place of a part. */
export interface Seams {
  readonly exposure?: Amount;
  readonly young?: readonly YoungBound[];
  readonly prices?: PriceList;
  readonly store?: (store: Store) => Store;
  readonly chain?: (chain: Chain) => Chain;
  readonly merchant?: (merchant: Merchant) => Merchant;
  /** Files for watchers are kept; secrets wait for them unless this says otherwise. */
  readonly watch?: WatchDisk;
  readonly isHeedless?: boolean;
  /** What its owner has it do first with an older copy of its store. */
  readonly note?: (store: Store) => Promise<void>;
  /** The key of its payout is at hand, for children. */
  readonly canHurry?: boolean;
}

/** The merchant's computer: one disk, one node, and as many programs on it as somebody started. */
export class PayeeSide {
  readonly machine: Machine;
  readonly node: SimNode;
  /** Of every payout that it ever had, the present one last. */
  readonly purses: Signer[] = [nativeKeyRing('purse').signer('m/purse')];
  /** Of its store, which keeps it when an older copy is put back, unless its owner says that it is one. */
  identity: Uint8Array;
  /** Its owner has told it that it was set back: once, and before it serves, it notes that. */
  #setBack: { readonly isNoted: boolean; readonly recovering?: Process } | undefined;
  instances: Instance[] = [];
  readonly #stage: Stage;
  #terms: MerchantTerms;
  readonly #clock: Clock;
  readonly #seams: Seams;
  readonly #keys = nativeKeyRing('payee');
  /** A program begins to read the chain; what that returns is called with the height up to which it has. */
  onPolling: () => (height: number) => void = () => () => undefined;
  #started = 0;
  /** Channels that a poll could not help. */
  #failures = 0;

  constructor(stage: Stage, node: SimNode, terms: MerchantTerms, clock: Clock, seams: Seams, number = 1) {
    this.#stage = stage;
    this.machine = new Machine(stage);
    this.node = node;
    this.#terms = terms;
    this.#clock = clock;
    this.#seams = seams;
    this.identity = new Uint8Array(16).fill(number);
  }

  get purse(): Signer {
    const [purse] = this.purses.slice(-1);
    if (purse === undefined) throw new Error('a shop has a payout');
    return purse;
  }

  get payeeScript(): Uint8Array {
    return p2pkh(this.purse.publicKey);
  }

  /** What programs that are started from now on stand by; `payout`: the name of the key they pay out to. */
  change(terms: MerchantTerms, payout?: string): void {
    this.#terms = terms;
    if (payout !== undefined) this.purses.push(nativeKeyRing('purse').signer(payout));
  }

  /** The store is lost. An older copy takes its place, or an empty one, as another store of the same seed. */
  restore(generation: number): void {
    this.machine.restore(generation);
    this.identity = this.identity.map((byte) => byte + 2);
    this.#setBack = { isNoted: false };
  }

  /** Of all its programs. */
  get processes(): readonly Process[] {
    const { recovering } = this.#setBack ?? {};
    return [...this.instances.map(({ process }) => process), ...(recovering === undefined ? [] : [recovering])];
  }

  boot(): void {
    if (this.#setBack?.isNoted === false) this.#recover();
    else this.#serve();
  }

  /** Notes what was set back, and serves then. Whatever ends it before, it begins anew at the next start. */
  #recover(): void {
    if (this.#setBack?.recovering !== undefined) return;
    const process: Process = { name: `payee${this.#started++}`, alive: true };
    const { note = noteSetBack } = this.#seams;
    this.#setBack = { isNoted: false, recovering: process };
    this.#stage.start(process, 'note that it was set back', async () => {
      try {
        await note(this.machine.store(process));
        this.#setBack = { isNoted: true };
        this.#serve();
      } finally {
        this.#forget(process);
      }
    });
  }

  #forget(process: Process): void {
    if (this.#setBack?.recovering === process) this.#setBack = { isNoted: false };
  }

  #serve(): void {
    const process: Process = { name: `payee${this.#started++}`, alive: true };
    const { store = (it) => it, chain = (it) => it, merchant: altered = (it) => it } = this.#seams;
    const writer = this.#writer(process);
    const merchant = altered(
      openMerchant({
        chain: chain(this.node.port(process)),
        store: store(this.machine.store(process)),
        keys: this.#keys,
        verify,
        clock: this.#clock,
        random: this.#stage.chance,
        terms: this.#terms,
        prices: this.#seams.prices ?? PRICES,
        payeeScript: this.payeeScript,
        identity: this.identity,
        isRecovering: this.#setBack !== undefined,
        ...(this.#seams.canHurry && { keyOf: (script) => this.purses.find(({ publicKey }) => equalBytes(script, p2pkh(publicKey))) }),
        ...(writer && {
          books: [writer],
          ...(this.#seams.isHeedless !== true && {
            beforeRevoking: async (channel: ChannelId) => writer.settle(channel, merchant.engine.get, merchant.engine.follower.seen().tip),
          }),
        }),
        ...(this.#seams.exposure && { exposure: this.#seams.exposure }),
        ...(this.#seams.young && { young: this.#seams.young }),
        onEvent: (_, event) => {
          this.#stage.note(`${process.name} event ${toldOf(event)}`);
          if (event instanceof Error) this.#failures++;
        },
      }),
    );
    const { exchange } = wire(merchant);
    this.instances.push({ process, merchant, writer, answer: exchange, polled: undefined, isPolling: false });
  }

  get isUp(): boolean {
    return this.instances.length > 0;
  }

  any(): Instance | undefined {
    return this.#stage.chance.pickAny(this.instances);
  }

  /** Reads the chain, in every instance that is not doing so. */
  poll(tip: () => Tip): void {
    for (const instance of this.instances.filter(({ isPolling }) => !isPolling)) {
      instance.isPolling = true;
      const at = tip();
      const failures = this.#failures;
      // A node that comes round while it is read has shown an old tip before.
      const { isSound } = this.node;
      const polled = this.onPolling();
      this.#stage.start(instance.process, 'poll', async () => {
        try {
          const { follower, get } = instance.merchant.engine;
          await follower.poll();
          instance.polled = at.hash;
          if (isSound && this.node.isSound && this.#failures === failures && tip() === at) polled(at.height);
          await instance.writer?.run(get, follower.seen().tip);
        } finally {
          instance.isPolling = false;
        }
      });
    }
  }

  /** It is told of a channel of which it may know nothing; `onTaken` hears when it takes its deposits. */
  hear(announce: Announce, onTaken: () => void): void {
    const instance = this.any();
    if (instance === undefined) return;
    this.#stage.start(instance.process, 'hear', async () => {
      await instance.merchant.engine.follower.poll();
      if ((await instance.merchant.answer(announce)).kind === 'accepted') onTaken();
    });
  }

  /** A payment comes in where increments are sold as they come; `onSold` hears for what something was delivered. */
  sell(pay: Pay, onSold: (taken: TakenPayment) => void): void {
    const instance = this.any();
    if (instance === undefined) return;
    this.#stage.start(instance.process, 'sell', async () => {
      const taken = await instance.merchant.increment(pay);
      if (!isRefusal(taken)) onSold(taken);
    });
  }

  giveBack(channel: ChannelId, value: Amount, order: string): void {
    const instance = this.any();
    if (instance === undefined) return;
    this.#stage.start(instance.process, 'give back', async () => {
      const driven = await instance.merchant.giveBack(channel, value, order);
      this.#stage.note(`${instance.process.name} gives back ${value}: ${isRefusal(driven) ? driven.code : 'ordered'}`);
    });
  }

  #writer(process: Process): WatchWriter | undefined {
    const { watch } = this.#seams;
    if (watch === undefined) return undefined;
    const onTrouble = (channel: ChannelId, { kind }: { readonly kind: string }): void =>
      this.#stage.note(`watch file of ${channel}: ${kind}`);
    return new WatchWriter({ coin, folder: watch.folder(this.#stage, process), keys: this.#keys, clock: this.#clock, onTrouble });
  }

  /** The owner has channels closed. */
  settle(channels: readonly ChannelId[]): void {
    const instance = this.any();
    if (instance === undefined) return;
    this.#stage.start(instance.process, 'settle', async () => {
      for (const one of await instance.merchant.settle(channels)) {
        this.#stage.note(`${instance.process.name} settled ${'why' in one ? one.why.code : one.outcome.kind}`);
      }
    });
  }

  /** Forgets a program that is dead. */
  bury(process: Process): void {
    this.#forget(process);
    this.instances = this.instances.filter((instance) => instance.process !== process);
  }
}

function toldOf(event: Driven<unknown> | Refusal | Error): string {
  if (event instanceof Error) return event.message;
  if (isRefusal(event)) return event.code;
  return event.broadcasts.map(({ outcome }) => (outcome instanceof Error ? outcome.message : outcome.kind)).join(' ');
}
