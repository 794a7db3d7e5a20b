import { type Logger, pino } from 'pino';
import { plain } from './plain.ts';

/** Writes JSON lines to standard error, at once. What strangers and nodes said is in them: whoever looks at them on a terminal must not be fooled. */
export function logger(level: 'info' | 'debug', write: (line: string) => void = toStandardError()): Logger {
  return pino({ level }, { write: (line: string) => write(`${plain(line.trimEnd())}\n`) });
}

function toStandardError(): (line: string) => void {
  const out = pino.destination({ dest: 2, sync: true });
  return (line) => void out.write(line);
}
