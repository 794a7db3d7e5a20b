import type { BenchRow } from './bench.ts';
import type { StoreKind } from './pawment-bench.ts';

/** One row for both. */
export interface Comparison {
  readonly title: string;
  readonly bitcoinj: BenchRow;
  readonly pawment: BenchRow;
  readonly store: StoreKind;
  /** How many times as fast as bitcoinj pawment is to be. */
  readonly least?: number;
}

type Shape =
  | { readonly level: 'state' | 'message' | 'tcp' }
  | { readonly level: 'raw'; readonly connections: number; readonly inFlight: number };
/** Payments before the clock starts, and while it runs; each side gets as many as it takes in about a second. */
type Payments = readonly [warmUp: number, count: number];

interface Sides {
  readonly bitcoinj: Payments;
  readonly pawment: Payments;
  readonly least?: number;
}

interface Kind {
  readonly title: string;
  readonly shape: Shape;
  readonly inMemory: Sides;
  /** Where both can be stored. */
  readonly stored?: Sides;
}

/** bitcoinj's own connection makes 11 payments a second: it writes a frame in two pieces, and waits 40 ms for the second twice a payment. */
const LEAST_OVER_TCP = 100;

const KINDS: readonly Kind[] = [
  {
    title: 'state',
    shape: { level: 'state' },
    inMemory: { bitcoinj: [5_000, 5_000], pawment: [1_000, 3_000], least: 1 },
  },
  {
    title: 'message and answer',
    shape: { level: 'message' },
    inMemory: { bitcoinj: [1_000, 5_000], pawment: [500, 2_000] },
    stored: { bitcoinj: [50, 300], pawment: [100, 500] },
  },
  {
    title: 'TCP, own client and server, waiting for each',
    shape: { level: 'tcp' },
    inMemory: { bitcoinj: [3, 30], pawment: [100, 400], least: LEAST_OVER_TCP },
    stored: { bitcoinj: [3, 30], pawment: [20, 200] },
  },
  {
    title: 'TCP, raw client, waiting for each',
    shape: { level: 'raw', connections: 1, inFlight: 1 },
    inMemory: { bitcoinj: [3, 40], pawment: [300, 1_000], least: LEAST_OVER_TCP },
    stored: { bitcoinj: [3, 40], pawment: [100, 400] },
  },
  {
    title: 'TCP, raw client, 256 on the way',
    shape: { level: 'raw', connections: 1, inFlight: 256 },
    inMemory: { bitcoinj: [500, 3_000], pawment: [1_000, 3_000] },
    stored: { bitcoinj: [100, 600], pawment: [1_000, 3_000] },
  },
  {
    title: 'TCP, 8 raw clients, 64 on the way of each',
    shape: { level: 'raw', connections: 8, inFlight: 64 },
    inMemory: { bitcoinj: [100, 400], pawment: [100, 400] },
    stored: { bitcoinj: [20, 80], pawment: [100, 400] },
  },
];

/** @param wallet file for bitcoinj's. @param scale part of the payments that are made. */
export function comparisons(wallet: string, scale: number): readonly Comparison[] {
  const row = (shape: Shape, [warmUp, count]: Payments): BenchRow => ({
    ...shape,
    version: 2,
    warmUp: Math.ceil(warmUp * scale),
    count: Math.ceil(count * scale),
  });
  const sides = (shape: Shape, { bitcoinj, pawment, least }: Sides) => ({
    bitcoinj: row(shape, bitcoinj),
    pawment: row(shape, pawment),
    ...(least !== undefined && { least }),
  });
  return KINDS.flatMap(({ title, shape, inMemory, stored }) => {
    const first: Comparison = { title: `${title}, in memory`, store: 'memory', ...sides(shape, inMemory) };
    if (stored === undefined) return [first];
    const { bitcoinj, ...rest } = sides(shape, stored);
    return [first, { title: `${title}, stored`, store: 'sqlite', bitcoinj: { ...bitcoinj, wallet }, ...rest } satisfies Comparison];
  });
}
