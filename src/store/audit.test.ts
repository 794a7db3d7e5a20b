import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MachinePair } from '../../test/world/machine-pair.ts';
import { sampleTerms } from '../../test/world/sample.ts';
import { amount, feeFor } from '../core/base/amount.ts';
import type { PayeeState } from '../core/channel/payee-state.ts';
import { payeeSnapshot, payerSnapshot } from '../core/channel/snapshot.ts';
import { cltvMultisig as contract } from '../core/contract/cltv-multisig.ts';
import { closeSize } from '../core/contract/tx-size.ts';
import { hash160 } from '../core/tx/script.ts';
import { fastestVerifier } from '../engine/verifier.ts';
import { audit } from './audit.ts';
import { memoryStore } from './memory.ts';

const DOGE = 100_000_000n;

test('what is pending under a hash is covered by the payer’s signature: a store with it is whole, and one that names another amount is not', async () => {
  const { verify } = await fastestVerifier();
  const { coin } = sampleTerms({ contract });
  const fee = amount(10n * feeFor(closeSize({ contract }, 1, 2), coin.policy.feeRate));
  const pair = new MachinePair({ contract, signing: { kind: 'fixed', fee } }).open(20n * DOGE);
  assert.equal(pair.pay(2n * DOGE).kind, 'receipt');
  const { terms } = pair;
  const { channel } = pair.payerState();
  const expiry = terms.contract.hashLocks?.leastExpiry(terms) ?? assert.fail();
  const lock = { amount: amount(3n * DOGE), hash: hash160(new Uint8Array(32).fill(7)), expiry };
  const request = pair.request({ kind: 'lock', lock });
  const taken = pair.tellPayee({ kind: 'payment', pay: request.kind === 'payment' ? request : assert.fail(), isForwarding: true });
  assert.equal(taken.kind, 'step');
  const faultsOf = async (payee: PayeeState): Promise<readonly string[]> => {
    const store = memoryStore();
    await store.commit([
      { kind: 'payee-channel', id: channel, expected: 0, value: payeeSnapshot.encode(payee) },
      { kind: 'payer-channel', id: channel, expected: 0, value: payerSnapshot.encode(pair.payerState()) },
    ]);
    return (await audit(store, verify)).faults;
  };
  const state = pair.payeeState();
  const { best = assert.fail() } = state;
  assert.deepEqual(await faultsOf(state), []);
  const changed = { ...best, locks: [{ ...lock, amount: amount(4n * DOGE) }] };
  assert.equal((await faultsOf({ ...state, best: changed })).length, 1);
});
