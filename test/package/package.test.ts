import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { z } from 'zod';
import { createRegtest } from '../../src/chain/regtest/regtest.ts';
import { amount } from '../../src/core/base/amount.ts';
import { bytesToHex, hexToBytes } from '../../src/core/base/bytes.ts';
import { height } from '../../src/core/base/height.ts';
import { dogecoinRegtest as coin } from '../../src/core/coin/dogecoin.ts';
import { cltv } from '../../src/core/contract/cltv.ts';
import { p2sh } from '../../src/core/tx/script.ts';
import { signer } from '../../src/core/tx/sign.ts';
import { decodeTransaction } from '../../src/core/tx/transaction.ts';
import { seedKeyRing } from '../../src/wallet/keyring.ts';
import { seedOf } from '../../src/wallet/mnemonic.ts';

const run = promisify(execFile);
const packed = z.array(z.object({ filename: z.string(), files: z.array(z.object({ path: z.string() })) }));
const manifest = z.object({ exports: z.record(z.string(), z.string()), version: z.string() });
const sourceMap = z.object({ sourcesContent: z.array(z.string()) });
const env = { ...process.env, PATH: `${dirname(process.execPath)}:${process.env['PATH'] ?? ''}` };

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

/** An empty project, with nothing but the packed package in it. */
let folder = '';
let files: readonly string[] = [];
const inPackage = (path: string): string => join(folder, 'node_modules', 'pawment', path);

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pawment-package-'));
  const { stdout } = await run('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', folder]);
  const [tarball] = packed.parse(JSON.parse(stdout));
  assert.ok(tarball !== undefined);
  files = tarball.files.map(({ path }) => path);
  await writeFile(join(folder, 'package.json'), '{"type":"module"}');
  const flags = ['--no-audit', '--no-fund', '--ignore-scripts', '--omit=dev', '--prefer-offline'];
  await run('npm', ['install', ...flags, join(folder, tarball.filename)], { cwd: folder });
});
after(() => rm(folder, { recursive: true }));

test('the packed package holds what it needs and nothing else', () => {
  const belongs = /^(dist\/.+\.(js|js\.map|d\.ts)|bin\/pawment\.js|(docs|examples)\/[a-z].*|package\.json|[A-Z]+\.md|LICENSE)$/;
  assert.deepEqual(
    files.filter((path) => !belongs.test(path)),
    [],
  );
  assert.deepEqual(
    files.filter((path) => path.startsWith('dist/testing/') || /\.test\.|\/fixture\./.test(path)),
    [],
    'only tests use it',
  );
});

test('what a page of the package refers to is in it, but for what only a checkout has', async () => {
  const pages = files.filter((path) => path.endsWith('.md'));
  for (const page of ['README.md', 'RECOVERY.md', 'SECURITY.md', 'CHANGELOG.md']) assert.ok(pages.includes(page), page);
  const ofCheckout = /^(?:src|test|bench)\//;
  for (const page of pages) {
    const text = await readFile(inPackage(page), 'utf8');
    const linked = [...text.matchAll(/\]\((?!https?:|#)([^)#]+)/g)].map(([, path = '']) => join(dirname(page), path));
    const named = [...text.matchAll(/`((?:docs|examples)\/[\w./-]+)`/g)].map(([, path = '']) => path);
    for (const path of [...linked, ...named]) if (!ofCheckout.test(path)) assert.ok(existsSync(inPackage(path)), `${page}: ${path}`);
  }
  for (const path of files.filter((name) => name.startsWith('dist/') && name.endsWith('.js'))) {
    const text = await readFile(inPackage(path), 'utf8');
    for (const [name] of text.matchAll(/\b[A-Z]{4,}\.md\b|\b(?:docs|examples)\/[\w/-]+\.\w+/g))
      assert.ok(existsSync(inPackage(name)), `${path}: ${name}`);
  }
});

test('a trace from the package leads to the source, which its maps hold', async () => {
  const map = sourceMap.parse(JSON.parse(await readFile(inPackage('dist/merchant/merchant.js.map'), 'utf8')));
  assert.deepEqual(map.sourcesContent, [await readFile('src/merchant/merchant.ts', 'utf8')]);
});

test('every entry can be imported', async () => {
  const { exports } = manifest.parse(JSON.parse(await readFile('package.json', 'utf8')));
  const entries = Object.keys(exports).filter((entry) => entry !== './package.json');
  const imports = entries.map((entry) => `await import('pawment${entry.slice(1)}');`);
  await writeFile(join(folder, 'use.js'), `${imports.join('\n')}\nconsole.log(JSON.stringify(Object.keys(await import('pawment'))));`);
  const used = await run(process.execPath, ['use.js'], { cwd: folder });
  const names = z.array(z.string()).parse(JSON.parse(used.stdout));
  for (const name of MAIN_EXPORTS) assert.ok(names.includes(name), name);
});

test('the command runs where the package is installed', async () => {
  const bin = join(folder, 'node_modules', '.bin', 'pawment');
  const { version } = manifest.parse(JSON.parse(await readFile('package.json', 'utf8')));
  assert.equal((await run(bin, ['--version'], { env })).stdout.trim(), version);
  assert.match((await run(bin, ['decode', '51'], { env })).stdout, /a script/);
});

test('a shop inside another program has all its parts from the package', async () => {
  await run('cp', ['-r', inPackage('examples'), folder]);
  const { stdout, stderr } = await run(process.execPath, ['examples/embedded/main.ts', join(folder, 'shop')], { cwd: folder });
  assert.doesNotMatch(stderr, /Error|WorldError/);
  const said = ['/ 200', '/v1/offer 200', '/v1/ready 200', '/metrics 200', 'the watcher has 0 alarms', 'backups: true, jobs alive: true'];
  assert.deepEqual(stdout.trim().split('\n').slice(1), said);
});

test('the refund by hand runs from the package by the commands of RECOVERY', async () => {
  const text = await readFile(inPackage('RECOVERY.md'), 'utf8');
  const byHand = text.slice(text.indexOf('### By hand'));
  const commands = [...byHand.matchAll(/^ {7}((?:npm|cp|node) .+)$/gm)].map(([, command = '']) => command);
  // Done already, with the tarball.
  assert.equal(commands.shift(), 'npm install pawment');
  assert.equal(commands.length, 2);

  const words = 'abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon about';
  await writeFile(join(folder, 'words.txt'), words);
  const regtest = createRegtest({ coin });
  regtest.mine(1400);
  const payerKey = seedKeyRing(coin, seedOf(words)).signer("m/44'/1'/1'/0/3").publicKey;
  const expiry = height(regtest.tip.height + 1);
  const redeemScript = cltv.redeemScript({ payerKey, payeeKey: signer(new Uint8Array(32).fill(5)).publicKey, expiry });
  const value = amount(2_500_000_000n);
  const funding = regtest.fund(p2sh(redeemScript), value) ?? assert.fail();
  const vout = funding.transaction.outputs.findIndex((output) => output.value === value);
  regtest.mine(1);
  const given: Readonly<Record<string, string>> = {
    ...{ '<redeem script>': bytesToHex(redeemScript), '<txid>:<vout>': `${funding.txid}:${vout}`, '<amount>': '25' },
    ...{ '<return address>': regtest.newAddress(), ' dogecoin ': ` ${coin.id} ` },
  };
  const filled = (command: string): string =>
    Object.entries(given).reduce((whole, [place, instead]) => whole.replace(place, instead), command);
  const { stdout } = await run('sh', ['-ec', commands.map(filled).join('\n')], { cwd: folder, env });
  const refund = decodeTransaction(hexToBytes(stdout.trim())) ?? assert.fail();
  assert.equal(regtest.broadcast(refund).kind, 'accepted');
});
