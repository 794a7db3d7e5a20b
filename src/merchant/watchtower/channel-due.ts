import { isAbsent, isSpent, transactionsOf, viewOf } from '../../core/channel/deposit-view.ts';
import type { ChainView, DepositView } from '../../core/channel/state-machine.ts';
import type { Transaction } from '../../core/tx/transaction.ts';
import { depositsOf, isEnough } from './deposit-group.ts';
import { type Danger, depositGroupDue, isTaken, type WatchSituation, type WatchStanding } from './deposit-group-due.ts';
import type { DepositGroup, Watched } from './file-format.ts';

export interface ChannelVerdict {
  /** The worst of its groups. */
  readonly standing: WatchStanding;
  /** For each group, broadcast the first that the node accepts. */
  readonly sends: readonly (readonly Transaction[])[];
  readonly danger?: Danger;
}

/** From finished to lost. */
const WORSE: readonly WatchStanding[] = ['buried', 'mined', 'waiting', 'quiet', 'due', 'endangered', 'lost'];

/** What a watcher does with the chain as it is now. It never sends anything that takes less than the file says is owed. */
export function channelDue(watched: Watched, view: ChainView, situation: WatchSituation): ChannelVerdict {
  const verdicts = groupsIn(watched, view)
    .map((lot) => depositGroupDue({ watched, lot }, view, situation))
    .toSorted((a, b) => WORSE.indexOf(b.standing) - WORSE.indexOf(a.standing));
  const { standing = 'quiet' } = verdicts[0] ?? {};
  const danger = verdicts.find((one) => one.danger !== undefined)?.danger;
  return { standing, sends: verdicts.map(({ send }) => send).filter((send) => send.length > 0), ...(danger && { danger }) };
}

/** Deposits are closed together while all of them are there. A deposit that was in no block when the file was written is added once it is in one. */
function groupsIn(watched: Watched, view: ChainView): readonly DepositGroup[] {
  const { apart = [] } = watched;
  const together = depositsOf(watched, watched);
  const seenOf = (lot: DepositGroup): readonly DepositView[] => depositsOf(watched, lot).map((deposit) => viewOf(deposit, view));
  const isAmong = (lot: DepositGroup): boolean => depositsOf(watched, lot).every((deposit) => together.includes(deposit));
  const later = apart.filter((lot) => !isAmong(lot) && seenOf(lot).every((seen) => isMined(seen) || isTaken(seen)));
  const single = isSplitUp(watched, seenOf(watched)) ? apart.filter(isAmong) : [];
  return [...(single.length > 0 ? single : [watched]), ...later];
}

function isMined(seen: DepositView): boolean {
  return seen.kind === 'unspent' && seen.depth > 0;
}

/**
 * Whether one close for all deposits is impossible now, or not needed: a deposit is gone or in no block, one was spent in a block, or a close took
 * what is owed from some.
 */
function isSplitUp(watched: Watched, stake: readonly DepositView[]): boolean {
  if (stake.some((seen) => isAbsent(seen) || (seen.kind === 'unspent' && seen.depth === 0) || (isTaken(seen) && seen.depth > 0)))
    return true;
  const spends = stake.filter(isSpent);
  return spends.length > 0 && spends.length < stake.length && isEnough(watched, transactionsOf(spends));
}
