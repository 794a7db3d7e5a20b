import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isRefusal, isRefusalCode, refusalCodes, refuse } from './refusal.ts';

test('every code has a sentence of its own and a remedy in words', (t) => {
  const remedies = new Set(['correct', 'top-up', 'reopen', 'resync', 'wait', 'agree', 'stop']);
  const advice = new Map<string, string>();
  for (const code of refusalCodes) {
    const refusal = refuse(code);
    assert.equal(refusal.code, code);
    assert.match(refusal.message, /^[A-Z].+\.$/, code);
    assert.ok(remedies.has(refusal.remedy), code);
    assert.match(refusal.advice, /^[A-Z].+\.$/, code);
    assert.equal(advice.get(refusal.remedy) ?? refusal.advice, refusal.advice);
    advice.set(refusal.remedy, refusal.advice);
  }
  assert.deepEqual(new Set(advice.keys()), remedies, 'every remedy is used');
  assert.equal(new Set(advice.values()).size, remedies.size);
  assert.equal(new Set(refusalCodes.map((code) => refuse(code).message)).size, refusalCodes.length);
  t.diagnostic(`${refusalCodes.length} codes`);
});

test('codes are those of the table and no more', () => {
  for (const code of refusalCodes) assert.ok(isRefusalCode(code) && /^[a-z]+(-[a-z]+)*$/.test(code), code);
  for (const text of ['', 'toString', 'constructor', '__proto__', 'Channel-unknown']) assert.ok(!isRefusalCode(text), text);
});

test('facts are text', () => {
  const { detail } = refuse('total-lower', { total: 2n ** 60n, input: 3, code: 'a' });
  assert.deepEqual(detail, { total: '1152921504606846976', input: '3', code: 'a' });
  assert.deepEqual(refuse('total-lower').detail, {});
});

test('a refusal is told from all else', () => {
  assert.ok(isRefusal(refuse('channel-unknown')));
  for (const value of [undefined, null, 'refusal', 1, {}, [], { kind: 'receipt' }]) assert.ok(!isRefusal(value));
});
