import { createInterface, type Interface } from 'node:readline/promises';
import { plain } from './plain.ts';

/** Asks a person at a terminal for a yes; anything else is a no. Undefined where nobody is there to be asked. */
export function asking(): ((question: string) => Promise<boolean>) | undefined {
  if (!process.stdin.isTTY || !process.stderr.isTTY) return undefined;
  return async (question) => {
    const lines = createInterface({ input: process.stdin, output: process.stderr });
    return /^y(es)?$/i.test((await answered(lines, `${plain(question)} [y/N] `)).trim());
  };
}

/** The answer, and the end of asking; nothing when the input ends. Ctrl-C, which asking would swallow, stops the command. */
export async function answered(lines: Interface, question: string): Promise<string> {
  lines.on('SIGINT', () => process.kill(process.pid, 'SIGINT'));
  const ended = new Promise<string>((resolve) => {
    lines.once('close', () => resolve(''));
  });
  try {
    return await Promise.race([lines.question(question), ended]);
  } finally {
    lines.close();
  }
}
