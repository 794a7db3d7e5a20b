import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { MachinePair } from '../../../test/world/machine-pair.ts';
import {
  assertRefused,
  contractsOn,
  FLEXIBLE,
  must,
  payerKey,
  returnScript,
  type SampleTerms,
  sampleTerms,
  signingsOf,
} from '../../../test/world/sample.ts';
import { type Amount, amount, feeFor } from '../base/amount.ts';
import { height } from '../base/height.ts';
import { dogecoinRegtest } from '../coin/dogecoin.ts';
import { litecoinRegtest } from '../coin/litecoin.ts';
import type { Signing } from '../contract/contract.ts';
import { costOf, isReplaceable, rateOf } from '../contract/fee.ts';
import { closeSize } from '../contract/tx-size.ts';
import type { End, Reply } from '../message/message.ts';

/** What the payee is asked to sign, with such a fee. */
function endAt(pair: MachinePair, fee: Amount): End {
  const { terms, deposits, channel, best } = pair.payeeState();
  const agreement = { total: best?.total ?? amount(0n), payerScript: returnScript, fee };
  const agreed = must(terms.contract.agree(terms, deposits, agreement));
  return { kind: 'end', channel, agreement, signatures: terms.contract.signAgreement(terms, agreed, payerKey) };
}

function askedFor(reply: Reply): Amount {
  assertRefused(reply, 'agreement-slow');
  const { least = '' } = reply.detail;
  return amount(BigInt(least));
}

for (const coin of [dogecoinRegtest, litecoinRegtest]) {
  for (const contract of contractsOn(coin)) {
    const one = coin.policy.dust * 1_000n;
    const sample = sampleTerms({ coin, contract });
    const fixed: Signing = { kind: 'fixed', fee: feeFor(closeSize(sample, 1, 2), amount(coin.policy.feeRate * 5n)) };
    for (const signing of [fixed, FLEXIBLE].filter(({ kind }) => signingsOf(contract).includes(kind))) {
      const options: SampleTerms = { coin, contract, signing };
      const paid = (): MachinePair => {
        const pair = new MachinePair(options).open(30n * one);
        pair.pay(20n * one);
        return pair;
      };

      describe(`${coin.id}, ${contract.id}, ${signing.kind}: an end is no worse for the payee than its own close`, () => {
        for (const [name, factor, at] of [
          ['when miners ask for twice as much', 2n, 1_400],
          ['when miners ask for eight times as much', 8n, 1_400],
          ['in the margin', 2n, 1_930],
        ] as const) {
          test(`${name}: one unit less than the close pays is refused, and said; that much is not`, () => {
            const pair = paid();
            pair.feeRate = amount(coin.policy.feeRate * factor);
            pair.tip = height(at);
            const before = pair.payee;
            const least = askedFor(pair.ask(endAt(pair, feeFor(closeSize(sample, 1, 2), coin.policy.feeRate))));
            askedFor(pair.ask(endAt(pair, amount(least - 1n))));
            assert.equal(pair.payee, before);
            const other = new MachinePair(options);
            Object.assign(other, { payee: pair.payee, payer: pair.payer, tip: pair.tip, feeRate: pair.feeRate });
            must(other.tellPayee({ kind: 'close' }));
            const own = costOf(other.broadcasts.at(-1) ?? assert.fail(), pair.payeeState().deposits) ?? assert.fail();
            const reply = pair.ask(endAt(pair, least));
            if (reply.kind !== 'ended') assert.fail(reply.kind);
            const cost = costOf(reply.transaction, pair.payeeState().deposits) ?? assert.fail();
            const isFinal = signing.kind === 'flexible' && !isReplaceable(coin.policy, reply.transaction);
            // Signatures differ by a byte or two in length.
            assert.ok(rateOf(cost) * 100n >= rateOf(own) * (isFinal ? 198n : 99n), `${rateOf(cost)} ${rateOf(own)}`);
          });
        }

        test('a payer that sees the same rate offers enough at once', () => {
          for (const factor of [1n, 4n]) {
            const pair = paid();
            pair.feeRate = amount(coin.policy.feeRate * factor);
            assert.equal(pair.exchange({ kind: 'end' }).kind, 'ended');
          }
        });

        test('a payer whose node knows a lower rate offers what is asked for; and not what is far beyond it', () => {
          const pair = paid();
          const offer = pair.request({ kind: 'end' });
          if (offer.kind !== 'end') assert.fail();
          pair.answer('end', pair.ask({ ...offer, agreement: { ...offer.agreement, total: amount(1n) } }));
          const fee = amount(offer.agreement.fee * 3n);
          assert.deepEqual(pair.payerState().kind, 'open');
          const again = pair.request({ kind: 'end', least: fee });
          assert.equal(again.kind === 'end' && again.agreement.fee, fee);
          const far = paid();
          assertRefused(far.tellPayer({ kind: 'end', least: amount(offer.agreement.fee * 11n) }), 'fee-too-high');
          assert.equal(far.payerState().kind, 'open');
        });
      });
    }
  }
}

test('whoever was paid nothing has nothing to lose by an end that is slow', () => {
  const pair = new MachinePair().open(1_000_000_000n);
  pair.feeRate = amount(pair.feeRate * 10n);
  assert.equal(pair.ask(endAt(pair, feeFor(closeSize(pair.terms, 1, 1), pair.terms.coin.policy.feeRate))).kind, 'ended');
});
