import { type Amount, amount } from '../../src/core/base/amount.ts';
import { bytesToHex, type ChannelId } from '../../src/core/base/bytes.ts';
import { blocksOn } from '../../src/core/base/lock-time.ts';
import { termsOf } from '../../src/core/channel/payee-open.ts';
import { boundsOf, type YoungBound } from '../../src/core/coin/coin.ts';
import { dogecoinRegtest as coin } from '../../src/core/coin/dogecoin.ts';
import { channelIdOf } from '../../src/core/contract/contract.ts';
import { contracts } from '../../src/core/contract/registry.ts';
import type { Announce, Pay, Request } from '../../src/core/message/message.ts';
import { p2pkh } from '../../src/core/tx/script.ts';
import type { Transaction } from '../../src/core/tx/transaction.ts';
import { defaultTerms, type MerchantTerms } from '../../src/merchant/terms.ts';
import { branchKeyName, branchNames } from '../../src/wallet/key-branch.ts';
import { SimChain } from './chain.ts';
import { Chance } from './chance.ts';
import { Cheat } from './cheat.ts';
import { Coverage } from './coverage.ts';
import { nativeKeyRing } from './keys.ts';
import { bluff, lie, withhold } from './liar.ts';
import { Network } from './network.ts';
import { SimNode } from './node.ts';
import { Oracle } from './oracle.ts';
import { PayeeSide, PRICES, Prices, type Seams } from './payee.ts';
import { type PayerSeams, PayerSide } from './payer.ts';
import { Plotter } from './plots.ts';
import {
  drawProfile,
  type Giving,
  type Profile,
  sometimesDearer,
  sometimesGiving,
  sometimesHasty,
  sometimesPlotted,
  sometimesSetBack,
} from './profile.ts';
import { Purse } from './purse.ts';
import { Schemer } from './schemer.ts';
import { Standing } from './shop.ts';
import { type Fate, type Process, Stage } from './stage.ts';
import { Thief } from './thief.ts';
import { Villain } from './villain.ts';
import { WatchDisk } from './watch.ts';

const DOGE = 100_000_000n;
/** Who plans, and where its keys come from. */
export const PLOTTER = 'plotter';
/** Rests on the youngest blocks, all together, where somebody plans. */
export const YOUNG: Amount = amount(3n * DOGE);
/** Keys of each branch that a payer's wallet may come to use in one world. */
const OWN_KEYS = 24;

/** What a mutation changes in a world. */
export interface Mutation {
  readonly payee?: Seams;
  readonly payer?: PayerSeams;
  readonly prepare?: (world: World) => void;
}

export interface WorldOptions {
  readonly seed: number;
  readonly number: number;
  readonly mutation?: Mutation;
  readonly keepTrace?: boolean;
  /** Sometimes somebody plans in it, unless given. */
  readonly profile?: (drawn: Profile, givings: Chance) => Profile;
}

/** Blocks above the least depth below which a deposit is young in a world that bounds what rests on it. */
const YOUTH = 6;

/** One world: everything in it, and what has happened to it so far. */
export class World {
  readonly chance: Chance;
  readonly profile: Profile;
  readonly stage: Stage;
  readonly chain: SimChain = new SimChain();
  readonly coverage: Coverage = new Coverage();
  readonly network: Network;
  readonly payee: PayeeSide;
  readonly payers: readonly PayerSide[];
  readonly oracle: Oracle;
  readonly #shop: Standing;
  /** The same shop under the same words, elsewhere; and what it can be told. */
  readonly twin: PayeeSide | undefined;
  readonly #announced = new Map<ChannelId, Announce>();
  /** Whose keys a thief has: nothing is promised to that payer. */
  robber: PayerSide | undefined;
  thief: Thief | undefined;
  plotter: Plotter | undefined;
  villain: Villain | Cheat | undefined;
  /** What watchers read, where payments can be taken back. */
  readonly watch: WatchDisk = new WatchDisk();
  /** The last order to give back in each channel. */
  readonly #orders = new Map<ChannelId, { readonly order: string; readonly value: bigint }>();
  /** Step of the last block that was taken away. */
  settledSince = 0;
  now = 1_700_000_000_000;
  isCalm: boolean = false;

  constructor({ seed, number, mutation = {}, keepTrace = false, profile }: WorldOptions) {
    this.chance = new Chance(seed, number);
    const apart = new Chance(~seed, number);
    const drawn = drawProfile(this.chance, apart);
    const prices = new Chance(~seed, ~number);
    const later = new Chance(seed, ~number);
    const givings = new Chance(~number, seed);
    const usual = (): Profile => sometimesHasty(sometimesDearer(sometimesPlotted(drawn, apart), prices), later);
    const losses = new Chance(number, ~seed);
    this.profile = profile?.(drawn, givings) ?? sometimesSetBack(sometimesGiving(usual(), givings), losses);
    this.stage = new Stage(this.chance, keepTrace);
    this.stage.note(JSON.stringify({ ...this.profile, fever: Number(this.profile.fever) }));
    this.network = new Network(this.stage);
    this.chain.minesFamilies = this.profile.hasPlotter || this.profile.hasVillain;
    const clock = { now: () => this.now };
    this.payee = new PayeeSide(this.stage, this.#node(), this.#terms(), clock, {
      exposure: hundredths(this.profile.exposure.all),
      young: this.#young,
      canHurry: this.profile.hasPlotter,
      ...(this.profile.giving?.isWatched && { watch: this.watch }),
      ...(this.profile.rises > 0 && { prices: new Prices(prices, this.profile.rises) }),
      ...mutation.payee,
    });
    if (this.profile.hasVillain) this.villain = this.#admitVillain();
    this.#shop = new Standing(this.#terms(), this.payee.payeeScript);
    this.oracle = new Oracle(this.chain, this.payee.machine.disk, this.#shop, hundredths(this.profile.exposure.all), this.#young);
    this.payers = Array.from({ length: this.profile.payers }, (_, i) => this.#payer(`payer${i}`, clock, mutation.payer ?? {}));
    this.#listen(apart, later);
    if (this.profile.giving !== undefined) this.#listenForSecrets(this.profile.giving, givings);
    if (this.profile.hasThief) this.#admitThief();
    if (this.profile.hasPlotter) this.plotter = this.#admitPlotter();
    if (this.profile.hasTwin) this.twin = new PayeeSide(this.stage, this.#node(), this.#terms(), clock, mutation.payee ?? {}, 2);
    mutation.prepare?.(this);
  }

  get #young(): readonly YoungBound[] {
    const { young, depth } = this.profile;
    return [...boundsOf(this.#terms().depth), ...(young === 0 ? [] : [{ below: depth + YOUTH, most: hundredths(young) }])];
  }

  get isTimed(): boolean {
    return contracts[this.profile.contract]?.expiresBy === 'time';
  }

  #admitThief(): void {
    const [first] = this.payers;
    if (first === undefined) return;
    this.robber = first;
    const connect = (process: Process): ReturnType<Network['connection']> => this.network.connection(process, () => this.payee.any());
    this.thief = new Thief(this.stage, this.chain, first.keys, connect, (pay) => {
      this.oracle.sent(pay, undefined);
      this.payee.sell(pay, (taken) => this.#guard(() => this.oracle.sold(taken)));
    });
  }

  #admitVillain(): Villain | Cheat {
    const { stage, chain, payee, profile } = this;
    if (profile.giving === undefined) return new Villain(stage, chain, payee.machine.disk, nativeKeyRing('payee'), payee.purse);
    const purse = new Purse(chain, [payee.purse]);
    const cheat = new Cheat(stage, chain, nativeKeyRing('payee'), purse, profile.giving, (chosen) => this.mine(chosen));
    cheat.onCheat = (when) => this.coverage.hit(`revoked close ${when}`);
    return cheat;
  }

  #listenForSecrets({ mute }: Giving, givings: Chance): void {
    const { network, oracle, payee, villain, watch } = this;
    const { bend } = network;
    network.bend = (request, reply) => (!this.isCalm && givings.happens(mute) ? withhold(givings, reply) : bend(request, reply));
    oracle.watchFile = (channel) => watch.files.get(channel);
    watch.onWritten = (channel, text) => this.#guard(() => oracle.watched(channel, text));
    const { onSynced } = payee.machine;
    payee.machine.onSynced = (writes) => {
      onSynced(writes);
      if (villain instanceof Cheat) villain.stored(writes);
    };
    for (const payer of this.payers)
      payer.machine.onSynced = (writes) => this.#guard(() => oracle.payerStored(writes, payer === this.robber));
  }

  /** The owner wants to give back: all, a part, or a little; or says the last once more. */
  giveBack(): void {
    const { chance, coverage, oracle, payee } = this;
    const channel = chance.pickAny(oracle.paid());
    if (channel === undefined || !payee.isUp) return;
    const best = oracle.storedBest(channel);
    const last = this.#orders.get(channel);
    const fresh = {
      order: `order ${coverage.counts.get('give back') ?? 0}`,
      value: chance.pick([best, best / 2n, best / 10n, BigInt(chance.between(1, 1_000))]),
    };
    const { order, value } = last !== undefined && chance.happens(0.2) ? last : fresh;
    if (value === 0n) return;
    coverage.hit(order === last?.order ? 'give back again' : 'give back');
    this.#orders.set(channel, { order, value });
    oracle.ordered(channel, order, value);
    payee.giveBack(channel, amount(value), order);
  }

  /** The shop's disk is lost; its owner has an older copy, or the words alone. */
  loseStore(): void {
    const { chance, coverage, oracle, payee } = this;
    const { generations } = payee.machine.disk;
    if (generations === 0) return;
    for (const process of payee.processes) this.crash(process, false);
    const generation = chance.happens(0.3) ? 0 : chance.int(generations);
    payee.restore(generation);
    coverage.hit(generation === 0 ? 'store lost' : 'store set back');
    this.stage.note(`the shop has the first ${generation} of ${generations} commits`);
    oracle.setBack();
  }

  /** Payers who do not look at the chain, with a shop that is gone. */
  get areAsleep(): boolean {
    return this.asleepUntil !== undefined && this.chain.tip.height < this.asleepUntil;
  }

  /** The height by which a cheat has been answered, and payouts can be had. */
  get answeredBy(): number {
    const { giving } = this.profile;
    if (giving === undefined) return 0;
    const last = Math.max(0, ...[...this.oracle.truths.values()].map(({ terms }) => terms.expiry));
    const answered = this.villain === undefined ? 0 : Math.max(last, this.asleepUntil ?? 0) + giving.censored;
    return Math.max(answered, this.oracle.heldUntil() ?? 0);
  }

  get asleepUntil(): number | undefined {
    const { sleep } = this.profile.giving ?? {};
    if (sleep === undefined || this.villain?.hasTakenOver !== true) return undefined;
    const first = Math.min(...[...this.oracle.truths.values()].map(({ terms }) => terms.expiry));
    return Number.isFinite(first) ? first + sleep : undefined;
  }

  #admitPlotter(): Plotter {
    this.oracle.plotter = PLOTTER;
    const connect = (process: Process): ReturnType<Network['connection']> => this.network.connection(process, () => this.payee.any());
    const increment = (pay: Pay): void => {
      this.#guard(() => this.oracle.sent(pay, undefined));
      this.payee.sell(pay, (taken) => this.#guard(() => this.oracle.sold(taken)));
    };
    return new Plotter(new Schemer(this.stage, this.chain, nativeKeyRing(PLOTTER), connect, increment));
  }

  #node(): SimNode {
    const node = new SimNode(this.chain, this.stage);
    node.onFault = (fault) => this.coverage.hit(`fault ${fault}`);
    return node;
  }

  #terms(): MerchantTerms {
    const { margin, depth, isFixed, exposure, hasPlotter } = this.profile;
    const contract = contracts[this.profile.contract] ?? contracts[0];
    const as = (blocks: number): number => blocksOn(contract.expiresBy, blocks, coin.blockSeconds);
    const usual = defaultTerms(coin, contract);
    const signing =
      contract.revocation !== undefined
        ? usual.signing
        : isFixed
          ? ({ kind: 'fixed', fee: amount(DOGE / 100n) } as const)
          : ({ kind: 'flexible', slot: 0 } as const);
    return {
      ...usual,
      signing,
      minDeposit: hundredths(10),
      closingMargin: as(margin),
      minLifetime: as(margin + 10),
      maxLifetime: as(500),
      depth: [...(hasPlotter ? [{ upTo: YOUNG, blocks: 1 }] : []), { upTo: amount(10n ** 18n), blocks: depth }],
      ...(exposure.channel > 0 && { unconfirmed: hundredths(exposure.channel) }),
    };
  }

  #payer(name: string, clock: { readonly now: () => number }, seams: PayerSeams): PayerSide {
    const { form, lies, bluffs, giving } = this.profile;
    const lifetime = (): number => this.chance.between(0, this.profile.lifetime);
    const payee = (process: Process): ReturnType<Network['connection']> => this.network.connection(process, () => this.payee.any());
    const seen = (item: string): Amount | undefined => (this.profile.rises > 0 ? PRICES.get(item)?.price : undefined);
    return new PayerSide(
      this.stage,
      this.#node(),
      clock,
      { name, form, lifetime, payee, seen, isPatient: lies + bluffs + (giving?.mute ?? 0) === 0 },
      seams,
    );
  }

  #listen(apart: Chance, later: Chance): void {
    const { coverage, oracle, network, payee, stage } = this;
    network.onFault = (fault) => coverage.hit(`fault ${fault}`);
    network.onSent = (sender, request) => {
      this.#guard(() => this.#sent(sender, request));
      const isCut = request.kind === 'announce' && !this.isCalm && later.happens(this.profile.haste?.cut ?? 0);
      if (isCut && this.payers.some(({ process }) => process === sender)) this.crash(sender, false);
    };
    network.onAnswer = (from, request, reply) => {
      coverage.hit(`reply ${reply.kind === 'refusal' ? `refusal ${reply.code}` : reply.kind}`);
      this.#guard(() => oracle.answered(request, reply, this.profile.instances === 1 && this.#isCurrent(from)));
    };
    network.bend = (request, reply) => {
      if (this.isCalm) return reply;
      if (apart.happens(this.profile.bluffs)) return bluff(apart, reply);
      if (!this.chance.happens(this.profile.lies)) return reply;
      coverage.hit('fault payee-lied');
      return lie(this.chance, request, reply);
    };
    const isCrowded = (): boolean => !this.isCalm && later.happens(this.profile.haste?.busy ?? 0);
    network.isBusy = ({ kind }) => kind === 'payment' && isCrowded();
    network.loses = ({ kind }) => kind === 'receipt' && isCrowded();
    network.onHeard = (request, reply) => oracle.heard(request, reply);
    // Each of two programs on one store watches only the channels it has met: that is why there is to be one.
    if (this.profile.instances === 1) {
      payee.onPolling = () => {
        const before = oracle.bests();
        oracle.polling(before);
        return (height) => this.#guard(() => oracle.polled(height, before));
      };
    }
    payee.machine.onSynced = (writes) => this.#guard(() => oracle.stored(writes, this.#isAnyCurrent));
    payee.node.onBroadcast = (transaction, outcome) => {
      coverage.hit(`payee broadcast ${outcome.kind}`);
      if (oracle.sharers(transaction) > 1) coverage.hit(`payee broadcast of a shared close ${outcome.kind}`);
      this.#guard(() => oracle.broadcast(transaction));
    };
    payee.node.onMempool = () => {
      if (this.profile.hasPlotter && payee.node.isSound) this.#guard(() => oracle.readsMempool());
    };
    for (const payer of this.payers) {
      if (this.profile.hasPlotter) payer.machine.onSynced = (writes) => this.#guard(() => oracle.kept(writes));
      payer.onWish = (channel, price) => oracle.wished(channel, price);
      payer.node.onBroadcast = (transaction, outcome) => {
        coverage.hit(`payer broadcast ${outcome.kind}`);
        this.#guard(() => oracle.payerBroadcast(transaction, payer.machine.disk));
        if (payer !== this.robber) this.#guard(() => oracle.checkAgreed(transaction, ownScripts(payer.name)));
      };
    }
    for (const { machine } of [payee, ...this.payers]) machine.onFault = (fault) => coverage.hit(`fault ${fault}`);
    stage.onStep = (process) => this.#fate(process);
    stage.onCrash = (process) => this.crash(process, this.chance.happens(this.profile.power));
  }

  /** A payer that has its channel with one store shows its deposits to the other. */
  tellTwin(): void {
    const [channel, announce] = this.chance.pickAny([...this.#announced]) ?? [];
    if (this.twin === undefined || channel === undefined || announce === undefined) return;
    if (!this.twin.isUp) this.twin.boot();
    this.coverage.hit('twin told');
    this.twin.hear(announce, () => this.#guard(() => this.oracle.takenTwice(channel)));
  }

  /** A program that has seen the last block, by a node that tells the truth, and of which no block was taken away since. */
  #isCurrent(process: Process): boolean {
    const instance = this.payee.instances.find((one) => one.process === process);
    return (
      instance !== undefined &&
      this.payee.node.isSound &&
      instance.polled === this.chain.tip.hash &&
      this.settledSince + 500 < this.stage.steps
    );
  }

  get #isAnyCurrent(): boolean {
    return this.profile.instances === 1 && this.payee.instances.some(({ process }) => this.#isCurrent(process));
  }

  #sent(sender: Process, request: Request): void {
    if (request.kind === 'announce') {
      const terms = termsOf(request);
      const channel = channelIdOf(coin, terms.contract.redeemScript(terms));
      this.#announced.set(channel, request);
      const key = bytesToHex(p2pkh(terms.payerKey));
      const name = [...this.payers.map((payer) => payer.name), PLOTTER].find((one) => ownScripts(one).has(key));
      if (name !== undefined) this.oracle.opened(name, channel, terms, request.offer, ownScripts(name));
    }
    this.thief?.hear(request);
    const payer = this.payers.find(({ process }) => process === sender);
    this.oracle.sent(request, payer?.machine.disk);
    if (payer !== undefined && payer !== this.robber && request.kind === 'announce') {
      const terms = termsOf(request);
      const channel = channelIdOf(coin, terms.contract.redeemScript(terms));
      this.oracle.announced(channel, request, ownScripts(payer.name), payer.machine.disk);
    }
    if (payer !== undefined && payer !== this.robber && request.kind === 'payment')
      this.oracle.checkWish(request.channel, request.payment.total);
  }

  /** A broken rule is the world's end, wherever it is found. */
  #guard(check: () => void): void {
    try {
      check();
    } catch (error) {
      this.stage.fault ??= error instanceof Error ? error : new Error(String(error));
    }
  }

  check(rule: () => void): void {
    this.#guard(rule);
  }

  #fate(process: Process): Fate {
    if (this.isCalm) return 'go';
    const { crash } = this.profile;
    const odds = this.#isPayee(process) ? crash.payee : this.payers.some((payer) => payer.process === process) ? crash.payer : 0;
    if (!this.chance.happens(odds)) return 'go';
    return this.chance.happens(0.5) ? 'crash-before' : 'crash-after';
  }

  #isPayee(process: Process): boolean {
    return this.payee.processes.includes(process);
  }

  /** The shop closes for good, and its owner keeps keys and disk. Nobody holds it to anything any more. */
  takeOver(): void {
    if (this.villain === undefined || this.villain.hasTakenOver) return;
    this.stage.note('the shop is taken over');
    for (const { process } of this.payee.instances) this.crash(process, false);
    this.villain.hasTakenOver = true;
    if (this.areAsleep) for (const { process } of this.payers) if (process !== undefined) this.crash(process, false);
    this.oracle.disrupted(-1);
  }

  /** A program dies, or its whole machine does. */
  crash(process: Process, isPower: boolean): void {
    const payer = this.payers.find((one) => one.process === process);
    const side = payer ?? this.payee;
    const dying = payer !== undefined ? [process] : isPower ? this.payee.processes : [process];
    this.coverage.hit(`fault ${payer === undefined ? 'payee' : 'payer'} ${isPower ? 'power-cut' : 'killed'}`);
    for (const one of dying) {
      this.stage.kill(one);
      this.network.died(one);
      payer?.died();
      this.payee.bury(one);
      if (!isPower) side.machine.release(one);
    }
    if (isPower) this.coverage.hit(`fault disk ${side.machine.cutPower()}`);
    if (payer === undefined) this.check(() => this.oracle.checkDurable());
  }

  /** Blocks are full: miners take what pays so many times the usual, relay asks for a part of that, and nodes say so. */
  setFees(factor: bigint): void {
    const { feeRate, minRelayFeeRate } = coin.policy;
    const rate = feeRate * factor;
    if (rate === this.chain.minerRate) return;
    this.coverage.hit(`fault fees ${factor}`);
    this.chain.minerRate = rate;
    this.chain.feeRate = rate;
    this.chain.relayRate = factor === 1n ? minRelayFeeRate : rate / 10n;
    this.oracle.spiked(rate);
  }

  /** The shop wants more of payers from now on, or its money elsewhere: its programs start again. */
  changeTerms(): void {
    const terms = this.#terms();
    const longer = blocksOn(terms.contract.expiresBy, 6, coin.blockSeconds);
    const { closingMargin, minLifetime, depth } = terms;
    const kinds: Readonly<Record<string, Partial<MerchantTerms>>> = {
      larger: { minDeposit: amount(10n * DOGE) },
      smaller: { maxDeposit: amount(2n * DOGE) },
      deeper: { depth: depth.map(({ upTo, blocks }) => ({ upTo, blocks: blocks + 4 })) },
      longer: { closingMargin: closingMargin + longer, minLifetime: minLifetime + longer },
      elsewhere: {},
    };
    const [kind, change] = this.chance.pickAny(Object.entries(kinds)) ?? ['elsewhere', {}];
    this.coverage.hit(`terms ${kind}`);
    this.stage.note(`the shop changes its terms: ${kind}`);
    for (const { process } of this.payee.instances) this.crash(process, false);
    this.payee.change({ ...terms, ...change }, kind === 'elsewhere' ? `m/purse/${this.payee.purses.length}` : undefined);
    this.#shop.change({ ...terms, ...change }, this.payee.payeeScript);
    this.payee.boot();
  }

  setFailures(node: number, store: number): void {
    for (const side of [this.payee, ...this.payers]) {
      side.node.failure = node;
      side.machine.failure = store;
    }
  }

  /** A block of what the mempool holds, as the miner would have it. */
  mine(chosen?: readonly Transaction[]): void {
    const { chain } = this;
    // Between a look that finds a close due and the block that would hold it.
    if (this.profile.fever > 1n) this.setFees(this.oracle.isClosingTime ? this.profile.fever : 1n);
    const seen = chain.tip.hash;
    const { node, machine, instances } = this.payee;
    // A close is stored before it is sent: a payee whose disk is full does not close.
    const isSound = this.profile.instances === 1 && node.isSound && !machine.disk.isFull && instances.some(({ polled }) => polled === seen);
    chain.time += coin.blockSeconds;
    const cheat = this.villain instanceof Cheat ? this.villain : undefined;
    const due = cheat === undefined ? chain.template() : chain.template().filter((one) => !cheat.isCensored(one));
    const taken = chain.mine(chosen ?? due);
    chain.refresh();
    this.now += 60_000;
    this.stage.note(`block ${chain.tip.height} with ${taken.length}`);
    this.coverage.hit('blocks');
    this.check(() => this.oracle.mined(isSound));
  }
}

/** So many hundredths of a coin. */
export function hundredths(count: number): Amount {
  return amount((BigInt(count) * DOGE) / 100n);
}

const ownByName = new Map<string, ReadonlySet<string>>();

/** Scripts of the wallet of a payer, in hex. */
export function ownScripts(name: string): ReadonlySet<string> {
  const known = ownByName.get(name);
  if (known !== undefined) return known;
  const keys = nativeKeyRing(name);
  const made = new Set(
    branchNames.flatMap((branch) =>
      Array.from({ length: OWN_KEYS }, (_, i) => bytesToHex(p2pkh(keys.signer(branchKeyName(coin, branch, i)).publicKey))),
    ),
  );
  ownByName.set(name, made);
  return made;
}
