import { WorldError } from '../engine/ports.ts';
import { diskError, noRoom, unusable } from './disk-error.ts';

// Primary result codes of SQLite (sqlite.org/rescode.html): the low byte of `errcode`.
const BUSY = 5;
const LOCKED = 6;
const READONLY = 8;
const IOERR = 10;
const CORRUPT = 11;
const FULL = 13;
const CANTOPEN = 14;
const NOTADB = 26;

/** Turns an error of SQLite or the file system into a `WorldError`; any other error is a bug and is returned unchanged. */
export function sqliteError(path: string, error: unknown): unknown {
  if (!(error instanceof Error) || error instanceof WorldError) return error;
  if ('errcode' in error && typeof error.errcode === 'number') return fromResultCode(path, error, error.errcode & 0xff);
  return diskError(error, path);
}

/** Whether another connection holds the lock. */
export function isBusy(error: unknown): boolean {
  return error instanceof Error && 'errcode' in error && typeof error.errcode === 'number' && (error.errcode & 0xff) === BUSY;
}

function fromResultCode(path: string, error: Error, code: number): Error {
  switch (code) {
    case BUSY:
    case LOCKED:
      return new WorldError('store-busy', `another program is writing to ${path}`, 'Wait for it to finish, or stop it.', error);
    case FULL:
      return noRoom(path, error);
    case IOERR:
      return unusable('disk-failed', path, error, 'Check the disk, its free space, and the system log.');
    case CORRUPT:
    case NOTADB: {
      const hint = 'Nothing was changed. Restore a backup, but keep this file: much of it may still be readable.';
      return new WorldError('store-damaged', `the store ${path} is damaged: ${error.message}`, hint, error);
    }
    case CANTOPEN:
      return unusable('config', path, error);
    case READONLY:
      return unusable('disk-failed', path, error, 'Check that its disk can be written, and that the file belongs to this user.');
    default:
      return error;
  }
}
