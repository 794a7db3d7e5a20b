import type { Store, Write } from '../../../../src/engine/ports.ts';

export type Case = readonly [name: string, run: (open: () => Promise<Store>) => Promise<void>];

export const put = (id: string, expected: number, value: string, kind = 'note'): Write => ({ kind, id, expected, value });
export const drop = (id: string, expected: number, kind = 'note'): Write => ({ kind, id, expected, value: undefined });

/** The ids that a kind lists, in its order. */
export async function ids(store: Store, kind: string): Promise<string[]> {
  const found: string[] = [];
  for await (const { id } of store.list(kind)) found.push(id);
  return found;
}
