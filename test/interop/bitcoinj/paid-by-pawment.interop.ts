import assert from 'node:assert/strict';
import { test } from 'node:test';
import { amount } from '../../../src/core/base/amount.ts';
import { isRefusal } from '../../../src/core/base/refusal.ts';
import { cltvTime } from '../../../src/core/contract/cltv.ts';
import { transactionId } from '../../../src/core/tx/transaction.ts';
import { PawmentBuyer } from './buyer.ts';
import { World } from './world.ts';

const DOGE = 100_000_000n;

test('pawment pays a bitcoinj server', async () => {
  await using world = await World.start();
  await using payee = await world.peer('payee');
  const port = await payee.listen({ level: 'protocol', prefix: 'a0' });
  await using buyer = await PawmentBuyer.start(world);
  await buyer.earn(amount(20n * DOGE));
  const channel = await buyer.open(port, cltvTime, amount(5n * DOGE), 14_400);
  await payee.next('channel-open');
  for (let i = 0; i < 5; i++) {
    const ack = await channel.pay(amount(DOGE / 10n), Uint8Array.of(0xbe, 0xef));
    assert.ok(!isRefusal(ack));
    assert.deepEqual([ack.paid, ack.info], [DOGE / 10n, Uint8Array.of(0xa0, 0xbe, 0xef)]);
  }
  const settlement = await channel.settle();
  assert.ok(settlement !== undefined);
  world.mine();
  assert.ok(world.isMined(transactionId(settlement)));
});
