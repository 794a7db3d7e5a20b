import { createInterface, type Interface } from 'node:readline/promises';
import { escapeUnseen } from './escape.ts';
import type { Printer } from './print.ts';

/** Asks a person at a terminal for a yes; anything else means no. Undefined where there is nobody to ask. No work is shown while it asks. */
export function promptYes({ still }: Pick<Printer, 'still'>): ((question: string) => Promise<boolean>) | undefined {
  if (!process.stdin.isTTY || !process.stderr.isTTY) return undefined;
  return async (question) => {
    still();
    const lines = createInterface({ input: process.stdin, output: process.stderr });
    return /^y(es)?$/i.test((await answered(lines, `${escapeUnseen(question)} [y/N] `)).trim());
  };
}

/**
 * The answer, and the end of asking; empty when the input ends. Ctrl-C, which the prompt would catch, stops the command: what is typed after it is no
 * answer.
 */
export async function answered(lines: Interface, question: string): Promise<string> {
  let isStopped = false;
  lines.on('SIGINT', () => {
    isStopped = true;
    process.kill(process.pid, 'SIGINT');
  });
  const ended = new Promise<string>((resolve) => {
    lines.once('close', () => resolve(''));
  });
  try {
    const answer = await Promise.race([lines.question(question), ended]);
    return isStopped ? await new Promise<never>(() => undefined) : answer;
  } finally {
    lines.close();
  }
}
