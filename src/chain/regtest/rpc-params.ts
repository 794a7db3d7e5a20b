import { isTxId, type TxId } from '../../core/base/bytes.ts';
import { integerOf, JsonNumber } from '../json-number.ts';
import { RPC, RpcError } from './rpc-error.ts';

const DECIMALS = 8;
const HASH_DIGITS = 64;
const MAX_MONEY = 10n ** 18n;

/** The arguments of one call, read as `univalue` and `rpc/server.cpp` do. Each method throws `RpcError` for a wrong value. */
export class Params {
  readonly #values: readonly unknown[];
  readonly #usage: string;
  readonly #nullIsGiven: boolean;

  /** `nullIsGiven`: for Dogecoin Core null is a value of the wrong type, for Litecoin Core it is the same as no value. */
  constructor(values: unknown, { usage, most }: { readonly usage: string; readonly most: number }, nullIsGiven: boolean) {
    this.#usage = usage;
    this.#nullIsGiven = nullIsGiven;
    const isCollection = typeof values === 'object' && values !== null && !(values instanceof JsonNumber);
    if (!isCollection) throw new RpcError(RPC.INVALID_REQUEST, 'Params must be an array or object');
    if (!Array.isArray(values)) throw new RpcError(RPC.MISC, `this node reads parameters by their place, not by name: ${usage}`);
    if (values.length > most) throw new RpcError(RPC.MISC, usage);
    this.#values = values;
  }

  /** Undefined when left out. */
  at(index: number): unknown {
    const value = this.#values[index];
    return value === null && !this.#nullIsGiven ? undefined : value;
  }

  /** Null counts as given, but is no valid value. */
  #need(index: number): unknown {
    if (index >= this.#values.length) throw new RpcError(RPC.MISC, this.#usage);
    return this.#values[index];
  }

  /** Checks that each has its type, where the node does that first (`RPCTypeCheck`). */
  check(...types: readonly ('string' | 'number' | 'bool')[]): this {
    this.#need(0);
    for (const [index, type] of types.entries()) {
      const given = index < this.#values.length ? typeName(this.#values[index]) : type;
      if (given !== type) throw new RpcError(RPC.TYPE, `Expected type ${type}, got ${given}`);
    }
    return this;
  }

  text(index: number): string {
    const value = this.#need(index);
    if (typeof value !== 'string') throw new RpcError(RPC.MISC, 'JSON value is not a string as expected');
    return value;
  }

  integer(index: number): number {
    const value = this.#need(index);
    const integer = value instanceof JsonNumber ? integerOf(value) : undefined;
    if (integer === undefined) throw new RpcError(RPC.MISC, 'JSON value is not an integer as expected');
    return integer;
  }

  flag(index: number, otherwise: boolean): boolean {
    const value = this.at(index);
    if (value === undefined) return otherwise;
    if (typeof value === 'boolean') return value;
    throw new RpcError(RPC.MISC, 'JSON value is not a boolean as expected');
  }

  /** A number, or a boolean as 0 or 1. */
  level(index: number, otherwise: number): number {
    return this.at(index) instanceof JsonNumber ? this.integer(index) : Number(this.flag(index, otherwise !== 0));
  }

  list(index: number): readonly unknown[] {
    const value = this.#need(index);
    if (!Array.isArray(value)) throw new RpcError(RPC.MISC, 'JSON value is not an array as expected');
    return value;
  }

  /** A hash: 64 hex digits (`ParseHashV`). */
  hash(index: number, label: string): TxId {
    const value = this.text(index);
    if (value.length !== HASH_DIGITS) {
      throw new RpcError(RPC.INVALID_PARAMETER, `${label} must be of length ${HASH_DIGITS} (not ${value.length}, for '${value}')`);
    }
    const hash = value.toLowerCase();
    if (!isTxId(hash)) throw new RpcError(RPC.INVALID_PARAMETER, `${label} must be hexadecimal string (not '${value}')`);
    return hash;
  }

  /** Units of 10^-8, from a number's text or a string (`AmountFromValue`). */
  amount(index: number): bigint {
    const value = this.#need(index);
    const text = value instanceof JsonNumber ? value.text : value;
    if (typeof text !== 'string') throw new RpcError(RPC.TYPE, 'Amount is not a number or string');
    const units = parseFixed(text);
    if (units === undefined) throw new RpcError(RPC.TYPE, 'Invalid amount');
    if (units < 0n || units > MAX_MONEY) throw new RpcError(RPC.TYPE, 'Amount out of range');
    return units;
  }
}

/** A JSON number of at most eight decimals after its exponent is applied, times 10^8 (`ParseFixedPoint`). */
export function parseFixed(text: string): bigint | undefined {
  const match = /^(-?)(0|[1-9][0-9]{0,18})(?:\.([0-9]{1,30}))?(?:[eE]([+-]?[0-9]{1,2}))?$/.exec(text);
  if (match === null) return undefined;
  const [, sign, whole = '', fraction = '', exponent = '0'] = match;
  const shift = DECIMALS + Number(exponent) - fraction.length;
  const digits = BigInt(whole + fraction);
  const scale = 10n ** BigInt(Math.abs(shift));
  if (shift < 0 && digits % scale !== 0n) return undefined;
  const units = shift < 0 ? digits / scale : digits * scale;
  return sign === '-' ? -units : units;
}

/** `uvTypeName` */
function typeName(value: unknown): string {
  if (value === null) return 'null';
  if (value instanceof JsonNumber) return 'number';
  if (typeof value === 'boolean') return 'bool';
  return Array.isArray(value) ? 'array' : typeof value;
}
