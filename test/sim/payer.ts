import { type Amount, amount } from '../../src/core/base/amount.ts';
import type { ChannelId } from '../../src/core/base/bytes.ts';
import { after, height, lockTime } from '../../src/core/base/height.ts';
import { blocksOn } from '../../src/core/base/lock-time.ts';
import { isRefusal, type Refusal } from '../../src/core/base/refusal.ts';
import { type PayerState, unsentOf } from '../../src/core/channel/payer-state.ts';
import { dogecoinRegtest as coin } from '../../src/core/coin/dogecoin.ts';
import { capacityOf } from '../../src/core/contract/contract.ts';
import type { Invoice } from '../../src/core/message/message.ts';
import { scriptOf } from '../../src/core/tx/address.ts';
import { p2pkh } from '../../src/core/tx/script.ts';
import type { Clock, Connection, SeedRing, Store } from '../../src/engine/ports.ts';
import { type Agent, openAgent } from '../../src/payer/agent.ts';
import type { WireFormat } from '../../src/payer/wire-format.ts';
import { branchKeyName } from '../../src/wallet/key-branch.ts';
import { openWallet, type Wallet } from '../../src/wallet/wallet.ts';
import { START } from './chain.ts';
import { nativeKeyRing, verify } from './keys.ts';
import { Machine } from './machine.ts';
import type { SimNode } from './node.ts';
import type { Process, Stage } from './stage.ts';

const GAPS = { receive: 4, change: 4, channel: 8 };

export interface PayerOptions {
  readonly name: string;
  readonly form: WireFormat;
  readonly lifetime: () => number;
  readonly payee: (process: Process) => Connection;
  /** What got no answer is no new wish when it is asked for again, by whoever does one thing after the other. Only where nobody lies about how it came out. */
  readonly isPatient: boolean;
  /** What an item cost when its owner looked; without, what it costs when it is asked for is what was seen. */
  readonly seen?: (item: string) => Amount | undefined;
}

/** What mutations may put in the place of a part. */
export interface PayerSeams {
  readonly store?: (store: Store) => Store;
  readonly agent?: (agent: Agent) => Agent;
}

/** A program that was started, once it runs. */
interface Running {
  readonly process: Process;
  readonly payee: Connection;
  readonly wallet: Wallet;
  readonly agent: Agent;
}

/** The payer's computer and its owner, who does after every start what an owner should. */
export class PayerSide {
  readonly machine: Machine;
  readonly node: SimNode;
  readonly keys: SeedRing;
  readonly #stage: Stage;
  readonly #clock: Clock;
  readonly #options: PayerOptions;
  readonly #seams: PayerSeams;
  process: Process | undefined;
  running: Running | undefined;
  channels: ChannelId[] = [];
  /** Purchases begun: invoice and price. */
  readonly bought: Map<string, { readonly channel: ChannelId; readonly item: string; readonly price: Amount }> = new Map();
  /** The owner means to spend this much more. */
  onWish: (channel: ChannelId, price: bigint) => void = () => undefined;
  /** Payments for something, by their invoices, that were sent: `lost` when no answer can come any more. */
  readonly #sent = new Map<string, { readonly channel: ChannelId; isLost: boolean }>();
  busy = 0;
  #started = 0;

  constructor(stage: Stage, node: SimNode, clock: Clock, options: PayerOptions, seams: PayerSeams) {
    this.#stage = stage;
    this.machine = new Machine(stage);
    this.node = node;
    this.keys = nativeKeyRing(options.name);
    this.#clock = clock;
    this.#options = options;
    this.#seams = seams;
  }

  get name(): string {
    return this.#options.name;
  }

  /** Scripts of the first keys of the wallet: where its money is put before the world begins. */
  receiveScript(index: number): Uint8Array {
    return p2pkh(this.keys.signer(branchKeyName(coin, 'receive', index)).publicKey);
  }

  boot(): void {
    const process: Process = { name: `${this.#options.name}.${this.#started++}`, alive: true };
    this.process = process;
    this.running = undefined;
    this.busy = 0;
    const { store: alteredStore = (it) => it, agent: alteredAgent = (it) => it } = this.#seams;
    const chain = this.node.port(process);
    const store = alteredStore(this.machine.store(process));
    this.start('boot', async () => {
      const wallet = await openWallet({ chain, store, keys: this.keys, gaps: GAPS, birthday: height(START) }).catch((error: unknown) => {
        // A program that can't start ends; somebody starts it again.
        if (this.process === process) this.died();
        throw error;
      });
      const agent = alteredAgent(
        openAgent({ chain, store, keys: this.keys, verify, clock: this.#clock, wallet, form: this.#options.form }),
      );
      this.running = { process, payee: this.#noting(this.#options.payee(process)), wallet, agent };
      await wallet.sync();
      await agent.poll();
      await this.#tidy();
    });
  }

  /** Work of the program that runs now, if one does. */
  start(label: string, work: () => Promise<unknown>): void {
    if (this.process === undefined) return;
    this.busy++;
    const { process } = this;
    this.#stage.start(process, label, async () => {
      try {
        const result = await work();
        this.#stage.note(`${process.name} ${label}: ${told(result)}`);
      } finally {
        if (this.process === process) this.busy--;
      }
    });
  }

  /** A payment that got no answer is not answered by who has no time for it either. */
  #noting({ exchange }: Connection): Connection {
    return {
      exchange: async (request, psbt) => {
        const invoice = request.kind === 'payment' ? request.invoice : undefined;
        const wasLost = invoice !== undefined && this.#sent.get(invoice)?.isLost === true;
        if (invoice !== undefined && request.kind === 'payment') this.#sent.set(invoice, { channel: request.channel, isLost: wasLost });
        const reply = await exchange(request, psbt).catch((error: unknown) => {
          if (invoice !== undefined) this.#lose(invoice);
          throw error;
        });
        const isUnread = isRefusal(reply) && reply.code === 'too-many';
        if (invoice !== undefined && !(wasLost && isUnread)) this.#sent.delete(invoice);
        return reply;
      },
    };
  }

  #lose(invoice?: string): void {
    for (const [id, one] of this.#sent) if (invoice === undefined || id === invoice) one.isLost = true;
  }

  /** Its owner looks what the payee holds, and what was wanted is told by that. */
  #settle(channel: ChannelId): void {
    for (const [id, one] of this.#sent) if (one.channel === channel) this.#sent.delete(id);
  }

  /** What was wanted before, and nobody knows yet what came of it. */
  unanswered(channel: ChannelId): string | undefined {
    const [id = ''] = [...this.#sent].find(([, one]) => one.isLost && one.channel === channel) ?? [];
    return this.bought.get(id)?.item;
  }

  died(): void {
    this.#lose();
    this.process = undefined;
    this.running = undefined;
    this.busy = 0;
  }

  /** Looks at the chain; then every channel that waits for something is helped on. */
  tend(): void {
    this.start('tend', async () => {
      const { wallet, agent } = this.#must();
      await wallet.sync();
      await agent.poll();
      for (const channel of this.channels) await this.#help(channel);
    });
  }

  /** After a start, when nothing is under way: gives back what was reserved for a channel that then did not come about. */
  async #tidy(): Promise<void> {
    const { wallet, agent } = this.#must();
    const ids: ChannelId[] = [];
    const wanted = new Set<string>();
    for await (const [channel, state] of agent.engine.all()) {
      ids.push(channel);
      if (state.kind === 'ended') continue;
      for (const { outpoint } of [...state.deposits, ...state.offered]) wanted.add(outpoint.txid);
    }
    this.channels = ids;
    for (const { txid, stage } of await wallet.transactions()) {
      if (stage.kind === 'reserved' && !wanted.has(txid)) await wallet.release(txid);
    }
  }

  async #help(channel: ChannelId): Promise<void> {
    const { agent, payee } = this.#must();
    const state = await agent.engine.get(channel);
    if (state === undefined) return;
    switch (state.kind) {
      case 'planned':
        if (state.offered.length > 0) await agent.launch(channel, payee);
        return;
      case 'funding':
        await (unsentOf(state).size > 0 ? agent.launch : agent.announce)(channel, payee);
        return;
      case 'open':
        if (state.offered.length > 0) await agent.launch(channel, payee);
        return;
      case 'ending':
        await agent.end(channel, payee);
        return this.#askRelease(state);
      case 'refunding':
        return this.#askRelease(state);
      case 'ended':
    }
  }

  /** For what came late, or under another id; refused when there is nothing to be signed. */
  async #askRelease({ channel, terms }: PayerState): Promise<void> {
    const { agent, payee } = this.#must();
    if (terms.contract.expiryIn === 'releases') await agent.announce(channel, payee);
  }

  open(value: Amount): void {
    this.start('open', async () => {
      const { agent, payee, wallet } = this.#must();
      const offer = await payee.exchange({ kind: 'offer-request' });
      if (offer.kind !== 'offer') return offer;
      const lifetime = blocksOn(offer.contract.expiresBy, this.#options.lifetime(), coin.blockSeconds);
      const expiry = lockTime(Math.min(offer.maxExpiry, after(offer.minExpiry, lifetime)));
      const returnScript = scriptOf(coin, await wallet.receiveAddress()) ?? new Uint8Array();
      const planned = await agent.plan(offer, expiry, returnScript, { expiryIn: offer.contract.expiryIn });
      if (isRefusal(planned)) return planned;
      this.channels.push(planned.channel);
      return agent.fund(planned.channel, value, payee);
    });
  }

  topUp(channel: ChannelId, value: Amount): void {
    this.start('top up', async () => this.#must().agent.fund(channel, value, this.#must().payee));
  }

  buy(channel: ChannelId, item: string): void {
    const isAgain = this.#options.isPatient && this.busy === 0 && this.unanswered(channel) === item;
    this.start(`buy ${item}`, async () => {
      const { agent, payee } = this.#must();
      // A purchase that got no answer is no new wish: it is settled unasked. Nor is one that costs more than was seen.
      const agree = async ({ id, amount: price }: Invoice): Promise<Amount> => {
        const most = this.#options.seen?.(item) ?? price;
        if (price > most) return most;
        if (!isAgain) this.onWish(channel, price);
        this.bought.set(id, { channel, item, price });
        return price;
      };
      return agent.buy(channel, item, agree, payee);
    });
  }

  /** Tries a purchase again whose outcome is not known. */
  buyAgain(): void {
    const [id, known] = this.#stage.chance.pickAny([...this.bought]) ?? ['', undefined];
    if (known === undefined) return;
    const { channel, item, price } = known;
    this.onWish(channel, price);
    const purchase = { id, item, amount: price, most: price };
    this.start('buy again', async () => this.#must().agent.pay(channel, purchase, this.#must().payee));
  }

  credit(channel: ChannelId, value: Amount): void {
    this.onWish(channel, value);
    this.start('credit', async () => this.#must().agent.pay(channel, { amount: value }, this.#must().payee));
  }

  /** Spends all that a channel still has. */
  drain(channel: ChannelId): void {
    this.start('drain', async () => {
      const { agent, payee } = this.#must();
      const state = await agent.engine.get(channel);
      if (state?.kind !== 'open') return undefined;
      const left = amount(capacityOf(state.deposits) - (state.best?.total ?? 0n));
      this.onWish(channel, left);
      return agent.pay(channel, { amount: left }, payee);
    });
  }

  resync(channel: ChannelId): void {
    this.#settle(channel);
    this.start('resync', async () =>
      this.#must()
        .agent.resync(channel, this.#must().payee)
        .finally(() => this.#settle(channel)),
    );
  }

  refresh(channel: ChannelId): void {
    this.start('refresh', async () => this.#must().agent.refresh(channel, this.#must().payee));
  }

  end(channel: ChannelId): void {
    this.start('end', async () => this.#must().agent.end(channel, this.#must().payee));
  }

  async states(): Promise<PayerState[]> {
    const states: PayerState[] = [];
    for await (const [, state] of this.#must().agent.engine.all()) states.push(state);
    return states;
  }

  #must(): Running {
    if (this.running === undefined) throw new Error(`${this.name} is not running`);
    return this.running;
  }
}

function told(result: unknown): string {
  if (isRefusal(result)) return (result as Refusal).code;
  if (typeof result === 'object' && result !== null && 'reply' in result && 'state' in result) {
    const { reply, state } = result as { reply: { kind: string }; state: { kind: string } };
    return `${reply.kind} → ${state.kind}`;
  }
  return 'done';
}
