import { type Amount, amount, feeFor, greatest, least, ZERO } from '../base/amount.ts';
import { isRefusal, type Refusal, refuse } from '../base/refusal.ts';
import type { Agreement } from '../contract/agreement.ts';
import { capacityOf, type Deposit } from '../contract/contract.ts';
import { depositsSpentBy } from '../contract/coop-close-tx.ts';
import { times } from '../contract/fee.ts';
import { minCoopCloseFee } from '../contract/payee-coop-close-min-fee.ts';
import { layOut, NOTHING_LEFT, OWN_CHANGE } from '../contract/payment-plan.ts';
import { pendingIn } from '../contract/pending.ts';
import { isSignedByBoth } from '../contract/read-close.ts';
import { closeSize, extraBytes } from '../contract/tx-size.ts';
import type { End, Ended } from '../message/message.ts';
import { SIGHASH } from '../tx/sighash.ts';
import type { Verify } from '../tx/sign.ts';
import { type Outpoint, outpointKey, sameOutpoint, type Transaction } from '../tx/transaction.ts';
import { isSame, spentBy } from './deposit-view.ts';
import { liveLocks } from './payer-locks.ts';
import { takeRefusal } from './payer-pay.ts';
import { channelOf, notOpen, type PayerState } from './payer-state.ts';
import { type Env, type Step, stay } from './state-machine.ts';

/** Asks for an agreed end at the best total. */
export interface EndInput {
  readonly kind: 'end';
  /** Deposits that this side's own node does not have as unspent: an end must not spend them. */
  readonly absent?: readonly Outpoint[];
  /** The least fee that the payee has asked for. */
  readonly least?: Amount;
  /** Where the rest goes; to the channel's return script unless given. */
  readonly to?: Uint8Array;
  /** As of an agreement: the end of the channel the other way. */
  readonly beside?: Transaction;
}

/**
 * The fee of an agreed end is limited to a multiple of this side's own estimate, and to a part of what comes back: otherwise it is cheaper to wait
 * for the refund.
 */
const MOST_FEE_FACTOR = 10n;
const MOST_FEE_SHARE = 10n;

/** Proposes to end at the best total, which may be zero. The payer pays the fee, so the payee has nothing to lose. */
export function proposeCoopClose(state: PayerState, input: EndInput, env: Env): Step<PayerState> | Refusal {
  if (state.kind === 'ending' && isOther(state, input)) return joinedWith(state, input, env);
  if (state.kind === 'ending' && !isVoid(state, input)) return stay(state, { kind: 'send', message: state.end });
  if (state.kind !== 'open' && state.kind !== 'ending') return notOpen(state);
  if (state.kind === 'open' && state.pending !== undefined) return refuse('payment-unanswered', { total: state.pending.payment.total });
  const { deposits, returnScript, best } = state;
  const live = state.kind === 'open' ? liveLocks(state) : [];
  if (live.length > 0) return refuse('lock-pending', { pending: pendingIn(live) });
  const without = leftOut(state, input);
  const spent = depositsSpentBy(deposits, { without });
  const total = best?.total ?? ZERO;
  const fee = coopCloseFee(state, spent, input, env);
  if (isRefusal(fee)) return fee;
  const agreement = {
    total,
    payerScript: input.to ?? returnScript,
    fee,
    ...(without.length === 0 ? {} : { without }),
    ...(input.beside && { beside: input.beside }),
  };
  return signed(state, agreement, env);
}

/** The same end, alone or in one transaction with the end of another channel. */
function joinedWith(state: Extract<PayerState, { kind: 'ending' }>, { beside }: EndInput, env: Env): Step<PayerState> | Refusal {
  const { beside: _, ...alone } = state.end.agreement;
  return signed(state, beside === undefined ? alone : { ...alone, beside }, env);
}

function signed(state: PayerState, agreement: Agreement, env: Env): Step<PayerState> | Refusal {
  const { terms, deposits, channel } = state;
  const agreed = terms.contract.agree(terms, deposits, agreement);
  if (isRefusal(agreed)) return agreed;
  const end: End = { kind: 'end', channel, agreement, signatures: terms.contract.signAgreement(terms, agreed, env.signer) };
  return stay({ ...channelOf(state), ...withEnd(state, agreement.total), kind: 'ending', end }, { kind: 'send', message: end });
}

/** No secret takes a signed end back, as one does payments. */
function withEnd({ revocation, endSigned = ZERO }: PayerState, total: Amount): Pick<PayerState, 'endSigned'> {
  return revocation === undefined || total === ZERO ? {} : { endSigned: greatest(endSigned, total) };
}

/** Whether the end is now asked for in a transaction with another channel than before, and not signed by both yet. */
function isOther({ transaction, end }: Extract<PayerState, { kind: 'ending' }>, { beside }: EndInput): boolean {
  const before = end.agreement.beside;
  if (transaction !== undefined || before === beside) return false;
  return before === undefined || beside === undefined || !isSame(before, beside);
}

/** Whether an end that both signed can't be mined any more: some of its inputs are gone, and the others are unspent. */
function isVoid({ transaction, deposits }: Extract<PayerState, { kind: 'ending' }>, { absent = [] }: EndInput): boolean {
  if (transaction === undefined) return false;
  const gone = new Set(absent.map(outpointKey));
  const left = spentBy(transaction, deposits).filter(({ outpoint }) => !gone.has(outpointKey(outpoint)));
  return left.length > 0 && left.length < transaction.inputs.length;
}

/**
 * Deposits that are gone, without those that a payment spends: if those came back, the payee could take its total from them and again from the end.
 */
function leftOut({ terms, deposits, signed }: PayerState, { absent = [] }: EndInput): readonly Outpoint[] {
  const planned = signed === 0n ? undefined : layOut(terms, deposits, signed);
  if (isRefusal(planned)) return [];
  const paid = new Set(planned?.inputs.map(({ deposit }) => outpointKey(deposit.outpoint)));
  const gone = new Set(absent.map(outpointKey));
  const left = deposits
    .map(({ outpoint }) => outpoint)
    .filter((outpoint) => gone.has(outpointKey(outpoint)) && !paid.has(outpointKey(outpoint)));
  return left.length < deposits.length ? left : [];
}

/** This side's own estimate where that is a small part of the money; or what the payee asks for, within our own bounds. */
function coopCloseFee(state: PayerState, spent: readonly Deposit[], { least: asked = ZERO }: EndInput, env: Env): Amount | Refusal {
  const { terms, deposits, best, returnScript } = state;
  const total = best?.total ?? ZERO;
  const usual = feeFor(closeSize(terms, spent.length, total > 0n ? 2 : 1) + extraBytes(returnScript), env.feeRate);
  const reckoned = total > 0n ? greatest(usual, minCoopCloseFee({ terms, deposits, total }, spent, env)) : usual;
  const capacity = capacityOf(spent);
  const part = amount((capacity > total ? capacity - total : 0n) / MOST_FEE_SHARE);
  const most = greatest(usual, least(least(times(reckoned, MOST_FEE_FACTOR), part), terms.coin.policy.maxFee));
  return asked > most ? refuse('fee-too-high', { fee: asked, most }) : greatest(asked, least(reckoned, most));
}

/**
 * Both have signed. The payer broadcasts the end too, so it need not trust the payee to do it. If the payee's transaction is not the agreed end with
 * both signatures, the channel stays open: another end can be proposed, and after the expiry the refund is due.
 */
export function coopCloseAgreed(state: PayerState, { transaction }: Ended, { verify }: Pick<Env, 'verify'>): Step<PayerState> {
  if (state.kind !== 'ending') return stay(state);
  if (isAgreed(state, transaction, verify)) return stay({ ...state, transaction }, { kind: 'broadcast', transaction });
  return stay(state.transaction === undefined ? { ...channelOf(state), kind: 'open' } : state);
}

/** Whether this is the proposed transaction with both sides' valid signatures on every input. */
function isAgreed({ terms, deposits, end }: Extract<PayerState, { kind: 'ending' }>, transaction: Transaction, verify: Verify): boolean {
  const agreed = terms.contract.agree(terms, deposits, end.agreement);
  if (isRefusal(agreed) || !isSame(transaction, agreed)) return false;
  // The other channel's inputs are not checked here: without their signatures nobody mines it.
  const own = new Set(deposits.map(({ outpoint }) => outpointKey(outpoint)));
  return agreed.inputs.every(
    ({ outpoint }, i) => !own.has(outpointKey(outpoint)) || isSignedByBoth(terms, transaction, i, SIGHASH.ALL, verify),
  );
}

/**
 * The payee did not agree; it may hold a better payment, or other deposits. The channel is open again, and another end can be proposed, unless the
 * payee closes by itself.
 */
export function coopCloseRefused(state: PayerState, refusal: Refusal, env: Env): Step<PayerState> {
  if (state.kind !== 'ending' || state.transaction !== undefined) return stay(state);
  if (refusal.code === 'channel-ending' || refusal.code === 'channel-ended') return stay(state);
  return takeRefusal({ ...channelOf(state), kind: 'open' }, refusal, env);
}

/**
 * Whether a transaction is the payee's close of a channel with one deposit, in a form that nodes relay: with no other input, and signed by both. The
 * payer has signed for what comes back by it.
 */
export function isSettlement({ terms, deposits }: PayerState, transaction: Transaction, verify: Verify): boolean {
  const [[deposit, ...more], [input, ...foreign]] = [deposits, transaction.inputs];
  if (deposit === undefined || input === undefined || more.length + foreign.length > 0) return false;
  if (!sameOutpoint(input.outpoint, deposit.outpoint)) return false;
  return [OWN_CHANGE, NOTHING_LEFT].some((hashType) => isSignedByBoth(terms, transaction, 0, hashType, verify));
}
