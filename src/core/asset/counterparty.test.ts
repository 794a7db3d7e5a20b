import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { publishedVectors } from '../../../test/vector.ts';
import { hexToBytes, txId } from '../base/bytes.ts';
import { p2pkh, script } from '../tx/script.ts';
import { decodeTransaction, type Transaction, type TxOutput } from '../tx/transaction.ts';
import { nativeCoin } from './asset-codec.ts';
import { counterparty } from './counterparty.ts';
import { readAssetSend } from './registry.ts';

const ASSET = 14456548018133352000n;
const FIRST = txId('ab'.repeat(31).concat('01'));
const KEY = new Uint8Array(33).fill(2);
const PAYMENT = { value: 5_430n, script: p2pkh(KEY) };

function sending(outputs: readonly TxOutput[], first = FIRST): Transaction {
  const input = { outpoint: { txid: first, vout: 0 }, script: new Uint8Array(), sequence: 0xffff_ffff };
  return { version: 1, inputs: [input], outputs, lockTime: 0 };
}

/** Every transaction in a file of picopayments' vectors, with its path there. */
function transactionsIn(file: string): readonly (readonly [string, Transaction])[] {
  const found: (readonly [string, Transaction])[] = [];
  const walk = (value: unknown, path: string): void => {
    if (typeof value === 'object' && value !== null) for (const [key, one] of Object.entries(value)) walk(one, `${path}/${key}`);
    if (typeof value !== 'string' || !/^(?:[0-9a-f]{2}){100,}$/.test(value)) return;
    const tx = decodeTransaction(hexToBytes(value));
    if (tx !== undefined) found.push([path, tx]);
  };
  walk(publishedVectors(file), '');
  return found;
}

/** What picopayments' tests sent: the deposit and what takes it back whole, commits, and what takes a commit's part. */
const QUANTITIES: readonly (readonly [RegExp, bigint])[] = [
  [/deposit|expire_recover|timeout_rawtx|change\/AFTER_STATE|transactions\/(?:4704|071f|d6ed)/, 1_337n],
  [/created_commit|commit_unsigned|bad_sig|EXPECTED_COMMIT|PAYER_AFTER|AFTER_SET_COMMIT/, 1n],
  [/finalize_commit\/|bad_script|BEFORE_CLOSE|AFTER_CLOSE/, 5n],
  [/payout|revoke_recover|transactions\/(?:d8a5|a44d)/, 4n],
  [/change_recover/, 32n],
  [/transactions\/d208/, 10n],
];

describe('picopayments’ vectors', () => {
  for (const [file, count] of [
    ['picopayments-scripts.json', 26],
    ['picopayments-channel.json', 20],
  ] as const) {
    test(`${file}: each data output is read, and written again byte for byte`, () => {
      const transactions = transactionsIn(file).filter(([path]) => path !== '/payout/bad_rawtx');
      for (const [path, tx] of transactions) {
        const send = counterparty.read(tx) ?? assert.fail(path);
        const [, quantity] = QUANTITIES.find(([paths]) => paths.test(path)) ?? assert.fail(path);
        assert.deepEqual(send, { asset: ASSET, quantity, to: 0 }, path);
        assert.equal(counterparty.nameOf(send.asset), 'A14456548018133352000');
        const [input = assert.fail()] = tx.inputs;
        assert.deepEqual(counterparty.outputs({ asset: ASSET, quantity }, input.outpoint.txid), [tx.outputs[1]], path);
      }
      assert.equal(transactions.length, count - (file === 'picopayments-scripts.json' ? 1 : 0));
    });
  }

  test('the one without data sends nothing', () => {
    const [, tx] = transactionsIn('picopayments-scripts.json').find(([path]) => path === '/payout/bad_rawtx') ?? assert.fail();
    assert.equal(counterparty.read(tx), undefined);
  });
});

const sendable = fc.record({
  asset: fc.oneof(fc.bigInt(26n ** 3n, 26n ** 12n - 1n), fc.bigInt(26n ** 12n + 1n, 2n ** 64n - 1n), fc.constant(1n)),
  quantity: fc.bigInt(1n, 2n ** 63n - 1n),
});

describe('a send', () => {
  test('is read as it was written, under its own first input only', () => {
    fc.assert(
      fc.property(sendable, fc.nat(27), fc.integer({ min: 1, max: 255 }), (amount, at, change) => {
        const [data = assert.fail()] = counterparty.outputs(amount, FIRST);
        const tx = sending([PAYMENT, data, PAYMENT]);
        assert.deepEqual(counterparty.read(tx), { ...amount, to: 0 });
        assert.deepEqual(readAssetSend(tx), { codec: counterparty, send: { ...amount, to: 0 } });
        assert.equal(counterparty.read(sending(tx.outputs, txId('cd'.repeat(32)))), undefined);
        const changed = data.script.slice();
        changed[2 + at] = (changed[2 + at] ?? 0) ^ change;
        const read = counterparty.read(sending([PAYMENT, { ...data, script: changed }]));
        assert.ok(read === undefined || read.asset !== amount.asset || read.quantity !== amount.quantity);
        if (at < 12) assert.equal(read, undefined, 'another mark or message');
      }),
    );
  });

  test('has one destination before its data, no other data, and the one form', () => {
    const amount = { asset: ASSET, quantity: 7n };
    const [data = assert.fail()] = counterparty.outputs(amount, FIRST);
    const push = data.script.subarray(2);
    assert.deepEqual(data.script, script('RETURN', push));
    assert.deepEqual(counterparty.read(sending([PAYMENT, data])), { ...amount, to: 0 });
    for (const outputs of [
      [data],
      [data, PAYMENT],
      [PAYMENT, PAYMENT, data],
      [PAYMENT, data, data],
      [PAYMENT],
      [],
      [PAYMENT, { ...data, script: Uint8Array.of(0x6a, 0x4c, 28, ...push) }],
      [PAYMENT, { ...data, script: Uint8Array.of(...data.script, 0) }],
      [PAYMENT, { ...data, script: data.script.subarray(0, -1) }],
      [PAYMENT, { ...data, script: script('RETURN', push.subarray(1)) }],
    ]) {
      assert.equal(counterparty.read(sending(outputs)), undefined);
    }
    assert.equal(counterparty.read({ ...sending([PAYMENT, data]), inputs: [] }), undefined);
  });

  test('is of an asset that there can be, and of some of it', () => {
    for (const [asset, quantity] of [
      [0n, 1n],
      [2n, 1n],
      [26n ** 3n - 1n, 1n],
      [26n ** 12n, 1n],
      [2n ** 64n, 1n],
      [ASSET, 0n],
      [ASSET, -1n],
      [ASSET, 2n ** 63n],
    ] as const) {
      assert.throws(() => counterparty.outputs({ asset, quantity }, FIRST), RangeError, `${quantity} of ${asset}`);
    }
    assert.equal(counterparty.outputs({ asset: 1n, quantity: 2n ** 63n - 1n }, FIRST).length, 1);
  });

  test('of the native coin is nothing but its outputs', () => {
    assert.deepEqual(nativeCoin.outputs({ asset: 1n, quantity: 1n }, FIRST), []);
    assert.equal(readAssetSend(sending([PAYMENT, PAYMENT])), undefined);
  });
});

describe('names', () => {
  test('BTC, XCP, letters in base 26, numbers behind an A', () => {
    for (const [name, asset] of [
      ['BTC', 0n],
      ['XCP', 1n],
      ['BAAA', 17_576n],
      ['ZZZZ', 456_975n],
      ['BLUERING', 11_669_643_680n],
      ['ZZZZZZZZZZZZ', 26n ** 12n - 1n],
      ['A95428956661682177', 26n ** 12n + 1n],
      ['A14456548018133352000', ASSET],
      ['A18446744073709551615', 2n ** 64n - 1n],
    ] as const) {
      assert.equal(counterparty.assetOf(name), asset, name);
      assert.equal(counterparty.nameOf(asset), name);
    }
    for (const wrong of [
      '',
      'btc',
      'ABC',
      'ZZZ',
      'AAAA',
      'ABCDE',
      'BAAAAAAAAAAAA',
      'A1',
      'A95428956661682176',
      'A095428956661682177',
      'XCP ',
    ]) {
      assert.equal(counterparty.assetOf(wrong), undefined, wrong);
    }
    for (const none of [2n, 17_575n, 26n ** 12n, 2n ** 64n, -1n]) assert.equal(counterparty.nameOf(none), undefined, `${none}`);
    assert.equal(counterparty.assetOf(`A${2n ** 64n}`), undefined);
  });

  test('every number that has a name is that name’s', () => {
    fc.assert(fc.property(sendable, ({ asset }) => assert.equal(counterparty.assetOf(counterparty.nameOf(asset) ?? ''), asset)));
    fc.assert(
      fc.property(fc.stringMatching(/^[A-Z0-9]{1,22}$/), (name) => {
        const asset = counterparty.assetOf(name);
        if (asset !== undefined) assert.equal(counterparty.nameOf(asset), name);
      }),
    );
  });
});
