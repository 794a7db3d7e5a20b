import { JsonNumber } from '../json-number.ts';

/** The parts of an answer; amounts are `JsonNumber`, since a JavaScript number can't hold all of them. */
export type Json = string | boolean | null | JsonNumber | number | readonly Json[] | { readonly [key: string]: Json };

export function writeJson(value: Json): string {
  if (value instanceof JsonNumber) return value.text;
  if (isList(value)) return `[${value.map(writeJson).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const members = Object.entries(value).map(([key, member]) => `${JSON.stringify(key)}:${writeJson(member)}`);
  return `{${members.join(',')}}`;
}

function isList(value: Json): value is readonly Json[] {
  return Array.isArray(value);
}

/** Whole coins with eight decimals, as nodes print them (`ValueFromAmount`). */
export function coinsOf(units: bigint): JsonNumber {
  const fraction = (units % 100_000_000n).toString().padStart(8, '0');
  return new JsonNumber(`${units / 100_000_000n}.${fraction}`);
}
