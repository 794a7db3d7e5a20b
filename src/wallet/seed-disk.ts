import { type FileHandle, link, open, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { bytesToHex } from '../core/base/bytes.ts';
import { type Random, WorldError } from '../engine/ports.ts';
import { diskError } from '../store/disk-error.ts';
import { openSeed, type SeedContents } from './seed-file.ts';

/** The owner may read and write, nobody else anything. */
const PRIVATE = 0o600;
const OTHERS = 0o077;
/** Far above the size of any seed file. */
const MOST_BYTES = 65_536;

/**
 * Writes a new seed file: complete or not at all, safely on the disk before it returns, readable by its owner only, never over another file. @throws
 * WorldError `config` when a file exists already or the folder can't be written, `store-full` or `disk-failed` when the disk fails.
 */
export async function writeSeedFile(path: string, text: string, random: Random): Promise<void> {
  const temporary = `${path}.${bytesToHex(random.bytes(8))}.tmp`;
  try {
    try {
      await writeDurably(temporary, text);
      // Unlike a rename, a link never replaces an existing file.
      await link(temporary, path);
    } finally {
      await rm(temporary, { force: true });
    }
    await syncFolder(dirname(path));
  } catch (error) {
    if (codeOf(error) === 'EEXIST') {
      throw new WorldError('config', `There is a seed at ${path} already.`, 'Use that seed, or first move it to a safe place.', error);
    }
    throw diskError(error, path);
  }
}

/**
 * Reads and opens a seed file.
 * @throws WorldError `wallet-locked` for a wrong passphrase; `config` when the file is absent, readable by others, damaged or newer.
 */
export async function readSeedFile(path: string, passphrase: string): Promise<SeedContents> {
  const opened = await openSeed(await readPrivately(path), passphrase);
  switch (opened.kind) {
    case 'opened':
      return opened.contents;
    case 'wrong-passphrase':
      throw new WorldError('wallet-locked', `The passphrase does not open ${path}.`, 'Try again; the file is not damaged.');
    case 'damaged':
      throw new WorldError('config', `${path} is damaged: ${opened.reason}.`, 'Restore it from a backup, or the wallet from its words.');
    case 'newer':
      throw new WorldError('config', `${path} has format ${opened.version}, newer than this program.`, 'Use a newer pawment.');
  }
}

async function writeDurably(path: string, text: string): Promise<void> {
  const file = await open(path, 'wx', PRIVATE);
  try {
    await file.writeFile(text, 'utf8');
    await file.sync();
  } finally {
    await file.close();
  }
}

async function readPrivately(path: string): Promise<string> {
  const file = await openToRead(path);
  try {
    const { mode, size } = await file.stat();
    // Windows has no such bits: its files belong to the user's profile.
    if (process.platform !== 'win32' && (mode & OTHERS) !== 0) {
      throw new WorldError('config', `Other users of this machine may read or write ${path}.`, `Protect it: chmod 600 ${path}`);
    }
    if (size > MOST_BYTES) throw new WorldError('config', `${path} is not a seed file.`, 'Give the path of the seed file.');
    return await file.readFile('utf8');
  } finally {
    await file.close();
  }
}

async function openToRead(path: string): Promise<FileHandle> {
  try {
    return await open(path, 'r');
  } catch (error) {
    const absent = codeOf(error) === 'ENOENT';
    const message = absent ? `There is no seed at ${path}.` : `${path} can't be read.`;
    throw new WorldError('config', message, absent ? 'Create a wallet first, or give its path.' : 'Check its owner and mode.', error);
  }
}

/** Makes the new name durable, not only the bytes. Some systems can't open folders; there the name becomes durable with the file. */
async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r').catch(() => undefined);
  try {
    await folder?.sync().catch(() => undefined);
  } finally {
    await folder?.close();
  }
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined;
}
