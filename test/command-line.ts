import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { text } from 'node:stream/consumers';
import { createRegtest, type Regtest } from '../src/chain/regtest/regtest.ts';
import { type RegtestServer, serveRegtest } from '../src/chain/regtest/server.ts';
import type { Coin } from '../src/core/coin/coin.ts';
import { dogecoinRegtest } from '../src/core/coin/dogecoin.ts';
import { Serving } from './serving.ts';

/** Past the height where CLTV binds blocks. */
const FIRST_BLOCKS = 1_400;

/** What Node has compiled of a command once, it need not compile again: that takes half of a command's time. */
const COMPILED = join(tmpdir(), 'pawment-compile-cache');

/** How a question to a person ends. */
const QUESTIONS: readonly string[] = ['[y/N] ', 'Passphrase: '];

/** What a command came to. */
export interface Ran {
  readonly code: number | null;
  /** The JSON that it printed. */
  readonly out: unknown;
  /** What it told a person. */
  readonly said: string;
}

/** `bin/pawment.js` as processes of their own, each in a data folder by name, all at one embedded node. */
export class CommandLine {
  readonly regtest: Regtest;
  readonly node: RegtestServer;
  readonly #home: string;
  readonly #serving: Serving[] = [];
  readonly #running = new Set<ChildProcess>();
  readonly #env: NodeJS.ProcessEnv;

  private constructor(regtest: Regtest, node: RegtestServer, home: string) {
    this.regtest = regtest;
    this.node = node;
    this.#home = home;
    this.#env = { ...process.env, NODE_COMPILE_CACHE: COMPILED, PAWMENT_PASSPHRASE: 'much secret', PAWMENT_COIN: regtest.coin.id };
  }

  static async open(coin: Coin = dogecoinRegtest): Promise<CommandLine> {
    const regtest = createRegtest({ coin });
    regtest.mine(FIRST_BLOCKS);
    return new CommandLine(regtest, await serveRegtest(regtest), await mkdtemp(join(tmpdir(), 'pawment-command-line-')));
  }

  /** Where the folder of this name is; a whole path is itself. It is not made: some commands are to find none. */
  folder(name: string): string {
    return resolve(this.#home, name);
  }

  /** A command that runs to its end. */
  run(folder: string, ...words: readonly string[]): Promise<Ran> {
    return this.tell('', folder, ...words);
  }

  /** A command that reads its standard input, and runs to its end; one that does not come to it is killed by `close`. */
  tell(input: string, folder: string, ...words: readonly string[]): Promise<Ran> {
    return this.under([], input, folder, ...words);
  }

  /** Commands that end by themselves, one after the other in one process, which takes a fraction of the time. */
  async each(commands: readonly { readonly folder: string; readonly words: readonly string[] }[]): Promise<readonly Ran[]> {
    const asked = commands.map(({ folder, words }) => this.#args(folder, words));
    const child = spawn(process.execPath, ['--input-type=module', '-e', ONE_BY_ONE, JSON.stringify(asked)], { env: this.#env });
    this.#running.add(child);
    const ended = once(child, 'close');
    const [out, said] = await Promise.all([text(child.stdout), text(child.stderr)]);
    await ended;
    this.#running.delete(child);
    const lines = out.trimEnd().split('\n');
    return commands.map(({ words }, i) => {
      const [json = '', code = ''] = lines.slice(2 * i, 2 * i + 2);
      assert.match(code, /^\d+$/, `${words.join(' ')}: ${out} ${said}`);
      return { code: Number(code), out: JSON.parse(json), said };
    });
  }

  /** The same, started by another program: one that ends in `exec "$@"`, say. */
  async under(starter: readonly string[], input: string, folder: string, ...words: readonly string[]): Promise<Ran> {
    const [program = '', ...args] = [...starter, process.execPath, ...this.#args(folder, words)];
    const child = spawn(program, args, { env: this.#env });
    this.#running.add(child);
    const ended = new Promise<number | null>((resolve, reject) => {
      child.on('error', reject);
      child.on('close', resolve);
    });
    // A command that does not read its input may have ended before it is written.
    child.stdin.on('error', () => undefined);
    child.stdin.end(input);
    const [out, said, code] = await Promise.all([text(child.stdout), text(child.stderr), ended]);
    this.#running.delete(child);
    assert.notEqual(out, '', said);
    return { code, out: JSON.parse(out), said };
  }

  /** A command that somebody stops by Ctrl-C once this has come true; or, without it, once it has said something that matches. */
  async stopped(when: Promise<unknown> | RegExp, folder: string, ...words: readonly string[]): Promise<Ran> {
    const child = spawn(process.execPath, this.#args(folder, words), { env: this.#env, stdio: ['ignore', 'pipe', 'pipe'] });
    this.#running.add(child);
    const ended = once(child, 'close');
    const out = text(child.stdout);
    let said = '';
    const heard = new Promise<void>((resolve) => {
      child.stderr.setEncoding('utf8').on('data', (more: string) => {
        said += more;
        if (when instanceof RegExp && when.test(said)) resolve();
      });
    });
    await Promise.race([when instanceof RegExp ? heard : when, ended]);
    child.kill('SIGINT');
    const [code] = await ended;
    this.#running.delete(child);
    return { code, out: JSON.parse(await out), said };
  }

  /**
   * A command at a terminal, a pseudo-terminal of util-linux' `script`: who sits there answers the question. All that is shown is what was said, and what
   * it prints last is its JSON. One that does not come to its end is killed by `close`.
   */
  atTerminal(answer: string, folder: string, ...words: readonly string[]): Promise<Ran> {
    return this.#answered(answer, this.#env, folder, words);
  }

  /** Likewise, and the passphrase is asked for. */
  atPassphrase(answer: string, folder: string, ...words: readonly string[]): Promise<Ran> {
    const { PAWMENT_PASSPHRASE: _, ...env } = this.#env;
    return this.#answered(answer, env, folder, words);
  }

  async #answered(answer: string, env: NodeJS.ProcessEnv, folder: string, words: readonly string[]): Promise<Ran> {
    const line = [process.execPath, ...this.#args(folder, words)].map((word) => `'${word}'`).join(' ');
    const child = spawn('script', ['--quiet', '--return', '--command', line, '/dev/null'], {
      env: { ...env, SHELL: '/bin/sh', TERM: 'dumb' },
    });
    this.#running.add(child);
    const ended = once(child, 'close');
    let said = '';
    child.stdout.on('data', (bytes: Buffer) => {
      const isAsked = wasAsked(said);
      said += bytes.toString();
      if (!isAsked && wasAsked(said)) child.stdin.write(`${answer}\r`);
    });
    const [code] = await ended;
    this.#running.delete(child);
    const [out = ''] = /^\{.*$/m.exec(said) ?? [];
    assert.notEqual(out, '', said);
    return { code, out: JSON.parse(out), said };
  }

  /** A command that runs until it is killed, by `close` at the latest. Resolves when it has come up. */
  serve(folder: string, ...words: readonly string[]): Promise<Serving> {
    return this.serveUnder([], folder, ...words);
  }

  /** The same, started by another program. */
  async serveUnder(starter: readonly string[], folder: string, ...words: readonly string[]): Promise<Serving> {
    const [program = '', ...args] = [...starter, process.execPath, ...this.#args(folder, words)];
    const child = spawn(program, args, { env: this.#env, stdio: ['ignore', 'pipe', 'pipe'] });
    const serving = new Serving(child);
    this.#serving.push(serving);
    await serving.up;
    return serving;
  }

  async close(): Promise<void> {
    for (const child of this.#running) child.kill('SIGKILL');
    await Promise.all(this.#serving.map((serving) => serving.kill()));
    await this.node.close();
    await rm(this.#home, { recursive: true });
  }

  #args(folder: string, words: readonly string[]): readonly string[] {
    const node = words.includes('--rpc-url') ? [] : ['--rpc-url', this.node.url];
    return ['bin/pawment.js', ...words, ...node, '--datadir', this.folder(folder), '--json'];
  }
}

function wasAsked(said: string): boolean {
  return QUESTIONS.some((question) => said.includes(question));
}

/** Runs each list of words, and prints the exit code behind what it printed. */
const ONE_BY_ONE = `
  const { main } = await import('./src/cli/main.ts');
  process.setMaxListeners(0);
  for (const words of JSON.parse(process.argv[1])) {
    process.exitCode = 0;
    await main(['node', ...words]);
    console.log(process.exitCode);
  }`;
