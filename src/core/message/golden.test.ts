import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { z } from 'zod';
import { codecs, fitting } from '../../../test/conformance/suite/codec.ts';
import { must, sampleFunding, sampleOffer, sampleTerms } from '../../../test/world/sample.ts';
import { amount, ZERO } from '../base/amount.ts';
import { bytesToHex, hexToBytes } from '../base/bytes.ts';
import type { Signing } from '../contract/contract.ts';
import { contracts } from '../contract/registry.ts';
import { verifyPortable } from '../tx/sign.ts';
import { decodePay, encodePay } from './compact.ts';
import type { Field } from './fields.ts';
import { acceptedJson, endedJson, invoiceJson, offerJson, provisionalJson, receiptJson, stateJson } from './json.ts';

const GOLDEN = new URL('../../../test/golden/message/v1/', import.meta.url);
const DOGE = 100_000_000n;

const json: Readonly<Record<string, Field<unknown>>> = {
  offer: offerJson,
  accepted: acceptedJson,
  provisional: provisionalJson,
  invoice: invoiceJson,
  receipt: receiptJson,
  state: stateJson,
  'state-ended': stateJson,
  ended: endedJson,
  'offer-revocable': offerJson,
  'offer-asset': offerJson,
  'accepted-revocable': acceptedJson,
  'receipt-revocable': receiptJson,
  'state-revocable': stateJson,
  'invoice-pending': invoiceJson,
  'receipt-pending': receiptJson,
  'state-pending': stateJson,
};

const FLEXIBLE: Signing = { kind: 'flexible', slot: 0 };
const FIXED: Signing = { kind: 'fixed', fee: amount(DOGE / 50n) };
const SIGNINGS: readonly Signing[] = [FLEXIBLE, FIXED];
/** Of this payment there is no PSBT. */
const ALL_BACK = 'revocable-gives-all-back-compact.hex';
const PENDING = 'cltv-multisig-pending-payment-compact.hex';

function golden(name: string): string {
  return readFileSync(new URL(name, GOLDEN), 'utf8').trim();
}

// Written once by version 1 and never again: whoever changes a form has to keep reading these.
describe('messages of version 1', () => {
  const names = globSync('*', { cwd: GOLDEN });

  test('there is every message in every form, and nothing else', () => {
    const signed = contracts.flatMap((contract) =>
      SIGNINGS.filter(fitting(contract)).flatMap((signing) =>
        codecs.flatMap(({ name }) => ['announce', 'payment', 'end'].map((kind) => `${contract.id}-${signing.kind}-${kind}-${name}.hex`)),
      ),
    );
    assert.deepEqual(names.toSorted(), [ALL_BACK, PENDING, ...signed, ...Object.keys(json).map((name) => `${name}.json`)].toSorted());
  });

  for (const [name, field] of Object.entries(json)) {
    test(`${name}.json is read, and written the same`, () => {
      const text = golden(`${name}.json`);
      assert.equal(JSON.stringify(z.encode(field, z.decode(field, JSON.parse(text)))), text);
    });
  }

  test(`${ALL_BACK} is read, and written the same`, () => {
    const pay = must(decodePay(hexToBytes(golden(ALL_BACK))));
    assert.deepEqual([pay.payment.total, pay.payment.signatures, pay.payment.hash?.length], [ZERO, [], 20]);
    assert.equal(bytesToHex(encodePay(pay)), golden(ALL_BACK));
  });

  test(`${PENDING} is read, and written the same`, () => {
    const pay = must(decodePay(hexToBytes(golden(PENDING))));
    assert.deepEqual(
      pay.payment.locks?.map(({ amount: sum }) => sum),
      [3n * DOGE, 4n * DOGE],
    );
    assert.equal(bytesToHex(encodePay(pay)), golden(PENDING));
  });

  for (const contract of contracts) {
    for (const signing of SIGNINGS.filter(fitting(contract))) {
      const { kind } = signing;
      const terms = sampleTerms({ contract, signing });
      const { deposits, transactions: funding } = sampleFunding(terms, [10n * DOGE, 5n * DOGE]);
      const channel = { terms, offer: sampleOffer(terms), deposits, funding };
      for (const codec of codecs) {
        const file = (message: string): Uint8Array => hexToBytes(golden(`${contract.id}-${kind}-${message}-${codec.name}.hex`));

        test(`${contract.id}, ${kind}, ${codec.name}: read to the same channel, and written the same`, () => {
          const announce = must(codec.announce.decode(channel, file('announce')));
          assert.deepEqual([announce.deposits, announce.expiry], [deposits, terms.expiry]);
          assert.equal(bytesToHex(codec.announce.encode(channel, announce)), bytesToHex(file('announce')));
          const pay = must(codec.payment.decode(channel, file('payment')));
          assert.equal(pay.payment.total, 12n * DOGE);
          must(contract.verify(terms, deposits, pay.payment, undefined, verifyPortable));
          assert.equal(bytesToHex(codec.payment.encode(channel, pay)), bytesToHex(file('payment')));
          const end = must(codec.end.decode(channel, file('end')));
          const agreed = must(contract.agree(terms, deposits, end.agreement));
          assert.ok(contract.verifyAgreement(terms, agreed, end.signatures, verifyPortable));
          assert.equal(bytesToHex(codec.end.encode(channel, end)), bytesToHex(file('end')));
        });
      }
    }
  }
});
