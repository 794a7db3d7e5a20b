import assert from 'node:assert/strict';
import { isAmount } from '../../../src/core/base/amount.ts';
import { concatBytes, hexToBytes } from '../../../src/core/base/bytes.ts';
import { isRefusal, type Refusal } from '../../../src/core/base/refusal.ts';
import {
  decodeAnnounce,
  decodeEnd,
  decodePay,
  encodeAnnounce,
  encodeEnd,
  encodePay,
  MAX_COMPACT_BYTES,
} from '../../../src/core/message/compact.ts';
import type { Chance } from '../../sim/chance.ts';
import { golden } from '../corpus.ts';
import { edgeNumber, either, littleEndian, type Mutate, mutateBytes } from '../mutate.ts';
import { assertSameBytes, type Outcome, outcomeOf, type Target } from '../target.ts';

const HIGH_S = hexToBytes(`${'00'.repeat(31)}01${'7f'.repeat(1)}${'ff'.repeat(31)}`);

/** The fields of each kind, by where they stand. */
const mutateFields: Mutate = (input, chance, other) => {
  const at = chance.pick([33, 34, 37, 38, 41, 73, 74, 106, input.length - 12]);
  if (at < 0 || at > input.length) return mutateBytes(input, chance, other);
  return concatBytes(input.subarray(0, at), fieldOf(chance), input.subarray(at + 8));
};

function fieldOf(chance: Chance): Uint8Array {
  return littleEndian(edgeNumber(chance), 8).reverse();
}

/** More or fewer signatures than are counted, and odd ones. */
const mutateTail: Mutate = (input, chance) => {
  const tail = chance.pick([
    new Uint8Array(64),
    HIGH_S,
    new Uint8Array(64).fill(0xff),
    input.slice(-64),
    new Uint8Array(MAX_COMPACT_BYTES),
  ]);
  return chance.happens(0.5) ? concatBytes(input.subarray(0, -64), tail) : concatBytes(input, tail);
};

/** As if nothing were pending, where something should be; and until a time, where a height should be. */
function spoiltLocks(input: Uint8Array): readonly Uint8Array[] {
  const none = concatBytes(input.subarray(0, 1), Uint8Array.of(0), input.subarray(2));
  return [none, concatBytes(input.subarray(0, 30), new Uint8Array(4).fill(0xff), input.subarray(34))];
}

/** The compact form: whatever is read is written the same. */
export const compact: Target = {
  name: 'compact',
  files: ['core/message/compact.ts', 'core/message/byte-reader.ts'],
  corpus: [...golden('message/v1/*-compact.hex'), ...golden('message/v1/*-pending-payment-compact.hex').flatMap(spoiltLocks)],
  mutate: either(mutateFields, mutateTail, mutateBytes),
  check: (input) => {
    const outcomes = [
      written(input, decodePay(input), (pay) => {
        assert.ok(isAmount(pay.payment.total));
        return encodePay(pay);
      }),
      written(input, decodeAnnounce(input), encodeAnnounce),
      written(input, decodeEnd(input), encodeEnd),
    ];
    assert.ok(outcomes.filter(({ code }) => code === 'accepted').length <= 1);
    // The two decoders of other kinds see that at once.
    return outcomes.find(({ path }) => path !== 'it is a message of another kind') ?? { code: 'message-malformed', path: 'no kind' };
  },
};

function written<Message extends object>(input: Uint8Array, read: Message | Refusal, write: (message: Message) => Uint8Array): Outcome {
  if (isRefusal(read)) return outcomeOf(read);
  assertSameBytes(write(read), input, 'what is read is written the same');
  return { code: 'accepted', path: String(input[0]) };
}
