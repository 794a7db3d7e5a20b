import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { bytesToHex, txId } from '../base/bytes.ts';
import { isUnbound, SIGHASH, sighashTemplate, signatureHash } from './sighash.ts';
import type { Transaction, TxInput, TxOutput } from './transaction.ts';

const ids = fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => txId(bytesToHex(bytes)));
const uint32 = fc.nat(0xffff_ffff);
const inputs: fc.Arbitrary<TxInput> = fc.record({
  outpoint: fc.record({ txid: ids, vout: uint32 }),
  script: fc.constant(new Uint8Array()),
  sequence: uint32,
});
const outputs: fc.Arbitrary<TxOutput> = fc.record({
  value: fc.bigInt(0n, 2n ** 64n - 1n),
  script: fc.oneof(fc.uint8Array({ maxLength: 40 }), fc.uint8Array({ minLength: 250, maxLength: 300 })),
});
const transactions: fc.Arbitrary<Transaction> = fc.record({
  version: fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
  inputs: fc.array(inputs, { minLength: 1, maxLength: 4 }),
  outputs: fc.array(outputs, { maxLength: 4 }),
  lockTime: uint32,
});
const types = fc.constantFrom(1, 2, 3, 0x81, 0x82, 0x83, 0, 0x1f, -1, 0x7fff_fff3);
const codes = fc.uint8Array({ maxLength: 120 });

/** The outputs that a hash type commits to, in their order. */
function committed(tx: Transaction, index: number, hashType: number): readonly number[] {
  const base = hashType & 0x1f;
  if (base === SIGHASH.NONE) return [];
  return base === SIGHASH.SINGLE ? [index] : tx.outputs.map((_, i) => i);
}

function withValues(tx: Transaction, at: readonly number[], values: readonly bigint[]): Transaction {
  return { ...tx, outputs: tx.outputs.map((output, i) => (at.includes(i) ? { ...output, value: values[at.indexOf(i)] ?? 0n } : output)) };
}

test('a template digests what the signature hash does, for any values, shape and hash type', () => {
  let compared = 0;
  fc.assert(
    fc.property(
      transactions,
      fc.nat(3),
      codes,
      types,
      fc.array(fc.bigInt(0n, 2n ** 64n - 1n), { minLength: 8, maxLength: 8 }),
      (tx, at, code, type, values) => {
        const index = at % tx.inputs.length;
        fc.pre(!isUnbound(tx, index, type));
        const template = sighashTemplate(tx, index, code, type);
        const own = committed(tx, index, type);
        // Twice, so that what the first left behind would show in the second.
        for (const chosen of [values.slice(0, own.length), values.slice(4, 4 + own.length)]) {
          assert.deepEqual(template.digest(chosen), signatureHash(withValues(tx, own, chosen), index, code, type));
        }
        compared++;
      },
    ),
    { numRuns: 400 },
  );
  assert.ok(compared >= 400);
});

test('SINGLE without an output at its index is refused, in any of its forms', () => {
  const input: TxInput = { outpoint: { txid: txId('11'.repeat(32)), vout: 0 }, script: new Uint8Array(), sequence: 0 };
  const output: TxOutput = { value: 1n, script: new Uint8Array() };
  const tx: Transaction = { version: 2, inputs: [input, input], outputs: [output], lockTime: 0 };
  const one = `01${'00'.repeat(31)}`;
  for (const type of [SIGHASH.SINGLE, SIGHASH.SINGLE | SIGHASH.ANYONECANPAY, 0x43]) {
    assert.throws(() => sighashTemplate(tx, 1, new Uint8Array(), type), /no output to sign/);
    assert.equal(bytesToHex(signatureHash(tx, 1, new Uint8Array(), type)), one);
    sighashTemplate(tx, 0, new Uint8Array(), type);
  }
  assert.throws(() => sighashTemplate(tx, 2, new Uint8Array(), SIGHASH.ALL));
  assert.equal(bytesToHex(signatureHash(tx, 2, new Uint8Array(), SIGHASH.ALL)), one);
});

test('each hash type leaves open what it should, and nothing else', () => {
  const input = (byte: string): TxInput => ({ outpoint: { txid: txId(byte.repeat(32)), vout: 0 }, script: new Uint8Array(), sequence: 5 });
  const output = (value: bigint): TxOutput => ({ value, script: Uint8Array.of(0x51) });
  const tx: Transaction = { version: 2, inputs: [input('11'), input('22')], outputs: [output(1n), output(2n)], lockTime: 0 };
  const changes: Readonly<Record<string, Transaction>> = {
    otherInput: { ...tx, inputs: [input('11'), input('33')] },
    ownInput: { ...tx, inputs: [input('33'), input('22')] },
    ownOutput: { ...tx, outputs: [output(9n), output(2n)] },
    otherOutput: { ...tx, outputs: [output(1n), output(9n)] },
    lockTime: { ...tx, lockTime: 1 },
    version: { ...tx, version: 1 },
  };
  const open = (type: number): readonly string[] =>
    Object.keys(changes).filter((name) => {
      const changed = changes[name] ?? assert.fail();
      return bytesToHex(signatureHash(changed, 0, new Uint8Array(), type)) === bytesToHex(signatureHash(tx, 0, new Uint8Array(), type));
    });
  assert.deepEqual(open(SIGHASH.ALL), []);
  assert.deepEqual(open(SIGHASH.SINGLE), ['otherOutput']);
  assert.deepEqual(open(SIGHASH.SINGLE | SIGHASH.ANYONECANPAY), ['otherInput', 'otherOutput']);
  assert.deepEqual(open(SIGHASH.NONE | SIGHASH.ANYONECANPAY), ['otherInput', 'ownOutput', 'otherOutput']);
});

test('what is done to a digest shows in no other', () => {
  const tx: Transaction = { version: 2, inputs: [], outputs: [], lockTime: 0 };
  const digest = signatureHash(tx, 0, new Uint8Array(), SIGHASH.ALL);
  const before = bytesToHex(digest);
  digest.reverse();
  assert.equal(bytesToHex(signatureHash(tx, 0, new Uint8Array(), SIGHASH.ALL)), before);
});
