import { bytesToHex, type ChannelId } from '../../src/core/base/bytes.ts';
import { allDeposits, type PayerState } from '../../src/core/channel/payer-state.ts';
import { closingAt } from '../../src/core/contract/contract.ts';
import { outpointKey, sameOutpoint } from '../../src/core/tx/transaction.ts';
import { openingOf } from './chain.ts';
import type { Chance } from './chance.ts';
import { Cheat } from './cheat.ts';
import { CALM } from './network.ts';
import { CRUMB, Violation } from './oracle.ts';
import type { PayerSide } from './payer.ts';
import type { Plotter } from './plots.ts';
import { heal, steal, strike } from './trouble.ts';
import { hundredths, ownScripts, World, type WorldOptions, YOUNG } from './world.ts';

const DOGE = 100_000_000n;
const GRANTS = 6;
const PLOTTER_GRANTS = 20;
const GRANT = 30n * DOGE;
const RAISES = 3;
const RAISE = DOGE / 2n;
const MOST_CHANNELS = 3;
/** Blocks after which what was sent is buried, twice over: an end may take two transactions. */
const LONG = 2 * 60 + 10;
/** Blocks after the last expiry for which somebody who means harm goes on. */
const TIRING = 40;
/** Blocks between two looks while nothing but payouts is to come. */
const FAR = 240;
/** Looks at the chain until everything is over: few of them jump far, most take one block. */
const MOST_ROUNDS = 400;
/** A world that takes this many steps to come to rest goes round in circles. */
const MOST_STEPS = 20_000;

export interface WorldResult {
  readonly seed: number;
  readonly number: number;
  readonly steps: number;
  readonly digest: string;
  readonly fault: Error | undefined;
  readonly trace: readonly string[];
  readonly coverage: ReadonlyMap<string, number>;
}

/** Lets a world happen, from its first block until everything has come to its end. */
export async function runWorld(options: WorldOptions): Promise<WorldResult> {
  const world = new World(options);
  const { stage } = world;
  try {
    await live(world);
    if (stage.fault === undefined) await settle(world);
  } catch (error) {
    stage.fault ??= error instanceof Error ? error : new Error(String(error));
  }
  world.coverage.hit('worlds');
  world.coverage.hit('steps', stage.steps);
  if (stage.fault !== undefined) stage.note(`fault ${stage.fault.message}`);
  return {
    seed: options.seed,
    number: options.number,
    steps: stage.steps,
    digest: stage.digest(),
    fault: stage.fault,
    trace: stage.tail,
    coverage: world.coverage.counts,
  };
}

async function live(world: World): Promise<void> {
  const { chain, chance, payers, payee, profile, stage } = world;
  chain.grant([
    ...payers.flatMap((payer) => Array.from({ length: GRANTS }, (_, i) => ({ value: GRANT, script: payer.receiveScript(i % 4) }))),
    ...Array.from({ length: grantsOf(world.plotter) }, () => ({
      value: GRANT,
      script: world.plotter?.schemer.purse.script ?? new Uint8Array(),
    })),
    ...Array.from({ length: raisesOf(world) }, () => ({ value: RAISE, script: payee.payeeScript })),
  ]);
  for (let i = 0; i < profile.instances; i++) payee.boot();
  payee.poll(() => chain.tip);
  for (const payer of payers) payer.boot();
  world.setFailures(profile.nodeFailure, profile.storeFailure);
  world.network.odds = profile.network;
  await stage.run(chance.int(200));
  if (chance.happens(0.85)) await begin(world);
  for (let i = 0; i < profile.turns && stage.fault === undefined; i++) {
    if (world.thief !== undefined && chance.happens(0.3)) steal(world, world.thief);
    else if (world.plotter !== undefined && chance.happens(0.7)) await plot(world, world.plotter);
    else if (chance.happens(profile.hostility)) strike(world, chance.weighted(profile.trouble));
    else if (chance.happens(0.04)) await stretch(world);
    else business(world);
    if (world.twin !== undefined && chance.happens(0.3)) world.tellTwin();
    heal(world, 0.2);
    await stage.run(chance.int(profile.pace));
    react(world);
    await restart(world);
  }
}

/** A move, and the time that it takes. */
async function plot(world: World, plotter: Plotter): Promise<void> {
  plotter.move(world);
  await world.stage.run(world.chance.between(100, 400));
}

/** Who plans, or means harm, does what hurts most just now: until it tires, and mempools forget what nobody mines. */
function react(world: World): void {
  const { chain, plotter, profile, villain } = world;
  // A cheat waits until it has something to cheat with.
  const odds = villain instanceof Cheat ? (villain.hasRevoked ? 0.03 : 0) : 0.01;
  if (villain !== undefined && world.chance.happens(odds)) world.takeOver();
  if (profile.isTireless || chain.tip.height < lastExpiry(world) + TIRING) {
    plotter?.react(world);
    villain?.hinder();
  } else if (plotter !== undefined || villain !== undefined) {
    const waiting = [...chain.pool.values()].filter(({ fee, size }) => fee * 1000n < chain.minerRate * BigInt(size));
    for (const { txid } of waiting) chain.evict(txid);
  }
}

/** Most worlds start with a channel: what befalls it is what they are for. */
async function begin(world: World): Promise<void> {
  const { chance, payers, profile, stage } = world;
  for (let i = 0; i < 8 && world.oracle.truths.size < payers.length; i++) {
    await stage.run(300);
    await restart(world);
    for (const payer of payers) if (payer.running !== undefined && payer.busy === 0 && payer.channels.length === 0) open(world, payer);
  }
  await stage.run(chance.int(300));
  advance(world, profile.depth);
  for (const payer of payers) if (payer.running !== undefined) payer.tend();
}

function open({ chance }: World, payer: PayerSide): void {
  payer.open(hundredths(chance.between(20, 1200)));
}

/** What is down comes up again, sooner or later. */
async function restart(world: World): Promise<void> {
  const { chance, payee, payers, profile, stage } = world;
  const isOpen = world.villain?.hasTakenOver !== true;
  if (isOpen && payee.instances.length < profile.instances && chance.happens(0.3)) payee.boot();
  if (world.areAsleep) return;
  for (const payer of payers) if (payer.process === undefined && chance.happens(0.3)) payer.boot();
  if (stage.isIdle) await stage.run(0);
}

const businesses: Readonly<Record<'mine' | 'jump' | 'poll' | 'payer' | 'settle' | 'giveBack' | 'lose', (world: World) => void>> = {
  mine: (world) => advance(world, world.chance.between(1, 3)),
  jump: (world) => advance(world, world.chance.between(5, 40)),
  poll: ({ payee, chain }) => payee.poll(() => chain.tip),
  payer: (world) => {
    const payer = world.chance.pickAny(world.payers);
    if (payer !== undefined) act(world, payer);
  },
  giveBack: (world) => world.giveBack(),
  lose: (world) => world.loseStore(),
  settle: (world) => {
    const { payee, payers, oracle, chance, coverage } = world;
    const paid = oracle.paid();
    coverage.hit(`settle ${paid.length}`);
    if (paid.length > 1) return payee.settle(paid);
    // Only what is spent to the last goes together with others.
    for (const payer of payers.filter(({ running, busy }) => running !== undefined && busy === 0)) {
      if (payer.channels.length < MOST_CHANNELS) open(world, payer);
      payer.tend();
      for (const channel of payer.channels) chance.happens(0.6) ? payer.drain(channel) : payer.buy(channel, 'meal');
    }
    advance(world, 2);
  },
};

function business(world: World): void {
  const { profile } = world;
  businesses[
    world.chance.weighted({
      mine: 4,
      jump: 0.3,
      poll: 4,
      payer: 9,
      settle: profile.settling,
      giveBack: profile.giving?.orders ?? 0,
      lose: profile.giving?.losses ?? 0,
    })
  ](world);
}

function advance(world: World, blocks: number): void {
  for (let i = 0; i < blocks; i++) world.mine();
  if (world.chance.happens(0.7)) world.payee.poll(() => world.chain.tip);
}

/** The payee works undisturbed for a while, as it does most of the time. */
async function stretch(world: World): Promise<void> {
  world.coverage.hit('stretch');
  for (let left = world.chance.between(5, 40); left > 0 && world.stage.fault === undefined; left--) {
    world.mine();
    world.payee.poll(() => world.chain.tip);
    await world.stage.run(200);
  }
}

type Wish = 'buy' | 'again' | 'credit' | 'more' | 'resync' | 'end' | 'drain' | 'refresh';

const wishes: Readonly<Record<Wish, (payer: PayerSide, channel: ChannelId, chance: Chance) => void>> = {
  buy: (payer, channel, chance) => payer.buy(channel, chance.pick(['tea', 'tea', 'meal', 'sip'])),
  again: (payer) => payer.buyAgain(),
  credit: (payer, channel, chance) => payer.credit(channel, hundredths(chance.between(1, 200))),
  more: (payer, channel, chance) => payer.topUp(channel, hundredths(chance.between(2, 300))),
  resync: (payer, channel) => payer.resync(channel),
  refresh: (payer, channel) => payer.refresh(channel),
  end: (payer, channel) => payer.end(channel),
  drain: (payer, channel) => payer.drain(channel),
};

/** The owner of a payer wants something. */
function act(world: World, payer: PayerSide): void {
  const { chance, profile, stage, coverage } = world;
  if (payer.running === undefined) return;
  const eager = profile.settling;
  const wish = chance.weighted({
    open: 1.5 + eager * 4,
    tend: 3,
    buy: 8,
    again: 0.5,
    credit: 1,
    more: 0.5 + (profile.haste?.topping ?? 0),
    resync: 0.5,
    end: 0.3,
    drain: eager * 6,
    refresh: (profile.giving?.orders ?? 0) / 2,
  });
  // One thing after the other, and now and then two payments at once.
  const channel = chance.pickAny(payer.channels);
  if (payer.busy > 0 && !(wish === 'buy' && channel !== undefined && chance.happens(0.2))) return;
  coverage.hit(`wish ${wish}`);
  stage.note(`${payer.name} wants ${wish}`);
  if (wish === 'tend') payer.tend();
  else if (wish === 'buy' && channel !== undefined && profile.haste !== undefined)
    payer.buy(channel, payer.unanswered(channel) ?? chance.pick(['tea', 'meal']));
  else if (wish !== 'open' && channel !== undefined) wishes[wish](payer, channel, chance);
  else if (payer.channels.length < MOST_CHANNELS) open(world, payer);
}

/** Faults stop, a fair chain goes on past every expiry, and everything is accounted for. */
async function settle(world: World): Promise<void> {
  const { chain, network, oracle, payee, payers, stage } = world;
  stage.note('settle');
  world.isCalm = true;
  network.odds = CALM;
  world.setFailures(0, 0);
  heal(world, 1);
  await rest(world);
  // A program watches the channels that it has met: what another one of them opened it learns of when it starts.
  for (const process of payee.processes) world.crash(process, false);
  if (world.villain === undefined) payee.boot();
  else world.takeOver();
  await rest(world);
  await restartPayers(world);
  const from = chain.tip.height;
  for (const payer of payers) if (payer.running === undefined && !world.areAsleep) throw new Violation(`${payer.name} does not start`);
  for (let i = 0; i < 6; i++) await round(world, 1);
  for (let i = 0; i < MOST_ROUNDS && stage.fault === undefined; i++) {
    if (chain.tip.height > Math.max(from, lastExpiry(world), world.answeredBy) + LONG) break;
    await round(world, nextStop(world) - chain.tip.height);
  }
  await restartPayers(world);
  if (stage.fault !== undefined) return;
  for (const payer of payers) if (payer !== world.robber) await ended(world, payer);
  if (world.villain === undefined) await payeeEnded(world);
  for (const truth of oracle.truths.values())
    if (truth.acknowledged > 0n) world.coverage.hit(truth.kept === undefined ? 'margin not kept' : 'margin kept');
  oracle.checkEnd(world.villain === undefined);
  oracle.checkSum(GRANT * BigInt(GRANTS * payers.length + grantsOf(world.plotter)) + RAISE * BigInt(raisesOf(world)));
  oracle.checkRobbed(YOUNG);
}

/** Coins with which a cheat raises its closes. */
function raisesOf({ villain }: World): number {
  return villain instanceof Cheat ? RAISES : 0;
}

/** Who plans has more money than others. */
function grantsOf(plotter: World['plotter']): number {
  return plotter === undefined ? 0 : PLOTTER_GRANTS;
}

async function restartPayers(world: World): Promise<void> {
  for (const payer of world.payers) {
    if (payer.process !== undefined) world.crash(payer.process, false);
    if (!world.areAsleep) payer.boot();
  }
  await rest(world);
}

/** The next height where something is due, and the blocks after it one by one. */
function nextStop(world: World): number {
  const { chain, oracle, profile } = world;
  const { height } = chain.tip;
  if ((profile.fever > 1n || profile.hasPlotter) && oracle.isClosingTime) return height + 1;
  const isGiving = profile.giving !== undefined;
  const isPast = isGiving && height > lastExpiry(world) + LONG;
  const due = [...oracle.truths.values()].flatMap(({ terms, back }) => [
    openingOf(chain, closingAt(terms)) - 1,
    openingOf(chain, terms.expiry) - 1,
    ...(isGiving ? [terms.expiry + (profile.giving?.sleep ?? 0) - 1, back.payoutAt - 1] : []),
  ]);
  if (due.some((at) => height >= at && height < at + 8)) return height + 1;
  return Math.min(height + (isPast ? FAR : 30), ...due.filter((at) => at > height));
}

async function round(world: World, blocks: number): Promise<void> {
  for (let i = 0; i < blocks; i++) world.mine();
  world.payee.poll(() => world.chain.tip);
  await rest(world);
  react(world);
  for (const payer of world.payers) {
    if (payer.process === undefined && !world.areAsleep) payer.boot();
    else payer.tend();
  }
  await rest(world);
}

async function rest({ stage }: World): Promise<void> {
  await stage.run(MOST_STEPS);
  if (!stage.isIdle) stage.fault ??= new Violation('I7 it never comes to rest');
}

function lastExpiry({ chain, oracle }: World): number {
  return Math.max(0, ...[...oracle.truths.values()].map(({ terms }) => openingOf(chain, terms.expiry)));
}

/** Where the payee signs refunds, crumbs of strangers may be left that it has signed none for: their channel waits for that. */
function isOthers({ chain }: World, state: PayerState): boolean {
  const left = allDeposits(state).filter(({ outpoint }) => chain.outputs.has(outpointKey(outpoint)));
  const isStrewn = left.every(({ outpoint, value }) => value <= CRUMB && state.found?.some((one) => sameOutpoint(one, outpoint)));
  return state.kind === 'refunding' && state.terms.contract.expiryIn === 'releases' && left.length > 0 && isStrewn;
}

async function ended(world: World, payer: PayerSide): Promise<void> {
  const { chain, stage, coverage } = world;
  const { running } = payer;
  if (running === undefined) throw new Violation(`${payer.name} does not start`);
  payer.start('look', async () => {
    for (const state of await payer.states()) {
      coverage.hit(`payer end ${state.kind === 'ended' ? state.how : state.kind}`);
      const isOver = state.kind === 'ended' || (state.kind === 'planned' && state.offered.length === 0) || isOthers(world, state);
      if (!isOver) throw new Violation(`I7 ${payer.name} is left with a channel that is ${state.kind}: ${state.channel}`);
    }
    const { confirmed, pending } = await running.wallet.balance();
    const own = ownScripts(payer.name);
    const money = [...chain.outputs.values()]
      .filter(({ script }) => own.has(bytesToHex(script)))
      .reduce((sum, { value }) => sum + value, 0n);
    if (confirmed !== money || pending > 0n)
      throw new Violation(`${payer.name} has ${money}, its wallet says ${confirmed} and ${pending} pending`);
  });
  await rest(world);
  if (stage.fault !== undefined) throw stage.fault;
}

async function payeeEnded(world: World): Promise<void> {
  const { payee, stage, coverage } = world;
  const [instance] = payee.instances;
  if (instance === undefined) throw new Violation('the payee does not start');
  stage.start(instance.process, 'look', async () => {
    for await (const [channel, state] of instance.merchant.engine.all()) {
      coverage.hit(`payee end ${state.kind === 'ended' ? state.how : state.kind}`);
      if (state.kind !== 'ended') throw new Violation(`I7 the payee is left with a channel that is ${state.kind}: ${channel}`);
    }
  });
  await rest(world);
}
