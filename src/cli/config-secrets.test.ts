import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { WorldError } from '../engine/ports.ts';
import { resolveConfig } from './config.ts';

const folder = mkdtempSync(join(tmpdir(), 'pawment-secret-'));
after(() => rmSync(folder, { recursive: true }));

function file(name: string, text: string, mode = 0o600): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  chmodSync(path, mode);
  return path;
}

const [flag, variable] = [file('flag', 'of flag\n'), file('variable', 'of variable\r\n')];
const config = file('config.json', JSON.stringify({ passphraseFile: file('setting', ' of setting \n\n'), rpcUser: 'shibe' }));
const CREDENTIALS_DIRECTORY = join(folder, 'credentials');
mkdirSync(CREDENTIALS_DIRECTORY);
// Where a user is given access by a list, systemd shows it as that of a group.
file('credentials/passphrase', 'of store', 0o440);
file('credentials/rpc-password', 'much rpc\n', 0o440);

const passphrase = (flags: Parameters<typeof resolveConfig>[0], env: Record<string, string>): string | undefined =>
  resolveConfig(flags, env).passphrase;

test('the passphrase is that of the flag’s file, the environment, a file that it or the config names, the credential store', () => {
  const env = { CREDENTIALS_DIRECTORY };
  const named = { ...env, PAWMENT_PASSPHRASE_FILE: variable };
  const spoken = { ...named, PAWMENT_PASSPHRASE: 'spoken' };
  assert.equal(passphrase({ config, passphraseFile: flag }, spoken), 'of flag');
  assert.equal(passphrase({ config }, spoken), 'spoken');
  assert.equal(passphrase({ config }, named), 'of variable');
  assert.equal(passphrase({ config }, env), ' of setting \n');
  assert.equal(passphrase({}, env), 'of store');
  assert.equal(passphrase({}, {}), undefined);
  assert.equal(passphrase({}, { CREDENTIALS_DIRECTORY: folder }), undefined);
});

test('the node’s password may be a credential too; the environment goes before it', () => {
  const auth = (env: Record<string, string>) => resolveConfig({ config }, env).rpc?.auth;
  assert.deepEqual(auth({ CREDENTIALS_DIRECTORY }), { kind: 'password', user: 'shibe', password: 'much rpc' });
  assert.deepEqual(auth({ CREDENTIALS_DIRECTORY, PAWMENT_RPC_PASSWORD: 'x' }), { kind: 'password', user: 'shibe', password: 'x' });
});

test('a file that everybody can get at is refused, one that is not there too; a group may read it', () => {
  const refuses = (path: string, message: RegExp): void =>
    assert.throws(
      () => passphrase({ passphraseFile: path }, {}),
      (error) => error instanceof WorldError && message.test(error.message),
    );
  for (const mode of [0o604, 0o602, 0o644]) refuses(file('open', 'secret', mode), /everybody can read it/);
  refuses(join(folder, 'absent'), /can’t be read: ENOENT/);
  assert.equal(passphrase({ passphraseFile: file('group', 'secret', 0o640) }, {}), 'secret');
});

test('who needs no passphrase does not read it: a watcher shares the config file, and not the secret', () => {
  const shared = file('shared.json', JSON.stringify({ passphraseFile: join(folder, 'absent') }));
  const settled = resolveConfig({ config: shared }, {});
  assert.equal(settled.coin.id, 'dogecoin-regtest');
  assert.throws(() => settled.passphrase, /can’t be read/);
});
