import assert from 'node:assert/strict';
import { counterparty } from '../../../src/core/asset/counterparty.ts';
import { bytesToHex, txId } from '../../../src/core/base/bytes.ts';
import { sighashTemplate, signatureHash } from '../../../src/core/tx/sighash.ts';
import {
  decodeTransaction,
  encodeTransaction,
  type Transaction,
  transactionId,
  transactionSize,
} from '../../../src/core/tx/transaction.ts';
import { golden } from '../corpus.ts';
import { channels } from '../samples.ts';
import { ACCEPTED, assertSameBytes, type Outcome, type Target } from '../target.ts';
import { mutateTx } from '../wire.ts';

const HASH_TYPES = [0, 1, 2, 3, 4, 0x41, 0x81, 0x82, 0x83, 0x84, 0xff, -1, 0x7fff_ffff] as const;

const first = txId('ab'.repeat(32));
const send = { asset: 14456548018133352000n, quantity: 1337n };
const sending = encodeTransaction({
  version: 1,
  inputs: [{ outpoint: { txid: first, vout: 0 }, script: new Uint8Array(), sequence: 0xffff_ffff }],
  outputs: [{ value: 5_430n, script: new Uint8Array(23).fill(1) }, ...counterparty.outputs(send, first)],
  lockTime: 0,
});

/** Transactions: read, written, named and hashed for signing, and what their data sends. */
export const transaction: Target = {
  name: 'transaction',
  files: ['core/tx/transaction.ts', 'core/tx/wire-reader.ts', 'core/tx/sighash.ts', 'core/asset/counterparty.ts', 'core/asset/arc4.ts'],
  corpus: [...golden('tx/*.hex'), ...channels.flatMap(({ funding }) => [...funding.values()]), sending],
  mutate: mutateTx,
  check: (input) => {
    const tx = decodeTransaction(input);
    if (tx === undefined) return { code: 'unreadable' };
    const written = encodeTransaction(tx);
    const isWitnessed = input.length >= 6 && input[4] === 0 && input[5] === 1;
    if (written.length === input.length || !isWitnessed) assertSameBytes(written, input, 'what is read is written the same');
    assert.equal(transactionSize(tx), written.length);
    assert.match(transactionId(tx), /^[0-9a-f]{64}$/);
    const again = decodeTransaction(written);
    // Without inputs the count of outputs can pass for the mark of witnesses: nodes read it so too.
    if (tx.inputs.length > 0) assert.deepEqual(again, tx);
    assertSend(tx);
    return hashed(tx, input);
  },
};

/** An asset send is written so to the byte, and its asset has a name. */
function assertSend(tx: Transaction): void {
  const read = counterparty.read(tx);
  if (read === undefined) return;
  const [data = assert.fail()] = counterparty.outputs(read, tx.inputs[0]?.outpoint.txid ?? assert.fail());
  assertSameBytes(data.script, tx.outputs[1]?.script ?? assert.fail(), 'what is sent is written the same');
  assert.equal(counterparty.assetOf(counterparty.nameOf(read.asset) ?? ''), read.asset);
}

/** The template that is patched in place gives what the slow way gives. */
function hashed(tx: Transaction, input: Uint8Array): Outcome {
  const hashType = HASH_TYPES[(input[0] ?? 0) % HASH_TYPES.length] ?? 1;
  const index = (input.at(-1) ?? 0) % (tx.inputs.length + 1);
  const slow = signatureHash(tx, index, input.subarray(0, 60), hashType);
  const isOne = bytesToHex(slow) === `01${'00'.repeat(31)}`;
  const isUnbound = index >= tx.inputs.length || ((hashType & 0x1f) === 3 && index >= tx.outputs.length);
  assert.equal(isOne, isUnbound);
  if (isUnbound) {
    assert.throws(() => sighashTemplate(tx, index, input.subarray(0, 60), hashType), /no output to sign/);
    return { code: 'accepted', path: 'unbound' };
  }
  const base = hashType & 0x1f;
  const values = base === 2 ? [] : base === 3 ? tx.outputs.slice(index, index + 1) : tx.outputs;
  const quick = sighashTemplate(tx, index, input.subarray(0, 60), hashType).digest(values.map(({ value }) => value));
  assertSameBytes(quick, slow, `hash type ${hashType} of input ${index}`);
  return ACCEPTED;
}
