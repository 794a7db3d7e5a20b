import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { keyNumber } from '../../../test/world/sample.ts';
import { amount } from '../../core/base/amount.ts';
import { isRefusal, refuse } from '../../core/base/refusal.ts';
import type { UpdatePayment } from '../../core/message/bitcoinj/message.ts';
import { encodeSignature } from '../../core/tx/sign.ts';
import { batchUpdates, risingBatches } from './update-batch.ts';

const CAPACITY = amount(1_000n);
const signature = keyNumber(1).sign(new Uint8Array(32));

function updateOf(change: number): UpdatePayment {
  return { kind: 'update-payment', change: amount(BigInt(change)), signature: encodeSignature(signature, change > 0 ? 0x83 : 0x82) };
}

describe('what is said at once', () => {
  test('payments that follow each other are one turn; nothing is lost, added or moved', () => {
    const message = fc.oneof(
      fc.integer({ min: 0, max: 9 }).map(updateOf),
      fc.constant({ kind: 'close' } as const),
      fc.constant(refuse('message-malformed')),
    );
    fc.assert(
      fc.property(fc.array(message), (messages) => {
        const turns = batchUpdates(messages);
        assert.deepEqual(
          turns.flatMap<unknown>((turn) => (turn.kind === 'updates' ? turn.updates : [turn])),
          messages,
        );
        assert.ok(turns.every((turn, i) => turn.kind !== 'updates' || (turn.updates.length > 0 && turns[i - 1]?.kind !== 'updates')));
      }),
    );
  });
});

describe('runs of payments', () => {
  test('rise, and are as long as they can be; what can’t be read ends them all', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 1_005 })), (changes) => {
        const runs = risingBatches(changes.map(updateOf), CAPACITY);
        const bad = changes.findIndex((change) => change > CAPACITY);
        const good = bad < 0 ? changes : changes.slice(0, bad);
        const read = runs.flatMap((run) => (isRefusal(run) ? [] : [run.map(({ payment }) => payment.total)]));
        assert.deepEqual(
          read.flat(),
          good.map((change) => CAPACITY - BigInt(change)),
        );
        assert.equal(runs.filter(isRefusal).length, bad < 0 ? 0 : 1);
        for (const [i, run] of read.entries()) {
          assert.ok(run.every((total, j) => j === 0 || total >= (run[j - 1] ?? 0n)));
          assert.ok(i === 0 || (run[0] ?? 0n) < (read[i - 1]?.at(-1) ?? 0n));
        }
      }),
    );
  });
});
