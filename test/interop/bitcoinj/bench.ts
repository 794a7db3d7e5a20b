import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { JavaProcess } from './process.ts';
import { measured } from './said.ts';

interface Common {
  /** Of the protocol. */
  readonly version: 1 | 2;
  /** Payments of one unit before the clock starts, and while it runs; on each connection. */
  readonly warmUp: number;
  readonly count: number;
  /** File to which the payee's wallet is written at every payment; it is in memory only unless given. */
  readonly wallet?: string;
}

/** What is measured. All but `tcp` signs beforehand: it is the payee that is timed. */
export type BenchRow =
  /** The payee's state takes change and signature. */
  | (Common & { readonly level: 'state' })
  /** The payee's protocol object takes a message's bytes and answers. */
  | (Common & { readonly level: 'message' })
  /** bitcoinj's own client, waiting for each acknowledgement. */
  | (Common & { readonly level: 'tcp' })
  /** bitcoinj's listener, and clients that write each frame at once without delay and keep so many on the way. */
  | (Common & { readonly level: 'raw'; readonly connections: number; readonly inFlight: number });

/** Measures the real bitcoinj, round by round in one warm process. */
export class BitcoinjBench implements AsyncDisposable {
  readonly #process: JavaProcess;

  private constructor(process: JavaProcess) {
    this.#process = process;
  }

  static async start(): Promise<BitcoinjBench> {
    return new BitcoinjBench(await JavaProcess.start([]));
  }

  /** Opens new channels for the row; returns payments per second of all connections together. */
  async measure(row: BenchRow): Promise<number> {
    return measured.parse(await this.#process.call('bench', row)).perSecond;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#process.kill();
  }
}

/** The rows of research and README, each short. */
export function benchRows(wallet: string): Readonly<Record<string, BenchRow>> {
  const version = 2;
  return {
    'state, in memory': { level: 'state', version, warmUp: 5_000, count: 5_000 },
    'message and answer, in memory': { level: 'message', version, warmUp: 1_000, count: 5_000 },
    'message and answer, wallet written each time': { level: 'message', version, warmUp: 100, count: 500, wallet },
    'TCP as shipped, waiting for each': { level: 'tcp', version, warmUp: 3, count: 30 },
    'TCP, one write and no delay, waiting for each': { level: 'raw', version, warmUp: 3, count: 40, connections: 1, inFlight: 1 },
    'TCP, 256 on the way': { level: 'raw', version, warmUp: 500, count: 3_000, connections: 1, inFlight: 256 },
    'TCP, 8 connections, 64 on the way on each': { level: 'raw', version, warmUp: 100, count: 800, connections: 8, inFlight: 64 },
  };
}

if (import.meta.main) {
  const folder = await mkdtemp(join(tmpdir(), 'pawment-bench-'));
  try {
    await using bench = await BitcoinjBench.start();
    for (const [name, row] of Object.entries(benchRows(join(folder, 'wallet')))) {
      console.log(`${(await bench.measure(row)).toFixed(0).padStart(8)}/s  ${name}`);
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
