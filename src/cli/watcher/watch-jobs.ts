import { transactionId } from '../../core/tx/transaction.ts';
import { type JobOptions, type Jobs, keepJobs } from '../../engine/jobs.ts';
import { AlarmLog } from '../log/alarm-log.ts';
import type { Log } from '../log/log.ts';
import type { Look, SentTransaction } from './look.ts';

export interface WatchJobOptions extends Pick<JobOptions, 'clock' | 'pause'> {
  /** Looks at folder and chain, and does what is due. */
  readonly look: () => Promise<Look>;
  /** Takes each look, after it was logged. */
  readonly write: (look: Look) => Promise<void>;
  readonly log: Log;
}

/** Milliseconds between two looks at folder and chain, and the time without a look after which a person should check. */
const LOOK = 5_000;
const OVERDUE = 60_000;

/** What a watcher does, and logs, as long as it runs. */
export function watchJobs({ look, write, log, clock, pause }: WatchJobOptions): Jobs {
  const alarms = new AlarmLog(log);
  const run = async (): Promise<void> => {
    const found = await look();
    // What is sent again at each block is logged once.
    for (const sent of found.sent) log.noted(sent.channel, loggedFacts(sent), sent.what ?? found.what);
    alarms.tell(found.alarms, clock.now());
    await write(found);
  };
  return keepJobs([{ name: 'watch', interval: LOOK, overdue: OVERDUE, run }], { clock, pause, onTrouble: log.failed });
}

function loggedFacts({ channel, transaction, outcome }: SentTransaction): object {
  return { channel, txid: transactionId(transaction), outcome: outcome.kind, reason: 'reason' in outcome ? outcome.reason : undefined };
}
