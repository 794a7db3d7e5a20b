import type { Store } from '../../../src/engine/ports.ts';
import type { Register } from './register.ts';
import { conflictCases } from './store/conflict.ts';
import { handleCases } from './store/handle.ts';
import { listCases } from './store/list.ts';
import { likeAModel } from './store/model.ts';
import { recordCases } from './store/record.ts';

/** Somewhere a store keeps its records. */
export interface StorePlace {
  /** A new handle on the same records. */
  readonly open: () => Promise<Store>;
  /** Called once at the end, with every handle closed. */
  readonly remove: () => Promise<void>;
}

/** What every `Store` must do. `make` gives an empty place for each test. */
export function storeSuite(register: Register, make: () => Promise<StorePlace>): void {
  const withPlace = (name: string, run: (open: () => Promise<Store>) => Promise<void>): void => {
    register(name, async () => {
      const place = await make();
      const handles: Store[] = [];
      const open = async (): Promise<Store> => {
        const store = await place.open();
        handles.push(store);
        return store;
      };
      try {
        await run(open);
      } finally {
        for (const store of handles) await store.close();
        await place.remove();
      }
    });
  };
  for (const [name, run] of [...recordCases, ...conflictCases, ...listCases, ...handleCases]) withPlace(name, run);
  withPlace('does what a plain map would do, whatever is asked of it', likeAModel);
}
