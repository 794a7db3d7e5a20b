import { fork } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { runAny } from './any.ts';
import type { Chance } from './chance.ts';
import { Coverage } from './coverage.ts';
import { huntMutants } from './hunt.ts';
import { asItWas, knownWorlds } from './known.ts';
import { giving, type Profile, plotted, setBack, villainous } from './profile.ts';

const HELP = `Runs worlds in which everything goes wrong, and checks the rules of money in each.

  npm run sim -- --runs 5000 --seed 1      worlds 0 … 4999 of seed 1, after those in which something was wrong once
  npm run sim -- --seed 1 --world 42       one of them, as it was; with --trace, step by step
  npm run sim -- --only plotter            worlds of a payer who plans; villain: of a merchant who means harm; giving: where
                                           money goes back; losing: where the shop loses its store besides; hub: of payers
                                           who pay somebody through a hub
  npm run sim -- --mutants                 plants faults, one at a time, and says how soon each is caught
`;

const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: '1000' },
    seed: { type: 'string', default: '1' },
    jobs: { type: 'string', default: String(availableParallelism()) },
    world: { type: 'string' },
    trace: { type: 'boolean', default: false },
    mutants: { type: 'boolean', default: false },
    only: { type: 'string' },
    help: { type: 'boolean', default: false },
    part: { type: 'string' },
  },
});
const seed = Number(values.seed);
const jobs = Number(values.jobs);
/** The same with a shop that is honest, and loses its store. */
function losing(drawn: Profile, givings: Chance): Profile {
  return setBack(giving(drawn, givings));
}

const hub = values.only === 'hub' ? {} : undefined;
const profile = { plotter: plotted, villain: villainous, giving, losing }[values.only ?? ''];
/** After this many failures a run has said enough. */
const MOST_FAILURES = 20;
const SHOWN_LINES = 60;

/** What one process tells of its part. */
type Told =
  | { readonly kind: 'failure'; readonly seed: number; readonly world: number; readonly message: string; readonly tail: readonly string[] }
  | { readonly kind: 'progress'; readonly worlds: number; readonly coverage: readonly (readonly [string, number])[] };

/** Worlds between two reports of progress. */
const REPORT = 100;

async function runPart(part: number, tell: (told: Told) => void): Promise<void> {
  let coverage = new Coverage();
  let worlds = 0;
  const flush = (): void => {
    tell({ kind: 'progress', worlds, coverage: [...coverage.counts] });
    [coverage, worlds] = [new Coverage(), 0];
  };
  const known = part === 0 && values.only === undefined ? knownWorlds.map(asItWas) : [];
  const all = Array.from({ length: Number(values.runs) }, (_, number) => ({
    seed,
    number,
    ...(profile && { profile }),
    ...(hub && { hub }),
  })).filter(({ number }) => number % jobs === part);
  for (const one of [...known, ...all]) {
    const { fault, trace, coverage: counts } = await runAny(one);
    coverage.merge(counts);
    worlds++;
    if (fault !== undefined)
      tell({ kind: 'failure', seed: one.seed, world: one.number, message: fault.stack ?? fault.message, tail: trace.slice(-SHOWN_LINES) });
    if (worlds === REPORT) flush();
  }
  flush();
}

async function runAll(): Promise<void> {
  const coverage = new Coverage();
  const started = performance.now();
  let [worlds, failures] = [0, 0];
  const hear = (told: Told): void => {
    if (told.kind === 'progress') {
      coverage.merge(told.coverage);
      worlds += told.worlds;
      return;
    }
    failures++;
    if (failures === 1) process.stdout.write(`${told.tail.join('\n')}\n\n`);
    process.stdout.write(`FAILED ${told.message}\nagain: npm run sim -- --seed ${told.seed} --world ${told.world} --trace\n`);
  };
  const parts = Array.from({ length: jobs }, (_, part) => fork(import.meta.filename, [...process.argv.slice(2), '--part', String(part)]));
  const endings = parts.map(
    (part) =>
      new Promise<number>((resolve) => {
        part.on('message', (told) => {
          hear(told as Told);
          if (failures >= MOST_FAILURES) for (const other of parts) other.kill();
        });
        part.on('exit', (code) => resolve(code ?? 1));
      }),
  );
  const codes = await Promise.all(endings);
  const seconds = (performance.now() - started) / 1000;
  process.stdout.write(`${coverage.table()}\n\n${worlds} worlds of seed ${seed}, ${failures} failed, ${seconds.toFixed(1)} s\n`);
  process.exitCode = failures === 0 && codes.every((code) => code === 0) ? 0 : 1;
}

async function runOne(number: number): Promise<void> {
  const { trace, digest, steps, fault } = await runAny({ seed, number, keepTrace: true, ...(profile && { profile }), ...(hub && { hub }) });
  if (values.trace) process.stdout.write(`${trace.join('\n')}\n`);
  process.stdout.write(`${digest} after ${steps} steps: ${fault?.stack ?? 'all is well'}\n`);
  process.exitCode = fault === undefined ? 0 : 1;
}

if (values.help) process.stdout.write(HELP);
else if (values.mutants) await huntMutants(seed);
else if (values.world !== undefined) await runOne(Number(values.world));
else if (values.part !== undefined) {
  await runPart(Number(values.part), (told) => process.send?.(told));
  process.disconnect();
} else await runAll();
