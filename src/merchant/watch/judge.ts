import { isAbsent, isSpent, transactionsOf, viewOf } from '../../core/channel/fate.ts';
import type { ChainView, DepositView } from '../../core/channel/machine.ts';
import type { Transaction } from '../../core/tx/transaction.ts';
import { type Danger, isTaken, judgedLot, type Situation, type Standing } from './judge-lot.ts';
import { depositsOf, isEnough } from './lot.ts';
import type { Lot, Watched } from './watch-file.ts';

export interface Verdict {
  /** Of what is worst off. */
  readonly standing: Standing;
  /** Of each, the first that the node takes is to be broadcast. */
  readonly sends: readonly (readonly Transaction[])[];
  readonly danger?: Danger;
}

/** From what is over to what is lost. */
const WORSE: readonly Standing[] = ['buried', 'mined', 'waiting', 'quiet', 'due', 'endangered', 'lost'];

/** What a watcher does about the chain as it is now. It never sends anything that takes less than what it was told is owed. */
export function judged(watched: Watched, view: ChainView, situation: Situation): Verdict {
  const verdicts = lotsIn(watched, view)
    .map((lot) => judgedLot({ watched, lot }, view, situation))
    .toSorted((a, b) => WORSE.indexOf(b.standing) - WORSE.indexOf(a.standing));
  const { standing = 'quiet' } = verdicts[0] ?? {};
  const danger = verdicts.find((one) => one.danger !== undefined)?.danger;
  return { standing, sends: verdicts.map(({ send }) => send).filter((send) => send.length > 0), ...(danger && { danger }) };
}

/** Deposits are closed together while all are there. What was in no block when the file was written comes into question when one has it. */
function lotsIn(watched: Watched, view: ChainView): readonly Lot[] {
  const { apart = [] } = watched;
  const together = depositsOf(watched, watched);
  const seenOf = (lot: Lot): readonly DepositView[] => depositsOf(watched, lot).map((deposit) => viewOf(deposit, view));
  const isAmong = (lot: Lot): boolean => depositsOf(watched, lot).every((deposit) => together.includes(deposit));
  const later = apart.filter((lot) => !isAmong(lot) && seenOf(lot).every((seen) => isMined(seen) || isTaken(seen)));
  const single = isParted(watched, seenOf(watched)) ? apart.filter(isAmong) : [];
  return [...(single.length > 0 ? single : [watched]), ...later];
}

function isMined(seen: DepositView): boolean {
  return seen.kind === 'unspent' && seen.depth > 0;
}

/** Whether no transaction could take all of it any more, or need not: a close took what is owed of some, or a block has the spend of one. */
function isParted(watched: Watched, stake: readonly DepositView[]): boolean {
  if (stake.some((seen) => isAbsent(seen) || (seen.kind === 'unspent' && seen.depth === 0) || (isTaken(seen) && seen.depth > 0)))
    return true;
  const spends = stake.filter(isSpent);
  return spends.length > 0 && spends.length < stake.length && isEnough(watched, transactionsOf(spends));
}
