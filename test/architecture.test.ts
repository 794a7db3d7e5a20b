import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { describe, test } from 'node:test';
import { contracts } from '../src/core/contract/registry.ts';

/** A folder imports only from itself and from those before it. */
const LAYERS = [
  'core/base',
  'core/coin',
  'core/tx',
  'core/asset',
  'core/contract',
  'core/message',
  'core/channel',
  'engine',
  'net',
  'chain',
  'store',
  'transport',
  'wallet',
  'payer',
  'merchant',
  'duplex',
  'hub',
  'content',
  'cli',
  'web',
] as const;

/** Held to their form by an outside source, line for line: not to the ceiling of 300 lines. */
const LONG_BY_NATURE = new Set(['chain/regtest/interpreter.ts']);
const MOST_LINES = 300;
const MOST_MEDIAN_LINES = 120;

interface Source {
  readonly path: string;
  readonly text: string;
  readonly imports: readonly string[];
}

const sources: readonly Source[] = globSync('src/**/*.ts', { exclude: (path) => path.endsWith('.test.ts') }).map((file) => {
  const path = file.slice('src/'.length);
  const text = readFileSync(file, 'utf8');
  const imports = [...text.matchAll(/^(?:import|export)\b[^;]*?from '(?<from>[^']+)'|import\('(?<lazy>[^']+)'\)/gms)].map(
    (match) => match.groups?.['from'] ?? match.groups?.['lazy'] ?? '',
  );
  return { path, text, imports };
});

function layerOf(path: string): number {
  return LAYERS.findIndex((layer) => path.startsWith(`${layer}/`));
}

function resolved({ path, imports }: Source): readonly string[] {
  return imports.filter((from) => from.startsWith('.')).map((from) => normalize(join(dirname(path), from)));
}

describe('architecture', () => {
  test('there are sources to look at', () => {
    assert.ok(sources.length > 100);
    assert.ok(sources.some((source) => resolved(source).length > 5));
  });

  test('every file but the entries has a layer, and imports only from its own and those before it, and nothing from test/', () => {
    const wrong = sources.flatMap((source) => {
      if (!source.path.includes('/')) return [];
      const own = layerOf(source.path);
      if (own < 0) return [`${source.path} is in no layer`];
      return resolved(source)
        .filter((target) => layerOf(target) > own || layerOf(target) < 0)
        .map((target) => `${source.path} imports ${target}`);
    });
    assert.deepEqual(wrong, []);
  });

  test('there is no import cycle', () => {
    const graph = new Map(sources.map((source) => [source.path, resolved(source)]));
    const done = new Set<string>();
    const visit = (path: string, locator: readonly string[]): void => {
      if (done.has(path)) return;
      assert.ok(!locator.includes(path), `cycle: ${[...locator.slice(locator.indexOf(path)), path].join(' → ')}`);
      for (const target of graph.get(path) ?? []) visit(target, [...locator, path]);
      done.add(path);
    };
    for (const path of graph.keys()) visit(path, []);
  });

  test('the core asks nobody for time, chance, files or the network, and never waits', () => {
    const impure =
      /\bDate\.now\b|\bnew Date\b|\bMath\.random\b|\bperformance\b|\basync\b|\bawait\b|\bPromise\b|'node:|\bcrypto\.|randomBytes|randomPrivateKey/;
    const wrong = sources.filter(({ path }) => path.startsWith('core/')).filter(({ text }) => impure.test(withoutComments(text)));
    assert.deepEqual(
      wrong.map(({ path }) => path),
      [],
    );
    assert.ok(impure.test('const now = Date.now();'));
  });

  test('the channel machines know no contract by name', () => {
    const ids = contracts.map(({ id }) => `'${id}'`);
    const wrong = sources.filter(({ path, text }) => path.startsWith('core/channel/') && ids.some((id) => text.includes(id)));
    assert.deepEqual(
      wrong.map(({ path }) => path),
      [],
    );
  });

  test('what is shown and logged goes through what writes out the unseen', () => {
    // The demo tells only its own story, and a passphrase is asked for in our own words.
    const through = new Set(['cli/terminal/print.ts', 'cli/log/log.ts', 'cli/terminal/passphrase.ts', 'cli/demo/narrator.ts']);
    const speaks = /\bprocess\.(?:stdout|stderr)\.write\b|\bnew Screen\(|\bconsole\.|\bpino\(/;
    const speaking = sources.filter(({ text }) => speaks.test(withoutComments(text))).map(({ path }) => path);
    assert.ok(speaking.includes('cli/terminal/print.ts'));
    assert.deepEqual(
      speaking.filter((path) => !through.has(path)),
      [],
    );
  });

  test('folders are made by the one way that ends on every disk', () => {
    const makes = /\bmkdir(?:Sync)?\(/;
    const making = sources.filter(({ text }) => makes.test(withoutComments(text)));
    assert.deepEqual(
      making.map(({ path }) => path),
      ['store/make-folder.ts'],
    );
  });

  test('every HTTP server asks who calls before all else', () => {
    const servers = sources.filter(({ text }) => /\bcreateServer\b[^;]*from 'node:https?'/.test(text));
    assert.ok(servers.length >= 2);
    const unasked = servers.filter(({ text }) => !/\bturnedAway\(request, response, /.test(text));
    assert.deepEqual(
      unasked.map(({ path }) => path),
      [],
    );
  });

  test('no rule is switched off in place', () => {
    const marks = /biome-ignore|@ts-ignore|@ts-nocheck|@ts-expect-error|TODO|FIXME/;
    const untyped = /: any\b|\bas any\b/;
    const wrong = sources.filter(({ text }) => marks.test(text) || untyped.test(withoutComments(text))).map(({ path }) => path);
    assert.deepEqual(wrong, []);
  });

  test('files stay small', () => {
    const lines = sources.map(({ path, text }) => ({ path, count: text.split('\n').length - 1 }));
    const long = lines.filter(({ path, count }) => count > MOST_LINES && !LONG_BY_NATURE.has(path));
    assert.deepEqual(long, []);
    const sorted = lines.map(({ count }) => count).sort((a, b) => a - b);
    assert.ok((sorted[Math.floor(sorted.length / 2)] ?? 0) <= MOST_MEDIAN_LINES);
  });
});

function withoutComments(text: string): string {
  return text.replaceAll(/\/\*[\s\S]*?\*\//g, '').replaceAll(/\/\/.*$/gm, '');
}
