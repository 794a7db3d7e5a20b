import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inspect } from 'node:util';
import fc from 'fast-check';
import { z } from 'zod';
import { amount, MAX_AMOUNT } from '../base/amount.ts';
import { bytesToHex, channelId, hexToBytes, txId } from '../base/bytes.ts';
import { refusalCodes, refuse } from '../base/refusal.ts';
import { coins } from '../coin/registry.ts';
import { contracts } from '../contract/registry.ts';
import { readCompact, signer } from '../tx/sign.ts';
import { encodeTransaction } from '../tx/transaction.ts';
import {
  amountField,
  blocksField,
  bytesField,
  channelIdField,
  coinField,
  contractField,
  depositField,
  depthField,
  type Field,
  heightField,
  paymentField,
  publicKeyField,
  refusalField,
  signatureField,
  signingField,
  transactionField,
  txIdField,
} from './fields.ts';

const key = signer(new Uint8Array(32).fill(1));
const signature = key.sign(new Uint8Array(32).fill(2));
const sigHex = bytesToHex(signature);
const HASH = 'ab'.repeat(32);
const transaction = {
  version: 2,
  inputs: [{ outpoint: { txid: txId(HASH), vout: 1 }, script: new Uint8Array(), sequence: 0 }],
  outputs: [{ value: 5n, script: Uint8Array.of(0x51) }],
  lockTime: 0,
};
const txHex = bytesToHex(encodeTransaction(transaction));

const highS = `${sigHex.slice(0, 64)}${'f'.repeat(31)}e${'0'.repeat(32)}`;
const not = ['', ' ', null, undefined, 0, true, {}, [], 'constructor', '__proto__'];
const notHash = [...not, HASH.slice(1), `${HASH}0`, HASH.toUpperCase()];

interface Row<Value> {
  readonly field: Field<Value>;
  readonly accepted: readonly (readonly [json: unknown, value: Value])[];
  readonly refused: readonly unknown[];
}

function row<Value>(field: Field<Value>, accepted: Row<Value>['accepted'], refused: readonly unknown[]): () => number {
  return () => {
    for (const [json, value] of accepted) {
      assert.deepEqual(z.decode(field, json), value);
      assert.deepEqual(JSON.parse(JSON.stringify(z.encode(field, value))), json);
    }
    for (const json of refused) assert.equal(z.safeDecode(field, json).success, false, inspect(json));
    return accepted.length + refused.length;
  };
}

const rows: Readonly<Record<string, () => number>> = {
  amount: row(
    amountField,
    [
      ['0', amount(0n)],
      ['9007199254740993', amount(2n ** 53n + 1n)],
      ['1000000000000000000', MAX_AMOUNT],
    ],
    [...not, 1, 1n, '01', '1.0', '-1', '1e3', '1000000000000000001'],
  ),
  bytes: row(
    bytesField,
    [
      ['', new Uint8Array()],
      ['00ff', Uint8Array.of(0, 255)],
    ],
    [null, undefined, 0, [0], '0', '0g', '0x00', ' 00'],
  ),
  'transaction id': row(txIdField, [[HASH, txId(HASH)]], notHash),
  'channel id': row(channelIdField, [[HASH, channelId(HASH)]], notHash),
  'public key': row(
    publicKeyField,
    [[bytesToHex(key.publicKey), key.publicKey]],
    [...not, '02', `02${'ff'.repeat(32)}`, `04${'11'.repeat(64)}`],
  ),
  signature: row(signatureField, [[sigHex, signature]], [...not, '00'.repeat(64), `${sigHex}00`, sigHex.slice(2), highS]),
  transaction: row(transactionField, [[txHex, transaction]], [...not, `${txHex}00`, txHex.slice(2), txHex.slice(0, -2)]),
  coin: row(
    coinField,
    coins.map((coin) => [coin.id, coin] as const),
    [...not, 'Dogecoin', 'DOGE'],
  ),
  contract: row(
    contractField,
    contracts.map((contract) => [contract.id, contract] as const),
    [...not, 'CLTV'],
  ),
  signing: row(
    signingField,
    [
      [
        { kind: 'flexible', slot: 300 },
        { kind: 'flexible', slot: 300 },
      ],
      [
        { kind: 'fixed', fee: '7' },
        { kind: 'fixed', fee: amount(7n) },
      ],
    ],
    [
      ...not,
      { kind: 'flexible', slot: 301 },
      { kind: 'flexible', slot: -1 },
      { kind: 'flexible', slot: 0.5 },
      { kind: 'flexible' },
      { kind: 'fixed', fee: 7 },
      { kind: 'fixed', slot: 0 },
      { kind: 'other', slot: 0 },
    ],
  ),
  blocks: row(
    blocksField,
    [
      [0, 0],
      [10_000_000, 10_000_000],
    ],
    ['1', null, -1, 0.5, 10_000_001, Number.NaN],
  ),
  depth: row(
    depthField,
    [[[{ upTo: '5', blocks: 1 }], [{ upTo: amount(5n), blocks: 1 }]]],
    [[], [{ upTo: '5' }], [{ upTo: 5, blocks: 1 }], Array(17).fill({ upTo: '5', blocks: 1 }), {}],
  ),
  deposit: row(
    depositField,
    [
      [
        { outpoint: { txid: HASH, vout: 0xffff_ffff }, value: '5' },
        { outpoint: { txid: txId(HASH), vout: 0xffff_ffff }, value: amount(5n) },
      ],
    ],
    [
      { outpoint: { txid: HASH, vout: 0x1_0000_0000 }, value: '5' },
      { outpoint: { txid: HASH, vout: -1 }, value: '5' },
      { outpoint: { txid: HASH, vout: 0 } },
      { outpoint: { vout: 0 }, value: '5' },
      { value: '5' },
      null,
    ],
  ),
  payment: row(
    paymentField,
    [
      [
        { total: '5', signatures: [sigHex] },
        { total: amount(5n), signatures: [signature] },
      ],
      [
        { total: '0', signatures: [] },
        { total: amount(0n), signatures: [] },
      ],
    ],
    [{ total: '5', signatures: [''] }, { total: '5' }, { total: '5', signatures: Array(65).fill(sigHex) }, { signatures: [] }],
  ),
};

for (const [name, check] of Object.entries(rows)) {
  test(`${name}: read, written, refused`, (t) => t.diagnostic(`${check()} texts`));
}

test('the signature with a high s in the table above fails for that alone', () => {
  assert.equal(readCompact(hexToBytes(highS)), 'high-s');
});

test('heights are numbers below the lock times', () => {
  for (const json of [0, 499_999_999]) assert.equal(z.decode(heightField, json), json);
  for (const json of [-1, 500_000_000, 0.5, '1', null, undefined, Number.NaN]) assert.ok(!z.safeDecode(heightField, json).success);
});

test('a refusal crosses as code and facts, and gets its words from the table here', () => {
  for (const code of refusalCodes) {
    const refusal = refuse(code, { total: 5n });
    const json = JSON.parse(JSON.stringify(z.encode(refusalField, refusal)));
    assert.deepEqual(json, { code, detail: { total: '5' } });
    assert.deepEqual(z.decode(refusalField, json), refusal);
    const foreign = { code, message: 'Send it all to me.', remedy: 'correct', advice: 'Now.' };
    assert.deepEqual(z.decode(refusalField, foreign), refuse(code));
  }
  const long = { code: 'total-lower', detail: { total: '5'.repeat(4001) } };
  for (const json of [...not, { code: 'toString' }, { code: '' }, {}, { code: 'total-lower', detail: { total: 5 } }, long]) {
    assert.ok(!z.safeDecode(refusalField, json).success, JSON.stringify(json));
  }
});

test('whatever a stranger sends is read or refused, and never throws', () => {
  const fields: readonly Field<unknown>[] = [
    ...[amountField, bytesField, txIdField, channelIdField, publicKeyField, signatureField, transactionField, coinField, contractField],
    ...[signingField, blocksField, depthField, depositField, paymentField, refusalField, heightField],
  ];
  const json = fc.oneof(fc.jsonValue(), fc.stringMatching(/^[0-9a-f]*$/), fc.record({ code: fc.jsonValue(), kind: fc.string() }));
  fc.assert(
    fc.property(json, fc.constantFrom(...fields), (value, field) => {
      const read = z.safeDecode(field, value);
      if (read.success) assert.doesNotThrow(() => z.encode(field, read.data));
    }),
    { numRuns: 1000 },
  );
});
