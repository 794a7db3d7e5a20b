import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { height } from '../src/core/base/height.ts';
import { dogecoinRegtest as coin } from '../src/core/coin/dogecoin.ts';
import { metricsOf } from '../src/merchant/prometheus.ts';
import type { Figures } from '../src/merchant/stats.ts';
import { watchMetrics } from '../src/merchant/watchtower/prometheus.ts';

const figures: Figures = {
  ...{ coin, backend: 'noble', channels: { open: 0, paused: 0, closing: 0 }, ends: { closed: 0, refunded: 0, lost: 0, unused: 0 } },
  ...{ atRisk: 0n, exposure: { total: 0n, most: 0n, channels: 0 }, young: [], pinnable: 0n, writtenOff: 0n, capacity: 0n, unmined: [] },
  ...{ answers: {}, refusals: {}, failures: 0, jobs: [], unwatched: 0 },
};

test('every figure that the alarm rules ask for is one that merchant or watcher shows', async () => {
  const rules = await readFile('examples/alarms/pawment.rules.yml', 'utf8');
  const watched = { tip: { height: height(1), hash: '' }, heartbeat: undefined, channels: [], alarms: [], sent: [] };
  const shown = [await metricsOf(() => figures).metrics(), await watchMetrics(watched)].join('\n');
  const asked = new Set([...rules.matchAll(/\bpawment_\w+/g)].map(([name]) => name));
  assert.ok(asked.size > 10);
  for (const name of asked) assert.ok(shown.includes(`# TYPE ${name} `), name);
});
