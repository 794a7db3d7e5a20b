import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { highS } from '../../../test/world/high-s.ts';
import { MachinePair } from '../../../test/world/machine-pair.ts';
import { contractsOn, keyNumber, must, payeeKey, payerKey } from '../../../test/world/sample.ts';
import { amount } from '../base/amount.ts';
import { concatBytes, hexToBytes, txId } from '../base/bytes.ts';
import { height } from '../base/height.ts';
import { dogecoinRegtest } from '../coin/dogecoin.ts';
import type { Terms } from '../contract/contract.ts';
import { SIGHASH, signatureHash } from '../tx/sighash.ts';
import { encodeSignature, type Signer } from '../tx/sign.ts';
import { outpointKey, type Transaction } from '../tx/transaction.ts';
import { withoutSignatures } from './deposit-view.ts';

const DOGE = 100_000_000n;

/** An honest end, and what it is made of. */
interface Made {
  readonly tx: Transaction;
  readonly terms: Terms;
  /** A key's signature over input `index` of a transaction, as scripts hold it. */
  readonly by: (key: Signer, tx: Transaction, index: number, hashType?: number) => Uint8Array;
}

type Lie = (made: Made) => Transaction;

/** The same transaction with the signatures in its inputs replaced. Each contract's own unlock is kept around them. */
const signed =
  (both: (made: Made, index: number) => readonly [payer: Uint8Array, payee: Uint8Array]): Lie =>
  (made) => ({ ...made.tx, inputs: made.tx.inputs.map((input, i) => ({ ...input, script: around(made, input.script, both(made, i)) })) });

/** Puts two signatures where two others are. */
function around({ terms }: Made, script: Uint8Array, [payer, payee]: readonly [Uint8Array, Uint8Array]): Uint8Array {
  const both = terms.contract.readClose(terms, script);
  if (both === undefined) return script;
  const [first, second] = [both.payer, both.payee].map(({ signature, hashType }) => pushed(encodeSignature(signature, hashType)));
  const whole = Buffer.from(script);
  const [at, next] = [whole.indexOf(first ?? assert.fail()), whole.indexOf(second ?? assert.fail())];
  return concatBytes(script.subarray(0, at), pushed(payer), pushed(payee), script.subarray(next + (second?.length ?? 0)));
}

function pushed(bytes: Uint8Array): Uint8Array {
  return concatBytes(Uint8Array.of(bytes.length), bytes);
}

const own: (made: Made, i: number, hashType?: number) => Uint8Array = ({ by, tx }, i, hashType) => by(payerKey, tx, i, hashType);
const theirs: typeof own = ({ by, tx }, i, hashType) => by(payeeKey, tx, i, hashType);

/** The whole of another transaction, signed by both as it should be. */
const other =
  (change: (tx: Transaction) => Transaction): Lie =>
  (made) => {
    const tx = change(made.tx);
    return signed(({ by }, i) => [by(payerKey, tx, i), by(payeeKey, tx, i)])({ ...made, tx });
  };

const foreign = { outpoint: { txid: txId('ee'.repeat(32)), vout: 0 }, script: new Uint8Array(), sequence: 0 };

const lies: readonly (readonly [string, Lie])[] = [
  ['by nobody', ({ tx }) => withoutSignatures(tx)],
  ['by the payer twice', signed((made, i) => [own(made, i), own(made, i)])],
  ['by the payee twice', signed((made, i) => [theirs(made, i), theirs(made, i)])],
  ['in the wrong order', signed((made, i) => [theirs(made, i), own(made, i)])],
  ['by a stranger', signed((made, i) => [own(made, i), made.by(keyNumber(77), made.tx, i)])],
  [
    'on its first input only',
    (made) => ({ ...made.tx, inputs: made.tx.inputs.map((one, i) => (i === 0 ? one : { ...one, script: new Uint8Array() })) }),
  ],
  ['over another input', signed((made, i) => [own(made, i), theirs(made, 1 - i)])],
  ['over another transaction', signed((made, i) => [own(made, i), made.by(payeeKey, { ...made.tx, lockTime: 1 }, i)])],
  ['by the payee with ALL|ANYONECANPAY', signed((made, i) => [own(made, i), theirs(made, i, SIGHASH.ALL | SIGHASH.ANYONECANPAY)])],
  ['by the payee with NONE', signed((made, i) => [own(made, i), theirs(made, i, SIGHASH.NONE)])],
  ['by the payer with ALL|ANYONECANPAY', signed((made, i) => [own(made, i, SIGHASH.ALL | SIGHASH.ANYONECANPAY), theirs(made, i)])],
  ['with an unknown hash type', signed((made, i) => [own(made, i), theirs(made, i, 0x41)])],
  ['with a high s', signed((made, i) => [own(made, i), highS(theirs(made, i))])],
  ['with a DER that is longer than it need be', signed((made, i) => [own(made, i), padded(theirs(made, i))])],
  ['with no second signature', signed((made, i) => [own(made, i), new Uint8Array()])],
  [
    'behind a push more',
    ({ tx }) => ({ ...tx, inputs: tx.inputs.map((one) => ({ ...one, script: concatBytes(Uint8Array.of(0), one.script) })) }),
  ],
  [
    'and a byte more',
    ({ tx }) => ({ ...tx, inputs: tx.inputs.map((one) => ({ ...one, script: concatBytes(one.script, Uint8Array.of(0)) })) }),
  ],
  ['with a foreign input beside', other((tx) => ({ ...tx, inputs: [...tx.inputs, foreign] }))],
  ['with a deposit left out', other((tx) => ({ ...tx, inputs: tx.inputs.slice(0, 1) }))],
  ['with the inputs the other way round', other((tx) => ({ ...tx, inputs: tx.inputs.toReversed() }))],
  ['with another value', other((tx) => ({ ...tx, outputs: tx.outputs.map((output) => ({ ...output, value: output.value - 1n })) }))],
  ['with an output more', other((tx) => ({ ...tx, outputs: [...tx.outputs, { value: 0n, script: hexToBytes('6a') }] }))],
  ['with a lock time', other((tx) => ({ ...tx, lockTime: 400_000_000 }))],
  ['with another version', other((tx) => ({ ...tx, version: 3 }))],
  ['with other sequences', other((tx) => ({ ...tx, inputs: tx.inputs.map((one) => ({ ...one, sequence: 0 })) }))],
];

/** A leading zero that is not needed, in r. */
function padded(der: Uint8Array): Uint8Array {
  const [length = 0, rLength = 0] = [der[1], der[3]];
  return concatBytes(Uint8Array.of(0x30, length + 1, 2, rLength + 1, 0), der.subarray(4));
}

for (const contract of contractsOn(dogecoinRegtest)) {
  const proposed = (): MachinePair => {
    const pair = new MachinePair({ contract }).open(10n * DOGE, 5n * DOGE);
    pair.pay(2n * DOGE);
    must(pair.tellPayer({ kind: 'end' }));
    return pair;
  };
  const answered = (pair: MachinePair): { readonly tx: Transaction; readonly made: Made } => {
    const { end } = pair.payerState() as Extract<ReturnType<MachinePair['payerState']>, { kind: 'ending' }>;
    const reply = pair.ask(end);
    if (reply.kind !== 'ended') assert.fail(reply.kind);
    const { terms } = pair.payerState();
    const code = terms.contract.redeemScript(terms);
    const by: Made['by'] = (key, tx, index, hashType = SIGHASH.ALL) =>
      encodeSignature(key.sign(signatureHash(tx, index, code, hashType)), hashType);
    return { tx: reply.transaction, made: { tx: reply.transaction, terms, by } };
  };
  const hear = (pair: MachinePair, transaction: Transaction): void =>
    void must(pair.tellPayer({ kind: 'reply', to: 'end', message: { kind: 'ended', channel: pair.payerState().channel, transaction } }));

  describe(`${contract.id}: what is called an agreed end`, () => {
    for (const [name, lie] of lies) {
      test(`signed ${name}: neither kept nor broadcast, and the payer goes on`, () => {
        const pair = proposed();
        const { tx, made } = answered(pair);
        const before = pair.broadcasts.length;
        hear(pair, lie(made));
        assert.equal(pair.broadcasts.length, before);
        assert.equal(pair.payer?.kind, 'open');
        must(pair.tellPayer({ kind: 'end' }));
        hear(pair, tx);
        assert.deepEqual([pair.payer?.kind, pair.broadcasts.at(-1)], ['ending', tx]);
      });
    }

    test('one that both signed stays, whatever comes after it', () => {
      const pair = proposed();
      const { tx } = answered(pair);
      hear(pair, tx);
      const kept = pair.payer;
      hear(pair, withoutSignatures(tx));
      assert.deepEqual(pair.payer, kept);
    });

    test('signed by nobody until the end, the refund comes at the expiry', () => {
      const pair = proposed();
      hear(pair, withoutSignatures(answered(pair).tx));
      pair.tip = height(2_000);
      must(pair.tellPayer(pair.view()));
      assert.equal(pair.payer?.kind, 'refunding');
      const back = pair.broadcasts.at(-1)?.inputs.map(({ outpoint }) => outpointKey(outpoint));
      assert.deepEqual(
        back,
        pair.payerState().deposits.map(({ outpoint }) => outpointKey(outpoint)),
      );
    });

    test('with nothing paid it is one output, and believed', () => {
      const pair = new MachinePair({ contract }).open(amount(10n * DOGE));
      const reply = pair.exchange({ kind: 'end' });
      assert.equal(reply.kind === 'ended' && reply.transaction.outputs.length, 1);
      assert.ok(pair.payer?.kind === 'ending' && pair.payer.transaction !== undefined);
    });
  });
}
