import type { Chance } from '../sim/chance.ts';
import { jsonMutator } from './json.ts';
import { type Mutate, mutateBytes, mutateList } from './mutate.ts';
import { textOf, utf8 } from './target.ts';
import { mutatePsbt, mutateScript, mutateSignature, mutateTx } from './wire.ts';

/** A request or a response as text: a first line, headers, an empty line, the body. */
export interface HttpText {
  readonly first: string;
  readonly headers: readonly (readonly [string, string])[];
  readonly body: string;
}

export function readHttp(input: Uint8Array): HttpText {
  const text = textOf(input);
  const at = text.indexOf('\n\n');
  const [first = '', ...lines] = (at < 0 ? text : text.slice(0, at)).split('\n');
  const headers = lines.map((line): readonly [string, string] => [line.split(':', 1)[0] ?? '', line.slice(line.indexOf(':') + 1).trim()]);
  return { first, headers, body: at < 0 ? '' : text.slice(at + 2) };
}

export function writeHttp({ first, headers, body }: HttpText): Uint8Array {
  return utf8(`${[first, ...headers.map(([name, value]) => `${name}: ${value}`)].join('\n')}\n\n${body}`);
}

/** What is inside of hex and base64 is a PSBT, a signature, a transaction, a script or a compact message. */
const mutateInside: Mutate = (input, chance, other) => {
  if (input[0] === 0x70 && input[1] === 0x73) return mutatePsbt(input, chance, other);
  if (input[0] === 0x30) return mutateSignature(input, chance, other);
  if (input.length > 60 && chance.happens(0.3)) return mutateTx(input, chance, other);
  return chance.happens(0.2) ? mutateScript(input, chance, other) : mutateBytes(input, chance, other);
};

export const mutateJson: Mutate = jsonMutator({ bytes: mutateInside });

/** Values of headers that mean something to HTTP. */
const HEADERS = [
  ...[
    ['content-type', 'text/plain'],
    ['content-type', 'application/json; charset=utf-8'],
    ['content-type', 'APPLICATION/JSON'],
    ['content-type', ''],
  ],
  ...[
    ['content-length', '0'],
    ['content-length', '-1'],
    ['content-length', 'NaN'],
    ['content-length', '99999999999'],
    ['content-length', '2097153'],
  ],
  ...[
    ['x-stream', '1'],
    ['x-stream', '7'],
    ['x-broken', '3'],
    ['x-large', '1'],
    ['origin', 'null'],
    ['origin', 'http://evil.example'],
    ['accept', '\u00ff'],
  ],
  ...[
    ['transfer-encoding', 'chunked'],
    ['content-encoding', 'gzip'],
    ['host', 'a\u0000b'],
    ['x-http-method-override', 'DELETE'],
    ['x'.repeat(300), 'y'],
  ],
] as const;

/** Changes the first line with `first`, a header, or a place of the JSON in the body. */
export function httpMutator(first: (text: string, chance: Chance) => string): Mutate {
  return (input, chance, other) => {
    const text = readHttp(input);
    const donor = readHttp(other);
    const body = (): string => textOf(mutateJson(utf8(text.body), chance, utf8(donor.body)));
    switch (chance.int(12)) {
      case 0:
        return writeHttp({ ...text, first: first(text.first, chance) });
      case 1:
        return writeHttp({ ...text, first: donor.first });
      case 2:
      case 3: {
        const fresh = (): readonly [string, string] => chance.pickAny(HEADERS) ?? ['a', 'b'];
        return writeHttp({ ...text, headers: mutateList(text.headers, chance, fresh, fresh) });
      }
      case 4:
        return writeHttp({ ...text, body: textOf(mutateBytes(utf8(text.body), chance, utf8(donor.body))) });
      default:
        return writeHttp({ ...text, body: body() });
    }
  };
}
