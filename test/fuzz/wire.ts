import { secp256k1 } from '@noble/curves/secp256k1.js';
import { bytesToHex, concatBytes, equalBytes, hexToBytes } from '../../src/core/base/bytes.ts';
import { operationAt, p2sh } from '../../src/core/tx/script.ts';
import { sha256d } from '../../src/core/tx/transaction.ts';
import type { Chance } from '../sim/chance.ts';
import { edgeNumber, littleEndian, type Mutate, mutateBytes, mutateList } from './mutate.ts';

// Loose readers of what Bitcoin-like programs write: they keep every part as bytes, so that each can be changed alone.

class Loose {
  readonly #bytes: Uint8Array;
  #at = 0;
  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }
  take(length: number): Uint8Array {
    if (this.#at + length > this.#bytes.length) throw new RangeError('ends too early');
    this.#at += length;
    return this.#bytes.slice(this.#at - length, this.#at);
  }
  size(): number {
    const [first = 0] = this.take(1);
    if (first < 0xfd) return first;
    return this.take(first === 0xfd ? 2 : 4).reduceRight((sum, byte) => sum * 256 + byte, 0);
  }
  prefixed(): Uint8Array {
    return this.take(this.size());
  }
  get isDone(): boolean {
    return this.#at === this.#bytes.length;
  }
}

function attempt<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}

/** As many as there are: the count may be a lie. */
function listed<Item>(count: number, read: () => Item): readonly Item[] {
  const items: Item[] = [];
  while (items.length < count) items.push(read());
  return items;
}

function compactSize(value: number): Uint8Array {
  if (value < 0xfd) return Uint8Array.of(value);
  return value <= 0xffff
    ? concatBytes(Uint8Array.of(0xfd), littleEndian(BigInt(value), 2))
    : concatBytes(Uint8Array.of(0xfe), littleEndian(BigInt(value), 4));
}

/** The same number in more bytes than it needs, or another number. */
function oddSize(value: number, chance: Chance): Uint8Array {
  const length = chance.pick([2, 4, 8]);
  return concatBytes(
    Uint8Array.of(length === 2 ? 0xfd : length === 4 ? 0xfe : 0xff),
    littleEndian(chance.happens(0.7) ? BigInt(value) : edgeNumber(chance), length),
  );
}

interface LooseTx {
  readonly version: Uint8Array;
  readonly inputs: readonly (readonly [outpoint: Uint8Array, script: Uint8Array, sequence: Uint8Array])[];
  readonly outputs: readonly (readonly [value: Uint8Array, script: Uint8Array])[];
  /** Of each input, where the transaction has the mark of witnesses. */
  readonly witnesses: readonly (readonly Uint8Array[])[] | undefined;
  readonly lockTime: Uint8Array;
}

function readTx(bytes: Uint8Array): LooseTx | undefined {
  return attempt(() => {
    const from = new Loose(bytes);
    const version = from.take(4);
    let count = from.size();
    const isMarked = count === 0 && bytes[5] === 1;
    if (isMarked) {
      from.take(1);
      count = from.size();
    }
    const inputs = listed(count, () => [from.take(36), from.prefixed(), from.take(4)] as const);
    const outputs = listed(from.size(), () => [from.take(8), from.prefixed()] as const);
    const witnesses = isMarked ? inputs.map(() => listed(from.size(), () => from.prefixed())) : undefined;
    const tx = { version, inputs, outputs, witnesses, lockTime: from.take(4) };
    if (!from.isDone) throw new RangeError('more bytes');
    return tx;
  });
}

function writeTx(
  { version, inputs, outputs, witnesses, lockTime }: LooseTx,
  size: (value: number) => Uint8Array = compactSize,
): Uint8Array {
  const prefixed = (bytes: Uint8Array): Uint8Array => concatBytes(size(bytes.length), bytes);
  return concatBytes(
    version,
    ...(witnesses === undefined ? [] : [Uint8Array.of(0, 1)]),
    ...[size(inputs.length), ...inputs.flatMap(([outpoint, script, sequence]) => [outpoint, prefixed(script), sequence])],
    ...[size(outputs.length), ...outputs.flatMap(([value, script]) => [value, prefixed(script)])],
    ...(witnesses ?? []).flatMap((stack) => [size(stack.length), ...stack.map(prefixed)]),
    lockTime,
  );
}

/** Changes a part of a transaction; what can't be read as one is changed byte by byte. */
export const mutateTx: Mutate = (input, chance, other) => {
  const tx = readTx(input);
  if (tx === undefined || chance.happens(0.15)) return mutateBytes(input, chance, other);
  const donor = readTx(other) ?? tx;
  const script = (bytes: Uint8Array): Uint8Array => mutateScript(bytes, chance, other);
  const number = (bytes: Uint8Array): Uint8Array =>
    chance.happens(0.8) ? littleEndian(edgeNumber(chance), bytes.length) : chance.bytes(bytes.length);
  switch (chance.int(8)) {
    case 0:
      return writeTx({ ...tx, version: number(tx.version) });
    case 1:
      return writeTx({ ...tx, lockTime: number(tx.lockTime) });
    case 2:
    case 3: {
      const change = ([outpoint, unlock, sequence]: LooseTx['inputs'][number]): LooseTx['inputs'][number] => {
        const part = chance.int(4);
        if (part === 0) return [outpoint, script(unlock), sequence];
        if (part === 1) return [outpoint, unlock, number(sequence)];
        return part === 2
          ? [concatBytes(outpoint.subarray(0, 32), number(outpoint.subarray(32))), unlock, sequence]
          : [chance.bytes(36), unlock, sequence];
      };
      return writeTx({
        ...tx,
        inputs: mutateList(tx.inputs, chance, change, () => donor.inputs[0] ?? [chance.bytes(36), new Uint8Array(), new Uint8Array(4)]),
      });
    }
    case 4:
    case 5: {
      const change = ([value, lock]: LooseTx['outputs'][number]): LooseTx['outputs'][number] =>
        chance.happens(0.6) ? [number(value), lock] : [value, script(lock)];
      return writeTx({
        ...tx,
        outputs: mutateList(tx.outputs, chance, change, () => donor.outputs[0] ?? [new Uint8Array(8), new Uint8Array()]),
      });
    }
    case 6:
      return writeTx({
        ...tx,
        witnesses: tx.inputs.map(() => (chance.happens(0.3) ? [] : [chance.bytes(chance.int(4)), chance.bytes(3)])),
      });
    default: {
      let odd = chance.int(4);
      return writeTx(tx, (value) => (odd-- === 0 ? oddSize(value, chance) : compactSize(value)));
    }
  }
};

/** The steps of a script, each with its opcode and length bytes. */
export function splitScript(bytes: Uint8Array): readonly Uint8Array[] {
  const steps: Uint8Array[] = [];
  let at = 0;
  for (let op = operationAt(bytes, at); op !== undefined; op = operationAt(bytes, at)) {
    steps.push(bytes.slice(at, op.end));
    at = op.end;
  }
  return at === bytes.length ? steps : [...steps, bytes.slice(at)];
}

/** A push in any of its forms, the needlessly long ones too. */
function push(data: Uint8Array, form: number): Uint8Array {
  if (form === 0 && data.length <= 75) return concatBytes(Uint8Array.of(data.length), data);
  const length = [1, 1, 2, 4][form] ?? 1;
  return concatBytes(Uint8Array.of([0x4c, 0x4c, 0x4d, 0x4e][form] ?? 0x4c), littleEndian(BigInt(data.length), length), data);
}

function mutateStep(step: Uint8Array, chance: Chance, steps: readonly Uint8Array[]): Uint8Array {
  const data = operationAt(step, 0)?.data;
  if (data === undefined || data.length === 0 || chance.happens(0.1)) {
    const opcodes = [
      0x00,
      0x4f,
      0x50,
      0x51,
      0x52,
      0x53,
      0x60,
      0x61,
      0x63,
      0x67,
      0x68,
      0x75,
      0xab,
      0xac,
      0xad,
      0xae,
      0xb1,
      0xff,
      chance.int(256),
    ];
    return chance.happens(0.7)
      ? Uint8Array.of(chance.pickAny(opcodes) ?? 0)
      : push(littleEndian(edgeNumber(chance), 1 + chance.int(6)), chance.int(2));
  }
  const twin = operationAt(chance.pickAny(steps) ?? step, 0)?.data ?? data;
  switch (chance.int(6)) {
    case 0:
      return push(data, chance.int(4));
    case 1:
      return push(twin, 0);
    case 2:
      return push(littleEndian(edgeNumber(chance), chance.pick([1, 2, 3, 4, 5, 6, 8])), 0);
    case 3:
      return push(concatBytes(Uint8Array.of(chance.pick([2, 3, 4, 5])), data.subarray(1)), 0);
    case 4:
      return concatBytes(push(data, 0), Uint8Array.of(chance.int(256)));
    default:
      return push(mutateBytes(data, chance, twin), 0);
  }
}

/** Changes a step of a script. */
export const mutateScript: Mutate = (input, chance, other) => {
  if (chance.happens(0.15)) return mutateBytes(input, chance, other);
  const steps = splitScript(input);
  const donor = splitScript(other);
  const last = steps.at(-1);
  // An unlocking script ends in the script it unlocks.
  const inside = last === undefined ? undefined : operationAt(last, 0)?.data;
  if (last !== undefined && inside !== undefined && inside.length > 60 && chance.happens(0.4)) {
    return concatBytes(...steps.slice(0, -1), push(mutateScript(inside, chance, other), inside.length > 255 ? 2 : 1));
  }
  return concatBytes(
    ...mutateList(
      steps,
      chance,
      (step) => mutateStep(step, chance, steps),
      () => chance.pickAny(donor) ?? Uint8Array.of(0x51),
    ),
  );
};

const { n: ORDER } = secp256k1.Point.CURVE();

function derInteger(value: bigint): Uint8Array {
  const hex = value.toString(16);
  const bytes = hexToBytes(hex.length % 2 === 0 ? hex : `0${hex}`);
  return (bytes[0] ?? 0) >= 0x80 ? concatBytes(Uint8Array.of(0), bytes) : bytes;
}

/** Changes r, s, the hash type or the form of a DER signature. */
export const mutateSignature: Mutate = (input, chance, other) => {
  const rLength = input[3] ?? 0;
  const sLength = input[5 + rLength] ?? 0;
  if (input[0] !== 0x30 || 7 + rLength + sLength !== input.length || chance.happens(0.2)) return mutateBytes(input, chance, other);
  const [r, s] = [input.subarray(4, 4 + rLength), input.subarray(6 + rLength, 6 + rLength + sLength)];
  const odd = (bytes: Uint8Array): Uint8Array => {
    const value = BigInt(`0x0${bytesToHex(bytes)}`);
    const values = [0n, 1n, ORDER - value, ORDER, ORDER - 1n, ORDER >> 1n, (ORDER >> 1n) + 1n, 2n ** 256n - 1n, 2n ** 264n, 0x7fn, 0x80n];
    const forms = [
      concatBytes(Uint8Array.of(0), bytes),
      bytes.subarray(1),
      new Uint8Array(),
      Uint8Array.of(0),
      Uint8Array.of(0x80, ...bytes),
    ];
    return chance.happens(0.7) ? derInteger((chance.pickAny(values) ?? 0n) & (2n ** 272n - 1n)) : (chance.pickAny(forms) ?? bytes);
  };
  const part = chance.int(3);
  const body = (a: Uint8Array, b: Uint8Array): Uint8Array => concatBytes(Uint8Array.of(2, a.length), a, Uint8Array.of(2, b.length), b);
  const made = part === 0 ? body(odd(r), s) : part === 1 ? body(r, odd(s)) : body(r, s);
  const hashType = part === 2 ? chance.pick([0, 1, 2, 3, 0x81, 0x82, 0x83, 0xc1, 0xff]) : (input.at(-1) ?? 1);
  return concatBytes(Uint8Array.of(0x30, made.length), made, Uint8Array.of(hashType));
};

type Pair = readonly [key: Uint8Array, value: Uint8Array];
const MAGIC = Uint8Array.of(0x70, 0x73, 0x62, 0x74, 0xff);
const [UNSIGNED_TX, FUNDING, PARTIAL_SIG, HASH_TYPE, SCRIPT] = [0, 0, 2, 3, 4];

function readMaps(bytes: Uint8Array): readonly (readonly Pair[])[] | undefined {
  return attempt(() => {
    const from = new Loose(bytes);
    if (!equalBytes(from.take(5), MAGIC)) throw new RangeError('no magic');
    const maps: Pair[][] = [];
    while (!from.isDone) {
      const map: Pair[] = [];
      for (let key = from.prefixed(); key.length > 0; key = from.prefixed()) map.push([key, from.prefixed()]);
      maps.push(map);
    }
    return maps;
  });
}

function writeMaps(maps: readonly (readonly Pair[])[], size: (value: number) => Uint8Array = compactSize): Uint8Array {
  const prefixed = (bytes: Uint8Array): Uint8Array => concatBytes(size(bytes.length), bytes);
  return concatBytes(
    MAGIC,
    ...maps.flatMap((map) => [...map.flatMap(([key, value]) => [prefixed(key), prefixed(value)]), Uint8Array.of(0)]),
  );
}

function mutatePair([key, value]: Pair, chance: Chance, isGlobal: boolean): Pair {
  if (chance.happens(0.1)) return [mutateBytes(key, chance, key), value];
  if (chance.happens(0.08)) return [concatBytes(Uint8Array.of(chance.pick([0, 1, 2, 3, 4, 5, 6, 7, 0xfb, 0xfc])), key.subarray(1)), value];
  const type = key[0] ?? 0;
  if (isGlobal ? type === UNSIGNED_TX : type === FUNDING) return [key, mutateTx(value, chance, value)];
  if (type === PARTIAL_SIG) return [key, mutateSignature(value, chance, value)];
  if (type === HASH_TYPE)
    return [
      key,
      chance.happens(0.8) ? Uint8Array.of(chance.pick([0, 1, 2, 3, 0x81, 0x82, 0x83]), 0, 0, 0) : mutateBytes(value, chance, value),
    ];
  return [key, type === SCRIPT ? mutateScript(value, chance, value) : mutateBytes(value, chance, value)];
}

/** Fields that BIP174 knows and a channel has no use for, and some that it does not know. */
function strangePair(chance: Chance): Pair {
  const key = Uint8Array.of(chance.pick([0x00, 0x01, 0x02, 0x03, 0x05, 0x06, 0x07, 0x08, 0x0e, 0x0f, 0x10, 0xfb, 0xfc, 0xf0]));
  return chance.happens(0.3) ? [concatBytes(key, chance.bytes(33)), chance.bytes(72)] : [key, chance.bytes(chance.pick([0, 1, 4, 8, 20]))];
}

/** Changes a field of a PSBT, and often mends what then no longer fits together, so that what lies deeper is reached. */
export const mutatePsbt: Mutate = (input, chance, other) => {
  const maps = readMaps(input);
  if (maps === undefined || chance.happens(0.1)) return mutateBytes(input, chance, other);
  const donor = readMaps(other) ?? maps;
  const changed = mutateList(
    maps,
    chance,
    (map) => {
      const isGlobal = map === maps[0];
      return mutateList(
        map,
        chance,
        (pair) => mutatePair(pair, chance, isGlobal),
        () => strangePair(chance),
      );
    },
    () => chance.pickAny(donor) ?? [],
  );
  if (chance.happens(0.05)) {
    let odd = chance.int(10);
    return writeMaps(changed, (value) => (odd-- === 0 ? oddSize(value, chance) : compactSize(value)));
  }
  return writeMaps(chance.happens(0.5) ? mended(changed) : changed);
};

/** Makes every funding transaction pay to the redeem script of its input, and every input spend its funding transaction. */
function mended(maps: readonly (readonly Pair[])[]): readonly (readonly Pair[])[] {
  const [global = [], ...rest] = maps;
  const tx = readTx(global.find(([key]) => key[0] === UNSIGNED_TX)?.[1] ?? new Uint8Array());
  if (tx === undefined) return maps;
  const inputs = [...tx.inputs];
  const fixed = rest.map((map, i) => {
    const field = (type: number): Uint8Array | undefined => map.find(([key]) => key.length === 1 && key[0] === type)?.[1];
    const [redeemScript, funding, input] = [field(SCRIPT), readTx(field(FUNDING) ?? new Uint8Array()), inputs[i]];
    if (redeemScript === undefined || funding === undefined || input === undefined) return map;
    const vout = new DataView(input[0].buffer, 32).getUint32(0, true);
    const paid = writeTx({
      ...funding,
      outputs: funding.outputs.map(([value, lock], at) => [value, at === vout ? p2sh(redeemScript) : lock]),
    });
    inputs[i] = [concatBytes(sha256d(paid), input[0].subarray(32)), input[1], input[2]];
    return map.map(([key, value]): Pair => (key.length === 1 && key[0] === FUNDING ? [key, paid] : [key, value]));
  });
  return [global.map(([key, value]): Pair => (key[0] === UNSIGNED_TX ? [key, writeTx({ ...tx, inputs })] : [key, value])), ...fixed];
}
