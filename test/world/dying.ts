import fc from 'fast-check';
import { type Store, WorldError } from '../../src/engine/ports.ts';
import type { Fate } from './duplex-world.ts';

/** What befalls one action: one of its messages is lost, or one side's program dies at one of its commits. */
export interface Mishap<Who extends string> {
  readonly loss?: { readonly at: number; readonly fate: Fate };
  readonly crash?: { readonly who: Who; readonly at: number; readonly isStored: boolean };
}

/** The first ones of an action are where most happens. */
const places = fc.oneof(fc.nat(3), fc.nat(8));

export function mishapsOf<Who extends string>(...all: readonly Who[]): fc.Arbitrary<Mishap<Who>> {
  return fc.oneof(
    { weight: 3, arbitrary: fc.constant({}) },
    {
      weight: 3,
      arbitrary: fc.record({
        loss: fc.record({ at: places, fate: fc.constantFrom<Fate>('request-lost', 'reply-lost') }),
      }),
    },
    {
      weight: 4,
      arbitrary: fc.record({
        crash: fc.record({ who: fc.constantFrom<Who[]>(...all), at: places, isStored: fc.boolean() }),
      }),
    },
  );
}

/** Stores of programs that die at a commit: nothing of theirs is read or written any more. */
export class Dying<Who extends string> {
  next?: { readonly who: Who; at: number; readonly isStored: boolean };
  readonly #dead = new Set<Who>();

  dead(): readonly Who[] {
    const all = [...this.#dead];
    this.#dead.clear();
    return all;
  }

  store(who: Who, store: Store): Store {
    let isDead = false;
    const gone = (): WorldError => new WorldError('store-closed', 'the program has died', 'Start it again.');
    const alive = <Result>(work: () => Result): Result => {
      if (isDead) throw gone();
      return work();
    };
    return {
      get: async (kind, id) => alive(() => store.get(kind, id)),
      list: (kind) => alive(() => store.list(kind)),
      commit: async (writes) => {
        const { next } = this;
        if (isDead) throw gone();
        if (next?.who !== who || next.at-- > 0) return store.commit(writes);
        if (next.isStored) await store.commit(writes);
        isDead = true;
        delete this.next;
        this.#dead.add(who);
        throw gone();
      },
      close: async () => undefined,
    };
  }
}
