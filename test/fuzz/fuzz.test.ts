import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { foundInputs, keptCorpus } from './corpus.ts';
import { Coverage } from './coverage.ts';
import { Found, type FuzzReport, fuzz } from './fuzz.ts';
import { mutateBytes } from './mutate.ts';
import { table, taken } from './table.ts';
import { ACCEPTED, type Target, utf8 } from './target.ts';

// Functions that run before coverage starts are never counted block by block.
const coverage = new Coverage();
const { targets } = await import('./targets.ts');

const RUNS = 200;
/** Of the branches of a parser. What is never taken are mostly the values that the compiler asks for behind an index that is always there. */
const LEAST_SHARE = 0.9;

describe('the fuzzer', () => {
  const planted: Target = {
    name: 'planted',
    files: ['core/base/bytes.ts'],
    corpus: [utf8('a whole text to begin with')],
    mutate: mutateBytes,
    check: (input) => {
      if (input[3] === 0xff) throw new Error('a fault');
      return input.length > 10 ? ACCEPTED : { code: 'short' };
    },
  };
  const counts = ({ runs, codes }: FuzzReport): unknown => [runs, [...codes]];

  test('finds a fault, and shows the input', async () => {
    await assert.rejects(fuzz(planted, { runs: 5_000, seed: 1, coverage }), (error) => error instanceof Found && error.input[3] === 0xff);
  });

  test('does the same again from the same seed, and something else from another', async () => {
    const sound: Target = { ...planted, check: (input) => ({ code: input.length > 10 ? 'accepted' : 'short', path: String(input[0]) }) };
    const [first, again, other] = [
      await fuzz(sound, { runs: 500, seed: 1, coverage }),
      await fuzz(sound, { runs: 500, seed: 1, coverage }),
      await fuzz(sound, { runs: 500, seed: 2, coverage }),
    ];
    assert.deepEqual(counts(first), counts(again));
    assert.notDeepEqual(counts(first), counts(other));
  });

  test('sees work that grows faster than the input', async () => {
    let steps = 0;
    const slow: Target = {
      ...planted,
      check: (input) => {
        for (let i = 0; i < input.length ** 2 * 10_000; i++) steps++;
        return ACCEPTED;
      },
    };
    await assert.rejects(fuzz(slow, { runs: 1, seed: 1, coverage }), /steps for 1 inputs of 26 bytes/);
    assert.ok(steps > 0);
  });
});

describe('hostile input', () => {
  for (const target of targets) {
    test(`${target.name}: nothing but its refusals, and at least ${LEAST_SHARE * 100} of 100 branches`, async (t) => {
      for (const input of foundInputs(target.name)) await target.check(input);
      const report = await fuzz(target, { runs: RUNS, seed: 1, kept: keptCorpus(target.name), coverage });
      t.diagnostic(table([report]).split('\n').slice(1, 2).join(''));
      assert.ok(report.codes.size > 1 && report.codes.has('accepted'), 'some are taken, some are not');
      assert.ok(taken(report) / report.branches >= LEAST_SHARE, `not taken: ${report.untaken.join('\n')}`);
    });
  }
});
