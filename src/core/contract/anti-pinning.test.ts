import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { describe, test } from 'node:test';
import { keyNumber, sampleTerms } from '../../../test/world/sample.ts';
import { type Amount, amount, feeFor, formatAmount, MAX_AMOUNT } from '../base/amount.ts';
import { txId } from '../base/bytes.ts';
import { bitcoinRegtest } from '../coin/bitcoin.ts';
import type { Coin } from '../coin/coin.ts';
import { dogecoinRegtest } from '../coin/dogecoin.ts';
import { litecoinRegtest } from '../coin/litecoin.ts';
import { p2pkh } from '../tx/script.ts';
import { leastStake } from './anti-pinning.ts';
import type { Signing, Terms } from './contract.ts';
import { CHILD_BYTES, cpfpChildren, firstCpfpStep } from './cpfp.ts';
import { affordableRate, type Cost, isFinal, isRaise, LAST_SHARE, raisedRate, rateOf } from './fee.ts';
import { contracts } from './registry.ts';
import { closeSize } from './tx-size.ts';

const FLEXIBLE: Signing = { kind: 'flexible', slot: 0 };
const P2PKH = p2pkh(keyNumber(3).publicKey);
const P2WSH = Uint8Array.of(0, 32, ...new Uint8Array(32).fill(7));
const factors = [1n, 3n, 10n, 45n];
const percent = (value: bigint, part: bigint): Amount => amount((value * part) / 100n);

/** Whether what may be spent of a stake outbids a close of this size and all that nodes let be built on it. */
function outbids({ coin: { policy } }: Terms, size: number, feeRate: Amount, stake: Amount): boolean {
  const fee = feeFor(size, feeRate);
  const before: Cost = { fee, size, burden: amount(feeFor(policy.family.size, feeRate) - fee) };
  const rate = affordableRate(policy, raisedRate(policy, before, size), LAST_SHARE, stake, size);
  return isRaise(policy, before, { fee: feeFor(size, rate), size });
}

/** Whether a close that pays nothing, with the child that goes ahead of all others, comes to that rate. */
function isLifted({ coin: { policy } }: Terms, size: number, feeRate: Amount, stake: Amount): boolean {
  const signer = keyNumber(3);
  const outpoint = { txid: txId('11'.repeat(32)), vout: 0 };
  const transaction = {
    version: 2,
    inputs: [{ outpoint, script: new Uint8Array(), sequence: 0xffff_fffd }],
    outputs: [{ value: stake, script: p2pkh(signer.publicKey) }],
    lockTime: 0,
  };
  const parent = { transaction, cost: { fee: amount(0n), size }, vout: 0, signer };
  const [child] = cpfpChildren(parent, policy, [firstCpfpStep(policy)], feeRate, 1);
  const fee = amount(stake - (child?.outputs[0]?.value ?? stake));
  return rateOf({ fee, size: size + CHILD_BYTES }) >= feeRate;
}

for (const coin of [dogecoinRegtest, litecoinRegtest, bitcoinRegtest]) {
  describe(`the least stake on ${coin.id}`, () => {
    const payouts = coin.prefix.bech32 === undefined ? [P2PKH] : [P2PKH, P2WSH];
    for (const contract of contracts) {
      const signings: readonly Signing[] = [FLEXIBLE, { kind: 'fixed', fee: coin.policy.dust }];
      for (const [payeeScript, signing] of payouts.flatMap((one) => signings.map((other) => [one, other] as const))) {
        test(`${contract.id}, ${signing.kind}, to ${payeeScript.length} bytes: is enough to get a close past a full family, and little less is not`, () => {
          const terms = { ...sampleTerms({ coin, contract, signing }), payeeScript };
          const size = closeSize(terms, 1, 2);
          const isEnough = isFinal(terms, { inputs: [contract.form] }) ? isLifted : outbids;
          let least = amount(0n);
          for (const factor of factors) {
            const rate = amount(coin.policy.feeRate * factor);
            const stake = leastStake(terms, rate);
            assert.ok(stake > least && stake < MAX_AMOUNT, 'it grows with what miners ask for');
            assert.ok(isEnough(terms, size, rate, stake));
            assert.ok(!isEnough(terms, size, rate, percent(stake, 98n)));
            least = stake;
          }
        });
      }
      test(`${contract.id}: no stake is enough where no transaction pays so much`, () => {
        const terms = sampleTerms({ coin, contract });
        assert.equal(leastStake(terms, amount(coin.policy.feeRate * 101n)), MAX_AMOUNT);
        assert.equal(leastStake(terms, MAX_AMOUNT), MAX_AMOUNT);
      });
    }
  });
}

test('SECURITY.md gives the numbers of the default contract, rounded up to three digits', async () => {
  const rounded = (value: bigint): Amount => {
    const step = 10n ** BigInt(Math.max(0, String(value).length - 3));
    return amount(((value + step - 1n) / step) * step);
  };
  const row = (name: string, coin: Coin, signing: Signing): string => {
    const terms = { ...sampleTerms({ coin }), signing };
    const cells = [1n, 10n, 50n].map((factor) => {
      const stake = leastStake(terms, amount(coin.policy.feeRate * factor));
      return ` ${formatAmount(rounded(stake))} ${coin.ticker} |`;
    });
    return `  | ${name} |${cells.join('')}`;
  };
  const text = await readFile('SECURITY.md', 'utf8');
  const fixed: Signing = { kind: 'fixed', fee: dogecoinRegtest.policy.dust };
  for (const expected of [
    row('is replaced, Dogecoin', dogecoinRegtest, FLEXIBLE),
    row('has a child, Dogecoin', dogecoinRegtest, fixed),
    row('has a child, Litecoin', litecoinRegtest, FLEXIBLE),
  ]) {
    assert.ok(text.includes(`${expected}\n`), expected);
  }
});
