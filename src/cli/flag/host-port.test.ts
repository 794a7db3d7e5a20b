import assert from 'node:assert/strict';
import { test } from 'node:test';
import { WorldError } from '../../engine/ports.ts';
import { placeOf } from './host-port.ts';

for (const [text, place] of [
  ['127.0.0.1:8402', { host: '127.0.0.1', port: 8402 }],
  [':8402', { host: '127.0.0.1', port: 8402 }],
  ['[::1]:0', { host: '::1', port: 0 }],
  ['unix:/run/pawment/shop.sock', { path: '/run/pawment/shop.sock' }],
  ['unix:///run/pawment/shop.sock', { path: '/run/pawment/shop.sock' }],
] as const) {
  test(`${text} is a place to listen`, () => assert.deepEqual(placeOf(text), place));
}

for (const text of ['', '8402', 'localhost', 'localhost:99999', 'unix:', 'unix:8402', 'unix:shop.sock', 'unix:/run/', '/run/shop.sock']) {
  test(`${text || 'nothing'} is none`, () => {
    assert.throws(
      () => placeOf(text),
      (error) => error instanceof WorldError && error.code === 'config',
    );
  });
}
