import { hasHub, runHubWorld } from './hub/life.ts';
import type { HubMutation } from './hub/world.ts';
import { runWorld, type WorldResult } from './life.ts';
import type { WorldOptions } from './world.ts';

export interface AnyOptions extends WorldOptions {
  /** A world with a hub, whatever its number says. */
  readonly hub?: HubMutation;
}

/** A world as its seed and number say: one in twenty has a hub, unless something else is asked for. */
export function runAny({ hub, ...options }: AnyOptions): Promise<WorldResult> {
  const isUsual = options.profile === undefined && options.mutation === undefined;
  if (hub === undefined && !(isUsual && hasHub(options))) return runWorld(options);
  const { seed, number, keepTrace = false } = options;
  return runHubWorld({ seed, number, keepTrace, ...(hub && { mutation: hub }) });
}
