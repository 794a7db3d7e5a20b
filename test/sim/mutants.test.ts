import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hunt } from './hunt.ts';
import { mutants } from './mutants.ts';

test('there are enough planted faults to speak of', () => {
  assert.ok(mutants.length >= 12);
});

for (const mutant of mutants) {
  test(`a simulation notices when ${mutant.name}`, async () => {
    const caught = await hunt(mutant, 1);
    assert.ok(caught !== undefined, 'no world noticed');
    assert.match(caught.message, mutant.breaks);
  });
}
