import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MachinePair } from '../../../test/world/machine-pair.ts';
import { type ChannelId, channelId } from '../../core/base/bytes.ts';
import type { PayerState } from '../../core/channel/payer-state.ts';
import { memoryStore } from '../../store/memory.ts';
import { Refused } from '../terminal/print.ts';
import { isWith, peerOf, pickChannel, rememberPeer } from './pick-channel.ts';

const channel = channelId('ab'.repeat(32));

const same = ['https://shop.example/pay', 'https://shop.example/pay/', 'HTTPS://Shop.Example:443/pay', 'https://shop.example:0443/pay//'];
const others = ['http://shop.example/pay', 'https://shop.example', 'https://shop.example:444/pay', 'https://shop.example/Pay', 'shop'];

for (const written of same) {
  test(`a merchant remembered as ${written} is found however its address is written`, async () => {
    const store = memoryStore();
    await rememberPeer(store, channel, written);
    assert.equal(await peerOf(store, channel), same[0]);
    for (const asked of same) assert.ok(await isWith(store, channel, asked), asked);
    for (const asked of others) assert.ok(!(await isWith(store, channel, asked)), asked);
  });
}

test('what was remembered as it was typed is the same merchant too', async () => {
  const store = memoryStore();
  await store.commit([{ kind: 'peer', id: channel, expected: 0, value: JSON.stringify({ url: 'HTTP://Shop.Example:80/' }) }]);
  assert.equal(await peerOf(store, channel), 'http://shop.example');
  assert.ok(await isWith(store, channel, 'http://shop.example/'));
  await rememberPeer(store, channel, 'bitcoinj://shop.example:8403');
  assert.equal(await peerOf(store, channel), 'bitcoinj://shop.example:8403');
});

test('who has no channel is told to open one, with the merchant that was named; who has one is told to name it', async () => {
  const store = memoryStore();
  async function* none(): AsyncIterable<readonly [ChannelId, PayerState]> {}
  const adviceOn = async (all: AsyncIterable<readonly [ChannelId, PayerState]>, name?: string): Promise<string> => {
    const error = await pickChannel(all, store, name).catch((thrown: unknown) => thrown);
    return error instanceof Refused ? error.refusal.advice : assert.fail(String(error));
  };
  assert.equal(await adviceOn(none()), 'Open one: pawment open <url> --deposit <coins>');
  assert.equal(await adviceOn(none(), 'https://shop.example'), 'Open one: pawment open https://shop.example --deposit <coins>');
  const state = new MachinePair().open(10_000_000_000n).payerState();
  async function* one(): AsyncIterable<readonly [ChannelId, PayerState]> {
    yield [state.channel, state];
  }
  assert.equal(await adviceOn(one(), 'ffff'), 'Use one that pawment channels lists.');
  assert.equal(await pickChannel(one(), store, undefined), state);
});
