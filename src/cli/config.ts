import { existsSync, readFileSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import * as z from 'zod';
import type { RpcOptions } from '../chain/rpc.ts';
import type { Coin } from '../core/coin/coin.ts';
import { coinById, coins } from '../core/coin/registry.ts';
import { WorldError } from '../engine/ports.ts';

/** Settings that every command knows, as flags give them. */
export interface CommonFlags {
  readonly coin?: string;
  readonly datadir?: string;
  readonly config?: string;
  readonly rpcUrl?: string;
  readonly rpcUser?: string;
  readonly rpcCookie?: string;
  readonly json?: boolean;
}

const fileSchema = z.strictObject({
  coin: z.string().optional(),
  datadir: z.string().optional(),
  rpcUrl: z.string().optional(),
  rpcUser: z.string().optional(),
  rpcPassword: z.string().optional(),
  rpcCookie: z.string().optional(),
});
type FileSettings = z.infer<typeof fileSchema>;

export interface Config {
  readonly coin: Coin;
  readonly datadir: string;
  /** Undefined where no node is named: only commands that need none run then. */
  readonly rpc: RpcOptions | undefined;
  readonly passphrase: string | undefined;
  readonly json: boolean;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** Flags win over the environment, the environment over the file, the file over what is usual. @throws WorldError `config` */
export function resolveConfig(flags: CommonFlags, env: Environment): Config {
  const file = readFile(flags.config ?? env['PAWMENT_CONFIG']);
  const coinId = flags.coin ?? env['PAWMENT_COIN'] ?? file.coin ?? 'dogecoin-regtest';
  const coin = coinById(coinId);
  if (coin === undefined) throw new WorldError('config', `${coinId} is not a coin.`, `One of: ${coins.map(({ id }) => id).join(', ')}.`);
  const datadir = flags.datadir ?? env['PAWMENT_DATADIR'] ?? file.datadir ?? join(homedir(), '.pawment', coin.id);
  return { coin, datadir, rpc: rpcOf(coin, flags, env, file), passphrase: env['PAWMENT_PASSPHRASE'], json: flags.json === true };
}

function rpcOf(coin: Coin, flags: CommonFlags, env: Environment, file: FileSettings): RpcOptions | undefined {
  const url =
    flags.rpcUrl ?? env['PAWMENT_RPC_URL'] ?? file.rpcUrl ?? (coin.network === 'regtest' ? `http://127.0.0.1:${coin.rpcPort}` : undefined);
  if (url === undefined) return undefined;
  if (!URL.canParse(url)) throw new WorldError('config', `${url} is no address of a node.`, 'Write it like http://127.0.0.1:22555.');
  const cookie = flags.rpcCookie ?? env['PAWMENT_RPC_COOKIE'] ?? file.rpcCookie;
  const user = flags.rpcUser ?? env['PAWMENT_RPC_USER'] ?? file.rpcUser;
  const password = env['PAWMENT_RPC_PASSWORD'] ?? file.rpcPassword ?? '';
  if (cookie !== undefined) return { url, auth: { kind: 'cookie', file: cookie } };
  return user === undefined ? { url } : { url, auth: { kind: 'password', user, password } };
}

function readFile(path: string | undefined): FileSettings {
  if (path === undefined) return {};
  if (!existsSync(path)) throw new WorldError('config', `There is no config file ${path}.`, 'Make it, or leave --config out.');
  const read = fileSchema.safeParse(parsed(path, contentsOf(path)));
  if (!read.success) throw new WorldError('config', `${path}: ${z.prettifyError(read.error)}`, 'Correct the file.');
  const isPrivate = (statSync(path).mode & 0o077) === 0;
  if (read.data.rpcPassword !== undefined && !isPrivate) {
    throw new WorldError('config', `${path} holds a password and can be read by others.`, `chmod 600 ${path}`);
  }
  return read.data;
}

function contentsOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new WorldError(
      'config',
      `The config file ${path} can’t be read: ${reasonOf(error)}.`,
      'Name a file that this user may read.',
      error,
    );
  }
}

/** What the parser says holds the text around the fault, and in that text may stand a password: only the place is told. */
function parsed(path: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    const [, at] = / at position (\d+)/.exec(reasonOf(error)) ?? (/end of JSON/.test(reasonOf(error)) ? ['', text.length] : []);
    const before = at === undefined ? undefined : text.slice(0, Number(at)).split('\n');
    const place = before === undefined ? '' : `: see line ${before.length}, column ${(before.at(-1)?.length ?? 0) + 1}`;
    throw new WorldError('config', `${path} is no JSON${place}.`, 'Correct the file.');
  }
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
