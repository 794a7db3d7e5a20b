import { existsSync, globSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { bytesToHex, hexToBytes } from '../../src/core/base/bytes.ts';

const CORPUS = new URL('corpus/', import.meta.url);
const FOUND = new URL('found/', import.meta.url);
const GOLDEN = new URL('../golden/', import.meta.url);

/** Golden files by a pattern: bytes of the `.hex` ones, text of all others. */
export function golden(pattern: string): readonly Uint8Array[] {
  return globSync(pattern, { cwd: GOLDEN })
    .toSorted()
    .map((name) => {
      const bytes = readFileSync(new URL(name, GOLDEN));
      return name.endsWith('.hex') ? hexToBytes(bytes.toString().trim()) : Uint8Array.from(bytes);
    });
}

/** Inputs that took a branch which none before them took: one a line, in hex. */
export function keptCorpus(target: string): readonly Uint8Array[] {
  const file = new URL(`${target}.txt`, CORPUS);
  return existsSync(file) ? readFileSync(file, 'utf8').split('\n').filter(Boolean).map(hexToBytes) : [];
}

export function keepCorpus(target: string, inputs: readonly Uint8Array[]): void {
  mkdirSync(CORPUS, { recursive: true });
  writeFileSync(new URL(`${target}.txt`, CORPUS), inputs.map((input) => `${bytesToHex(input)}\n`).join(''));
}

/** Inputs on which something was wrong once. */
export function foundInputs(target: string): readonly Uint8Array[] {
  return globSync(`${target}-*.hex`, { cwd: FOUND })
    .toSorted()
    .map((name) => hexToBytes(readFileSync(new URL(name, FOUND), 'utf8').trim()));
}

/** Keeps a failing input, so that it is tried again for ever. @returns its file's name. */
export function saveFound(target: string, seed: number, input: Uint8Array): string {
  mkdirSync(FOUND, { recursive: true });
  const name = `${target}-${seed}.hex`;
  writeFileSync(new URL(name, FOUND), `${bytesToHex(input)}\n`);
  return `test/fuzz/found/${name}`;
}
