import assert from 'node:assert/strict';
import { test } from 'node:test';
import { amount } from '../../../src/core/base/amount.ts';
import { PawmentShop } from './shop.ts';
import { World } from './world.ts';

const DOGE = 100_000_000n;
const VALUE = 5n * DOGE;

test('a bitcoinj client pays pawment', async () => {
  await using world = await World.start();
  await using shop = await PawmentShop.start(world);
  await using payer = await world.peer('payer');
  await world.fund(payer, amount(4n * VALUE));
  const channel = await payer.connect({
    level: 'protocol',
    version: 'VERSION_2',
    port: shop.port,
    key: '11'.repeat(32),
    value: VALUE,
    window: 14_400,
  });
  assert.equal(channel.spent, 1_000n);
  for (let i = 0; i < 5; i++) {
    const ack = await payer.pay(DOGE / 10n, 'beef');
    assert.deepEqual(ack, { value: DOGE / 10n, info: 'a0beef' });
  }
  await payer.settle();
  const by = await payer.settledBy(channel.contract);
  world.mine();
  assert.ok(world.isMined(by));
});
