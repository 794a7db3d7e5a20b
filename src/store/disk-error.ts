import { type WorldCode, WorldError } from '../engine/ports.ts';

const FULL: ReadonlySet<string> = new Set(['ENOSPC', 'EDQUOT', 'EFBIG']);
/** Somebody named what is not there, is something else, or is not this user's: errno(3). All else is the disk's fault, or the system's. */
const MISNAMED: ReadonlySet<string> = new Set([
  ...['ENOENT', 'ENOTDIR', 'EEXIST', 'EISDIR', 'ELOOP', 'ENAMETOOLONG', 'EINVAL', 'ENXIO', 'ENODEV'],
  ...['EACCES', 'EPERM', 'ENOTEMPTY', 'ETXTBSY'],
]);

const HINT = 'Check that its folder is there and that this user may read and write it.';

/**
 * What the system threw about a file or folder, as a failure of the world: `config` where the wrong one was named, `store-full` where nothing more fits in,
 * else `disk-failed`. What is no such error is a bug and comes back as it is.
 */
export function diskError(error: unknown, path?: string): unknown {
  if (!(error instanceof Error) || error instanceof WorldError || !('syscall' in error)) return error;
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  const what = path ?? ('path' in error && typeof error.path === 'string' ? error.path : 'a file');
  if (FULL.has(code)) return noRoom(what, error);
  if (MISNAMED.has(code)) return unusable('config', what, error, HINT);
  const hint =
    code === 'EROFS' ? 'Name a folder on a disk that can be written.' : 'Look at the disk, the system log, and what this user may open.';
  return unusable('disk-failed', what, error, hint);
}

export function noRoom(path: string, error: Error): WorldError {
  return new WorldError('store-full', `no room left for ${path}`, 'Free space on its disk. Nothing that was acknowledged is lost.', error);
}

export function unusable(code: WorldCode, path: string, error: Error, hint: string = HINT): WorldError {
  return new WorldError(code, `${path} can't be used: ${error.message}`, hint, error);
}
