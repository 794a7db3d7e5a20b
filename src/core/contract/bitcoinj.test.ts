import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { z } from 'zod';
import { must, payeeScript } from '../../../test/world/sample.ts';
import { amount, parseUnits } from '../base/amount.ts';
import { bytesToHex, hexToBytes } from '../base/bytes.ts';
import { lockTime } from '../base/height.ts';
import type { Coin } from '../coin/coin.ts';
import { dogecoinRegtest } from '../coin/dogecoin.ts';
import { readScript } from '../tx/script.ts';
import { decodeSignature, signer, verifyPortable } from '../tx/sign.ts';
import { decodeTransaction, type Transaction, transactionId } from '../tx/transaction.ts';
import { cltvTime } from './cltv.ts';
import type { Contract, Deposit, Payment, Terms } from './contract.ts';
import { presignedRefund } from './presigned-refund.ts';

const recorded = z.object({
  expiry: z.int(),
  capacity: z.string(),
  payer: z.object({ private: z.string(), public: z.string() }),
  payee: z.object({ private: z.string(), public: z.string() }),
  contract: z.string(),
  script: z.string(),
  refund: z.string(),
  payments: z.array(z.object({ total: z.string(), signature: z.string() })).min(4),
  settlement: z.string(),
});
type Recorded = z.output<typeof recorded>;

/** What bitcoinj pays and takes for dust. */
const coin: Coin = { ...dogecoinRegtest, policy: { ...dogecoinRegtest.policy, feeRate: amount(1_000n), dust: amount(546n) } };

function read(version: number): Recorded {
  return recorded.parse(JSON.parse(readFileSync(new URL(`../../../test/golden/bitcoinj/v${version}.json`, import.meta.url), 'utf8')));
}

function transaction(hex: string): Transaction {
  return decodeTransaction(hexToBytes(hex)) ?? assert.fail('a transaction');
}

function unlockOf({ inputs: [input] }: Transaction): Uint8Array {
  return input?.script ?? assert.fail('an input');
}

function signatureIn(hex: string): { readonly compact: string; readonly hashType: number } {
  const decoded = decodeSignature(hexToBytes(hex));
  return typeof decoded === 'string' ? assert.fail(decoded) : { compact: bytesToHex(decoded.signature), hashType: decoded.hashType };
}

for (const [version, contract] of [
  [1, presignedRefund],
  [2, cltvTime],
] as const satisfies readonly (readonly [number, Contract])[]) {
  describe(`${contract.id} is what bitcoinj makes of its version ${version}, to the byte`, () => {
    const own = read(version);
    const [payer, payee] = [own.payer, own.payee].map((side) => signer(hexToBytes(side.private)));
    assert.ok(payer !== undefined && payee !== undefined);
    const keys = { payerKey: payer.publicKey, payeeKey: payee.publicKey };
    const terms: Terms = {
      ...{ coin, contract, signing: { kind: 'flexible', slot: 0 }, closingMargin: 7_200, payeeScript },
      ...{ ...keys, expiry: lockTime(own.expiry) },
    };
    const funding = transaction(own.contract);
    const deposit: Deposit = {
      outpoint: { txid: transactionId(funding), vout: 0 },
      value: parseUnits(own.capacity) ?? assert.fail('an amount'),
    };

    test('the script, and the output that pays to it', () => {
      assert.equal(bytesToHex(contract.redeemScript(terms)), own.script);
      assert.deepEqual(funding.outputs[0], { value: deposit.value, script: contract.outputScript(terms) });
    });

    test('every payment of its client, signature and hash type', () => {
      for (const { total, signature } of own.payments) {
        const sum = parseUnits(total) ?? assert.fail('an amount');
        const payment: Payment = must(contract.sign(terms, [deposit], sum, payer));
        const { inputs } = must(contract.plan(terms, [deposit], sum));
        assert.deepEqual(signatureIn(signature), {
          compact: bytesToHex(payment.signatures[0] ?? assert.fail('signed')),
          hashType: inputs[0]?.hashType,
        });
        must(contract.verify(terms, [deposit], payment, undefined, verifyPortable));
      }
    });

    test('its refund and its settlement are told apart, and have the form', () => {
      const [refund, close] = [transaction(own.refund), transaction(own.settlement)];
      assert.equal(contract.recognise(unlockOf(refund)), 'refund');
      assert.equal(contract.recognise(unlockOf(close)), 'close');
      const { version: of, sequence, refundSequence } = contract.form;
      assert.deepEqual([refund.version, refund.inputs[0]?.sequence, refund.lockTime], [of, refundSequence, own.expiry]);
      assert.deepEqual([close.version, close.inputs[0]?.sequence, close.lockTime], [of, sequence, 0]);
      assert.ok(unlockOf(refund).length <= contract.refundUnlockSize + 1 && unlockOf(close).length <= contract.closeUnlockSize);
    });

    test('what its server signed of the refund', () => {
      const given = contract.release(terms, [deposit], payee).map((release) => bytesToHex(release));
      const parts = readScript(unlockOf(transaction(own.refund))) ?? [];
      const signed = parts.flatMap((part) =>
        part instanceof Uint8Array && part.at(-1) === 0x82 ? [signatureIn(bytesToHex(part)).compact] : [],
      );
      assert.deepEqual(given, signed);
      assert.equal(signed.length, version === 1 ? 1 : 0);
    });
  });
}
