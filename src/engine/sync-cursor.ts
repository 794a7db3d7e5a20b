import * as z from 'zod';
import { type Height, height as heightOf } from '../core/base/height.ts';
import { heightField } from '../core/message/fields.ts';
import { locatorTip } from './block-locator.ts';
import { decodeStoredJson } from './decode-state.ts';
import { type Chain, type Store, type Tip, WorldError, type Write } from './ports.ts';
import type { SpendIndex } from './spend-index.ts';

const CURSOR = { kind: 'follow', id: 'trail' };
const marks = z.array(z.strictObject({ height: heightField, hash: z.string() })).min(1);
// Earlier versions stored only the marks.
const trailField = z.union([z.strictObject({ trail: marks, peak: heightField }), marks.transform((trail) => ({ trail, peak: undefined }))]);

/** How far the chain was read, and how much of that is stored: while a view has failed, reading is ahead of what is stored. */
export interface SyncCursor {
  /** Of the stored record. */
  readonly version: number;
  readonly stored: readonly Tip[] | undefined;
  readonly trail: readonly Tip[];
  /** The highest height that was ever read. */
  readonly peak: Height;
}

/** Where the last reading of a store ended, or the tip of the chain. @throws WorldError */
export async function loadCursor(chain: Chain, store: Store): Promise<SyncCursor> {
  const record = await store.get(CURSOR.kind, CURSOR.id);
  if (record === undefined) {
    const trail = await freshLocator(chain);
    return { version: 0, stored: undefined, trail, peak: locatorTip(trail).height };
  }
  const { trail, peak } = readTrail(record.value);
  return { version: record.version, stored: trail, trail, peak: peak ?? locatorTip(trail).height };
}

/**
 * Starts at the tip, with a mark below anything that a reorganisation may remove: a fork has to be found even below the first block that was read.
 */
export async function freshLocator(chain: Chain): Promise<readonly Tip[]> {
  const tip = await chain.tip();
  const below = await chain.block(heightOf(Math.max(0, tip.height - chain.coin.channel.buried)));
  return below === undefined || below.height === tip.height ? [tip] : [{ height: below.height, hash: below.hash }, tip];
}

/** Stores the spends, and, unless a view still has to be delivered, how far the chain was read. @throws WorldError `store-busy` */
export async function saveCursor(store: Store, cursor: SyncCursor, spendIndex: SpendIndex, isThrough: boolean): Promise<SyncCursor> {
  const spends = spendIndex.writes();
  const { trail, peak, version } = cursor;
  const value = JSON.stringify({ trail, peak });
  const moved: readonly Write[] = isThrough && trail !== cursor.stored ? [{ ...CURSOR, expected: version, value }] : [];
  if (moved.length + spends.length === 0) return cursor;
  if (!(await store.commit([...moved, ...spends]))) {
    throw new WorldError('store-busy', 'Another process follows the chain on this store.', 'Run only one process per store.');
  }
  spendIndex.committed(spends);
  return moved.length === 0 ? cursor : { ...cursor, version: version + 1, stored: trail };
}

/** Makes a follower of an empty store continue from a block, as if it had read up to there before. */
export function locatorFrom({ height, hash }: Tip): Write {
  return { ...CURSOR, expected: 0, value: JSON.stringify({ trail: [{ height, hash }], peak: height }) };
}

/**
 * Makes the next follower of a store read the blocks after `mark` again, if it had read farther: for channels that were found later than they began.
 */
export async function followFrom(store: Store, mark: Tip): Promise<readonly Write[]> {
  const record = await store.get(CURSOR.kind, CURSOR.id);
  if (record === undefined) return [locatorFrom(mark)];
  const { trail, peak } = readTrail(record.value);
  const head = locatorTip(trail);
  if (head.height <= mark.height) return [];
  const value = JSON.stringify({ trail: [...trail.filter(({ height }) => height < mark.height), mark], peak: peak ?? head.height });
  return [{ ...CURSOR, expected: record.version, value }];
}

/** How far the chain was read for a store by the last follower; undefined when there was none. @throws WorldError `store-damaged` */
export async function lastRead(store: Store): Promise<Tip | undefined> {
  const record = await store.get(CURSOR.kind, CURSOR.id);
  return record && locatorTip(readTrail(record.value).trail);
}

function readTrail(text: string): z.output<typeof trailField> {
  return decodeStoredJson(trailField, 'The record of the blocks read', text);
}
