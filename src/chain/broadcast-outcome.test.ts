import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Broadcast } from '../engine/ports.ts';
import { broadcastOutcome } from './broadcast-outcome.ts';
import { RpcError } from './json-rpc.ts';

type Row = readonly [Broadcast['kind'], code: number, message: string];

// As seen on regtest with Dogecoin Core 1.14.99 and Litecoin Core 0.21.2.1; Bitcoin Core 28 to 30 from their sources.
const dogecoin: readonly Row[] = [
  ['missing-inputs', -25, 'Missing inputs'],
  ['missing-inputs', -26, '18: bad-txns-inputs-spent'],
  ['already-mined', -27, 'transaction already in block chain'],
  ['conflict', -26, '258: txn-mempool-conflict'],
  ['fee-too-low', -26, '66: insufficient fee'],
  ['fee-too-low', -26, '66: insufficient priority'],
  ['fee-too-low', -26, '66: mempool min fee not met'],
  ['fee-too-high', -26, '256: absurdly-high-fee'],
  ['dust', -26, '64: dust'],
  ['invalid', -26, '64: multi-op-return'],
  ['invalid', -26, '64: scriptpubkey'],
  ['invalid', -26, '64: tx-size'],
  ['invalid', -26, '64: version'],
  ['non-final', -26, '64: non-final'],
  ['non-final', -26, '64: non-BIP68-final'],
  ['invalid', -26, '64: non-mandatory-script-verify-flag (Locktime requirement not satisfied)'],
  ['invalid', -26, '16: mandatory-script-verify-flag-failed (Signature must be zero for failed CHECK(MULTI)SIG operation)'],
  ['invalid', -26, '16: bad-txns-in-belowout'],
  ['non-final', -26, '16: bad-txns-premature-spend-of-coinbase'],
  ['non-final', -26, '64: too-long-mempool-chain'],
  ['invalid', -22, 'TX decode failed'],
];
const litecoin: readonly Row[] = [
  ['missing-inputs', -25, 'bad-txns-inputs-missingorspent'],
  ['already-mined', -27, 'Transaction already in block chain'],
  ['conflict', -26, 'txn-mempool-conflict'],
  ['fee-too-low', -26, 'min relay fee not met, 0 < 225'],
  ['fee-too-low', -26, 'mempool min fee not met, 225 < 1000'],
  ['fee-too-high', -25, 'Fee exceeds maximum configured by user (e.g. -maxtxfee, maxfeerate)'],
  ['dust', -26, 'dust'],
  ['invalid', -26, 'multi-op-return'],
  ['non-final', -26, 'non-final'],
  ['non-final', -26, 'non-BIP68-final'],
  ['invalid', -26, 'non-mandatory-script-verify-flag (Locktime requirement not satisfied)'],
  ['invalid', -26, 'mandatory-script-verify-flag-failed (Signature must be zero for failed CHECK(MULTI)SIG operation)'],
  ['invalid', -26, 'bad-txns-in-belowout, value in (1.00) < value out (2.00)'],
  ['non-final', -26, 'bad-txns-premature-spend-of-coinbase, tried to spend coinbase at depth 1'],
  ['non-final', -26, 'too-long-mempool-chain, too many unconfirmed ancestors [limit: 25]'],
  ['invalid', -22, 'TX decode failed. Make sure the tx has at least one input.'],
];
const bitcoin: readonly Row[] = [
  ['already-mined', -27, 'Transaction outputs already in utxo set'],
  ['already-known', -26, 'txn-already-in-mempool'],
  ['already-known', -26, 'txn-same-nonwitness-data-in-mempool'],
  ['already-mined', -26, 'txn-already-known'],
  ['fee-too-low', -26, 'insufficient fee, rejecting replacement 00; new feerate 0.00001 BTC/kvB <= old feerate 0.00002 BTC/kvB'],
  ['conflict', -26, 'too many potential replacements, rejecting replacement 00'],
  ['conflict', -26, 'bad-txns-spends-conflicting-tx, 00 spends conflicting transaction 11'],
  ['fee-too-low', -26, 'mempool full'],
  ['fee-too-high', -25, 'Fee exceeds maximum configured by user (maxfeerate)'],
  ['dust', -26, 'dust, tx with dust output must be 0-fee'],
  ['invalid', -26, 'mempool-script-verify-flag-failed (Signature must be zero for failed CHECK(MULTI)SIG operation)'],
];

for (const [name, rows] of Object.entries({ dogecoin, litecoin, bitcoin })) {
  for (const [kind, code, message] of rows) {
    test(`${name}: ${code} ${message} is ${kind}`, () => {
      const outcome = broadcastOutcome(new RpcError(code, message));
      assert.equal(outcome?.kind, kind);
      if (outcome !== undefined && 'reason' in outcome) assert.equal(outcome.reason, message);
    });
  }
}

test('a code that is not about the transaction is no outcome, whatever its words', () => {
  for (const [code, message] of [
    [-1, 'dust'],
    [-32601, 'Method not found'],
    [-32603, 'non-final'],
    [-28, 'Loading block index...'],
  ] as const) {
    assert.equal(broadcastOutcome(new RpcError(code, message)), undefined);
  }
});
