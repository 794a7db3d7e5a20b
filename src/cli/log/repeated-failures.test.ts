import assert from 'node:assert/strict';
import { test } from 'node:test';
import { WorldError } from '../../engine/ports.ts';
import { RepeatedFailures } from './repeated-failures.ts';

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const gone = (): WorldError => new WorldError('node-down', 'connect ECONNREFUSED 127.0.0.1:22555', 'Start the node.');

/** A look a second, a summary every ten; what is said, by the second. */
function watched(seconds: number, failing: (second: number) => readonly (readonly [string, Error])[]): readonly string[] {
  const lasting = new RepeatedFailures();
  const said: string[] = [];
  for (let second = 0; second < seconds; second++) {
    for (const [where, error] of failing(second)) {
      if (lasting.isNew(where, error, second * SECOND)) said.push(`${second} ${where}: ${error.message}`);
    }
    if (second % 10 !== 0) continue;
    for (const { failure, times, where, since, until, isOver } of lasting.due(second * SECOND))
      said.push(`${second} ${isOver ? 'over' : 'still'} ${times}x ${where.join('+')} ${(until - since) / SECOND}s: ${failure.message}`);
  }
  return said;
}

test('a node that is gone for two hours, noticed by three jobs each second, is a line, and summaries ever further apart', () => {
  const said = watched(9_000, (second) =>
    second < 7_200 ? (['follow', 'orders', 'watch-files'] as const).map((job) => [job, gone()]) : [],
  );
  assert.equal(said[0], '0 follow: connect ECONNREFUSED 127.0.0.1:22555');
  assert.match(said[1] ?? '', /^60 still 183x follow\+orders\+watch-files 60s: /);
  assert.match(said[2] ?? '', /^180 still 543x /);
  assert.match(said[3] ?? '', /^420 still /);
  assert.match(said.at(-1) ?? '', /^7300 over 21600x follow\+orders\+watch-files 7199s: /);
  assert.ok(said.length <= 9, said.join('\n'));
});

test('what fails in another way is another line; numbers make no other way', () => {
  const busy = new WorldError('node-refused', 'Work queue depth exceeded', 'Wait.');
  const said = watched(5, (second) => [
    ['follow', second % 2 === 0 ? gone() : busy],
    ['POST /v1/offer', new Error(`no block ${1_000 + second} in 0123456789abcdef012345678${second}`)],
  ]);
  assert.deepEqual(said, [
    '0 follow: connect ECONNREFUSED 127.0.0.1:22555',
    '0 POST /v1/offer: no block 1000 in 0123456789abcdef0123456780',
    '1 follow: Work queue depth exceeded',
  ]);
});

test('what happened once is said once, and is new when it comes again later', () => {
  const said = watched(600, (second) => (second === 0 || second === 300 ? [['backup', gone()]] : []));
  assert.deepEqual(
    said.map((line) => line.split(' ')[0]),
    ['0', '300'],
  );
});

test('what strangers can make fail in many ways takes bounded room', () => {
  const lasting = new RepeatedFailures();
  let lines = 0;
  const letters = 'abcdefghijklmnopqrstuvwxyz';
  for (let i = 0; i < 5_000; i++) {
    const word = [...String(i)].map((digit) => letters[Number(digit)]).join('');
    if (lasting.isNew(`GET /${word}`, new Error(`${word}z`), i)) lines++;
  }
  assert.equal(lines, 5_000);
  assert.ok(lasting.size <= 500);
  for (let i = 0; i < 5_000; i++) lasting.isNew(`GET /${i}x`, gone(), 5_000 + 12 * i);
  const [summary] = [...lasting.due(5_001 + MINUTE)].filter(({ failure }) => failure instanceof WorldError);
  assert.ok(summary !== undefined && summary.where.length <= 8 && summary.times === 5_000);
});
