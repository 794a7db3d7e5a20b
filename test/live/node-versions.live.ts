import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { Packed, readManifest, run, withNode } from '../package/packed.ts';

// The package in the oldest Node that it says it runs in, and in the newest there is.

const { engines } = await readManifest();
const oldest = /^>=(\d+\.\d+)$/.exec(engines.node)?.[1] ?? assert.fail(engines.node);

let packed: Packed;
before(async () => {
  packed = await Packed.install();
});
after(() => packed.remove());

for (const version of [`${oldest}.0`, 'latest']) {
  describe(`the package in Node ${version}`, { timeout: 600_000 }, () => {
    let folder = '';
    let node = '';
    before(async () => {
      folder = await mkdtemp(join(tmpdir(), 'pawment-node-'));
      await writeFile(join(folder, 'package.json'), '{}');
      await run('npm', ['install', '--no-audit', '--no-fund', `node@${version}`], { cwd: folder });
      node = join(folder, 'node_modules', 'node', 'bin', 'node');
      const { stdout } = await run(node, ['--version']);
      assert.ok(version === 'latest' || stdout.trim() === `v${version}`, stdout);
    });
    after(() => rm(folder, { recursive: true }));

    test('has all its entries', async () => {
      assert.ok((await packed.importAll(node)).includes('payee'));
    });

    test('has its command', async () => {
      const bin = join(packed.folder, 'node_modules', '.bin', 'pawment');
      assert.match((await run(bin, ['decode', '51'], { env: withNode(node) })).stdout, /a script/);
    });

    test('makes the refund by hand by the commands of RECOVERY', () => packed.refundByHand(node));
  });
}
