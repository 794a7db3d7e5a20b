import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { amount } from '../base/amount.ts';
import { txId } from '../base/bytes.ts';
import { height } from '../base/height.ts';
import { isRefusal } from '../base/refusal.ts';
import { dogecoinRegtest } from '../coin/dogecoin.ts';
import { type Deposit, type Terms, TX_SEQUENCE } from '../contract/contract.ts';
import { contracts } from '../contract/registry.ts';
import { p2pkh } from '../tx/script.ts';
import { publicKey, signer } from '../tx/sign.ts';
import { encodeTransaction, type Transaction, transactionId } from '../tx/transaction.ts';
import { readAnyMaps, readMaps } from './psbt-maps.ts';
import { announcePsbt, paymentPsbt } from './psbt-message.ts';
import { readPlainMaps } from './psbt-plain.ts';

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
  return [announcePsbt(terms, deposits, funding), ...payments];
});

test('a plain PSBT is read at once, to what the library reads', () => {
  for (const psbt of psbts) {
    const plain = readPlainMaps(psbt);
    assert.ok(plain !== undefined);
    assert.deepEqual(plain, readAnyMaps(psbt));
    assert.equal(plain.inputs.length, plain.transaction.inputs.length);
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

test('whatever else is read at once, the library reads the same; only keys that are no points it refuses by itself', () => {
  let [isRead, isLeft] = [0, 0];
  const position = fc.nat(10_000);
  fc.assert(
    fc.property(fc.constantFrom(...psbts), fc.constantFrom(...changes), position, fc.nat(255), (psbt, change, at, byte) => {
      const bytes = change(psbt, at % psbt.length, byte);
      const plain = readPlainMaps(bytes);
      const any = readAnyMaps(bytes);
      if (plain === undefined) isLeft++;
      else if (isRefusal(any))
        assert.ok(plain.inputs.some(({ partialSig: [pair] }) => pair !== undefined && publicKey(pair[0]) === undefined));
      else {
        isRead++;
        assert.deepEqual(plain, any);
      }
    }),
    { numRuns: 3_000 },
  );
  assert.ok(isRead > 100 && isLeft > 100, `${isRead} read, ${isLeft} left`);
});

test('what has fields besides is left to the library: key derivations are read, others refused', () => {
  const [announce = new Uint8Array()] = psbts;
  const withField = (key: number[], value: number[]): Uint8Array =>
    Uint8Array.of(...announce.subarray(0, -1), key.length, ...key, value.length, ...value, 0);
  const derivation = withField([0x06, ...payer.publicKey], [1, 2, 3, 4]);
  assert.equal(readPlainMaps(derivation), undefined);
  assert.deepEqual(readMaps(derivation), readMaps(announce));
  const witness = readMaps(withField([0x05], [0x51]));
  assert.equal(isRefusal(witness) && witness.code, 'psbt-field-unknown');
  const repeated = readMaps(withField([0x04], [0x51]));
  assert.equal(isRefusal(repeated) && repeated.code, 'psbt-malformed');
});
