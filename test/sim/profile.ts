import { contracts } from '../../src/core/contract/registry.ts';
import { revocable } from '../../src/core/contract/revocable.ts';
import type { Chance } from './chance.ts';
import { CALM, type NetworkOdds } from './network.ts';

/** How many contracts there were before payments could be taken back: the first ones of the list. */
const ONE_WAY = contracts.filter(({ revocation }) => revocation === undefined).length;

/** What one world is like, and how often what goes wrong in it. */
export interface Profile {
  readonly payers: number;
  readonly instances: number;
  readonly contract: number;
  readonly isFixed: boolean;
  readonly form: 'compact' | 'psbt';
  readonly margin: number;
  readonly depth: number;
  readonly lifetime: number;
  /** In hundredths of a coin, what one channel and what all of them may have delivered before deposits are deep; none: 0. */
  readonly exposure: { readonly channel: number; readonly all: number };
  /** In hundredths of a coin, what all channels together may have delivered on deposits that are less than `YOUTH` blocks deeper than they must be; unbounded: 0. */
  readonly young: number;
  readonly turns: number;
  /** Steps that may pass between two things that happen. */
  readonly pace: number;
  readonly network: NetworkOdds;
  /** Per step of the payer's and the payee's programs. */
  readonly crash: { readonly payer: number; readonly payee: number };
  /** How many of the crashes are power cuts. */
  readonly power: number;
  readonly storeFailure: number;
  /** The first payer's keys are also in the hands of somebody dishonest. */
  readonly hasThief: boolean;
  /** Somebody plans: owns channels and payers, knows both roads and the mempool's rules, and has a miner now and then. */
  readonly hasPlotter: boolean;
  /** Who means harm never stops, and mempools never forget: for what is replaced, since nothing else gets past that. */
  readonly isTireless?: boolean;
  /** The only plot of who plans, instead of any. */
  readonly plot?: string;
  /** The merchant means harm: lies, and at last wants nothing but that payers do not get their money back. */
  readonly hasVillain: boolean;
  /** Part of the payee's answers that are lies. */
  readonly lies: number;
  /** Part of them that are lies of a later kind. */
  readonly bluffs: number;
  readonly nodeFailure: number;
  /** While any channel is in its margin, fees are this many times the usual. */
  readonly fever: bigint;
  /** How often the merchant's owner has all channels closed, and payers spend all they have, beside other business. */
  readonly settling: number;
  /** What came later still; absent in worlds without. */
  readonly haste?: Haste;
  /** Payments can be taken back; absent where they are for good. */
  readonly giving?: Giving;
  /** Somebody runs the shop a second time under its words, with a store of its own. */
  readonly hasTwin: boolean;
  /** Weight of what a thief does at two doors of the payee at once; a third of it, of asking as a stranger. */
  readonly doors: number;
  /** Part of the questions for a price that are answered by a higher one than was seen before. */
  readonly rises: number;
  /** Weights of what may happen besides business. */
  readonly trouble: Readonly<Record<Trouble, number>>;
  /** Weight of all trouble against business, which is 1. */
  readonly hostility: number;
}

/** Times of many requests, and payers that are in a hurry. */
export interface Haste {
  /** Part of the payments for which the payee has no time, and of the receipts that get lost. */
  readonly busy: number;
  /** Part of the announcements upon which the payer's program dies. */
  readonly cut: number;
  /** Weight of further deposits beside what payers want otherwise. */
  readonly topping: number;
}

/** When a cheat closes with what it revoked. */
export type Moment = 'at once' | 'before the expiry' | 'after the expiry' | 'against the refund';

/** How money goes back. */
export interface Giving {
  /** Weight of the owner's orders to give back; half of it, of payers who ask for that. */
  readonly orders: number;
  /** Part of the answers whose secrets or hashes are missing or wrong, and of offers that leave no time for a penalty. */
  readonly mute: number;
  /** Files for watchers are kept. */
  readonly isWatched: boolean;
  /** Blocks behind the first expiry up to which payers do not look at the chain once the shop is gone; always awake: undefined. */
  readonly sleep?: number;
  readonly moment: Moment;
  /** A cheat has its close mined, or adds a coin of its own to the fee. */
  readonly hasMiner: boolean;
  readonly raises: boolean;
  /** Blocks in which the payer's answers to a cheat are not mined. */
  readonly censored: number;
  /** Weight of a loss of the merchant's store, after which it goes on with an older copy or with its words alone; never: undefined. */
  readonly losses?: number;
}

export type Trouble =
  | 'reorg'
  | 'evict'
  | 'malleate'
  | 'stale-node'
  | 'node-down'
  | 'clock'
  | 'outage'
  | 'full-disk'
  | 'restore-payee'
  | 'spike'
  | 'hold';

/** What came to be drawn later is drawn from `apart`: worlds stay what they were without it. */
export function drawProfile(chance: Chance, apart: Chance): Profile {
  // Each kind of trouble is in some worlds only: a world with all of them at once shows little of each.
  const sometimes = (p: number, value: number): number => (chance.happens(p) ? value : 0);
  const network: NetworkOdds = chance.happens(0.6)
    ? { lost: sometimes(0.6, 0.15), doubled: sometimes(0.5, 0.15), held: sometimes(0.4, 0.1), impatience: sometimes(0.4, 0.1) }
    : CALM;
  const drawn: Profile = {
    settling: 0,
    young: 0,
    doors: 0,
    bluffs: 0,
    hasPlotter: false,
    hasVillain: false,
    hasTwin: false,
    rises: 0,
    payers: chance.happens(0.3) ? 2 : 1,
    instances: chance.happens(0.2) ? 2 : 1,
    contract: chance.int(ONE_WAY),
    isFixed: chance.happens(0.25),
    form: chance.happens(0.25) ? 'psbt' : 'compact',
    margin: chance.between(12, 24),
    depth: chance.between(1, 4),
    lifetime: chance.between(0, 60),
    exposure: chance.happens(0.3) ? { channel: chance.between(10, 100), all: chance.between(10, 150) } : { channel: 0, all: 0 },
    turns: chance.between(15, 60),
    pace: chance.pick([5, 30, 120]),
    network,
    crash: { payer: sometimes(0.4, 0.01), payee: sometimes(0.4, 0.01) },
    power: chance.pick([0, 0.5, 1]),
    hasThief: chance.happens(0.25),
    lies: sometimes(0.2, 0.2),
    storeFailure: sometimes(0.2, 0.02),
    nodeFailure: sometimes(0.2, 0.02),
    fever: chance.happens(0.2) ? chance.pick([10n, 30n, 100n]) : 1n,
    hostility: chance.pick([0, 0.1, 0.3]),
    trouble: {
      reorg: sometimes(0.5, 3),
      evict: sometimes(0.3, 1),
      malleate: sometimes(0.3, 2),
      'stale-node': sometimes(0.3, 2),
      'node-down': sometimes(0.3, 2),
      clock: sometimes(0.3, 1),
      outage: sometimes(0.4, 2),
      'full-disk': sometimes(0.2, 1),
      'restore-payee': sometimes(0.15, 1),
      spike: sometimes(0.3, 2),
      hold: 0.1,
    },
  };
  // Together go only channels that are paid and have time left: it takes a while to have several.
  const patient = {
    payers: 2,
    isFixed: false,
    lifetime: drawn.lifetime + 60,
    turns: drawn.turns + 20,
    pace: 120,
    network: CALM,
    nodeFailure: 0,
  };
  const settled = apart.happens(0.9) ? drawn : { ...drawn, ...patient, settling: apart.pick([2, 6]) };
  return {
    ...settled,
    doors: apart.happens(0.3) ? 6 : 0,
    bluffs: apart.happens(0.1) ? 0.3 : 0,
    hasTwin: apart.happens(0.1),
    young: apart.happens(0.2) ? apart.between(5, 80) : 0,
  };
}

/** Part of the worlds in which somebody plans, on the payer's side or the payee's: they take long. */
const PLOTTED = 0.06;

/** Some worlds are those of somebody who plans. */
export function sometimesPlotted(drawn: Profile, apart: Chance): Profile {
  if (!apart.happens(PLOTTED)) return drawn;
  return apart.happens(0.4) ? villainous(drawn) : plotted({ ...drawn, depth: apart.between(2, 4) });
}

/** What came last of all: it is drawn by itself, and asked for nowhere else. */
export function sometimesDearer(drawn: Profile, prices: Chance): Profile {
  return prices.happens(0.15) ? { ...drawn, rises: 0.3 } : drawn;
}

/** The same of what came after that. */
export function sometimesHasty(drawn: Profile, later: Chance): Profile {
  if (!later.happens(0.2)) return drawn;
  return { ...drawn, haste: { busy: later.pick([0, 0.05, 0.3]), cut: later.pick([0, 0.1, 0.4]), topping: later.pick([0, 3]) } };
}

/** Part of the worlds in which payments can be taken back. */
const GIVING = 0.12;
/** Blocks within which a side looks at the chain, and within which what it sends is mined, as the contract has them; a little less. */
const REACTION = 700;

/** The same of what came after that. */
export function sometimesGiving(drawn: Profile, givings: Chance): Profile {
  return givings.happens(GIVING) ? giving(drawn, givings) : drawn;
}

/** Money goes up and down; in some of these worlds the shop is a cheat. What the owner restores from an old copy is another matter: it may be revoked. */
export function giving(drawn: Profile, givings: Chance): Profile {
  const isCheated = givings.happens(0.4);
  const isAsleep = isCheated && givings.happens(0.6);
  const given: Giving = {
    orders: givings.pick([3, 6]),
    mute: givings.pick([0, 0, 0.1, 0.3]),
    isWatched: givings.happens(0.5),
    ...(isAsleep && { sleep: givings.pick([0, REACTION]) }),
    moment: givings.pick<Moment>(['at once', 'before the expiry', 'after the expiry', 'against the refund']),
    hasMiner: givings.happens(0.5),
    raises: givings.happens(0.5),
    censored: givings.pick([0, 6, REACTION]),
  };
  const { haste: _, ...calm } = isCheated ? villainous(drawn) : drawn;
  return {
    ...calm,
    contract: contracts.indexOf(revocable),
    isFixed: true,
    margin: givings.between(90, 110),
    turns: drawn.turns + 40,
    lifetime: drawn.lifetime + 100,
    pace: Math.max(drawn.pace, 30),
    hasPlotter: false,
    hasTwin: false,
    instances: 1,
    settling: 0,
    bluffs: 0,
    fever: 1n,
    isTireless: isCheated,
    trouble: { ...drawn.trouble, 'restore-payee': 0 },
    giving: given,
  };
}

/** Part of the worlds where money goes back, and the shop is honest, in which it loses its store. */
const SET_BACK = 0.3;

/** The same of what came after that. */
export function sometimesSetBack(drawn: Profile, losses: Chance): Profile {
  return losses.happens(SET_BACK) ? setBack(drawn) : drawn;
}

/** The shop's owner puts older copies of the store in its place. Whoever means harm has no reason to. */
export function setBack(drawn: Profile): Profile {
  return drawn.giving === undefined || drawn.hasVillain ? drawn : { ...drawn, giving: { ...drawn.giving, losses: 0.4 } };
}

/** A payer's own troubles go on; the shop's are its owner. */
export function villainous(drawn: Profile): Profile {
  return { ...drawn, hasVillain: true, hasThief: false, instances: 1, lies: 0, bluffs: 0.2, fever: 1n, settling: 0, hostility: 0 };
}

/** What a plan comes to shows where nothing else is wrong: the shop has its time, its node tells the truth. */
export function plotted(drawn: Profile): Profile {
  return {
    ...drawn,
    hasPlotter: true,
    hasThief: false,
    instances: 1,
    lies: 0,
    bluffs: 0,
    network: CALM,
    crash: { payer: 0, payee: 0 },
    storeFailure: 0,
    nodeFailure: 0,
    fever: 1n,
    hostility: 0,
    lifetime: 10,
    payers: 1,
    turns: 40,
    pace: 120,
  };
}
