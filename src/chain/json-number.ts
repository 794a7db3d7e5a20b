import { type Amount, parseAmount } from '../core/base/amount.ts';
import { WorldError } from '../engine/ports.ts';

/** A number of a JSON text as it was written: `90071993.12345679` stays exact, while a JavaScript number would round it. */
export class JsonNumber {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/**
 * `JSON.parse` with every number kept as `JsonNumber`. @throws SyntaxError when the text is not JSON; WorldError `config` where the runtime does not
 * give the source of numbers (ECMA-262, JSON.parse source text access).
 */
export function parseJson(text: string): unknown {
  return JSON.parse(text, (_key: string, value: unknown, context?: { readonly source?: string }) => {
    if (typeof value !== 'number') return value;
    if (context?.source === undefined) throw new WorldError('config', 'this runtime rounds the amounts of JSON', 'Run Node 22 or later.');
    return new JsonNumber(context.source);
  });
}

/** The number as a whole number that JavaScript holds exactly; undefined when it is not one. */
export function integerOf({ text }: JsonNumber): number | undefined {
  const value = Number(text);
  return Number.isSafeInteger(value) && /^-?[0-9]+$/.test(text) ? value : undefined;
}

/** The number as whole coins, exactly: `1e-8` is one unit. Undefined when negative, finer than a unit or too large. */
export function amountOf({ text }: JsonNumber): Amount | undefined {
  const match = /^([0-9]+)(?:\.([0-9]+))?(?:[eE]([+-]?[0-9]{1,3}))?$/.exec(text);
  if (match?.[1] === undefined) return undefined;
  const [, whole, fraction = '', exponent = '0'] = match;
  const point = whole.length + Number(exponent);
  const digits = '0'.repeat(Math.max(0, -point)) + whole + fraction;
  const left = digits.slice(0, Math.max(0, point)).padEnd(point, '0').replace(/^0+/, '');
  const right = digits.slice(Math.max(0, point)).replace(/0+$/, '');
  return parseAmount(`${left === '' ? '0' : left}${right === '' ? '' : `.${right}`}`);
}
