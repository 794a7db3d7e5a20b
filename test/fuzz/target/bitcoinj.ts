import assert from 'node:assert/strict';
import { amount } from '../../../src/core/base/amount.ts';
import { hexToBytes } from '../../../src/core/base/bytes.ts';
import { isRefusal } from '../../../src/core/base/refusal.ts';
import { decodeBitcoinj } from '../../../src/core/message/bitcoinj/decode.ts';
import { encodeBitcoinj } from '../../../src/core/message/bitcoinj/encode.ts';
import type { BitcoinjMessage } from '../../../src/core/message/bitcoinj/message.ts';
import { readConversations, readRecording } from '../../interop/bitcoinj/golden.ts';
import { mutateBytes } from '../mutate.ts';
import { outcomeOf, type Target } from '../target.ts';

const recorded = [readRecording(1), readRecording(2), ...readConversations()].flatMap(({ frames }) => frames.map(({ body }) => body));

/** What pawment adds, which no bitcoinj peer has said. */
const signature = new Uint8Array(64).fill(7);
const added: readonly BitcoinjMessage[] = [
  { kind: 'server-version', major: 2, minor: 0, nonce: new Uint8Array(16) },
  { kind: 'close', proof: signature },
  { kind: 'error', code: 'BAD_TRANSACTION', best: { change: amount(5n), signature } },
];

/** Bodies of bitcoinj's frames: what is read is written so that it reads the same. */
export const bitcoinj: Target = {
  name: 'bitcoinj',
  files: ['decode', 'encode'].map((name) => `core/message/bitcoinj/${name}.ts`),
  corpus: [...[...new Set(recorded)].map(hexToBytes), ...added.map(encodeBitcoinj)],
  mutate: mutateBytes,
  check: (input) => {
    const read = decodeBitcoinj(input);
    if (!isRefusal(read)) assert.deepEqual(decodeBitcoinj(encodeBitcoinj(read)), read);
    return outcomeOf(read);
  },
};
