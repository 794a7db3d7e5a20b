import type { Amount } from '../../core/base/amount.ts';
import { after, type LockTime } from '../../core/base/height.ts';
import { type ChainTime, expectedHeight, possible } from '../../core/base/lock-time.ts';
import { branchOf, combinedCost, isSpent, type Spend, transactionsOf, viewOf } from '../../core/channel/deposit-view.ts';
import type { ChainView, DepositView } from '../../core/channel/state-machine.ts';
import { closingAt, type Deposit, type Terms } from '../../core/contract/contract.ts';
import { type Cost, closeUrgency, costOf, isRaise, isReplaceable, LAST_SHARE, rateOf, times } from '../../core/contract/fee.ts';
import { type Transaction, transactionId } from '../../core/tx/transaction.ts';
import { depositsOf, isEnough, payeeValueTogether } from './deposit-group.ts';
import type { DepositGroup, Watched } from './file-format.ts';

/**
 * How a watched channel stands. `quiet`: not due. `due`: to be closed, and nothing on the chain closes it yet. `waiting`, `mined`, `buried`: a close
 * that takes enough.
 */
export type WatchStanding = 'quiet' | 'due' | 'waiting' | 'mined' | 'buried' | 'endangered' | 'lost';

export type Danger =
  | { readonly code: 'close-late'; readonly blocksLeft: number }
  | { readonly code: 'deposit-missing' }
  /** A transaction takes the deposit and pays the payee less than the best close in the file. */
  | { readonly code: 'worse-spend'; readonly txid: string; readonly depth: number; readonly by: string };

export interface GroupVerdict {
  readonly standing: WatchStanding;
  /** Closes to broadcast: the first that the node accepts. */
  readonly send: readonly Transaction[];
  readonly danger?: Danger;
}

export interface WatchSituation extends ChainTime {
  readonly feeRate: Amount;
  /** The merchant has given no heartbeat for too long, so it gets no time to close by itself. */
  readonly isMerchantSilent: boolean;
}

/** The part of the closing margin in which the merchant closes by itself, as 1/GRACE_PART. */
const GRACE_PART = 4;

/** The height or time from which a watcher closes if the merchant has not. */
export function watchingFrom(terms: Terms, isMerchantSilent: boolean): LockTime {
  return after(closingAt(terms), isMerchantSilent ? 0 : Math.ceil(terms.closingMargin / GRACE_PART));
}

/** Some of a channel's closes, and the channel. */
interface Watching {
  readonly watched: Watched;
  readonly lot: DepositGroup;
}

/** What is due for one group of deposits as the chain is now. */
export function depositGroupDue(watching: Watching, view: ChainView, situation: WatchSituation): GroupVerdict {
  const { watched, lot } = watching;
  const { terms } = watched;
  const stake = depositsOf(watched, lot).map((deposit) => ({ deposit, seen: viewOf(deposit, view) }));
  const spends = stake.map(({ seen }) => seen).filter(isSpent);
  const bad = stake.find(({ deposit, seen }) => isTaken(seen) && !(isSpent(seen) && branchOf(terms, deposit, seen) === 'close'));
  const isWhole = bad === undefined && spends.length === stake.length && isEnough(watched, transactionsOf(spends));
  if (isWhole) return closing(watching, spends, situation);
  if (spends.length > 0 || bad !== undefined) return contested(watching, stake, bad, situation);
  return open(watching, stake, situation);
}

interface Staked {
  readonly deposit: Deposit;
  readonly seen: DepositView;
}
type Taken = Extract<DepositView, { kind: 'spent' | 'replaced' }>;

export function isTaken(seen: DepositView): seen is Taken {
  return seen.kind === 'spent' || seen.kind === 'replaced';
}

/**
 * What is due after a close that takes enough. A merchant that runs raises its close itself; a silent one can't. Near the end the watcher raises it
 * in any case. A transaction that takes more than the file's closes is an agreed end or a better close: the watcher replaces it only if the merchant
 * is silent and little time is left, because then nobody else can outbid what delays it.
 */
function closing(watching: Watching, spends: readonly Spend[], situation: WatchSituation): GroupVerdict {
  const { watched, lot } = watching;
  const { terms, deposits } = watched;
  const depth = Math.min(...spends.map((spend) => spend.depth));
  if (depth > 0) return { standing: depth >= terms.coin.channel.buried ? 'buried' : 'mined', send: [] };
  const { factor, share } = closeUrgency(terms, possible(terms.expiry, situation));
  const there = transactionsOf(spends);
  const isOurs = payeeValueTogether(watched, there) === lot.total;
  const isLast = factor >= LAST_FACTOR;
  const mayRaise = situation.isMerchantSilent ? isOurs || isLast : isOurs && isLast;
  const before = combinedCost(spends, deposits);
  const isLow = before === undefined || rateOf(before) < wantedRate(terms, situation);
  const send = mayRaise && isLow ? raises(watching, there, before, { wanted: wantedRate(terms, situation), share }) : [];
  return { standing: 'waiting', send, ...lateness(terms, situation) };
}

/** The factor of the last quarter of the margin. */
const LAST_FACTOR = 100n;

/**
 * What is due when a transaction takes less than is owed. While it is unconfirmed, the best close with a higher fee may still replace it. The height
 * does not matter: that is worth as high a fee as near the expiry.
 */
function contested(watching: Watching, stake: readonly Staked[], bad: Staked | undefined, situation: WatchSituation): GroupVerdict {
  const { watched, lot } = watching;
  const { terms, deposits } = watched;
  const taken = stake.map(({ seen }) => seen).filter(isTaken);
  const [worst = taken[0]] = bad !== undefined && isTaken(bad.seen) ? [bad.seen] : [];
  if (worst === undefined) return open(watching, stake, situation);
  const depth = Math.max(...taken.map((seen) => seen.depth));
  const by = bad === undefined ? 'close' : isSpent(bad.seen) ? branchOf(terms, bad.deposit, bad.seen) : 'replaced';
  const danger = { code: 'worse-spend', txid: transactionId(worst.transaction), depth, by } as const;
  if (depth > 0) return { standing: 'lost', send: [], danger };
  const spends = taken.filter(isSpent);
  const rivals = transactionsOf(spends);
  const before = rivals.length === 0 ? undefined : combinedCost(spends, deposits);
  const send =
    before === undefined ? lot.closes : raises(watching, rivals, before, { wanted: wantedRate(terms, situation), share: LAST_SHARE });
  return { standing: 'endangered', send, danger };
}

/** Nobody has spent anything. */
function open(watching: Watching, stake: readonly Staked[], situation: WatchSituation): GroupVerdict {
  const { terms } = watching.watched;
  const isMissing = stake.some(({ seen }) => seen.kind === 'missing');
  const missing = isMissing ? ({ danger: { code: 'deposit-missing' } } as const) : {};
  if (possible(terms.expiry, situation) < watchingFrom(terms, situation.isMerchantSilent))
    return { standing: 'quiet', send: [], ...missing };
  return { standing: 'due', send: fitting(watching, situation), ...missing, ...lateness(terms, situation) };
}

/** Half the margin has passed and nothing is mined. */
function lateness({ coin, expiry, closingMargin }: Terms, situation: WatchSituation): { readonly danger?: Danger } {
  const blocksLeft = expectedHeight(expiry, situation, coin.blockSeconds) - situation.tip;
  return (expiry - possible(expiry, situation)) * 2 <= closingMargin ? { danger: { code: 'close-late', blocksLeft } } : {};
}

function wantedRate(terms: Terms, situation: WatchSituation): Amount {
  return times(situation.feeRate, closeUrgency(terms, possible(terms.expiry, situation)).factor);
}

/** From the cheapest close that pays the due rate to the most expensive that the danger justifies. */
function fitting(watching: Watching, situation: WatchSituation): readonly Transaction[] {
  const { terms } = watching.watched;
  return from(wantedRate(terms, situation), affordable(watching, closeUrgency(terms, possible(terms.expiry, situation)).share));
}

interface Wish {
  readonly wanted: Amount;
  readonly share: bigint;
}

/** Where rivals have other inputs too, it is unknown what they pay: then the node decides whether a close pays enough. */
function raises(
  watching: Watching,
  rivals: readonly Transaction[],
  before: Cost | undefined,
  { wanted, share }: Wish,
): readonly Transaction[] {
  const { policy } = watching.watched.terms.coin;
  if (!rivals.every((rival) => isReplaceable(policy, rival))) return [];
  const higher = affordable(watching, share).filter(({ cost }) => before === undefined || isRaise(policy, before, cost));
  return from(wanted, higher);
}

interface Priced {
  readonly close: Transaction;
  readonly cost: Cost;
}

function from(wanted: Amount, ascending: readonly Priced[]): readonly Transaction[] {
  const quick = ascending.filter(({ cost }) => rateOf(cost) >= wanted);
  return (quick.length > 0 ? quick : ascending.slice(-1)).map(({ close }) => close);
}

/** Always the cheapest; others up to a fee of 1/`share` of the total. */
function affordable({ watched: { deposits }, lot: { closes, total } }: Watching, share: bigint): readonly Priced[] {
  const priced = closes.flatMap((close) => {
    const cost = costOf(close, deposits);
    return cost === undefined ? [] : [{ close, cost }];
  });
  return priced.filter(({ close, cost }) => close === closes[0] || cost.fee * share <= total);
}
