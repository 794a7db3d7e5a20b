import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { must, payeeScript, payerKey, sampleFunding, sampleTerms } from '../../../test/world/sample.ts';
import { amount, ZERO } from '../base/amount.ts';
import { bytesToHex, concatBytes } from '../base/bytes.ts';
import { isRefusal, type Refusal } from '../base/refusal.ts';
import { channelIdOf } from '../contract/contract.ts';
import { readScript } from '../tx/script.ts';
import { decodeTransaction, encodeTransaction } from '../tx/transaction.ts';
import { decodeAnnounce, decodeEnd, decodePay, encodeAnnounce, encodeEnd, encodePay, MAX_COMPACT_BYTES } from './compact.ts';

const DOGE = 100_000_000n;
const terms = sampleTerms();
const channel = channelIdOf(terms.coin, terms.contract.redeemScript(terms));
const { deposits, transactions } = sampleFunding(terms, [10n * DOGE, 20n * DOGE]);
const payment = must(terms.contract.sign(terms, deposits, amount(15n * DOGE), payerKey));
const HASH = new Uint8Array(20).fill(9);
const agreement = { total: amount(DOGE), fee: amount(DOGE), payerScript: payeeScript };
const agreed = must(terms.contract.agree(terms, deposits, agreement));
const signatures = terms.contract.signAgreement(terms, agreed, payerKey);

/** A decoder of bytes from outside: whole bytes that it reads, and what it wrote of them again; undefined when it refused. */
interface Decoder {
  readonly whole: Uint8Array;
  readonly again: (bytes: Uint8Array) => Uint8Array | undefined;
}

function compact<T>(value: T, encode: (value: T) => Uint8Array, decode: (bytes: Uint8Array) => T | Refusal): Decoder {
  return {
    whole: encode(value),
    again: (bytes) => {
      const read = decode(bytes);
      return isRefusal(read) ? undefined : encode(read);
    },
  };
}

const decoders: Readonly<Record<string, Decoder>> = {
  payment: compact({ kind: 'payment', channel, payment }, encodePay, decodePay),
  'payment under a hash': compact({ kind: 'payment', channel, payment: { ...payment, hash: HASH } }, encodePay, decodePay),
  'payment that gives all back': compact(
    { kind: 'payment', channel, payment: { total: ZERO, signatures: [], hash: HASH } },
    encodePay,
    decodePay,
  ),
  'announcement with a penalty key': compact(
    { kind: 'announce', payerKey: terms.payerKey, expiry: terms.expiry, deposits, penaltyKey: terms.payeeKey },
    encodeAnnounce,
    decodeAnnounce,
  ),
  announcement: compact({ kind: 'announce', payerKey: terms.payerKey, expiry: terms.expiry, deposits }, encodeAnnounce, decodeAnnounce),
  end: compact({ kind: 'end', channel, agreement, signatures }, encodeEnd, decodeEnd),
  transaction: {
    whole: [...transactions.values()][0] ?? assert.fail(),
    again: (bytes) => {
      const tx = decodeTransaction(bytes);
      return tx && encodeTransaction(tx);
    },
  },
};

const edits = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 4 });

function edited(bytes: Uint8Array, changes: readonly (readonly [number, number])[]): Uint8Array {
  const copy = bytes.slice();
  for (const [at, byte] of changes) copy[at % copy.length] = byte;
  return copy;
}

for (const [name, { whole, again }] of Object.entries(decoders)) {
  test(`${name}: read whole, refused when a byte is missing or too much`, () => {
    assert.deepEqual(again(whole), whole);
    for (let length = 0; length < whole.length; length++) assert.equal(again(whole.subarray(0, length)), undefined, `${length} bytes`);
    assert.equal(again(concatBytes(whole, Uint8Array.of(0))), undefined);
  });

  test(`${name}: any bytes are refused, or read so that they are written the same, and never throw`, (t) => {
    const counts = { read: 0, refused: 0 };
    const look = (bytes: Uint8Array): void => {
      const written = again(bytes);
      counts[written === undefined ? 'refused' : 'read']++;
      if (written !== undefined) assert.equal(bytesToHex(written), bytesToHex(bytes));
    };
    fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), look));
    fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => look(concatBytes(whole.subarray(0, 1), bytes))));
    fc.assert(
      fc.property(edits, (changes) => look(edited(whole, changes))),
      { numRuns: 1000 },
    );
    t.diagnostic(`${counts.read} read, ${counts.refused} refused`);
    assert.ok(counts.read > 0 && counts.refused > 0);
  });
}

test('compact messages are refused before they are read when they are longer than any', () => {
  for (const decode of [decodePay, decodeAnnounce, decodeEnd]) {
    const most = decode(new Uint8Array(MAX_COMPACT_BYTES));
    const more = decode(new Uint8Array(MAX_COMPACT_BYTES + 1));
    assert.deepEqual([isRefusal(most) && most.code, isRefusal(more) && more.code], ['message-malformed', 'message-too-large']);
  }
});

test('scripts with changed bytes are read or not, and never throw', () => {
  const whole = terms.contract.redeemScript(terms);
  let read = 0;
  fc.assert(
    fc.property(edits, (changes) => {
      if (readScript(edited(whole, changes)) !== undefined) read++;
    }),
    { numRuns: 1000 },
  );
  assert.ok(read > 0 && read < 1000);
});
