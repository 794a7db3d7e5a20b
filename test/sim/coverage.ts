/** How often each thing happened: faults, states, ends. A count of zero shows what was never tried. */
export class Coverage {
  readonly counts: Map<string, number> = new Map();

  hit(name: string, times = 1): void {
    this.counts.set(name, (this.counts.get(name) ?? 0) + times);
  }

  merge(other: Iterable<readonly [string, number]>): void {
    for (const [name, times] of other) this.hit(name, times);
  }

  table(): string {
    const rows = [...this.counts].sort(([a], [b]) => (a < b ? -1 : 1));
    const width = Math.max(...rows.map(([name]) => name.length));
    return rows.map(([name, times]) => `${name.padEnd(width)} ${String(times).padStart(12)}`).join('\n');
  }
}
