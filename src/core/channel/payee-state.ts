import { type Amount, subtract, ZERO } from '../base/amount.ts';
import { bytesToHex, type ChannelId } from '../base/bytes.ts';
import type { Height } from '../base/height.ts';
import { type Refusal, refuse } from '../base/refusal.ts';
import type { DepthStep } from '../coin/coin.ts';
import { leastStake } from '../contract/anti-pinning.ts';
import type { Deposit, Payment, Terms } from '../contract/contract.ts';
import type { Receipt } from '../message/message.ts';
import type { Transaction } from '../tx/transaction.ts';
import { type ExposurePart, exposureParts, type Place, writtenOff } from './deposit-confirmation.ts';
import type { Source } from './state-machine.ts';

/** The best payment and the answer that was given for it, kept as one. */
export interface BestPayment extends Payment {
  readonly receipt: Receipt;
}

/** How much of a channel's deposits the chain holds deep enough, where that is not all. */
export interface Backing {
  /** Sum of the leading deposits, but for those written off, that are as deep as that sum asks for; payments drain them in this order. */
  readonly backed: Amount;
  /** The height at which all are deep enough if nothing is undone. Absent while one is in no block. */
  readonly deepAt?: Height;
}

interface PayeeChannel {
  readonly channel: ChannelId;
  readonly terms: Terms;
  /** Name of the payee key: the digest of the offer. */
  readonly keyName: string;
  readonly deposits: readonly Deposit[];
  /** What made them, as far as the node knew it when they were accepted. */
  readonly sources?: readonly Source[];
  /** What the offer allows further deposits, and what it delivers before they are deep enough. */
  readonly limits: { readonly maxDeposit: Amount; readonly depth: readonly DepthStep[]; readonly unconfirmed?: Amount };
  /** As of the last view. Absent: all deposits are deep enough. */
  readonly backing?: Backing;
  /** Where each deposit is, as of the last view. Absent: all are so deep that no reorganisation reaches them. */
  readonly places?: readonly Place[];
  /** Sum of the leading deposits that are there, as of the last view: nothing is taken from what is behind one that is not. Absent: all are there. */
  readonly reach?: Amount;
  /** How much of the best total is spoken for by invoices. */
  readonly spent: Amount;
  readonly best?: BestPayment;
}

export type PayeeEnd = 'closed' | 'refunded' | 'lost' | 'unused';

/**
 * `open` takes payments. `paused`: a deposit left the chain that the best payment takes from, or the first of all. `closing` has a transaction to be buried. `ended` is over for good.
 */
export type PayeeState =
  | (PayeeChannel & { readonly kind: 'open' })
  | (PayeeChannel & { readonly kind: 'paused' })
  | (PayeeChannel & { readonly kind: 'closing'; readonly transaction: Transaction })
  | (PayeeChannel & { readonly kind: 'ended'; readonly how: PayeeEnd; readonly transaction?: Transaction; readonly received?: Amount });

/** A channel whose end is not begun. */
export type ActivePayee = Extract<PayeeState, { kind: 'open' | 'paused' }>;

export type ClosingPayee = Extract<PayeeState, { kind: 'closing' }>;

export function isActive(state: PayeeState): state is ActivePayee {
  return state.kind === 'open' || state.kind === 'paused';
}

/** Why a channel that is not active takes nothing more. */
export function notActive(state: PayeeState): Refusal {
  return refuse(state.kind === 'ended' ? 'channel-ended' : 'channel-ending');
}

/** The best payment as facts of a refusal: a payer that lost it can take it over. */
export function factsOf({ spent }: PayeeState, best: BestPayment): Readonly<Record<string, string | bigint>> {
  return { best: best.total, signatures: best.signatures.map(bytesToHex).join(','), spent };
}

/** What the payer has paid ahead. */
export function creditOf(state: PayeeState): Amount {
  return subtract(state.best?.total ?? ZERO, state.spent);
}

/** Value delivered that the chain could still undo: what was acknowledged beyond the deposits that are deep enough. */
export function exposureOf(state: PayeeState): Amount {
  return state.kind === 'ended' ? ZERO : exposureAt(state, state.best?.total ?? ZERO);
}

/**
 * What the exposure is once `total` is acknowledged. Where a payment is signed for all of its deposits or none, one that is shallow exposes all of it.
 * What is written off can't be undone any more: it is.
 */
export function exposureAt(state: PayeeState, total: Amount): Amount {
  const { terms, backing } = state;
  if (backing === undefined) return ZERO;
  const { signing } = terms;
  const lost = writtenOff(exposureParts(state, total));
  const kept = subtract(total, lost);
  const taken = signing.kind === 'fixed' && kept > 0n ? kept + signing.fee : kept;
  if (taken <= backing.backed) return ZERO;
  return signing.kind === 'fixed' ? kept : subtract(kept, backing.backed);
}

/** What was delivered that the chain could still undo by however deep a reorganisation, by where it rests; and what is written off. */
export function restsOf(state: PayeeState): readonly ExposurePart[] {
  return exposureParts(state, state.kind === 'ended' ? ZERO : (state.best?.total ?? ZERO));
}

/** What the payee would lose if it never closed. */
export function atRisk(state: PayeeState): Amount {
  return state.kind === 'ended' ? ZERO : (state.best?.total ?? ZERO);
}

/** What of that a thief could take by building on the close, even at the coin's own rate: all of a total that is below the least stake. */
export function pinnable(state: PayeeState): Amount {
  const { terms } = state;
  const risk = atRisk(state);
  return risk < leastStake(terms, terms.coin.policy.feeRate) ? risk : ZERO;
}
