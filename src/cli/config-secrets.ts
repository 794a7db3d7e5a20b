import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { WorldError } from '../engine/ports.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/** Names of secrets in the credential store of systemd: `LoadCredential=passphrase:/etc/pawment/passphrase`. */
export const CREDENTIALS = { passphrase: 'passphrase', rpcPassword: 'rpc-password' } as const;

/** Files that hold the passphrase: one that a flag names goes before the environment's word, one that is named otherwise does not. */
export interface PassphraseFiles {
  readonly byFlag: string | undefined;
  readonly otherwise: string | undefined;
}

/** From a file, the environment or the credential store; undefined where it is in none. @throws WorldError `config` for a file that is no good. */
export function passphrase(env: Environment, { byFlag, otherwise }: PassphraseFiles): string | undefined {
  if (byFlag !== undefined) return secretFile(byFlag);
  const spoken = env['PAWMENT_PASSPHRASE'];
  if (spoken !== undefined) return spoken;
  return otherwise === undefined ? credential(env, CREDENTIALS.passphrase) : secretFile(otherwise);
}

/** The node's: from the environment, the config file or the credential store. @throws WorldError `config` */
export function rpcPassword(env: Environment, configured: string | undefined): string | undefined {
  return env['PAWMENT_RPC_PASSWORD'] ?? configured ?? credential(env, CREDENTIALS.rpcPassword);
}

/** systemd shows a service the credentials of its unit, and nobody else: who may read them is its business. */
function credential(env: Environment, name: string): string | undefined {
  const folder = env['CREDENTIALS_DIRECTORY'];
  const path = folder === undefined ? undefined : join(folder, name);
  return path === undefined || !existsSync(path) ? undefined : contentsOf(path);
}

/** A group may read it: containers give secrets away so. */
function secretFile(path: string): string {
  const secret = contentsOf(path);
  if ((statSync(path).mode & 0o007) === 0) return secret;
  throw new WorldError('config', `${path} holds a secret, and everybody can get at it.`, `chmod 600 ${path}`);
}

/** Editors end a line that nobody typed. */
function contentsOf(path: string): string {
  try {
    return readFileSync(path, 'utf8').replace(/\r?\n$/, '');
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new WorldError('config', `The secret in ${path} can’t be read: ${reason}.`, 'Name a file that this user may read.', error);
  }
}
