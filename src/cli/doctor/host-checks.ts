import { ago, type Check, ok, problem, warning } from './facts.ts';

const HOUR = 3_600_000;
/** Nodes accept no block with a time farther ahead of their clocks (`validation.cpp`, MAX_FUTURE_BLOCK_TIME). */
const MOST_FUTURE = 2 * HOUR;
/** Block times vary: so many intervals without a block happen by chance once in 10^26. */
const MOST_SILENT_INTERVALS = 60;
/** From this difference on nodes warn their owners (`timedata.cpp`, DEFAULT_MAX_TIME_ADJUSTMENT). */
const MOST_OFFSET = 70 * 60_000;
/** A clock that NTP sets is closer than this. */
const USUAL_OFFSET = 60_000;

const SET = 'Set the clock: let NTP do it (timedatectl set-ntp true).';

const clock: Check = ({ now, coin, node: { said, isHere } }) => {
  if (said?.genesis !== coin.genesis) return [];
  const { medianTime, network } = said;
  // For a node on another computer, this is about that computer's clock.
  const offset = isHere ? (network?.timeoffset ?? 0) * 1_000 : 0;
  if (medianTime - now > MOST_FUTURE) return problem('clock', `This clock is ${ago(medianTime - now)} behind the last blocks.`, SET);
  if (Math.abs(offset) > MOST_OFFSET) return problem('clock', `The clocks of the node's peers differ by ${ago(Math.abs(offset))}.`, SET);
  const most = Math.max(HOUR, MOST_SILENT_INTERVALS * coin.blockSeconds * 1_000);
  // On regtest, blocks come only on request.
  if (coin.network !== 'regtest' && now - medianTime > most)
    return problem('clock', `The last blocks are ${ago(now - medianTime)} old.`, `Check the node's connections. If they are good: ${SET}`);
  if (Math.abs(offset) > USUAL_OFFSET) return warning('clock', `The clocks of the node's peers differ by ${ago(Math.abs(offset))}.`, SET);
  return ok('clock', 'it agrees with the last blocks');
};

const folder: Check = ({ datadir, folder: { kind, mode, isOwn }, roles }) => {
  const elsewhere = 'Use another --datadir or --coin.';
  if (kind === 'missing')
    return problem('folder', `There is no folder ${datadir}.`, `${elsewhere} pawment wallet init, or pawment merchant, makes one.`);
  if (kind === 'other') return problem('folder', `${datadir} is not a folder.`, elsewhere);
  if (!isOwn) return warning('folder', `${datadir} belongs to another user.`, 'Run the doctor as that user.');
  if (roles.length === 0)
    return problem(
      'folder',
      `There is no payer or merchant in ${datadir} yet.`,
      `${elsewhere} pawment wallet init makes a payer, pawment merchant makes a merchant.`,
    );
  if (mode !== undefined && (mode & 0o022) !== 0) return problem('folder', `Other users can write to ${datadir}.`, `chmod 700 ${datadir}`);
  if (mode !== undefined && (mode & 0o077) !== 0) return warning('folder', `Other users can read ${datadir}.`, `chmod 700 ${datadir}`);
  return ok('folder', `${datadir} is for this user only`);
};

const MEBIBYTE = 1_048_576;
const LITTLE = 200 * MEBIBYTE;
const NEXT_TO_NONE = 20 * MEBIBYTE;
const FEW_FILES = 100;

const disk: Check = ({ folder: { kind, trouble, freeBytes, freeFiles } }) => {
  if (kind !== 'folder') return [];
  if (trouble !== undefined) return problem('disk', trouble.message, trouble.hint);
  const left = freeBytes === undefined ? '' : `${Math.floor(freeBytes / MEBIBYTE)} MiB are free`;
  const advice = 'Free some space on that disk: a store that can’t be written accepts no payments.';
  if (freeBytes !== undefined && freeBytes < NEXT_TO_NONE) return problem('disk', `Only ${left}.`, advice);
  if (freeFiles !== undefined && freeFiles < FEW_FILES) return problem('disk', `There is room for only ${freeFiles} more files.`, advice);
  if (freeBytes !== undefined && freeBytes < LITTLE) return warning('disk', `Only ${left}.`, advice);
  return ok('disk', ['can be written and synced', left].filter((part) => part !== '').join('; '));
};

const ports: Check = ({ places, roles }) => {
  const isRunning = roles.some(({ role, running }) => role === 'merchant' && running === true);
  return places.flatMap(({ flag, place, holder }) => {
    if (holder === 'nobody' && isRunning)
      return warning(
        'port',
        `The merchant is running, but no program serves ${place} (${flag}).`,
        `Use the ${flag} that it was started with.`,
      );
    if (holder === 'nobody') return ok('port', `${place} (${flag}) is free`);
    if (holder === 'merchant') return ok('port', `${place} (${flag}) is served by the merchant`);
    if (holder === 'other')
      return problem('port', `${place} (${flag}) is used by another program.`, `Stop that program, or use another ${flag}.`);
    return problem('port', `${place} (${flag}): ${holder.message}`, holder.hint);
  });
};

export const hostChecks: readonly Check[] = [clock, folder, disk, ports];
