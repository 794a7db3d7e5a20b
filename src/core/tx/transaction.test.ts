import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RawOldTx, RawTx } from '@scure/btc-signer/script.js';
import fc from 'fast-check';
import { fromRaw } from '../../../test/world/library-psbt.ts';
import { bytesToHex, concatBytes, hexToBytes, txId } from '../base/bytes.ts';
import {
  decodeTransaction,
  decodeWitnessed,
  encodeTransaction,
  outpointKey,
  sameOutpoint,
  type Transaction,
  transactionId,
  transactionSize,
} from './transaction.ts';

const ids = fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => txId(bytesToHex(bytes)));
const uint32 = fc.nat(0xffff_ffff);
const scripts = fc.uint8Array({ maxLength: 300 });
const plain = { noNullPrototype: true };
const outpoints = fc.record({ txid: ids, vout: uint32 }, plain);
const transactions: fc.Arbitrary<Transaction> = fc.record(
  {
    version: fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
    inputs: fc.array(fc.record({ outpoint: outpoints, script: scripts, sequence: uint32 }, plain), { minLength: 1, maxLength: 5 }),
    outputs: fc.array(fc.record({ value: fc.bigInt(0n, 2n ** 64n - 1n), script: scripts }, plain), { maxLength: 5 }),
    lockTime: uint32,
  },
  plain,
);

test('a transaction is read back from its bytes', () => {
  fc.assert(
    fc.property(transactions, (tx) => {
      const bytes = encodeTransaction(tx);
      assert.deepEqual(decodeTransaction(bytes), tx);
      assert.equal(transactionSize(tx), bytes.length);
    }),
  );
});

test('bytes that are cut, or have others behind them, are no transaction', () => {
  fc.assert(
    fc.property(transactions, fc.nat(), fc.uint8Array({ minLength: 1, maxLength: 4 }), (tx, cut, behind) => {
      const bytes = encodeTransaction(tx);
      assert.equal(decodeTransaction(bytes.subarray(0, cut % bytes.length)), undefined);
      assert.equal(decodeTransaction(concatBytes(bytes, behind)), undefined);
    }),
  );
  fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => void decodeTransaction(bytes)));
});

/** The same by another writer and reader. */
function library(tx: Transaction): Parameters<typeof RawOldTx.encode>[0] {
  const inputs = tx.inputs.map(({ outpoint, script, sequence }) => ({
    ...{ txid: hexToBytes(outpoint.txid), index: outpoint.vout },
    ...{ finalScriptSig: script, sequence },
  }));
  return {
    version: tx.version,
    inputs,
    outputs: tx.outputs.map(({ value, script }) => ({ amount: value, script })),
    lockTime: tx.lockTime,
  };
}

function libraryReads(bytes: Uint8Array): Transaction | undefined {
  for (const codec of [RawTx, RawOldTx]) {
    try {
      return fromRaw(codec.decode(bytes));
    } catch {
      // The next form, or none.
    }
  }
  return undefined;
}

test('another writer makes the same bytes, and refuses the same numbers', () => {
  const long = [0xfc, 0xfd, 0xffff, 0x1_0000].map((length) => ({ value: 1n, script: new Uint8Array(length).fill(7) }));
  const base: Transaction = { version: 1, inputs: [], outputs: long, lockTime: 0 };
  assert.deepEqual(encodeTransaction(base), RawOldTx.encode(library(base)));
  assert.deepEqual(decodeTransaction(encodeTransaction(base)), base);
  const many: Transaction = { ...base, outputs: new Array(300).fill({ value: 1n, script: new Uint8Array() }) };
  assert.deepEqual(encodeTransaction(many), RawOldTx.encode(library(many)));
  fc.assert(fc.property(transactions, (tx) => assert.deepEqual(encodeTransaction(tx), RawOldTx.encode(library(tx)))));

  const input = { outpoint: { txid: txId('ab'.repeat(32)), vout: 0 }, script: new Uint8Array(), sequence: 0 };
  const wrong: readonly Transaction[] = [
    ...[2 ** 31, -(2 ** 31) - 1, 1.5, Number.NaN].map((version) => ({ ...base, version })),
    ...[-1, 2 ** 32, 0.5].map((lockTime) => ({ ...base, lockTime })),
    ...[-1, 2 ** 32].map((sequence) => ({ ...base, inputs: [{ ...input, sequence }] })),
    ...[-1, 2 ** 32].map((vout) => ({ ...base, inputs: [{ ...input, outpoint: { ...input.outpoint, vout } }] })),
    ...[-1n, 2n ** 64n].map((value) => ({ ...base, outputs: [{ value, script: new Uint8Array() }] })),
  ];
  for (const tx of wrong) {
    assert.throws(() => RawOldTx.encode(library(tx)));
    assert.throws(() => encodeTransaction(tx), RangeError);
  }
});

test('another reader makes the same of any bytes', () => {
  const written = fc
    .tuple(transactions, fc.array(fc.array(scripts, { maxLength: 3 }), { minLength: 5, maxLength: 5 }))
    .chain(([tx, items]) => {
      const witnesses = items.slice(0, tx.inputs.length);
      const plain = encodeTransaction(tx);
      const marked = witnesses.some((item) => item.length > 0) ? RawTx.encode({ ...library(tx), segwitFlag: true, witnesses }) : plain;
      return fc.constantFrom(plain, marked);
    });
  const edits = fc.array(fc.tuple(fc.nat(), fc.constantFrom(0, 1, 0x4c, 0xfc, 0xfd, 0xfe, 0xff)), { maxLength: 3 });
  let read = 0;
  fc.assert(
    fc.property(written, edits, (whole, changes) => {
      const bytes = whole.slice();
      for (const [at, value] of changes) bytes[at % Math.min(bytes.length, 60)] = value;
      const tx = decodeTransaction(bytes);
      assert.deepEqual(tx, libraryReads(bytes));
      if (tx !== undefined) read++;
    }),
    { numRuns: 1_000 },
  );
  assert.ok(read > 100, `${read} were transactions`);
  const empty = RawOldTx.encode({ version: 1, inputs: [], outputs: [], lockTime: 0 });
  assert.deepEqual(decodeTransaction(empty), libraryReads(empty));
  const bare = concatBytes(
    hexToBytes('010000000001'),
    RawOldTx.encode(library({ version: 0, inputs: [], outputs: [], lockTime: 0 })).subarray(4),
  );
  assert.equal(decodeWitnessed(bare), undefined, 'a mark, and no witnesses');
  assert.deepEqual(decodeTransaction(bare), libraryReads(bare));
});

test('the id is the one the chain has: the coinbase of Dogecoin’s block 0', () => {
  const hex =
    '01000000010000000000000000000000000000000000000000000000000000000000000000ffffffff1004ffff001d0104084e696e746f6e646fffffffff' +
    '010058850c020000004341040184710fa689ad5023690c80f3a49c8f13f8d45b8c857fbcbc8bc4a8e4d3eb4b10f4d4604fa08dce601aaf0f470216fe1b51850b4acf21b179c45070ac7b03a9ac00000000';
  const tx = decodeTransaction(hexToBytes(hex)) ?? assert.fail();
  assert.equal(transactionId(tx), '5b2a3f53f605d62c53e62932dac6925e3d74afa5a4b459745c36d42d0ed26a69');
  assert.equal(bytesToHex(encodeTransaction(tx)), hex);
});

const witnessed = {
  version: 2,
  segwitFlag: true,
  inputs: [{ txid: new Uint8Array(32).fill(1), index: 0, finalScriptSig: new Uint8Array(), sequence: 0xffff_ffff }],
  outputs: [{ amount: 5n, script: Uint8Array.of(0x51) }],
  witnesses: [[Uint8Array.of(7)]],
  lockTime: 9,
};

test('witnesses are dropped, and the id is that of the rest', () => {
  const tx = decodeTransaction(RawTx.encode(witnessed)) ?? assert.fail();
  assert.deepEqual([tx.inputs.length, tx.outputs.length, tx.lockTime], [1, 1, 9]);
  const bare = encodeTransaction(tx);
  assert.equal(bytesToHex(bare).slice(8, 10), '01');
  assert.deepEqual(decodeTransaction(bare), tx);
});

test('a transaction with witnesses can not be made to look like one without inputs', () => {
  // Read without regard to the witness mark this is no input, one output whose script length stands in the id of what is spent, and a lock time.
  const shaped = (spent: Uint8Array): Uint8Array =>
    RawTx.encode({
      ...witnessed,
      inputs: [{ ...witnessed.inputs[0], txid: spent.toReversed(), index: 0, finalScriptSig: new Uint8Array(), sequence: 0 }],
    });
  const length = shaped(new Uint8Array(32)).length;
  // Version 4, counts 2, value 8; then the length byte itself, and the lock time of 4 at the end.
  const spent = new Uint8Array(32);
  spent[7] = length - 4 - 2 - 8 - 1 - 4;
  const tx = decodeTransaction(shaped(spent)) ?? assert.fail();
  assert.equal(tx.inputs.length, 1);
  assert.deepEqual(tx.inputs[0]?.outpoint, { txid: txId(bytesToHex(spent.toReversed())), vout: 0 });
});

test('outpoints are one when both parts are', () => {
  const a = { txid: txId('ab'.repeat(32)), vout: 1 };
  assert.ok(sameOutpoint(a, { ...a }));
  assert.equal(sameOutpoint(a, { ...a, vout: 2 }), false);
  assert.equal(sameOutpoint(a, { ...a, txid: txId('cd'.repeat(32)) }), false);
  assert.equal(outpointKey(a), `${'ab'.repeat(32)}:1`);
});
