import assert from 'node:assert/strict';
import { test } from 'node:test';
import { amount } from '../core/base/amount.ts';
import { txId } from '../core/base/bytes.ts';
import { height } from '../core/base/height.ts';
import { WorldError } from '../engine/ports.ts';
import { branchCodec, cursorCodec, outputCodec, transactionCodec, watchedCodec } from './record-codec.ts';
import type { Cursor, OwnOutput, OwnTransaction } from './state.ts';

const txid = txId('ab'.repeat(32));
const cursor: Cursor = {
  kind: 'following',
  wallet: '00'.repeat(20),
  birthday: height(3),
  trail: [{ height: height(3), hash: 'cd'.repeat(32) }],
};
const output: OwnOutput = {
  outpoint: { txid, vout: 1 },
  value: amount(10n ** 18n),
  key: "m/44'/3'/0'/0/0",
  coinbase: false,
  place: { kind: 'mined', height: height(9) },
  use: { kind: 'spent', by: txid, height: height(10) },
};
const own: OwnTransaction = {
  txid,
  transaction: {
    version: 2,
    inputs: [{ outpoint: { txid, vout: 0 }, script: Uint8Array.of(1, 2), sequence: 0xffff_fffd }],
    outputs: [{ value: 2n ** 63n - 1n, script: Uint8Array.of(0x51) }],
    lockTime: 7,
  },
  label: 'deposit “one”',
  stage: { kind: 'mined', height: height(10) },
};

test('every record survives the store', () => {
  assert.deepEqual(cursorCodec.decode(cursorCodec.encode(cursor)), cursor);
  assert.deepEqual(branchCodec.decode(branchCodec.encode({ used: 3, next: 5 })), { used: 3, next: 5 });
  assert.deepEqual(watchedCodec.decode(watchedCodec.encode({ key: 'offer:00' })), { key: 'offer:00' });
  for (const use of [output.use, { kind: 'free' }, { kind: 'reserved', by: txid }] as const) {
    for (const place of [output.place, { kind: 'unconfirmed' }] as const) {
      assert.deepEqual(outputCodec.decode(outputCodec.encode({ ...output, use, place })), { ...output, use, place });
    }
  }
  for (const stage of [own.stage, { kind: 'reserved' }, { kind: 'published' }] as const) {
    assert.deepEqual(transactionCodec.decode(transactionCodec.encode({ ...own, stage })), { ...own, stage });
  }
});

test('records of the first format are read for ever', () => {
  // Written once by this format; never to be regenerated.
  assert.deepEqual(outputCodec.decode(GOLDEN_OUTPUT), output);
  assert.deepEqual(transactionCodec.decode(GOLDEN_TRANSACTION), own);
  assert.deepEqual(cursorCodec.decode(GOLDEN_CURSOR), cursor);
});

test('a damaged record and a newer one are told apart', () => {
  const text = outputCodec.encode(output);
  const codes = (broken: string): string => {
    try {
      outputCodec.decode(broken);
      return 'read';
    } catch (error) {
      return error instanceof WorldError ? error.code : 'bug';
    }
  };
  assert.equal(codes(text), 'read');
  assert.equal(codes(text.replace('"format":1', '"format":2')), 'store-newer');
  for (const broken of [
    '',
    '[]',
    text.slice(0, -1),
    text.replace('"format":1', '"format":0'),
    text.replace('"1000000000000000000"', '"1000000000000000001"'),
    text.replace('"1000000000000000000"', '1'),
    text.replace('ab'.repeat(32), 'AB'.repeat(32)),
    text.replace('"vout":1', '"vout":-1'),
    text.replace('"vout":1', '"vout":1,"more":1'),
    text.replace('"spent"', '"lost"'),
    text.replace('"height":9', '"height":500000000'),
  ]) {
    assert.equal(codes(broken), 'store-damaged', broken);
  }
});

const GOLDEN_CURSOR = `{"format":1,"value":{"kind":"following","wallet":"0000000000000000000000000000000000000000","birthday":3,"trail":[{"height":3,"hash":"cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd"}]}}`;
const GOLDEN_OUTPUT = `{"format":1,"value":{"outpoint":{"txid":"abababababababababababababababababababababababababababababababab","vout":1},"value":"1000000000000000000","key":"m/44'/3'/0'/0/0","coinbase":false,"place":{"kind":"mined","height":9},"use":{"kind":"spent","by":"abababababababababababababababababababababababababababababababab","height":10}}}`;
const GOLDEN_TRANSACTION = `{"format":1,"value":{"txid":"abababababababababababababababababababababababababababababababab","transaction":"0200000001abababababababababababababababababababababababababababababababab00000000020102fdffffff01ffffffffffffff7f015107000000","label":"deposit “one”","stage":{"kind":"mined","height":10}}}`;
