import { pino } from 'pino';
import type { Clock } from '../../engine/ports.ts';
import { diskError } from '../../store/disk-error.ts';
import { escapeUnseen } from '../terminal/escape.ts';
import { RepeatedFailures, type Summary } from './repeated-failures.ts';

type Say = (facts: object, message: string) => void;

/** What a long-running program tells its operator. Facts are for machines, messages for people. */
export interface Log {
  /** Only with `--verbose`. */
  readonly debug: Say;
  readonly info: Say;
  readonly warn: Say;
  /** For failures that may repeat: logged once, then summed up at growing intervals while they last. */
  readonly failed: (where: string, error: unknown) => void;
  /** For messages that may repeat at each look: logged once, then summed up in the same way. */
  readonly noted: (where: string, facts: object, message: string, how?: 'info' | 'warn') => void;
}

export type Level = 'debug' | 'info' | 'warn' | 'error';

export interface LogOptions {
  readonly clock: Clock;
  /** Takes a line. */
  readonly write: (line: string) => void;
  /** A person reads it; otherwise it is JSON, for programs. */
  readonly isTerminal: boolean;
  /** Calls `work` at regular intervals, without keeping the process alive. */
  readonly every: (milliseconds: number, work: () => void) => void;
}

/** Milliseconds between two checks whether something has to be summed up. */
const SUM_UP = 10_000;

/**
 * Writes to standard error at once: JSON lines, or text on a terminal. Lines contain what strangers and nodes said: that must not deceive the reader.
 */
export function logger(level: 'info' | 'debug', options: Partial<LogOptions> = {}): Log {
  const {
    clock = { now: Date.now },
    write = toStandardError(),
    isTerminal = process.stderr.isTTY === true,
    every = inBackground,
  } = options;
  const say = isTerminal ? textSayer(level, clock, write) : jsonSayer(level, write);
  const lasting = new RepeatedFailures();
  every(SUM_UP, () => {
    for (const summary of lasting.due(clock.now())) say('warn', summaryFacts(summary), summaryText(summary));
  });
  return {
    debug: (facts, message) => say('debug', facts, message),
    info: (facts, message) => say('info', facts, message),
    warn: (facts, message) => say('warn', facts, message),
    failed: (where, thrown) => {
      const known = diskError(thrown);
      const error = known instanceof Error ? known : new Error(String(known));
      if (!lasting.isNew(where, error, clock.now())) return;
      if ('hint' in error && 'code' in error) say('warn', { where, code: error.code, hint: error.hint }, error.message);
      else say('error', { where, stack: error.stack }, error.message);
    },
    noted: (where, facts, message, how = 'info') => {
      if (lasting.isNew(where, { message }, clock.now(), JSON.stringify([where, facts, message]))) say(how, facts, message);
    },
  };
}

type Sayer = (level: Level, facts: object, message: string) => void;

function jsonSayer(level: Level, write: (line: string) => void): Sayer {
  const lines = pino({ level }, { write: (line: string) => write(`${escapeUnseen(line.trimEnd())}\n`) });
  return (how, facts, message) => lines[how](facts, message);
}

/** The time is UTC, as in JSON, and facts come after the message. */
function textSayer(level: Level, clock: Clock, write: (line: string) => void): Sayer {
  return (how, facts, message) => {
    if (how === 'debug' && level !== 'debug') return;
    const time = new Date(clock.now()).toISOString().replace(/\.\d+Z$/, 'Z');
    const told = Object.entries(facts).flatMap(([name, value]) => (value === undefined ? [] : [`${name}=${textOf(value)}`]));
    write(`${escapeUnseen([time, how.padEnd(5), message, ...told].join(' '))}\n`);
  };
}

/** Unchanged where it is one word; otherwise as in JSON. */
function textOf(value: unknown): string {
  return typeof value === 'string' && /^[^\s"=]+$/.test(value) ? value : JSON.stringify(value);
}

function summaryFacts({ failure, where, times, since, until }: Summary): object {
  const code = typeof failure.code === 'string' ? { code: failure.code } : {};
  return { where, ...code, times, seconds: Math.round((until - since) / 1_000) };
}

function summaryText({ failure, isOver }: Summary): string {
  return `${isOver ? 'over' : 'still'}: ${failure.message}`;
}

/** Bytes that are kept for a log that can't be written now, such as a file on a full disk; more is dropped. */
const MOST_UNWRITTEN = 1_048_576;

function toStandardError(): (line: string) => void {
  const out = pino.destination({ dest: 2, sync: true, maxLength: MOST_UNWRITTEN });
  // There is nobody to tell, and a shop does not end because of its log: the next line tries again.
  out.on('error', () => undefined);
  return (line) => void out.write(line);
}

function inBackground(milliseconds: number, work: () => void): void {
  setInterval(work, milliseconds).unref();
}
