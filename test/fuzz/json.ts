import { base64, base64urlnopad } from '@scure/base';
import { bytesToHex, parseHex } from '../../src/core/base/bytes.ts';
import type { Chance } from '../sim/chance.ts';
import { edgeNumber, type Mutate, mutateBytes, mutateList } from './mutate.ts';

/** JSON as it is written: numbers keep their digits, and a key may stand twice. */
export type Json =
  | { readonly kind: 'object'; readonly entries: readonly (readonly [string, Json])[] }
  | { readonly kind: 'array'; readonly items: readonly Json[] }
  | { readonly kind: 'string'; readonly text: string }
  | { readonly kind: 'raw'; readonly text: string };

class Source {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}

/** Undefined when it is not JSON. */
export function readJson(text: string): Json | undefined {
  try {
    const keep = (_: string, value: unknown, context?: { readonly source?: string }): unknown =>
      typeof value === 'object' && value !== null ? value : typeof value === 'string' ? value : new Source(context?.source ?? 'null');
    return treeOf(JSON.parse(text, keep));
  } catch {
    return undefined;
  }
}

function treeOf(value: unknown): Json {
  if (typeof value === 'string') return { kind: 'string', text: value };
  if (value instanceof Source) return { kind: 'raw', text: value.text };
  if (Array.isArray(value)) return { kind: 'array', items: value.map(treeOf) };
  return { kind: 'object', entries: Object.entries(value ?? {}).map(([key, each]) => [key, treeOf(each)]) };
}

export function writeJson(json: Json): string {
  switch (json.kind) {
    case 'object':
      return `{${json.entries.map(([key, value]) => `${JSON.stringify(key)}:${writeJson(value)}`).join(',')}}`;
    case 'array':
      return `[${json.items.map(writeJson).join(',')}]`;
    case 'string':
      return JSON.stringify(json.text);
    case 'raw':
      return json.text;
  }
}

const RAW = [
  ...[
    '0',
    '-0',
    '-1',
    '1',
    '2',
    '3',
    '15',
    '16',
    '300',
    '301',
    '4294967295',
    '4294967296',
    '499999999',
    '500000000',
    '10000000',
    '10000001',
  ],
  ...['9007199254740991', '9007199254740992', '9007199254740993', '-9007199254740993', '9223372036854775808', '18446744073709551616'],
  ...['0.1', '1.0', '1e3', '1E-8', '1e-9', '1e400', '1e-400', '10000000000.00000001', '92233720368.54775808', '0.000000001', '-0.00000001'],
  ...['null', 'true', 'false', '{}', '[]', '""', '[[]]', '01', '.5', '1.', 'NaN', '+1', 'undefined'],
] as const;
const TEXTS: readonly string[] = [
  ...['', ' ', '0', '-1', '+1', '1', '00', '01', '1.5', '1e3', '0x10', '1_000', ' 1', '1 ', '1000000000000000000', '1000000000000000001'],
  ...['9007199254740993', '9223372036854775808', '18446744073709551615', '18446744073709551616', '٣٤', '１２', '²', '1\u0660'],
  ...[
    '\u0000',
    '\u001b[2J\u001b]0;owned\u0007',
    'a\r\nset-cookie: b',
    '\u007f\u0085\u009b31m',
    '\u202etxt.exe',
    '\u2028',
    '\ud800',
    '\ufeff',
  ],
  ...['__proto__', 'constructor', 'toString', 'refusal', 'fixed', 'flexible', 'kind', '<script>alert(1)</script>', 'x'.repeat(5000)],
  ...['a'.repeat(201), '0'.repeat(63), '0'.repeat(64), 'f'.repeat(64), '00'.repeat(33), 'ff'.repeat(64), 'g'.repeat(64)],
];
/** A text that some reader may trip over. */
export function aText(chance: Chance): string {
  return chance.pickAny(TEXTS) ?? '';
}

const KEYS = [
  '__proto__',
  'constructor',
  'kind',
  'extra',
  '',
  '\u001b[31m',
  'x'.repeat(300),
  'code',
  'detail',
  'channel',
  'result',
  'error',
  'id',
];

/** How the bytes inside of hex and base64 texts are changed. */
export interface JsonMutation {
  readonly bytes?: Mutate;
}

/** Changes one to three places of a JSON text; what is not JSON is changed byte by byte. */
export function jsonMutator({ bytes = mutateBytes }: JsonMutation = {}): Mutate {
  return (input, chance, other) => {
    const json = readJson(new TextDecoder().decode(input));
    if (json === undefined) return mutateBytes(input, chance, other);
    const donor = readJson(new TextDecoder().decode(other)) ?? json;
    let tree = json;
    for (let left = chance.pick([1, 1, 1, 2, 3]); left > 0; left--) {
      tree = chance.happens(0.5)
        ? mutateTree(tree, chance, donor, bytes)
        : mutateNode(tree, chance.int(sizeOf(tree)), chance, donor, bytes);
    }
    return new TextEncoder().encode(writeJson(tree));
  };
}

function sizeOf(json: Json): number {
  const children = json.kind === 'object' ? json.entries.map(([, value]) => value) : json.kind === 'array' ? json.items : [];
  return children.reduce((sum, child) => sum + sizeOf(child), 1);
}

/** Changes the place with a number, counted from the top: all are changed as often, the deepest too. */
function mutateNode(json: Json, number: number, chance: Chance, donor: Json, bytes: Mutate): Json {
  if (number === 0) return mutateTree(json, chance, donor, bytes);
  let left = number - 1;
  const within = (child: Json, key: string): Json => {
    const size = sizeOf(child);
    const made = left >= 0 && left < size ? mutateNode(child, left, chance, donorAt(donor, key, chance), bytes) : child;
    left -= size;
    return made;
  };
  if (json.kind === 'object') return { kind: 'object', entries: json.entries.map(([key, value]) => [key, within(value, key)]) };
  return json.kind === 'array' ? { kind: 'array', items: json.items.map((item) => within(item, '')) } : json;
}

/** Walks down from the top, and changes the place where it stops. */
export function mutateTree(json: Json, chance: Chance, donor: Json, bytes: Mutate): Json {
  if (chance.happens(0.02)) return { kind: 'raw', text: chance.pick(RAW) };
  if (chance.happens(0.02)) return { kind: 'string', text: aText(chance) };
  switch (json.kind) {
    case 'object': {
      if (json.entries.length > 0 && chance.happens(0.75)) {
        const at = chance.int(json.entries.length);
        const [key, value] = json.entries[at] ?? ['', json];
        return { kind: 'object', entries: json.entries.with(at, [key, mutateTree(value, chance, donorAt(donor, key, chance), bytes)]) };
      }
      const renamed = ([key, value]: readonly [string, Json]): readonly [string, Json] =>
        chance.happens(0.5) ? [chance.pickAny(KEYS) ?? key, value] : [key, mutateTree(value, chance, donorAt(donor, key, chance), bytes)];
      const fresh = (): readonly [string, Json] => [
        chance.pickAny(KEYS) ?? '',
        chance.happens(0.5) ? donor : { kind: 'raw', text: chance.pick(RAW) },
      ];
      return { kind: 'object', entries: mutateList(json.entries, chance, renamed, fresh) };
    }
    case 'array':
      return {
        kind: 'array',
        items: mutateList(
          json.items,
          chance,
          (item) => mutateTree(item, chance, donor, bytes),
          () => donor,
        ),
      };
    case 'string':
      return { kind: 'string', text: mutateText(json.text, chance, donor, bytes) };
    case 'raw':
      return mutateRaw(json.text, chance);
  }
}

/** The same place of another document, so that whole parts are exchanged. */
function donorAt(donor: Json, key: string, chance: Chance): Json {
  if (donor.kind === 'object')
    return donor.entries.find(([name]) => name === key)?.[1] ?? donor.entries[chance.int(Math.max(1, donor.entries.length))]?.[1] ?? donor;
  return donor.kind === 'array' ? (donor.items[chance.int(Math.max(1, donor.items.length))] ?? donor) : donor;
}

function mutateRaw(text: string, chance: Chance): Json {
  if (/^\d/.test(text) && chance.happens(0.15)) return { kind: 'raw', text: `-${text}` };
  if (/^-?\d/.test(text) && chance.happens(0.4)) {
    const near = /^-?\d{1,18}$/.test(text)
      ? BigInt(text) + chance.pick([1n, -1n, 2n, 100n, -100n])
      : text + chance.pick(['0', 'e1', '.0', '1', 'e-1']);
    return { kind: 'raw', text: String(near) };
  }
  return chance.happens(0.8) ? { kind: 'raw', text: chance.pick(RAW) } : { kind: 'string', text: aText(chance) };
}

function mutateText(text: string, chance: Chance, donor: Json, bytes: Mutate): string {
  if (chance.happens(0.1)) return aText(chance);
  if (donor.kind === 'string' && chance.happens(0.15)) return donor.text;
  const donated = donor.kind === 'string' ? (innerBytes(donor.text)?.bytes ?? new Uint8Array()) : new Uint8Array();
  if (/^\d{1,20}$/.test(text) && chance.happens(0.8)) {
    return chance.happens(0.5) ? edgeNumber(chance).toString() : String(BigInt(text) + chance.pick([1n, -1n, 1000n, -1000n]));
  }
  const inner = innerBytes(text);
  if (inner !== undefined && chance.happens(0.85)) return inner.write(bytes(inner.bytes, chance, donated));
  const edited = mutateBytes(new TextEncoder().encode(text), chance, new TextEncoder().encode(aText(chance)));
  return new TextDecoder().decode(edited);
}

/** The bytes of a text in hex or base64, and how to write them so again. */
function innerBytes(text: string): { readonly bytes: Uint8Array; readonly write: (bytes: Uint8Array) => string } | undefined {
  if (text.length < 8) return undefined;
  const hex = parseHex(text);
  if (hex !== undefined) return { bytes: hex, write: bytesToHex };
  for (const coder of [base64, base64urlnopad]) {
    try {
      return { bytes: coder.decode(text), write: (bytes) => coder.encode(bytes) };
    } catch {}
  }
  return undefined;
}
