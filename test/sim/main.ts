import { parseArgs } from 'node:util';
import { Coverage } from './coverage.ts';
import { runWorld, type WorldResult } from './life.ts';

const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: '1000' },
    seed: { type: 'string', default: '1' },
    world: { type: 'string' },
    trace: { type: 'boolean', default: false },
  },
});
const seed = Number(values.seed);

function report({ number, fault, trace }: WorldResult): void {
  process.stdout.write(`${trace.slice(-60).join('\n')}\n\nworld ${number} of seed ${seed} failed: ${fault?.stack ?? ''}\n`);
  process.stdout.write(`again: npm run sim -- --seed ${seed} --world ${number} --trace\n`);
}

if (values.world !== undefined) {
  const result = await runWorld({ seed, number: Number(values.world), keepTrace: true });
  if (values.trace) process.stdout.write(`${result.trace.join('\n')}\n`);
  process.stdout.write(`${result.digest} after ${result.steps} steps: ${result.fault?.stack ?? 'all is well'}\n`);
  process.exitCode = result.fault === undefined ? 0 : 1;
} else {
  const coverage = new Coverage();
  const runs = Number(values.runs);
  const started = performance.now();
  let failures = 0;
  for (let number = 0; number < runs; number++) {
    const result = await runWorld({ seed, number });
    coverage.merge(result.coverage);
    if (result.fault === undefined) continue;
    failures++;
    if (failures === 1) report(result);
    else process.stdout.write(`world ${number}: ${result.fault.message}\n`);
    if (failures >= 20) break;
  }
  const seconds = (performance.now() - started) / 1000;
  process.stdout.write(`${coverage.table()}\n\n${runs} worlds, ${failures} failed, ${seconds.toFixed(1)} s\n`);
  process.exitCode = failures === 0 ? 0 : 1;
}
