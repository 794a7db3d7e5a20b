import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, globSync, readFileSync } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { findProgram, type Program, whyLeftOut } from '../../live/program.ts';

const HERE = import.meta.dirname;

const maven: Program = { name: 'mvn', variable: 'MVN', install: 'install the Debian package maven', optional: false };
const compiler: Program = { name: 'javac', variable: 'JAVAC', install: 'install the Debian package default-jdk-headless', optional: false };
export const java: Program = { name: 'java', variable: 'JAVA', install: compiler.install, optional: false };

/** Why tests against bitcoinj are left out; undefined when they run. In CI nothing may be missing. */
export function whyWithoutJava(): string | undefined {
  return [maven, compiler, java].map(whyLeftOut).find((why) => why !== undefined);
}

/**
 * The class path of the program, which is built if its sources were never built as they are.
 * @throws Error with what to install, or with the words of the build.
 */
export async function classPath(): Promise<string> {
  const output = join(HERE, 'target', sourceDigest());
  if (!existsSync(output)) await build(output);
  return [join(output, 'classes'), join(output, 'lib', '*')].join(delimiter);
}

function sourceDigest(): string {
  const hash = createHash('sha256');
  for (const file of ['pom.xml', ...globSync('src/**/*.java', { cwd: HERE }).sort()]) {
    hash
      .update(`${file}\0`)
      .update(readFileSync(join(HERE, file)))
      .update('\0');
  }
  return hash.digest('hex').slice(0, 16);
}

/** Two builds at once do not meet: each has a folder of its own, and the first that is done gives it its name. */
async function build(output: string): Promise<void> {
  const mvn = pathOf(maven);
  pathOf(compiler);
  const scratch = `${output}.${process.pid}`;
  await mkdir(join(HERE, 'target'), { recursive: true });
  try {
    await promisify(execFile)(mvn, ['-q', '-B', 'compile', `-Doutput=${scratch}`], { cwd: HERE });
    await rename(scratch, output);
  } catch (error) {
    await rm(scratch, { recursive: true, force: true });
    if (!existsSync(output)) throw error;
  }
}

function pathOf(program: Program): string {
  const path = findProgram(program);
  if (path === undefined) throw new Error(`${program.name} is missing: ${program.install}`);
  return path;
}

if (import.meta.main) {
  const why = whyWithoutJava();
  if (why === undefined) await classPath();
  else console.log(why);
}
