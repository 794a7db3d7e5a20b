import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { libraryMaps } from '../../../test/world/library-psbt.ts';
import { must, payerKey, sampleFunding, sampleTerms } from '../../../test/world/sample.ts';
import { amount } from '../base/amount.ts';
import { concatBytes, txId } from '../base/bytes.ts';
import { height } from '../base/height.ts';
import { isRefusal } from '../base/refusal.ts';
import { dogecoinRegtest } from '../coin/dogecoin.ts';
import type { Deposit, Terms } from '../contract/contract.ts';
import { TX_SEQUENCE } from '../contract/form.ts';
import { contracts } from '../contract/registry.ts';
import { revocable } from '../contract/revocable.ts';
import { p2pkh } from '../tx/script.ts';
import { publicKey, signer } from '../tx/sign.ts';
import { encodeTransaction, type Transaction, transactionId } from '../tx/transaction.ts';
import { readMaps } from './psbt-maps.ts';
import { announcePsbt, paymentPsbt } from './psbt-payment.ts';

const [contract] = contracts;
const payer = signer(new Uint8Array(32).fill(1));
const payeeKey = signer(new Uint8Array(32).fill(2)).publicKey;
const DEPOSIT = amount(1_000_000_000n);
const terms: Terms = {
  coin: dogecoinRegtest,
  contract,
  signing: { kind: 'flexible', slot: 0 },
  closingMargin: 10,
  payeeScript: p2pkh(payeeKey),
  payerKey: payer.publicKey,
  payeeKey,
  expiry: height(2_000),
};

function fundingTransaction(index: number): Transaction {
  const input = { outpoint: { txid: txId('ab'.repeat(32)), vout: index }, script: new Uint8Array(107), sequence: TX_SEQUENCE };
  const outputs = [
    { value: DEPOSIT, script: contract.outputScript(terms) },
    { value: 7n, script: new Uint8Array(300) },
  ];
  return { version: 1, inputs: [input], outputs, lockTime: index };
}

/** What only payments that can be taken back show. */
function heldPsbts(): readonly Uint8Array[] {
  const held = sampleTerms({ contract: revocable });
  const { deposits, transactions } = sampleFunding(held, [DEPOSIT]);
  const payment = must(revocable.sign(held, deposits, amount(DEPOSIT / 2n), payerKey, new Uint8Array(20).fill(9)));
  return [announcePsbt(held, deposits, transactions), paymentPsbt(held, deposits, payment, transactions)];
}

/** An announcement, and payments that leave change, cross deposits and drain them. */
const psbts: readonly Uint8Array[] = [1, 2, 3].flatMap((count) => {
  const transactions = Array.from({ length: count }, (_, i) => fundingTransaction(i));
  const funding = new Map(transactions.map((tx) => [transactionId(tx), encodeTransaction(tx)]));
  const deposits: readonly Deposit[] = transactions.map((tx) => ({ outpoint: { txid: transactionId(tx), vout: 0 }, value: DEPOSIT }));
  const totals = [DEPOSIT * BigInt(count) - 500_000_000n, DEPOSIT * BigInt(count)].map(amount);
  const payments = totals.map((total) => {
    const payment = contract.sign(terms, deposits, total, payer);
    return 'kind' in payment ? assert.fail(payment.code) : paymentPsbt(terms, deposits, payment, funding);
  });
  return [announcePsbt(terms, deposits, funding), ...payments, ...(count === 1 ? heldPsbts() : [])];
});

test('a PSBT of a channel is read to what the library reads', () => {
  for (const psbt of psbts) {
    const read = readMaps(psbt);
    assert.deepEqual(read, libraryMaps(psbt));
    assert.ok(!isRefusal(read) && read.inputs.length === read.transaction.inputs.length);
  }
});

type Change = (bytes: Uint8Array, at: number, byte: number) => Uint8Array;

const changes: readonly Change[] = [
  (bytes, at, byte) => bytes.with(at, byte),
  (bytes, at) => bytes.slice(0, at),
  (bytes, at) => Uint8Array.of(...bytes.subarray(0, at), ...bytes.subarray(at + 1)),
  (bytes, at, byte) => Uint8Array.of(...bytes.subarray(0, at), byte, ...bytes.subarray(at)),
  (bytes, at, byte) => Uint8Array.of(...bytes, ...bytes.subarray(at, at + byte)),
];

test('whatever is read, the library reads the same; only keys that are no points, and derivations, it refuses by itself', () => {
  let [isRead, isRefused] = [0, 0];
  const position = fc.nat(10_000);
  fc.assert(
    fc.property(fc.constantFrom(...psbts), fc.constantFrom(...changes), position, fc.nat(255), (psbt, change, at, byte) => {
      const bytes = change(psbt, at % psbt.length, byte);
      const [read, theirs] = [readMaps(bytes), libraryMaps(bytes)];
      if (isRefusal(read)) isRefused++;
      else if (theirs === undefined)
        assert.ok(read.inputs.some(({ partialSig }) => partialSig.some(([key]) => publicKey(key) === undefined)));
      else {
        isRead++;
        assert.deepEqual(read, theirs);
      }
      if (theirs !== undefined && isRefusal(read)) assert.equal(read.code, 'psbt-field-unknown');
    }),
    { numRuns: 3_000 },
  );
  assert.ok(isRead > 100 && isRefused > 100, `${isRead} read, ${isRefused} refused`);
});

test('key derivations are read, in any place; other fields are refused', () => {
  const [announce = new Uint8Array()] = psbts;
  const withField = (key: number[], value: number[]): Uint8Array =>
    Uint8Array.of(...announce.subarray(0, -1), key.length, ...key, value.length, ...value, 0);
  const derivation = withField([0x06, ...payer.publicKey], [1, 2, 3, 4]);
  assert.deepEqual(readMaps(derivation), readMaps(announce));
  const witness = readMaps(withField([0x05], [0x51]));
  assert.equal(isRefusal(witness) && witness.code, 'psbt-field-unknown');
  const repeated = readMaps(withField([0x04], [0x51]));
  assert.equal(isRefusal(repeated) && repeated.code, 'psbt-malformed');
});

test('a funding transaction with witnesses, and one that is longer than 65,535 bytes, are read to the same as the library’s', () => {
  for (const bytes of [witnessed(1), witnessed(3), funded(new Uint8Array(70_000))]) {
    const read = readMaps(bytes);
    assert.ok(!isRefusal(read));
    assert.deepEqual(read, libraryMaps(bytes));
  }
});

test('work grows with the length and no faster: a map has only so many fields', () => {
  const fields = (count: number): Uint8Array => {
    const [announce = new Uint8Array()] = psbts;
    const unknown = Array.from({ length: count }, (_, i) => [3, 0xf0, i >> 8, i & 255, 0]).flat();
    return Uint8Array.of(...announce.subarray(0, -1), ...unknown, 0);
  };
  for (const [count, code] of [
    [200, 'psbt-field-unknown'],
    [300, 'psbt-malformed'],
  ] as const) {
    const read = readMaps(fields(count));
    assert.equal(isRefusal(read) && read.code, code);
  }
});

/** An announcement of one deposit whose funding transaction has this script in an output. */
function funded(script: Uint8Array): Uint8Array {
  const transaction = { ...fundingTransaction(0), outputs: [...fundingTransaction(0).outputs, { value: 0n, script }] };
  const id = transactionId(transaction);
  return announcePsbt(terms, [{ outpoint: { txid: id, vout: 0 }, value: DEPOSIT }], new Map([[id, encodeTransaction(transaction)]]));
}

/** The same with a witness of so many items, as SegWit's wallets write it (BIP144). */
function witnessed(items: number): Uint8Array {
  const transaction = fundingTransaction(0);
  const bytes = encodeTransaction(transaction);
  const witness = Uint8Array.of(items, ...Array.from({ length: items }, (_, i) => [2, i, i]).flat());
  const whole = concatBytes(bytes.subarray(0, 4), Uint8Array.of(0, 1), bytes.subarray(4, -4), witness, bytes.subarray(-4));
  const id = transactionId(transaction);
  return announcePsbt(terms, [{ outpoint: { txid: id, vout: 0 }, value: DEPOSIT }], new Map([[id, whole]]));
}
