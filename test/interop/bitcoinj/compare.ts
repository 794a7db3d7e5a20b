import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { median } from '../../../bench/measure.ts';
import { BitcoinjBench } from './bench.ts';
import { type Comparison, comparisons } from './compare-rows.ts';
import { PawmentBench } from './pawment-bench.ts';

/** What both sides of a row did: payments per second. */
export interface Compared {
  readonly title: string;
  /** Medians of the rounds. */
  readonly bitcoinj: number;
  readonly pawment: number;
  /** The median of the rounds' own ratios, and the smallest and largest of them. */
  readonly ratio: number;
  readonly spread: readonly [number, number];
  /** The goal for the ratio. */
  readonly least?: number;
}

export interface Report {
  /** What checks pawment's signatures. */
  readonly backend: string;
  readonly rows: readonly Compared[];
}

export interface Plan {
  readonly rounds: number;
  /** Part of the usual payments that is made in each round. */
  readonly scale: number;
  /** And in one round before, for both compilers; none unless given. */
  readonly warmUp?: number;
}

const USUAL: Plan = { rounds: 7, scale: 0.2, warmUp: 0.5 };
export const QUICK: Plan = { rounds: 1, scale: 0.03 };

/**
 * Measures both sides of every row one after the other, round by round: what disturbs the machine for a while disturbs both, and the ratio of one
 * round means something.
 */
export async function compare({ rounds, scale, warmUp }: Plan, onRound: (round: number) => void = () => undefined): Promise<Report> {
  const folder = await mkdtemp(join(tmpdir(), 'pawment-bench-'));
  try {
    await using bitcoinj = await BitcoinjBench.start();
    await using memory = await PawmentBench.start('memory', folder);
    await using sqlite = await PawmentBench.start('sqlite', folder);
    const pawment = { memory, sqlite };
    const once = async (row: Comparison): Promise<readonly [number, number]> => [
      await bitcoinj.measure(row.bitcoinj),
      await pawment[row.store].measure(row.pawment),
    ];
    const wallet = join(folder, 'wallet');
    const rows = comparisons(wallet, scale).map((row) => ({ row, pairs: [] as (readonly [number, number])[] }));
    onRound(0);
    for (const row of warmUp === undefined ? [] : comparisons(wallet, warmUp)) await once(row);
    for (let round = 1; round <= rounds; round++) {
      onRound(round);
      for (const { row, pairs } of rows) pairs.push(await once(row));
    }
    return { backend: memory.backend, rows: rows.map(({ row, pairs }) => compared(row, pairs)) };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function compared({ title, least }: Comparison, pairs: readonly (readonly [number, number])[]): Compared {
  const ratios = pairs.map(([theirs, own]) => own / theirs);
  return {
    title,
    bitcoinj: median(pairs.map(([theirs]) => theirs)),
    pawment: median(pairs.map(([, own]) => own)),
    ratio: median(ratios),
    spread: [Math.min(...ratios), Math.max(...ratios)],
    ...(least !== undefined && { least }),
  };
}

function printTable({ backend, rows }: Report): void {
  const width = Math.max(...rows.map(({ title }) => title.length));
  console.log(`Payments per second; bitcoinj 0.15.10 in Java as shipped, pawment's signatures checked by ${backend}.\n`);
  console.log(`${''.padEnd(width)}  bitcoinj   pawment     ratio  from … to        goal`);
  for (const { title, bitcoinj, pawment, ratio, spread, least } of rows) {
    const [low, high] = spread.map(significant);
    const numbers = [bitcoinj.toFixed(0).padStart(8), pawment.toFixed(0).padStart(8), significant(ratio).padStart(8)].join('  ');
    console.log(`${title.padEnd(width)}  ${numbers}  ${`${low} … ${high}`.padEnd(15)}  ${least ?? ''}`.trimEnd());
  }
  for (const { title, ratio, least } of missed(rows)) console.log(`\nMissed: ${title}: ${significant(ratio)}, where ${least} is the goal.`);
}

function missed(rows: readonly Compared[]): readonly Compared[] {
  return rows.filter(({ ratio, least = 0 }) => ratio < least);
}

function significant(value: number): string {
  return value.toFixed(value < 10 ? 2 : value < 100 ? 1 : 0);
}

const USAGE = `npm run bench:bitcoinj -- [--quick] [--json]

Measures payments per second of pawment and of the real bitcoinj, side by side: on the machine's clock, one after the other, round by round.
Stores lie in the system's folder for temporary files: name one on a real disk by TMPDIR. Exits with 1 when a ratio misses its goal.
  --quick  few payments, one round: under 30 seconds, and no goals
  --json   one JSON object instead of the table`;

async function main(): Promise<number> {
  const { values } = parseArgs({ options: { quick: { type: 'boolean' }, json: { type: 'boolean' }, help: { type: 'boolean' } } });
  if (values.help === true) {
    console.log(USAGE);
    return 0;
  }
  const plan = values.quick === true ? QUICK : USUAL;
  const note = (round: number): boolean => process.stderr.write(round === 0 ? 'Warming up …' : `\rRound ${round} of ${plan.rounds}  `);
  const report = await compare(plan, note);
  process.stderr.write('\r');
  if (values.json === true) console.log(JSON.stringify(report));
  else printTable(report);
  return values.quick === true || missed(report.rows).length === 0 ? 0 : 1;
}

if (import.meta.main) process.exitCode = await main();
