/** A number other than 0 in its shortest script form: little-endian, the sign in the top bit (`script.h`, CScriptNum::serialize). */
export function writeNumber(value: number): Uint8Array {
  const bytes: number[] = [];
  for (let left = Math.abs(value); left > 0; left = Math.floor(left / 256)) bytes.push(left % 256);
  const sign = value < 0 ? 0x80 : 0;
  const top = bytes.at(-1) ?? 0;
  return Uint8Array.from(top >= 0x80 ? [...bytes, sign] : [...bytes.slice(0, -1), top | sign]);
}

/** Reads a number of up to `most` bytes, at most 6; undefined when it is longer or not in the shortest form. */
export function readNumber(bytes: Uint8Array, most: number): number | undefined {
  const top = bytes.at(-1);
  if (top === undefined) return 0;
  const isShortest = (top & 0x7f) !== 0 || (bytes.at(-2) ?? 0) >= 0x80;
  if (bytes.length > most || !isShortest) return undefined;
  const size = bytes.reduceRight((sum, byte, i) => sum * 256 + (i === bytes.length - 1 ? byte & 0x7f : byte), 0);
  return top >= 0x80 ? -size : size;
}
