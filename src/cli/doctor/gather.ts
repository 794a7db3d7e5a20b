import { existsSync, statfsSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { nodeReport } from '../../chain/node-report.ts';
import { WorldError } from '../../engine/ports.ts';
import { watchFolder } from '../../merchant/watchtower/folder.ts';
import { isLoopback } from '../../net/host-check.ts';
import { generationsIn } from '../../store/backup.ts';
import { isLocked } from '../../store/datadir-lock.ts';
import { diskError } from '../../store/disk-error.ts';
import { formatIn } from '../../store/header.ts';
import { tryFolder } from '../../store/make-folder.ts';
import type { Config } from '../config.ts';
import { hasRole, markPath, nodeOf, type Role, seedPath, storePath } from '../setup.ts';
import type { Facts, FolderFacts, NodeFacts, RoleFacts, Trouble, WatchFacts } from './facts.ts';
import { type Named, placesOf } from './places.ts';

export interface Places {
  /** Where the merchant should serve. */
  readonly places: readonly Named[];
  readonly watchTo?: string | undefined;
  readonly backupTo?: string | undefined;
  /** The watcher's figures. */
  readonly textfile?: string | undefined;
}

/** Milliseconds in which the node, and a program that uses a port, must answer. */
const PATIENCE = 3_000;

/**
 * Looks at everything. It writes only one small file, in a folder of pawment, and deletes it at once; it waits for no answer longer than a few
 * seconds.
 */
export async function gathered(config: Config, { places, watchTo, backupTo, textfile }: Places, now: number): Promise<Facts> {
  const { coin, datadir, rpc } = config;
  const folder = resolve(datadir);
  const roles = (['payer', 'merchant'] as const)
    .filter((role) => hasRole({ datadir }, role))
    .map((role) => roleFacts(folder, role, backupTo));
  const isRunning = roles.some(({ role, running }) => role === 'merchant' && running === true);
  const named = roles.some(({ role }) => role === 'merchant') ? places : [];
  return {
    ...{ now, coin, datadir: folder, roles },
    folder: folderFacts(folder, roles.length > 0),
    node: await nodeFacts(rpc && nodeOf(config, rpc)),
    places: await placesOf(named, isRunning, PATIENCE),
    ...(watchTo === undefined ? {} : { watch: await watchFacts(resolve(watchTo)) }),
    ...(textfile === undefined ? {} : { figures: figureFacts(resolve(textfile)) }),
  };
}

async function nodeFacts(rpc: Config['rpc']): Promise<NodeFacts> {
  if (rpc === undefined) return { isHere: false };
  const { origin, hostname } = new URL(rpc.url);
  const common = { url: origin, isHere: isLoopback(hostname.replace(/^\[|\]$/g, '')) };
  return nodeReport({ ...rpc, timeout: PATIENCE }).then(
    (said) => ({ ...common, said }),
    (error: unknown) => ({ ...common, trouble: troubleOf(error) }),
  );
}

function folderFacts(path: string, isKnown: boolean): FolderFacts {
  const found = attempt(() => statSync(path, { throwIfNoEntry: false }));
  if (found === undefined || isTrouble(found)) return { kind: 'missing', isOwn: true };
  if (!found.isDirectory()) return { kind: 'other', isOwn: true };
  const { uid, mode } = found;
  const trouble = isKnown ? attempt(() => tryFolder(path)) : undefined;
  return {
    kind: 'folder',
    isOwn: process.getuid === undefined || process.getuid() === uid,
    ...(process.platform === 'win32' ? {} : { mode: mode & 0o777 }),
    ...room(path),
    ...(trouble === undefined ? {} : { trouble }),
  };
}

function room(path: string): Pick<FolderFacts, 'freeBytes' | 'freeFiles'> {
  const disk = attempt(() => statfsSync(path));
  // File systems without a disk have no blocks, and some disks create room for files as needed.
  if (isTrouble(disk) || disk.blocks === 0) return {};
  return { freeBytes: disk.bavail * disk.bsize, ...(disk.files === 0 ? {} : { freeFiles: disk.ffree }) };
}

function roleFacts(datadir: string, role: Role, backupTo: string | undefined): RoleFacts {
  const seed = attempt(() => statSync(seedPath({ datadir }, role), { throwIfNoEntry: false }));
  const backupsIn = resolve(backupTo ?? join(datadir, 'backups'));
  const saved = attempt(() => generationsIn(backupsIn, role).at(-1)?.madeAt);
  return {
    ...{ role, backupsIn },
    running: attempt(() => isLocked(datadir, role)),
    ...(seed === undefined || isTrouble(seed) ? {} : { seedMode: process.platform === 'win32' ? 0 : seed.mode & 0o777 }),
    store: storeFacts(datadir, role),
    ...(saved === undefined || isTrouble(saved) ? {} : { newestBackup: saved }),
  };
}

function storeFacts(datadir: string, role: Role): RoleFacts['store'] {
  const path = storePath({ datadir }, role);
  if (!existsSync(path)) return existsSync(markPath({ datadir }, role)) ? 'lost' : 'none';
  const format = attempt(() => formatIn(path));
  if (isTrouble(format)) return format;
  return format === undefined ? 'foreign' : { format };
}

async function watchFacts(folder: string): Promise<WatchFacts> {
  const isThere = existsSync(folder);
  try {
    const heartbeat = await watchFolder(folder).heartbeat();
    return { folder, isThere, ...(heartbeat === undefined ? {} : { heartbeat: heartbeat.at }) };
  } catch (error) {
    return { folder, isThere, trouble: troubleOf(error) };
  }
}

function figureFacts(file: string): NonNullable<Facts['figures']> {
  const found = attempt(() => statSync(file, { throwIfNoEntry: false }));
  return { file, ...(found === undefined || isTrouble(found) ? {} : { writtenAt: found.mtimeMs }) };
}

/** The value, or the disk's error. */
function attempt<T>(look: () => T): T | Trouble {
  try {
    return look();
  } catch (error) {
    return troubleOf(error);
  }
}

function isTrouble(value: unknown): value is Trouble {
  return typeof value === 'object' && value !== null && 'hint' in value;
}

/** @throws errors that are bugs of pawment. */
function troubleOf(thrown: unknown): Trouble {
  const error = diskError(thrown);
  if (error instanceof WorldError) return { message: error.message, hint: error.hint };
  throw thrown;
}
