import { createInterface } from 'node:readline/promises';
import { Writable } from 'node:stream';
import { WorldError } from '../../engine/ports.ts';
import type { Config } from '../config.ts';
import { answered } from './prompt.ts';

/** Regtest money is worth nothing: its seed files open with this, unless another is given. */
const REGTEST_PASSPHRASE = 'regtest';

/** Whether somebody gives a passphrase, or the one that everybody knows is taken. */
export function isAsked({ coin, passphrase }: Config): boolean {
  return passphrase !== undefined || coin.network !== 'regtest';
}

/**
 * The passphrase of the seed file: from where it is kept, or asked for without showing it.
 * @throws WorldError `wallet-locked` when nobody can be asked, `config` for an empty one, or a file of it that can't be read.
 */
export async function passphraseFor({ coin, passphrase }: Config): Promise<string> {
  const given = passphrase ?? (coin.network === 'regtest' ? REGTEST_PASSPHRASE : await ask());
  if (given === '')
    throw new WorldError(
      'config',
      'A seed needs a passphrase.',
      'Set PAWMENT_PASSPHRASE, name a file that holds it (--passphrase-file), or type one when asked.',
    );
  return given;
}

async function ask(): Promise<string> {
  if (!process.stdin.isTTY) {
    throw new WorldError(
      'wallet-locked',
      'The passphrase is not known and nobody can be asked.',
      'Set PAWMENT_PASSPHRASE, or name a file that holds it: --passphrase-file.',
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
