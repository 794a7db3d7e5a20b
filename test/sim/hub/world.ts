import { amount, feeFor } from '../../../src/core/base/amount.ts';
import { bytesToHex, type ChannelId } from '../../../src/core/base/bytes.ts';
import { dogecoinRegtest as coin } from '../../../src/core/coin/dogecoin.ts';
import { cltv } from '../../../src/core/contract/cltv.ts';
import { cltvMultisig } from '../../../src/core/contract/cltv-multisig.ts';
import { closingAt } from '../../../src/core/contract/contract.ts';
import { closeSize } from '../../../src/core/contract/tx-size.ts';
import type { Request } from '../../../src/core/message/message.ts';
import type { Transaction } from '../../../src/core/tx/transaction.ts';
import type { Write } from '../../../src/engine/ports.ts';
import { defaultTerms, type MerchantTerms } from '../../../src/merchant/terms.ts';
import { malleated, SimChain } from '../chain.ts';
import { Chance } from '../chance.ts';
import { Coverage } from '../coverage.ts';
import { Network } from '../network.ts';
import { SimNode } from '../node.ts';
import { PayeeSide } from '../payee.ts';
import { type PayerSeams, PayerSide } from '../payer.ts';
import { type Fate, type Process, Stage } from '../stage.ts';
import { hundredths } from '../world.ts';
import { Buyer } from './buyer.ts';
import { HubOracle } from './oracle.ts';
import { drawHubProfile, type HubProfile } from './profile.ts';
import { HubRobber } from './robber.ts';
import { type HubSeams, HubSide } from './side.ts';

/** What a planted fault changes in a world with a hub. */
export interface HubMutation {
  readonly hub?: HubSeams;
  readonly payer?: PayerSeams;
  readonly profile?: (drawn: HubProfile) => HubProfile;
}

export interface HubWorldOptions {
  readonly seed: number;
  readonly number: number;
  readonly keepTrace?: boolean;
  readonly mutation?: HubMutation;
}

/** Payers, a hub and a payee, on one chain. */
export class HubWorld {
  readonly chance: Chance;
  readonly profile: HubProfile;
  readonly stage: Stage;
  readonly chain: SimChain = new SimChain();
  readonly coverage: Coverage = new Coverage();
  readonly network: Network;
  readonly hub: HubSide;
  readonly payee: PayeeSide;
  readonly buyers: readonly Buyer[];
  readonly oracle: HubOracle;
  readonly robber: HubRobber;
  /** Who does not come back, by name. */
  readonly gone: Set<string> = new Set();
  now = 1_700_000_000_000;
  isCalm: boolean = false;
  /** Miners leave out everything up to this height. */
  censoredUntil = 0;

  constructor({ seed, number, keepTrace = false, mutation = {} }: HubWorldOptions) {
    this.chance = new Chance(seed ^ 0x6875, ~number);
    const drawn = drawHubProfile(this.chance);
    this.profile = mutation.profile?.(drawn) ?? drawn;
    this.stage = new Stage(this.chance, keepTrace);
    this.stage.note(JSON.stringify(this.profile));
    this.network = new Network(this.stage);
    const clock = { now: () => this.now };
    this.payee = new PayeeSide(this.stage, this.#node(), this.#terms(), clock, {});
    const far = (process: Process): ReturnType<Network['connection']> => this.network.connection(process, () => this.payee.any());
    const lifetime = (most: number) => (): number => this.chance.between(0, most);
    const setting = { terms: this.#terms(), lifetime: lifetime(this.profile.lifetimes.hub), payee: far };
    this.hub = new HubSide(this.stage, this.#node(), clock, setting, mutation.hub ?? {});
    this.oracle = new HubOracle(this.chain, this.hub.machine.disk);
    const near = (process: Process): ReturnType<Network['connection']> => this.network.connection(process, () => this.hub.running);
    this.buyers = Array.from({ length: this.profile.payers }, (_, i) => {
      const options = {
        name: `payer${i}`,
        form: 'compact',
        lifetime: lifetime(this.profile.lifetimes.payer),
        payee: near,
        isPatient: true,
      } as const;
      return new Buyer(new PayerSide(this.stage, this.#node(), clock, options, mutation.payer ?? {}), far);
    });
    this.robber = new HubRobber(this.stage, this.chain);
    this.#listen();
  }

  #node(): SimNode {
    const node = new SimNode(this.chain, this.stage);
    node.onFault = (fault) => this.coverage.hit(`fault ${fault}`);
    return node;
  }

  #terms(): MerchantTerms {
    const { isMultisig, margin, depth } = this.profile;
    const contract = isMultisig ? cltvMultisig : cltv;
    return {
      ...defaultTerms(coin, contract),
      signing: { kind: 'fixed', fee: amount(10n * feeFor(closeSize({ contract }, 1, 2), coin.policy.feeRate)) },
      minDeposit: hundredths(10),
      closingMargin: margin,
      minLifetime: margin + 10,
      maxLifetime: 600,
      depth: [{ upTo: amount(10n ** 18n), blocks: depth }],
    };
  }

  #listen(): void {
    const { coverage, network, oracle, stage, hub, payee } = this;
    network.onFault = (fault) => coverage.hit(`fault ${fault}`);
    network.onSent = (sender, request) => this.check(() => this.#sent(sender, request));
    network.onAnswer = (_, __, reply) => coverage.hit(`hub reply ${reply.kind === 'refusal' ? `refusal ${reply.code}` : reply.kind}`);
    hub.machine.onSynced = (writes) => {
      this.robber.stored('hub', writes);
      this.check(() => oracle.hubStored(writes));
      this.#countHops(writes);
    };
    payee.machine.onSynced = (writes) => {
      this.robber.stored('payee', writes);
      this.check(() => oracle.payeeStored(writes));
    };
    for (const { side } of this.buyers) side.machine.onSynced = (writes) => this.check(() => oracle.payerStored(writes));
    for (const buyer of this.buyers) buyer.onWish = (wish) => oracle.wished(wish);
    for (const { machine } of this.sides) machine.onFault = (fault) => coverage.hit(`fault ${fault}`);
    stage.onStep = (process) => this.#fate(process);
    stage.onCrash = (process) => this.crash(process, this.chance.happens(this.profile.power));
  }

  #countHops(writes: readonly Write[]): void {
    for (const { kind, value } of writes) {
      const [, stage = ''] = (kind === 'hub-hop' && /"kind":"(\w+)"/.exec(value ?? '')) || [];
      if (stage !== '') this.coverage.hit(`hop ${stage}`);
    }
  }

  get sides(): readonly (HubSide | PayeeSide | PayerSide)[] {
    return [this.hub, this.payee, ...this.buyers.map(({ side }) => side)];
  }

  #sent(sender: Process, request: Request): void {
    if (request.kind !== 'payment') return;
    this.robber.heard(request);
    const buyer = this.buyers.find(({ side }) => side.process === sender);
    const isHub = this.hub.process === sender;
    if (buyer !== undefined || isHub) this.oracle.sent(request, (buyer?.side ?? this.hub).machine.disk, isHub);
  }

  /** A broken rule is the world's end, wherever it is found. */
  check(rule: () => void): void {
    try {
      rule();
    } catch (error) {
      this.stage.fault ??= error instanceof Error ? error : new Error(String(error));
    }
  }

  #fate(process: Process): Fate {
    if (this.isCalm || process.name === 'net' || !this.chance.happens(this.profile.crash)) return 'go';
    return this.chance.happens(0.5) ? 'crash-before' : 'crash-after';
  }

  /** A program dies, or its whole machine does. */
  crash(process: Process, isPower: boolean): void {
    const buyer = this.buyers.find(({ side }) => side.process === process);
    const side = buyer?.side ?? (this.hub.process === process ? this.hub : this.payee);
    this.coverage.hit(`fault ${process.name.replace(/[\d.]+$/, '')} ${isPower ? 'power-cut' : 'killed'}`);
    this.stage.kill(process);
    this.network.died(process);
    if (side instanceof PayeeSide) side.bury(process);
    else side.died();
    if (isPower) side.machine.cutPower();
    else side.machine.release(process);
  }

  /** Somebody is gone for good. */
  leave(name: string): void {
    if (this.gone.has(name)) return;
    this.gone.add(name);
    this.coverage.hit(`gone ${name.replace(/\d+$/, '')}`);
    this.stage.note(`${name} is gone`);
    const processes =
      name === 'payee'
        ? this.payee.instances.map(({ process }) => process)
        : [name === 'hub' ? this.hub.process : this.#buyer(name)?.side.process];
    for (const process of processes) if (process !== undefined) this.crash(process, false);
  }

  #buyer(name: string): Buyer | undefined {
    return this.buyers.find(({ side }) => side.name === name);
  }

  /** What is down and not gone comes up again. */
  restart(p: number): void {
    const { chance, gone, hub, payee, buyers } = this;
    if (hub.process === undefined && !gone.has('hub') && chance.happens(p)) hub.boot();
    if (!payee.isUp && !gone.has('payee') && chance.happens(p)) payee.boot();
    for (const { side } of buyers) if (side.process === undefined && !gone.has(side.name) && chance.happens(p)) side.boot();
  }

  /** A block of what the mempool holds, or of nothing where miners keep it out. */
  mine(chosen?: readonly Transaction[]): void {
    const { chain } = this;
    chain.time += coin.blockSeconds;
    const isCensored = chain.tip.height < this.censoredUntil;
    const due = isCensored ? [] : chain.template().map((one) => this.#mined(one));
    const taken = chain.mine(chosen ?? due);
    chain.refresh();
    this.now += 60_000;
    this.stage.note(`block ${chain.tip.height} with ${taken.length}`);
    this.coverage.hit('blocks');
  }

  /** Anybody can give a transaction another id; a deposit's would be gone with it. */
  #mined(transaction: Transaction): Transaction {
    return !this.isCalm && this.chance.happens(this.profile.malleates) && !this.#isFunding(transaction)
      ? malleated(transaction)
      : transaction;
  }

  #isFunding({ outputs }: Transaction): boolean {
    const scripts = new Set([...this.oracle.terms.values()].map(({ terms }) => bytesToHex(terms.contract.outputScript(terms))));
    return outputs.some(({ script }) => scripts.has(bytesToHex(script)));
  }

  /** The last blocks give way to others, with what they please of the same transactions. */
  reorganise(wanted: number): void {
    const { chain, chance } = this;
    const depth = Math.min(wanted, chain.blocks.length - 1);
    if (depth < 1) return;
    this.coverage.hit('reorg');
    const again: Transaction[] = [];
    for (const transaction of chain.disconnect(depth)) {
      const fate = chance.weighted({ mined: 3, waiting: 3, gone: 1 });
      if (fate === 'mined') again.push(transaction);
      if (fate === 'waiting') chain.accept(transaction);
    }
    this.stage.note(`fork at ${chain.tip.height}`);
    for (let i = 0; i <= depth; i++) this.mine(i === depth ? again.splice(0) : again.splice(0, chance.int(again.length + 1)));
  }

  isOfGone(channel: ChannelId): boolean {
    return this.buyers.some(({ side }) => this.gone.has(side.name) && side.machine.disk.durable('payer-channel', channel) !== undefined);
  }

  /** Heights at which something is due, and the last of all. */
  get dues(): readonly number[] {
    const terms = [...this.oracle.terms.values()].flatMap(({ terms: one }) => [closingAt(one) - 1, one.expiry - 1]);
    return [...terms, ...this.oracle.locks.heights.map((at) => at - 1)];
  }
}
