import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { WorldError } from '../../engine/ports.ts';
import type { CommonFlags } from '../config.ts';
import { merchantStatus, type Status } from '../merchant/status.ts';
import { payerStatus } from '../payer/status.ts';
import { command, run, type Shell } from '../run-command.ts';
import { openStore, type Role } from '../setup.ts';
import { EXIT } from '../terminal/print.ts';

export function statusCommand(): Command {
  return command('status', 'Show what is at risk and what is due, for the payer and the merchant of a data folder', [
    'pawment status',
    'pawment status --json || notify-the-owner',
  ]).action((flags: CommonFlags) => run(flags, status));
}

/** Ends with exit code 4 when a person has to look. */
async function status({ config, print }: Shell): Promise<void> {
  const parts: Partial<Record<Role, Status>> = {};
  if (existsSync(join(config.datadir, 'merchant.sqlite'))) parts.merchant = await ofStore(config, 'merchant', merchantStatus);
  if (existsSync(join(config.datadir, 'payer.sqlite'))) parts.payer = await ofStore(config, 'payer', payerStatus);
  const present = Object.entries(parts);
  if (present.length === 0)
    throw new WorldError('config', `There is nothing in ${config.datadir} yet.`, 'Use another --datadir or --coin.');
  const attention = present.flatMap(([, part]) => part.attention);
  const facts = Object.fromEntries(present.map(([role, part]) => [role, { ...part.facts, attention: part.attention }]));
  const lines = present.flatMap(([role, part]) => [`${role}:`, ...part.lines.map((line) => `  ${line}`)]);
  print.result(facts, [...lines, ...attention.map((sentence) => `ATTENTION ${sentence}`)]);
  if (attention.length > 0) process.exitCode = EXIT.attention;
}

async function ofStore(
  config: Shell['config'],
  role: Role,
  read: (config: Shell['config'], store: ReturnType<typeof openStore>) => Promise<Status>,
): Promise<Status> {
  const store = openStore(config, role);
  try {
    return await read(config, store);
  } finally {
    await store.close();
  }
}
