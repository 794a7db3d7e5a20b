import { transactionId } from '../../core/tx/transaction.ts';
import { type JobOptions, type Jobs, keepJobs } from '../../engine/jobs.ts';
import type { SentClose, WatchReport } from '../../merchant/watchtower/watcher.ts';
import { AlarmLog } from '../log/alarm-log.ts';
import type { Log } from '../log/log.ts';

export interface WatchJobOptions extends Pick<JobOptions, 'clock' | 'pause'> {
  /** Looks at folder and chain, and does what is due. */
  readonly look: () => Promise<WatchReport>;
  /** Takes each report, after it was logged. */
  readonly write: (report: WatchReport) => Promise<void>;
  readonly log: Log;
}

/** Milliseconds between two looks at folder and chain, and the time without a look after which a person should check. */
const LOOK = 5_000;
const OVERDUE = 60_000;

/** What a watcher does, and logs, as long as it runs. */
export function watchJobs({ look, write, log, clock, pause }: WatchJobOptions): Jobs {
  const alarms = new AlarmLog(log);
  const run = async (): Promise<void> => {
    const report = await look();
    // A close that is sent again at each block is logged once.
    for (const sent of report.sent) log.noted(sent.channel, sentFacts(sent), 'close');
    alarms.tell(report, clock.now());
    await write(report);
  };
  return keepJobs([{ name: 'watch', interval: LOOK, overdue: OVERDUE, run }], { clock, pause, onTrouble: log.failed });
}

function sentFacts({ channel, transaction, outcome }: SentClose): object {
  return { channel, txid: transactionId(transaction), outcome: outcome.kind, reason: 'reason' in outcome ? outcome.reason : undefined };
}
