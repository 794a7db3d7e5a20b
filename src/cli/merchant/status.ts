import * as z from 'zod';
import { formatAmount, MAX_AMOUNT } from '../../core/base/amount.ts';
import { channelId } from '../../core/base/bytes.ts';
import { counted } from '../../core/base/counted.ts';
import { payeeSnapshot } from '../../core/channel/snapshot.ts';
import { boundsOf } from '../../core/coin/coin.ts';
import { payeeRole } from '../../engine/channel-role.ts';
import { decodeStored } from '../../engine/decode-state.ts';
import { ExposureLedger } from '../../engine/exposure.ts';
import type { Store } from '../../engine/ports.ts';
import { lastRead } from '../../engine/sync-cursor.ts';
import { Tally } from '../../merchant/running-totals.ts';
import { AnswerCounts, type Figures, figuresOf } from '../../merchant/stats.ts';
import { figuresJson } from '../../merchant/stats-json.ts';
import { coinsOf, statusWarnings } from '../../merchant/status-warnings.ts';
import { isLocked } from '../../store/datadir-lock.ts';
import type { Config } from '../config.ts';
import { clock } from '../setup.ts';
import { METRICS_PLACE } from './metrics-server.ts';

/** The report of one side. */
export interface Status {
  readonly facts: object;
  readonly lines: readonly string[];
  /** Whole sentences on what a person has to look at. */
  readonly attention: readonly string[];
}

/** Milliseconds in which a running merchant must show its figures. */
const PATIENCE = 3_000;

type Source = 'the running merchant' | 'the store';

/** The running merchant's own figures if it shows them; otherwise what its store says. */
export async function merchantStatus(config: Config, store: Store): Promise<Status> {
  const isRunning = isLocked(config.datadir, 'merchant');
  const shown = isRunning ? await askedFor(store) : undefined;
  const figures = shown ?? (await storedFigures(config, store));
  const source: Source = shown === undefined ? 'the store' : 'the running merchant';
  return {
    facts: { isRunning, source, ...z.record(z.string(), z.unknown()).parse(z.encode(figuresJson, figures)) },
    lines: [sourceLine(isRunning, source), ...linesOf(figures)],
    attention: [...(isRunning ? [] : unattended(figures)), ...statusWarnings(figures)],
  };
}

async function askedFor(store: Store): Promise<Figures | undefined> {
  const record = await store.get(METRICS_PLACE.kind, METRICS_PLACE.id);
  const place = record && z.object({ url: z.url() }).safeParse(JSON.parse(record.value)).data;
  if (place === undefined) return undefined;
  const answer = await fetch(`${place.url}/figures`, { signal: AbortSignal.timeout(PATIENCE) }).catch(() => undefined);
  const json: unknown = await answer?.json().catch(() => undefined);
  return figuresJson.safeParse(json).data;
}

async function storedFigures({ coin }: Config, store: Store): Promise<Figures> {
  const tally = new Tally();
  // The limit is set when a merchant starts, and is not in its store.
  const exposure = new ExposureLedger(MAX_AMOUNT, boundsOf(coin.channel.depth));
  for await (const { id, value } of store.list('payee-channel')) {
    const state = decodeStored(payeeSnapshot, value);
    tally.found(channelId(id), state);
    exposure.set(channelId(id), payeeRole.exposed(state));
  }
  const tip = await lastRead(store);
  return figuresOf({
    ...{ coin, tally, exposure, clock },
    backend: 'none',
    counts: new AnswerCounts(),
    read: () => (tip === undefined ? {} : { last: { tip, at: clock.now() } }),
    jobs: () => [],
  });
}

function sourceLine(isRunning: boolean, source: Source): string {
  if (!isRunning) return 'is not running; this is from its store';
  return source === 'the store' ? 'is running but shows no figures (start it with --metrics); this is from its store' : 'is running';
}

/** Nobody closes in time while the merchant is not running. */
function unattended({ atRisk, nearestClosing, chain, coin }: Figures): readonly string[] {
  if (atRisk === 0n) return [];
  const left =
    nearestClosing === undefined || chain === undefined ? '' : `, ${nearestClosing - chain.height} blocks after the last that it read`;
  const when = nearestClosing === undefined ? '' : ` The first channel closes at block ${nearestClosing}${left}.`;
  return [`The merchant is not running, and ${coinsOf(atRisk)} ${coin.ticker} are at risk.${when} Start it.`];
}

function linesOf(figures: Figures): readonly string[] {
  const { coin, channels, ends, atRisk, pinnable, exposure, young, chain, nearestClosing, nearestExpiry, unmined } = figures;
  const left = (height: number): string => (chain === undefined ? '' : `; ${counted(height - chain.height, 'block')} left`);
  return [
    `${channels.open} open, ${channels.paused} paused, ${channels.closing} closing; over: ${ends.closed} closed, ${ends.unused} unused, ${ends.refunded} refunded, ${ends.lost} lost`,
    `at risk if nothing were closed: ${coinsOf(atRisk)} ${coin.ticker}`,
    `of that could be pinned, in small totals: ${coinsOf(pinnable)} ${coin.ticker}`,
    `exposed to the chain: ${coinsOf(exposure.total)} ${coin.ticker}, of ${counted(exposure.channels, 'channel')}`,
    ...young.map(({ below, total }) => `on deposits less than ${below} blocks deep: ${coinsOf(total)} ${coin.ticker}`),
    ...(chain === undefined ? [] : [`last block read: ${chain.height} ${chain.hash}`]),
    ...(nearestClosing === undefined ? [] : [`the first channel closes at block ${nearestClosing}${left(nearestClosing)}`]),
    ...(nearestExpiry === undefined ? [] : [`the first payer may take its deposit back at block ${nearestExpiry}${left(nearestExpiry)}`]),
    ...unmined.map(
      (one) =>
        `the close of ${one.channel.slice(0, 16)} over ${formatAmount(one.atRisk)} ${coin.ticker} is in no block yet${left(one.expiry)}`,
    ),
  ];
}
