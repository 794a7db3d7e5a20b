import { ago, type Check, ok, problem, warning } from './facts.ts';

const HOUR = 3_600_000;
/** No block may be farther ahead of the nodes' clocks (`validation.cpp`, MAX_FUTURE_BLOCK_TIME). */
const MOST_FUTURE = 2 * HOUR;
/** Block times vary: so many intervals without a block happen by chance once in 10^26. */
const MOST_SILENT_INTERVALS = 60;
/** Nodes warn their owners from there on (`timedata.cpp`, DEFAULT_MAX_TIME_ADJUSTMENT). */
const MOST_OFFSET = 70 * 60_000;
/** A clock that is kept by NTP is nearer than this. */
const USUAL_OFFSET = 60_000;

const SET = 'Set the clock: have NTP keep it (timedatectl set-ntp true).';

const clock: Check = ({ now, coin, node: { said, isHere } }) => {
  if (said?.genesis !== coin.genesis) return [];
  const { medianTime, network } = said;
  // Of a node elsewhere it is that computer's clock.
  const offset = isHere ? (network?.timeoffset ?? 0) * 1_000 : 0;
  if (medianTime - now > MOST_FUTURE) return problem('clock', `This clock is ${ago(medianTime - now)} behind the last blocks.`, SET);
  if (Math.abs(offset) > MOST_OFFSET) return problem('clock', `The node's peers have another time, by ${ago(Math.abs(offset))}.`, SET);
  const most = Math.max(HOUR, MOST_SILENT_INTERVALS * coin.blockSeconds * 1_000);
  // On regtest blocks come when somebody asks for them.
  if (coin.network !== 'regtest' && now - medianTime > most)
    return problem(
      'clock',
      `The last blocks are ${ago(now - medianTime)} old.`,
      `Look at the node's connections. If they are well: ${SET}`,
    );
  if (Math.abs(offset) > USUAL_OFFSET) return warning('clock', `The node's peers have another time, by ${ago(Math.abs(offset))}.`, SET);
  return ok('clock', 'it fits the last blocks');
};

const folder: Check = ({ datadir, folder: { kind, mode, isOwn }, roles }) => {
  const elsewhere = 'Name another --datadir or --coin.';
  if (kind === 'missing')
    return problem('folder', `There is no folder ${datadir}.`, `${elsewhere} pawment wallet init, or pawment merchant, makes one.`);
  if (kind === 'other') return problem('folder', `${datadir} is no folder.`, elsewhere);
  if (!isOwn) return warning('folder', `${datadir} belongs to another user.`, 'Run the doctor as that user.');
  if (roles.length === 0)
    return problem(
      'folder',
      `Nobody was in ${datadir} yet.`,
      `${elsewhere} pawment wallet init makes a payer, pawment merchant a merchant.`,
    );
  if (mode !== undefined && (mode & 0o022) !== 0) return problem('folder', `Other users may write in ${datadir}.`, `chmod 700 ${datadir}`);
  if (mode !== undefined && (mode & 0o077) !== 0) return warning('folder', `Other users may look into ${datadir}.`, `chmod 700 ${datadir}`);
  return ok('folder', `${datadir} is this user's alone`);
};

const MEBIBYTE = 1_048_576;
const LITTLE = 200 * MEBIBYTE;
const NEXT_TO_NONE = 20 * MEBIBYTE;
const FEW_FILES = 100;

const disk: Check = ({ folder: { kind, trouble, freeBytes, freeFiles } }) => {
  if (kind !== 'folder') return [];
  if (trouble !== undefined) return problem('disk', trouble.message, trouble.hint);
  const left = freeBytes === undefined ? '' : `${Math.floor(freeBytes / MEBIBYTE)} MiB are free`;
  const advice = 'Free space on that disk: a store that can not be written takes no payments.';
  if (freeBytes !== undefined && freeBytes < NEXT_TO_NONE) return problem('disk', `Only ${left}.`, advice);
  if (freeFiles !== undefined && freeFiles < FEW_FILES) return problem('disk', `Only ${freeFiles} more files fit in.`, advice);
  if (freeBytes !== undefined && freeBytes < LITTLE) return warning('disk', `Only ${left}.`, advice);
  return ok('disk', ['can be written and synced', left].filter((part) => part !== '').join('; '));
};

const ports: Check = ({ places, roles }) => {
  const isRunning = roles.some(({ role, running }) => role === 'merchant' && running === true);
  return places.flatMap(({ flag, place, holder }) => {
    if (holder === 'nobody' && isRunning)
      return warning(
        'port',
        `The merchant is running, and nobody serves ${place} (${flag}).`,
        `Name the ${flag} that it was started with.`,
      );
    if (holder === 'nobody') return ok('port', `${place} (${flag}) is free`);
    if (holder === 'merchant') return ok('port', `${place} (${flag}) is served by the merchant`);
    if (holder === 'other')
      return problem('port', `${place} (${flag}) is taken by another program.`, `Stop that, or give another ${flag}.`);
    return problem('port', `${place} (${flag}): ${holder.message}`, holder.hint);
  });
};

export const hostChecks: readonly Check[] = [clock, folder, disk, ports];
