import * as z from 'zod';
import type { ChannelId } from '../../core/base/bytes.ts';
import type { PayeeState } from '../../core/channel/payee-state.ts';
import type { Coin } from '../../core/coin/coin.ts';
import type { FollowReport } from '../../engine/chain-follower.ts';
import type { Book } from '../../engine/engine.ts';
import type { Job, Jobs } from '../../engine/jobs.ts';
import type { Clock, KeyRing, Store } from '../../engine/ports.ts';
import type { Merchant } from '../../merchant/merchant.ts';
import { metricsOf } from '../../merchant/prometheus.ts';
import { Tally } from '../../merchant/running-totals.ts';
import { AnswerCounts, type Figures, figuresOf, type ReadChain } from '../../merchant/stats.ts';
import { figuresJson } from '../../merchant/stats-json.ts';
import { WatchWriter } from '../../merchant/watchtower/file-writer.ts';
import { watchFolder } from '../../merchant/watchtower/folder.ts';
import type { ProbedStore } from '../../store/write-probe.ts';
import { type HttpServer, serveHttp } from '../../transport/http/serve.ts';
import type { HostPort } from '../flag/host-port.ts';
import type { Log } from '../log/log.ts';

/** What a shop shows of itself, besides serving payers. */
export interface MetricsServerOptions {
  readonly metrics?: HostPort;
  /** Additional names of servers on the loopback address, such as the public one that a proxy passes on. */
  readonly hostNames: readonly string[];
  /** Folder for the files of watchers. */
  readonly watchTo?: string;
}

interface OutlookParts extends MetricsServerOptions {
  readonly coin: Coin;
  readonly backend: string;
  readonly keys: KeyRing;
  readonly clock: Clock;
  readonly log: Log;
}

export interface MetricsServer {
  /** The merchant's engine has to keep these up to date. */
  readonly books: readonly Book<PayeeState>[];
  readonly counts: AnswerCounts;
  /** Serves the figures, if that is wanted. */
  readonly open: (merchant: Merchant, store: Pick<ProbedStore, 'trouble'>, jobs: Jobs) => Promise<HttpServer | undefined>;
  /** Awaited before a payment of a channel is revoked: its watchers must not close with it. */
  readonly beforeRevoking: (merchant: Merchant, channel: ChannelId) => Promise<void>;
  /** Updates the files of watchers, if there are any. */
  readonly jobs: (merchant: Merchant) => readonly Pick<Job, 'name' | 'run'>[];
}

/** Store record that tells other processes where the running merchant shows its figures. */
export const METRICS_PLACE = { kind: 'shop', id: 'metrics' } as const;

export function openMetricsServer({ coin, backend, keys, clock, log, metrics, hostNames, watchTo }: OutlookParts): MetricsServer {
  const tally = new Tally();
  const counts = new AnswerCounts();
  const onTrouble = (channel: string, trouble: object): void => log.noted(channel, { channel, ...texts(trouble) }, 'watch file', 'warn');
  const writer = watchTo === undefined ? undefined : new WatchWriter({ coin, folder: watchFolder(watchTo), keys, clock, onTrouble });
  return {
    books: writer === undefined ? [tally] : [tally, writer],
    counts,
    open: async (merchant, store, jobs) => {
      const { follower, exposure } = merchant.engine;
      const read = (): Figures =>
        figuresOf({
          ...{ coin, backend, tally, counts, exposure, clock },
          read: () => readOf(follower.report()),
          unkept: () => store.trouble()?.message,
          jobs: jobs.reports,
          ...(writer === undefined ? {} : { unwatched: () => writer.behind }),
        });
      return metrics === undefined ? undefined : serveHttp({ fetch: statsRoutes(read) }, { ...metrics, hostNames });
    },
    beforeRevoking: async ({ engine }, channel) => writer?.settle(channel, engine.get, engine.follower.trusted().tip),
    // A merchant that can't rely on its node can't close in time: then it gives no heartbeat.
    jobs: ({ engine }) =>
      writer === undefined ? [] : [{ name: 'watch-files', run: () => writer.run(engine.get, engine.follower.trusted().tip) }],
  };
}

function readOf({ seen, readAt, unready }: FollowReport): ReadChain {
  const last = seen === undefined || readAt === undefined ? {} : { last: { tip: seen.tip, at: readAt } };
  return unready === undefined ? last : { ...last, doubt: unready.message };
}

function texts(trouble: object): object {
  return Object.fromEntries(Object.entries(trouble).map(([name, value]) => [name, String(value)]));
}

/** Stores where the figures are shown, or that they are not. */
export async function noteMetrics(store: Store, url: string | undefined): Promise<void> {
  const { kind, id } = METRICS_PLACE;
  const before = await store.get(kind, id);
  if (before === undefined && url === undefined) return;
  await store.commit([{ kind, id, expected: before?.version ?? 0, value: url === undefined ? undefined : JSON.stringify({ url }) }]);
}

/** `GET /metrics` for Prometheus, `GET /figures` for `pawment status`. */
export function statsRoutes(read: () => Figures): (request: Request) => Promise<Response> {
  const registry = metricsOf(read);
  return async ({ url, method }) => {
    const { pathname } = new URL(url);
    if (method !== 'GET') return new Response('Method not allowed\n', { status: 405 });
    if (pathname === '/metrics') return new Response(await registry.metrics(), { headers: { 'content-type': registry.contentType } });
    if (pathname === '/figures') return Response.json(z.encode(figuresJson, read()));
    return new Response('Not found\n', { status: 404 });
  };
}
