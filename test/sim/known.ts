import found from './seeds.json' with { type: 'json' };
import type { WorldOptions } from './world.ts';

/** A world in which something was wrong once; with a contract where it was drawn when there were fewer of them, and nobody settled; plotted where nobody planned before. */
export interface Known {
  readonly seed: number;
  readonly world: number;
  readonly contract?: number;
  readonly isPlotted?: true;
}

export const knownWorlds: readonly Known[] = found;

export function asItWas({ seed, world: number, contract, isPlotted }: Known): WorldOptions {
  if (isPlotted) return { seed, number };
  const drawnThen = contract === undefined ? {} : { contract, settling: 0 };
  return { seed, number, profile: (drawn) => ({ ...drawn, doors: 0, bluffs: 0, young: 0, ...drawnThen }) };
}
