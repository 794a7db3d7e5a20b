import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { z } from 'zod';

const manifest = z.object({ exports: z.record(z.string(), z.string()) });

/** Bytes of the code, minified, with all that it imports; what Node or a native build brings is left out. */
async function bundled(code: string, platform: 'browser' | 'node'): Promise<number> {
  const flags = ['--bundle', '--minify', '--format=esm', `--platform=${platform}`, '--log-level=error', '--external:secp256k1'];
  const child = spawn(join('node_modules', '.bin', 'esbuild'), flags, { stdio: ['pipe', 'pipe', 'inherit'] });
  let bytes = 0;
  child.stdout.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
  });
  child.stdin.end(code);
  assert.deepEqual(await once(child, 'close'), [0, null]);
  return bytes;
}

const KB = 1_000;

test('who imports one thing pays for one thing', async () => {
  const formatter = await bundled("export { formatAmount } from './dist/index.js'", 'browser');
  assert.ok(formatter > 100 && formatter <= 5 * KB, `one formatter: ${formatter}`);
  const machines = await bundled("export { payer, payee } from './dist/index.js'", 'browser');
  assert.ok(machines > 50 * KB && machines <= 120 * KB, `the two machines: ${machines}`);
});

/** Kilobytes that each entry may have as a whole, all dependencies in it. A new one is said here. */
const MOST: Readonly<Record<string, number>> = {
  '.': 425,
  './payer': 390,
  './merchant': 315,
  './hub': 260,
  './hub/pending': 1,
  './payer/via': 225,
  './merchant/terms': 105,
  './duplex/agent': 220,
  './duplex/merchant': 260,
  './payer/watch/folder': 220,
  './payer/watch/watcher': 245,
  './payer/watch/writer': 220,
  './wallet': 290,
  './wallet/keyring': 65,
  './wallet/mnemonic': 35,
  './bitcoinj': 220,
  './transport/tcp/connect': 7,
  './transport/tcp/serve': 25,
  './chain/core-rpc': 120,
  './chain/regtest': 110,
  './chain/regtest/port': 2,
  './chain/regtest/server': 50,
  './store/identity': 95,
  './store/memory': 2,
  './store/part': 1,
  './store/sqlite': 10,
  './transport/http/client': 225,
  './transport/http/serve': 305,
  './transport/quota': 2,
  './engine/signer': 45,
  './engine/verifier': 1235,
  './engine/jobs': 1,
  './merchant/figures': 11,
  './merchant/metrics': 75,
  './merchant/tally': 6,
  './merchant/watch/folder': 225,
  './merchant/watch/watcher': 250,
  './merchant/watch/writer': 30,
  './store/backup': 230,
  './store/lock': 4,
  './store/probed': 1,
  './transport/http/routes': 275,
  './wallet/seed-disk': 130,
  './wallet/seed-file': 125,
};

test('no entry grows unnoticed', async () => {
  const { exports } = manifest.parse(JSON.parse(await readFile('package.json', 'utf8')));
  const entries = Object.entries(exports).filter(([entry]) => entry !== './package.json');
  assert.deepEqual(new Set(Object.keys(MOST)), new Set(entries.map(([entry]) => entry)));
  for (const [entry, path] of entries) {
    const size = await bundled(`export * from '${path}'`, 'node');
    assert.ok(size <= (MOST[entry] ?? 0) * KB, `${entry}: ${size}`);
  }
});
