import { Command, CommanderError, InvalidArgumentError, type Option } from 'commander';
import { EXIT, failure, type Printer, printer } from './terminal/print.ts';

const EXIT_CODES = `
Exit codes: 0 done, 1 refused (it says what was done before), 2 misused, 3 the world failed (node, disk, network), 4 a person has to look, 70 a fault of pawment,
130 or 143 stopped by Ctrl-C or a signal (it says what was done before).`;

/** The completion is made from all other commands. */
const COMPLETION = 'completion';

/** Each is loaded only when needed: they load much that the others do not use. */
const COMMANDS: ReadonlyMap<string, () => Promise<Command>> = new Map([
  ['demo', async () => (await import('./command/demo.ts')).demoCommand()],
  ['chain', async () => (await import('./command/chain.ts')).chainCommand()],
  ['wallet', async () => (await import('./command/wallet.ts')).walletCommand()],
  ['merchant', async () => (await import('./command/merchant.ts')).merchantCommand()],
  ['offer', async () => (await import('./command/offer.ts')).offerCommand()],
  ['open', async () => (await import('./command/open.ts')).openCommand()],
  ['pay', async () => (await import('./command/pay.ts')).payCommand()],
  ['hub', async () => (await import('./command/hub.ts')).hubCommand()],
  ['refresh', async () => (await import('./command/refresh.ts')).refreshCommand()],
  ['channels', async () => (await import('./command/channels.ts')).channelsCommand()],
  ['show', async () => (await import('./command/channels.ts')).showCommand()],
  ['close', async () => (await import('./command/close.ts')).closeCommand()],
  ['refund', async () => (await import('./command/close.ts')).refundCommand()],
  ['decode', async () => (await import('./command/decode.ts')).decodeCommand()],
  ['status', async () => (await import('./command/status.ts')).statusCommand()],
  ['doctor', async () => (await import('./command/doctor.ts')).doctorCommand()],
  ['watch', async () => (await import('./command/watch.ts')).watchCommand()],
  ['backup', async () => (await import('./command/backup.ts')).backupCommand()],
  ['restore', async () => (await import('./command/backup.ts')).restoreCommand()],
  ['verify', async () => (await import('./command/backup.ts')).verifyCommand()],
  ['recover', async () => (await import('./command/recover.ts')).recoverCommand()],
  [COMPLETION, async () => (await import('./command/completion.ts')).completionCommand(allCommands)],
]);

/** All commands except that one. */
export function allCommands(): Promise<readonly Command[]> {
  return Promise.all([...COMMANDS].filter(([name]) => name !== COMPLETION).map(([, load]) => load()));
}

/** Runs the command line. Sets the exit code instead of exiting, so that output is written completely. */
export async function main(argv: readonly string[]): Promise<void> {
  const program = new Command('pawment')
    .description('Payment channels: pay thousands of times, touch the chain twice')
    .version('0.1.0')
    .addHelpText('after', EXIT_CODES)
    .exitOverride();
  for (const load of asked(argv[2])) program.addCommand(await load());
  overrideExit(program);
  const print = printer(argv.includes('--json'));
  // New files are for their owner only, whatever the umask was.
  process.umask(0o077);
  process.stdout.on('error', (error) => untold(error, print));
  // Nobody is left to tell.
  process.stderr.on('error', () => undefined);
  try {
    await program.parseAsync([...argv]);
  } catch (error) {
    process.exitCode = error instanceof CommanderError ? misused(error, print) : failure(error, print);
  }
}

/** Help that was asked for has been printed by now. */
function misused({ exitCode, message, code }: CommanderError, print: Printer): number {
  if (exitCode === 0) return EXIT.ok;
  const [text = '', ...advice] = message.replace(/^error: /, '').split('\n');
  const said = code === 'commander.help' ? 'No command is given.' : text;
  const all = [...advice, 'See the help of the command: --help.'].join(' ');
  print.failure({ error: 'usage', message: said, advice: all }, [said, all]);
  return EXIT.usage;
}

/** The command of that name; for any other word, such as help, all of them. */
function asked(name: string | undefined): readonly (() => Promise<Command>)[] {
  const load = name === undefined ? undefined : COMMANDS.get(name);
  if (load !== undefined) return [load];
  return name === '--version' || name === '-V' ? [] : [...COMMANDS.values()];
}

/** The reader may have closed the pipe: `pawment channels | head -1`. If a result could not be written, what the command did is still done. */
function untold(error: NodeJS.ErrnoException, print: Printer): void {
  if (error.code === 'EPIPE') return;
  print.note(`Standard output can't be written: ${error.message}. What the command did is still done.`);
  process.exitCode = EXIT.world;
}

function overrideExit(command: Command): void {
  // Errors are reported where the command ends, in the requested form.
  command
    .exitOverride()
    .enablePositionalOptions()
    .configureOutput({ outputError: () => undefined });
  for (const option of command.options) if (option.required) refuseFlags(option);
  for (const child of command.commands) overrideExit(child);
}

/** In `--resume --json` the channel was forgotten. */
function refuseFlags(option: Option): void {
  const parse = option.parseArg;
  option.argParser((value: string, before: unknown) => {
    if (value.startsWith('--')) throw new InvalidArgumentError('A flag is not a value.');
    return parse === undefined ? value : parse(value, before);
  });
}
