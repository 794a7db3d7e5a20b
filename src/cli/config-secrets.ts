import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { WorldError } from '../engine/ports.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/** Names of secrets in systemd's credential store: `LoadCredential=passphrase:/etc/pawment/passphrase`. */
export const CREDENTIALS = { passphrase: 'passphrase', rpcPassword: 'rpc-password' } as const;

/** Files with the passphrase: one given by a flag goes before the environment variable, one given in another way does not. */
export interface PassphraseFiles {
  readonly byFlag: string | undefined;
  readonly otherwise: string | undefined;
}

/** From a file, the environment or the credential store; undefined where none has it. @throws WorldError `config` for a file that can't be used. */
export function passphrase(env: Environment, { byFlag, otherwise }: PassphraseFiles): string | undefined {
  if (byFlag !== undefined) return secretFile(byFlag);
  const spoken = env['PAWMENT_PASSPHRASE'];
  if (spoken !== undefined) return spoken;
  return otherwise === undefined ? credential(env, CREDENTIALS.passphrase) : secretFile(otherwise);
}

/** The node's password: from the environment, the config file or the credential store. @throws WorldError `config` */
export function rpcPassword(env: Environment, configured: string | undefined): string | undefined {
  return env['PAWMENT_RPC_PASSWORD'] ?? configured ?? credential(env, CREDENTIALS.rpcPassword);
}

/** systemd gives a service only the credentials of its own unit, and controls who may read them. */
function credential(env: Environment, name: string): string | undefined {
  const folder = env['CREDENTIALS_DIRECTORY'];
  const path = folder === undefined ? undefined : join(folder, name);
  return path === undefined || !existsSync(path) ? undefined : contentsOf(path);
}

/** A group may read it: containers pass secrets on in this way. */
function secretFile(path: string): string {
  const secret = contentsOf(path);
  if ((statSync(path).mode & 0o007) === 0) return secret;
  throw new WorldError('config', `${path} holds a secret, but everybody can read it.`, `chmod 600 ${path}`);
}

/** Editors add a line end that nobody typed. */
function contentsOf(path: string): string {
  try {
    return readFileSync(path, 'utf8').replace(/\r?\n$/, '');
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new WorldError('config', `The secret in ${path} can’t be read: ${reason}.`, 'Use a file that this user may read.', error);
  }
}
