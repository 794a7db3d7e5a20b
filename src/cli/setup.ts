import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { coreRpc } from '../chain/core-rpc.ts';
import type { RpcOptions } from '../chain/json-rpc.ts';
import type { ChannelId } from '../core/base/bytes.ts';
import type { Height } from '../core/base/height.ts';
import type { PayerState } from '../core/channel/payer-state.ts';
import type { DuplexAgent } from '../duplex/agent.ts';
import type { MempoolReading } from '../engine/mempool-reader.ts';
import {
  type Chain,
  type Clock,
  type Connection,
  type KeyRing,
  type Random,
  type SeedRing,
  type Store,
  WorldError,
} from '../engine/ports.ts';
import { fastestSigner } from '../engine/signer.ts';
import { fastestVerifier } from '../engine/verifier.ts';
import { type AgentOptions, openAgent } from '../payer/agent.ts';
import { openPriceMemory, type PriceMemory } from '../payer/price-memory.ts';
import type { RecoverOptions } from '../payer/recover.ts';
import { type ViaBook, viaBook } from '../payer/via-book.ts';
import type { WireFormat } from '../payer/wire-format.ts';
import { lockDatadir } from '../store/datadir-lock.ts';
import { makeFolder } from '../store/make-folder.ts';
import { openSqlite } from '../store/sqlite.ts';
import { httpConnection } from '../transport/http/client.ts';
import { seedKeyRing } from '../wallet/keyring.ts';
import { createMnemonic, seedOf } from '../wallet/mnemonic.ts';
import { readSeedFile, writeSeedFile } from '../wallet/seed-disk.ts';
import { type SeedContents, sealSeed } from '../wallet/seed-file.ts';
import { openWallet, type SyncReport, type Wallet } from '../wallet/wallet.ts';
import { type Config, usualDatadir } from './config.ts';
import { noteRead } from './payer/chain-age.ts';
import { merchantAt } from './payer/connect-merchant.ts';
import { withPayee } from './payer/duplex.ts';
import { httpPeerOf, isWith, pickChannel, rememberPeer } from './payer/pick-channel.ts';
import { bringUpToDate, closeFiles, type WatchToFlags, watchFiles } from './payer/watch-to.ts';
import { passphraseFor } from './terminal/passphrase.ts';
import type { Printer } from './terminal/print.ts';
import { type ShownReading, showReading, UNSEEN_READING } from './terminal/show-reading.ts';
import { runningChain } from './test-chain-url.ts';
import { aLittle, atOnce, type NodeWait } from './wait-for-node.ts';

export type Role = 'payer' | 'merchant';

export const random: Random = { bytes: (length) => crypto.getRandomValues(new Uint8Array(length)) };
export const clock: Clock = { now: Date.now };

/** The settings that say where the node is. */
export type NodeConfig = Pick<Config, 'coin' | 'rpc'> & Partial<Pick<Config, 'datadir' | 'isUnnamed'>>;

/**
 * The node, asked once, so that a wrong one is noticed before anything is done; a node that is not there yet is waited for as `wait` says. @throws
 * WorldError
 */
export async function openNode(config: NodeConfig, wait: NodeWait = atOnce): Promise<Chain> {
  const { coin, rpc } = config;
  if (rpc === undefined) {
    throw new WorldError(
      'config',
      `No node for ${coin.id} is given.`,
      'Use --rpc-url, PAWMENT_RPC_URL, or a config file. On a main network it should be your own.',
    );
  }
  return wait(async () => {
    const chain = coreRpc(coin, nodeOf(config, rpc));
    await chain.tip();
    return chain;
  });
}

/** The given node; otherwise the test chain that runs now, or its usual address until one runs. */
export function nodeOf({ coin, datadir, isUnnamed }: NodeConfig, rpc: RpcOptions): RpcOptions {
  const folders = [datadir, usualDatadir(coin)].filter((folder) => folder !== undefined);
  const url = isUnnamed === true ? runningChain(folders) : undefined;
  return url === undefined ? rpc : { ...rpc, url };
}

export function seedPath({ datadir }: Pick<Config, 'datadir'>, role: Role): string {
  return join(datadir, `${role}.seed`);
}

/** Makes a new seed of 24 words, sealed with the passphrase; the returned words are to be shown once. */
export async function createSeed(config: Config, role: Role, birthday: Height, words?: string): Promise<string> {
  const mnemonic = words ?? createMnemonic(24, random);
  makeFolder(config.datadir);
  const contents = { mnemonic, passphrase: '', coin: config.coin.id, birthday };
  await writeSeedFile(seedPath(config, role), await sealSeed(contents, await passphraseFor(config), random), random);
  return mnemonic;
}

/** @throws WorldError when there is none, it does not open, or is for another coin. */
export async function readSeed(config: Config, role: Role): Promise<SeedContents> {
  const path = seedPath(config, role);
  if (!existsSync(path)) throw new WorldError('config', `There is no seed ${path}.`, 'Make one: pawment wallet init');
  const contents = await readSeedFile(path, await passphraseFor(config));
  if (contents.coin !== config.coin.id) {
    throw new WorldError('config', `${path} is a seed for ${contents.coin}.`, `Use another --datadir for ${config.coin.id}.`);
  }
  return contents;
}

export function keysOf({ coin }: Config, { mnemonic, passphrase }: SeedContents): SeedRing {
  return seedKeyRing(coin, seedOf(mnemonic, passphrase), fastestSigner());
}

export function storePath({ datadir }: Pick<Config, 'datadir'>, role: Role): string {
  return join(datadir, `${role}.sqlite`);
}

/** While this file exists, a missing store is a loss and not a new start. */
export function markPath({ datadir }: Pick<Config, 'datadir'>, role: Role): string {
  return join(datadir, `${role}.opened`);
}

/**
 * The store of a role that was used before: a command that only looks makes no folder. @throws WorldError `config` where there is none; otherwise as
 * `openStore`.
 */
export function openKnownStore(config: Pick<Config, 'datadir'>, role: Role): Store {
  requireRole(config, role);
  return openStore(config, role);
}

/** Whether a data folder has anything of that role. */
export function hasRole(config: Pick<Config, 'datadir'>, role: Role): boolean {
  return [seedPath(config, role), storePath(config, role), markPath(config, role)].some((path) => existsSync(path));
}

/** @throws WorldError `config` for a data folder without anything of that role: its name may be mistyped. */
export function requireRole(config: Pick<Config, 'datadir'>, role: Role): void {
  if (hasRole(config, role)) return;
  const who = role === 'payer' ? 'pawment wallet init makes a payer' : 'pawment merchant makes a merchant';
  throw new WorldError('config', `There is no ${role} in ${config.datadir}.`, `Use another --datadir or --coin; ${who}.`);
}

/** @throws WorldError `store-damaged` when there was a store here and it is gone: a new one would not know the coins in its channels. */
export function openStore(config: Pick<Config, 'datadir'>, role: Role): Store {
  const { datadir } = config;
  const path = storePath(config, role);
  makeFolder(datadir);
  const mark = markPath(config, role);
  if (!existsSync(path) && existsSync(mark)) {
    const hint = `Restore a backup: pawment restore --role ${role}. Without one, delete ${mark} and recover with the words only: see RECOVERY.md.`;
    throw new WorldError('store-damaged', `The channels of the ${role} were in ${path}, but the file is gone.`, hint);
  }
  const store = openSqlite(path);
  if (!existsSync(mark))
    writeFileSync(mark, 'While this file is here, a missing store counts as lost, not as a new start.\n', { mode: 0o600 });
  return store;
}

/** A payer ready to act: its wallet and channels are at the tip of the chain. */
export interface OpenPayer {
  readonly chain: Chain;
  readonly keys: KeyRing;
  readonly wallet: Wallet;
  /** Blocks that the wallet never saw, because the node had deleted them. */
  readonly unread: number;
  readonly agent: DuplexAgent;
  /** Reads the chain again: for the channels first, then for the wallet. */
  readonly sync: () => Promise<SyncReport>;
  /** Stores the address of a channel's payee. */
  readonly remember: (channel: ChannelId, url: string) => Promise<void>;
  /** @throws WorldError `config` for a payee that is unknown, or has no HTTP address. */
  readonly payeeOf: (channel: ChannelId) => Promise<Connection>;
  /** The address of that payee. @throws WorldError `config` likewise. */
  readonly merchantOf: (channel: ChannelId) => Promise<string>;
  readonly prices: PriceMemory;
  /** What is under way through hubs. */
  readonly vias: ViaBook;
  /** The channels with one payee, in no order. */
  readonly channelsWith: (url: string) => Promise<readonly PayerState[]>;
  /** The channel given by an id, the beginning of one, a payee's URL, or nothing if there is only one. */
  readonly channel: (name: string | undefined) => Promise<PayerState>;
  readonly close: () => Promise<void>;
}

/** The parts of a payer, before it has read the chain. */
export type PayerParts = Pick<RecoverOptions, 'chain' | 'store' | 'keys' | 'wallet'>;

export interface OpenOptions {
  /** `when-missing` unless given; a command that reports unconfirmed deposits of others always reads the mempool. */
  readonly mempool?: MempoolReading;
  readonly form?: WireFormat;
  readonly raised?: AgentOptions['raised'];
  /** Where to write for a watcher, as the flags say. */
  readonly watching?: WatchToFlags;
  /** No block up to this one has money of the seed; the seed file's value unless given. */
  readonly birthday?: Height;
  /** Shows long work, and waits a little for a node or merchant that is starting; neither unless given. */
  readonly print?: Pick<Printer, 'work' | 'note'>;
  /** Done before the chain is read. */
  readonly first?: (parts: PayerParts, birthday: Height) => Promise<void>;
}

export async function openPayer(
  config: Config,
  { form = 'compact', mempool = 'when-missing', first, print, raised, watching = {}, ...options }: OpenOptions = {},
): Promise<OpenPayer> {
  const seed = await readSeed(config, 'payer');
  const birthday = options.birthday ?? seed.birthday;
  const chain = await openNode(config, print && aLittle(config, print.note));
  const release = lockDatadir(config.datadir, 'payer');
  const keys = keysOf(config, seed);
  const store = openStore(config, 'payer');
  const wallet = await openWallet({ chain, store, keys, birthday });
  await first?.({ chain, store, keys, wallet }, birthday);
  const { verify } = await fastestVerifier();
  const reading = print === undefined ? UNSEEN_READING : showReading(print);
  const parts = { chain, store, keys, verify, clock, random, mempool };
  const note = (text: string): void => print?.note(text);
  const { folder, penalties } = await watchFiles(store, watching, parts);
  const closes = closeFiles(folder, parts, note);
  const kept = penalties && { books: [penalties], beforeStored: penalties.beforeStored };
  const agent = await withPayee(openAgent({ ...parts, ...kept, wallet, form, onProgress: reading.at, ...(raised && { raised }) }), {
    ...parts,
    keyOf: wallet.keyOf,
    ...(closes && { books: [closes.book] }),
  });
  const sync = async (onProgress?: (scanned: number, tip: number) => void): Promise<SyncReport> => {
    // A refund does not wait for the wallet, which may have years of blocks to read.
    const polled = await agent.poll().catch((error: unknown) => ({ error }));
    await bringUpToDate(penalties?.run(), note);
    const report = await wallet.sync(onProgress);
    if (polled !== undefined) throw polled.error;
    await noteRead(store, clock);
    return report;
  };
  const { unread } = await started(reading, agent, sync);
  return {
    chain,
    keys,
    wallet,
    unread,
    agent,
    sync,
    remember: async (channel, url) => rememberPeer(store, channel, url),
    merchantOf: (channel) => httpPeerOf(store, channel),
    prices: openPriceMemory(store),
    vias: viaBook(store),
    payeeOf: async (channel) => {
      const url = await httpPeerOf(store, channel);
      return print === undefined ? httpConnection(url) : merchantAt(url, print.note);
    },
    channelsWith: async (url) => {
      const found: PayerState[] = [];
      for await (const [channel, state] of agent.engine.all()) if (await isWith(store, channel, url)) found.push(state);
      return found;
    },
    channel: async (name) => pickChannel(agent.engine.all(), store, name),
    close: async () => {
      // What was paid back meanwhile is in it.
      await bringUpToDate(closes?.run(agent.payee.engine), note);
      await store.close();
      release();
    },
  };
}

/** The first reading of the chain, which may have to cover years. */
async function started(
  reading: ShownReading,
  agent: Pick<DuplexAgent, 'tidy'>,
  sync: (onProgress: ShownReading['scanned']) => Promise<SyncReport>,
): Promise<SyncReport> {
  try {
    const report = await sync(reading.scanned);
    await agent.tidy();
    return report;
  } finally {
    reading.done();
  }
}
