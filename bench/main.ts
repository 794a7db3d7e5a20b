import { parseArgs } from 'node:util';
import { revocable } from '../src/core/contract/revocable.ts';
import { fastestVerifier } from '../src/engine/verifier.ts';
import { buildBaseline } from './c-baseline.ts';
import { makeFixture } from './fixture.ts';
import { followRow, stuffedRow } from './follow.ts';
import { hopRow } from './hop.ts';
import { measure, type Row } from './measure.ts';
import { printTable, type Result, resultOf } from './report.ts';
import { giveBackRow, rawRow, signRow, stepRow, storedRow } from './rows.ts';

/** Channels to which nothing happens, while blocks come. */
const IDLE = [10, 10_000, 100_000];

const USAGE = `npm run bench -- [--quick] [--json]

Measures CPU time per payment, side by side with signature verification alone and with plain C libsecp256k1.
Stores lie in the system's folder for temporary files: name one on a real disk by TMPDIR. Exits with 1 when the compact step misses its goal.
  --quick  fewer payments and rounds: under 20 seconds
  --json   one JSON object instead of the table`;

const { values } = parseArgs({ options: { quick: { type: 'boolean' }, json: { type: 'boolean' }, help: { type: 'boolean' } } });
if (values.help === true) console.log(USAGE);
else process.exitCode = (await bench(values.quick === true, values.json === true)).passed ? 0 : 1;

async function bench(quick: boolean, json: boolean): Promise<Result> {
  const { channels, each, psbts, signs, blocks, warmUp, rounds } = quick
    ? { channels: 64, each: 16, psbts: 512, signs: 2, blocks: 50, warmUp: 4, rounds: 5 }
    : { channels: 64, each: 64, psbts: 2048, signs: 8, blocks: 200, warmUp: 1, rounds: 9 };
  const verifier = await fastestVerifier();
  const note = (text: string): void => void process.stderr.write(text);
  note(`Signing ${channels * each} payments of ${channels} channels beforehand …\n`);
  const fixture = makeFixture(channels, each, verifier.verify);
  const takeable = makeFixture(channels, each, verifier.verify, revocable);
  const { payments } = fixture;
  const inPsbt = payments.slice(0, psbts);
  const rows: Row[] = [
    rawRow(fixture),
    stepRow('compact', fixture, payments),
    storedRow({ form: 'compact', store: 'memory', inFlight: 1 }, fixture, payments),
    storedRow({ form: 'compact', store: 'sqlite', inFlight: 1 }, fixture, payments),
    storedRow({ form: 'compact', store: 'sqlite', inFlight: 64 }, fixture, payments),
    stepRow('compact', takeable, takeable.payments, 'revocable'),
    giveBackRow(takeable, signs),
    hopRow(verifier.verify, channels, signs),
    stepRow('psbt', fixture, inPsbt),
    storedRow({ form: 'psbt', store: 'sqlite', inFlight: 64 }, fixture, inPsbt),
    signRow(fixture, signs),
    ...IDLE.map((idle) => followRow(idle, blocks)),
    ...(['usual', 'stuffed'] as const).map((kind) => stuffedRow(kind, blocks)),
  ];
  const baseline = buildBaseline(payments.map(({ check }) => check));
  const isMissing = 'missing' in baseline;
  if (!isMissing) {
    rows.unshift({ id: 'c', title: 'verification in plain C', operations: payments.length, sample: baseline.measure });
  }
  const samples = await measure(rows, warmUp, rounds, (round) => note(round === 0 ? '\rWarming up …' : `\rRound ${round} of ${rounds}  `));
  note('\r');
  if (!isMissing) baseline.close();
  const result = resultOf(rows, samples, verifier.backend, isMissing ? baseline.missing : undefined);
  if (json) console.log(JSON.stringify(result));
  else printTable(result);
  return result;
}
