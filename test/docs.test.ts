import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { z } from 'zod';
import { dogecoin, dogecoinRegtest } from '../src/core/coin/dogecoin.ts';
import { assertAllDone, atFreePorts, blocks, commandBlocks, ownNetwork, paste, TOP_LEVEL } from './readme.ts';

const run = promisify(execFile);
const manifest = z.object({ scripts: z.record(z.string(), z.string()) });

test('the top-level commands of the README name scripts that exist', async () => {
  const { scripts } = manifest.parse(JSON.parse(await readFile('package.json', 'utf8')));
  for (const command of TOP_LEVEL) {
    assert.ok(
      blocks('sh').some((text) => text.trim() === command),
      `${command} stands in the README`,
    );
    for (const [, name = ''] of command.matchAll(/npm run ([\w:]+)/g)) assert.ok(name in scripts, name);
  }
});

test('the other blocks of the README work, each pasted at once into the shell of a user who has nothing yet', async () => {
  const texts = commandBlocks();
  assert.ok(texts.length > 3);
  // Other programs may have the ports that the README names, where nobody can make a network without them.
  assertAllDone(await paste(ownNetwork === undefined ? await atFreePorts(texts) : texts, { within: ownNetwork }));
});

test('with other programs on the usual ports the chain goes elsewhere and is found; a merchant says what to do, and what asks for it there that it is none', async () => {
  const others = await Promise.all([dogecoinRegtest.rpcPort, dogecoin.rpcPort, 8402].map(otherProgram));
  try {
    const [first = ''] = commandBlocks();
    const { shown, failed } = await paste([first, 'wait $! || true']);
    assert.match(
      shown,
      /Another program uses port 18332\. This chain uses a free one; commands on this machine find it there\. --port sets another\./,
    );
    assert.match(shown, /^500 DOGE$/m);
    assert.match(shown, /Can't listen on 127\.0\.0\.1:8402: another program does\.\nStop it, or use another address: --listen\./);
    // What had the port before this test did may be anything, also a merchant.
    if (others.at(-1) === undefined) return;
    assert.deepEqual(failed, ['npx pawment offer http://127.0.0.1:8402'], shown);
    assert.match(shown, /Check that the address is that of a merchant\./);
  } finally {
    for (const other of others) other?.closeAllConnections();
    await Promise.all(others.map((other) => other?.[Symbol.asyncDispose]()));
  }
});

/** An HTTP server at that port, unless something has it already. */
async function otherProgram(port: number): Promise<Server | undefined> {
  const server = createServer((_, response) => response.writeHead(404).end('no'));
  const isUp = new Promise<boolean>((resolve) => {
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => resolve(true));
  });
  return (await isUp) ? server : undefined;
}

test('the code of the README runs as written', async () => {
  const samples = blocks('ts');
  assert.ok(samples.length > 0);
  for (const [i, text] of samples.entries()) {
    // Inside the checkout, so that the package finds itself by name.
    const file = join('examples', `.readme-${i}.ts`);
    await writeFile(file, text);
    try {
      const { stdout } = await run(process.execPath, [file]);
      assert.match(stdout, /DOGE 1\.5/);
    } finally {
      await rm(file);
    }
  }
});

test('the example of one channel runs', async () => {
  const { stdout } = await run(process.execPath, ['examples/one-channel/main.ts']);
  assert.match(stdout, /cup 3: 0\.3 DOGE paid so far\nclosed: 19\.\d+ DOGE are back/);
});

test('the examples of bitcoinj’s protocol run at each of the three levels', async () => {
  const said = async (name: string): Promise<string> => (await run(process.execPath, [`examples/bitcoinj/${name}.ts`])).stdout;
  assert.match(await said('machines'), /^\d+ bytes pay 150000000 more, 150000000 of 2000000000 koinu\n$/);
  assert.equal(await said('protocol'), 'a cup of coffee\n');
  assert.match(await said('tcp'), /a cup of tea, 0\.31351 DOGE paid so far\nsettled with 2 outputs\n$/);
});
