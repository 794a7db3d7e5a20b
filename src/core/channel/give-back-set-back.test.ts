import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MachinePair } from '../../../test/world/machine-pair.ts';
import { must } from '../../../test/world/sample.ts';
import { amount } from '../base/amount.ts';
import { revocable } from '../contract/revocable.ts';
import type { RevocationState } from '../message/message.ts';

const DOGE = 100_000_000n;

function offered(pair: MachinePair, value: bigint): NonNullable<RevocationState['giveBack']> {
  must(pair.tellPayee({ kind: 'give-back', order: `${value}`, amount: amount(value) }));
  const state = pair.exchange({ kind: 'resync' });
  return (state.kind === 'state' ? state.revocation?.giveBack : undefined) ?? assert.fail('nothing is given back');
}

test('a merchant that has only its seed takes what an honest payer hands over', () => {
  const pair = new MachinePair({ contract: revocable }).open(100n * DOGE);
  pair.pay(30n * DOGE);
  pair.exchange({ kind: 'take-back', ...offered(pair, 20n * DOGE) });
  pair.payee = undefined;
  assert.equal(pair.exchange({ kind: 'announce' }).kind, 'accepted');
  const reply = pair.exchange({ kind: 'hand-over' });
  assert.equal(reply.kind === 'refusal' ? reply.code : reply.kind, 'receipt');
});
