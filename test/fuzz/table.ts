import type { FuzzReport } from './fuzz.ts';

export function taken({ branches, untaken }: FuzzReport): number {
  return branches - untaken.length;
}

/** One line a target, and below it how often each outcome came. */
export function table(reports: readonly FuzzReport[]): string {
  const head = ['target', 'runs', 'accepted', 'refused', 'kinds', 'branches', 'taken', 'steps/byte'];
  const rows = reports.map((report) => {
    const { target, runs, codes, branches, work } = report;
    const accepted = codes.get('accepted') ?? 0;
    const share = `${((100 * taken(report)) / branches).toFixed(1)}%`;
    return [target, runs, accepted, sum(codes) - accepted, codes.size, `${taken(report)}/${branches}`, share, work.toFixed(1)].map(String);
  });
  const widths = head.map((title, i) => Math.max(title.length, ...rows.map((row) => row[i]?.length ?? 0)));
  const line = (cells: readonly string[]): string =>
    cells.map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0))).join('  ');
  const details = reports.map(({ target, codes }) => {
    const counts = [...codes].sort(([, a], [, b]) => b - a).map(([code, count]) => `${code} ${count}`);
    return `${target}: ${counts.join(', ')}`;
  });
  return [line(head), ...rows.map(line), '', ...details].join('\n');
}

function sum(codes: ReadonlyMap<string, number>): number {
  return [...codes.values()].reduce((total, count) => total + count, 0);
}
