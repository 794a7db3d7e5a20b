import { type Bar, Presets, SingleBar } from 'cli-progress';

/** Tells the story: steps as they happen, facts below them, and a bar for what repeats. */
export interface Narrator {
  readonly heading: (text: string) => void;
  /** A step of the channel diagram: `1` to `6` are messages, `A` to `H` what either side does. */
  readonly step: (label: string, text: string) => void;
  readonly fact: (name: string, value: string) => void;
  readonly line: (text: string) => void;
  readonly progress: (total: number) => Progress;
}

export interface Progress {
  readonly at: (count: number) => void;
  readonly done: () => void;
}

export function narrator(stream: NodeJS.WriteStream): Narrator {
  const print = (text: string): void => void stream.write(`${text}\n`);
  return {
    heading: (text) => print(`\n${text}\n${'─'.repeat(text.length)}`),
    step: (label, text) => print(`[${label}] ${text}`),
    fact: (name, value) => print(`      ${name.padEnd(18)} ${value}`),
    line: print,
    progress: (total) => bar(stream, total),
  };
}

/** Where nobody watches, a bar would be a line for each step. */
function bar(stream: NodeJS.WriteStream, total: number): Progress {
  if (!stream.isTTY) return { at: () => undefined, done: () => undefined };
  const made: Bar = new SingleBar({ stream, format: '      payments [{bar}] {value}/{total}  {eta}s to go' }, Presets.shades_classic);
  made.start(total, 0);
  return { at: (count) => made.update(count), done: () => made.stop() };
}

/** Says nothing: for when only the figures are wanted. */
export const silence: Narrator = {
  heading: () => undefined,
  step: () => undefined,
  fact: () => undefined,
  line: () => undefined,
  progress: () => ({ at: () => undefined, done: () => undefined }),
};
