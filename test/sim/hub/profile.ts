import type { Chance } from '../chance.ts';
import type { NetworkOdds } from '../network.ts';

/** What goes wrong in a world with a hub, and how often. */
export interface HubProfile {
  readonly payers: number;
  readonly isMultisig: boolean;
  /** Blocks before an expiry in which payees close, and below which deposits count. */
  readonly margin: number;
  readonly depth: number;
  /** Blocks that channels last at most beyond the least. */
  readonly lifetimes: { readonly payer: number; readonly hub: number };
  readonly turns: number;
  /** Steps of a turn at most. */
  readonly pace: number;
  readonly network: NetworkOdds;
  /** At each step of a program, and how often the power goes with it. */
  readonly crash: number;
  readonly power: number;
  readonly failure: { readonly node: number; readonly store: number };
  readonly malleates: number;
  readonly troubles: number;
  /** Orders that do not give the payee what it asks for, and purchases of what others have locked under the same hash. */
  readonly cheats: number;
  /** Who does not come back from some turn on. */
  readonly leaving: readonly ('hub' | 'payee' | 'payer0')[];
  /** Who is gone acts on, with keys and disk: when it claims. */
  readonly robbery: 'none' | 'at once' | 'last' | 'late';
  /** In the end, until all is over, things still go wrong. */
  readonly isStormy: boolean;
}

export function drawHubProfile(chance: Chance): HubProfile {
  const isRough = chance.happens(0.6);
  const rough = (most: number): number => (isRough ? chance.pick([0, most / 4, most]) : 0);
  const leaving = chance.pick<HubProfile['leaving']>([[], [], [], ['payee'], ['payer0'], ['hub'], ['payee', 'payer0'], ['payee'], ['hub']]);
  return {
    payers: chance.between(1, 2),
    isMultisig: chance.happens(0.7),
    margin: chance.between(20, 50),
    depth: chance.between(1, 4),
    lifetimes: { payer: chance.pick([10, 60]), hub: chance.pick([10, 60]) },
    turns: chance.between(15, 45),
    pace: chance.pick([30, 120, 250]),
    network: { lost: rough(0.1), doubled: rough(0.05), held: 0, impatience: rough(0.05) },
    crash: rough(0.006),
    power: chance.pick([0, 0.5]),
    failure: { node: rough(0.02), store: rough(0.02) },
    malleates: chance.pick([0, 0, 0.3]),
    troubles: chance.pick([0, 0.1, 0.2]),
    cheats: chance.pick([0, 0, 0.2]),
    leaving,
    robbery: leaving.length === 0 ? 'none' : chance.pick(['none', 'at once', 'last', 'late']),
    isStormy: isRough && chance.happens(0.5),
  };
}
