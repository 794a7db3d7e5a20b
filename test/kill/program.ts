import assert from 'node:assert/strict';
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { type News, type Order, type Role, readNews } from './setting.ts';

/** One role's program: started, killed, and started again. The next process is always loaded already, so that a start takes no longer than its work. */
export class Program {
  readonly role: Role;
  readonly #script: string;
  readonly #cache: string;
  readonly #onNews: (news: News) => void;
  readonly #onDeath: (error: Error) => void;
  #next: Promise<ChildProcess>;
  #running: ChildProcess | undefined;

  /** `onDeath`: it has ended by itself, which no program may. */
  constructor(role: Role, cache: string, onNews: (news: News) => void, onDeath: (error: Error) => void) {
    this.role = role;
    this.#script = fileURLToPath(new URL(`./${role}.ts`, import.meta.url));
    this.#cache = cache;
    this.#onNews = onNews;
    this.#onDeath = onDeath;
    this.#next = this.#load();
  }

  async start(order: Order): Promise<void> {
    const child = await this.#next;
    this.#running = child;
    this.#next = this.#load();
    child.on('message', (message) => {
      if (this.#running === child) this.#onNews(readNews(message));
    });
    child.on('exit', (code) => {
      if (this.#running === child) this.#onDeath(new Error(`the ${this.role} ended by itself with ${code}`));
    });
    child.send(order);
  }

  tell(order: Order): void {
    this.#running?.send(order);
  }

  /** Resolves when nothing is left of it but its files. */
  async kill(): Promise<void> {
    const child = this.#running ?? assert.fail(`the ${this.role} is not running`);
    this.#running = undefined;
    await killed(child);
  }

  async close(): Promise<void> {
    if (this.#running !== undefined) await this.kill();
    await killed(await this.#next);
  }

  async #load(): Promise<ChildProcess> {
    const child = fork(this.#script, { env: { ...process.env, NODE_COMPILE_CACHE: this.#cache } });
    const [message] = await once(child, 'message');
    assert.equal(readNews(message).kind, 'loaded');
    return child;
  }
}

async function killed(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, 'exit');
  child.kill('SIGKILL');
  await exit;
}
