import type { z } from 'zod';
import { type Snapshot, SnapshotError } from '../core/channel/snapshot.ts';
import { WorldError } from './ports.ts';

/** Reads a stored state back. @throws WorldError `store-newer` or `store-damaged`: an unreadable state is never treated as missing. */
export function decodeStored<Value>(snapshot: Snapshot<Value>, text: string): Value {
  try {
    return snapshot.decode(text);
  } catch (error) {
    if (!(error instanceof SnapshotError)) throw error;
    if (error.newer) throw new WorldError('store-newer', error.message, 'Run the version of pawment that wrote it, or a later one.', error);
    throw new WorldError('store-damaged', error.message, 'Restore the store from a backup; do not start with an empty one.', error);
  }
}

/** The same for a record that is plain JSON; `what` names it. @throws WorldError `store-damaged` */
export function decodeStoredJson<Value>(field: z.ZodType<Value>, what: string, text: string): Value {
  const read = field.safeParse(parsed(text));
  if (read.success) return read.data;
  throw new WorldError('store-damaged', `${what} is damaged.`, 'Restore the store from a backup.', read.error);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
