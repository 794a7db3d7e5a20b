import assert from 'node:assert/strict';
import { z } from 'zod';
import { logger } from '../../../src/cli/log.ts';
import { failure, granted, printer, Refused } from '../../../src/cli/print.ts';
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
  files: ['cli/plain.ts', 'cli/print.ts', 'cli/log.ts'],
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
    [logged(result), 1],
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

/** As a command ends with it. */
function attempted({ refusal }: Refused): unknown {
  try {
    return granted(refusal);
  } catch (error) {
    return error;
  }
}

function logged(facts: object): string {
  let text = '';
  const write = (line: string): void => {
    text += line;
  };
  const log = logger('debug', { write, isTerminal: false });
  log.info(facts, JSON.stringify(facts));
  log.warn({ error: String(new Error(JSON.stringify(facts))) }, 'request');
  const [first = ''] = text.split('\n');
  const parsedLine: unknown = JSON.parse(first);
  assert.ok(typeof parsedLine === 'object');
  return first;
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
