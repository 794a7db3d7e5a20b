import assert from 'node:assert/strict';
import { test } from 'node:test';
import { refuse } from '../../core/base/refusal.ts';
import { WorldError } from '../../engine/ports.ts';
import { EXIT, failure, granted, printer, Refused } from './print.ts';

interface Said<T> {
  readonly value: T;
  readonly out: string;
  readonly err: string;
}

/** What is written while `work` runs, which must not wait for anything. */
function said<T>(work: () => T): Said<T> {
  const { stdout, stderr } = process;
  const [writeOut, writeErr] = [stdout.write, stderr.write];
  let [out, err] = ['', ''];
  stdout.write = (text: string | Uint8Array) => {
    out += String(text);
    return true;
  };
  stderr.write = (text: string | Uint8Array) => {
    err += String(text);
    return true;
  };
  try {
    const value = work();
    return { value, out, err };
  } finally {
    [stdout.write, stderr.write] = [writeOut, writeErr];
  }
}

const refusal = new Refused(refuse('total-above-capacity', { total: 11n, most: 10n }));

test('a result is lines for people, or one JSON value with amounts as digits', () => {
  const result = { total: 10n ** 18n, deposits: [{ value: 1n }], text: 'tea' };
  const told = said(() => printer(false).result(result, ['one', 'two']));
  assert.deepEqual([told.out, told.err], ['one\ntwo\n', '']);
  const json = said(() => printer(true).result(result, ['one', 'two']));
  assert.deepEqual(JSON.parse(json.out), { total: '1000000000000000000', deposits: [{ value: '1' }], text: 'tea' });
  assert.equal(json.out.split('\n').length, 2);
  assert.equal(json.err, '');
});

test('a note never goes to standard output', () => {
  for (const json of [true, false]) {
    const { out, err } = said(() => printer(json).note('waiting'));
    assert.deepEqual([out, err], ['', 'waiting\n']);
  }
});

test('a refusal ends with 1, and says why, with which facts, and what to do', () => {
  const { value, out, err } = said(() => failure(refusal, printer(false), 'DOGE'));
  assert.equal(value, EXIT.refused);
  assert.deepEqual(err.split('\n'), [
    'The total is more than the channel holds.',
    'total: 0.00000011 DOGE, most: 0.0000001 DOGE',
    'Add a deposit to the channel, or pay less.',
    '',
  ]);
  assert.equal(out, '');
});

test('as JSON a refusal is one value with its code', () => {
  const { value, out, err } = said(() => failure(refusal, printer(true)));
  assert.equal(value, EXIT.refused);
  const { error, advice, facts } = JSON.parse(out);
  assert.deepEqual(
    [error, advice, facts],
    ['total-above-capacity', 'Add a deposit to the channel, or pay less.', { total: '11', most: '10' }],
  );
  assert.equal(err, '');
});

test('a refusal without facts leaves no empty line, and signatures are not printed', () => {
  assert.doesNotMatch(said(() => failure(new Refused(refuse('channel-unknown')), printer(false))).err, /\n\n/);
  const state = refuse('total-lower', { total: 1n, signatures: 'ab'.repeat(70) });
  assert.doesNotMatch(said(() => failure(new Refused(state), printer(false))).err, /abab/);
});

test('a failing world ends with 3, a wrong setting with 2, a fault of pawment with 70', () => {
  const down = said(() => failure(new WorldError('node-down', 'The node is down.', 'Start it.'), printer(false)));
  assert.deepEqual([down.value, down.err], [3, 'The node is down.\nStart it.\n']);
  const config = said(() => failure(new WorldError('config', 'That is no amount.', 'Write 12.5.'), printer(true)));
  assert.equal(config.value, 2);
  assert.deepEqual(JSON.parse(config.out), { error: 'config', message: 'That is no amount.', advice: 'Write 12.5.' });
  const bug = said(() => failure(new TypeError('x is not a function'), printer(false)));
  assert.equal(bug.value, 70);
  assert.match(bug.err, /fault of pawment: TypeError: x is not a function/);
  assert.equal(said(() => failure('thrown text', printer(true))).value, 70);
});

test('granted gives the value, or ends with the refusal', () => {
  assert.equal(granted(5), 5);
  assert.throws(() => granted(refuse('channel-unknown')), Refused);
});
