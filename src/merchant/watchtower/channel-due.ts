import { isAbsent, isSpent, transactionsOf, viewOf } from '../../core/channel/deposit-view.ts';
import type { ChainView, DepositView } from '../../core/channel/state-machine.ts';
import type { Transaction } from '../../core/tx/transaction.ts';
import { depositsOf, isEnough } from './deposit-group.ts';
import { type Danger, depositGroupDue, isTaken, type WatchSituation, type WatchStanding } from './deposit-group-due.ts';
import type { DepositGroup, Watched } from './file-format.ts';

export interface ChannelVerdict {
  /** Of what is worst off. */
  readonly standing: WatchStanding;
  /** Of each, the first that the node takes is to be broadcast. */
  readonly sends: readonly (readonly Transaction[])[];
  readonly danger?: Danger;
}

/** From what is over to what is lost. */
const WORSE: readonly WatchStanding[] = ['buried', 'mined', 'waiting', 'quiet', 'due', 'endangered', 'lost'];

/** What a watcher does about the chain as it is now. It never sends anything that takes less than what it was told is owed. */
export function channelDue(watched: Watched, view: ChainView, situation: WatchSituation): ChannelVerdict {
  const verdicts = groupsIn(watched, view)
    .map((lot) => depositGroupDue({ watched, lot }, view, situation))
    .toSorted((a, b) => WORSE.indexOf(b.standing) - WORSE.indexOf(a.standing));
  const { standing = 'quiet' } = verdicts[0] ?? {};
  const danger = verdicts.find((one) => one.danger !== undefined)?.danger;
  return { standing, sends: verdicts.map(({ send }) => send).filter((send) => send.length > 0), ...(danger && { danger }) };
}

/** Deposits are closed together while all are there. What was in no block when the file was written comes into question when one has it. */
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

/** Whether no transaction could take all of it any more, or need not: a close took what is owed of some, or a block has the spend of one. */
function isSplitUp(watched: Watched, stake: readonly DepositView[]): boolean {
  if (stake.some((seen) => isAbsent(seen) || (seen.kind === 'unspent' && seen.depth === 0) || (isTaken(seen) && seen.depth > 0)))
    return true;
  const spends = stake.filter(isSpent);
  return spends.length > 0 && spends.length < stake.length && isEnough(watched, transactionsOf(spends));
}
