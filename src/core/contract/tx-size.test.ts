import assert from 'node:assert/strict';
import { test } from 'node:test';
import { payerKey, sampleTerms } from '../../../test/world/sample.ts';
import { amount, feeFor } from '../base/amount.ts';
import { txId } from '../base/bytes.ts';
import { isRefusal } from '../base/refusal.ts';
import { bitcoinRegtest } from '../coin/bitcoin.ts';
import { litecoinRegtest } from '../coin/litecoin.ts';
import { p2pkh } from '../tx/script.ts';
import { encodeTransaction } from '../tx/transaction.ts';
import { contracts } from './registry.ts';
import { closeSize, refundSize } from './tx-size.ts';

const scripts = {
  P2PKH: p2pkh(payerKey.publicKey),
  P2WPKH: Uint8Array.of(0, 20, ...new Uint8Array(20).fill(7)),
  P2WSH: Uint8Array.of(0, 32, ...new Uint8Array(32).fill(7)),
  P2TR: Uint8Array.of(0x51, 32, ...new Uint8Array(32).fill(7)),
} as const;

for (const coin of [litecoinRegtest, bitcoinRegtest]) {
  for (const [name, outputScript] of Object.entries(scripts)) {
    for (const contract of contracts) {
      const terms = { ...sampleTerms({ coin, contract }), payeeScript: outputScript };
      const deposits = [{ outpoint: { txid: txId('ab'.repeat(32)), vout: 0 }, value: amount(coin.policy.dust * 1_000n) }];
      const { feeRate } = coin.policy;

      test(`a refund to ${name} pays the rate for all of its bytes: ${coin.id}, ${contract.id}`, () => {
        if (contract.expiryIn !== 'script') return;
        const refund = contract.refund(terms, deposits, { script: outputScript, feeRate }, payerKey);
        assert.ok(!isRefusal(refund));
        const bytes = encodeTransaction(refund).length;
        assert.ok(bytes <= refundSize(terms, 1, outputScript));
        const paid = refund.outputs.reduce((left, { value }) => left - value, deposits[0]?.value ?? 0n);
        assert.ok(paid >= feeFor(bytes, feeRate));
      });

      test(`an end to ${name} on both sides has room for its outputs, and is refused for less: ${coin.id}, ${contract.id}`, () => {
        const total = amount(coin.policy.dust * 100n);
        // All that is in it but its unlock, which has its own bound.
        const bare = contract.agree(terms, deposits, { total, payerScript: outputScript, fee: amount(coin.policy.dust * 100n) });
        assert.ok(!isRefusal(bare));
        const outputs = bare.outputs.reduce((sum, { script }) => sum + 9 + script.length, 0);
        const frame = closeSize({ contract }, 1, 0);
        const extra = outputScript.length > 25 ? outputScript.length - 25 : 0;
        assert.ok(frame + outputs <= closeSize(terms, 1, 2) + extra);
        const least = feeFor(closeSize(terms, 1, 2) + extra, feeRate);
        assert.ok(!isRefusal(contract.agree(terms, deposits, { total, payerScript: outputScript, fee: least })));
        assert.ok(isRefusal(contract.agree(terms, deposits, { total, payerScript: outputScript, fee: amount(least - 1n) })));
      });
    }
  }
}

test('nothing changes for P2PKH: sizes are in fees that were signed before', () => {
  for (const contract of contracts) {
    const terms = sampleTerms({ contract });
    assert.equal(closeSize(terms, 2, 2), closeSize({ contract }, 2, 2));
    assert.equal(refundSize(terms, 2, terms.payeeScript), refundSize(terms, 2));
  }
});
