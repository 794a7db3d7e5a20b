import { createInterface } from 'node:readline/promises';
import { Writable } from 'node:stream';
import { WorldError } from '../../engine/ports.ts';
import type { Config } from '../config.ts';
import { answered } from './prompt.ts';

/** Regtest money is worth nothing: its seed files open with this, unless another is given. */
const REGTEST_PASSPHRASE = 'regtest';

/** Whether a passphrase is given or has to be typed; otherwise the well-known one is used. */
export function isAsked({ coin, passphrase }: Config): boolean {
  return passphrase !== undefined || coin.network !== 'regtest';
}

/**
 * The passphrase of the seed file: from where it is stored, or typed without being shown. @throws WorldError `wallet-locked` when nobody can be
 * asked, `config` for an empty one, or if its file can't be read.
 */
export async function passphraseFor({ coin, passphrase }: Config): Promise<string> {
  const given = passphrase ?? (coin.network === 'regtest' ? REGTEST_PASSPHRASE : await ask());
  if (given === '')
    throw new WorldError(
      'config',
      'A seed needs a passphrase.',
      'Set PAWMENT_PASSPHRASE, use a file with it (--passphrase-file), or type one when asked.',
    );
  return given;
}

async function ask(): Promise<string> {
  if (!process.stdin.isTTY) {
    throw new WorldError(
      'wallet-locked',
      'The passphrase is unknown, and there is no terminal to ask at.',
      'Set PAWMENT_PASSPHRASE, or use a file with it: --passphrase-file.',
    );
  }
  const silent = new Writable({ write: (_chunk, _encoding, done) => done() });
  const lines = createInterface({ input: process.stdin, output: silent, terminal: true });
  lines.once('SIGINT', () => process.stderr.write('\n'));
  process.stderr.write('Passphrase: ');
  const answer = await answered(lines, '');
  process.stderr.write('\n');
  return answer;
}
