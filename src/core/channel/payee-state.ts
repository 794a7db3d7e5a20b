import { type Amount, subtract, ZERO } from '../base/amount.ts';
import { bytesToHex, type ChannelId } from '../base/bytes.ts';
import type { Height } from '../base/height.ts';
import { type Refusal, refuse } from '../base/refusal.ts';
import type { DepthStep } from '../coin/coin.ts';
import { leastStake } from '../contract/anti-pinning.ts';
import type { Deposit, HeldOutput, LockedOutput, Payment, Terms } from '../contract/contract.ts';
import { type HashLock, type PaymentHash, worthOf } from '../contract/pending.ts';
import { closingCharge } from '../contract/units.ts';
import type { Receipt } from '../message/message.ts';
import type { Transaction } from '../tx/transaction.ts';
import { type ExposurePart, exposureParts, type Place, writtenOff } from './deposit-confirmation.ts';
import type { Source } from './state-machine.ts';

/** The best payment and the answer given to it, stored together. */
export interface BestPayment extends Payment {
  readonly receipt: Receipt;
}

/** How much of a channel's deposits is deep enough in the chain, where that is not all. */
export interface Backing {
  /** Sum of the leading deposits that are as deep as that sum requires, without those that are written off; payments use deposits in this order. */
  readonly backed: Amount;
  /** The height at which all are deep enough if nothing is undone. Absent while one of them is in no block. */
  readonly deepAt?: Height;
}

interface PayeeChannel {
  readonly channel: ChannelId;
  readonly terms: Terms;
  /** Name of the payee key: the digest of the offer. */
  readonly keyName: string;
  readonly deposits: readonly Deposit[];
  /** The inputs of the funding transactions, as far as the node knew them at acceptance. */
  readonly sources?: readonly Source[];
  /** The offer's limits for further deposits, and how much it delivers before they are deep enough. */
  readonly limits: { readonly maxDeposit: Amount; readonly depth: readonly DepthStep[]; readonly unconfirmed?: Amount };
  /** As of the last view. Absent: all deposits are deep enough. */
  readonly backing?: Backing;
  /** Where each deposit is, as of the last view. Absent: all are so deep that no reorganisation reaches them. */
  readonly places?: readonly Place[];
  /** Sum of the leading deposits that are there, as of the last view; a deposit after a missing one can't be paid from. Absent: all are there. */
  readonly reach?: Amount;
  /** How much of the best total invoices have used. */
  readonly spent: Amount;
  readonly best?: BestPayment;
  /** How many of its secrets the payee has shown, where payments can be taken back. Absent: none. */
  readonly revoked?: number;
  /** What the owner wants to give back and the payer has not signed for yet. */
  readonly giveBack?: Amount;
  /** The last order to give back that was noted. */
  readonly lastOrder?: string;
  /** The payee was set back to an older copy, where payments can be taken back: the payer may know secrets that the copy does not know to be shown. */
  readonly setBack?: true;
  /** Outputs of closes that are held for the payee, as of the last view. */
  readonly held?: readonly HeldOutput[];
  /** Preimages that the payee has, of what is pending and of some that were settled, the newest last. */
  readonly revealed?: readonly Revealed[];
  /** What is pending and was given up: the payer may leave it out. */
  readonly failed?: readonly PaymentHash[];
  /** Outputs of closes that are pending, as of the last view. */
  readonly locked?: readonly LockedOutput[];
}

/** A pending amount whose preimage the payee has. */
export interface Revealed {
  readonly lock: HashLock;
  readonly preimage: Uint8Array;
}

export type PayeeEnd = 'closed' | 'refunded' | 'lost' | 'unused';

/**
 * `open` accepts payments. `paused`: the first deposit, or one that the best payment spends, left the chain. `closing`: has a transaction that is not
 * buried yet. `ended`: final.
 */
export type PayeeState =
  | (PayeeChannel & { readonly kind: 'open' })
  | (PayeeChannel & { readonly kind: 'paused' })
  | (PayeeChannel & { readonly kind: 'closing'; readonly transaction: Transaction })
  | (PayeeChannel & { readonly kind: 'ended'; readonly how: PayeeEnd; readonly transaction?: Transaction; readonly received?: Amount });

/** A channel that has not begun to close. */
export type ActivePayee = Extract<PayeeState, { kind: 'open' | 'paused' }>;

export type ClosingPayee = Extract<PayeeState, { kind: 'closing' }>;

export function isActive(state: PayeeState): state is ActivePayee {
  return state.kind === 'open' || state.kind === 'paused';
}

/** Why a channel that is not active accepts no payment. */
export function notActive(state: PayeeState): Refusal {
  return refuse(state.kind === 'ended' ? 'channel-ended' : 'channel-ending');
}

/** The best payment as facts of a refusal: a payer that lost it can take it from there. */
export function factsOf({ spent }: PayeeState, best: BestPayment): Readonly<Record<string, string | bigint>> {
  const { hash, locks } = best;
  // What is pending has no room here: the payer asks for the state.
  if (locks !== undefined) return {};
  return { best: best.total, signatures: best.signatures.map(bytesToHex).join(','), spent, ...(hash && { hash: bytesToHex(hash) }) };
}

/** The part of the best total that has bought nothing yet. */
export function creditOf(state: PayeeState): Amount {
  return subtract(state.best?.total ?? ZERO, state.spent);
}

/** Delivered value that the chain could still undo: what was acknowledged beyond the deposits that are deep enough. */
export function exposureOf(state: PayeeState): Amount {
  return state.kind === 'ended' ? ZERO : exposureAt(state, worthOf(state.best));
}

/**
 * The exposure once `total` is acknowledged. If a payment is valid with all of its deposits only, one deposit without depth exposes all of it.
 * Written off value is not exposure: it counts as lost already.
 */
export function exposureAt(state: PayeeState, total: Amount): Amount {
  const { terms, backing } = state;
  if (backing === undefined) return ZERO;
  const { signing } = terms;
  const lost = writtenOff(exposureParts(state, total));
  const kept = subtract(total, lost);
  const taken = kept > 0n ? kept + closingCharge(terms) : kept;
  if (taken <= backing.backed) return ZERO;
  return signing.kind === 'fixed' ? kept : subtract(kept, backing.backed);
}

/** Delivered value that a reorganisation of any depth could undo, by the deposits it rests on; written off parts included. */
export function restsOf(state: PayeeState): readonly ExposurePart[] {
  return exposureParts(state, state.kind === 'ended' ? ZERO : worthOf(state.best));
}

/** What the payee would lose if it never closed. */
export function atRisk(state: PayeeState): Amount {
  return state.kind === 'ended' ? ZERO : worthOf(state.best);
}

/**
 * The part of that which a thief could take by spending outputs of the close, even at the coin's own rate: the whole total if it is below the least
 * stake.
 */
export function pinnable(state: PayeeState): Amount {
  const { terms } = state;
  const risk = atRisk(state);
  return risk < leastStake(terms, terms.coin.policy.feeRate) ? risk : ZERO;
}
