import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { memoryStore } from '../../src/store/memory.ts';
import { openSqlite } from '../../src/store/sqlite.ts';
import { type StorePlace, storeSuite } from './suite/store.ts';

const stores: Readonly<Record<string, () => Promise<StorePlace>>> = {
  memory: async () => {
    const disk = new Map();
    return { open: async () => memoryStore(disk), remove: async () => disk.clear() };
  },
  sqlite: async () => {
    const folder = await mkdtemp(join(tmpdir(), 'pawment-store-'));
    return { open: async () => openSqlite(join(folder, 'store')), remove: () => rm(folder, { recursive: true }) };
  },
};

for (const [name, make] of Object.entries(stores)) {
  describe(`store ${name}`, () => storeSuite(test, make));
}
