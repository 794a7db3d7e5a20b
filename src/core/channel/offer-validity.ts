import { type Amount, greatest, least } from '../base/amount.ts';
import { equalBytes } from '../base/bytes.ts';
import type { Height } from '../base/height.ts';
import { type Refusal, refuse } from '../base/refusal.ts';
import { type DepthStep, depthFor } from '../coin/coin.ts';
import type { Signing, Terms } from '../contract/contract.ts';
import type { OfferedTerms } from '../message/message.ts';
import type { FundingView } from './state-machine.ts';

/** What a payee accepts at present, whatever it offered before. */
export interface Standing {
  /** Id of its own store. */
  readonly store: Uint8Array;
  /** The owner has ordered to recover channels of other stores of the same seed, which are gone. */
  readonly isRecovering: boolean;
  /** What it offers now. */
  readonly terms: Pick<OfferedTerms, 'contract' | 'signing' | 'closingMargin' | 'payeeScript'> & DepositLimits;
}

/** How much of a channel's deposits is accepted, and when they count. */
export interface DepositLimits {
  readonly minDeposit: Amount;
  readonly maxDeposit: Amount;
  readonly depth: readonly DepthStep[];
  readonly unconfirmed?: Amount;
}

/** Stored states hold no more steps. */
const MOST_STEPS = 16;

/** Whether a channel that is not known yet may be opened under an offer: only if this store made it, and its payee script is still the payee's. */
export function refuseOrigin({ origin, contract, signing, payeeScript }: OfferedTerms, standing?: Standing): Refusal | undefined {
  if (standing === undefined || standing.isRecovering) return undefined;
  const { store, terms } = standing;
  if (origin === undefined) return refuse('offer-outdated', { changed: 'origin' });
  if (!equalBytes(origin.store, store)) return refuse('offer-elsewhere');
  if (contract !== terms.contract || !isAsGood(signing, terms.signing)) return refuse('offer-outdated', { changed: 'contract' });
  return equalBytes(payeeScript, terms.payeeScript) ? undefined : refuse('offer-outdated', { changed: 'payout' });
}

/** Whether an offer was made by another store than the payee's: only one that recovers takes it, and whatever happened to that channel is not known. */
export function isOfAnotherStore({ origin }: OfferedTerms, standing?: Standing): boolean {
  return standing !== undefined && (origin === undefined || !equalBytes(origin.store, standing.store));
}

/** Whether an offer has run out. A first deposit mined in time is accepted, even if it becomes deep or is announced later. */
export function refuseOverdue(
  { origin }: OfferedTerms,
  first: FundingView | undefined,
  tip: Height,
  standing?: Standing,
): Refusal | undefined {
  if (standing === undefined || standing.isRecovering || origin === undefined || tip <= origin.until) return undefined;
  const isMined = first?.kind === 'unspent' && first.depth > 0 && tip - first.depth < origin.until;
  return isMined ? undefined : refuse('offer-outdated', { until: origin.until, tip });
}

function isAsGood(offered: Signing, now: Signing): boolean {
  if (offered.kind === 'fixed') return now.kind === 'fixed' && offered.fee >= now.fee;
  return now.kind === 'flexible' && offered.slot === now.slot;
}

/** The terms of a channel that opens now. The longer margin applies, unless that could lose a recovered channel. */
export function termsNow(offered: Terms, standing?: Standing): Terms {
  if (standing === undefined || standing.isRecovering) return offered;
  return { ...offered, closingMargin: Math.max(offered.closingMargin, standing.terms.closingMargin) };
}

/** The stricter of the offered and the present limits. A recovered channel was accepted before: only its depth is new. */
export function limitsNow({ minDeposit, maxDeposit, depth, unconfirmed }: DepositLimits, standing?: Standing): DepositLimits {
  const offered = { minDeposit, maxDeposit, depth, ...(unconfirmed === undefined ? {} : { unconfirmed }) };
  if (standing === undefined) return offered;
  const { isRecovering, terms: now } = standing;
  const room = unconfirmed === undefined || now.unconfirmed === undefined ? {} : { unconfirmed: least(unconfirmed, now.unconfirmed) };
  const deeper = { depth: deepest(depth, now.depth), ...room };
  if (isRecovering) return { minDeposit, maxDeposit, ...deeper };
  return { minDeposit: greatest(minDeposit, now.minDeposit), maxDeposit: least(maxDeposit, now.maxDeposit), ...deeper };
}

/**
 * For every amount the larger depth of the two. If there are too many steps, the lowest are dropped, and their amounts need the depth of the next
 * step.
 */
function deepest(one: readonly DepthStep[], other: readonly DepthStep[]): readonly DepthStep[] {
  const bounds = [...new Set([...one, ...other].map(({ upTo }) => upTo))].toSorted((a, b) => (a < b ? -1 : 1));
  const steps = bounds.map((upTo) => ({ upTo, blocks: Math.max(depthFor(one, upTo), depthFor(other, upTo)) }));
  return steps.filter(({ blocks }, i) => blocks !== steps[i + 1]?.blocks).slice(-MOST_STEPS);
}
