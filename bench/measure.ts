/** One thing that is measured. */
export interface Row {
  readonly id: string;
  readonly title: string;
  readonly operations: number;
  /** Does it all once; microseconds of CPU time per operation. */
  readonly sample: () => Promise<number> | number;
}

export interface Work {
  readonly run: () => Promise<void> | void;
  /** Before and after each run; not measured. */
  readonly prepare?: () => Promise<void>;
  readonly finish?: () => Promise<void>;
}

/** A row of work in this process. */
export function inProcess(row: Omit<Row, 'sample'>, { run, prepare, finish }: Work): Row {
  const sample = async (): Promise<number> => {
    await prepare?.();
    const before = process.cpuUsage();
    await run();
    const { user, system } = process.cpuUsage(before);
    await finish?.();
    return (user + system) / row.operations;
  };
  return { ...row, sample };
}

/** Microseconds of CPU time per operation, one for each round. */
export type Samples = ReadonlyMap<string, readonly number[]>;

/**
 * Runs every row once in every round, so that what disturbs the machine for a while disturbs all rows alike, and the ratio of two rows of one round
 * means something. The first `warmUp` rounds are for the compiler only; `onRound` knows them as round 0.
 */
export async function measure(rows: readonly Row[], warmUp: number, rounds: number, onRound: (round: number) => void): Promise<Samples> {
  const samples = new Map(rows.map(({ id }) => [id, [] as number[]]));
  for (let round = 1 - warmUp; round <= rounds; round++) {
    onRound(Math.max(0, round));
    for (const row of rows) {
      const taken = await row.sample();
      if (round > 0) samples.get(row.id)?.push(taken);
    }
  }
  return samples;
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const [low = Number.NaN, high = low] = [sorted[Math.floor((sorted.length - 1) / 2)], sorted[Math.ceil((sorted.length - 1) / 2)]];
  return (low + high) / 2;
}

/** How many times as fast row `id` is as `limit`: the median of the rounds' own ratios. */
export function ratio(samples: Samples, id: string, limit: string): number | undefined {
  const limits = samples.get(limit);
  const own = samples.get(id);
  if (limits === undefined || own === undefined) return undefined;
  return median(own.map((value, round) => (limits[round] ?? Number.NaN) / value));
}
