import { type Amount, amount } from '../../../src/core/base/amount.ts';
import type { ChannelId } from '../../../src/core/base/bytes.ts';
import { after, height, lockTime } from '../../../src/core/base/height.ts';
import { isRefusal } from '../../../src/core/base/refusal.ts';
import { type PayerState, unsentOf } from '../../../src/core/channel/payer-state.ts';
import { dogecoinRegtest as coin } from '../../../src/core/coin/dogecoin.ts';
import { scriptOf } from '../../../src/core/tx/address.ts';
import { p2pkh } from '../../../src/core/tx/script.ts';
import type { Signer } from '../../../src/core/tx/sign.ts';
import { type Clock, type Connection, type SeedRing, type Store, WorldError } from '../../../src/engine/ports.ts';
import { type Hub, type HubOptions, openHub } from '../../../src/hub/hub.ts';
import { hubMerchant } from '../../../src/hub/merchant.ts';
import { PendingChannels } from '../../../src/hub/pending-channels.ts';
import { type Merchant, openMerchant } from '../../../src/merchant/merchant.ts';
import type { MerchantTerms } from '../../../src/merchant/terms.ts';
import { type Agent, openAgent } from '../../../src/payer/agent.ts';
import { storePart } from '../../../src/store/part.ts';
import { branchKeyName } from '../../../src/wallet/key-branch.ts';
import { openWallet, type Wallet } from '../../../src/wallet/wallet.ts';
import { wire } from '../../world/wire.ts';
import { START } from '../chain.ts';
import { nativeKeyRing, verify } from '../keys.ts';
import { Machine } from '../machine.ts';
import type { Listener } from '../network.ts';
import type { SimNode } from '../node.ts';
import { PRICES } from '../payee.ts';
import type { Process, Stage } from '../stage.ts';

const GAPS = { receive: 4, change: 4, channel: 8 };
/** Address of the one payee that the hub knows a way to. */
export const FAR = 'http://far';
/** The part of its store in which the hub is a payer; and what its channels are called there. */
const PART = 'hub';
export const OUTGOING: string = `${PART}/payer-channel`;
const FEE = { base: amount(1_000n), perMille: 5 };

/** What planted faults may put in the place of a part. */
export interface HubSeams {
  readonly store?: (store: Store) => Store;
  readonly options?: (options: HubOptions) => HubOptions;
}

interface Running extends Listener {
  readonly wallet: Wallet;
  readonly agent: Agent;
  readonly merchant: Merchant;
  readonly hub: Hub;
  readonly payee: Connection;
}

interface Setting {
  readonly terms: MerchantTerms;
  /** Blocks that its own channels last beyond the least. */
  readonly lifetime: () => number;
  readonly payee: (process: Process) => Connection;
}

/** The hub's computer: a merchant and a payer in one program, on one store. */
export class HubSide {
  readonly machine: Machine;
  readonly node: SimNode;
  readonly keys: SeedRing = nativeKeyRing('hub');
  readonly purse: Signer = nativeKeyRing('hub purse').signer('m/purse');
  readonly #stage: Stage;
  readonly #clock: Clock;
  readonly #setting: Setting;
  readonly #seams: HubSeams;
  process: Process | undefined;
  running: Running | undefined;
  /** A look at the chain and at its hops is under way. */
  #isTending = false;
  #started = 0;

  constructor(stage: Stage, node: SimNode, clock: Clock, setting: Setting, seams: HubSeams) {
    this.#stage = stage;
    this.machine = new Machine(stage);
    this.node = node;
    this.#clock = clock;
    this.#setting = setting;
    this.#seams = seams;
  }

  get payeeScript(): Uint8Array {
    return p2pkh(this.purse.publicKey);
  }

  receiveScript(index: number): Uint8Array {
    return p2pkh(this.keys.signer(branchKeyName(coin, 'receive', index)).publicKey);
  }

  boot(): void {
    const process: Process = { name: `hub${this.#started++}`, alive: true };
    this.process = process;
    this.running = undefined;
    this.#isTending = false;
    this.#stage.start(process, 'boot', async () => {
      this.running = await this.#opened(process).catch((error: unknown) => {
        if (this.process === process) this.died();
        throw error;
      });
      await this.#look(this.running);
    });
  }

  async #opened(process: Process): Promise<Running> {
    const { store: altered = (it: Store) => it, options: changed = (it: HubOptions) => it } = this.#seams;
    const chain = this.node.port(process);
    const store = altered(this.machine.store(process));
    const [incoming, outgoing] = [new PendingChannels(), new PendingChannels()];
    const common = { chain, store, keys: this.keys, verify, clock: this.#clock };
    const paying = { ...common, store: storePart(store, PART) };
    const wallet = await openWallet({ ...paying, gaps: GAPS, birthday: height(START) });
    const agent = openAgent({ ...paying, wallet, books: [outgoing] });
    const merchant = openMerchant({
      ...common,
      random: this.#stage.chance,
      terms: this.#setting.terms,
      prices: PRICES,
      payeeScript: this.payeeScript,
      identity: new Uint8Array(16).fill(7),
      books: [incoming],
      isForwarding: true,
    });
    const payee = this.#setting.payee(process);
    const route: HubOptions['route'] = async (address) => (address === FAR ? openOne(agent) : undefined);
    const onTrouble = (_: unknown, error: unknown): void => {
      if (error instanceof WorldError) this.#stage.note(`${process.name} trouble ${error.code}`);
      else this.#stage.fault ??= error instanceof Error ? error : new Error(String(error));
    };
    const parts = { merchant, agent, store, fee: FEE, route, payeeOf: async () => payee, incoming, outgoing, onTrouble };
    const hub = openHub(changed(parts));
    const { exchange } = wire(hubMerchant(merchant, hub, verify));
    return { process, wallet, agent, merchant, hub, payee, answer: exchange };
  }

  died(): void {
    this.process = undefined;
    this.running = undefined;
    this.#isTending = false;
  }

  /** Reads the chain, and then does what is due. */
  tend(): void {
    const { running } = this;
    if (running === undefined || this.#isTending) return;
    this.#isTending = true;
    this.#stage.start(running.process, 'tend', async () => {
      try {
        await this.#look(running);
      } finally {
        this.#isTending = false;
      }
    });
  }

  /** Each part by itself: what hinders one hinders no other. */
  async #look({ process, wallet, agent, merchant, hub, payee }: Running): Promise<void> {
    const help = async (): Promise<void> => {
      for await (const [, state] of agent.engine.all()) await helped(agent, state, payee);
    };
    for (const part of [merchant.engine.follower.poll, agent.poll, hub.claim, wallet.sync, help, hub.tick]) {
      try {
        await part();
      } catch (error) {
        if (!(error instanceof WorldError)) throw error;
        this.#stage.note(`${process.name} look: ${error.code}`);
      }
    }
  }

  tick(): void {
    const { running } = this;
    if (running !== undefined) this.#stage.start(running.process, 'tick', running.hub.tick);
  }

  /** A channel with the payee. */
  open(value: Amount): void {
    const { running } = this;
    if (running === undefined) return;
    this.#stage.start(running.process, 'open', async () => {
      const { agent, payee, wallet } = running;
      const offer = await payee.exchange({ kind: 'offer-request' });
      if (offer.kind !== 'offer') return;
      const expiry = lockTime(Math.min(offer.maxExpiry, after(offer.minExpiry, this.#setting.lifetime())));
      const returnScript = scriptOf(coin, await wallet.receiveAddress()) ?? new Uint8Array();
      const planned = await agent.plan(offer, expiry, returnScript);
      if (!isRefusal(planned)) await agent.fund(planned.channel, value, payee);
    });
  }

  /** Ends what it can end with the payee. */
  end(channel: ChannelId): void {
    const { running } = this;
    if (running !== undefined) this.#stage.start(running.process, 'end', () => running.agent.end(channel, running.payee));
  }
}

async function openOne(agent: Agent): Promise<ChannelId | undefined> {
  for await (const [channel, state] of agent.engine.all()) if (state.kind === 'open') return channel;
  return undefined;
}

/** What waits for the payee goes on; who can't be reached is asked again at the next look. */
async function helped(agent: Agent, state: PayerState, payee: Connection): Promise<void> {
  const { channel } = state;
  try {
    if ((state.kind === 'planned' || state.kind === 'open') && state.offered.length > 0) await agent.launch(channel, payee);
    else if (state.kind === 'funding') await (unsentOf(state).size > 0 ? agent.launch : agent.announce)(channel, payee);
    else if (state.kind === 'ending') await agent.end(channel, payee);
  } catch (error) {
    if (!(error instanceof WorldError && error.code === 'peer-unreachable')) throw error;
  }
}
