import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { z } from 'zod';

const run = promisify(execFile);
const packed = z.array(z.object({ filename: z.string(), files: z.array(z.object({ path: z.string() })) }));
const manifest = z.object({ exports: z.record(z.string(), z.string()), version: z.string() });

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

test('the packed package holds what it needs and nothing else, and works where it is installed', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'pawment-package-'));
  try {
    const { stdout } = await run('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', folder]);
    const [tarball] = packed.parse(JSON.parse(stdout));
    assert.ok(tarball !== undefined);
    const stray = tarball.files
      .map(({ path }) => path)
      .filter((path) => !/^(dist\/.+\.(js|d\.ts)|bin\/pawment\.js|package\.json|README\.md|LICENSE)$/.test(path));
    assert.deepEqual(stray, []);

    await writeFile(join(folder, 'package.json'), '{"type":"module"}');
    await run('npm', ['install', '--no-audit', '--no-fund', '--ignore-scripts', '--omit=dev', join(folder, tarball.filename)], {
      cwd: folder,
    });
    const { exports, version } = manifest.parse(JSON.parse(await readFile('package.json', 'utf8')));
    const entries = Object.keys(exports).filter((entry) => entry !== './package.json');
    await writeFile(
      join(folder, 'use.js'),
      `${entries.map((entry) => `await import('pawment${entry.slice(1)}');`).join('\n')}
const names = Object.keys(await import('pawment'));
console.log(JSON.stringify(names));`,
    );
    const used = await run(process.execPath, ['use.js'], { cwd: folder });
    const names = z.array(z.string()).parse(JSON.parse(used.stdout));
    for (const name of MAIN_EXPORTS) assert.ok(names.includes(name), name);

    const bin = join(folder, 'node_modules', '.bin', 'pawment');
    const env = { ...process.env, PATH: `${dirname(process.execPath)}:${process.env['PATH'] ?? ''}` };
    assert.equal((await run(bin, ['--version'], { env })).stdout.trim(), version);
    assert.match((await run(bin, ['decode', '51'], { env })).stdout, /a script/);
  } finally {
    await rm(folder, { recursive: true });
  }
});
