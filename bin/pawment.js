#!/usr/bin/env node
// Starts the command line: built (dist) in a package, as it is (src) in a checkout; on a Node that is new enough.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);

if (major > 22 || (major === 22 && minor >= 18)) {
  const source = join(root, 'src', 'cli', 'main.ts');
  const { main } = await import(existsSync(source) ? source : join(root, 'dist', 'cli', 'main.js'));
  await main(process.argv);
} else {
  const node = localNode();
  if (node === undefined) {
    process.stderr.write(`pawment needs Node 22.18 or later; this is ${process.versions.node}.\n`);
    process.exitCode = 2;
  } else {
    const child = spawn(node, [fileURLToPath(import.meta.url), ...process.argv.slice(2)], { stdio: 'inherit' });
    for (const signal of ['SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
    // A terminal sends it to both.
    process.on('SIGINT', () => undefined);
    child.once('exit', (status) => {
      process.exitCode = status ?? 70;
    });
  }
}

/** The Node that the `node` package brings, where it is installed. */
function localNode() {
  try {
    const folder = dirname(createRequire(import.meta.url).resolve('node/package.json'));
    const binary = join(folder, 'bin', 'node');
    return existsSync(binary) ? binary : undefined;
  } catch {
    return undefined;
  }
}
