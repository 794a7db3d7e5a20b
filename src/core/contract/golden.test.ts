import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { must, payeeKey, payeeScript, payerKey, released, returnScript, sampleFunding, sampleTerms } from '../../../test/world/sample.ts';
import { amount } from '../base/amount.ts';
import { bytesToHex } from '../base/bytes.ts';
import { encodeTransaction, type Transaction } from '../tx/transaction.ts';
import type { Contract, Signing } from './contract.ts';
import { contracts } from './registry.ts';

const GOLDEN = new URL('../../../test/golden/tx/', import.meta.url);
const DOGE = 100_000_000n;
const FLEXIBLE: Signing = { kind: 'flexible', slot: 0 };
const FIXED: Signing = { kind: 'fixed', fee: amount(DOGE / 50n) };

function closed(contract: Contract, signing: Signing, total: bigint): Transaction {
  const terms = sampleTerms({ contract, signing });
  const { deposits } = sampleFunding(terms, [10n * DOGE, 5n * DOGE]);
  const payment = must(contract.sign(terms, deposits, amount(total), payerKey));
  const payout = { script: payeeScript, feeRate: terms.coin.policy.feeRate };
  return must(contract.close([{ terms, deposits, payment, signer: payeeKey }], payout));
}

function ended(contract: Contract, total: bigint): Transaction {
  const terms = sampleTerms({ contract });
  const { deposits } = sampleFunding(terms, [10n * DOGE, 5n * DOGE]);
  const agreed = must(contract.agree(terms, deposits, { total: amount(total), payerScript: returnScript, fee: amount(DOGE / 100n) }));
  const [payer, payee] = [payerKey, payeeKey].map((key) => contract.signAgreement(terms, agreed, key));
  return contract.completeAgreement(terms, agreed, payer ?? [], payee ?? []);
}

function refunded(contract: Contract): Transaction {
  const terms = sampleTerms({ contract });
  const { deposits } = sampleFunding(terms, [10n * DOGE, 5n * DOGE]);
  return must(contract.refund(terms, released(terms, deposits), { script: returnScript, feeRate: terms.coin.policy.feeRate }, payerKey));
}

const made: Readonly<Record<string, (contract: Contract) => Transaction>> = {
  'close-change': (contract) => closed(contract, FLEXIBLE, 3n * DOGE),
  'close-across': (contract) => closed(contract, FLEXIBLE, 12n * DOGE),
  'close-drained': (contract) => closed(contract, FLEXIBLE, 15n * DOGE),
  'close-fixed': (contract) => closed(contract, FIXED, 12n * DOGE),
  'end-zero': (contract) => ended(contract, 0n),
  'end-total': (contract) => ended(contract, 3n * DOGE),
  refund: refunded,
};

// Signatures are deterministic (RFC 6979), so every transaction is the same to the byte; written once, and what stored states promise to rebuild.
describe('transactions of the same keys, deposits and totals are the same for ever', () => {
  test('there is each of every contract, and nothing else', () => {
    const names = contracts.flatMap(({ id }) => Object.keys(made).map((name) => `${id}-${name}.hex`));
    assert.deepEqual(globSync('*', { cwd: GOLDEN }).sort(), names.sort());
  });

  for (const contract of contracts) {
    for (const [name, make] of Object.entries(made)) {
      test(`${contract.id}-${name}`, () => {
        const text = readFileSync(new URL(`${contract.id}-${name}.hex`, GOLDEN), 'utf8').trim();
        assert.equal(bytesToHex(encodeTransaction(make(contract))), text);
      });
    }
  }
});
