import type { Command } from 'commander';
import type { CommonFlags } from '../config.ts';
import { findingsOf } from '../doctor/checks.ts';
import type { Finding } from '../doctor/facts.ts';
import { gathered } from '../doctor/gather.ts';
import type { Named } from '../doctor/places.ts';
import { command, ownSettings, run, type Shell } from '../run-command.ts';
import { clock } from '../setup.ts';
import { EXIT } from '../terminal/print.ts';

interface DoctorFlags extends CommonFlags {
  readonly listen: string;
  readonly bitcoinj?: string;
  readonly metrics?: string;
  readonly watchTo?: string;
  readonly backupTo?: string;
  readonly textfile?: string;
}

export function doctorCommand(): Command {
  return command('doctor', 'Check node, clock, disk, ports, folder, backups and watcher, and say what to do; it changes nothing', [
    'pawment doctor',
    'pawment doctor --watch-to /var/lib/pawment-watch --textfile /var/lib/node_exporter/pawment.prom',
    'pawment doctor --json || notify-the-owner',
  ])
    .option('--listen <place>', 'where the merchant serves: the value of its own --listen', '127.0.0.1:8402')
    .option('--bitcoinj <host:port>', 'where it serves payers of bitcoinj')
    .option('--metrics <host:port>', 'where it shows figures')
    .option('--watch-to <folder>', 'where it writes signed closes')
    .option('--backup-to <folder>', 'where backups are; <datadir>/backups unless given')
    .option('--textfile <file>', 'where a watcher on this machine writes its figures')
    .action((flags: DoctorFlags, acting: Command) => run(flags, async (shell) => examine(shell, await asTold(flags, acting))));
}

const TOLD = ['listen', 'bitcoinj', 'metrics', 'watchTo', 'backupTo', 'textfile'] as const;

/** Settings without a flag come from the config file's sections for merchant and watcher. @throws WorldError `config` */
async function asTold(flags: DoctorFlags, acting: Command): Promise<DoctorFlags> {
  const [{ merchantCommand }, { watchCommand }] = await Promise.all([import('./merchant.ts'), import('./watch.ts')]);
  const settings = { ...ownSettings(watchCommand(), flags), ...ownSettings(merchantCommand(), flags) };
  const told = TOLD.flatMap((name) => {
    const value = settings[name];
    return typeof value === 'string' && acting.getOptionValueSource(name) !== 'cli' ? [[name, value] as const] : [];
  });
  return { ...flags, ...Object.fromEntries(told) };
}

/** Ends with exit code 4 where there is a problem. */
async function examine({ config, print }: Shell, { watchTo, backupTo, textfile, ...flags }: DoctorFlags): Promise<void> {
  const findings = findingsOf(await gathered(config, { places: placesIn(flags), watchTo, backupTo, textfile }, clock.now()));
  const count = (state: Finding['state']): number => findings.filter((finding) => finding.state === state).length;
  const [problems, warnings] = [count('problem'), count('warning')];
  print.result({ problems, warnings, checks: findings }, [...findings.map(line), `problems: ${problems}, warnings: ${warnings}`]);
  if (problems > 0) process.exitCode = EXIT.attention;
}

function placesIn({ listen, bitcoinj, metrics }: Pick<DoctorFlags, 'listen' | 'bitcoinj' | 'metrics'>): readonly Named[] {
  return [
    { flag: '--listen', place: listen, shows: '/v1/live' },
    ...(bitcoinj === undefined ? [] : [{ flag: '--bitcoinj', place: bitcoinj }]),
    ...(metrics === undefined ? [] : [{ flag: '--metrics', place: metrics, shows: '/figures' }]),
  ];
}

function line({ check, state, message, advice }: Finding): string {
  return `${state.padEnd(7)}  ${check.padEnd(12)}  ${advice === undefined ? message : `${message.replace(/\.?$/, '.')} ${advice}`}`;
}
