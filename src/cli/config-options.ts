import { Option } from 'commander';
import * as z from 'zod';
import { WholeNumber } from './flag/number.ts';

/** What the config file may have in place of a flag. */
export type Value = string | number | boolean | string[];
export type Settings = Readonly<Record<string, Value | undefined>>;
export type SettingsSchema = z.ZodObject<Record<string, z.ZodOptional<z.ZodType<Value>>>, z.core.$strict>;

/** The flags of every command. Each also has an environment variable: see `variableOf`. */
export function commonOptions(): readonly Option[] {
  return [
    new Option('--coin <id>', 'coin and network (PAWMENT_COIN; dogecoin-regtest unless given)'),
    new Option('--datadir <folder>', 'where seed and channels are stored (PAWMENT_DATADIR; ~/.pawment/<coin>)'),
    new Option('--config <file>', 'settings as JSON (PAWMENT_CONFIG)'),
    new Option('--passphrase-file <file>', 'file with the passphrase of the seed (PAWMENT_PASSPHRASE_FILE; or set PAWMENT_PASSPHRASE)'),
    new Option('--rpc-url <url>', "the node's RPC (PAWMENT_RPC_URL)"),
    new Option('--rpc-user <name>', 'its user (PAWMENT_RPC_USER; the password is PAWMENT_RPC_PASSWORD)'),
    new Option('--rpc-cookie <file>', 'its cookie file instead (PAWMENT_RPC_COOKIE)'),
    new Option('--json', 'print one JSON value; notes go to standard error'),
  ];
}

/**
 * Common settings that only the config file has: the password, because everybody who lists processes would see a flag. The file's own path is not one
 * of them.
 */
export function commonSettings(): readonly Option[] {
  const password = new Option(
    '--rpc-password <text>',
    'the password of that user (PAWMENT_RPC_PASSWORD); then nobody else may have access to the file',
  );
  return [...commonOptions().filter((option) => option.attributeName() !== 'config'), password.hideHelp()];
}

/** The variable of a common setting: PAWMENT_RPC_URL for rpcUrl. */
export function variableOf(setting: string): string {
  return `PAWMENT_${setting.replaceAll(/[A-Z]/g, '_$&').toUpperCase()}`;
}

/** The schema of these flags in the config file: each under its name in camel case, within the flag's limits. */
export function schemaOf(options: readonly Option[]): SettingsSchema {
  return z.strictObject(Object.fromEntries(options.map((option) => [option.attributeName(), kindOf(option).optional()])));
}

function kindOf(option: Option): z.ZodType<Value> {
  if (option.isBoolean() || option.negate) return z.boolean();
  if (isList(option)) return z.array(z.string());
  const value = option instanceof WholeNumber ? z.int().min(option.least).max(option.most) : z.string();
  return option.optional ? z.union([z.boolean(), value]) : value;
}

/** Whether it may be given several times. */
export function isList({ defaultValue }: Option): boolean {
  return Array.isArray(defaultValue);
}
