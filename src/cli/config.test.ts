import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { WorldError } from '../engine/ports.ts';
import { resolveConfig } from './config.ts';

const folder = mkdtempSync(join(tmpdir(), 'pawment-config-'));
after(() => rmSync(folder, { recursive: true }));

let files = 0;
function file(contents: unknown, mode = 0o600): string {
  const path = join(folder, `${files++}.json`);
  writeFileSync(path, typeof contents === 'string' ? contents : JSON.stringify(contents));
  chmodSync(path, mode);
  return path;
}

const refuses = (work: () => unknown, message: RegExp): void =>
  assert.throws(work, (error) => error instanceof WorldError && error.code === 'config' && message.test(error.message));

test('what is usual: the test chain of Dogecoin, its own port, a folder per coin', () => {
  const { coin, datadir, rpc, passphrase, json } = resolveConfig({}, {});
  assert.equal(coin.id, 'dogecoin-regtest');
  assert.equal(datadir, join(homedir(), '.pawment', 'dogecoin-regtest'));
  assert.deepEqual(rpc, { url: 'http://127.0.0.1:18332' });
  assert.deepEqual([passphrase, json], [undefined, false]);
});

test('a flag wins over the environment, the environment over the file, the file over what is usual', () => {
  const config = file({ coin: 'litecoin-regtest', datadir: '/of/file', rpcUrl: 'http://file:1', rpcCookie: '/file/cookie' });
  const env = {
    PAWMENT_COIN: 'bitcoin-regtest',
    PAWMENT_DATADIR: '/of/env',
    PAWMENT_RPC_URL: 'http://env:1',
    PAWMENT_RPC_COOKIE: '/env/cookie',
  };
  const flags = { coin: 'dogecoin-test', datadir: '/of/flag', rpcUrl: 'http://flag:1', rpcCookie: '/flag/cookie' };
  const said = (given: Parameters<typeof resolveConfig>[0], environment: Record<string, string>) => {
    const { coin, datadir, rpc } = resolveConfig({ config, ...given }, environment);
    return [coin.id, datadir, rpc?.url, rpc?.auth?.kind === 'cookie' && rpc.auth.file];
  };
  assert.deepEqual(said({}, {}), ['litecoin-regtest', '/of/file', 'http://file:1', '/file/cookie']);
  assert.deepEqual(said({}, env), ['bitcoin-regtest', '/of/env', 'http://env:1', '/env/cookie']);
  assert.deepEqual(said(flags, env), ['dogecoin-test', '/of/flag', 'http://flag:1', '/flag/cookie']);
});

test('the environment may name the file, a flag another one', () => {
  const [first, second] = [file({ coin: 'litecoin-regtest' }), file({ coin: 'bitcoin-regtest' })];
  assert.equal(resolveConfig({}, { PAWMENT_CONFIG: first }).coin.id, 'litecoin-regtest');
  assert.equal(resolveConfig({ config: second }, { PAWMENT_CONFIG: first }).coin.id, 'bitcoin-regtest');
});

test('user and password, or the cookie instead', () => {
  const password = { PAWMENT_RPC_PASSWORD: 'secret' };
  assert.deepEqual(resolveConfig({ rpcUser: 'shibe' }, password).rpc?.auth, { kind: 'password', user: 'shibe', password: 'secret' });
  assert.deepEqual(resolveConfig({ rpcUser: 'shibe', rpcCookie: '/c' }, password).rpc?.auth, { kind: 'cookie', file: '/c' });
  assert.equal(resolveConfig({}, password).rpc?.auth, undefined);
});

test('a main network has no node unless one is named', () => {
  assert.equal(resolveConfig({ coin: 'dogecoin' }, {}).rpc, undefined);
  assert.equal(resolveConfig({ coin: 'dogecoin', rpcUrl: 'http://127.0.0.1:22555' }, {}).rpc?.url, 'http://127.0.0.1:22555');
});

test('a coin that does not exist and a node without an address are refused', () => {
  refuses(() => resolveConfig({ coin: 'shibecoin' }, {}), /shibecoin is not a coin/);
  refuses(() => resolveConfig({ rpcUrl: 'nowhere' }, {}), /nowhere is not the address/);
  assert.equal(resolveConfig({ coin: 'litecoin' }, {}).coin.id, 'litecoin');
});

test('a bad file is refused: absent, no JSON, a setting that does not exist, a value of another kind', () => {
  refuses(() => resolveConfig({ config: join(folder, 'absent') }, {}), /no config file/);
  refuses(() => resolveConfig({ config: file('{') }, {}), /json is not JSON: see line 1, column 2/);
  refuses(() => resolveConfig({ config: file('{\n  "coin": "dogecoin"\n  "rpcPassword": "secret"}') }, {}), /see line 3, column 3\.$/);
  refuses(() => resolveConfig({ config: folder }, {}), /can’t be read: EISDIR/);
  refuses(() => resolveConfig({ config: file({ coins: 'dogecoin' }) }, {}), /coins/);
  refuses(() => resolveConfig({ config: file({ coin: 1 }) }, {}), /coin/);
  assert.equal(resolveConfig({ config: file({}) }, {}).coin.id, 'dogecoin-regtest');
});

test('a password in a file that others can read is refused; in a private file, or without a password, it is taken', () => {
  const settings = { rpcUser: 'shibe', rpcPassword: 'secret' };
  for (const mode of [0o644, 0o640, 0o604]) refuses(() => resolveConfig({ config: file(settings, mode) }, {}), /others can read it/);
  const auth = resolveConfig({ config: file(settings) }, {}).rpc?.auth;
  assert.deepEqual(auth, { kind: 'password', user: 'shibe', password: 'secret' });
  assert.equal(resolveConfig({ config: file({ rpcUser: 'shibe' }, 0o644) }, {}).rpc?.auth?.kind, 'password');
});
