/** A count with its noun, as people read it: `1 block`, `2 blocks`. */
export function counted(count: number | bigint, noun: string): string {
  return `${count} ${noun}${Number(count) === 1 ? '' : 's'}`;
}
