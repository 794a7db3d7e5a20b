import assert from 'node:assert/strict';
import { test } from 'node:test';
import { keyNumber, sampleTerms } from '../../test/world/sample.ts';
import { bytesToHex, hexToBytes, txId } from '../core/base/bytes.ts';
import type { Contract } from '../core/contract/contract.ts';
import { contracts } from '../core/contract/registry.ts';
import { revocable } from '../core/contract/revocable.ts';
import { p2pkh } from '../core/tx/script.ts';
import type { Transaction } from '../core/tx/transaction.ts';
import { blankRecoveryNote, readRecoveryNote, withRecoveryNote } from './recovery-note.ts';

const SECRET = new Uint8Array(32).fill(8);

/** Written once, before there were notes of another length: whoever changes the form has to keep reading these. */
const WRITTEN: Readonly<Record<string, string>> = {
  'cltv-multisig':
    '6a49f7f9a11a3dc3ff6f258381b5e9203a18488a76a14323170bf989cf39bb09b221d82a09ec4b3461fdd779deb0f3045da317c8d873525f079873548303daad2fb8ca74b1421071771fe8',
  cltv: '6a49a71ad37540e1497280ae19b7db83c2e3e91ccd12ca8c0823b6b842187b8d3676c67739dc4e3089e5770ae2b88b7cdb3174e1480246db4f1683084b1ad1ded8c0f08bbc23693c8a92c1',
  'cltv-time':
    '6a496133bfbb23b4282eb569f6500ce051b40660265b1919d2a8e825a70ceb0f7ffffb624e130778a4518ca121370aa726ad51380793be93a5020e2c368a9e6975cbc0c54110d234e84c0b',
  'presigned-refund':
    '6a494a7f562b59b654f5d5ca7fd3ac8ff774fd1941bf9ee11360d3cfba0c75f9723db673629e1987e493f9772ed56b18233999f548d4e1724ec6d68d58e89cfc0ca7c7c87379cbcf6a522b',
};

function unsignedOf(contract: Contract): Transaction {
  const terms = sampleTerms({ contract });
  const input = { outpoint: { txid: txId('ab'.repeat(32)), vout: 1 }, script: new Uint8Array(), sequence: 0xffff_fffd };
  const change = { script: p2pkh(keyNumber(5).publicKey), value: 7n };
  const outputs = [{ script: contract.outputScript(terms), value: 5n }, blankRecoveryNote(contract), change];
  return { version: 2, inputs: [input], outputs, lockTime: 0 };
}

function noted(contract: Contract): Transaction {
  return withRecoveryNote(unsignedOf(contract), { keyIndex: 3, terms: sampleTerms({ contract }) }, SECRET);
}

for (const contract of contracts) {
  test(`${contract.id}: the note says all terms but those that the key tells, and nothing to another seed`, () => {
    const { payerKey: _, revocation, ...terms } = sampleTerms({ contract });
    const { payoutDelay = 0 } = revocation ?? {};
    // The lock takes the place of the payee's output script.
    const told = contract.expiryIn === 'age' ? { ...terms, payeeScript: new Uint8Array() } : terms;
    const known = { keyIndex: 3, terms: { ...told, ...(revocation && { revocation: { payoutDelay } }) } };
    assert.deepEqual(readRecoveryNote(terms.coin, noted(contract), SECRET), known);
    const strange = readRecoveryNote(terms.coin, noted(contract), new Uint8Array(32).fill(7));
    assert.notDeepEqual(strange, known);
  });
}

for (const contract of contracts.filter(({ revocation }) => revocation === undefined)) {
  test(`${contract.id}: the note is what it always was, to the byte`, () => {
    assert.equal(bytesToHex(noted(contract).outputs[1]?.script ?? new Uint8Array()), WRITTEN[contract.id]);
  });
}

test('a note of the other length is none, and the longer one has the 80 bytes that nodes relay', () => {
  const { outputs, ...rest } = noted(revocable);
  const [deposit, note = assert.fail(), change] = outputs;
  assert.equal(note.script.length, 80);
  const { coin } = sampleTerms();
  for (const script of [note.script.subarray(0, -1), Uint8Array.of(...note.script, 0), hexToBytes(`6a49${'00'.repeat(73)}`)]) {
    const other = { ...rest, outputs: [deposit ?? note, { ...note, script }, change ?? note] };
    assert.equal(readRecoveryNote(coin, other, SECRET), undefined);
  }
});
