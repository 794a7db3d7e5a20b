import assert from 'node:assert/strict';
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Readable, Writable } from 'node:stream';
import xterm from '@xterm/headless';

/** Rows of a terminal that keeps all it ever showed. */
const ROWS = 40;

/** What a terminal of so many columns shows after it was sent all this, one line for each of its rows. */
export async function shownBy(columns: number, sent: string): Promise<readonly string[]> {
  const terminal = new xterm.Terminal({ cols: columns, rows: ROWS, scrollback: 10_000, allowProposedApi: true });
  await new Promise<void>((resolve) => terminal.write(sent, resolve));
  const { active } = terminal.buffer;
  const rows = Array.from({ length: active.length }, (_, row) => active.getLine(row)?.translateToString(true) ?? '');
  terminal.dispose();
  return rows.slice(0, rows.findLastIndex((row) => row !== '') + 1);
}

/** A command in a pseudo-terminal of util-linux' `script`, of so many columns. @returns all that it sent to the terminal. */
export async function sentTo(columns: number, words: readonly string[]): Promise<string> {
  const line = [process.execPath, 'bin/pawment.js', ...words].map((word) => `'${word}'`).join(' ');
  const sized = `stty cols ${columns} rows ${ROWS}; exec ${line}`;
  const child = spawn('script', ['--quiet', '--return', '--command', sized, '/dev/null'], {
    env: { ...process.env, SHELL: '/bin/sh', TERM: 'xterm' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let sent = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    sent += text;
  });
  const [code] = await once(child, 'close');
  if (code !== 0) throw new Error(`ended with ${code}: ${sent}`);
  return sent;
}

/** A program at a pseudo-terminal of util-linux' `script`, at which somebody types. */
export class Terminal {
  shown = '';
  readonly over: Promise<unknown>;
  readonly #child: ChildProcessByStdio<Writable, Readable, null>;

  /** @param env all of the environment */
  constructor(words: readonly string[], env: Readonly<Record<string, string>>) {
    const command = words.map((word) => `'${word}'`).join(' ');
    this.#child = spawn('script', ['--quiet', '--return', '--flush', '--command', command, '/dev/null'], {
      env: { SHELL: '/bin/sh', ...env },
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    this.over = once(this.#child, 'close');
    this.#child.stdin.on('error', () => undefined);
    this.#child.stdout.setEncoding('utf8').on('data', (text: string) => {
      this.shown += text.replaceAll('\r', '');
    });
  }

  type(text: string): void {
    this.#child.stdin.write(text);
  }

  /** @throws Error when the program ends before it shows that. */
  async saw(text: string | RegExp): Promise<void> {
    const over = this.over.then(() => assert.fail(`it has ended:\n${this.shown}`));
    over.catch(() => undefined);
    const isShown = (): boolean => (typeof text === 'string' ? this.shown.includes(text) : text.test(this.shown));
    while (!isShown()) await Promise.race([once(this.#child.stdout, 'data'), over]);
  }
}
