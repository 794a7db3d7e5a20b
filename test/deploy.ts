import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';

export const DEPLOY = 'examples/deploy';

/** A file of the examples, with every place of one machine changed to what it is on another. @throws Error for one that is not there. */
export function example(name: string, changes: Readonly<Record<string, string>> = {}): string {
  return Object.entries(changes).reduce(
    (text, [from, to]) => {
      if (!text.includes(from)) throw new Error(`${name} has no ${from}`);
      return text.replaceAll(from, to);
    },
    readFileSync(join(DEPLOY, name), 'utf8'),
  );
}

/** What a unit says under a name, each time that it does. */
export function directives(unit: string, name: string): readonly string[] {
  return [...unit.matchAll(new RegExp(`^${name}=(.*)$`, 'gm'))].map(([, value = '']) => value);
}

const PROGRAM = '/usr/local/bin/pawment ';

/** The words after the program's name, of each command that a unit runs. */
export function unitCommands(unit: string): readonly (readonly string[])[] {
  return directives(unit, 'ExecStart').map((line) => {
    if (!line.startsWith(PROGRAM)) throw new Error(`${line} is not the program`);
    return line.slice(PROGRAM.length).split(' ');
  });
}

const words = z.array(z.string());

/** The same of an image's or a service's command, written as a list. */
export function listedCommands(text: string): readonly (readonly string[])[] {
  return [...text.matchAll(/^(?:CMD|\s+command:) (\[.*\])$/gm)].map(([, list = '']) => words.parse(JSON.parse(list.replaceAll("'", '"'))));
}
