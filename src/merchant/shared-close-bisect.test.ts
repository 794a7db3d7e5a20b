import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { bisectSpoilers } from './shared-close-bisect.ts';

const all = (count: number): readonly number[] => Array.from({ length: count }, (_, i) => i);

describe('a batch that is taken as a whole or not at all', () => {
  test('what spoils it is found by halves, whatever it is and wherever it stands', async () => {
    for (const count of [1, 2, 3, 7, 64, 300]) {
      for (const bad of [[], [0], [count - 1], [0, count - 1], [1, 2, 3], [5, 77, 78, 150, 299], all(Math.min(count, 5))]) {
        const spoiled = new Set(bad.filter((one) => one >= 0 && one < count));
        const taken: number[] = [];
        let tries = 0;
        const left = await bisectSpoilers(
          all(count),
          async (some) => some,
          async (some) => {
            tries++;
            const isTaken = !some.some((one) => spoiled.has(one));
            if (isTaken) taken.push(...some);
            return isTaken;
          },
        );
        assert.deepEqual(new Set(left), spoiled);
        assert.deepEqual(
          [...taken].sort((a, b) => a - b),
          all(count).filter((one) => !spoiled.has(one)),
        );
        const most = 1 + spoiled.size * (1 + Math.ceil(Math.log2(count)));
        assert.ok(tries <= most, `${tries} tries for ${spoiled.size} of ${count}, more than ${most}`);
      }
    }
  });

  test('what can be seen takes no halves, before it is sent or after it was refused', async () => {
    for (const seenAt of [1, 2]) {
      let looks = 0;
      let tries = 0;
      const left = await bisectSpoilers(
        all(300),
        async (some) => (++looks < seenAt ? some : some.filter((one) => one % 60 !== 7)),
        async (some) => ++tries > 0 && !some.some((one) => one % 60 === 7),
      );
      assert.deepEqual(left, [7, 67, 127, 187, 247]);
      assert.equal(tries, seenAt);
    }
  });

  test('nothing is sent where nothing is fit, and nobody goes on for ever where nothing is taken', async () => {
    let tries = 0;
    const send = async (): Promise<boolean> => ++tries < 0;
    assert.deepEqual(await bisectSpoilers(all(10), async () => [], send), all(10));
    assert.equal(tries, 0);
    assert.deepEqual(await bisectSpoilers(all(300), async (some) => some, send), all(300));
    assert.ok(tries < 100, `${tries} tries`);
  });
});
