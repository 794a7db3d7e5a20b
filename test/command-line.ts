import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { createRegtest, type Regtest } from '../src/chain/regtest/regtest.ts';
import { type RegtestServer, serveRegtest } from '../src/chain/regtest/server.ts';
import { dogecoinRegtest as coin } from '../src/core/coin/dogecoin.ts';
import { Serving } from './serving.ts';

/** Past the height where CLTV binds blocks. */
const FIRST_BLOCKS = 1_400;

/** How a question to a person ends. */
const QUESTION = '[y/N] ';

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

  private constructor(regtest: Regtest, node: RegtestServer, home: string) {
    this.regtest = regtest;
    this.node = node;
    this.#home = home;
  }

  static async open(): Promise<CommandLine> {
    const regtest = createRegtest({ coin });
    regtest.mine(FIRST_BLOCKS);
    return new CommandLine(regtest, await serveRegtest(regtest), await mkdtemp(join(tmpdir(), 'pawment-command-line-')));
  }

  /** Where the folder of this name is. It is not made: some commands are to find none. */
  folder(name: string): string {
    return join(this.#home, name);
  }

  /** A command that runs to its end. */
  run(folder: string, ...words: readonly string[]): Promise<Ran> {
    return this.tell('', folder, ...words);
  }

  /** A command that reads its standard input, and runs to its end; one that does not come to it is killed by `close`. */
  async tell(input: string, folder: string, ...words: readonly string[]): Promise<Ran> {
    const child = spawn(process.execPath, this.#args(folder, words), { env: ENV });
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
    const child = spawn(process.execPath, this.#args(folder, words), { env: ENV, stdio: ['ignore', 'pipe', 'pipe'] });
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
  async atTerminal(answer: string, folder: string, ...words: readonly string[]): Promise<Ran> {
    const line = [process.execPath, ...this.#args(folder, words)].map((word) => `'${word}'`).join(' ');
    const child = spawn('script', ['--quiet', '--return', '--command', line, '/dev/null'], {
      env: { ...ENV, SHELL: '/bin/sh', TERM: 'dumb' },
    });
    this.#running.add(child);
    const ended = once(child, 'close');
    let said = '';
    child.stdout.on('data', (bytes: Buffer) => {
      const isAsked = said.includes(QUESTION);
      said += bytes.toString();
      if (!isAsked && said.includes(QUESTION)) child.stdin.write(`${answer}\r`);
    });
    const [code] = await ended;
    this.#running.delete(child);
    const [out = ''] = /^\{.*$/m.exec(said) ?? [];
    assert.notEqual(out, '', said);
    return { code, out: JSON.parse(out), said };
  }

  /** A command that runs until it is killed, by `close` at the latest. Resolves when it has come up. */
  async serve(folder: string, ...words: readonly string[]): Promise<Serving> {
    const child = spawn(process.execPath, this.#args(folder, words), { env: ENV, stdio: ['ignore', 'pipe', 'pipe'] });
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
    return ['bin/pawment.js', ...words, '--rpc-url', this.node.url, '--datadir', this.folder(folder), '--json'];
  }
}

const ENV: NodeJS.ProcessEnv = { ...process.env, PAWMENT_PASSPHRASE: 'much secret', PAWMENT_COIN: coin.id };
