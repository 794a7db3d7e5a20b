/** A JSON number by its text: amounts reach 10^18, which a JavaScript number can't hold. */
export class NumberText {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

export type Json = string | boolean | null | NumberText | number | readonly Json[] | { readonly [key: string]: Json };

/** Reads JSON with every number kept as its text. @throws SyntaxError when it is not JSON. */
export function parseJson(text: string): Json {
  const revive = (_key: string, value: Json, context?: { readonly source?: string }): Json =>
    typeof value === 'number' ? new NumberText(context?.source ?? String(value)) : value;
  return JSON.parse(text, revive);
}

export function writeJson(value: Json): string {
  if (value instanceof NumberText) return value.text;
  if (isList(value)) return `[${value.map(writeJson).join(',')}]`;
  if (!isObject(value)) return JSON.stringify(value);
  const members = Object.entries(value).map(([key, member]) => `${JSON.stringify(key)}:${writeJson(member)}`);
  return `{${members.join(',')}}`;
}

export function isList(value: Json): value is readonly Json[] {
  return Array.isArray(value);
}

export function isObject(value: Json): value is { readonly [key: string]: Json } {
  return typeof value === 'object' && value !== null && !isList(value) && !(value instanceof NumberText);
}

/** Whole coins with eight decimals, as nodes print them (`ValueFromAmount`). */
export function coinsOf(units: bigint): NumberText {
  const fraction = (units % 100_000_000n).toString().padStart(8, '0');
  return new NumberText(`${units / 100_000_000n}.${fraction}`);
}
