import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { after, before, test } from 'node:test';
import { z } from 'zod';
import { Packed, readManifest, run, withNode } from './packed.ts';

const sourceMap = z.object({ sourcesContent: z.array(z.string()) });

/** What the main entry exports besides types. A change here is a change of the public interface. */
const MAIN_EXPORTS = [
  'payee',
  'payer',
  'contracts',
  'coins',
  'refuse',
  'driver',
  'payerEngine',
  'payeeEngine',
  'encodePay',
  'decodePsbt',
  'scriptOf',
];

let packed: Packed;

before(async () => {
  packed = await Packed.install();
});
after(() => packed.remove());

test('the packed package holds what it needs and nothing else', () => {
  const belongs = /^(dist\/.+\.(js|js\.map|d\.ts)|bin\/pawment\.js|(docs|examples)\/[a-z].*|package\.json|[A-Z]+\.md|LICENSE)$/;
  assert.deepEqual(
    packed.files.filter((path) => !belongs.test(path)),
    [],
  );
  assert.deepEqual(
    packed.files.filter((path) => /\.test\./.test(path)),
    [],
    'only tests use it',
  );
});

test('what a page of the package refers to is in it, but for what only a checkout has', async () => {
  const pages = packed.files.filter((path) => path.endsWith('.md'));
  for (const page of ['README.md', 'RECOVERY.md', 'SECURITY.md', 'CHANGELOG.md']) assert.ok(pages.includes(page), page);
  const ofCheckout = /^(?:src|test|bench)\//;
  for (const page of pages) {
    const text = await readFile(packed.path(page), 'utf8');
    const linked = [...text.matchAll(/\]\((?!https?:|#)([^)#]+)/g)].map(([, path = '']) => join(dirname(page), path));
    const named = [...text.matchAll(/`((?:docs|examples)\/[\w./-]+)`/g)].map(([, path = '']) => path);
    for (const path of [...linked, ...named]) if (!ofCheckout.test(path)) assert.ok(existsSync(packed.path(path)), `${page}: ${path}`);
  }
  for (const path of packed.files.filter((name) => name.startsWith('dist/') && name.endsWith('.js'))) {
    const text = await readFile(packed.path(path), 'utf8');
    for (const [name] of text.matchAll(/\b[A-Z]{4,}\.md\b|\b(?:docs|examples)\/[\w/-]+\.\w+/g))
      assert.ok(existsSync(packed.path(name)), `${path}: ${name}`);
  }
});

test('what it takes to run a merchant is in the package, file by file', async () => {
  const there = await readdir(join('examples', 'deploy'), { recursive: true, withFileTypes: true });
  const paths = there.filter((one) => one.isFile()).map(({ parentPath, name }) => join(parentPath, name));
  assert.ok(paths.length > 10);
  for (const path of paths) assert.ok(packed.files.includes(path), path);
});

test('a trace from the package leads to the source, which its maps hold', async () => {
  const map = sourceMap.parse(JSON.parse(await readFile(packed.path('dist/merchant/merchant.js.map'), 'utf8')));
  assert.deepEqual(map.sourcesContent, [await readFile('src/merchant/merchant.ts', 'utf8')]);
});

test('every entry can be imported', async () => {
  const names = await packed.importAll(process.execPath);
  for (const name of MAIN_EXPORTS) assert.ok(names.includes(name), name);
});

test('the command runs where the package is installed', async () => {
  const bin = join(packed.folder, 'node_modules', '.bin', 'pawment');
  const { version } = await readManifest();
  assert.equal((await run(bin, ['--version'], { env: withNode(process.execPath) })).stdout.trim(), version);
  assert.match((await run(bin, ['decode', '51'], { env: withNode(process.execPath) })).stdout, /a script/);
});

test('a shop inside another program has all its parts from the package', async () => {
  await run('cp', ['-r', packed.path('examples'), packed.folder]);
  const { stdout, stderr } = await run(process.execPath, ['examples/embedded/main.ts', join(packed.folder, 'shop')], {
    cwd: packed.folder,
  });
  assert.doesNotMatch(stderr, /Error|WorldError/);
  const said = ['/ 200', '/v1/offer 200', '/v1/ready 200', '/metrics 200', 'the watcher has 0 alarms', 'backups: true, jobs alive: true'];
  assert.deepEqual(stdout.trim().split('\n').slice(1), said);
});

test('the refund by hand runs from the package by the commands of RECOVERY', () => packed.refundByHand(process.execPath));
