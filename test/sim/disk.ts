import { crc32 } from 'node:zlib';
import type { StoredRecord, Write } from '../../src/engine/ports.ts';
import type { Chance } from './chance.ts';

/** One commit as it lies on the disk: its text is only looked at where it may have come to harm. */
type Entry = { readonly writes: readonly Write[] } | { readonly text: string; readonly sum: number };

export type Records = Map<string, Map<string, StoredRecord>>;

/** What a power cut did to what was not synced. */
export type Cut = 'whole' | 'dropped' | 'torn' | 'flipped';

/** An append-only log in two parts: what is synced stays, whatever happens; of the rest a power cut leaves what it likes. */
export class Disk {
  #synced: Entry[] = [];
  #loose: Entry[] = [];
  #durable: Records = new Map();
  isFull: boolean = false;

  append(writes: readonly Write[]): void {
    this.#loose.push({ writes });
  }

  sync(): void {
    for (const entry of this.#loose) {
      this.#synced.push(entry);
      if ('writes' in entry) applyTo(this.#durable, entry.writes);
    }
    this.#loose = [];
  }

  /** What was written and not synced yet. */
  get loose(): readonly (readonly Write[])[] {
    return this.#loose.flatMap((entry) => ('writes' in entry ? [entry.writes] : []));
  }

  /** Takes the last entry back: a write that failed. */
  undo(): void {
    this.#loose.pop();
  }

  get hasLoose(): boolean {
    return this.#loose.length > 0;
  }

  /** Commits that are synced. */
  get generations(): number {
    return this.#synced.length;
  }

  /** Drops a suffix of what was not synced, and may leave the last entry of the rest half written or with a wrong bit. */
  cutPower(chance: Chance): Cut {
    const left = chance.int(this.#loose.length + 1);
    const kept = this.#loose.slice(0, left);
    const next = this.#loose[left];
    this.#loose = [];
    this.#synced.push(...kept);
    if (next === undefined || !('writes' in next)) return 'whole';
    const harm = chance.pick<Cut>(['dropped', 'torn', 'flipped']);
    const text = JSON.stringify(next.writes);
    const sum = crc32(text);
    if (harm === 'torn') this.#synced.push({ text: text.slice(0, chance.int(text.length)), sum });
    if (harm === 'flipped') this.#synced.push({ text: flipped(text, chance), sum });
    return harm;
  }

  /** The disk as it was after its first `generation` commits. */
  restore(generation: number): void {
    this.#synced = this.#synced.slice(0, generation);
    this.#loose = [];
  }

  /** Opens anew: all that reads whole. A last entry that does not was never synced, so it is cut off; an earlier one would be damage. */
  open(): Records {
    const found: Records = new Map();
    const whole: Entry[] = [];
    for (const [i, entry] of this.#synced.entries()) {
      if ('writes' in entry) {
        applyTo(found, entry.writes);
        whole.push(entry);
      } else if (crc32(entry.text) === entry.sum) throw new Error('harm that changed nothing');
      else if (i < this.#synced.length - 1) throw new Error('what was synced is damaged');
    }
    this.#synced = whole;
    this.#durable = clone(found);
    return found;
  }

  /** What would be left if the power were cut now and all that was not synced got lost. */
  durable(kind: string, id: string): string | undefined {
    return this.#durable.get(kind)?.get(id)?.value;
  }

  /** All of a kind, as they would be left. */
  values(kind: string): readonly string[] {
    return [...(this.#durable.get(kind)?.values() ?? [])].map(({ value }) => value);
  }
}

export function applyTo(records: Records, writes: readonly Write[]): void {
  for (const { kind, id, expected, value } of writes) {
    const ofKind = records.get(kind) ?? new Map<string, StoredRecord>();
    records.set(kind, ofKind);
    if (value === undefined) ofKind.delete(id);
    else ofKind.set(id, { version: expected + 1, value });
  }
}

function clone(records: Records): Records {
  return new Map([...records].map(([kind, ofKind]) => [kind, new Map(ofKind)]));
}

function flipped(text: string, chance: Chance): string {
  const at = chance.int(text.length);
  return `${text.slice(0, at)}${String.fromCharCode(text.charCodeAt(at) ^ (1 << chance.int(6)))}${text.slice(at + 1)}`;
}
