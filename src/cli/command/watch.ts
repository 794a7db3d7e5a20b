import { existsSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import type { Command } from 'commander';
import { type Chain, WorldError } from '../../engine/ports.ts';
import { watchFolder } from '../../merchant/watchtower/folder.ts';
import { Watcher } from '../../merchant/watchtower/watcher.ts';
import { penaltyFolder } from '../../payer/watchtower/folder.ts';
import { PenaltyWatcher } from '../../payer/watchtower/watcher.ts';
import { diskError } from '../../store/disk-error.ts';
import { replaceFile } from '../../store/folder-files.ts';
import type { CommonFlags } from '../config.ts';
import { WholeNumber } from '../flag/number.ts';
import { logger } from '../log/log.ts';
import { closesIn } from '../payer/watch-to.ts';
import { command, run, type Shell } from '../run-command.ts';
import { clock, openNode } from '../setup.ts';
import { EXIT, failure } from '../terminal/print.ts';
import { type ShownReading, showReading } from '../terminal/show-reading.ts';
import { pause, untilStopped } from '../wait.ts';
import { aLittle, atOnce, forEver } from '../wait-for-node.ts';
import { closeLook } from '../watcher/close-look.ts';
import type { Look } from '../watcher/look.ts';
import { payerLook } from '../watcher/penalty-look.ts';
import { type WatchJobOptions, watchJobs } from '../watcher/watch-jobs.ts';

interface WatchFlags extends CommonFlags {
  readonly once?: boolean;
  readonly wait: boolean;
  readonly silence: number;
  readonly textfile?: string;
}

export function watchCommand(): Command {
  return command(
    'watch',
    'Close for a merchant, or punish revoked closes for a payer, that does not do it itself; needs only the files of --watch-to',
    ['pawment watch /var/lib/pawment-watch --rpc-url http://127.0.0.1:22555', 'pawment watch ./watched --once || notify-the-owner'],
  )
    .argument('<folder>', 'where the merchant, or the payer, writes with --watch-to; a copy that is kept up to date is enough')
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
  // A mistyped folder would be watched for ever.
  await watchFolder(path).channels();
  const patient = flags.once === true ? aLittle(config, print.note) : forEver(print.note);
  const chain = await openNode(config, flags.wait ? patient : atOnce);
  const reading = showReading(print);
  const looking = looker(path, chain, flags, reading);
  const { textfile } = flags;
  const write = async (look: Look): Promise<void> => {
    if (textfile === undefined) return;
    await replaceFile(dirname(textfile), basename(textfile), await look.metrics()).catch((error: unknown) => {
      throw diskError(error, textfile);
    });
  };
  if (flags.once === true) {
    const look = await looking().finally(reading.done);
    // When the figures can't be written, alarms are still reported.
    const unwritten = await write(look).catch((error: unknown) => ({ error }));
    print.result(look.facts, look.lines);
    if (unwritten !== undefined) process.exitCode = failure(unwritten.error, { failure: (_, lines) => print.note(lines.join(' ')) });
    if (look.alarms.length > 0) process.exitCode = EXIT.attention;
    return;
  }
  const look = async (): Promise<Look> => {
    const found = await looking();
    reading.done();
    return found;
  };
  await keepWatch(shell, { look, write });
}

/** Watches for a merchant or for a payer, as the folder says: a payer marks it as soon as it is told to write there. */
function looker(path: string, chain: Chain, { silence }: WatchFlags, { at: onProgress }: ShownReading): () => Promise<Look> {
  const [closes, penalties] = [watchFolder(path), penaltyFolder(path)];
  const watcher = new Watcher({ folder: closes, chain, clock, mostSilent: silence * 60_000, onProgress });
  const punisher = new PenaltyWatcher({ folder: penalties, chain, clock, onProgress });
  // A payer that closes by itself is not waited for: it runs now and then only.
  const back = new Watcher({ folder: watchFolder(closesIn(path)), chain, clock, mostSilent: -1, onProgress });
  return async () => {
    if (!(await penalties.isClaimed())) return closeLook(await watcher.poll(), clock.now());
    if ((await closes.heartbeat()) === undefined)
      return payerLook(await punisher.poll(), existsSync(closesIn(path)) ? await back.poll() : undefined);
    throw new WorldError('config', `A merchant and a payer write to ${path}.`, 'Give each a folder of its own.');
  };
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
