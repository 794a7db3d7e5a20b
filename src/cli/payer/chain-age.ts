import * as z from 'zod';
import type { Height } from '../../core/base/height.ts';
import { decodeStoredJson } from '../../engine/decode-state.ts';
import type { Clock, Store } from '../../engine/ports.ts';
import { lastRead } from '../../engine/sync-cursor.ts';
import { span } from '../terminal/screen.ts';

const RECORD = { kind: 'read', id: 'last' };
const readField = z.object({ at: z.int() });

/** Notes that the chain was read to its tip just now. Of two that do so at once either may be noted. */
export async function noteRead(store: Store, { now }: Clock): Promise<void> {
  const expected = (await store.get(RECORD.kind, RECORD.id))?.version ?? 0;
  await store.commit([{ ...RECORD, expected, value: JSON.stringify({ at: now() }) }]);
}

export interface Age {
  /** The last block that was read, and when the last one was looked for, in Unix milliseconds. */
  readonly facts: { readonly tip?: Height; readonly readAt?: number };
  readonly lines: readonly string[];
}

/** How old that is which a store says. */
export async function ageOf(store: Store, { now }: Clock): Promise<Age> {
  const tip = (await lastRead(store))?.height;
  if (tip === undefined) return { facts: {}, lines: ['The chain was not read yet.'] };
  const record = await store.get(RECORD.kind, RECORD.id);
  if (record === undefined)
    return { facts: { tip }, lines: [`As of block ${tip}, the last that was read; pawment wallet balance reads on.`] };
  const { at: readAt } = decodeStoredJson(readField, 'The record of the last reading', record.value);
  return { facts: { tip, readAt }, lines: [`As of block ${tip}, read ${span(now() - readAt)} ago; pawment wallet balance reads on.`] };
}
