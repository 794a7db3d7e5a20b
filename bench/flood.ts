import { parseArgs } from 'node:util';
import { type FloodResult, flood } from '../test/flood/flood.ts';

const USAGE = `npm run flood -- [--requests 1000000] [--rate 2000] [--addresses 200] [--quiet 1000] [--json]

A merchant in a process of its own, with SQLite, is sent every kind of hostile request while one payer pays on. The flood and the node it asks run in
this process, and share the machine with it: at a rate that takes all processors, what is measured is the want of processors. So it is sent at --rate.
Exits with 1 when memory, disk or the payer's p99 are out of bounds, or something was answered with 5xx.`;

const { values } = parseArgs({
  options: {
    requests: { type: 'string', default: '100000' },
    rate: { type: 'string', default: '2000' },
    addresses: { type: 'string', default: '200' },
    quiet: { type: 'string', default: '1000' },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
const MEGABYTE = 1024 * 1024;
/** What the flood may add to the memory and to the disk of the merchant. */
const MOST_MEMORY = 256 * MEGABYTE;
const MOST_DISK = 64 * MEGABYTE;
const MOST_RATIO = 2;

if (values.help) console.log(USAGE);
else process.exitCode = report(await flood({ ...numbers(), dawdlers: 200, pace: 10, note: (text) => process.stderr.write(text) }));

function numbers(): { requests: number; rate: number; addresses: number; quiet: number } {
  const { requests, rate, addresses, quiet } = values;
  return { requests: Number(requests), rate: Number(rate), addresses: Number(addresses), quiet: Number(quiet) };
}

function quantile(times: readonly number[], part: number): number {
  const sorted = times.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? Number.NaN;
}

function report(result: FloodResult): number {
  const { seconds, fates, quiet, flooded, memory, disk, processor, stored } = result;
  const sent = Object.values(fates).reduce((sum, one) => sum + one, 0);
  const [quietP99, floodedP99] = [quantile(quiet, 0.99), quantile(flooded, 0.99)];
  const grown = { memory: Math.max(...memory) - (memory[0] ?? 0), disk: Math.max(...disk) - (disk[0] ?? 0) };
  const failures = Object.entries(fates).filter(([fate]) => fate.startsWith('5'));
  const passed = grown.memory < MOST_MEMORY && grown.disk < MOST_DISK && floodedP99 < MOST_RATIO * quietP99 && failures.length === 0;
  if (values.json) {
    console.log(JSON.stringify({ sent, seconds, fates, quietP99, floodedP99, grown, memory, processor, stored, passed }));
    return passed ? 0 : 1;
  }
  const mega = (bytes: number): string => `${(bytes / MEGABYTE).toFixed(1)} MiB`;
  const milliseconds = (times: readonly number[]): string =>
    `p50 ${quantile(times, 0.5).toFixed(2)} ms, p99 ${quantile(times, 0.99).toFixed(2)} ms (${times.length} payments)`;
  console.log(
    `${sent} hostile requests in ${seconds.toFixed(0)} s, ${(sent / seconds).toFixed(0)} a second, and 200 connections that say nothing whole`,
  );
  console.log(
    `answers: ${Object.entries(fates)
      .map(([fate, count]) => `${fate} ${count}`)
      .join(', ')}`,
  );
  console.log(`memory: ${mega(memory[0] ?? 0)} before, ${mega(Math.max(...memory))} at most, ${mega(memory.at(-1) ?? 0)} at the end`);
  console.log(`store: ${mega(disk[0] ?? 0)} before, ${mega(Math.max(...disk))} at most; records ${JSON.stringify(stored)}`);
  console.log(`merchant's processor: ${(processor * 100).toFixed(0)} % of one`);
  console.log(`honest payer, quiet: ${milliseconds(quiet)}`);
  console.log(`honest payer, flood: ${milliseconds(flooded)}; p99 × ${(floodedP99 / quietP99).toFixed(2)}`);
  console.log(passed ? 'within bounds' : 'OUT OF BOUNDS');
  return passed ? 0 : 1;
}
