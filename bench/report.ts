import { median, type Row, ratio, type Samples } from './measure.ts';

/** The compact step without storage reaches this part of the backend's own speed, or the bench fails. */
const LEAST_COMPACT = 0.6;

export interface Result {
  readonly backend: string;
  readonly rows: readonly {
    readonly id: string;
    readonly title: string;
    readonly operations: number;
    /** Microseconds of CPU time per operation: the median of the rounds, and the fastest and slowest of them. */
    readonly micros: number;
    readonly spread: readonly [number, number];
    readonly perSecond: number;
  }[];
  readonly ratios: {
    /** Compact step without storage to verification alone. */
    readonly compact: number;
    /** The compact step of payments that can be taken back to that of those that can't. */
    readonly revocable: number;
    /** A give-back to such a payment. */
    readonly giveBack: number;
    /** What a hub does for one forwarded payment, to a compact step. */
    readonly hop: number;
    /** The same for a PSBT. */
    readonly psbt: number;
    /** Compact, in SQLite, 64 in flight, to plain C; null without a C compiler. */
    readonly durable: number | null;
    /** What a block costs with 10,000 and 100,000 idle channels, to what it costs with ten. */
    readonly idle10k: number;
    readonly idle100k: number;
    /** What a block of 100 kB of outputs to a channel's script costs, to what the usual one costs. */
    readonly stuffed: number;
  };
  readonly least: { readonly compact: number };
  readonly passed: boolean;
  /** What is missing on this machine, and how to get it. */
  readonly missing: string | null;
}

export function resultOf(rows: readonly Row[], samples: Samples, backend: string, missing: string | undefined): Result {
  const compact = ratio(samples, 'compact', 'verify') ?? Number.NaN;
  return {
    backend,
    rows: rows.map(({ id, title, operations }) => {
      const values = samples.get(id) ?? [];
      const micros = rounded(median(values), 2);
      return {
        id,
        title,
        operations,
        micros,
        spread: [rounded(Math.min(...values), 2), rounded(Math.max(...values), 2)],
        perSecond: Math.round(1e6 / micros),
      };
    }),
    ratios: {
      compact: rounded(compact, 3),
      revocable: rounded(ratio(samples, 'compact-revocable', 'compact') ?? Number.NaN, 3),
      giveBack: rounded(ratio(samples, 'give-back', 'compact-revocable') ?? Number.NaN, 3),
      hop: rounded(ratio(samples, 'hop', 'compact') ?? Number.NaN, 3),
      psbt: rounded(ratio(samples, 'psbt', 'verify') ?? Number.NaN, 3),
      durable: missing === undefined ? rounded(ratio(samples, 'compact-sqlite-64', 'c') ?? Number.NaN, 3) : null,
      idle10k: rounded(ratio(samples, 'follow-10', 'follow-10000') ?? Number.NaN, 2),
      idle100k: rounded(ratio(samples, 'follow-10', 'follow-100000') ?? Number.NaN, 2),
      stuffed: rounded(ratio(samples, 'block-usual', 'block-stuffed') ?? Number.NaN, 2),
    },
    least: { compact: LEAST_COMPACT },
    passed: compact >= LEAST_COMPACT,
    missing: missing ?? null,
  };
}

function rounded(value: number, digits: number): number {
  return Number(value.toFixed(digits));
}

export function printTable({ backend, rows, ratios, passed, missing }: Result): void {
  const width = Math.max(...rows.map(({ title }) => title.length));
  console.log(`CPU time per operation; signatures are checked by ${backend}.\n`);
  console.log(`${''.padEnd(width)}  ${'µs'.padStart(8)}  ${'per second'.padStart(10)}  from … to µs`);
  for (const { title, micros, perSecond, spread } of rows) {
    const [low, high] = spread;
    console.log(
      `${title.padEnd(width)}  ${micros.toFixed(1).padStart(8)}  ${String(perSecond).padStart(10)}  ${low.toFixed(1)} … ${high.toFixed(1)}`,
    );
  }
  console.log(
    `\ncompact step ÷ verification alone            ${ratios.compact.toFixed(2)}  (goal ${LEAST_COMPACT.toFixed(2)}: ${passed ? 'met' : 'missed'})`,
  );
  console.log(`a payment that can be taken back ÷ one that can't ${ratios.revocable.toFixed(2)}`);
  console.log(`a give-back ÷ such a payment                 ${ratios.giveBack.toFixed(2)}`);
  console.log(`a hop through a hub ÷ a compact step         ${ratios.hop.toFixed(2)}`);
  console.log(`PSBT step ÷ verification alone               ${ratios.psbt.toFixed(2)}`);
  console.log(`durable compact ÷ plain C                    ${ratios.durable === null ? '–' : ratios.durable.toFixed(2)}`);
  console.log(
    `a block for 10,000 idle channels ÷ for ten   ${ratios.idle10k.toFixed(2)}\na block for 100,000 idle channels ÷ for ten  ${ratios.idle100k.toFixed(2)}`,
  );
  console.log(`a stuffed block of 100 kB ÷ the usual        ${ratios.stuffed.toFixed(2)}`);
  if (missing !== null) console.log(`\n${missing}`);
}
