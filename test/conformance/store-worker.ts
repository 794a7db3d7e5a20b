import { writeSync } from 'node:fs';
import { openSqlite } from '../../src/store/sqlite.ts';

// A process of its own for store-process.test.ts: `pairs` writes until it is killed, `count <n>` adds n to a counter that others add to as well.
const [, , path = '', task, count = '0'] = process.argv;
const store = openSqlite(path);

const versionOf = async (id: string): Promise<number> => (await store.get('note', id))?.version ?? 0;

/** Writes both halves of a pair in one commit, again and again, and says so after each acknowledgement. */
async function writePairs(pair: number): Promise<never> {
  for (let version = await versionOf(`left${pair}`); ; version++) {
    const value = `${pair}:${version + 1}`;
    const committed = await store.commit(['left', 'right'].map((side) => ({ kind: 'note', id: side + pair, expected: version, value })));
    if (!committed) throw new Error(`pair ${pair} moved on by itself at ${version}`);
    writeSync(1, `${pair} ${version + 1}\n`);
  }
}

async function addOne(): Promise<void> {
  for (;;) {
    const record = await store.get('note', 'counter');
    const value = String(Number(record?.value ?? 0) + 1);
    if (await store.commit([{ kind: 'note', id: 'counter', expected: record?.version ?? 0, value }])) return;
  }
}

if (task === 'pairs') await Promise.all(Array.from({ length: 8 }, (_, pair) => writePairs(pair)));
for (let i = 0; i < Number(count); i++) await addOne();
await store.close();
