import type { Height } from '../core/base/height.ts';
import type { BlockMark } from './state.ts';

/** Marks this close to the last are all kept; farther back they thin out. */
const DENSE = 8;

/**
 * The trail one block longer. A mark `d` blocks back stays if its height is a multiple of the power of two next below `d / 8`, so a chain of
 * any length needs a few dozen marks, and a fork is found to within an eighth of the way back. The first mark always stays.
 */
export function extendTrail(trail: readonly BlockMark[], mark: BlockMark): readonly BlockMark[] {
  const kept = trail.filter(({ height }, i) => i === 0 || height % stride(mark.height - height) === 0);
  return [...kept, mark];
}

function stride(distance: number): number {
  return 2 ** Math.max(0, Math.floor(Math.log2(distance / DENSE)));
}

/** The part of the trail up to `height`. */
export function cutTrail(trail: readonly BlockMark[], height: Height): readonly BlockMark[] {
  return trail.filter((mark) => mark.height <= height);
}

/** @throws RangeError for an empty trail, which no wallet has. */
export function headOf(trail: readonly BlockMark[]): BlockMark {
  const head = trail.at(-1);
  if (head === undefined) throw new RangeError('a trail has at least one mark');
  return head;
}
