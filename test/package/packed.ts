import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
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

const execute = promisify(execFile);
const tarballs = z.array(z.object({ filename: z.string(), files: z.array(z.object({ path: z.string() })) }));
const manifest = z.object({ exports: z.record(z.string(), z.string()), version: z.string(), engines: z.object({ node: z.string() }) });

/** What package.json says of the package. */
export interface Manifest {
  readonly exports: Readonly<Record<string, string>>;
  readonly version: string;
  readonly engines: { readonly node: string };
}

export async function readManifest(): Promise<Manifest> {
  return manifest.parse(JSON.parse(await readFile('package.json', 'utf8')));
}

export function run(
  file: string,
  args: readonly string[],
  options: { readonly cwd?: string; readonly env?: NodeJS.ProcessEnv } = {},
): Promise<{ readonly stdout: string; readonly stderr: string }> {
  return execute(file, args, options);
}

/** An empty project, with nothing but the packed package in it. */
export class Packed {
  readonly folder: string;
  /** What the tarball holds. */
  readonly files: readonly string[];

  private constructor(folder: string, files: readonly string[]) {
    this.folder = folder;
    this.files = files;
  }

  static async install(): Promise<Packed> {
    const folder = await mkdtemp(join(tmpdir(), 'pawment-package-'));
    const { stdout } = await run('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', folder]);
    const [tarball] = tarballs.parse(JSON.parse(stdout));
    assert.ok(tarball !== undefined);
    await writeFile(join(folder, 'package.json'), '{"type":"module"}');
    const flags = ['--no-audit', '--no-fund', '--ignore-scripts', '--omit=dev', '--prefer-offline'];
    await run('npm', ['install', ...flags, join(folder, tarball.filename)], { cwd: folder });
    return new Packed(
      folder,
      tarball.files.map(({ path }) => path),
    );
  }

  path(inPackage: string): string {
    return join(this.folder, 'node_modules', 'pawment', inPackage);
  }

  /** Imports every entry in this Node. @returns the names of the main one. */
  async importAll(node: string): Promise<readonly string[]> {
    const { exports } = await readManifest();
    const entries = Object.keys(exports).filter((entry) => entry !== './package.json');
    const imports = entries.map((entry) => `await import('pawment${entry.slice(1)}');`);
    await writeFile(
      join(this.folder, 'use.js'),
      `${imports.join('\n')}\nconsole.log(JSON.stringify(Object.keys(await import('pawment'))));`,
    );
    const used = await run(node, ['use.js'], { cwd: this.folder });
    return z.array(z.string()).parse(JSON.parse(used.stdout));
  }

  /** Makes a refund by the commands of RECOVERY, as they stand there, in this Node; a chain takes it. */
  async refundByHand(node: string): Promise<void> {
    const text = await readFile(this.path('RECOVERY.md'), 'utf8');
    const byHand = text.slice(text.indexOf('### By hand'));
    const commands = [...byHand.matchAll(/^ {7}((?:npm|cp|node) .+)$/gm)].map(([, command = '']) => command);
    // Done already, with the tarball.
    assert.equal(commands.shift(), 'npm install pawment');
    assert.equal(commands.length, 2);

    const words = 'abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon about';
    await writeFile(join(this.folder, 'words.txt'), words);
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
    const { stdout } = await run('sh', ['-ec', commands.map(filled).join('\n')], { cwd: this.folder, env: withNode(node) });
    const refund = decodeTransaction(hexToBytes(stdout.trim())) ?? assert.fail();
    assert.equal(regtest.broadcast(refund).kind, 'accepted');
  }

  remove(): Promise<void> {
    return rm(this.folder, { recursive: true });
  }
}

/** An environment in which `node` is this one. */
export function withNode(node: string): NodeJS.ProcessEnv {
  return { ...process.env, PATH: `${dirname(node)}:${process.env['PATH'] ?? ''}` };
}
