import { Command } from 'commander';
import { type CommonFlags, type Config, resolveConfig } from './config.ts';
import { failure, type Printer, printer } from './print.ts';
import { Stop } from './stop.ts';

/** What every command gets: its settings, and a way to speak. */
export interface Shell {
  readonly config: Config;
  readonly print: Printer;
  /** Told what to say when the command is stopped half-way. */
  readonly stop: Stop;
}

/** A command with the settings that all share. */
export function command(name: string, description: string, examples: readonly string[]): Command {
  return new Command(name)
    .description(description)
    .option('--coin <id>', 'coin and network (PAWMENT_COIN; dogecoin-regtest unless said)')
    .option('--datadir <folder>', 'where seed and channels are kept (PAWMENT_DATADIR; ~/.pawment/<coin>)')
    .option('--config <file>', 'settings as JSON (PAWMENT_CONFIG)')
    .option('--rpc-url <url>', "the node's RPC (PAWMENT_RPC_URL)")
    .option('--rpc-user <name>', 'its user (PAWMENT_RPC_USER; the password is PAWMENT_RPC_PASSWORD)')
    .option('--rpc-cookie <file>', 'its cookie file instead (PAWMENT_RPC_COOKIE)')
    .option('--json', 'print one JSON value; notes go to standard error')
    .addHelpText('after', `\nExamples:\n${examples.map((line) => `  ${line}`).join('\n')}`);
}

/** Runs a command's work; whatever goes wrong is printed with what to do about it, and becomes the exit code. Who stops it is told what it has done. */
export async function run(flags: CommonFlags, work: (shell: Shell) => Promise<void>): Promise<void> {
  const print = printer(flags.json === true);
  const stop = new Stop();
  const deaf = stop.listen((stopped) => process.exit(failure(stopped, print)));
  let ticker: string | undefined;
  try {
    const config = resolveConfig(flags, process.env);
    ticker = config.coin.ticker;
    await work({ config, print, stop });
  } catch (error) {
    process.exitCode = failure(error, print, ticker);
  } finally {
    deaf();
  }
}
