import { dogecoinRegtest as coin } from '../../src/core/coin/dogecoin.ts';
import type { Opening, Pays, Scheme, Schemer } from './schemer.ts';
import { reorganise } from './trouble.ts';
import type { World } from './world.ts';

const { dust } = coin.policy;

/** One move of a plot. What it is about may have gone meanwhile: then nothing happens. */
type Move = (world: World, schemer: Schemer) => void;

const wait =
  (blocks: number): Move =>
  (world) => {
    for (let i = 0; i < blocks; i++) world.mine();
    world.payee.poll(() => world.chain.tip);
  };
/** As long as a deposit has to wait, and one block more. */
const deepen: Move = (world, schemer) => wait(world.profile.depth + 1)(world, schemer);
const announce: Move = (_, schemer) => schemer.announce();
const open =
  (channels: number, deposits: number, hundredths: number, rest: Partial<Opening> = {}): Move =>
  (_, schemer) =>
    schemer.open({ channels, deposits, value: dust * BigInt(hundredths), pays: 'enough', lifetime: 0, ...rest });
const own =
  (act: (schemer: Schemer, scheme: Scheme, world: World) => void): Move =>
  (world, schemer) => {
    const scheme = schemer.any();
    if (scheme !== undefined) act(schemer, scheme, world);
  };
const collect: Move = (_, schemer) => schemer.collect();
const buy = own((schemer, scheme) => schemer.buy(scheme));
const twoRoads = own((schemer, scheme) => schemer.twoRoads(scheme));
const increment = own((schemer, scheme) => schemer.increment(scheme));
const end = own((schemer, scheme) => schemer.end(scheme));
const topUp = (pays: Pays): Move =>
  own((schemer, scheme, { chance }) => schemer.topUp(scheme, dust * BigInt(chance.between(5, 400)), pays));
const replace: Move = (_, schemer) => schemer.replace();
const all =
  (act: (schemer: Schemer, scheme: Scheme) => void): Move =>
  (_, schemer) => {
    for (const scheme of schemer.schemes.values()) act(schemer, scheme);
  };
/** Another miner takes away as much as deposits of that size do not wait for. */
const takeAway: Move = (world, schemer) => {
  const { depth } = world.profile;
  const other = schemer.doubleSpend();
  if (other !== undefined && depth > 1) reorganise(world, world.chance.between(1, depth - 1), other);
};
const stuffOwn = own((schemer, { terms }, { chance }) =>
  schemer.stuff(terms.contract.outputScript(terms), chance.between(1, 300), chance.happens(0.5)),
);
/** So that others' channels wait for what never comes, or have to carry it. */
const stuffOthers: Move = (world, schemer) => {
  const truth = world.chance.pickAny([...world.oracle.truths.values()]);
  if (truth !== undefined)
    schemer.stuff(truth.terms.contract.outputScript(truth.terms), world.chance.between(1, 120), world.chance.happens(0.6));
};
/** Fees rise and fall; who plans knows when to wait for it. */
const risen =
  (...factors: readonly [bigint, ...bigint[]]): Move =>
  (world, schemer) => {
    schemer.holdsFees = true;
    world.setFees(world.chance.pick(factors));
  };
const rise = risen(2n, 3n);
const fall: Move = (world, schemer) => {
  schemer.holdsFees = false;
  world.setFees(1n);
};
/** Fees rise just when it waits to be mined: it does, until it is written off, and then a miner takes another spend of its coins. */
const outlast: Move = (world, schemer) => {
  world.setFees(10n);
  wait(90)(world, schemer);
  const other = schemer.robbedFunding();
  world.setFees(1n);
  world.mine(other === undefined ? undefined : [other]);
};
/** So long that whoever looks at the chain knows of it. */
const looks: readonly Move[] = [wait(1), wait(1), wait(1)];
const change: Move = (world) => world.changeTerms();
/** Crowded, so that nothing more can be built on it; and from now on what it pays is too little, until the channel has expired. */
const holdUp = own((schemer, scheme, world) => {
  schemer.topUp(scheme, dust * 200n, 'surely', true);
  schemer.siege = { terms: scheme.terms, factor: world.chance.pick([3n, 5n]) };
  world.setFees(schemer.siege.factor);
});
const take = (hundredths: number): Move => own((schemer, scheme) => schemer.take(scheme, dust * BigInt(hundredths)));
const credit = (hundredths: number): Move => own((schemer, scheme) => schemer.credit(scheme, dust * BigInt(hundredths)));

/** What somebody who plans does one after the other. Ends are not in them: those come at the margin, where `react` waits. */
const plots: Readonly<Record<string, readonly Move[]>> = {
  'one total over two roads': [collect, open(1, 1, 1_900), deepen, announce, twoRoads, buy, twoRoads, buy, twoRoads, buy],
  'an end that voids what was confirmed': [collect, open(1, 1, 2_500), deepen, announce, increment, topUp('little'), end, replace, wait(3)],
  'an end over a top-up that is taken away': [
    collect,
    open(1, 1, 500),
    deepen,
    announce,
    increment,
    topUp('enough'),
    deepen,
    announce,
    end,
    takeAway,
  ],
  'an end that nobody mines': [collect, open(1, 1, 2_900), deepen, announce, increment, rise, ...looks, end, wait(20), fall],
  'many channels in one young block': [
    collect,
    collect,
    collect,
    open(3, 3, 250),
    wait(1),
    announce,
    all((schemer, scheme) => schemer.increment(scheme)),
    takeAway,
  ],
  'deposits that are never mined': [collect, open(1, 2, 300, { pays: 'little' }), increment, buy, replace, wait(2)],
  'room that stays taken': [
    collect,
    open(1, 1, 300, { pays: 'surely', lifetime: 200 }),
    credit(95),
    outlast,
    collect,
    open(1, 1, 100, { pays: 'surely' }),
    credit(50),
    buy,
  ],
  'a close that is pinned': [collect, open(1, 1, 2_500), deepen, announce, increment, buy, wait(1)],
  'outputs that nobody asked for': [collect, open(1, 1, 2_600), deepen, announce, buy, increment, stuffOwn, wait(1)],
  "outputs to others' channels": [stuffOthers, wait(1), stuffOthers],
  'a total that fees eat up': [collect, open(1, 1, 50), deepen, announce, risen(10n, 30n), ...looks, buy, buy, fall],
  'an old offer': [collect, wait(30), open(1, 1, 400), deepen, announce, increment],
  'an offer of other times': [collect, change, open(1, 1, 400), deepen, announce, increment, topUp('enough'), deepen, announce],
  'an offer that has run out': [collect, wait(260), open(1, 1, 400, { lifetime: 20 }), deepen, announce, increment],
  'a top-up that holds up what is deep': [collect, open(1, 1, 1_500), deepen, announce, take(1_490), holdUp, take(45), take(45)],
};

/** Somebody dishonest with a plan: one move of it at a time, and at any time what hurts most just then. */
export class Plotter {
  readonly schemer: Schemer;
  #moves: readonly Move[] = [];

  constructor(schemer: Schemer) {
    this.schemer = schemer;
  }

  move(world: World): void {
    // Nothing is done about fees meanwhile.
    if (this.schemer.isBesieging && this.#moves.length === 0) this.#moves = [wait(1)];
    if (this.#moves.length === 0) {
      const { plot: only } = world.profile;
      const known = Object.entries(plots).filter(([name]) => only === undefined || name === only);
      const [plot, moves] = world.chance.pickAny(known) ?? ['none', []];
      world.coverage.hit(`plot ${plot}`);
      world.stage.note(`plot ${plot}`);
      this.#moves = moves;
      this.schemer.holdsFees = false;
    }
    const [next, ...rest] = this.#moves;
    this.#moves = rest;
    next?.(world, this.schemer);
  }

  /** What waits in the mempool is pinned, best of all when blocks are about to be full; what has expired is fetched. */
  react(world: World): void {
    const { siege, isBesieging } = this.schemer;
    if (isBesieging && siege !== undefined) world.setFees(siege.factor);
    else if (this.schemer.pin()) {
      if (world.chance.happens(0.6)) world.setFees(world.chance.pick([2n, 3n]));
    } else if (!this.schemer.isDue && (world.isCalm || !this.schemer.holdsFees)) world.setFees(1n);
    if (world.chance.happens(0.8)) this.schemer.refund();
  }
}
