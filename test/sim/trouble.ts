import type { Transaction } from '../../src/core/tx/transaction.ts';
import { idOf, malleated } from './chain.ts';
import type { SimNode } from './node.ts';
import type { Trouble } from './profile.ts';
import { type Thief, TRICKS } from './thief.ts';
import type { World } from './world.ts';

const troubles: Readonly<Record<Trouble, (world: World) => void>> = {
  reorg: (world) => reorganise(world, world.chance.happens(0.8) ? world.chance.between(1, 6) : world.chance.between(7, 60)),
  evict: ({ chain, chance, oracle }) => {
    const gone = chance.pickAny([...chain.pool.keys()]);
    if (gone !== undefined) chain.evict(gone);
    oracle.disrupted(Number.POSITIVE_INFINITY);
  },
  malleate: (world) =>
    world.mine(world.chain.template().map((transaction) => (world.chance.happens(0.5) ? changed(world, transaction) : transaction))),
  'stale-node': (world) => {
    nodeOf(world).stale = world.chain.freeze();
  },
  'node-down': (world) => {
    nodeOf(world).isDown = true;
  },
  clock: (world) => {
    // By days where times are no deadlines, by what a margin is made for where they are.
    world.now += world.chance.between(-48, 48) * (world.isTimed ? 150_000 : 3_600_000);
  },
  outage: (world) => {
    for (const { process } of world.payee.instances) world.crash(process, false);
  },
  'full-disk': ({ chance, payee, payers }) => {
    (chance.pickAny([payee, ...payers]) ?? payee).machine.disk.isFull = true;
  },
  'restore-payee': restorePayee,
  spike: (world) => world.setFees(world.chance.pick([10n, 30n, 100n])),
  hold: () => undefined,
};

/** Something goes wrong. */
export function strike(world: World, trouble: Trouble): void {
  world.stage.note(`trouble ${trouble}`);
  world.coverage.hit(`trouble ${trouble}`);
  troubles[trouble](world);
}

/** Some of what was struck gets better by itself. */
export function heal(world: World, p: number): void {
  const { chance } = world;
  for (const { node, machine } of [world.payee, ...world.payers]) {
    if (chance.happens(p)) node.stale = undefined;
    if (chance.happens(p)) node.isDown = false;
    if (chance.happens(p)) machine.disk.isFull = false;
  }
  if (chance.happens(p)) world.network.flush();
  if ((chance.happens(p / 2) || p === 1) && world.plotter?.schemer.isBesieging !== true) world.setFees(1n);
}

function nodeOf({ chance, payee, payers }: World): SimNode {
  return (chance.happens(0.5) ? payee : (chance.pickAny(payers) ?? payee)).node;
}

function changed(world: World, transaction: Parameters<typeof malleated>[0]): ReturnType<typeof malleated> {
  world.coverage.hit('fault transaction-malleated');
  return malleated(transaction);
}

/** Other miners were faster: the last blocks give way to others, with what they please of the same transactions. */
export function reorganise(world: World, wanted: number, instead?: Transaction): void {
  const { chain, chance, coverage, oracle, stage } = world;
  const depth = Math.min(wanted, chain.blocks.length - 1);
  if (depth < 1) return;
  coverage.hit(depth > 6 ? 'reorg deep' : 'reorg shallow');
  const back = chain.disconnect(depth);
  const fork = chain.tip.height;
  world.settledSince = stage.steps;
  const again: Transaction[] = instead === undefined ? [] : [instead];
  for (const transaction of back) {
    const fate = chance.weighted({ mined: 3, waiting: 3, changed: 1, gone: 1 });
    coverage.hit(`reorg transaction ${fate}`);
    if (fate === 'mined') again.push(transaction);
    if (fate === 'changed') again.push(malleated(transaction));
    if (fate === 'waiting') chain.accept(transaction);
  }
  stage.note(
    `fork at ${fork}, ${back.length} transactions were above: ${back.map((transaction) => idOf(transaction).txid.slice(0, 8)).join(' ')}`,
  );
  oracle.disrupted(fork);
  if (instead !== undefined) world.mine(again.splice(0, 1));
  for (let i = 0; i <= depth; i++) {
    const due = i === depth ? again.splice(0) : again.splice(0, chance.int(again.length + 1));
    world.mine(chance.happens(0.5) ? [...due, ...chain.template()] : due);
  }
  oracle.disrupted(fork);
}

/** Somebody dishonest tries something; what takes a block away needs a miner too. */
export function steal(world: World, thief: Thief): void {
  const { chance, chain, coverage, profile, stage } = world;
  const trick = chance.weighted({ ...TRICKS, 'two-doors': profile.doors, stranger: profile.doors / 3 });
  coverage.hit(`trick ${trick}`);
  stage.note(`trick ${trick}`);
  if (trick !== 'double-spend') {
    thief.play(trick);
    return;
  }
  const other = thief.doubleSpend();
  if (other === undefined) return;
  reorganise(world, chance.between(1, 8), other);
  if (chain.mined.has(idOf(other).txid)) coverage.hit('fault funding-double-spent');
}

/** The merchant's disk is lost, and comes back as it was. */
function restorePayee(world: World): void {
  const { payee, chance, oracle, coverage } = world;
  for (const { process } of payee.instances) world.crash(process, false);
  const { generations } = payee.machine.disk;
  if (generations === 0) return;
  payee.machine.restore(chance.int(generations));
  coverage.hit('fault payee-restored');
  oracle.restored();
}
