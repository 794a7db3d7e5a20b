import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assertRefused, must, payerKey, returnScript, sampleFunding, sampleTerms } from '../../../test/world/sample.ts';
import { amount } from '../base/amount.ts';
import { channelIdOf } from '../contract/contract.ts';
import { contracts } from '../contract/registry.ts';
import { decodeEnd, encodeEnd } from './compact.ts';
import type { End } from './message.ts';
import { decodePsbt } from './psbt-codec.ts';
import { endPsbt, readEnd } from './psbt-payment.ts';

const DOGE = 100_000_000n;

for (const contract of contracts) {
  const terms = sampleTerms({ contract });
  const { deposits, transactions } = sampleFunding(terms, [3n * DOGE, 4n * DOGE, 5n * DOGE]);
  const channel = channelIdOf(terms.coin, contract.redeemScript(terms));
  const endWithout = (...left: readonly number[]): End => {
    const without = left.flatMap((i) => deposits[i]?.outpoint ?? []);
    const rest = without.length === 0 ? {} : { without };
    const agreement = { total: amount(2n * DOGE), payerScript: returnScript, fee: amount(DOGE / 10n), ...rest };
    const agreed = must(contract.agree(terms, deposits, agreement));
    assert.equal(agreed.inputs.length, 3 - left.length);
    return { kind: 'end', channel, agreement, signatures: contract.signAgreement(terms, agreed, payerKey) };
  };

  test(`${contract.id}: an end that leaves out deposits says which, in either form`, () => {
    for (const left of [[], [0], [1], [2], [0, 2], [1, 2]]) {
      const end = endWithout(...left);
      assert.deepEqual(decodeEnd(encodeEnd(end)), end);
      const psbt = must(decodePsbt(endPsbt(terms, deposits, end, transactions)));
      assert.deepEqual(readEnd(psbt, terms, deposits), end);
    }
  });

  test(`${contract.id}: one that leaves out all of them is none`, () => {
    const agreement = { ...endWithout().agreement, without: deposits.map(({ outpoint }) => outpoint) };
    assertRefused(contract.agree(terms, deposits, agreement), 'agreement-malformed');
  });
}

test('a count of none left out is no form of an end that leaves out none', () => {
  const terms = sampleTerms();
  const { deposits } = sampleFunding(terms, [3n * DOGE]);
  const agreement = { total: amount(0n), payerScript: returnScript, fee: amount(DOGE / 10n) };
  const signatures = terms.contract.signAgreement(terms, must(terms.contract.agree(terms, deposits, agreement)), payerKey);
  const channel = channelIdOf(terms.coin, terms.contract.redeemScript(terms));
  const bytes = encodeEnd({ kind: 'end', channel, agreement, signatures });
  assert.equal(decodeEnd(bytes).kind, 'end');
  assertRefused(decodeEnd(Uint8Array.of(...bytes, 0)), 'message-malformed');
  assertRefused(decodeEnd(Uint8Array.of(...bytes, 1)), 'message-malformed');
});
