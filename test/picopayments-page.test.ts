import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { test } from 'node:test';

const page = readFileSync('docs/picopayments.md', 'utf8');
const NOT_BUILT = 'not built yet';
/** A title that is made of parts has to have so much that stands in the file. */
const LEAST_WRITTEN = 12;

interface Row {
  readonly part: string;
  readonly number: number;
  readonly shownBy: string;
}

/** Rows of the tables, each with the heading that it stands under. */
function rowsOf(text: string): readonly Row[] {
  return text.split(/^## /m).flatMap((section) => {
    const [part = ''] = section.split('\n');
    const lines = [...section.matchAll(/^\| (\d+) \|.*\| ([^|]*) \|$/gm)];
    return lines.map(([, number = '', shownBy = '']) => ({ part, number: Number(number), shownBy }));
  });
}

/** The tests that a cell names: files, each with titles behind it. */
function namedIn(cell: string): readonly (readonly [string, string])[] {
  return [...cell.matchAll(/`([\w./-]+\.ts)`: ("[^"]+"(?:, "[^"]+")*)/g)].flatMap(([, file = '', titles = '']) =>
    [...titles.matchAll(/"([^"]+)"/g)].map(([, title = '']) => [file, title] as const),
  );
}

/** What a file calls its tests, or the cases of a suite; of a title with parts that vary, each part matches anything. */
function isTitleIn(source: string, title: string): boolean {
  const written = source.matchAll(/(?:\b(?:test|describe|refusedFirst)\(|\[|\bname: |^)\s*(['"`])((?:(?!\1).)+)\1,/gm);
  return [...written].some(([, quote, text = '']) => (quote === '`' ? isMadeOf(text, title) : text === title));
}

function isMadeOf(template: string, title: string): boolean {
  const parts = template.split(/\$\{[^}]*\}/);
  const literal = parts.map((part) => part.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&'));
  return parts.join('').length >= LEAST_WRITTEN && new RegExp(`^${literal.join('.+')}$`).test(title);
}

test('every test that the page names is in its file', () => {
  const named = rowsOf(page).flatMap(({ shownBy }) => namedIn(shownBy));
  assert.ok(named.length > 50);
  for (const [file, title] of named) {
    assert.ok(existsSync(file), file);
    assert.ok(isTitleIn(readFileSync(file, 'utf8'), title), `${file}: ${title}`);
  }
  for (const [, file = ''] of page.matchAll(/`([\w./-]+\.ts)`/g)) assert.ok(existsSync(file), file);
});

test('every row names a test, or says that it is not built yet; all thirteen items and every hole have one', () => {
  const rows = rowsOf(page);
  for (const { part, number, shownBy } of rows) {
    assert.ok(namedIn(shownBy).length > 0 || shownBy === NOT_BUILT, `${part}, ${number}`);
    // What stands in quotes and is named by no file would be held to nothing.
    assert.equal(namedIn(shownBy).length, shownBy.match(/"[^"]+"/g)?.length ?? 0, `${part}, ${number}`);
  }
  const upTo = (count: number): readonly number[] => Array.from({ length: count }, (_, i) => i + 1);
  const counts = new Map([...new Set(rows.map(({ part }) => part))].map((part) => [part, rows.filter((row) => row.part === part)]));
  assert.deepEqual(
    [...counts].map(([part, of]) => [part, of.map(({ number }) => number)]),
    [
      ['What has to be there', upTo(13)],
      ['Holes of the channel library', upTo(14)],
      ['Holes of the hub and its client', upTo(9)],
    ],
  );
});

test('a title that nobody wrote is told', () => {
  // A place that varies is written with a dollar sign.
  const lines = [
    "test('one thing', () => {});",
    "  ['another thing', run],",
    'test(`a #{lost} that is lost`, run);',
    'test(`#{name}: #{code}`, run);',
  ];
  const source = lines.join('\n').replaceAll('#', '$');
  for (const title of ['one thing', 'another thing', 'a reply that is lost']) assert.ok(isTitleIn(source, title), title);
  for (const title of ['one', 'thing', 'a  that is lost', 'any: thing', 'a reply that is lost again']) {
    assert.ok(!isTitleIn(source, title), title);
  }
});
