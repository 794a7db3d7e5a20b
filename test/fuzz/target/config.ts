import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { coreRpc } from '../../../src/chain/core-rpc.ts';
import { merchantCommand } from '../../../src/cli/command/merchant.ts';
import { readConfig, resolveConfig } from '../../../src/cli/config.ts';
import { schemaOf } from '../../../src/cli/config-options.ts';
import { ownOptions } from '../../../src/cli/run-command.ts';
import { coins } from '../../../src/core/coin/registry.ts';
import { mutateJson } from '../http.ts';
import { ACCEPTED, orWorldError, type Target, textOf, utf8 } from '../target.ts';

const folder = mkdtempSync(join(tmpdir(), 'pawment-fuzz-'));
process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
const path = join(folder, 'pawment.json');

const texts = z.record(z.string(), z.unknown()).transform((all) => {
  return Object.fromEntries(Object.entries(all).flatMap(([name, value]) => (typeof value === 'string' ? [[name, value]] : [])));
});
const inputField = z.object({
  flags: texts.catch({}),
  env: texts.catch({}),
  file: z.string().optional().catch(undefined),
  mode: z.int().optional().catch(undefined),
});

function input(flags: object, env: object = {}, file?: object, mode?: number): Uint8Array {
  return utf8(
    JSON.stringify({ flags, env, ...(file === undefined ? {} : { file: JSON.stringify(file) }), ...(mode === undefined ? {} : { mode }) }),
  );
}

const section = { name: 'merchant', schema: schemaOf(ownOptions(merchantCommand())) } as const;
/** In place of a file. */
const FOLDER = 0o755;

const node = { rpcUrl: 'http://user:pa%20ss@127.0.0.1:22555', rpcUser: 'u', rpcPassword: 'p' };

/** Settings by flags, environment and file. */
export const config: Target = {
  name: 'config',
  files: ['cli/config.ts'],
  corpus: [
    ...coins.map(({ id }) => input({ coin: id, datadir: '/tmp/x', rpcUrl: node.rpcUrl })),
    ...[
      input({}),
      input({ config: 'none' }),
      input({ rpcUrl: 'http://%zz@h' }),
      input({ rpcUrl: 'x' }),
      input({ rpcCookie: '/c', rpcUser: 'u' }),
    ],
    input(
      {},
      {
        PAWMENT_COIN: 'dogecoin',
        PAWMENT_RPC_URL: 'http://[::1]:1',
        PAWMENT_RPC_USER: 'u',
        PAWMENT_RPC_PASSWORD: 'p',
        PAWMENT_PASSPHRASE: 'x',
      },
    ),
    ...[0o600, 0o644].map((mode) => input({}, {}, { coin: 'litecoin-regtest', datadir: '/d', ...node, rpcCookie: '/c' }, mode)),
    input({}, {}, { ...node, coin: 'dogecoin' }, 0o600),
    input({}, {}, { unknown: 1 }),
    ...[{ price: ['tea=0.1'], trustProxy: 1, unconfirmed: '5' }, { depth: -1 }, {}].map((merchant) =>
      input({}, {}, { merchant, watch: {} }),
    ),
    input({}, {}, { passphraseFile: '/none' }),
    input({}, {}, {}, FOLDER),
    input({}, { HOME: '' }),
    ...['{', '{"coin":}', '{"a":\n"b"'].map((file) => utf8(JSON.stringify({ flags: {}, env: {}, file }))),
  ],
  mutate: (bytes, chance, other) => {
    const read = inputField.safeParse(parsed(textOf(bytes)));
    // The file is a text inside: it is opened up as often as not.
    if (read.data?.file === undefined || chance.happens(0.5)) return mutateJson(bytes, chance, other);
    const file = textOf(mutateJson(utf8(read.data.file), chance, utf8(JSON.stringify(node))));
    return utf8(JSON.stringify({ ...read.data, file }));
  },
  check: (bytes) => {
    const read = inputField.safeParse(parsed(textOf(bytes)));
    if (!read.success) return { code: 'no-settings' };
    const { flags, env, file, mode } = read.data;
    rmSync(path, { force: true, recursive: true });
    if (file !== undefined && mode === FOLDER) mkdirSync(path);
    else if (file !== undefined) writeFileSync(path, file, { mode: mode === 0o644 ? 0o644 : 0o600 });
    return orWorldError(async () => {
      const named = file === undefined ? flags : { ...flags, config: path };
      readConfig(named['config'], env, section);
      const found = withHome(env['HOME'], () => resolveConfig(named, env));
      assert.ok(['string', 'undefined'].includes(typeof found.passphrase));
      assert.ok(coins.includes(found.coin) && typeof found.datadir === 'string');
      if (found.rpc !== undefined) coreRpc(found.coin, found.rpc);
      return found.rpc === undefined ? { code: 'accepted', path: 'no node' } : ACCEPTED;
    });
  },
};

/** The system's word for where the user's home is comes from there. */
function withHome<Found>(home: string | undefined, find: () => Found): Found {
  const usual = process.env['HOME'];
  if (home !== undefined) process.env['HOME'] = home;
  try {
    return find();
  } finally {
    if (usual === undefined) delete process.env['HOME'];
    else process.env['HOME'] = usual;
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
