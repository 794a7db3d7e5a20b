import { type Amount, ZERO } from '../../core/base/amount.ts';
import type { ChannelId } from '../../core/base/bytes.ts';
import { equalBytes } from '../../core/base/bytes.ts';
import { isRefusal, type Refusal } from '../../core/base/refusal.ts';
import type { PayeeState } from '../../core/channel/payee-state.ts';
import { addressOf } from '../../core/tx/address.ts';
import { p2pkh } from '../../core/tx/script.ts';
import type { Signer, Verify } from '../../core/tx/sign.ts';
import type { LendingTerms } from '../../duplex/lending.ts';
import type { Driven } from '../../engine/channel-driver.ts';
import { type Job, type Jobs, keepJobs } from '../../engine/jobs.ts';
import { type Chain, type Random, WorldError } from '../../engine/ports.ts';
import { noteSetBack } from '../../engine/set-back.ts';
import { fastestVerifier } from '../../engine/verifier.ts';
import { PendingChannels } from '../../hub/pending-channels.ts';
import type { PriceList } from '../../merchant/invoice.ts';
import { type Merchant, type MerchantOptions, openMerchant } from '../../merchant/merchant.ts';
import type { MerchantTerms } from '../../merchant/terms.ts';
import { makeBackup } from '../../store/backup.ts';
import { lockDatadir } from '../../store/datadir-lock.ts';
import { claimStore } from '../../store/identity.ts';
import { makeWritableFolder } from '../../store/make-folder.ts';
import { type ProbedStore, probed } from '../../store/write-probe.ts';
import { type HttpServer, serveMerchant } from '../../transport/http/serve.ts';
import type { Place } from '../../transport/listen.ts';
import { Quotas } from '../../transport/rate-limit.ts';
import { keyName } from '../../wallet/keyring.ts';
import type { Config } from '../config.ts';
import type { HostPort } from '../flag/host-port.ts';
import { type Log, logger } from '../log/log.ts';
import type { Shell } from '../run-command.ts';
import { clock, keysOf, openStore, readSeed, storePath } from '../setup.ts';
import { sayReady } from '../systemd-notify.ts';
import { showReading } from '../terminal/show-reading.ts';
import { pause, untilStopped } from '../wait.ts';
import type { NodeWait } from '../wait-for-node.ts';
import { openBitcoinjListener } from './bitcoinj.ts';
import { type Selling, withDuplex } from './duplex.ts';
import { type HubParts, type HubTerms, withHub } from './hub.ts';
import { type MetricsServer, type MetricsServerOptions, noteMetrics, openMetricsServer } from './metrics-server.ts';
import { carryOutOrders, sentFacts } from './orders.ts';
import { tellingSales } from './sale-log.ts';

export interface ShopOptions extends MetricsServerOptions {
  readonly place: Place;
  /** Address for bitcoinj's payers; none unless given. */
  readonly bitcoinj?: HostPort;
  /** The number of proxies in front that name the client. */
  readonly trustProxy: number;
  readonly prices: PriceList;
  readonly terms: MerchantTerms;
  /** No other merchant uses these words any more: see `MerchantOptions.isRecovering`. */
  readonly isRecovering: boolean;
  /** The most that all channels together deliver before their deposits are deep enough; nothing unless given. */
  readonly exposure?: Amount;
  /** What the merchant locks in channels the other way to give back; none unless given. */
  readonly lending?: LendingTerms;
  /** It forwards payments to others, for these fees. */
  readonly hub?: HubTerms;
  readonly random: Random;
  /** For the first reading of the chain. */
  readonly wait: NodeWait;
  /** Output script of closes; the first receive key of the merchant's seed unless given. */
  readonly payout?: Uint8Array;
  /** Where to save the channels, and how often; not at all unless given. */
  readonly backups?: Backups;
  /** `debug` also logs every request. */
  readonly logLevel: 'info' | 'debug';
}

export interface Backups {
  readonly folder: string;
  /** Milliseconds. */
  readonly interval: number;
}

/** Milliseconds between two searches for expired invoices. */
const SWEEP = 60_000;
/** Milliseconds between two readings of the chain. */
const LOOK = 1_000;
/** Milliseconds without a reading after which a person should look. */
const OVERDUE = 120_000;
/** Milliseconds between two checks whether the store can write, and after a failed one. */
const PROBE = 5_000;
const UNKEPT = 30_000;

/** Serves payers until it is stopped, and takes care of the channels meanwhile. */
export async function keepShop({ config, print, stop }: Shell, chain: Chain, options: ShopOptions): Promise<void> {
  makeFolders(options);
  const seed = await readSeed(config, 'merchant');
  const keys = keysOf(config, seed);
  const release = lockDatadir(config.datadir, 'merchant');
  const { store, identity } = await claimedStore(config, options, release);
  const log = logger(options.logLevel, { clock, ...(process.stderr.isTTY && { write: print.line }) });
  const { verify, backend } = await fastestVerifier();
  const ownKey = keys.signer(keyName(config.coin, { account: 0, change: 0, index: 0 }));
  const own = p2pkh(ownKey.publicKey);
  const keyOf = (script: Uint8Array): Signer | undefined => (equalBytes(script, own) ? ownKey : undefined);
  const { prices, terms, random, isRecovering, exposure = ZERO, payout: payeeScript = own } = options;
  const onEvent = (channel: ChannelId, event: Driven<PayeeState> | Refusal | Error): void => tellEvent(log, channel, event);
  const outlook = openMetricsServer({ ...options, coin: config.coin, backend, keys, clock, log });
  const shared = { chain, keys, clock, random, terms, prices, payeeScript };
  const quotas = new Quotas();
  const door =
    options.bitcoinj === undefined ? undefined : openBitcoinjListener({ ...shared, verify, quotas, log, listen: options.bitcoinj });
  const reading = showReading(print);
  const incoming = new PendingChannels();
  const books = [...outlook.books, ...(door?.books ?? []), incoming];
  const isForwarding = options.hub !== undefined;
  const given = { ...shared, identity, isRecovering, store, verify, keyOf, onEvent, onProgress: reading.at, exposure, books, isForwarding };
  const selling = tellingSales(outlook.counts.counting(openedWith(given, outlook)), config.coin, log);
  const { merchant, jobs: more } = await paying(selling, options, { ...given, keys, seed, log, print, incoming });
  const servers: Closable[] = [];
  try {
    await options.wait(merchant.engine.follower.poll).finally(reading.done);
    stop.say(async () => ({ message: 'Stopped at once.', advice: 'Accepted payments are stored: start it again.' }));
    const server = await placedBy('--listen', () => serveMerchant(merchant, { ...serveOptions(merchant, store, options, log), quotas }));
    servers.push(server);
    const bitcoinj = door && (await placedBy('--bitcoinj', () => door.open(merchant)));
    if (bitcoinj !== undefined) servers.push(bitcoinj);
    const backups = options.backups === undefined ? [] : [backupJob(config, options.backups, verify, log)];
    const jobs = jobsOf(merchant, store, outlook, log, [...backups, ...more]);
    const figures = await placedBy('--metrics', () => outlook.open(merchant, store, jobs));
    if (figures !== undefined) servers.push(figures);
    await noteMetrics(store, figures?.url);
    const payTo = addressOf(config.coin, payeeScript);
    print.result({ url: server.url, ...(bitcoinj && { bitcoinj: bitcoinj.port }), coin: config.coin.id, backend, payTo }, [
      `Selling ${[...prices.keys()].join(', ') || 'no items'} at ${server.url}; closes pay to ${payTo ?? 'the given script'}.`,
      ...(bitcoinj === undefined ? [] : [`Payers of bitcoinj are served at port ${bitcoinj.port}.`]),
      `Signatures are checked by ${backend}. Ctrl-C stops it.`,
    ]);
    if (figures !== undefined) print.note(`Figures are shown at ${figures.url}/metrics.`);
    void sayReady(process.env, print.note);
    await lookAfter(jobs, servers);
  } finally {
    // If a later server could not be opened, the ones that are open would keep the process from ending.
    await closeAll(servers);
    await store.close();
    release();
  }
}

/** A merchant that pays too: what it gives back, or what it forwards. */
function paying(merchant: Merchant, { lending, hub }: ShopOptions, parts: HubParts): Promise<Selling> {
  return hub === undefined ? withDuplex(merchant, lending, parts) : withHub(merchant, hub, parts);
}

/** Its watchers forget what is revoked before that is. */
function openedWith(given: Omit<MerchantOptions, 'beforeRevoking'>, outlook: MetricsServer): Merchant {
  const merchant: Merchant = openMerchant({ ...given, beforeRevoking: (channel) => outlook.beforeRevoking(merchant, channel) });
  return merchant;
}

/** If a watcher or backups were asked for, nothing is sold without them. @throws WorldError where their folder can't be used. */
function makeFolders({ watchTo, backups }: ShopOptions): void {
  if (watchTo !== undefined) makeWritableFolder(watchTo);
  if (backups !== undefined) makeWritableFolder(backups.folder);
}

async function claimedStore(
  config: Config,
  { random, isRecovering }: ShopOptions,
  release: () => void,
): Promise<{ readonly store: ProbedStore; readonly identity: Uint8Array }> {
  const store = probed(openStore(config, 'merchant'));
  try {
    // First, because a store that is claimed is taken for the newest at the next start.
    if (isRecovering) await noteSetBack(store);
    return { store, identity: await claimStore(store, { path: storePath(config, 'merchant'), random, isRecovering }) };
  } catch (error) {
    await store.close();
    release();
    throw error;
  }
}

/** If it can't listen, the error names the flag to change. */
async function placedBy<T>(flag: string, serve: () => Promise<T>): Promise<T> {
  try {
    return await serve();
  } catch (error) {
    if (!(error instanceof WorldError && error.code === 'config')) throw error;
    throw new WorldError('config', error.message, error.hint.replace(/\.$/, `: ${flag}.`), error);
  }
}

type Closable = Pick<HttpServer, 'close'>;

async function closeAll(servers: readonly Closable[]): Promise<void> {
  await Promise.all(servers.map((server) => server.close()));
}

function serveOptions(
  { engine }: Merchant,
  store: ProbedStore,
  { place, hostNames, trustProxy }: ShopOptions,
  log: Log,
): Parameters<typeof serveMerchant>[1] {
  return {
    ...place,
    hostNames,
    trustProxy,
    ready: async () => {
      engine.follower.ready();
      const trouble = store.trouble();
      if (trouble !== undefined) throw trouble;
    },
    onRequest: (method, path, status, milliseconds) => log.debug({ method, path, status, milliseconds }, 'request'),
    onError: (error, where) => log.failed(where, error),
  };
}

/** The jobs of an open shop, each on its own. A shop that can't write its watch files continues to close what it can, and sells nothing. */
function jobsOf(merchant: Merchant, store: ProbedStore, outlook: MetricsServer, log: Log, backups: readonly Job[]): Jobs {
  const often = { interval: LOOK, overdue: OVERDUE };
  const list: readonly Job[] = [
    { ...often, name: 'follow', run: merchant.engine.follower.poll },
    { name: 'store', interval: PROBE, overdue: UNKEPT, run: store.probe },
    { ...often, name: 'orders', run: () => carryOutOrders(merchant, store, log) },
    { name: 'invoices', interval: SWEEP, overdue: 10 * SWEEP, run: merchant.invoices.sweep },
    ...outlook.jobs(merchant).map((job) => ({ ...often, ...job })),
    ...backups,
  ];
  return keepJobs(list, { clock, pause, onTrouble: log.failed });
}

function backupJob(config: Config, { folder, interval }: Backups, verify: Verify, log: Log): Job {
  const options = { store: storePath(config, 'merchant'), folder, name: 'merchant', coin: config.coin.id, verify, clock };
  const run = async (): Promise<void> => {
    const { number, channels } = await makeBackup(options);
    log.info({ number, channels }, 'backup');
  };
  return { name: 'backup', interval, overdue: 3 * interval, run };
}

/** Works until a signal comes; then lets running requests finish. */
async function lookAfter(jobs: Jobs, servers: readonly Closable[]): Promise<void> {
  const stop = new AbortController();
  const working = jobs.work(stop.signal);
  try {
    await untilStopped();
  } finally {
    await closeAll(servers);
    stop.abort();
  }
  await working;
}

/** An unconfirmed close is sent again at each block, and a failure of the node appears for each channel. */
function tellEvent(log: Log, channel: ChannelId, event: Driven<PayeeState> | Refusal | Error): void {
  if (event instanceof Error) log.failed(channel, event);
  else if (isRefusal(event)) log.noted(channel, { channel, refusal: event.code, facts: event.detail }, 'chain');
  else log.noted(channel, { channel, state: event.state?.kind, broadcasts: event.broadcasts.map(sentFacts) }, 'chain');
}
