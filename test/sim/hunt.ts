import { runAny } from './any.ts';
import { mutants } from './mutants.ts';
import type { Mutant } from './plant.ts';

/** Worlds in which a planted fault has to show. */
export const MOST_WORLDS = 400;

export interface Caught {
  readonly world: number;
  readonly message: string;
}

/** Runs worlds with a fault planted until a rule breaks. */
export async function hunt(mutant: Mutant, seed: number, most: number = MOST_WORLDS): Promise<Caught | undefined> {
  for (let number = 0; number < most; number++) {
    const undo = mutant.plant?.();
    try {
      const mutation = mutant.mutation?.() ?? {};
      const { fault } = await runAny({
        seed,
        number,
        mutation,
        ...(mutant.profile && { profile: mutant.profile }),
        ...(mutant.hub && { hub: mutant.hub() }),
      });
      if (fault !== undefined) return { world: number, message: fault.message };
    } finally {
      undo?.();
    }
  }
  return undefined;
}

export async function huntMutants(seed: number): Promise<void> {
  let missed = 0;
  for (const mutant of mutants) {
    const caught = await hunt(mutant, seed);
    const isRight = caught !== undefined && mutant.breaks.test(caught.message);
    if (!isRight) missed++;
    process.stdout.write(
      `${isRight ? 'caught' : 'MISSED'} ${mutant.name}: ${caught ? `world ${caught.world}, ${caught.message}` : `${MOST_WORLDS} worlds`}\n`,
    );
  }
  process.stdout.write(`${mutants.length - missed} of ${mutants.length} planted faults were caught\n`);
  process.exitCode = missed === 0 ? 0 : 1;
}
