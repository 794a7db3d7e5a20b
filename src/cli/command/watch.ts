import { basename, dirname } from 'node:path';
import type { Command } from 'commander';
import { formatAmount } from '../../core/base/amount.ts';
import { transactionId } from '../../core/tx/transaction.ts';
import { keepJobs } from '../../engine/jobs.ts';
import { WorldError } from '../../engine/ports.ts';
import { alarmText } from '../../merchant/watchtower/alarm-text.ts';
import { replaceFile, watchFolder } from '../../merchant/watchtower/folder.ts';
import { watchMetrics } from '../../merchant/watchtower/prometheus.ts';
import { Watcher, type WatchReport } from '../../merchant/watchtower/watcher.ts';
import { diskError } from '../../store/disk-error.ts';
import type { CommonFlags } from '../config.ts';
import { WholeNumber } from '../flag/number.ts';
import { RepeatedFailures } from '../log/repeated-failures.ts';
import { command, run, type Shell } from '../run-command.ts';
import { clock, openNode } from '../setup.ts';
import { EXIT, failure } from '../terminal/print.ts';
import { pause, untilStopped } from '../wait.ts';
import { aLittle, atOnce, forEver } from '../wait-for-node.ts';

interface WatchFlags extends CommonFlags {
  readonly once?: boolean;
  readonly wait: boolean;
  readonly silence: number;
  readonly textfile?: string;
}

/** Milliseconds between two looks at folder and chain. */
const LOOK = 5_000;
const OVERDUE = 60_000;
const SUM_UP = 10_000;

export function watchCommand(): Command {
  return command('watch', 'Close for a merchant that does not, without its keys: with the files of pawment merchant --watch-to', [
    'pawment watch /var/lib/pawment-watch --rpc-url http://127.0.0.1:22555',
    'pawment watch ./watched --once || notify-the-owner',
  ])
    .argument('<folder>', 'where the merchant keeps its signed closes; a copy that is kept up to date will do')
    .option('--once', 'look once, do what is due, and end with exit code 4 if a person has to look')
    .option('--no-wait', 'end at once when the node is not there yet, or not ready, instead of waiting for it')
    .addOption(
      new WholeNumber('--silence <minutes>', 'without a sign of life for so long, the merchant gets no time to close by itself', 1).default(
        10,
      ),
    )
    .option('--textfile <file>', "write figures there for node_exporter's textfile collector (name it *.prom)")
    .action((folder: string, flags: WatchFlags) => run(flags, (shell) => watch(shell, folder, flags)));
}

async function watch(shell: Shell, path: string, flags: WatchFlags): Promise<void> {
  const { config, print } = shell;
  const folder = watchFolder(path);
  // One that is mistyped would be watched for ever.
  await folder.channels();
  const patient = flags.once === true ? aLittle(config, print.note) : forEver(print.note);
  const chain = await openNode(config, flags.wait ? patient : atOnce);
  const watcher = new Watcher({ folder, chain, clock, mostSilent: flags.silence * 60_000 });
  const { textfile } = flags;
  const write = async (report: WatchReport): Promise<void> => {
    if (textfile === undefined) return;
    await replaceFile(dirname(textfile), basename(textfile), await watchMetrics(report)).catch((error: unknown) => {
      throw diskError(error, textfile);
    });
  };
  if (flags.once === true) {
    const report = await watcher.poll();
    // Who can't write its figures tells its alarms all the same.
    const unwritten = await write(report).catch((error: unknown) => ({ error }));
    print.result(factsOf(report), linesOf(report));
    if (unwritten !== undefined) process.exitCode = failure(unwritten.error, { failure: (_, lines) => print.note(lines.join(' ')) });
    if (report.alarms.length > 0) process.exitCode = EXIT.attention;
    return;
  }
  await keepWatch(shell, watcher, write);
}

async function keepWatch({ print }: Shell, watcher: Watcher, write: (report: WatchReport) => Promise<void>): Promise<void> {
  const stop = new AbortController();
  let told = new Set<string>();
  const work = async (): Promise<void> => {
    const report = await watcher.poll();
    for (const line of sentLines(report)) print.note(line);
    // The same alarm is told once, however the blocks are counted in it.
    const alarms = new Map(report.alarms.map((alarm) => [`${alarm.code} ${'channel' in alarm ? alarm.channel : ''}`, alarm]));
    for (const [key, alarm] of alarms) if (!told.has(key)) print.note(`ALARM ${alarmText(alarm, report.tip.height, clock.now())}`);
    for (const key of told) if (!alarms.has(key)) print.note(`over: ${key}`);
    told = new Set(alarms.keys());
    await write(report);
  };
  print.result({ watching: true }, ['Watching; Ctrl-C stops it.']);
  const lasting = new RepeatedFailures();
  const hintOf = (failure: object): string => (failure instanceof WorldError ? ` ${failure.hint}` : '');
  const onTrouble = (job: string, error: Error): void => {
    if (lasting.isNew(job, error, clock.now())) print.note(`ALARM not everything could be looked after: ${error.message}${hintOf(error)}`);
  };
  const sumUp = async (): Promise<void> => {
    for (const { failure, times, isOver } of lasting.due(clock.now()))
      print.note(`${isOver ? 'over' : 'ALARM still'}, ${times} times: ${failure.message}${isOver ? '' : hintOf(failure)}`);
  };
  const list = [
    { name: 'watch', interval: LOOK, overdue: OVERDUE, run: work },
    { name: 'sum up', interval: SUM_UP, overdue: OVERDUE, run: sumUp },
  ];
  const jobs = keepJobs(list, { clock, pause, onTrouble });
  const working = jobs.work(stop.signal);
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
    const when = left > 0 ? `closes at block ${closing}; ${left} blocks left` : `its payer may take it back at block ${expiry}`;
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
