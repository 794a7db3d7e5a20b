import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as z from 'zod';
import { type ChannelId, channelId, txId } from '../../core/base/bytes.ts';
import { height } from '../../core/base/height.ts';
import type { Transaction } from '../../core/tx/transaction.ts';
import { WorldError } from '../../engine/ports.ts';
import type { WatchReport } from '../../merchant/watchtower/watcher.ts';
import { logger } from '../log/log.ts';
import { closeLook } from './close-look.ts';
import { watchJobs } from './watch-jobs.ts';

const MINUTE = 60;
const START = Date.UTC(2026, 0, 2);
const close: Transaction = {
  version: 1,
  inputs: [{ outpoint: { txid: txId('ab'.repeat(32)), vout: 0 }, script: new Uint8Array(), sequence: 0 }],
  outputs: [],
  lockTime: 0,
};
const channel = (i: number): ChannelId => channelId(i.toString(16).padStart(64, '0'));
const gone = (): WorldError => new WorldError('node-down', 'connect ECONNREFUSED 127.0.0.1:22555', 'Start the node.');

interface Told {
  /** Lines as they were written, each with the second in which it was. */
  readonly lines: readonly (readonly [number, string])[];
  readonly looks: number;
}

/** A watcher that looks every five seconds, for so many: what it tells of what it finds, or fails by. */
async function watched(seconds: number, isTerminal: boolean, find: (second: number) => Partial<WatchReport> | Error): Promise<Told> {
  const lines: (readonly [number, string])[] = [];
  const sums: (() => void)[] = [];
  const stop = new AbortController();
  let second = 0;
  let looks = 0;
  const clock = { now: () => START + second * 1_000 };
  const write = (line: string): void => void lines.push([second, line]);
  const log = logger('info', { clock, write, isTerminal, every: (_, work) => sums.push(work) });
  const jobs = watchJobs({
    look: async () => {
      looks++;
      const found = find(second);
      if (found instanceof Error) throw found;
      const tip = { height: height(1_000 + Math.floor(second / MINUTE)), hash: '' };
      return closeLook({ tip, heartbeat: undefined, channels: [], alarms: [], sent: [], ...found }, clock.now());
    },
    write: async () => undefined,
    log,
    clock,
    pause: async (milliseconds) => {
      for (let i = 0; i < milliseconds / 1_000; i++) {
        second++;
        if (second % 10 === 0) for (const sum of sums) sum();
      }
      if (second >= seconds) stop.abort();
    },
  });
  await jobs.work(stop.signal);
  return { lines, looks };
}

const json = z.looseObject({ level: z.int(), msg: z.string(), time: z.int() });

test('a node that is gone for an hour is one line, and summaries ever further apart: text on a terminal, JSON on a pipe', async () => {
  for (const isTerminal of [true, false]) {
    const { lines, looks } = await watched(70 * MINUTE, isTerminal, (second) => (second < 60 * MINUTE ? gone() : {}));
    assert.equal(looks, 840);
    const at = lines.map(([second]) => second);
    assert.deepEqual(at.slice(0, 6), [0, 60, 180, 420, 900, 1_860], lines.join('\n'));
    assert.equal(lines.length, 7);
    const [[, first] = [0, ''], [, still] = [0, ''], [, over] = [0, '']] = [lines[0], lines[1], lines[6]];
    for (const [line, msg, more] of [
      [first, 'connect ECONNREFUSED 127.0.0.1:22555', { where: 'watch', code: 'node-down', hint: 'Start the node.' }],
      [still, 'still: connect ECONNREFUSED 127.0.0.1:22555', { where: ['watch'], code: 'node-down' }],
      [over, 'over: connect ECONNREFUSED 127.0.0.1:22555', { times: 720, seconds: 3_595 }],
    ] as const) {
      if (isTerminal) assert.match(line, new RegExp(`^2026-01-02T0\\d:\\d\\d:\\d\\dZ warn  ${msg} `));
      else assert.partialDeepStrictEqual(json.parse(JSON.parse(line)), { level: 40, msg, ...more });
    }
  }
});

test('an alarm that lasts is one line however its numbers change, then summed up, and over when it is', async () => {
  const late = (second: number): Partial<WatchReport> => ({
    alarms:
      second < 30 * MINUTE
        ? [{ code: 'close-late', channel: channel(1), expiry: height(1_100), blocksLeft: 100 - Math.floor(second / MINUTE) }]
        : [],
  });
  const { lines } = await watched(40 * MINUTE, false, late);
  const told = lines.map(([second, line]) => ({ second, ...json.parse(JSON.parse(line)) }));
  assert.deepEqual(
    told.map(({ second, msg }) => `${second} ${msg.split(' ').slice(0, 3).join(' ')}`),
    [
      '0 ALARM The close',
      '60 still: ALARM The',
      '180 still: ALARM The',
      '420 still: ALARM The',
      '900 still: ALARM The',
      '1900 over: The close',
    ],
  );
  assert.match(told[0]?.msg ?? '', /\b100 blocks/);
  assert.match(told[4]?.msg ?? '', /\b85 blocks/);
  assert.partialDeepStrictEqual(told[0], { level: 40, alarm: 'close-late', channel: channel(1) });
  assert.partialDeepStrictEqual(told[5], { level: 30, alarm: 'close-late', seconds: 1_795 });
});

test('a thousand channels with one alarm are a line each, and one for all of them when it lasts; one that joins them is told', async () => {
  const { lines } = await watched(4 * MINUTE, false, (second) => ({
    alarms: Array.from({ length: second < 2 * MINUTE ? 1_000 : 1_001 }, (_, i) => ({
      code: 'deposit-missing',
      channel: channel(i),
      expiry: height(9_000),
    })),
  }));
  const at = lines.map(([second]) => second);
  assert.deepEqual([at.filter((second) => second === 0).length, at.slice(1_000)], [1_000, [60, 120, 180]]);
  const [still, joined] = lines.slice(1_000).map(([, line]) => json.parse(JSON.parse(line)));
  assert.partialDeepStrictEqual(still, { alarm: 'deposit-missing', alarms: 1_000, channels: [channel(0), channel(1)] });
  assert.partialDeepStrictEqual(joined, { alarm: 'deposit-missing', channel: channel(1_000) });
});

test('an alarm that comes and goes is none that is new each time; one that comes again much later is', async () => {
  const silent = { code: 'merchant-silent', lastSeen: START } as const;
  const flapping = await watched(20 * MINUTE, false, (second) => ({ alarms: second % 10 === 0 ? [silent] : [] }));
  assert.ok(flapping.lines.length <= 5, flapping.lines.join('\n'));
  const twice = await watched(20 * MINUTE, false, (second) => ({ alarms: second === 0 || second === 10 * MINUTE ? [silent] : [] }));
  assert.deepEqual(
    twice.lines.map(([second, line]) => `${second} ${json.parse(JSON.parse(line)).msg.slice(0, 5)}`),
    ['0 ALARM', '105 over:', '600 ALARM', '705 over:'],
  );
});

test('a close that is sent again and again is told once, and each that is another; a refused one with why', async () => {
  const refused = { kind: 'fee-too-low', reason: 'min relay fee not met' } as const;
  const { lines } = await watched(50, false, (second) => ({
    sent: [
      { channel: channel(1), transaction: close, outcome: second < 20 ? refused : { kind: 'accepted' } },
      { channel: channel(2), transaction: close, outcome: refused },
    ],
  }));
  assert.deepEqual(
    lines.map(([second, line]) => {
      const { msg, channel, outcome, reason } = z.looseObject({ msg: z.string(), channel: z.string() }).parse(JSON.parse(line));
      return [second, msg, channel, outcome, reason];
    }),
    [
      [0, 'close', channel(1), 'fee-too-low', refused.reason],
      [0, 'close', channel(2), 'fee-too-low', refused.reason],
      [20, 'close', channel(1), 'accepted', undefined],
    ],
  );
});
