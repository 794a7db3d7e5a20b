import found from './seeds.json' with { type: 'json' };
import type { WorldOptions } from './world.ts';

/** A world in which something was wrong once; with a contract where it was drawn when there were fewer of them, and nobody settled. */
export interface Known {
  readonly seed: number;
  readonly world: number;
  readonly contract?: number;
}

export const knownWorlds: readonly Known[] = found;

export function asItWas({ seed, world: number, contract }: Known): WorldOptions {
  const drawnThen = contract === undefined ? {} : { contract, settling: 0, doors: 0 };
  return { seed, number, profile: (drawn) => ({ ...drawn, bluffs: 0, ...drawnThen }) };
}
