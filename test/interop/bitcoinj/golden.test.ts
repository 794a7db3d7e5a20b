import assert from 'node:assert/strict';
import { test } from 'node:test';
import { chainRules } from '../../../src/chain/regtest/chain-params.ts';
import { checkScripts } from '../../../src/chain/regtest/check-inputs.ts';
import { hexToBytes } from '../../../src/core/base/bytes.ts';
import { dogecoinRegtest } from '../../../src/core/coin/dogecoin.ts';
import { p2pkh } from '../../../src/core/tx/script.ts';
import { SIGHASH, signatureHash } from '../../../src/core/tx/sighash.ts';
import { decodeSignature, publicKey, signer, verifyPortable } from '../../../src/core/tx/sign.ts';
import { decodeTransaction, type Transaction, transactionId } from '../../../src/core/tx/transaction.ts';
import { readConversations, readRecording } from './golden.ts';

const { standardFlags } = chainRules(dogecoinRegtest);

function read(hex: string): Transaction {
  const tx = decodeTransaction(hexToBytes(hex));
  assert.ok(tx);
  return tx;
}

/** What relay has against the only input of `tx`, which spends output 0 of `from`. */
function fault(tx: Transaction, from: Transaction): unknown {
  const [output] = from.outputs;
  const [input] = tx.inputs;
  assert.ok(output && input);
  assert.deepEqual(input.outpoint, { txid: transactionId(from), vout: 0 });
  return checkScripts(tx, [{ output, height: 1, coinbase: false, version: 1 }], standardFlags, verifyPortable);
}

/** The same with a unit less in output 0, which all these signatures sign. */
function spoiled(tx: Transaction): Transaction {
  return { ...tx, outputs: tx.outputs.map((output, i) => (i === 0 ? { ...output, value: output.value - 1n } : output)) };
}

for (const version of [1, 2] as const) {
  const recording = readRecording(version);
  const [contract, refund, settlement] = [recording.contract, recording.refund, recording.settlement].map(read);

  test(`v${version}: contract, refund and settlement of bitcoinj are transactions that relay takes`, () => {
    assert.ok(contract && refund && settlement);
    assert.equal(transactionId(contract), recording.contractId);
    for (const [tx, from] of [
      [contract, read(recording.funding)],
      [refund, contract],
      [settlement, contract],
    ] as const) {
      assert.equal(fault(tx, from), undefined);
      assert.notEqual(fault(spoiled(tx), from), undefined);
    }
    assert.equal(refund.lockTime, recording.expiry);
    assert.equal(refund.inputs[0]?.sequence, 0xffff_fffe);
  });

  test(`v${version}: each payment is the payer's signature over its own change`, () => {
    assert.ok(settlement);
    const key = publicKey(hexToBytes(recording.payer.public));
    assert.ok(key);
    for (const { total, signature } of recording.payments) {
      const signed = decodeSignature(hexToBytes(signature));
      assert.ok(typeof signed === 'object');
      assert.equal(signed.hashType, SIGHASH.SINGLE | SIGHASH.ANYONECANPAY);
      const paying = (value: bigint): Uint8Array => {
        const change = { value: BigInt(recording.capacity) - value, script: p2pkh(key) };
        return signatureHash({ ...settlement, outputs: [change] }, 0, hexToBytes(recording.script), signed.hashType);
      };
      assert.ok(verifyPortable(signed.signature, paying(BigInt(total)), key));
      assert.ok(!verifyPortable(signed.signature, paying(BigInt(total) + 1n), key));
    }
  });

  test(`v${version}: the frames carry what the recording shows beside them`, () => {
    const all = recording.frames.map(({ body }) => body).join('\n');
    const { payer, payee, contract: hex, settlement: last, payments } = recording;
    for (const part of [payer.public, payee.public, hex, last, ...payments.map(({ signature }) => signature)])
      assert.ok(all.includes(part));
    for (const pair of [payer, payee]) assert.deepEqual(signer(hexToBytes(pair.private)).publicKey, hexToBytes(pair.public));
    assert.equal(recording.frames.length, version === 1 ? 15 : 13);
  });
}

test('each recorded error ends its conversation, with the code that the title names', () => {
  const codes: Readonly<Record<string, string>> = {
    SYNTAX_ERROR: '02',
    NO_ACCEPTABLE_VERSION: '03',
    BAD_TRANSACTION: '04',
    TIME_WINDOW_UNACCEPTABLE: '05',
    CHANNEL_VALUE_TOO_LARGE: '06',
    MIN_PAYMENT_TOO_LARGE: '07',
    OTHER: '08',
  };
  const conversations = readConversations();
  assert.equal(conversations.length, 29);
  for (const { title, frames } of conversations) {
    const [, name = ''] = /: ([A-Z_]{5,})/.exec(title) ?? [];
    // ERROR, its length of one byte or two, and the code as its first field.
    const [, code] = /^080a52(?:..|..0.)08(..)/.exec(frames.at(-1)?.body ?? '') ?? [];
    assert.equal(code, codes[name], title);
  }
});
