import assert from 'node:assert/strict';
import { test } from 'node:test';
import { channelId } from '../core/base/bytes.ts';
import { memoryStore } from '../store/memory.ts';
import { isWith, peerOf, rememberPeer } from './peer.ts';

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
