import { spawn } from 'node:child_process';
import { once } from 'node:events';
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
