import assert from 'node:assert/strict';
import { test } from 'node:test';
import { z } from 'zod';
import { amount } from '../core/base/amount.ts';
import { channelId } from '../core/base/bytes.ts';
import { height } from '../core/base/height.ts';
import { isRefusal, refuse } from '../core/base/refusal.ts';
import { dogecoinRegtest as coin } from '../core/coin/dogecoin.ts';
import type { Reply } from '../core/message/message.ts';
import type { Merchant } from './merchant.ts';
import { metricsOf } from './prometheus.ts';
import { AnswerCounts, type Figures } from './stats.ts';
import { figuresJson } from './stats-json.ts';
import { statusWarnings } from './status-warnings.ts';

const DOGE = 100_000_000n;
const channel = channelId('ab'.repeat(32));
const well: Figures = {
  coin,
  backend: 'noble',
  channels: { open: 3, paused: 0, closing: 1 },
  ends: { closed: 7, refunded: 0, lost: 0, unused: 2 },
  atRisk: 30n * DOGE,
  exposure: { total: 0n, most: DOGE, channels: 0 },
  young: [{ below: 20, total: 2n * DOGE, most: 1_000n * DOGE }],
  pinnable: 0n,
  writtenOff: 0n,
  capacity: 400n * DOGE,
  nearestClosing: height(1_880),
  nearestExpiry: height(2_000),
  unmined: [{ channel, atRisk: amount(5n * DOGE), closing: height(1_600), expiry: height(1_720) }],
  chain: { height: height(1_650), hash: 'cd'.repeat(32), age: 1 },
  answers: { receipt: 12, offer: 3 },
  refusals: { 'too-many': 4 },
  failures: 0,
  jobs: [{ name: 'follow', isAlive: true, lastSuccess: 1_000, failures: 0 }],
  unwatched: 0,
};

test('when all is well there is nothing to look at', () => {
  assert.deepEqual(statusWarnings(well), []);
  const { chain: _, ...unread } = well;
  assert.deepEqual(statusWarnings(unread), []);
});

for (const [name, change, sentence] of [
  ['a node that is not trusted', { doubt: 'The node is at block 5 of 9.' }, /^Nothing new is promised: The node is at block 5 of 9\.$/],
  [
    'a store that keeps nothing',
    { unkept: 'no room left for a.sqlite' },
    /^Nothing can be stored, so nothing is sold: no room left for a\.sqlite$/,
  ],
  ['a chain that was read long ago', { chain: { height: height(1_650), hash: '', age: 1_200 } }, /last read 20 minutes ago/],
  [
    'a channel past its closing height',
    { nearestClosing: height(1_650) },
    /begun to close at block 1650, but has not; the payer can take it back in 350 blocks/,
  ],
  [
    'a close that is not mined in half the margin',
    { chain: { height: height(1_660), hash: '', age: 1 } },
    /abababababababab over 5 DOGE is in no block yet; the payer can take it back in 60 blocks/,
  ],
  ['a close that is too late', { chain: { height: height(1_725), hash: '', age: 1 } }, /able to take it back for 5 blocks/],
  ['a job that is dead', { jobs: [{ name: 'backup', isAlive: false, failures: 9 }] }, /The job backup is dead: it failed 9 times/],
  [
    'more exposure than the limit',
    { exposure: { total: 3n * DOGE, most: DOGE, channels: 1 } },
    /3 DOGE of delivered value could be undone by the chain, more than the limit of 1/,
  ],
  ['what is lost before its channel is over', { writtenOff: 2n * DOGE }, /^2 DOGE were delivered on deposits .* written off\.$/],
] satisfies readonly (readonly [string, Partial<Figures>, RegExp])[]) {
  test(`one sentence on ${name}`, () => {
    const [only, ...others] = statusWarnings({ ...well, ...change });
    assert.match(only ?? '', sentence);
    assert.deepEqual(others, []);
  });
}

test('figures come through JSON as they are; what is none is not taken for any', () => {
  const json = JSON.parse(JSON.stringify(z.encode(figuresJson, well)));
  assert.deepEqual(figuresJson.parse(json), well);
  assert.equal(figuresJson.safeParse({ ...json, atRisk: '-1' }).success, false);
  assert.equal(figuresJson.safeParse(undefined).success, false);
});

test('the metrics are the figures, money in whole coins, heights as blocks to them', async () => {
  const text = await metricsOf(() => well).metrics();
  for (const line of [
    'pawment_at_risk_coins 30',
    'pawment_exposure_most_coins 1',
    'pawment_unmined_at_risk_coins 5',
    'pawment_closes_unmined 1',
    'pawment_channels{state="closing"} 1',
    'pawment_channels_ended{how="unused"} 2',
    'pawment_nearest_closing_blocks 230',
    'pawment_nearest_expiry_blocks 350',
    'pawment_nearest_unmined_expiry_blocks 70',
    'pawment_chain_trusted 1',
    'pawment_ready 1',
    'pawment_answers_total{kind="receipt"} 12',
    'pawment_refusals_total{code="too-many"} 4',
    'pawment_job_alive{job="follow"} 1',
    'pawment_job_last_success_timestamp_seconds{job="follow"} 1',
    'pawment_info{coin="dogecoin-regtest",backend="noble"} 1',
  ]) {
    assert.ok(text.split('\n').includes(line), line);
  }
  const { chain: _, ...unread } = well;
  const none = await metricsOf(() => ({ ...unread, doubt: 'down' })).metrics();
  assert.match(none, /^pawment_chain_trusted 0$/m);
  assert.ok(!/^pawment_nearest_closing_blocks /m.test(none));
});

test('answers are counted by kind, refusals by code, and what could not be answered', async () => {
  const counts = new AnswerCounts();
  const replies: (Reply | Error)[] = [refuse('channel-unknown'), refuse('channel-unknown'), new Error('disk'), refuse('too-many')];
  const payee = counts.counting<Pick<Merchant, 'answer' | 'announce' | 'pay' | 'increment'>>({
    answer: async () => {
      const reply = replies.shift() ?? assert.fail();
      if (reply instanceof Error) throw reply;
      return reply;
    },
    pay: async () => refuse('total-lower'),
    announce: async () => refuse('offer-unknown'),
    increment: async () => refuse('total-lower'),
  });
  for (const isThrown of [false, false, true, false]) {
    const answered = payee.answer({ kind: 'offer-request' });
    if (isThrown) await assert.rejects(answered, /disk/);
    else assert.ok(isRefusal(await answered));
  }
  assert.deepEqual(counts.refusals, { 'channel-unknown': 2, 'too-many': 1 });
  assert.equal(counts.failures, 1);
});
