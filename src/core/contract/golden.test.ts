import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import {
  flexibleContracts,
  must,
  payeeKey,
  payeeScript,
  payerKey,
  released,
  returnScript,
  sampleFunding,
  sampleTerms,
} from '../../../test/world/sample.ts';
import { amount } from '../base/amount.ts';
import { bytesToHex } from '../base/bytes.ts';
import { penaltySigner } from '../channel/payer-revocation.ts';
import { hash160 } from '../tx/script.ts';
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
  const payment = must(contract.sign(terms, deposits, amount(total), payerKey, contract.revocation && HASH));
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

/** What a close held, taken by either side. */
function taken(contract: Contract, by: 'payout' | 'penalty'): Transaction {
  const revocation = contract.revocation ?? assert.fail();
  const terms = sampleTerms({ contract });
  const held = revocation.outputs(terms, closed(contract, FIXED, 12n * DOGE), [HASH]);
  const to = { script: returnScript, feeRate: terms.coin.policy.feeRate };
  if (by === 'payout') return must(revocation.payout(terms, held, to, payeeKey));
  const revoked = held.map((one) => ({ ...one, secret: SECRET }));
  return must(revocation.penalty(terms, revoked, to, penaltySigner(payerKey)));
}

const SECRET = new Uint8Array(32).fill(5);
const HASH = hash160(SECRET);

type Made = Readonly<Record<string, (contract: Contract) => Transaction>>;

/** Of contracts that leave the closing fee to the payee. */
const flexible: Made = {
  'close-change': (contract) => closed(contract, FLEXIBLE, 3n * DOGE),
  'close-across': (contract) => closed(contract, FLEXIBLE, 12n * DOGE),
  'close-drained': (contract) => closed(contract, FLEXIBLE, 15n * DOGE),
};

/** Of contracts whose payments can be taken back. */
const revocable: Made = {
  payout: (contract) => taken(contract, 'payout'),
  penalty: (contract) => taken(contract, 'penalty'),
};

const ofAll: Made = {
  'close-fixed': (contract) => closed(contract, FIXED, 12n * DOGE),
  'end-zero': (contract) => ended(contract, 0n),
  'end-total': (contract) => ended(contract, 3n * DOGE),
  refund: refunded,
};

function madeOf(contract: Contract): Made {
  return { ...ofAll, ...(flexibleContracts.includes(contract) && flexible), ...(contract.revocation && revocable) };
}

// Signatures are deterministic (RFC 6979), so every transaction is the same to the byte; written once, and what stored states promise to rebuild.
describe('transactions of the same keys, deposits and totals are the same for ever', () => {
  test('there is each of every contract, and nothing else', () => {
    const names = contracts.flatMap((contract) => Object.keys(madeOf(contract)).map((name) => `${contract.id}-${name}.hex`));
    assert.deepEqual(globSync('*', { cwd: GOLDEN }).sort(), names.sort());
  });

  for (const contract of contracts) {
    for (const [name, make] of Object.entries(madeOf(contract))) {
      test(`${contract.id}-${name}`, () => {
        const text = readFileSync(new URL(`${contract.id}-${name}.hex`, GOLDEN), 'utf8').trim();
        assert.equal(bytesToHex(encodeTransaction(make(contract))), text);
      });
    }
  }
});
