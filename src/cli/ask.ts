import { createInterface } from 'node:readline/promises';
import { plain } from './plain.ts';

/** Asks a person at a terminal for a yes; anything else is a no. Undefined where nobody is there to be asked. */
export function asking(): ((question: string) => Promise<boolean>) | undefined {
  if (!process.stdin.isTTY || !process.stderr.isTTY) return undefined;
  return async (question) => {
    const lines = createInterface({ input: process.stdin, output: process.stderr });
    try {
      return /^y(es)?$/i.test((await lines.question(`${plain(question)} [y/N] `)).trim());
    } finally {
      lines.close();
    }
  };
}
