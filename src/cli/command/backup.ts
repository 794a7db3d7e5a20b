import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { type Command, Option } from 'commander';
import { formatAmount } from '../../core/base/amount.ts';
import { counted } from '../../core/base/counted.ts';
import { WorldError } from '../../engine/ports.ts';
import { fastestVerifier } from '../../engine/verifier.ts';
import type { Audit } from '../../store/audit.ts';
import { auditFile, type Generation, generationsIn, makeBackup, readGeneration, restoreBackup } from '../../store/backup.ts';
import { lockDatadir } from '../../store/datadir-lock.ts';
import type { CommonFlags, Config } from '../config.ts';
import { command, run, type Shell } from '../run-command.ts';
import { clock, type Role, requireRole, storePath } from '../setup.ts';
import { EXIT } from '../terminal/print.ts';

interface BackupFlags extends CommonFlags {
  readonly role?: Role;
  readonly folder?: string;
  readonly force?: boolean;
}

function withRole(made: Command): Command {
  return made
    .addOption(
      new Option('--role <role>', 'whose channels; unless given, the role that has a store in the data folder').choices([
        'payer',
        'merchant',
      ]),
    )
    .option('--folder <folder>', 'where the backups are; <datadir>/backups unless given');
}

export function backupCommand(): Command {
  const made = command('backup', 'Save the channels as a new backup; works while the merchant runs', [
    'pawment backup',
    'pawment backup --role merchant --folder /mnt/usb/pawment',
  ]);
  return withRole(made).action((flags: BackupFlags) => run(flags, (shell) => save(shell, flags)));
}

export function restoreCommand(): Command {
  const made = command('restore', 'Replace the channels with a backup; the old store is kept under another name', [
    'pawment restore',
    'pawment restore 17 --role merchant',
  ]);
  return withRole(made)
    .argument('[number]', 'which backup; the newest unless given')
    .option('--force', 'restore even if the present channels know more than the backup')
    .action((number: string | undefined, flags: BackupFlags) => run(flags, (shell) => restore(shell, number, flags)));
}

export function verifyCommand(): Command {
  const made = command('verify', 'Read every channel, and check every signature, of the present channels and of all backups', [
    'pawment verify',
    'pawment verify --role merchant --folder /mnt/usb/pawment',
  ]);
  return withRole(made).action((flags: BackupFlags) => run(flags, (shell) => verify(shell, flags)));
}

function folderOf({ datadir }: Config, { folder }: BackupFlags): string {
  return resolve(folder ?? join(datadir, 'backups'));
}

/** @throws WorldError `config` when it is not clear whose channels are meant. */
function roleOf(config: Config, flags: BackupFlags): Role {
  if (flags.role !== undefined) return flags.role;
  const roles: readonly Role[] = ['payer', 'merchant'];
  const [only, ...others] = roles.filter(
    (role) => existsSync(storePath(config, role)) || generationsIn(folderOf(config, flags), role).length > 0,
  );
  if (only !== undefined && others.length === 0) return only;
  const what = only === undefined ? `There are no channels in ${config.datadir}.` : 'There are channels of a payer and of a merchant.';
  throw new WorldError('config', what, 'Say which: --role payer or --role merchant.');
}

async function save({ config, print }: Shell, flags: BackupFlags): Promise<void> {
  const role = roleOf(config, flags);
  requireRole(config, role);
  const { verify } = await fastestVerifier();
  const folder = folderOf(config, flags);
  const { number, path, channels } = await makeBackup({
    ...{ store: storePath(config, role), folder, name: role, coin: config.coin.id, verify, clock },
  });
  print.result({ number, path, channels }, [`backup ${number} of the ${role}: ${counted(channels, 'channel')}, in ${path}`]);
}

async function restore({ config, print }: Shell, number: string | undefined, flags: BackupFlags): Promise<void> {
  const role = roleOf(config, flags);
  const generation = chosen(generationsIn(folderOf(config, flags), role), number, config);
  const release = lockDatadir(config.datadir, role);
  try {
    const { verify } = await fastestVerifier();
    const store = storePath(config, role);
    const { audit, replaced, lost } = await restoreBackup({ generation, store, verify, clock, isForced: flags.force === true });
    print.result({ number: generation.number, channels: audit.channels.size, replaced, lost }, [
      `restored backup ${generation.number} of the ${role}, made ${madeAt(generation)}: ${counted(audit.channels.size, 'channel')}`,
      ...(replaced === undefined ? [] : [`the old store is now ${replaced}`]),
      ...lost.map((line) => `lost: ${line}`),
      ...(role === 'merchant' ? ['start it with: pawment merchant --recover, if no other merchant uses its seed words'] : []),
    ]);
  } finally {
    release();
  }
}

function chosen(generations: readonly Generation[], number: string | undefined, { coin }: Config): Generation {
  const found = number === undefined ? generations.at(-1) : generations.find((one) => String(one.number) === number);
  if (found === undefined) {
    const have = generations.map((one) => one.number).join(', ') || 'none';
    throw new WorldError('config', 'There is no such backup.', `Backups here: ${have}. Give one of these numbers, or another --folder.`);
  }
  if (found.coin === coin.id) return found;
  throw new WorldError('config', `Backup ${found.number} is of ${found.coin}.`, `Use another --datadir, or --coin ${found.coin}.`);
}

async function verify({ config, print }: Shell, flags: BackupFlags): Promise<void> {
  const role = roleOf(config, flags);
  const { verify } = await fastestVerifier();
  const path = storePath(config, role);
  const checked = [
    await looked(path, 'the present channels', () => auditFile(path, verify)),
    ...(await inOrder(generationsIn(folderOf(config, flags), role), (one) =>
      looked(one.path, `backup ${one.number}, made ${madeAt(one)}`, () => readGeneration(one, verify)),
    )),
  ];
  const { ticker } = config.coin;
  print.result(
    { checked: checked.map(({ path, audit, faults }) => ({ path, faults, channels: audit?.channels.size, total: audit?.total })) },
    checked.flatMap(({ name, audit, faults }) => [
      audit === undefined
        ? `${name}: NOT GOOD`
        : `${name}: ${counted(audit.channels.size, 'channel')}, totals of ${formatAmount(audit.total)} ${ticker}`,
      ...faults.map((fault) => `  ${fault}`),
    ]),
  );
  if (checked.some(({ faults }) => faults.length > 0)) process.exitCode = EXIT.world;
}

interface Looked {
  readonly path: string;
  readonly name: string;
  readonly audit?: Audit;
  readonly faults: readonly string[];
}

async function looked(path: string, name: string, look: () => Promise<Audit>): Promise<Looked> {
  try {
    const audit = await look();
    return { path, name, audit, faults: audit.faults };
  } catch (error) {
    if (!(error instanceof WorldError)) throw error;
    return { path, name, faults: [error.message] };
  }
}

async function inOrder<From, To>(list: readonly From[], work: (one: From) => Promise<To>): Promise<readonly To[]> {
  const done: To[] = [];
  for (const one of list) done.push(await work(one));
  return done;
}

function madeAt({ madeAt: time }: Generation): string {
  return new Date(time).toISOString();
}
