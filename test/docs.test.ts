import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { z } from 'zod';
import { blocks, commands, runCommands, TOP_LEVEL } from './readme.ts';

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

test('every other command of the README runs as written, one after the other', async () => {
  const lines = commands();
  assert.ok(lines.length > 10);
  await runCommands(lines, {});
});

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
