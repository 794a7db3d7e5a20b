import type { EventEmitter } from 'node:events';

/** What a command has done when it is stopped half-way, and how to continue. */
export interface Account {
  readonly message: string;
  readonly advice: string;
  /** For `--json`. */
  readonly facts?: object;
}

/** Never thrown to a caller: it is how the end of a stopped command is reported. */
export class Interrupted extends Error {
  readonly account: Account;
  readonly signal: StopSignal;

  constructor(account: Account, signal: StopSignal) {
    super(account.message);
    this.account = account;
    this.signal = signal;
  }
}

export type StopSignal = 'SIGINT' | 'SIGTERM';
const SIGNALS: readonly StopSignal[] = ['SIGINT', 'SIGTERM'];

const NOTHING: Account = { message: 'Stopped. Nothing was paid or sent.', advice: 'The same command starts again.' };

/**
 * Collects what a command has done, for the case that somebody stops it. Everything important is stored before it is done, so it may end at any
 * moment.
 */
export class Interrupt {
  #account: () => Promise<Account> = async () => NOTHING;

  /** Sets what the command reports about itself while the work goes on, until the next call. */
  say(account: () => Promise<Account>): void {
    this.#account = account;
  }

  /**
   * Listens for signals until the returned function is called. A second signal ends the process at once, even during the report. Servers that run
   * until they are stopped handle signals themselves.
   */
  listen(end: (stopped: Interrupted | Error) => void, signals: EventEmitter = process): () => void {
    let isStopping = false;
    const heard = (signal: StopSignal): void => {
      if (signals.listenerCount(signal) > 1 && !isStopping) return;
      if (isStopping) process.exit();
      isStopping = true;
      this.#account().then((account) => end(new Interrupted(account, signal)), end);
    };
    for (const signal of SIGNALS) signals.on(signal, heard);
    return () => {
      for (const signal of SIGNALS) signals.off(signal, heard);
    };
  }
}
