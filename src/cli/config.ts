import { existsSync, readFileSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import * as z from 'zod';
import type { RpcOptions } from '../chain/json-rpc.ts';
import type { Coin } from '../core/coin/coin.ts';
import { coinById, coins } from '../core/coin/registry.ts';
import { WorldError } from '../engine/ports.ts';
import { commonSettings, type Settings, type SettingsSchema, schemaOf, type Value, variableOf } from './config-options.ts';
import { passphrase, rpcPassword } from './config-secrets.ts';

/** Settings that every command has, as flags give them. */
export interface CommonFlags {
  readonly coin?: string;
  readonly datadir?: string;
  readonly config?: string;
  readonly passphraseFile?: string;
  readonly rpcUrl?: string;
  readonly rpcUser?: string;
  readonly rpcCookie?: string;
  readonly json?: boolean;
}

/** Commands whose own flags may also be in the config file, each in a section of its name. */
export const SECTIONS = ['merchant', 'watch'] as const;

export interface Config {
  readonly coin: Coin;
  readonly datadir: string;
  /** Undefined where no node is given: then only commands that need none work. */
  readonly rpc: RpcOptions | undefined;
  /** No node was given: the test chain on this machine is used, at whatever address it serves. */
  readonly isUnnamed?: boolean;
  /** Read when it is needed: a watcher has none, but may share the file with a merchant. @throws WorldError `config` */
  readonly passphrase: string | undefined;
  readonly json: boolean;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** Flags go before the environment, the environment before the file, the file before the defaults. @throws WorldError `config` */
export function resolveConfig(flags: CommonFlags, env: Environment): Config {
  const { common } = readConfig(flags.config, env);
  const said = (name: keyof Omit<CommonFlags, 'json' | 'config'>): string | undefined =>
    flags[name] ?? env[variableOf(name)] ?? textOf(common[name]);
  const coinId = said('coin') ?? 'dogecoin-regtest';
  const coin = coinById(coinId);
  if (coin === undefined) throw new WorldError('config', `${coinId} is not a coin.`, `One of: ${coins.map(({ id }) => id).join(', ')}.`);
  const datadir = said('datadir') ?? usualDatadir(coin) ?? homeless();
  const named = said('rpcUrl');
  const isUnnamed = coin.network === 'regtest' && named === undefined;
  const url = named ?? (isUnnamed ? `http://127.0.0.1:${coin.rpcPort}` : undefined);
  if (url !== undefined && !URL.canParse(url))
    throw new WorldError('config', `${url} is not the address of a node.`, 'Write it like http://127.0.0.1:22555.');
  const [cookie, user] = [said('rpcCookie'), said('rpcUser')];
  const rpc = url === undefined ? undefined : { url, ...authOf(cookie, user, () => rpcPassword(env, textOf(common['rpcPassword']))) };
  const passphraseFile = said('passphraseFile');
  return {
    ...{ coin, datadir, rpc, isUnnamed, json: flags.json === true },
    get passphrase(): string | undefined {
      return passphrase(env, { byFlag: flags.passphraseFile, otherwise: passphraseFile });
    },
  };
}

/** Undefined where the system knows no home: without HOME and an entry for the user, or with an empty HOME. */
export function usualDatadir({ id }: Coin): string | undefined {
  try {
    const home = homedir();
    return home === '' ? undefined : join(home, '.pawment', id);
  } catch {
    return undefined;
  }
}

function authOf(cookie: string | undefined, user: string | undefined, password: () => string | undefined): Pick<RpcOptions, 'auth'> {
  if (cookie !== undefined) return { auth: { kind: 'cookie', file: cookie } };
  return user === undefined ? {} : { auth: { kind: 'password', user, password: password() ?? '' } };
}

function homeless(): never {
  throw new WorldError('config', 'This user has no home folder.', 'Set a folder: --datadir, or PAWMENT_DATADIR.');
}

function textOf(value: Value | undefined): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

/** The settings of a config file for all commands, and for one. */
export interface ConfigFile {
  readonly common: Settings;
  readonly own: Settings;
}

/** A command's own section, and the settings it may have. */
export interface Section {
  readonly name: (typeof SECTIONS)[number];
  readonly schema: SettingsSchema;
}

/**
 * Reads the file that a flag names, otherwise the environment; empty if neither does. Sections of other commands are not read. @throws WorldError
 * `config`
 */
export function readConfig(named: string | undefined, env: Environment, section?: Section): ConfigFile {
  const path = named ?? env['PAWMENT_CONFIG'];
  if (path === undefined) return { common: {}, own: {} };
  if (!existsSync(path)) throw new WorldError('config', `There is no config file ${path}.`, 'Create it, or leave out --config.');
  const contents = parsed(path, contentsOf(path));
  const schema = schemaOf(commonSettings());
  const others = Object.fromEntries(SECTIONS.map((name) => [name, unread]));
  const own = section === undefined ? {} : { [section.name]: section.schema.optional() };
  const read = z.strictObject({ ...schema.shape, ...others, ...own }).safeParse(contents);
  if (!read.success) throw new WorldError('config', `${path}: ${z.prettifyError(read.error)}`, 'Correct the file.');
  const common = schema.strip().parse(contents);
  const isPrivate = (statSync(path).mode & 0o077) === 0;
  if (common['rpcPassword'] !== undefined && !isPrivate) {
    throw new WorldError('config', `${path} holds a password, but others can read it.`, `chmod 600 ${path}`);
  }
  return { common, own: section === undefined ? {} : section.schema.parse(read.data[section.name] ?? {}) };
}

const unread = z.record(z.string(), z.unknown()).optional();

function contentsOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new WorldError(
      'config',
      `The config file ${path} can’t be read: ${reasonOf(error)}.`,
      'Use a file that this user may read.',
      error,
    );
  }
}

/** The parser's message quotes text around the fault, which may contain a password: so only the place is shown. */
function parsed(path: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    const [, at] = / at position (\d+)/.exec(reasonOf(error)) ?? (/end of JSON/.test(reasonOf(error)) ? ['', text.length] : []);
    const before = at === undefined ? undefined : text.slice(0, Number(at)).split('\n');
    const place = before === undefined ? '' : `: see line ${before.length}, column ${(before.at(-1)?.length ?? 0) + 1}`;
    throw new WorldError('config', `${path} is not JSON${place}.`, 'Correct the file.');
  }
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
