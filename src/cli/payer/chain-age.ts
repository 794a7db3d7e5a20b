import * as z from 'zod';
import type { Height } from '../../core/base/height.ts';
import { decodeStoredJson } from '../../engine/decode-state.ts';
import type { Clock, Store } from '../../engine/ports.ts';
import { lastRead } from '../../engine/sync-cursor.ts';
import { span } from '../terminal/screen.ts';

const RECORD = { kind: 'read', id: 'last' };
const readField = z.object({ at: z.int() });

/** Records that the chain was read to its tip just now. If two processes do so at once, either record may remain. */
export async function noteRead(store: Store, { now }: Clock): Promise<void> {
  const expected = (await store.get(RECORD.kind, RECORD.id))?.version ?? 0;
  await store.commit([{ ...RECORD, expected, value: JSON.stringify({ at: now() }) }]);
}

export interface Age {
  /** The last block that was read, and when the chain was last read, in Unix milliseconds. */
  readonly facts: { readonly tip?: Height; readonly readAt?: number };
  readonly lines: readonly string[];
}

/** How old the store's data is. */
export async function ageOf(store: Store, { now }: Clock): Promise<Age> {
  const tip = (await lastRead(store))?.height;
  if (tip === undefined) return { facts: {}, lines: ['The chain has not been read yet.'] };
  const record = await store.get(RECORD.kind, RECORD.id);
  if (record === undefined)
    return { facts: { tip }, lines: [`As of block ${tip}, the last one read; to read the chain again: pawment wallet balance`] };
  const { at: readAt } = decodeStoredJson(readField, 'The record of the last reading', record.value);
  return {
    facts: { tip, readAt },
    lines: [`As of block ${tip}, read ${span(now() - readAt)} ago; to read the chain again: pawment wallet balance`],
  };
}
