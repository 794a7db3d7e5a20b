import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { z } from 'zod';

/** docs/json.md, which says what each command prints. */
const page = await readFile('docs/json.md', 'utf8');

/** Keys as the page has them: which may be missing, and what they hold. */
type Keys = ReadonlyMap<string, { readonly isOptional: boolean; readonly held: Keys | undefined }>;

/** Reads a list of keys, up to the bracket that ends it. */
function keysIn(text: string): Keys {
  const keys = new Map<string, { isOptional: boolean; held: Keys | undefined }>();
  let last: string | undefined;
  for (let i = 0; i < text.length; i++) {
    const rest = text.slice(i);
    const [whole, key, mark] = /^`(\w+)`(\?)?/.exec(rest) ?? [];
    if (whole !== undefined && key !== undefined) {
      keys.set(key, { isOptional: mark !== undefined, held: undefined });
      last = key;
      i += whole.length - 1;
    } else if (rest.startsWith('a channel')) for (const [one, held] of channelKeys) keys.set(one, held);
    else if (rest.startsWith('(') && last !== undefined) {
      const inner = bracketIn(rest);
      keys.set(last, { isOptional: keys.get(last)?.isOptional === true, held: keysIn(inner) });
      i += inner.length + 1;
    }
  }
  return keys;
}

/** What is in the bracket that the text begins with. */
function bracketIn(text: string): string {
  let depth = 0;
  for (let i = 0; i < text.length; i++) {
    depth += text[i] === '(' ? 1 : text[i] === ')' ? -1 : 0;
    if (depth === 0) return text.slice(1, i);
  }
  return assert.fail(`a bracket is open: ${text}`);
}

function paragraph(start: string): string {
  const at = page.indexOf(start);
  assert.ok(at >= 0, start);
  return page.slice(at + start.length, page.indexOf('\n\n', at));
}

const channelKeys: Keys = keysIn(paragraph('A channel: '));
export const failureKeys: Keys = keysIn(paragraph('the keys are: '));
export const rows: ReadonlyMap<string, Keys> = new Map<string, Keys>(
  [...page.slice(page.indexOf('| command | keys |')).matchAll(/^\| (`.*?) \| (.*) \|$/gm)].flatMap(([, commands = '', keys = '']) =>
    commands.split(', ').map((one): readonly [string, Keys] => [one.replaceAll('`', ''), keysIn(keys)]),
  ),
);
/** The rows of commands that were tried. */
export const shownRows: Set<string> = new Set();

export const object: z.ZodType<Record<string, unknown>> = z.record(z.string(), z.unknown());

export function assertHas(value: unknown, keys: Keys, where: string): void {
  for (const one of Array.isArray(value) ? value : [value]) {
    const found = object.parse(one);
    for (const [key, { isOptional, held }] of keys) {
      if (!isOptional) assert.ok(key in found, `${where}: ${key} is missing in ${JSON.stringify(found)}`);
      if (held !== undefined && found[key] !== undefined) assertHas(found[key], held, `${where}.${key}`);
    }
    for (const key of Object.keys(found)) assert.ok(keys.has(key), `${where}: ${key} is not documented`);
  }
}

/** That a command printed what the page says of it. @returns what it printed. */
export function documented(row: string, out: unknown): Record<string, unknown> {
  assertHas(out, rows.get(row) ?? assert.fail(`${row} has no row`), row);
  shownRows.add(row);
  return object.parse(out);
}
