import type { Height } from '../core/base/height.ts';
import type { Chain, Tip } from './ports.ts';

/** The last marks up to this distance are all kept; older ones become sparse. */
const DENSE = 8;

/**
 * The trail one block longer. A mark `d` blocks back stays if its height is a multiple of the power of two next below `d / 8`. So a chain of any
 * length needs a few dozen marks, and a fork at depth `d` is located to within `d / 8`. The first mark always stays.
 */
export function extendLocator(locator: readonly Tip[], mark: Tip): readonly Tip[] {
  const kept = locator.filter(({ height }, i) => i === 0 || height % stride(mark.height - height) === 0);
  return [...kept, mark];
}

function stride(distance: number): number {
  return 2 ** Math.max(0, Math.floor(Math.log2(distance / DENSE)));
}

/** The part of the trail up to `height`. */
export function truncateLocator(locator: readonly Tip[], height: Height): readonly Tip[] {
  return locator.filter((mark) => mark.height <= height);
}

/** The last mark. @throws RangeError for an empty trail, which can't exist. */
export function locatorTip(locator: readonly Tip[]): Tip {
  const head = locator.at(-1);
  if (head === undefined) throw new RangeError('a trail has at least one mark');
  return head;
}

/** The last mark that is still in the best chain. */
export async function findForkPoint(chain: Chain, locator: readonly Tip[]): Promise<Tip | undefined> {
  for (const mark of locator.toReversed()) {
    if ((await chain.block(mark.height))?.hash === mark.hash) return mark;
  }
  return undefined;
}
