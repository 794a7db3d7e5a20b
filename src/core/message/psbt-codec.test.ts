import assert from 'node:assert/strict';
import { test } from 'node:test';
import { utf8ToBytes } from '@noble/hashes/utils.js';
import fc from 'fast-check';
import { z } from 'zod';
import { publishedVectors } from '../../../test/vector.ts';
import { assertRefused, FLEXIBLE, must, payerKey, sampleFunding, sampleTerms } from '../../../test/world/sample.ts';
import { amount } from '../base/amount.ts';
import { bytesToHex, concatBytes, equalBytes, hexToBytes, txId } from '../base/bytes.ts';
import { isRefusal, type RefusalCode } from '../base/refusal.ts';
import { unsigned } from '../contract/payment-plan.ts';
import { p2sh } from '../tx/script.ts';
import { encodeTransaction, type Transaction, transactionId } from '../tx/transaction.ts';
import { decodePsbt, encodePsbt, MAX_PSBT_BYTES, wrongForm } from './psbt-codec.ts';
import { announcePsbt, paymentPsbt, readPayment } from './psbt-payment.ts';

const DOGE = 100_000_000n;
const terms = sampleTerms({ signing: FLEXIBLE });
const redeemScript = terms.contract.redeemScript(terms);
const { deposits, transactions } = sampleFunding(terms, [10n * DOGE, 20n * DOGE]);
const announce = announcePsbt(terms, deposits, transactions);
const payment = must(terms.contract.sign(terms, deposits, amount(15n * DOGE), payerKey));
const pay = paymentPsbt(terms, deposits, payment, transactions);

const text = z.object({ psbt: z.string() });
const vectors = z
  .object({ bip174: z.object({ invalid: z.array(text), valid: z.array(text) }).catchall(z.unknown()) })
  .parse(publishedVectors('bip174-psbt.json')).bip174;

function base64(bytes: string): Uint8Array {
  return Uint8Array.from(Buffer.from(bytes, 'base64'));
}

function outcome(bytes: Uint8Array): RefusalCode | 'accepted' {
  const read = decodePsbt(bytes);
  if (isRefusal(read)) return read.code;
  return wrongForm(read, terms.contract)?.code ?? 'accepted';
}

/** Every base64 PSBT anywhere below `value`. */
function psbtsIn(value: unknown): readonly string[] {
  if (typeof value === 'string') return value.startsWith('cHNidP') ? [value] : [];
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(psbtsIn) : [];
}

test('the PSBTs that BIP174 calls invalid are malformed', (t) => {
  for (const { psbt } of vectors.invalid) assert.equal(outcome(base64(psbt)), 'psbt-malformed', psbt);
  t.diagnostic(`bip174 invalid: ${vectors.invalid.length} refused as malformed`);
  assert.equal(vectors.invalid.length, 18);
});

test('the PSBTs that BIP174 calls valid are no channel’s, and refused for what they hold', (t) => {
  const outcomes = vectors.valid.map(({ psbt }) => outcome(base64(psbt)));
  const [time, field] = ['psbt-locktime-wrong', 'psbt-field-unknown'];
  assert.deepEqual(outcomes, [time, field, time, field, field, field, field]);
  t.diagnostic(`bip174 valid: ${outcomes.length} refused, none read`);
});

test('no PSBT of the published roles is a channel’s, and none throws', (t) => {
  const all = psbtsIn(publishedVectors('bip174-psbt.json'));
  const outcomes = all.map((psbt) => outcome(base64(psbt)));
  assert.ok(!outcomes.includes('accepted'));
  const malformed = outcomes.filter((code) => code === 'psbt-malformed').length;
  t.diagnostic(`bip174 in all: ${all.length} PSBTs, ${malformed} malformed, ${all.length - malformed} refused otherwise`);
  assert.ok(all.length > 50);
});

test('a PSBT of the channel is read as it was written', () => {
  for (const bytes of [announce, pay]) {
    const read = must(decodePsbt(bytes));
    assert.deepEqual(read.redeemScript, redeemScript);
    assert.deepEqual(new Set(read.inputs.map(({ deposit }) => deposit)), new Set(deposits));
  }
  const announced = must(decodePsbt(announce));
  assert.deepEqual(announced.transaction, unsigned(terms, deposits, []));
  assert.ok(announced.inputs.every(({ partialSignatures, hashType }) => partialSignatures.length === 0 && hashType === undefined));
  const paid = must(decodePsbt(pay));
  assert.ok(paid.inputs.every(({ partialSignatures: [first] }) => first !== undefined && equalBytes(first.key, terms.payerKey)));
});

test('a PSBT that is cut short, or has bytes behind it, is malformed', () => {
  for (let length = 0; length < pay.length; length += 7) assert.equal(outcome(pay.subarray(0, length)), 'psbt-malformed', `${length}`);
  assert.equal(outcome(pay.subarray(0, -1)), 'psbt-malformed');
  assert.equal(outcome(concatBytes(pay, Uint8Array.of(0))), 'psbt-malformed', 'a map more than there are outputs');
  assert.equal(outcome(concatBytes(pay, Uint8Array.of(1))), 'psbt-malformed');
  assert.equal(outcome(pay), 'accepted');
});

test('the empty map that some write when there are no outputs is no harm', () => {
  assert.deepEqual(decodePsbt(concatBytes(announce, Uint8Array.of(0))), must(decodePsbt(announce)));
  assert.equal(outcome(concatBytes(announce, Uint8Array.of(0, 0))), 'psbt-malformed');
});

test('more than a million bytes are not looked at', () => {
  assert.equal(outcome(new Uint8Array(MAX_PSBT_BYTES)), 'psbt-malformed');
  assert.equal(outcome(new Uint8Array(MAX_PSBT_BYTES + 1)), 'message-too-large');
});

/** A PSBT of one deposit whose transaction or funding is changed. */
function changed(
  change: (tx: Transaction) => Transaction,
  changeFunding: (funding: Transaction) => Transaction = (same) => same,
): Uint8Array {
  const nowhere = { outpoint: { txid: txId('77'.repeat(32)), vout: 0 }, script: new Uint8Array(), sequence: 0xffff_ffff };
  const output = { value: 10n * DOGE, script: p2sh(redeemScript) };
  const funding = changeFunding({ version: 1, inputs: [nowhere], outputs: [output], lockTime: 0 });
  const id = transactionId(funding);
  const tx = change(unsigned(terms, [{ outpoint: { txid: id, vout: 0 }, value: amount(10n * DOGE) }], []));
  return encodePsbt(terms, tx, { funding: new Map([[id, encodeTransaction(funding)]]) });
}

test('what differs from every transaction of a channel is refused, and nothing else', () => {
  const input = (tx: Transaction): Transaction['inputs'][number] => tx.inputs[0] ?? assert.fail();
  const cases: readonly [RefusalCode | 'accepted', Uint8Array][] = [
    ['accepted', changed((tx) => tx)],
    ['psbt-version-wrong', changed((tx) => ({ ...tx, version: 1 }))],
    ['psbt-locktime-wrong', changed((tx) => ({ ...tx, lockTime: 1 }))],
    ['psbt-sequence-wrong', changed((tx) => ({ ...tx, inputs: [{ ...input(tx), sequence: 0xffff_fffe }] }))],
    ['psbt-inputs-wrong', changed((tx) => ({ ...tx, inputs: [] }))],
    [
      'funding-script-wrong',
      changed(
        (tx) => tx,
        (funding) => ({ ...funding, outputs: [{ value: 5n, script: p2sh(Uint8Array.of(0x51)) }] }),
      ),
    ],
    [
      'funding-value-wrong',
      changed(
        (tx) => tx,
        (funding) => ({ ...funding, outputs: [{ value: 10n ** 18n + 1n, script: p2sh(redeemScript) }] }),
      ),
    ],
  ];
  for (const [expected, bytes] of cases) assert.equal(outcome(bytes), expected);
});

function replaced(bytes: Uint8Array, from: string, to: string): Uint8Array {
  const hex = bytesToHex(bytes);
  assert.ok(hex.includes(from));
  return hexToBytes(hex.replace(from, to));
}

test('a funding transaction that is not the one of the input, or lacks its output, is refused', () => {
  const one = announcePsbt(terms, deposits.slice(0, 1), transactions);
  const { txid } = deposits[0]?.outpoint ?? assert.fail();
  const wire = bytesToHex(hexToBytes(txid).reverse());
  assert.equal(outcome(one), 'accepted');
  assert.equal(outcome(replaced(one, wire, '77'.repeat(32))), 'psbt-inputs-wrong');
  assert.equal(outcome(replaced(one, `${wire}00000000`, `${wire}01000000`)), 'funding-output-missing');
});

test('redeem scripts that differ, and none at all, are refused', () => {
  const script = bytesToHex(redeemScript);
  const field = `0104${redeemScript.length.toString(16)}${script}`;
  const hex = bytesToHex(announce);
  const last = hex.lastIndexOf(field);
  assert.ok(last > hex.indexOf(field) && hex.indexOf(field) > 0, 'one for each deposit');
  const withLast = (other: string): Uint8Array => hexToBytes(hex.slice(0, last) + other + hex.slice(last + field.length));
  assert.equal(outcome(withLast(field)), 'accepted');
  assert.equal(outcome(withLast(field.replace(script, script.replace(/^63/, '64')))), 'psbt-inputs-wrong');
  assert.equal(outcome(withLast('')), 'psbt-inputs-wrong');
  assert.equal(outcome(hexToBytes(hex.replaceAll(field, ''))), 'psbt-inputs-wrong');
  assert.equal(outcome(hexToBytes(hex.replaceAll(script, script.replace(/^63/, '64')))), 'funding-script-wrong');
});

test('fields that have no place are refused, key derivations of signing devices are not', () => {
  const key = bytesToHex(terms.payerKey);
  const script = `0104${redeemScript.length.toString(16)}${bytesToHex(redeemScript)}`;
  const withField = (field: string): RefusalCode | 'accepted' => outcome(replaced(announce, script, `${script}${field}`));
  assert.equal(withField(`2206${key}04deadbeef`), 'accepted');
  assert.equal(withField(`0103048${'3000000'}`), 'accepted');
  assert.equal(withField('01070151'), 'psbt-field-unknown', 'final scriptSig');
  assert.equal(withField('01f00151'), 'psbt-field-unknown', 'a field nobody knows');
  assert.equal(withField(script), 'psbt-malformed', 'a field twice');
});

test('fields of outputs and of the whole have no place either, and nothing is signed inside', () => {
  const hex = bytesToHex(pay);
  const { length } = must(decodePsbt(pay)).transaction.outputs;
  const head = hex.slice(0, hex.length - 2 * length);
  const lastOutput = (field: string): RefusalCode | 'accepted' => outcome(hexToBytes(`${head}${'00'.repeat(length - 1)}${field}00`));
  assert.equal(lastOutput(''), 'accepted');
  assert.equal(lastOutput(`2202${bytesToHex(terms.payerKey)}04deadbeef`), 'accepted', 'a key derivation');
  const hashed = must(decodePsbt(hexToBytes(`${head}${'00'.repeat(length - 1)}0100015100`)));
  assertRefused(readPayment(hashed, terms, deposits), 'psbt-field-unknown', 'what is hashed, where nothing is');
  assert.equal(lastOutput('01f00151'), 'psbt-field-unknown', 'a field nobody knows');
  const one = announcePsbt(terms, deposits.slice(0, 1), transactions);
  const tx = bytesToHex(encodeTransaction(unsigned(terms, deposits.slice(0, 1), [])));
  const whole = (field: string): RefusalCode | 'accepted' => outcome(replaced(one, `010033${tx}`, `010033${tx}${field}`));
  assert.equal(whole(''), 'accepted');
  assert.equal(whole('01fb0400000000'), 'accepted', 'version 0');
  const own = (identifier: string, number: string): string => `0afc07${bytesToHex(utf8ToBytes(identifier))}${number}0151`;
  assert.equal(whole(own('pawment', '00')), 'accepted', 'what an announcement of another contract may name');
  assert.equal(whole(own('pawment', '00').repeat(2)), 'psbt-malformed', 'that twice');
  assert.equal(whole(own('pawment', '01')), 'psbt-field-unknown', 'another of our own');
  assert.equal(whole(own('paymant', '00')), 'psbt-field-unknown', 'somebody else’s own');
  assert.equal(whole('0bfc077061776d656e7400000151'), 'psbt-field-unknown', 'more behind it');
  assert.equal(lastOutput(own('pawment', '00')), 'psbt-field-unknown', 'in another place');
  assert.equal(whole('01f00151'), 'psbt-field-unknown', 'a field nobody knows');
  const signed = tx.replace('00fdffffff', '0151fdffffff');
  assert.equal(outcome(replaced(one, `010033${tx}`, `010034${signed}`)), 'psbt-malformed', 'a scriptSig');
});

test('a funding transaction twice, and a length in a longer form than it needs, are malformed', () => {
  const one = announcePsbt(terms, deposits.slice(0, 1), transactions);
  const funding = bytesToHex(transactions.get(deposits[0]?.outpoint.txid ?? '') ?? assert.fail());
  const field = `0100${(funding.length / 2).toString(16)}${funding}`;
  assert.equal(outcome(replaced(one, field, field + field)), 'psbt-malformed');
  const script = bytesToHex(redeemScript);
  const size = redeemScript.length.toString(16);
  assert.equal(outcome(replaced(one, `0104${size}${script}`, `0104fd${size}00${script}`)), 'psbt-malformed');
  assert.equal(outcome(replaced(one, field, field)), 'accepted');
});

test('whatever bytes come are read or refused, and never throw', (t) => {
  const counts = new Map<string, number>();
  const look = (bytes: Uint8Array): void => {
    const code = outcome(bytes);
    counts.set(code, (counts.get(code) ?? 0) + 1);
  };
  const starts = [announce, pay, ...vectors.valid.map(({ psbt }) => base64(psbt)), ...vectors.invalid.map(({ psbt }) => base64(psbt))];
  const magic = hexToBytes('70736274ff');
  fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => look(bytes)));
  fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => look(concatBytes(magic, bytes))));
  const edits = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 4 });
  fc.assert(
    fc.property(fc.constantFrom(...starts), edits, fc.nat(), fc.nat(9), (start, changes, cut, kind) => {
      const bytes = start.slice();
      for (const [at, byte] of changes) bytes[at % bytes.length] = byte;
      look(kind === 0 ? bytes.subarray(0, cut % bytes.length) : bytes);
    }),
    { numRuns: 1500 },
  );
  t.diagnostic([...counts].map(([code, count]) => `${code} ${count}`).join(', '));
  assert.ok(counts.size > 3);
});
