import { Option } from 'commander';
import * as z from 'zod';
import { WholeNumber } from './flag/number.ts';

/** What the config file may say in place of a flag. */
export type Value = string | number | boolean | string[];
export type Settings = Readonly<Record<string, Value | undefined>>;
export type SettingsSchema = z.ZodObject<Record<string, z.ZodOptional<z.ZodType<Value>>>, z.core.$strict>;

/** The flags of every command. Each has a variable of the environment too: see `variableOf`. */
export function commonOptions(): readonly Option[] {
  return [
    new Option('--coin <id>', 'coin and network (PAWMENT_COIN; dogecoin-regtest unless said)'),
    new Option('--datadir <folder>', 'where seed and channels are kept (PAWMENT_DATADIR; ~/.pawment/<coin>)'),
    new Option('--config <file>', 'settings as JSON (PAWMENT_CONFIG)'),
    new Option('--passphrase-file <file>', 'holds the passphrase of the seed (PAWMENT_PASSPHRASE_FILE; or say PAWMENT_PASSPHRASE)'),
    new Option('--rpc-url <url>', "the node's RPC (PAWMENT_RPC_URL)"),
    new Option('--rpc-user <name>', 'its user (PAWMENT_RPC_USER; the password is PAWMENT_RPC_PASSWORD)'),
    new Option('--rpc-cookie <file>', 'its cookie file instead (PAWMENT_RPC_COOKIE)'),
    new Option('--json', 'print one JSON value; notes go to standard error'),
  ];
}

/** Common settings of the config file: no flag for the password, which all who list processes would see, and none names the file in itself. */
export function commonSettings(): readonly Option[] {
  const password = new Option(
    '--rpc-password <text>',
    'the password of that user (PAWMENT_RPC_PASSWORD); then nobody else may read the file',
  );
  return [...commonOptions().filter((option) => option.attributeName() !== 'config'), password.hideHelp()];
}

/** The variable of a common setting: PAWMENT_RPC_URL of rpcUrl. */
export function variableOf(setting: string): string {
  return `PAWMENT_${setting.replaceAll(/[A-Z]/g, '_$&').toUpperCase()}`;
}

/** What the config file may say of these flags: each stands there under its name in camel case, within the bounds of the flag. */
export function schemaOf(options: readonly Option[]): SettingsSchema {
  return z.strictObject(Object.fromEntries(options.map((option) => [option.attributeName(), kindOf(option).optional()])));
}

function kindOf(option: Option): z.ZodType<Value> {
  if (option.isBoolean() || option.negate) return z.boolean();
  if (isList(option)) return z.array(z.string());
  const value = option instanceof WholeNumber ? z.int().min(option.least).max(option.most) : z.string();
  return option.optional ? z.union([z.boolean(), value]) : value;
}

/** It may be given again and again. */
export function isList({ defaultValue }: Option): boolean {
  return Array.isArray(defaultValue);
}
