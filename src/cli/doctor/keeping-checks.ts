import { FORMAT } from '../../store/migrate.ts';
import { ago, type Check, type Facts, type Finding, ok, problem, type RoleFacts, warning } from './facts.ts';

const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;
/** After so long without a heartbeat, a watcher gives the merchant no time to close by itself. */
const MOST_SILENT = 10 * MINUTE;
/** A watcher writes its figures every five seconds. */
const FIGURES_OLD = 2 * MINUTE;

function ofRoles(check: (role: RoleFacts, facts: Facts) => readonly Finding[]): Check {
  return (facts) => facts.roles.flatMap((role) => check(role, facts));
}

const seed = ofRoles(({ role, seedMode }, { datadir }) => {
  const path = `${datadir}/${role}.seed`;
  if (seedMode === undefined)
    return problem('seed', `There is no ${path}.`, 'Make it again from the words: pawment wallet restore. See RECOVERY.md.');
  if ((seedMode & 0o077) !== 0) return problem('seed', `${path} can be read by other users.`, `chmod 600 ${path}`);
  return ok('seed', `${path} is for this user only`);
});

const store = ofRoles(({ role, store: found }, { datadir }) => {
  const path = `${datadir}/${role}.sqlite`;
  const restore = `Put the right file back, or restore a backup: pawment restore --role ${role}`;
  if (found === 'none') return ok('store', `the ${role} has no channels yet`);
  if (found === 'lost') return problem('store', `The channels of the ${role} were in ${path}, but the file is gone.`, restore);
  if (found === 'foreign') return problem('store', `${path} is not a store of pawment.`, restore);
  if ('message' in found) return problem('store', found.message, found.hint);
  if (found.format > FORMAT)
    return problem(
      'store',
      `${path} has format ${found.format}; this program knows formats up to ${FORMAT}.`,
      'Run the newer pawment that wrote it.',
    );
  return ok('store', `${path} has format ${found.format}${found.format < FORMAT ? `, and gets ${FORMAT} when it is next opened` : ''}`);
});

/** A payer need not run. */
const running = ofRoles(({ role, running: found }) => {
  if (typeof found === 'object') return problem('running', found.message, found.hint);
  if (found) return ok('running', `the ${role} is running`);
  return role === 'payer'
    ? []
    : warning(
        'running',
        'No merchant is running on this folder.',
        'Start it: until then no program closes its channels. pawment status says what is at risk.',
      );
});

const backups = ofRoles(({ role, store: found, backupsIn, newestBackup }, { now }) => {
  if (found === 'none') return [];
  const advice = `pawment backup --role ${role}${role === 'merchant' ? ', or pawment merchant --backup-to' : ''}`;
  if (newestBackup === undefined) return warning('backups', `The ${role} has no backup in ${backupsIn}.`, advice);
  const age = now - newestBackup;
  if (age < -MINUTE) return warning('backups', `The newest backup of the ${role} is from the future.`, 'Check the clock.');
  if (age > DAY) return warning('backups', `The newest backup of the ${role} is ${ago(age)} old.`, advice);
  return ok('backups', `the newest of the ${role} is ${ago(age)} old`);
});

const watchFolder: Check = ({ now, watch, roles }) => {
  if (watch === undefined) return [];
  const { folder, isThere, heartbeat, trouble } = watch;
  if (trouble !== undefined) return problem('watch-folder', trouble.message, trouble.hint);
  if (!isThere) return problem('watch-folder', `There is no folder ${folder}.`, 'Use the folder of pawment merchant --watch-to.');
  const silence = heartbeat === undefined ? Number.POSITIVE_INFINITY : Math.abs(now - heartbeat);
  const last = heartbeat === undefined ? 'no heartbeat' : `its last heartbeat ${ago(silence)} ago`;
  if (silence <= MOST_SILENT) return ok('watch-folder', `the merchant wrote ${last} in ${folder}`);
  const isRunning = roles.some(({ role, running: found }) => role === 'merchant' && found === true);
  const advice = isRunning
    ? 'Start it with --watch-to and this folder; it writes none while it can’t rely on its node.'
    : 'Start the merchant.';
  return problem('watch-folder', `The merchant wrote ${last} in ${folder}.`, advice);
};

const watcher: Check = ({ now, watch, figures }) => {
  if (figures === undefined) {
    const advice = 'Let it write its figures (pawment watch --textfile), and give that file here too.';
    return watch === undefined ? [] : warning('watcher', 'It is unknown whether a watcher is running.', advice);
  }
  const { file, writtenAt } = figures;
  const advice = 'Start it: pawment watch, with this --textfile.';
  if (writtenAt === undefined) return problem('watcher', `No watcher has written ${file}.`, advice);
  const age = Math.abs(now - writtenAt);
  return age > FIGURES_OLD
    ? problem('watcher', `The watcher wrote ${file} last ${ago(age)} ago.`, advice)
    : ok('watcher', `it wrote its figures ${ago(age)} ago`);
};

export const keepingChecks: readonly Check[] = [seed, store, running, backups, watchFolder, watcher];
