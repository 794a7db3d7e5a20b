import { bytesToHex, type ChannelId } from '../../../src/core/base/bytes.ts';
import { payeeSnapshot } from '../../../src/core/channel/snapshot.ts';
import { Chance } from '../chance.ts';
import type { WorldResult } from '../life.ts';
import { CALM } from '../network.ts';
import { Violation } from '../oracle.ts';
import { hundredths, ownScripts } from '../world.ts';
import type { Buyer } from './buyer.ts';
import { HubWorld, type HubWorldOptions } from './world.ts';

const GRANTS = 6;
const GRANT = 3_000_000_000n;
const MOST_STEPS = 20_000;
const MOST_ROUNDS = 400;
/** Blocks around a height where something is due that are looked at one by one. */
const NEAR = 12;
/** Blocks after which everything is buried, twice over: an end may take two transactions. */
const LONG = 2 * 60 + 10;
/** The share of all worlds. */
const SHARE = 0.05;

/** Whether a world has a hub: by a chance of its own, so that the others stay what they were. */
export function hasHub({ seed, number }: { readonly seed: number; readonly number: number }): boolean {
  return new Chance(seed ^ 0x687562, number).happens(SHARE);
}

/** Lets a world happen, from its first block until everything has come to its end. */
export async function runHubWorld(options: HubWorldOptions): Promise<WorldResult> {
  const world = new HubWorld(options);
  const { stage, coverage } = world;
  try {
    await live(world);
    if (stage.fault === undefined) await settle(world);
  } catch (error) {
    stage.fault ??= error instanceof Error ? error : new Error(String(error));
  }
  coverage.hit('worlds');
  coverage.hit('worlds with a hub');
  coverage.hit('steps', stage.steps);
  if (stage.fault !== undefined) stage.note(`fault ${stage.fault.message}`);
  const { seed, number } = options;
  return { seed, number, steps: stage.steps, digest: stage.digest(), fault: stage.fault, trace: stage.tail, coverage: coverage.counts };
}

async function live(world: HubWorld): Promise<void> {
  const { chain, chance, hub, payee, buyers, profile, stage, network } = world;
  chain.grant(
    [hub, ...buyers.map(({ side }) => side)].flatMap((side) =>
      Array.from({ length: GRANTS }, (_, i) => ({ value: GRANT, script: side.receiveScript(i % 4) })),
    ),
  );
  world.restart(1);
  payee.poll(() => chain.tip);
  await rest(world);
  hub.open(hundredths(chance.between(60, 1200)));
  await rest(world);
  for (const { side } of buyers) side.open(hundredths(chance.between(60, 1200)));
  await rest(world);
  for (let i = 0; i < profile.depth + 1; i++) await round(world, 1);
  network.odds = profile.network;
  fail(world, profile.failure.node, profile.failure.store);
  const parting = chance.int(profile.turns);
  for (let i = 0; i < profile.turns && stage.fault === undefined; i++) {
    if (i >= parting) for (const name of profile.leaving) if (chance.happens(0.5)) world.leave(name);
    if (chance.happens(profile.troubles)) strike(world);
    else business(world);
    heal(world, 0.3);
    await stage.run(chance.int(profile.pace));
    rob(world);
    world.restart(0.4);
    if (stage.isIdle) await stage.run(0);
  }
}

function fail({ sides }: HubWorld, node: number, store: number): void {
  for (const side of sides) {
    side.node.failure = node;
    side.machine.failure = store;
  }
}

function strike(world: HubWorld): void {
  const { chance, coverage, sides } = world;
  const side = chance.pickAny(sides);
  const trouble = chance.pick(['reorg', 'censor', 'stale', 'down', 'full', 'clock', 'kill']);
  coverage.hit(`hub trouble ${trouble}`);
  world.stage.note(`trouble ${trouble}`);
  if (trouble === 'reorg') world.reorganise(chance.between(1, 5));
  if (trouble === 'censor') world.censoredUntil = world.chain.tip.height + chance.between(1, 6);
  if (trouble === 'clock') world.now += chance.between(-48, 48) * 3_600_000;
  if (trouble === 'kill' && world.hub.process !== undefined) world.crash(world.hub.process, chance.happens(0.5));
  if (side === undefined) return;
  if (trouble === 'stale') side.node.stale = world.chain.freeze();
  if (trouble === 'down') side.node.isDown = true;
  if (trouble === 'full') side.machine.disk.isFull = true;
}

function heal({ chance, sides }: HubWorld, p: number): void {
  for (const { node, machine } of sides) {
    if (chance.happens(p)) node.stale = undefined;
    if (chance.happens(p)) node.isDown = false;
    if (chance.happens(p)) machine.disk.isFull = false;
  }
}

const businesses = {
  mine: (world: HubWorld) => world.mine(),
  poll: ({ payee, chain }: HubWorld) => payee.poll(() => chain.tip),
  hub: ({ hub, chance }: HubWorld) => (chance.happens(0.6) ? hub.tend() : hub.tick()),
  buyer: (world: HubWorld) => {
    const buyer = world.chance.pickAny(world.buyers);
    if (buyer !== undefined) act(world, buyer);
  },
};

function business(world: HubWorld): void {
  businesses[world.chance.weighted({ mine: 2, poll: 2, hub: 3, buyer: 8 })](world);
}

function act({ chance, profile, coverage }: HubWorld, buyer: Buyer): void {
  const { side } = buyer;
  const channel = chance.pickAny(side.channels);
  if (side.running === undefined || channel === undefined || side.busy > 1) return;
  const wish = chance.weighted({ buy: 6, look: 4, settle: 2, tend: 2, end: 0.3 });
  coverage.hit(`via ${wish}`);
  const purchase = chance.pickAny(buyer.purchases);
  if (wish === 'buy')
    buyer.buy(channel, chance.pick(['tea', 'tea', 'meal']), chance.happens(profile.cheats) ? chance.pick([1n, -10_000_000n]) : 0n);
  else if (wish === 'look' && purchase !== undefined) buyer.look(purchase);
  else if (wish === 'settle') buyer.settle(channel);
  else if (wish === 'end') side.end(channel);
  else side.tend();
}

/** Who is gone and means harm does what it can. */
function rob(world: HubWorld): void {
  const { robber, profile, gone, chance } = world;
  if (profile.robbery === 'none') return;
  for (const who of ['hub', 'payee'] as const) {
    if (!gone.has(who)) continue;
    const mined = robber.act(who, profile.robbery, chance.happens(0.2));
    if (mined.length > 0) world.mine(mined);
  }
}

/** Faults become few, then stop; the chain goes on past every height, and everything is accounted for. */
async function settle(world: HubWorld): Promise<void> {
  const { network, chain, stage, profile, oracle, coverage } = world;
  stage.note('settle');
  for (const name of profile.leaving) world.leave(name);
  fail(world, 0, 0);
  heal(world, 1);
  world.isCalm = !profile.isStormy;
  if (world.isCalm) network.odds = CALM;
  for (let i = 0; i < 4; i++) await round(world, 1);
  again(world);
  for (let i = 0; i < MOST_ROUNDS && stage.fault === undefined; i++) {
    const last = Math.max(chain.tip.height, ...world.dues);
    const isPast = world.dues.every((at) => at + 60 < chain.tip.height);
    if (isPast) calm(world);
    if (isPast && chain.tip.height > Math.max(...world.dues, 0) + LONG) break;
    if (profile.isStormy && !world.isCalm && world.chance.happens(0.05)) world.reorganise(world.chance.between(1, 4));
    await round(world, nextStop(world, last) - chain.tip.height);
  }
  if (stage.fault !== undefined) return;
  calm(world);
  for (let i = 0; i < 3; i++) await round(world, 1);
  await ended(world);
  for (const { taken, pending, isOutgoing } of oracle.accounts()) {
    if (taken > 0n) coverage.hit(`taken ${isOutgoing ? 'of' : 'by'} the hub`);
    for (const { taker = 'nobody' } of pending) coverage.hit(`pending ${isOutgoing ? 'out' : 'in'} to ${taker}`);
  }
  oracle.checkEnd({ hub: world.gone.has('hub'), payee: world.gone.has('payee'), payer: (channel) => world.isOfGone(channel) });
  const outputs = [...chain.outputs.values()].reduce((sum, { value }) => sum + value, 0n);
  if (outputs + chain.fees !== GRANT * BigInt(GRANTS * (1 + world.buyers.length))) throw new Violation('money is gone');
}

/** Every program starts once more. */
function again(world: HubWorld): void {
  const { hub, payee, buyers } = world;
  for (const process of [hub.process, ...payee.instances.map((one) => one.process), ...buyers.map(({ side }) => side.process)])
    if (process !== undefined) world.crash(process, false);
  world.restart(1);
}

function calm(world: HubWorld): void {
  world.isCalm = true;
  world.network.odds = CALM;
}

function nextStop({ chain, dues }: HubWorld, last: number): number {
  const { height } = chain.tip;
  if (dues.some((at) => height >= at && height < at + NEAR)) return height + 1;
  const ahead = dues.filter((at) => at > height);
  return Math.min(height + (height > last ? 40 : 25), ...ahead);
}

async function round(world: HubWorld, blocks: number): Promise<void> {
  const { chain, payee, hub, buyers } = world;
  for (let i = 0; i < blocks; i++) world.mine();
  payee.poll(() => chain.tip);
  hub.tend();
  await rest(world);
  rob(world);
  world.restart(1);
  for (const buyer of buyers) {
    if (buyer.side.running === undefined) continue;
    buyer.side.tend();
    for (const channel of buyer.side.channels) if (world.chance.happens(0.5)) buyer.settle(channel);
  }
  await rest(world);
}

async function rest({ stage }: HubWorld): Promise<void> {
  await stage.run(MOST_STEPS);
  if (!stage.isIdle) stage.fault ??= new Violation('I7 it never comes to rest');
}

/** I7: nobody who is there is left with a channel that is not over. */
async function ended(world: HubWorld): Promise<void> {
  const { hub, buyers, stage, chain } = world;
  for (const { side } of buyers) {
    if (world.gone.has(side.name)) continue;
    if (side.running === undefined) throw new Violation(`${side.name} does not start`);
    const { wallet } = side.running;
    side.start('look', async () => {
      for (const { kind, channel, offered } of await side.states())
        if (kind !== 'ended' && !(kind === 'planned' && offered.length === 0))
          throw new Violation(`I7 ${side.name} is left with a channel that is ${kind}: ${channel}`);
      const { confirmed, pending } = await wallet.balance();
      const own = ownScripts(side.name);
      const money = [...chain.outputs.values()]
        .filter(({ script }) => own.has(bytesToHex(script)))
        .reduce((sum, one) => sum + one.value, 0n);
      if (confirmed !== money || pending > 0n)
        throw new Violation(`${side.name} has ${money}, its wallet says ${confirmed} and ${pending}`);
    });
    await rest(world);
  }
  if (stage.fault !== undefined || world.gone.has('hub')) return;
  for (const text of hub.machine.disk.values('payee-channel')) checkEnded(payeeSnapshot.decode(text));
}

function checkEnded({
  kind,
  channel,
  deposits,
}: {
  readonly kind: string;
  readonly channel: ChannelId;
  readonly deposits: readonly unknown[];
}): void {
  if (kind !== 'ended' && deposits.length > 0) throw new Violation(`I7 the hub is left with a channel that is ${kind}: ${channel}`);
}
