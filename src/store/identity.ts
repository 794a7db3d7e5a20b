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
  /** Of the file that it was last used in: a copy is in another. */
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

/** What tells one store from another of the same seed: sixteen random bytes, drawn when they are first asked for. */
export async function identityOf(store: Store, random: Random): Promise<Uint8Array> {
  const known = await kept(store);
  if (known !== undefined) return hexToBytes(known.identity.id);
  await write(store, undefined, { format: 1, id: bytesToHex(random.bytes(BYTES)) });
  // Whoever was first.
  return identityOf(store, random);
}

export interface ClaimOptions {
  /** The store's file. */
  readonly path: string;
  readonly random: Random;
  /** The owner says that no other store of the seed is in use: a copy may go on, under an identity of its own. */
  readonly isRecovering: boolean;
}

/**
 * The identity of a store that is about to be used, where it was used before: a copy of its file, or a backup put in its place, is another store that
 * knows the same channels, and two would take the same coins twice.
 * @throws WorldError `store-moved` for one that was not here before, unless that is ordered.
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
      'If nothing else runs on it, nor on what it was made from, give --recover: payers then bring back what it lacks. Else do not start it: two would take the same coins twice. See RECOVERY.md.';
    throw new WorldError('store-moved', `${path} is a copy, a backup put back, or was moved from another disk.`, hint);
  }
  await write(store, known, { format: 1, id: bytesToHex(isOther ? random.bytes(BYTES) : own), place });
  return claimStore(store, { path, random, isRecovering });
}

async function write(store: Store, before: Kept | undefined, identity: Identity): Promise<void> {
  await store.commit([{ ...RECORD, expected: before?.version ?? 0, value: JSON.stringify(identity) }]);
}

/**
 * What a file keeps when its name changes or its disk is mounted anew, and its copy has not: when it was made, to the nanosecond. Where the disk does
 * not say, there is nothing or the time of the last change, and the number of the file has to do.
 */
function placeOf(path: string): Place {
  const { birthtimeNs, ctimeNs, ino } = statSync(path, { bigint: true });
  return { file: String(ino), ...(birthtimeNs > 0n && birthtimeNs !== ctimeNs ? { made: String(birthtimeNs) } : {}) };
}

function isSame(one: Place, other: Place): boolean {
  return one.made === undefined || other.made === undefined ? one.file === other.file : one.made === other.made;
}
