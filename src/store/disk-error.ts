import { type WorldCode, WorldError } from '../engine/ports.ts';

const FULL: ReadonlySet<string> = new Set(['ENOSPC', 'EDQUOT', 'EFBIG']);
/** The given path does not exist, is something else, or is not this user's: errno(3). All other errors come from the disk or the system. */
const MISNAMED: ReadonlySet<string> = new Set([
  ...['ENOENT', 'ENOTDIR', 'EEXIST', 'EISDIR', 'ELOOP', 'ENAMETOOLONG', 'EINVAL', 'ENXIO', 'ENODEV'],
  ...['EACCES', 'EPERM', 'ENOTEMPTY', 'ETXTBSY'],
]);

const HINT = 'Check that its folder exists and that this user may read and write it.';

/**
 * Turns an error of the system about a file or folder into a `WorldError`: `config` where the path is wrong, `store-full` where there is no room,
 * otherwise `disk-failed`. Any other error is a bug and is returned unchanged.
 */
export function diskError(error: unknown, path?: string): unknown {
  if (!(error instanceof Error) || error instanceof WorldError || !('syscall' in error)) return error;
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  const what = path ?? ('path' in error && typeof error.path === 'string' ? error.path : 'a file');
  if (FULL.has(code)) return noRoom(what, error);
  if (MISNAMED.has(code)) return unusable('config', what, error, HINT);
  const hint =
    code === 'EROFS' ? 'Use a folder on a disk that can be written.' : 'Check the disk, the system log, and the permissions of this user.';
  return unusable('disk-failed', what, error, hint);
}

export function noRoom(path: string, error: Error): WorldError {
  return new WorldError('store-full', `no room left for ${path}`, 'Free space on its disk. Nothing that was acknowledged is lost.', error);
}

export function unusable(code: WorldCode, path: string, error: Error, hint: string = HINT): WorldError {
  return new WorldError(code, `${path} can't be used: ${error.message}`, hint, error);
}
