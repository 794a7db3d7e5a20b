import assert from 'node:assert/strict';
import { test } from 'node:test';
import { escapeUnseen } from './escape.ts';

test('what moves a cursor, turns the direction or is not seen is written out', () => {
  assert.equal(escapeUnseen('tea\u001b[2J\u0007\r\u007f\u009b31m'), String.raw`tea\u001b[2J\u0007\u000d\u007f\u009b31m`);
  assert.equal(escapeUnseen('\u202etxt.\u2066exe\u200b\ufeff\u2028'), String.raw`\u202etxt.\u2066exe\u200b\ufeff\u2028`);
  assert.equal(escapeUnseen('\u{e0041}\ud800'), String.raw`\udb40\udc41\ud800`);
});

test('a line feed can not begin a line of ours', () => {
  assert.equal(escapeUnseen('no\nThe channel is open.'), 'no\n  The channel is open.');
});

test('what people write stays as it is', () => {
  for (const text of ['', 'Grüner Tee, 1½ l', '茶 ☕ 🍵', 'ein "Zitat" \\ und <b>', 'שלום']) assert.equal(escapeUnseen(text), text);
});

test('JSON stays the same JSON', () => {
  const value = { 'a\u202e': 'b\u0085\u{e0041}\ud800\n', deep: ['\u2028', 1.5] };
  assert.deepEqual(JSON.parse(escapeUnseen(JSON.stringify(value))), value);
});
