import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runAny } from './any.ts';
import { asItWas, knownWorlds } from './known.ts';
import type { WorldResult } from './life.ts';

const SEED = 1;
const WORLDS = 100;

function assertSound({ seed, number, fault, trace }: WorldResult): void {
  if (fault === undefined) return;
  assert.fail(`${trace.slice(-40).join('\n')}\n${fault.stack}\nagain: npm run sim -- --seed ${seed} --world ${number} --trace`);
}

test('worlds in which something was wrong once', async () => {
  for (const known of knownWorlds) assertSound(await runAny(asItWas(known)));
});

test('the same seed gives the same world, to the byte', async () => {
  for (let number = 0; number < 10; number++) {
    const [first, again] = [await runAny({ seed: 7, number, keepTrace: true }), await runAny({ seed: 7, number })];
    assert.equal(first.digest, again.digest);
    assert.ok(first.steps > 100);
  }
  const digests = await Promise.all([1, 2].map(async (number) => (await runAny({ seed: 7, number })).digest));
  assert.equal(new Set(digests).size, 2);
});

test(`nothing is lost in ${WORLDS} hostile worlds`, async () => {
  for (let number = 0; number < WORLDS; number++) assertSound(await runAny({ seed: SEED, number }));
});
