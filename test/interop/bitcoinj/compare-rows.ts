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

interface Kind {
  readonly title: string;
  readonly shape: Shape;
  readonly pawment: Payments;
  readonly inMemory: { readonly bitcoinj: Payments; readonly least?: number };
  /** Where both can be stored. */
  readonly stored?: { readonly bitcoinj: Payments; readonly least?: number };
}

/** bitcoinj's own connection makes 11 payments a second: it writes a frame in two pieces, and waits 40 ms for the second twice a payment. */
const LEAST_OVER_TCP = 100;

const KINDS: readonly Kind[] = [
  {
    title: 'state',
    shape: { level: 'state' },
    pawment: [2_000, 5_000],
    inMemory: { bitcoinj: [5_000, 5_000], least: 1 },
  },
  {
    title: 'message and answer',
    shape: { level: 'message' },
    pawment: [1_000, 3_000],
    inMemory: { bitcoinj: [1_000, 5_000] },
    stored: { bitcoinj: [100, 500] },
  },
  {
    title: 'TCP, own client and server, waiting for each',
    shape: { level: 'tcp' },
    pawment: [100, 500],
    inMemory: { bitcoinj: [3, 30], least: LEAST_OVER_TCP },
    stored: { bitcoinj: [3, 30] },
  },
  {
    title: 'TCP, raw client, waiting for each',
    shape: { level: 'raw', connections: 1, inFlight: 1 },
    pawment: [500, 2_000],
    inMemory: { bitcoinj: [3, 40], least: LEAST_OVER_TCP },
    stored: { bitcoinj: [3, 40] },
  },
  {
    title: 'TCP, raw client, 256 on the way',
    shape: { level: 'raw', connections: 1, inFlight: 256 },
    pawment: [1_000, 6_000],
    inMemory: { bitcoinj: [500, 3_000] },
    stored: { bitcoinj: [300, 1_000] },
  },
  {
    title: 'TCP, 8 raw clients, 64 on the way of each',
    shape: { level: 'raw', connections: 8, inFlight: 64 },
    pawment: [100, 800],
    inMemory: { bitcoinj: [100, 800] },
    stored: { bitcoinj: [50, 150] },
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
  return KINDS.flatMap(({ title, shape, pawment, inMemory, stored }) => {
    const own = row(shape, pawment);
    const { bitcoinj, ...goal } = inMemory;
    const first = { title: `${title}, in memory`, bitcoinj: row(shape, bitcoinj), pawment: own, store: 'memory', ...goal } as const;
    if (stored === undefined) return [first];
    const { bitcoinj: fewer, ...storedGoal } = stored;
    const theirs = { ...row(shape, fewer), wallet };
    return [first, { title: `${title}, stored`, bitcoinj: theirs, pawment: own, store: 'sqlite', ...storedGoal } as const];
  });
}
