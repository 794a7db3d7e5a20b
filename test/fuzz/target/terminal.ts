import assert from 'node:assert/strict';
import { z } from 'zod';
import { Interrupted } from '../../../src/cli/interrupt.ts';
import { logger } from '../../../src/cli/log/log.ts';
import { escapeUnseen } from '../../../src/cli/terminal/escape.ts';
import { failure, granted, type Printer, printer, Refused } from '../../../src/cli/terminal/print.ts';
import { isRefusalCode, refusalCodes, refuse } from '../../../src/core/base/refusal.ts';
import { WorldError } from '../../../src/engine/ports.ts';
import { mutateJson } from '../http.ts';
import { ACCEPTED, type Target, textOf, utf8 } from '../target.ts';
import { unseenIn } from '../unseen.ts';

const said = z.object({ code: z.string(), facts: z.record(z.string(), z.string()), message: z.string(), lines: z.array(z.string()) });
type Said = z.infer<typeof said>;

const hostile = [
  '\u001b[2J\u001b]0;mine\u0007',
  'no\nThe channel is open.',
  '\u202e\u2066',
  'a\r\u0085b\u2028',
  '\ud800\udc00\ud800',
  '\u{e0041}',
  '茶 ☕',
];

/** Whatever strangers and nodes say is shown and logged, and can not fool whoever looks at it. */
export const terminal: Target = {
  name: 'terminal',
  files: ['cli/terminal/escape.ts', 'cli/terminal/print.ts', 'cli/log/log.ts'],
  corpus: refusalCodes
    .slice(0, 6)
    .flatMap((code) =>
      hostile.map((text) =>
        utf8(JSON.stringify({ code, facts: { [text]: text, signatures: 'ff' }, message: text, lines: [text, 'plain'] })),
      ),
    ),
  mutate: mutateJson,
  check: (input) => {
    const read = said.safeParse(parsed(textOf(input)));
    if (!read.success) return { code: 'nothing' };
    for (const json of [true, false]) shown(read.data, json);
    return ACCEPTED;
  },
};

function shown({ code, facts, message, lines }: Said, json: boolean): void {
  const refusal = new Refused(refuse(isRefusalCode(code) ? code : 'message-malformed', facts));
  const result = { code, facts, message, lines };
  const told = [
    [written(() => printer(json).result({ ...result, total: 10n ** 18n }, lines)), lines.length],
    [written(() => printer(json).note(message)), 1],
    [written(() => failure(attempted(refusal), printer(json))), 3],
    [written(() => failure(new WorldError('node-refused', message, message), printer(json))), 2],
    [written(() => failure(new WorldError('config', message, 'hint'), printer(json))), 2],
    [written(() => failure(new Error(message), printer(json))), 1],
    [written(() => failure(message, printer(json))), 1],
    [written(() => failure(new Interrupted({ message, advice: message }, json ? 'SIGINT' : 'SIGTERM'), printer(json))), 2],
    [written(() => worked(printer(json), message)), 1],
    [logged(result, message, !json), Number.POSITIVE_INFINITY],
  ] as const;
  for (const [text, most] of told) {
    const shownLines = text.split('\n');
    assert.equal(
      shownLines.find((line) => unseenIn(line) !== undefined),
      undefined,
    );
    // What is no line of ours is indented.
    assert.ok(shownLines.filter((line) => line !== '' && !line.startsWith('  ')).length <= Math.max(1, most), text);
  }
  if (json) assert.deepEqual(JSON.parse(told[0][0]), { ...JSON.parse(JSON.stringify(result)), total: '1000000000000000000' });
}

function worked(print: Printer, message: string): void {
  const work = print.work(message);
  work.at(1, 2);
  print.still();
  print.line(escapeUnseen(message));
  work.done();
}

/** As a command ends with it. */
function attempted({ refusal }: Refused): unknown {
  try {
    return granted(refusal);
  } catch (error) {
    return error;
  }
}

/** All that a log says of something, as text and as JSON: a line each, and again when it has lasted. */
function logged(facts: object, message: string, isTerminal: boolean): string {
  let [text, now, says] = ['', 0, 0];
  let sumUp = (): void => undefined;
  const write = (line: string): void => {
    text += line;
    says++;
  };
  const every = (_: number, work: () => void): void => {
    sumUp = work;
  };
  const log = logger('debug', { write, isTerminal, every, clock: { now: () => now } });
  log.debug({}, message);
  log.info(facts, 'request');
  log.warn({ [message]: message, nothing: undefined }, 'request');
  log.noted('request', {}, message);
  for (const thrown of [new WorldError('node-refused', message, 'hint'), message]) log.failed('request', thrown);
  for (const wait of [120_000, 86_400_000]) {
    log.failed('request', new WorldError('node-refused', message, 'hint'));
    now += wait;
    sumUp();
  }
  // What goes on is indented.
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('  '));
  assert.equal(lines.length, says);
  if (!isTerminal) for (const line of lines) assert.ok(typeof JSON.parse(line) === 'object');
  // Each begins as lines of ours do.
  for (const line of lines) assert.match(line, /^(\{|\d{4}-)/);
  return text;
}

/** What goes to standard output and standard error while `run` runs, which waits for nothing. */
function written(run: () => void): string {
  const { stdout, stderr } = process;
  const before = [stdout.write, stderr.write] as const;
  let text = '';
  const take = (part: string | Uint8Array): boolean => {
    text += typeof part === 'string' ? part : textOf(part);
    return true;
  };
  [stdout.write, stderr.write] = [take, take];
  try {
    run();
    return text;
  } finally {
    [stdout.write, stderr.write] = before;
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
