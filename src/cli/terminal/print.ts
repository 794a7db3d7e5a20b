import { isRefusal, type Refusal } from '../../core/base/refusal.ts';
import { WorldError } from '../../engine/ports.ts';
import { diskError } from '../../store/disk-error.ts';
import { Interrupted } from '../interrupt.ts';
import { escapeUnseen } from './escape.ts';
import { factsLine } from './refusal-facts.ts';
import { Screen, type Work } from './screen.ts';

/** How a command ended, for the shell. */
export const EXIT = { ok: 0, refused: 1, usage: 2, world: 3, attention: 4, bug: 70, stopped: 130, ended: 143 } as const;

/**
 * Thrown by a command to end with a refusal: the rules do not allow the request. What the command did before is still done, and has been reported.
 */
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

/** The output of a command: its result on standard output, everything else on standard error. Texts may come from strangers. */
export interface Printer {
  /** The result: as one JSON value, or as lines for people. */
  readonly result: (value: object, lines: readonly string[]) => void;
  readonly note: (text: string) => void;
  /** A line that is fully formatted. */
  readonly line: (line: string) => void;
  /** Why there is no result: as one JSON value, or as lines for people. */
  readonly failure: (value: object, lines: readonly string[]) => void;
  /** Starts to show long work, where a person can see it. */
  readonly work: (name: string) => Work;
  /** Stops showing work, because a person is about to be asked. */
  readonly still: () => void;
}

export function printer(json: boolean): Printer {
  const screen = new Screen(process.stderr);
  const write = (lines: readonly string[], to: NodeJS.WriteStream): void => screen.lines(lines.map(escapeUnseen), to);
  const inJson = (value: object): void => write([JSON.stringify(value, writeBigint)], process.stdout);
  return {
    result: (value, lines) => (json ? inJson(value) : write(lines, process.stdout)),
    note: (text) => write([text], process.stderr),
    line: (line) => screen.lines([line.trimEnd()], process.stderr),
    failure: (value, lines) => {
      screen.end();
      if (json) inJson(value);
      else write(lines, process.stderr);
    },
    work: (name) => screen.work(name),
    still: () => screen.end(),
  };
}

/** In JSON, amounts are decimal digits in the smallest unit. */
function writeBigint(_: string, value: unknown): unknown {
  return typeof value === 'bigint' ? value.toString() : value;
}

/** Prints why a command failed. Amounts are shown with the ticker of the coin. @returns its exit code. */
export function failure(error: unknown, print: Pick<Printer, 'failure'>, ticker = 'coins'): number {
  const { value, lines, code } = failed(diskError(error), ticker);
  print.failure(
    value,
    lines.filter((line) => line !== ''),
  );
  return code;
}

interface Failed {
  readonly value: { readonly error: string; readonly message: string; readonly advice?: string; readonly facts?: object };
  readonly lines: readonly string[];
  readonly code: number;
}

function failed(error: unknown, ticker: string): Failed {
  if (error instanceof Refused) {
    const { code, message, advice, detail } = error.refusal;
    return {
      value: { error: code, message, advice, facts: detail },
      lines: [message, factsLine(error.refusal, ticker), advice],
      code: EXIT.refused,
    };
  }
  if (error instanceof WorldError) {
    const { code, message, hint } = error;
    return { value: { error: code, message, advice: hint }, lines: [message, hint], code: code === 'config' ? EXIT.usage : EXIT.world };
  }
  if (error instanceof Interrupted) {
    const { message, advice, facts = {} } = error.account;
    const code = error.signal === 'SIGINT' ? EXIT.stopped : EXIT.ended;
    return { value: { error: 'stopped', message, advice, facts }, lines: [message, advice], code };
  }
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return { value: { error: 'bug', message: text }, lines: [`This is a fault of pawment: ${text}`], code: EXIT.bug };
}
