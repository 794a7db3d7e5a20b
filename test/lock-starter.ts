import { WorldError } from '../src/engine/ports.ts';
import { lockDatadir } from '../src/store/datadir-lock.ts';

/** A process that tries to hold data folders: `{ take }` answers whether it does, with what was said where not; `{ give: true }` gives up. */
let release: (() => void) | undefined;

process.on('message', (order: { readonly take?: string; readonly give?: true }) => {
  if (order.give === true) release?.();
  process.send?.(order.take === undefined ? 'given' : taken(order.take));
});
process.on('disconnect', () => process.exit());

function taken(folder: string): string {
  try {
    release = lockDatadir(folder, 'merchant');
    return 'held';
  } catch (error) {
    if (!(error instanceof WorldError)) throw error;
    return error.message;
  }
}
