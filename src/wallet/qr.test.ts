import assert from 'node:assert/strict';
import { test } from 'node:test';
import { encode } from 'uqr';
import { terminalQr } from './qr.ts';

const uri = 'dogecoin:DBus3bamQjgJULBJtYXpEzDWQRwF5iwxgC?amount=1.5&label=Such%20Shop';

test('the characters show exactly the modules of the code, dark on light, with a border', () => {
  // A terminal is dark and characters are light: a full block is two light modules, a space two dark ones.
  const LIGHT: Readonly<Record<string, readonly [boolean, boolean]>> = {
    '█': [true, true],
    '▀': [true, false],
    '▄': [false, true],
    ' ': [false, false],
  };
  const rows = terminalQr(uri)
    .split('\n')
    .flatMap((line) => {
      const halves = [...line].map((character) => LIGHT[character] ?? assert.fail(`${character} is no half block`));
      return [halves.map(([top]) => !top), halves.map(([, bottom]) => !bottom)];
    });
  const { data } = encode(uri, { border: 2 });
  assert.deepEqual(rows.slice(0, data.length), data);
  assert.ok(data.slice(0, 2).every((row) => row.every((dark) => !dark)));
});

test('more than a QR code holds is refused', () => {
  assert.doesNotThrow(() => terminalQr('a'.repeat(2_953)));
  assert.throws(() => terminalQr('a'.repeat(2_954)), RangeError);
});
