import { concatBytes } from '../../src/core/base/bytes.ts';
import type { Chance } from '../sim/chance.ts';

/** Makes another input out of one. `other` gives a second one to take parts from. */
export type Mutate = (input: Uint8Array, chance: Chance, other: Uint8Array) => Uint8Array;

/** No input grows beyond this by mutation alone. */
const MOST_BYTES = 32_768;

const EDGE_BYTES = [0x00, 0x01, 0x02, 0x03, 0x10, 0x20, 0x21, 0x30, 0x40, 0x7f, 0x80, 0x81, 0xfc, 0xfd, 0xfe, 0xff] as const;
const EDGE_NUMBERS: readonly bigint[] = [
  ...[0n, 1n, 16n, 17n, 0x7fn, 0x80n, 0xfcn, 0xfdn, 0xffffn, 0x1_0000n, 499_999_999n, 500_000_000n, 0x7fff_ffffn, 0x8000_0000n],
  ...[0xffff_fffdn, 0xffff_fffen, 0xffff_ffffn, 0x1_0000_0000n, 2n ** 53n - 1n, 2n ** 53n, 2n ** 53n + 1n, 10n ** 18n - 1n, 10n ** 18n],
  ...[10n ** 18n + 1n, 2n ** 63n - 1n, 2n ** 63n, 2n ** 64n - 1n],
];

export function edgeNumber(chance: Chance): bigint {
  return chance.pickAny(EDGE_NUMBERS) ?? 0n;
}

/** A number as so many bytes, the higher ones cut off. */
export function littleEndian(value: bigint, length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => Number((value >> BigInt(8 * i)) & 0xffn));
}

type Edit = (bytes: Uint8Array, chance: Chance, other: Uint8Array) => Uint8Array;

const edits: readonly [Edit, ...Edit[]] = [
  (bytes, chance) => withByte(bytes, chance, (byte) => byte ^ (1 << chance.int(8))),
  (bytes, chance) => withByte(bytes, chance, () => chance.pick(EDGE_BYTES)),
  (bytes, chance) => withByte(bytes, chance, () => chance.int(256)),
  (bytes, chance) => withByte(bytes, chance, (byte) => byte + (chance.happens(0.5) ? 1 : 255)),
  (bytes, chance) => {
    const [from, to] = range(bytes, chance);
    return concatBytes(bytes.subarray(0, from), bytes.subarray(to));
  },
  (bytes, chance) => {
    const [from, to] = range(bytes, chance);
    return concatBytes(bytes.subarray(0, to), bytes.subarray(from));
  },
  (bytes, chance) => {
    const at = chance.int(bytes.length + 1);
    return concatBytes(bytes.subarray(0, at), chance.bytes(1 + chance.int(8)), bytes.subarray(at));
  },
  (bytes, chance) => bytes.subarray(0, chance.int(bytes.length + 1)),
  (bytes, chance) => concatBytes(bytes, chance.happens(0.5) ? new Uint8Array(1 + chance.int(4)) : chance.bytes(1 + chance.int(40))),
  (bytes, chance) => {
    const length = chance.pick([2, 4, 8]);
    const number = littleEndian(edgeNumber(chance), length);
    return overwritten(bytes, chance.int(bytes.length + 1), chance.happens(0.5) ? number : number.reverse());
  },
  (bytes, chance, other) => {
    const [from, to] = range(other, chance);
    const [at, end] = range(bytes, chance);
    return concatBytes(bytes.subarray(0, at), other.subarray(from, to), bytes.subarray(end));
  },
  (bytes, chance) => {
    const [from, to] = range(bytes, chance);
    return overwritten(bytes, chance.int(bytes.length + 1), bytes.slice(from, to));
  },
];

/** One to four edits that know nothing of what the bytes mean. */
export const mutateBytes: Mutate = (input, chance, other) => {
  let bytes = input;
  for (let left = 1 + chance.int(4); left > 0; left--) bytes = chance.pick(edits)(bytes, chance, other);
  return bytes.slice(0, MOST_BYTES);
};

function withByte(bytes: Uint8Array, chance: Chance, change: (byte: number) => number): Uint8Array {
  const copy = bytes.slice();
  const at = chance.int(Math.max(1, bytes.length));
  if (bytes.length > 0) copy[at] = change(copy[at] ?? 0);
  return copy;
}

function overwritten(bytes: Uint8Array, at: number, with_: Uint8Array): Uint8Array {
  const copy = bytes.slice();
  copy.set(with_.subarray(0, bytes.length - at), at);
  return copy;
}

/** Mostly short ones: long ones are cut out seldom. */
function range(bytes: Uint8Array, chance: Chance): readonly [number, number] {
  const from = chance.int(bytes.length + 1);
  const most = chance.happens(0.7) ? 8 : 80;
  return [from, Math.min(bytes.length, from + 1 + chance.int(most))];
}

/** Several ways to mutate, by weight. */
export function either(...ways: readonly [Mutate, ...Mutate[]]): Mutate {
  return (input, chance, other) => chance.pick(ways)(input, chance, other);
}

/** A list with one thing changed in its order or number. */
export function mutateList<Item>(
  items: readonly Item[],
  chance: Chance,
  change: (item: Item) => Item,
  fresh?: () => Item,
): readonly Item[] {
  const at = chance.int(Math.max(1, items.length));
  const item = items[at];
  switch (chance.int(fresh === undefined ? 8 : 9)) {
    case 0:
      return items.toSpliced(at, 1);
    case 1:
      return item === undefined ? items : items.toSpliced(at, 0, ...Array.from({ length: chance.pick([1, 1, 1, 2, 17, 70]) }, () => item));
    case 2: {
      const to = chance.int(Math.max(1, items.length));
      return item === undefined ? items : items.toSpliced(at, 1).toSpliced(to, 0, item);
    }
    case 8:
      return fresh === undefined ? items : items.toSpliced(at, 0, fresh());
    default:
      return item === undefined ? items : items.with(at, change(item));
  }
}
