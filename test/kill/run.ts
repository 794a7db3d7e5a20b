import assert from 'node:assert/strict';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { asChain } from '../../src/chain/regtest/port.ts';
import { height } from '../../src/core/base/height.ts';
import { memoryStore } from '../../src/store/memory.ts';
import { openWallet } from '../../src/wallet/wallet.ts';
import { Books, checkEnds } from './books.ts';
import { type Left, readLeft } from './disk.ts';
import { Program } from './program.ts';
import { coin, type News, type Role, roles, START } from './setting.ts';
import { type Stage, setStage } from './stage.ts';
import { type Act, Chance, Trigger } from './trigger.ts';
import { Witness } from './witness.ts';

export interface KillOptions {
  /** Of each role. */
  readonly kills: number;
  readonly seed: number;
  /** Who is killed; both unless said. */
  readonly victims?: readonly Role[];
  /** Whose program acknowledges, or sends, before it has stored. */
  readonly hasty?: Role;
  readonly onKill?: (role: Role, number: number) => void;
}

export interface KillReport {
  readonly kills: Readonly<Record<Role, number>>;
  /** How often a program was killed while it was last seen at something. */
  readonly during: ReadonlyMap<string, number>;
  readonly payments: number;
  /** Channels by how they ended. */
  readonly ends: ReadonlyMap<string, number>;
  readonly blocks: number;
}

/** Milliseconds between two blocks, and the most of them that a program may not have seen yet: a deadline is missed by no program that runs again. */
const BLOCK = 100;
const MOST_UNSEEN = 3;
/** Blocks in which everything has to come to its end. */
const MOST_TO_SETTLE = 400;

/** Kills a payer and a merchant again and again, looks at what is left each time, and in the end at where every coin is. @throws whatever was wrong. */
export async function runKills(options: KillOptions): Promise<KillReport> {
  const run = await Run.begin(options);
  try {
    await Promise.race([run.whole(), run.failure]);
    return run.report();
  } finally {
    await run.close();
  }
}

interface Deferred<T> {
  readonly promise: Promise<T>;
  readonly resolve: (value: T) => void;
  readonly reject: (error: unknown) => void;
}

function deferred<T>(): Deferred<T> {
  let [resolve, reject]: [(value: T) => void, (error: unknown) => void] = [() => undefined, () => undefined];
  const promise = new Promise<T>((...both) => {
    [resolve, reject] = both;
  });
  return { promise, resolve, reject };
}

interface Side {
  readonly program: Program;
  readonly trigger: Trigger;
  kills: number;
  /** Height up to which it has read the chain, and channels of it that have not ended, when it last said so. */
  looked: number;
  unended: number;
  running: Deferred<void>;
}

class Run {
  readonly #options: KillOptions;
  readonly #stage: Stage;
  readonly #witness: Witness;
  readonly #sides: Readonly<Record<Role, Side>>;
  readonly #during: Map<string, number> = new Map();
  readonly #fault: Deferred<never>;
  /** The first purchase is made. */
  readonly #begun: Deferred<void> = deferred<void>();
  readonly #stop: AbortController = new AbortController();
  #left: Readonly<Record<Role, Left>> | undefined;

  static async begin(options: KillOptions): Promise<Run> {
    const witness = new Witness();
    const fault = deferred<never>();
    const triggers = {
      payer: new Trigger(new Chance(options.seed * 2)),
      merchant: new Trigger(new Chance(options.seed * 2 + 1)),
    };
    const onAct = (act: Act): void => {
      for (const role of roles) triggers[role].saw(act);
    };
    const stage = await setStage({ witness, onAct, onFault: fault.reject });
    return new Run(options, stage, witness, fault, triggers);
  }

  private constructor(
    options: KillOptions,
    stage: Stage,
    witness: Witness,
    fault: Deferred<never>,
    triggers: Readonly<Record<Role, Trigger>>,
  ) {
    this.#options = options;
    this.#stage = stage;
    this.#witness = witness;
    this.#fault = fault;
    const cache = join(stage.folder, 'code');
    const side = (role: Role): Side => ({
      program: new Program(role, cache, (news) => this.#hear(role, news), fault.reject),
      trigger: triggers[role],
      kills: 0,
      looked: stage.start,
      unended: 0,
      running: deferred<void>(),
    });
    this.#sides = { payer: side('payer'), merchant: side('merchant') };
    fault.promise.catch(() => undefined);
  }

  get failure(): Promise<never> {
    return this.#fault.promise;
  }

  async whole(): Promise<void> {
    const mining = this.#mine();
    await Promise.all(roles.map((role) => this.#killAgainAndAgain(role)));
    this.#stop.abort();
    await mining;
    await this.#settle();
  }

  async close(): Promise<void> {
    this.#stop.abort();
    for (const role of roles) await this.#sides[role].program.close();
    await this.#stage.close();
  }

  report(): KillReport {
    const ends = new Map<string, number>();
    for (const state of this.#left?.payer.payer.values() ?? []) {
      const how = state.kind === 'ended' ? state.how : state.kind;
      ends.set(how, (ends.get(how) ?? 0) + 1);
    }
    const { payer, merchant } = this.#sides;
    return {
      kills: { payer: payer.kills, merchant: merchant.kills },
      during: this.#during,
      payments: this.#witness.receipts.size,
      ends,
      blocks: this.#stage.regtest.tip.height - this.#stage.start,
    };
  }

  #hear(role: Role, news: News): void {
    const side = this.#sides[role];
    if (news.kind === 'running') {
      if (role === 'merchant') this.#stage.reach(news.url);
      side.running.resolve();
    }
    if (news.kind === 'looked') {
      if (this.#witness.receipts.size > 0) this.#begun.resolve();
      side.looked = news.height;
      side.unended = news.unended;
    }
  }

  async #start(role: Role): Promise<void> {
    this.#sides[role].running = deferred<void>();
    await this.#sides[role].program.start(this.#stage.orderFor(role, this.#options.hasty === role));
  }

  /** Until both have been killed often enough, so that neither ever has peace. */
  async #killAgainAndAgain(role: Role): Promise<void> {
    const side = this.#sides[role];
    const { kills, victims = roles } = this.#options;
    const isEnough = (): boolean => victims.every((one) => this.#sides[one].kills >= kills);
    await this.#start(role);
    await this.#begun.promise;
    while (victims.includes(role) && !(isEnough() || this.#stop.signal.aborted)) {
      const act = await side.trigger.moment(side.running.promise);
      if (role === 'merchant') this.#stage.reach(undefined);
      await side.program.kill();
      side.kills++;
      this.#during.set(`${role} ${act}`, (this.#during.get(`${role} ${act}`) ?? 0) + 1);
      await this.#check(role);
      this.#options.onKill?.(role, side.kills);
      await this.#start(role);
    }
  }

  async #check(role: Role): Promise<Left> {
    const left = await readLeft(this.#stage.storeOf(role));
    if (role === 'payer') this.#witness.checkPayer(left);
    else this.#witness.checkPayee(left);
    return left;
  }

  async #mine(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      await pause(BLOCK);
      const seen = Math.min(...roles.map((role) => this.#sides[role].looked));
      if (this.#stage.regtest.tip.height - seen < MOST_UNSEEN) this.#stage.regtest.mine(1);
    }
  }

  /** Nobody is killed any more: all channels come to their end, and all coins are somewhere. */
  async #settle(): Promise<void> {
    const { regtest, payeeScript, start } = this.#stage;
    const { payer, merchant } = this.#sides;
    await Promise.all([payer.running.promise, merchant.running.promise]);
    payer.program.tell({ kind: 'settle' });
    const last = regtest.tip.height + MOST_TO_SETTLE;
    while (payer.unended + merchant.unended > 0 || Math.min(payer.looked, merchant.looked) < regtest.tip.height) {
      assert(regtest.tip.height <= last, `${payer.unended} and ${merchant.unended} channels do not end`);
      if (Math.min(payer.looked, merchant.looked) >= regtest.tip.height) regtest.mine(1);
      await pause(BLOCK / 20);
    }
    await Promise.all([payer.program.kill(), merchant.program.kill()]);
    const left = { payer: await this.#check('payer'), payee: await this.#check('merchant') };
    this.#left = { payer: left.payer, merchant: left.payee };
    const books = new Books(regtest, start);
    checkEnds(left, books, payeeScript, this.#witness);
    const wallet = await openWallet({
      chain: asChain(regtest),
      store: memoryStore(),
      keys: this.#stage.payerKeys,
      birthday: height(START),
    });
    await wallet.sync();
    const { confirmed } = await wallet.balance();
    const accounted = confirmed + books.at(payeeScript) + books.fees;
    assert.equal(accounted, this.#stage.money, `${coin.ticker} that the payer began with, and where they are`);
  }
}
