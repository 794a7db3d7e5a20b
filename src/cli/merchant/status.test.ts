import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MachinePair } from '../../../test/world/machine-pair.ts';
import type { PayeeState } from '../../core/channel/payee-state.ts';
import { payeeSnapshot } from '../../core/channel/snapshot.ts';
import { leastStake } from '../../core/contract/anti-pinning.ts';
import { memoryStore } from '../../store/memory.ts';
import { merchantStatus } from './status.ts';

const DOGE = 100_000_000n;

test('how much stands in totals whose closes could be pinned is said, and what is large enough is no part of it', async () => {
  const pair = new MachinePair().open(100n * DOGE);
  const { terms } = pair;
  const { coin } = terms;
  const least = leastStake(terms, coin.policy.feeRate);
  const paid = (total: bigint): PayeeState => {
    pair.pay(total);
    return pair.payeeState();
  };
  const states = [paid(DOGE), paid(least - 1n), paid(least), paid(50n * DOGE)];
  const store = memoryStore();
  await store.commit(
    states.map((state, i) => ({ kind: 'payee-channel', id: `0${i}`.repeat(32), expected: 0, value: payeeSnapshot.encode(state) })),
  );
  const { facts, lines } = await merchantStatus({ coin, datadir: '', passphrase: undefined, json: false, rpc: { url: '' } }, store);
  assert.ok('pinnable' in facts && facts.pinnable === String(DOGE + least - 1n));
  assert.ok(lines.includes('of that could be pinned, in small totals: 3.02077401 DOGE'), lines.join('\n'));
});
