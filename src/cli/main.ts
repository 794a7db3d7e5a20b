import { Command, CommanderError } from 'commander';
import { backupCommand, restoreCommand, verifyCommand } from './command/backup.ts';
import { chainCommand } from './command/chain.ts';
import { channelsCommand, showCommand } from './command/channels.ts';
import { closeCommand, refundCommand } from './command/close.ts';
import { decodeCommand } from './command/decode.ts';
import { demoCommand } from './command/demo.ts';
import { merchantCommand } from './command/merchant.ts';
import { offerCommand } from './command/offer.ts';
import { openCommand } from './command/open.ts';
import { payCommand } from './command/pay.ts';
import { recoverCommand } from './command/recover.ts';
import { statusCommand } from './command/status.ts';
import { walletCommand } from './command/wallet.ts';
import { watchCommand } from './command/watch.ts';
import { EXIT, failure } from './print.ts';

const EXIT_CODES = `
Exit codes: 0 done, 1 refused (what was done before is told), 2 misused, 3 the world failed (node, disk, network), 4 a person has to look, 70 a fault of pawment.`;

/** Runs the command line. Sets the exit code instead of leaving, so that output is written out. */
export async function main(argv: readonly string[]): Promise<void> {
  const program = new Command('pawment')
    .description('Payment channels: pay thousands of times, touch the chain twice')
    .version('0.1.0')
    .addHelpText('after', EXIT_CODES)
    .exitOverride();
  for (const make of [demoCommand, chainCommand, walletCommand, merchantCommand, offerCommand, openCommand]) program.addCommand(make());
  for (const make of [payCommand, channelsCommand, showCommand, closeCommand, refundCommand, decodeCommand, statusCommand, watchCommand])
    program.addCommand(make());
  for (const make of [backupCommand, restoreCommand, verifyCommand, recoverCommand]) program.addCommand(make());
  overrideExit(program);
  process.stdout.on('error', unlessUnread);
  try {
    await program.parseAsync([...argv]);
  } catch (error) {
    process.exitCode = error instanceof CommanderError ? (error.exitCode === 0 ? EXIT.ok : EXIT.usage) : failure(error, false);
  }
}

/** Whoever reads may have seen enough: `pawment channels | head -1`. */
function unlessUnread(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EPIPE') throw error;
}

function overrideExit(command: Command): void {
  command.exitOverride().enablePositionalOptions();
  for (const child of command.commands) overrideExit(child);
}
