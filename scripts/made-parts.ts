const END = '<!-- end -->';

/**
 * A page with the parts that `npm run docs` makes, each between `<!-- made by npm run docs: name -->` and `<!-- end -->`.
 * @throws Error when the page has no place for one of them.
 */
export function withParts(page: string, parts: Readonly<Record<string, string>>): string {
  return Object.entries(parts).reduce((text, [name, part]) => withPart(text, `<!-- made by npm run docs: ${name} -->`, part), page);
}

function withPart(page: string, begin: string, part: string): string {
  const from = page.indexOf(begin) + begin.length;
  const to = page.indexOf(END, from);
  if (from < begin.length || to < 0) throw new Error(`there is no place for ${begin}`);
  return `${page.slice(0, from)}\n\n${part}\n\n${page.slice(to)}`;
}

/** A table with a row of titles. */
export function tableOf(titles: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [line(titles), `|${titles.map(() => '---').join('|')}|`, ...rows.map(line)].join('\n');
}
