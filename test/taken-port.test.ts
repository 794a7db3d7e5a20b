import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Server } from 'node:net';
import { after, before, test } from 'node:test';
import { z } from 'zod';
import { CommandLine } from './command-line.ts';

let cli: CommandLine;
let other: Server;
/** Where somebody else listens. */
let taken: string;

before(async () => {
  cli = await CommandLine.open();
  other = createServer().listen(0, '127.0.0.1');
  await once(other, 'listening');
  const address = other.address();
  assert.ok(typeof address === 'object' && address !== null);
  taken = `127.0.0.1:${address.port}`;
});
after(async () => {
  other.close();
  await cli.close();
});

const FREE = '127.0.0.1:0';

for (const [name, words] of Object.entries({
  'for HTTP': ['--listen', () => taken, '--bitcoinj', () => FREE],
  'for bitcoinj': ['--listen', () => FREE, '--bitcoinj', () => taken],
  'for figures': ['--listen', () => FREE, '--bitcoinj', () => FREE, '--metrics', () => taken],
})) {
  test(`a merchant whose port ${name} is taken says so and ends, whatever it has opened by then`, { timeout: 60_000 }, async () => {
    const given = words.map((word) => (typeof word === 'string' ? word : word()));
    const { code, out } = await cli.run('merchant', 'merchant', ...given);
    const { error, message } = z.object({ error: z.string(), message: z.string() }).parse(out);
    assert.deepEqual([code, error], [2, 'config']);
    assert.ok(message.includes(taken), message);
  });
}

test('a merchant that could not open has let go of its folder: the next one opens', async () => {
  await cli.serve('merchant', 'merchant', '--listen', FREE, '--bitcoinj', FREE);
});
