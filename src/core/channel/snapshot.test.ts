import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { MachinePair } from '../../../test/world/machine-pair.ts';
import { must } from '../../../test/world/sample.ts';
import { amount } from '../base/amount.ts';
import { height } from '../base/height.ts';
import { exposureOf } from './payee-state.ts';
import { invoiceSnapshot, payeeSnapshot, payerSnapshot, type Snapshot, SnapshotError } from './snapshot.ts';

const GOLDEN = new URL('../../../test/golden/state/', import.meta.url);
const DOGE = 100_000_000n;

function throwsSnapshotError(snapshot: Pick<Snapshot<unknown>, 'decode'>, text: string, newer: boolean): void {
  assert.throws(
    () => snapshot.decode(text),
    (error) => error instanceof SnapshotError && error.newer === newer,
    text.slice(0, 200),
  );
}

/** A stored text, read and written again. */
function rewritten(file: string, text: string): string {
  if (file.includes('payer-')) return payerSnapshot.encode(payerSnapshot.decode(text));
  if (file.includes('payee-')) return payeeSnapshot.encode(payeeSnapshot.decode(text));
  return invoiceSnapshot.encode(invoiceSnapshot.decode(text));
}

describe('states of every stored format are read for ever', () => {
  const files = globSync('v*/*.json', { cwd: GOLDEN }).sort();

  test('there are some for every kind of state', () => {
    const kinds = new Set(files.map((file) => /v\d+\/(.+)\.json/.exec(file)?.[1]));
    const own = [
      'planned',
      'funding',
      'open',
      'open-pending',
      'open-released',
      'ending',
      'ending-agreed',
      'refunding',
      'ended',
      'ended-abandoned',
    ];
    for (const kind of own) {
      assert.ok(kinds.has(`payer-${kind}`), kind);
    }
    for (const kind of ['open', 'open-paid', 'paused', 'closing', 'ended', 'ended-unused']) assert.ok(kinds.has(`payee-${kind}`), kind);
    assert.ok(kinds.has('invoice-open') && kinds.has('invoice-paid'));
  });

  test('one that says nothing of its backing is backed wholly', () => {
    const exposed = files.filter((file) => {
      const text = readFileSync(new URL(file, GOLDEN), 'utf8').trim();
      return file.includes('payee-') && exposureOf(payeeSnapshot.decode(text)) > 0n;
    });
    assert.deepEqual(exposed, ['v1/payee-open-shallow.json', 'v1/payee-open-unconfirmed.json']);
  });

  for (const file of files) {
    test(file, () => {
      const text = readFileSync(new URL(file, GOLDEN), 'utf8').trim();
      // Format 1 is the present one, so it is also written so.
      assert.equal(rewritten(file, text), text);
    });
  }
});

describe('what is not a stored state', () => {
  const pair = new MachinePair().open(10n * DOGE);
  pair.pay(DOGE);
  const payer = payerSnapshot.encode(pair.payerState());
  const payee = payeeSnapshot.encode(pair.payeeState());

  test('a newer format is told from damage, and neither is an empty state', () => {
    for (const [snapshot, text] of [
      [payerSnapshot, payer],
      [payeeSnapshot, payee],
    ] as const) {
      throwsSnapshotError(snapshot, text.replace('"format":1', '"format":2'), true);
      throwsSnapshotError(snapshot, text.replace('"format":1', '"format":"1"'), false);
      throwsSnapshotError(snapshot, text.slice(0, -1), false);
      for (const nothing of ['', '{}', 'null', '[]', '{"format":1}', '{"format":1,"value":null}', '{"format":1,"value":{}}']) {
        throwsSnapshotError(snapshot, nothing, false);
      }
      snapshot.decode(text);
    }
  });

  test('one side’s state is not the other’s, and no field is unknown', () => {
    throwsSnapshotError(payerSnapshot, payee, false);
    throwsSnapshotError(payeeSnapshot, payer, false);
    throwsSnapshotError(payeeSnapshot, payee.replace('"kind":"open"', '"kind":"open","further":1'), false);
    throwsSnapshotError(payeeSnapshot, payee.replace('"kind":"open"', '"kind":"closing"'), false);
  });

  test('values that no state has', () => {
    for (const [from, to] of [
      ['"100000000"', '"-1"'],
      ['"100000000"', '"1000000000000000001"'],
      ['"100000000"', '100000000'],
      ['"expiry":2000', '"expiry":500000000'],
      ['"contract":"cltv-multisig"', '"contract":"no-such"'],
      ['"coin":"dogecoin-regtest"', '"coin":"no-such"'],
    ] as const) {
      assert.ok(payee.includes(from), from);
      throwsSnapshotError(payeeSnapshot, payee.replace(from, to), false);
    }
  });

  test('damage anywhere is found, or leaves a state that is written as it was read', () => {
    let refused = 0;
    fc.assert(
      fc.property(fc.nat(payee.length - 1), fc.constantFrom('0', 'f', '"', '}', ' ', 'x', '-'), (at, byte) => {
        const text = payee.slice(0, at) + byte + payee.slice(at + 1);
        try {
          const state = payeeSnapshot.decode(text);
          assert.deepEqual(payeeSnapshot.decode(payeeSnapshot.encode(state)), state);
        } catch (error) {
          assert.ok(error instanceof SnapshotError);
          refused++;
        }
      }),
      { numRuns: 500 },
    );
    assert.ok(refused > 100);
  });
});

test('amounts above 2^53 and heights at their edge survive', () => {
  const pair = new MachinePair(
    {},
    { maxDeposit: amount(10n ** 18n), maxExpiry: height(499_999_999), depth: [{ upTo: amount(10n ** 18n), blocks: 1 }] },
  );
  pair.open(2n ** 53n + 1n, 10n ** 17n + 1n);
  must(pair.tellPayer({ kind: 'pay', total: amount(2n ** 53n + 3n), price: amount(0n) }));
  assert.deepEqual(payerSnapshot.decode(payerSnapshot.encode(pair.payerState())), pair.payerState());
});
