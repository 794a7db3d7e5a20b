import { parseArgs } from 'node:util';
import { keepCorpus, keptCorpus, saveFound } from './corpus.ts';
import { Coverage } from './coverage.ts';
import { Found, type FuzzReport, fuzz } from './fuzz.ts';
import { table } from './table.ts';

const { values } = parseArgs({
  options: {
    target: { type: 'string', multiple: true },
    runs: { type: 'string', default: '10000' },
    seed: { type: 'string', default: '1' },
    /** Keeps the inputs that took new branches for later runs. */
    keep: { type: 'boolean', default: false },
    /** Lists the branches that no input took. */
    untaken: { type: 'boolean', default: false },
  },
});
const [runs, seed] = [Number(values.runs), Number(values.seed)];
if (!Number.isSafeInteger(runs) || runs < 0 || !Number.isSafeInteger(seed)) throw new RangeError('--runs and --seed are whole numbers');

// Functions that run before coverage starts are never counted block by block.
const coverage = new Coverage();
const { targets } = await import('./targets.ts');
const chosen = values.target === undefined ? targets : targets.filter(({ name }) => values.target?.includes(name));
if (chosen.length === 0) throw new RangeError(`--target is one of ${targets.map(({ name }) => name).join(', ')}`);

const reports: FuzzReport[] = [];
for (const target of chosen) {
  const started = performance.now();
  try {
    const report = await fuzz(target, { runs, seed, kept: keptCorpus(target.name), coverage });
    reports.push(report);
    if (values.keep) keepCorpus(target.name, report.kept);
    process.stderr.write(`${target.name}: ${report.runs} runs in ${((performance.now() - started) / 1000).toFixed(1)} s\n`);
  } catch (error) {
    if (!(error instanceof Found)) throw error;
    process.stderr.write(`${error.message}\nseed ${seed}; saved as ${saveFound(target.name, seed, error.input)}\n`);
    process.exitCode = 1;
  }
}
process.stdout.write(`${table(reports)}\n`);
if (values.untaken) process.stdout.write(`${reports.flatMap(({ untaken }) => untaken).join('\n')}\n`);
