import type { EventEmitter } from 'node:events';

/** What a command that is stopped half-way has done by then, and how to go on. */
export interface Account {
  readonly message: string;
  readonly advice: string;
  /** For `--json`. */
  readonly facts?: object;
}

/** Thrown at nobody: how the end of a stopped command is reported. */
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

const NOTHING: Account = { message: 'Stopped. Nothing was paid or sent.', advice: 'The same command begins again.' };

/** Who says what a command has done by the time somebody stops it. All that matters is stored before it is done: so it may end at any moment. */
export class Interrupt {
  #account: () => Promise<Account> = async () => NOTHING;

  /** While the work goes on, this is what a command has to say of itself. What it says stands until something else is said. */
  say(account: () => Promise<Account>): void {
    this.#account = account;
  }

  /** Hears signals until what it returns is called. The second ends the process at once, whatever is being told. Who serves until it is stopped hears them itself. */
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
