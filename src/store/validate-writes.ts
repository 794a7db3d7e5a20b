import type { Write } from '../engine/ports.ts';

/**
 * The first step of every store's commit. Kind, id and value are well-formed Unicode without U+0000 (PostgreSQL stores no other text), kind and id
 * are not empty, and no record appears twice. @throws TypeError otherwise: a bug in the caller.
 */
export function checkWrites(writes: readonly Write[]): void {
  const seen = new Set<string>();
  for (const { kind, id, expected, value } of writes) {
    if (kind === '' || id === '' || !isText(kind) || !isText(id)) throw new TypeError(`${JSON.stringify([kind, id])} names no record`);
    if (value !== undefined && !isText(value)) throw new TypeError(`the value of ${kind} ${id} is not well-formed text`);
    if (!Number.isSafeInteger(expected) || expected < 0) throw new TypeError(`${expected} is no version`);
    const key = `${kind}\0${id}`;
    if (seen.has(key)) throw new TypeError(`${kind} ${id} is written twice in one commit`);
    seen.add(key);
  }
}

function isText(text: string): boolean {
  return !text.includes('\0') && !/\p{Surrogate}/u.test(text);
}

/** The order of ids in a list: by code point, which is the byte order of UTF-8 in SQLite and PostgreSQL (collation "C"). */
export function compareIds(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const difference = codePointRank(a.charCodeAt(i)) - codePointRank(b.charCodeAt(i));
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}

/** Moves surrogates after U+E000 … U+FFFF, where the code points that they stand for belong. */
function codePointRank(unit: number): number {
  if (unit < 0xd800) return unit;
  return unit < 0xe000 ? unit + 0x2000 : unit - 0x800;
}
