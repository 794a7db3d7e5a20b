import { isRefusal, type Refusal } from '../core/base/refusal.ts';
import { WorldError } from '../engine/ports.ts';
import { plain } from './plain.ts';

/** How a command ended, as the shell sees it. */
export const EXIT = { ok: 0, refused: 1, usage: 2, world: 3, attention: 4, bug: 70 } as const;

/** Thrown by a command to end with a refusal: what was asked is against the rules. What the command did before it stands, and has been told. */
export class Refused extends Error {
  readonly refusal: Refusal;

  constructor(refusal: Refusal) {
    super(refusal.message);
    this.refusal = refusal;
  }
}

/** The value, or the end of the command. */
export function granted<T>(value: T | Refusal): T {
  if (isRefusal(value)) throw new Refused(value);
  return value;
}

/** What a command says: its result on standard output, everything else on standard error. */
export interface Printer {
  /** The result: as one JSON value, or as lines for people. Texts may come from strangers. */
  readonly result: (value: object, lines: readonly string[]) => void;
  readonly note: (text: string) => void;
}

export function printer(json: boolean): Printer {
  return {
    result: (value, lines) => void process.stdout.write(written(json ? [JSON.stringify(value, writeBigint)] : lines)),
    note: (text) => void process.stderr.write(written([text])),
  };
}

function written(lines: readonly string[]): string {
  return lines.map((line) => `${plain(line)}\n`).join('');
}

/** Amounts are decimal digits in JSON, in the smallest unit. */
function writeBigint(_: string, value: unknown): unknown {
  return typeof value === 'bigint' ? value.toString() : value;
}

/** Prints why a command failed. @returns its exit code. */
export function failure(error: unknown, json: boolean): number {
  if (error instanceof Refused) {
    const { code, message, advice, detail } = error.refusal;
    return report({ error: code, message, advice, facts: detail }, [message, factsLine(detail), advice], json, EXIT.refused);
  }
  if (error instanceof WorldError) {
    const code = error.code === 'config' ? EXIT.usage : EXIT.world;
    return report({ error: error.code, message: error.message, advice: error.hint }, [error.message, error.hint], json, code);
  }
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return report({ error: 'bug', message: text }, [`This is a fault of pawment: ${text}`], json, EXIT.bug);
}

function factsLine(detail: Readonly<Record<string, string>>): string {
  return Object.entries(detail)
    .filter(([name]) => name !== 'signatures')
    .map(([name, value]) => `${name}: ${value}`)
    .join(', ');
}

function report(value: object, lines: readonly string[], json: boolean, code: number): number {
  if (json) process.stdout.write(written([JSON.stringify(value)]));
  else process.stderr.write(written(lines.filter((line) => line !== '')));
  return code;
}
