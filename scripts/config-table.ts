import { readFile, writeFile } from 'node:fs/promises';
import type { Option } from 'commander';
import { merchantCommand } from '../src/cli/command/merchant.ts';
import { watchCommand } from '../src/cli/command/watch.ts';
import { SECTIONS } from '../src/cli/config.ts';
import { commonOptions, commonSettings, isList } from '../src/cli/config-options.ts';
import { WholeNumber } from '../src/cli/flag/number.ts';
import { ownOptions } from '../src/cli/run-command.ts';
import { tableOf, withParts } from './made-parts.ts';

/** The page whose table is made from the flags. */
export const PAGE = 'docs/config.md';

const COMMANDS = { merchant: merchantCommand, watch: watchCommand } satisfies Record<(typeof SECTIONS)[number], unknown>;

/** The page with the table as the flags give it. */
export function withTable(page: string): string {
  return withParts(page, { settings: table() });
}

function table(): string {
  const flags = new Set(commonOptions().map((option) => option.long));
  const rows = [
    ...commonSettings().map((option) => row('', option, flags.has(option.long))),
    ...SECTIONS.flatMap((name) => ownOptions(COMMANDS[name]()).map((option) => row(`${name}.`, option, true))),
  ];
  return tableOf(['in the file', 'flag', 'value', 'unless given', 'meaning'], rows);
}

function row(section: string, option: Option, isFlag: boolean): readonly string[] {
  return [
    `\`${section}${option.attributeName()}\``,
    isFlag ? `\`${option.flags}\`` : '',
    kindOf(option),
    usualOf(option),
    `${option.negate ? 'false: ' : ''}${option.description}`.replaceAll('<', '&lt;'),
  ];
}

function kindOf(option: Option): string {
  if (option.isBoolean() || option.negate) return 'true or false';
  if (isList(option)) return 'list of texts';
  const one = option instanceof WholeNumber ? `number, ${option.least} to ${option.most}` : 'text';
  return option.optional ? `${one}; true or false` : one;
}

function usualOf({ defaultValue, negate }: Option): string {
  if (negate) return '`true`';
  return defaultValue === undefined || Array.isArray(defaultValue) ? '' : `\`${JSON.stringify(defaultValue)}\``;
}

if (process.argv[1] === import.meta.filename) await writeFile(PAGE, withTable(await readFile(PAGE, 'utf8')));
