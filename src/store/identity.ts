import { statSync } from 'node:fs';
import * as z from 'zod';
import { bytesToHex, hexToBytes } from '../core/base/bytes.ts';
import { decodeStoredJson } from '../engine/decode-state.ts';
import { type Random, type Store, WorldError } from '../engine/ports.ts';

const RECORD = { kind: 'identity', id: 'store' } as const;
const BYTES = 16;

const placeField = z.object({ file: z.string(), made: z.string().exactOptional() });
type Place = z.output<typeof placeField>;

const identityField = z.object({
  format: z.literal(1),
  id: z.string().regex(/^[0-9a-f]{32}$/),
  /** Of the file in which it was last used; a copy is in another file. */
  place: placeField.exactOptional(),
});
type Identity = z.output<typeof identityField>;

interface Kept {
  readonly version: number;
  readonly identity: Identity;
}

async function kept(store: Store): Promise<Kept | undefined> {
  const record = await store.get(RECORD.kind, RECORD.id);
  return record && { version: record.version, identity: decodeStoredJson(identityField, 'The identity of the store', record.value) };
}

/** Tells stores of the same seed apart: sixteen random bytes, made when they are first needed. */
export async function identityOf(store: Store, random: Random): Promise<Uint8Array> {
  const known = await kept(store);
  if (known !== undefined) return hexToBytes(known.identity.id);
  await write(store, undefined, { format: 1, id: bytesToHex(random.bytes(BYTES)) });
  // Another call may have been first.
  return identityOf(store, random);
}

export interface ClaimOptions {
  /** The store's file. */
  readonly path: string;
  readonly random: Random;
  /**
   * The owner says that no other store of the seed is in use: then a copy may be used, with an identity of its own. Call `noteSetBack` of
   * `pawment/merchant` first.
   */
  readonly isRecovering: boolean;
}

/**
 * The identity of a store that is about to be used, if it is still in the file where it was used before. A copy of the file, or a restored backup, is
 * another store that knows the same channels, and two of them would accept the same coins twice. @throws WorldError `store-moved` for a store in
 * another file than before, unless the owner allows that.
 */
export async function claimStore(store: Store, { path, random, isRecovering }: ClaimOptions): Promise<Uint8Array> {
  const own = await identityOf(store, random);
  const place = placeOf(path);
  const known = await kept(store);
  const before = known?.identity.place;
  if (before !== undefined && isSame(before, place)) return own;
  const isOther = before !== undefined;
  if (isOther && !isRecovering) {
    const hint =
      'If no other program uses this store or the one it was copied from, add --recover: payers then bring back what it lacks. Otherwise do not start it: two stores would accept the same coins twice. See RECOVERY.md.';
    throw new WorldError('store-moved', `${path} is a copy, a restored backup, or was moved from another disk.`, hint);
  }
  await write(store, known, { format: 1, id: bytesToHex(isOther ? random.bytes(BYTES) : own), place });
  return claimStore(store, { path, random, isRecovering });
}

async function write(store: Store, before: Kept | undefined, identity: Identity): Promise<void> {
  await store.commit([{ ...RECORD, expected: before?.version ?? 0, value: JSON.stringify(identity) }]);
}

/**
 * What stays the same when a file is renamed or its disk is mounted again, but differs for a copy: the time when it was made, to the nanosecond.
 * Where the disk does not store that, this time is missing or equals the last change, and only the file number is used.
 */
function placeOf(path: string): Place {
  const { birthtimeNs, ctimeNs, ino } = statSync(path, { bigint: true });
  return { file: String(ino), ...(birthtimeNs > 0n && birthtimeNs !== ctimeNs ? { made: String(birthtimeNs) } : {}) };
}

function isSame(one: Place, other: Place): boolean {
  return one.made === undefined || other.made === undefined ? one.file === other.file : one.made === other.made;
}
