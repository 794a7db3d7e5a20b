import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MachinePair } from '../../../test/world/machine-pair.ts';
import { must, payeeKey } from '../../../test/world/sample.ts';
import { amount } from '../base/amount.ts';
import { revocable } from '../contract/revocable.ts';
import type { RevocationState } from '../message/message.ts';
import { transactionId } from '../tx/transaction.ts';

const DOGE = 100_000_000n;

function offered(pair: MachinePair, value: bigint): NonNullable<RevocationState['giveBack']> {
  must(pair.tellPayee({ kind: 'give-back', order: `${value}`, amount: amount(value) }));
  const state = pair.exchange({ kind: 'resync' });
  return (state.kind === 'state' ? state.revocation?.giveBack : undefined) ?? assert.fail('nothing is given back');
}

test('a merchant that was set back sells nothing under a hash whose secret the payer has', () => {
  const pair = new MachinePair({ contract: revocable }).open(100n * DOGE);
  pair.pay(30n * DOGE);
  const [oldPayee, oldPayer] = [pair.payee, pair.payer];
  pair.exchange({ kind: 'take-back', ...offered(pair, 20n * DOGE) });
  const thief = pair.payer;
  pair.payee = oldPayee;
  // The thief pays with its own old signatures' hash, for goods, although it can take all of that back.
  pair.payer = oldPayer;
  const reply = pair.pay(90n * DOGE, 60n * DOGE, pair.invoice('c'.repeat(32), 60n * DOGE).id);
  if (reply.kind !== 'receipt') return;
  must(pair.tellPayee({ kind: 'close' }));
  const close = pair.broadcasts.at(-1) ?? assert.fail();
  pair.payer = thief;
  pair.spend(close, 1);
  pair.confirm({ outpoint: { txid: transactionId(close), vout: close.outputs.length - 1 }, value: amount(90n * DOGE) }, 1);
  pair.broadcasts.length = 0;
  must(pair.tellPayer(pair.view()));
  const taken = pair.broadcasts.flatMap(({ outputs }) => outputs.map(({ value }) => value));
  assert.deepEqual(taken, [], 'goods for 60 were delivered, and the payer takes everything');
});

for (const times of [1, 2]) {
  test(`an honest payer can hand over what is left to a merchant that was set back: ${times} times`, () => {
    const pair = new MachinePair({ contract: revocable }).open(100n * DOGE);
    pair.pay(30n * DOGE);
    const { payee: old } = pair;
    for (let i = 1; i <= times; i++) pair.exchange({ kind: 'take-back', ...offered(pair, BigInt(i) * 5n * DOGE) });
    pair.payee = old;
    const reply = pair.exchange({ kind: 'hand-over' });
    assert.equal(reply.kind === 'refusal' ? reply.code : reply.kind, 'receipt');
  });
}

test('a merchant that has only its seed takes what an honest payer hands over', () => {
  const pair = new MachinePair({ contract: revocable }).open(100n * DOGE);
  pair.pay(30n * DOGE);
  pair.exchange({ kind: 'take-back', ...offered(pair, 20n * DOGE) });
  pair.payee = undefined;
  assert.equal(pair.exchange({ kind: 'announce' }).kind, 'accepted');
  const reply = pair.exchange({ kind: 'hand-over' });
  assert.equal(reply.kind === 'refusal' ? reply.code : reply.kind, 'receipt');
  assert.equal(payeeKey.publicKey.length, 33);
});
