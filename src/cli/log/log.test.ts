import assert from 'node:assert/strict';
import { test } from 'node:test';
import { WorldError } from '../../engine/ports.ts';
import { type Log, logger } from './log.ts';

interface Paper {
  readonly log: Log;
  readonly lines: string[];
  /** Passes so many seconds, ten at a time. */
  readonly pass: (seconds: number, each?: () => void) => void;
}

function paper(isTerminal: boolean, level: 'info' | 'debug' = 'info'): Paper {
  const lines: string[] = [];
  const due: (() => void)[] = [];
  let now = Date.UTC(2026, 0, 2, 3, 4, 5, 678);
  const log = logger(level, {
    clock: { now: () => now },
    write: (line) => lines.push(line),
    isTerminal,
    every: (_, work) => due.push(work),
  });
  const pass = (seconds: number, each: () => void = () => undefined): void => {
    for (let i = 0; i < seconds; i++) {
      now += 1_000;
      each();
      if (i % 10 === 9) for (const work of due) work();
    }
  };
  return { log, lines, pass };
}

const gone = new WorldError('node-down', 'connect ECONNREFUSED 127.0.0.1:22555', 'Start the node.');

test('on a terminal lines are text, on a pipe they are JSON', () => {
  const text = paper(true);
  text.log.info({ channel: 'ab12', by: '0.1 DOGE', gone: undefined, list: [1, 2] }, 'sold');
  assert.deepEqual(text.lines, ['2026-01-02T03:04:05Z info  sold channel=ab12 by="0.1 DOGE" list=[1,2]\n']);
  const json = paper(false);
  json.log.info({ channel: 'ab12' }, 'sold');
  assert.equal(json.lines.length, 1);
  const line: unknown = JSON.parse(json.lines[0] ?? '');
  assert.ok(typeof line === 'object' && line !== null && 'msg' in line && 'channel' in line);
  assert.deepEqual([line.msg, line.channel], ['sold', 'ab12']);
});

test('requests are told of with --verbose only', () => {
  for (const isTerminal of [true, false]) {
    for (const [level, count] of [
      ['info', 0],
      ['debug', 1],
    ] as const) {
      const { log, lines } = paper(isTerminal, level);
      log.debug({ path: '/' }, 'request');
      assert.equal(lines.length, count);
    }
  }
});

for (const isTerminal of [true, false]) {
  test(`${isTerminal ? 'on a terminal' : 'on a pipe'} a node that is gone for two minutes is two lines, and one when it is back`, () => {
    const { log, lines, pass } = paper(isTerminal);
    pass(120, () => {
      for (const job of ['follow', 'orders', 'watch-files']) log.failed(job, gone);
    });
    assert.equal(lines.length, 2, lines.join(''));
    assert.match(lines[0] ?? '', /ECONNREFUSED/);
    assert.match(lines[0] ?? '', /follow/);
    assert.match(lines[0] ?? '', /Start the node\./);
    assert.match(lines[1] ?? '', /still: connect ECONNREFUSED/);
    pass(200);
    assert.equal(lines.length, 3);
    assert.match(lines[2] ?? '', /over: connect ECONNREFUSED/);
  });
}

test('what is said alike at each look is told once; what differs is told', () => {
  const { log, lines, pass } = paper(true);
  pass(30, () => log.noted('ab12', { channel: 'ab12', outcome: 'refused' }, 'chain'));
  log.noted('ab12', { channel: 'ab12', outcome: 'accepted' }, 'chain');
  log.noted('cd34', { channel: 'cd34', outcome: 'refused' }, 'chain');
  assert.equal(lines.length, 3);
});

test('a fault of our own is told with its stack', () => {
  const { log, lines } = paper(false);
  log.failed('POST /v1/offer', new TypeError('no such thing'));
  log.failed('GET /', 'a word');
  assert.match(lines[0] ?? '', /"level":50.*"stack":"TypeError: no such thing/);
  assert.match(lines[1] ?? '', /a word/);
});

test('strangers forge no line, on a terminal either', () => {
  const { log, lines } = paper(true);
  log.info({ said: 'a\n2026-01-02 info  sold \u001b[2J' }, 'b\nc\u202e');
  assert.equal(lines.length, 1);
  assert.equal(lines[0]?.split('\n').filter((line) => line !== '' && !line.startsWith('  ')).length, 1);
  for (const unseen of ['\u001b', '\u202e']) assert.ok(!lines[0]?.includes(unseen));
});
