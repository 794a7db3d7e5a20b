import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { readConversations, readRecording } from '../../../../test/interop/bitcoinj/golden.ts';
import { amount, MAX_AMOUNT } from '../../base/amount.ts';
import { bytesToHex, concatBytes, hexToBytes, txId } from '../../base/bytes.ts';
import { isRefusal } from '../../base/refusal.ts';
import { publicKey } from '../../tx/sign.ts';
import { decodeBitcoinj } from './decode.ts';
import { encodeBitcoinj } from './encode.ts';
import { type BitcoinjMessage, MAX_BITCOINJ_BYTES } from './message.ts';

const recorded = [readRecording(1), readRecording(2), ...readConversations()].flatMap(({ frames }) => frames);
const KEY = '02dffd85c30efa6ca205803b9fd197e03a5ea23627514c218d5a81c639f2c0d508';
const payerKey = publicKey(hexToBytes(KEY)) ?? assert.fail('a key');

function decodeHex(hex: string): ReturnType<typeof decodeBitcoinj> {
  return decodeBitcoinj(hexToBytes(hex));
}

function refusedAs(hex: string): string {
  const read = decodeHex(hex);
  return isRefusal(read) ? `${read.code}: ${read.detail['reason']}` : assert.fail(`${read.kind} was read`);
}

describe('the messages of bitcoinj', () => {
  test('every recorded frame is read and written to the same bytes', () => {
    const kinds = new Set<string>();
    for (const { body } of recorded) {
      const read = decodeHex(body);
      if (isRefusal(read)) assert.fail(`${body}: ${read.message}`);
      kinds.add(read.kind);
      assert.equal(bytesToHex(encodeBitcoinj(read)), body);
    }
    assert.ok(recorded.length > 100);
    assert.equal(kinds.size, 11);
  });

  test('what pawment adds is read and written, and is not there unless it is given', () => {
    const [nonce, proof] = [Uint8Array.of(1, 2, 3), new Uint8Array(64).fill(7)];
    const added: readonly BitcoinjMessage[] = [
      { kind: 'server-version', major: 2, minor: 0, nonce },
      { kind: 'close', proof },
      { kind: 'error', code: 'BAD_TRANSACTION', best: { change: amount(5n), signature: proof } },
      { kind: 'close', settlement: Uint8Array.of(1), proof },
    ];
    for (const message of added) assert.deepEqual(decodeBitcoinj(encodeBitcoinj(message)), message);
    assert.equal(bytesToHex(encodeBitcoinj({ kind: 'close' })), '0809');
  });

  test('the hash of a contract is in the order in which nodes print it', () => {
    const previous = `8659${'00'.repeat(29)}22`;
    const read = decodeHex(`08011226080110001a20${previous}`);
    assert.deepEqual(read, { kind: 'client-version', major: 1, minor: 0, previous });
  });

  test('a hash of any length but 32 names no channel', () => {
    for (const length of [0, 1, 31, 33]) {
      const hash = `1a${length.toString(16).padStart(2, '0')}${'ab'.repeat(length)}`;
      const read = decodeHex(`080112${(4 + 2 + length).toString(16).padStart(2, '0')}08011000${hash}`);
      assert.deepEqual(read, { kind: 'client-version', major: 1, minor: 0 });
    }
  });

  test('only the body that the type names is read', () => {
    // Type CHANNEL_OPEN beside an INITIATE that lacks all it must have, and the same INITIATE where it is asked for.
    assert.deepEqual(decodeHex('08072200'), { kind: 'channel-open' });
    assert.equal(refusedAs('08032200'), 'message-malformed: multisig_key is missing or unknown');
    assert.equal(refusedAs('0808'), 'message-malformed: the body for its type is missing');
  });

  test('what has to be there and is not is refused', () => {
    assert.equal(refusedAs(''), 'message-malformed: type is missing or unknown');
    assert.equal(refusedAs('080c'), 'message-malformed: type is missing or unknown');
    assert.equal(refusedAs('08021a021000'), 'message-malformed: major is missing or unknown');
    assert.equal(refusedAs('08084202081f'), 'message-malformed: signature is missing or unknown');
    assert.deepEqual(decodeHex('08084204081f1200'), { kind: 'update-payment', change: 31n, signature: new Uint8Array() });
    assert.equal(refusedAs('08063a030a01ff'), 'message-malformed: initial_payment is missing or unknown');
    assert.equal(refusedAs('ffff'), 'message-malformed: it is not protobuf');
  });

  test('fields that nobody knows yet are skipped, at the end, in between and in bodies', () => {
    const high = 'c2bb0103616263'; // field 3000, three bytes
    const body = '08011000';
    assert.deepEqual(decodeHex(`0802${high}1a04${body}`), { kind: 'server-version', major: 1, minor: 0 });
    assert.deepEqual(decodeHex(`08021a04${body}${high}`), { kind: 'server-version', major: 1, minor: 0 });
    assert.deepEqual(decodeHex(`08021a0b${body}${high}`), { kind: 'server-version', major: 1, minor: 0 });
    assert.deepEqual(decodeHex(`0801120b${body}${high}`), { kind: 'client-version', major: 1, minor: 0 });
  });

  test('an error code that nobody knows reads as OTHER', () => {
    assert.deepEqual(decodeHex('080a52020863'), { kind: 'error', code: 'OTHER' });
    assert.deepEqual(decodeHex('080a5200'), { kind: 'error', code: 'OTHER' });
    assert.deepEqual(decodeHex('080a52020801'), { kind: 'error', code: 'TIMEOUT' });
  });

  test('amounts and times beyond all bounds are refused, the largest are read', () => {
    const written = (change: bigint): string =>
      bytesToHex(concatBytes(hexToBytes('0808'), field(0x42, concatBytes(hexToBytes('08'), varint(change), hexToBytes('1200')))));
    assert.equal(refusedAs(written(MAX_AMOUNT + 1n)), 'message-malformed: an amount is out of range');
    assert.equal(refusedAs(written(2n ** 64n - 1n)), 'message-malformed: an amount is out of range');
    assert.deepEqual(decodeHex(written(MAX_AMOUNT)), { kind: 'update-payment', change: MAX_AMOUNT, signature: new Uint8Array() });
    const window = (seconds: bigint): string =>
      bytesToHex(concatBytes(hexToBytes('0801'), field(0x12, concatBytes(hexToBytes('080120'), varint(seconds)))));
    assert.equal(refusedAs(window(2n ** 53n)), 'message-malformed: a time is out of range');
    assert.deepEqual(decodeHex(window(2n ** 53n - 1n)), { kind: 'client-version', major: 1, minor: 0, window: 2 ** 53 - 1 });
  });

  test('a key that is none is refused', () => {
    const refund = (key: string): string => bytesToHex(concatBytes(hexToBytes('0804'), field(0x2a, hexToBytes(`0a21${key}1201ff`))));
    assert.equal(refusedAs(refund(`05${KEY.slice(2)}`)), 'key-invalid: a key is not a compressed public key');
    assert.deepEqual(decodeHex(refund(KEY)), { kind: 'provide-refund', payerKey, refund: Uint8Array.of(0xff) });
  });

  test('32,767 bytes are read, one more is refused', () => {
    const close = (settlement: Uint8Array): Uint8Array => encodeBitcoinj({ kind: 'close', settlement });
    const overhead = close(new Uint8Array(MAX_BITCOINJ_BYTES)).length - MAX_BITCOINJ_BYTES;
    const largest = close(new Uint8Array(MAX_BITCOINJ_BYTES - overhead));
    assert.equal(largest.length, MAX_BITCOINJ_BYTES);
    assert.ok(!isRefusal(decodeBitcoinj(largest)));
    const read = decodeBitcoinj(close(new Uint8Array(MAX_BITCOINJ_BYTES - overhead + 1)));
    assert.equal(isRefusal(read) && read.code, 'message-too-large');
  });

  test('whatever is written is read to the same', () => {
    fc.assert(fc.property(anyMessage, (message) => assert.deepEqual(decodeBitcoinj(encodeBitcoinj(message)), message)));
  });

  test('bytes of a stranger are read or refused, never more', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        const read = decodeBitcoinj(bytes);
        if (!isRefusal(read)) assert.deepEqual(decodeBitcoinj(encodeBitcoinj(read)), read);
      }),
    );
  });

  test('a group in a group in a group is refused, however deep', () => {
    assert.equal(refusedAs('0b'.repeat(MAX_BITCOINJ_BYTES)), 'message-malformed: it is not protobuf');
  });
});

function field(tag: number, body: Uint8Array): Uint8Array {
  return concatBytes(Uint8Array.of(tag, body.length), body);
}

function varint(value: bigint): Uint8Array {
  return value < 128n ? Uint8Array.of(Number(value)) : concatBytes(Uint8Array.of(Number(value & 127n) | 128), varint(value >> 7n));
}

const bytes = fc.uint8Array({ maxLength: 400 });
const sum = fc.bigInt({ min: 0n, max: MAX_AMOUNT }).map(amount);
const time = fc.maxSafeNat();
const int32 = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 });
const id = fc.uint8Array({ minLength: 32, maxLength: 32 }).map((hash) => txId(bytesToHex(hash)));
const key = fc.constant(payerKey);
const just = <Kind extends string>(kind: Kind): fc.Arbitrary<Kind> => fc.constant(kind);
const PLAIN = { noNullPrototype: true } as const;
const update = { change: sum, signature: bytes };

/** Every kind, with and without what it may lack. */
const anyMessage: fc.Arbitrary<BitcoinjMessage> = fc.oneof(
  fc.record(
    { kind: just('client-version'), major: int32, minor: int32, window: time, previous: id },
    { requiredKeys: ['kind', 'major', 'minor'], ...PLAIN },
  ),
  fc.record({ kind: just('server-version'), major: int32, minor: int32 }, PLAIN),
  fc.record({ kind: just('initiate'), payeeKey: key, minCapacity: sum, expiry: time, minPayment: sum }, PLAIN),
  fc.record({ kind: just('provide-refund'), payerKey: key, refund: bytes }, PLAIN),
  fc.record({ kind: just('return-refund'), signature: bytes }, PLAIN),
  fc.record(
    { kind: just('provide-contract'), contract: bytes, initial: fc.record(update, PLAIN), payerKey: key },
    { requiredKeys: ['kind', 'contract', 'initial'], ...PLAIN },
  ),
  fc.record({ kind: just('channel-open') }, PLAIN),
  fc.record({ kind: just('update-payment'), ...update, info: bytes }, { requiredKeys: ['kind', 'change', 'signature'], ...PLAIN }),
  fc.record({ kind: just('close'), settlement: bytes }, { requiredKeys: ['kind'], ...PLAIN }),
  fc.record(
    { kind: just('error'), code: fc.constantFrom('TIMEOUT', 'BAD_TRANSACTION', 'OTHER'), explanation: fc.string(), expected: sum },
    { requiredKeys: ['kind', 'code'], ...PLAIN },
  ),
  fc.record({ kind: just('payment-ack'), info: bytes }, { requiredKeys: ['kind'], ...PLAIN }),
);
