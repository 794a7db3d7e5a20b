import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { keyNumber, payeeKey, payerKey, sampleFunding, sampleTerms } from '../../../test/world/sample.ts';
import { amount } from '../base/amount.ts';
import { dogecoinRegtest } from '../coin/dogecoin.ts';
import { litecoinRegtest } from '../coin/litecoin.ts';
import { p2pkh } from '../tx/script.ts';
import { transactionSize } from '../tx/transaction.ts';
import { type Closing, capacityOf, type Terms } from './contract.ts';
import { contracts } from './registry.ts';
import { groupForSharedClose, MAX_CHANNELS_PER_CLOSE } from './shared-close-grouping.ts';

const DOGE = 100_000_000n;

/** A channel of which so much is paid; all of it unless said. */
function closing(
  terms: Terms,
  values: readonly bigint[] = [DOGE],
  total: bigint = capacityOf(sampleFunding(terms, values).deposits),
): Closing {
  const { deposits } = sampleFunding(terms, values);
  const payment = terms.contract.sign(terms, deposits, amount(total), payerKey);
  return 'kind' in payment ? assert.fail(payment.code) : { terms, deposits, payment, signer: payeeKey };
}

function counts(closings: readonly Closing[]): readonly number[] {
  return groupForSharedClose(closings).map((one) => one.closings.length);
}

describe('which channels close together', () => {
  const [multisig, cltv] = contracts;
  const terms = sampleTerms();

  test('those that are drained, whatever their deposits; those with change, or a fixed fee, close alone', () => {
    const drained = [closing(terms), closing(terms, [DOGE, DOGE]), closing(terms)];
    assert.deepEqual(counts(drained), [3]);
    assert.deepEqual(counts([closing(terms, [DOGE], DOGE / 2n), ...drained, closing(terms, [DOGE, DOGE], DOGE)]), [3, 1, 1]);
    const fixed = sampleTerms({ signing: { kind: 'fixed', fee: amount(DOGE / 10n) } });
    assert.deepEqual(counts([closing(fixed, [DOGE], (DOGE * 9n) / 10n), closing(fixed, [DOGE], (DOGE * 9n) / 10n)]), [1, 1]);
    assert.deepEqual(counts([]), []);
  });

  test('those of one contract, on one chain, to one script', () => {
    const others = [
      ...(cltv === undefined ? [] : [sampleTerms({ contract: cltv })]),
      sampleTerms({ contract: multisig, coin: litecoinRegtest }),
      { ...terms, payeeScript: p2pkh(keyNumber(9).publicKey) },
    ];
    assert.deepEqual(counts([terms, ...others, terms].map((one) => closing(one))), [2, 1, 1, 1]);
  });

  test('no more than can still be paid more for, and no more bytes than are reckoned with', () => {
    const { feeRate } = dogecoinRegtest.policy;
    const one = closing(terms);
    const groups = groupForSharedClose(Array.from({ length: 20 }, () => ({ ...one })));
    assert.deepEqual(
      groups.map(({ closings }) => closings.length),
      [MAX_CHANNELS_PER_CLOSE, MAX_CHANNELS_PER_CLOSE, 4],
    );
    for (const { closings, size } of groups) {
      const close = terms.contract.close(closings, { script: terms.payeeScript, feeRate });
      const bytes = 'kind' in close ? assert.fail(close.code) : transactionSize(close);
      assert.ok(bytes <= size && bytes > size * 0.95, `${bytes} of ${size}`);
    }
  });
});
