import { rows, Screen, type Sink, type Work } from '../terminal/screen.ts';

/** Tells the story: steps as they happen, facts below them, and a bar for repeated work. */
export interface Narrator {
  readonly heading: (text: string) => void;
  /** A step of the channel diagram: `1` to `6` are messages, `A` to `H` what either side does. */
  readonly step: (label: string, text: string) => void;
  readonly fact: (name: string, value: string) => void;
  readonly line: (text: string) => void;
  readonly work: (name: string) => Work;
  /** Removes the display of the work from the screen. */
  readonly end: () => void;
}

/** For rows after the first; with it, a hash of 64 digits fits into 80 columns. */
const INDENT = 10;

export function narrator(stream: Sink): Narrator {
  const screen = new Screen(stream);
  const print = (...lines: readonly string[]): void => {
    const { columns } = stream;
    screen.lines(columns === undefined ? lines : lines.flatMap((line) => rows(line, columns, INDENT)));
  };
  return {
    heading: (text) => print('', text, '─'.repeat(text.length)),
    step: (label, text) => print(`[${label}] ${text}`),
    fact: (name, value) => print(`      ${name.padEnd(18)} ${value}`),
    line: print,
    work: (name) => screen.work(name),
    end: () => screen.end(),
  };
}

/** Prints nothing: for when only the figures are wanted. */
export const silence: Narrator = {
  heading: () => undefined,
  step: () => undefined,
  fact: () => undefined,
  line: () => undefined,
  work: () => ({ at: () => undefined, done: () => undefined }),
  end: () => undefined,
};
