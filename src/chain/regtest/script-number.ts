import { ScriptFailure } from './script-error.ts';

const DEFAULT_MAX_SIZE = 4;

/**
 * Reads a script number (`CScriptNum`): little-endian, sign in the top bit. Up to five bytes, so a JavaScript number can hold it. @throws
 * ScriptFailure UNKNOWN_ERROR when it is longer than `maxSize`, or not minimal where that is required.
 */
export function readNumber(bytes: Uint8Array, minimal: boolean, maxSize: number = DEFAULT_MAX_SIZE): number {
  if (bytes.length > maxSize || (minimal && !isMinimal(bytes))) throw new ScriptFailure('UNKNOWN_ERROR');
  const last = bytes.length - 1;
  let value = 0;
  for (let i = last; i >= 0; i--) value = value * 256 + (i === last ? (bytes[i] ?? 0) & 0x7f : (bytes[i] ?? 0));
  return isNegative(bytes) && value !== 0 ? -value : value;
}

/** Writes a script number in its shortest form; zero is empty. */
export function writeNumber(value: number): Uint8Array {
  if (value === 0) return new Uint8Array();
  const bytes: number[] = [];
  for (let rest = Math.abs(value); rest > 0; rest = Math.floor(rest / 256)) bytes.push(rest % 256);
  const top = bytes.at(-1) ?? 0;
  const sign = value < 0 ? 0x80 : 0;
  if (top >= 0x80) bytes.push(sign);
  else bytes[bytes.length - 1] = top | sign;
  return Uint8Array.from(bytes);
}

/** False for empty, all zeroes, and negative zero. */
export function isTrue(bytes: Uint8Array): boolean {
  return bytes.some((byte, i) => byte !== 0 && !(i === bytes.length - 1 && byte === 0x80));
}

function isNegative(bytes: Uint8Array): boolean {
  return ((bytes.at(-1) ?? 0) & 0x80) !== 0;
}

/** The top byte must not hold only the sign, unless the byte below needs its own top bit. */
function isMinimal(bytes: Uint8Array): boolean {
  const top = bytes.at(-1);
  if (top === undefined || (top & 0x7f) !== 0) return true;
  return ((bytes.at(-2) ?? 0) & 0x80) !== 0;
}
