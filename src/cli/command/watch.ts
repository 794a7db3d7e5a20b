import { basename, dirname } from 'node:path';
import type { Command } from 'commander';
import { formatAmount } from '../../core/base/amount.ts';
import { transactionId } from '../../core/tx/transaction.ts';
import { alarmText } from '../../merchant/watchtower/alarm-text.ts';
import { watchFolder } from '../../merchant/watchtower/folder.ts';
import { watchMetrics } from '../../merchant/watchtower/prometheus.ts';
import { Watcher, type WatchReport } from '../../merchant/watchtower/watcher.ts';
import { diskError } from '../../store/disk-error.ts';
import { replaceFile } from '../../store/folder-files.ts';
import type { CommonFlags } from '../config.ts';
import { WholeNumber } from '../flag/number.ts';
import { logger } from '../log/log.ts';
import { type WatchJobOptions, watchJobs } from '../merchant/watch-jobs.ts';
import { command, run, type Shell } from '../run-command.ts';
import { clock, openNode } from '../setup.ts';
import { EXIT, failure } from '../terminal/print.ts';
import { showReading } from '../terminal/show-reading.ts';
import { pause, untilStopped } from '../wait.ts';
import { aLittle, atOnce, forEver } from '../wait-for-node.ts';

interface WatchFlags extends CommonFlags {
  readonly once?: boolean;
  readonly wait: boolean;
  readonly silence: number;
  readonly textfile?: string;
}

export function watchCommand(): Command {
  return command('watch', 'Close for a merchant that does not do it itself; needs no keys, only the files of pawment merchant --watch-to', [
    'pawment watch /var/lib/pawment-watch --rpc-url http://127.0.0.1:22555',
    'pawment watch ./watched --once || notify-the-owner',
  ])
    .argument('<folder>', 'where the merchant writes its signed closes; a copy that is kept up to date is enough')
    .option('--once', 'check once, do what is due, and end with exit code 4 if a person has to look')
    .option('--no-wait', 'end at once if the node is not there or not ready, instead of waiting for it')
    .addOption(
      new WholeNumber(
        '--silence <minutes>',
        'after this time without a heartbeat, the watcher closes without waiting for the merchant',
        1,
      ).default(10),
    )
    .option('--textfile <file>', "write figures there for node_exporter's textfile collector (name it *.prom)")
    .action((folder: string, flags: WatchFlags) => run(flags, (shell) => watch(shell, folder, flags)));
}

async function watch(shell: Shell, path: string, flags: WatchFlags): Promise<void> {
  const { config, print } = shell;
  const folder = watchFolder(path);
  // A mistyped folder would be watched for ever.
  await folder.channels();
  const patient = flags.once === true ? aLittle(config, print.note) : forEver(print.note);
  const chain = await openNode(config, flags.wait ? patient : atOnce);
  const reading = showReading(print);
  const watcher = new Watcher({ folder, chain, clock, mostSilent: flags.silence * 60_000, onProgress: reading.at });
  const { textfile } = flags;
  const write = async (report: WatchReport): Promise<void> => {
    if (textfile === undefined) return;
    await replaceFile(dirname(textfile), basename(textfile), await watchMetrics(report)).catch((error: unknown) => {
      throw diskError(error, textfile);
    });
  };
  if (flags.once === true) {
    const report = await watcher.poll().finally(reading.done);
    // When the figures can't be written, alarms are still reported.
    const unwritten = await write(report).catch((error: unknown) => ({ error }));
    print.result(factsOf(report), linesOf(report));
    if (unwritten !== undefined) process.exitCode = failure(unwritten.error, { failure: (_, lines) => print.note(lines.join(' ')) });
    if (report.alarms.length > 0) process.exitCode = EXIT.attention;
    return;
  }
  const look = async (): Promise<WatchReport> => {
    const report = await watcher.poll();
    reading.done();
    return report;
  };
  await keepWatch(shell, { look, write });
}

async function keepWatch({ print }: Shell, options: Pick<WatchJobOptions, 'look' | 'write'>): Promise<void> {
  const log = logger('info', { clock, ...(process.stderr.isTTY && { write: print.line }) });
  print.result({ watching: true }, ['Watching; Ctrl-C stops it.']);
  const stop = new AbortController();
  const working = watchJobs({ ...options, log, clock, pause }).work(stop.signal);
  await untilStopped();
  stop.abort();
  await working;
}

function factsOf({ tip, heartbeat, channels, alarms, sent }: WatchReport): object {
  return {
    tip: tip.height,
    merchantSeen: heartbeat?.at,
    channels: channels.map(({ watched: { channel, total }, standing, closing, expiry }) => ({
      channel,
      standing,
      total,
      closing,
      expiry,
    })),
    sent: sent.map(({ channel, transaction, outcome }) => ({ channel, transaction: transactionId(transaction), outcome: outcome.kind })),
    alarms: alarms.map((alarm) => ({ ...alarm, text: alarmText(alarm, tip.height, clock.now()) })),
  };
}

function linesOf(report: WatchReport): readonly string[] {
  const { tip, channels, alarms } = report;
  const lines = channels.map(({ watched: { channel, total, terms }, standing, closing, expiry }) => {
    const left = closing - tip.height;
    const when = left > 0 ? `closes at block ${closing}; ${left} blocks left` : `its payer can take it back from block ${expiry} on`;
    return `${channel.slice(0, 16)}  ${standing.padEnd(10)}  ${formatAmount(total)} ${terms.coin.ticker}, ${when}`;
  });
  const none = channels.length === 0 ? ['no channels'] : [];
  return [...none, ...lines, ...sentLines(report), ...alarms.map((alarm) => `ALARM ${alarmText(alarm, tip.height, clock.now())}`)];
}

function sentLines({ sent }: WatchReport): readonly string[] {
  return sent.map(
    ({ channel, transaction, outcome }) =>
      `sent ${transactionId(transaction)}, the close of channel ${channel.slice(0, 16)}: ${outcome.kind}`,
  );
}
