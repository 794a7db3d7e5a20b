import { type Amount, amount, feeFor, greatest, least, ZERO } from '../base/amount.ts';
import { isRefusal, type Refusal, refuse } from '../base/refusal.ts';
import { capacityOf, type Deposit } from '../contract/contract.ts';
import { depositsSpentBy } from '../contract/coop-close-tx.ts';
import { times } from '../contract/fee.ts';
import { minCoopCloseFee } from '../contract/payee-coop-close-min-fee.ts';
import { layOut, NOTHING_LEFT, OWN_CHANGE } from '../contract/payment-plan.ts';
import { isSignedByBoth } from '../contract/read-close.ts';
import { closeSize, extraBytes } from '../contract/tx-size.ts';
import type { End, Ended } from '../message/message.ts';
import { SIGHASH } from '../tx/sighash.ts';
import type { Verify } from '../tx/sign.ts';
import { type Outpoint, outpointKey, sameOutpoint, type Transaction } from '../tx/transaction.ts';
import { isSame, spentBy } from './deposit-view.ts';
import { takeRefusal } from './payer-pay.ts';
import { channelOf, notOpen, type PayerState } from './payer-state.ts';
import { type Env, type Step, stay } from './state-machine.ts';

/** Asks for the end at the best total. */
export interface EndInput {
  readonly kind: 'end';
  /** Deposits that this side's own node does not have, unspent: no end spends what is not there. */
  readonly absent?: readonly Outpoint[];
  /** The least fee that the payee has asked for. */
  readonly least?: Amount;
}

/** An end costs no more than so many times what this side reckons, nor a part in so many of what comes back: the refund costs less, later. */
const MOST_FEE_FACTOR = 10n;
const MOST_FEE_SHARE = 10n;

/** Proposes to end at the best total, also at zero. The payer pays the fee, so the payee has nothing to lose. */
export function proposeCoopClose(state: PayerState, input: EndInput, env: Env): Step<PayerState> | Refusal {
  if (state.kind === 'ending' && !isVoid(state, input)) return stay(state, { kind: 'send', message: state.end });
  if (state.kind !== 'open' && state.kind !== 'ending') return notOpen(state);
  if (state.kind === 'open' && state.pending !== undefined) return refuse('payment-unanswered', { total: state.pending.payment.total });
  const { terms, deposits, channel, returnScript, best } = state;
  const without = leftOut(state, input);
  const spent = depositsSpentBy(deposits, { without });
  const total = best?.total ?? ZERO;
  const fee = coopCloseFee(state, spent, input, env);
  if (isRefusal(fee)) return fee;
  const agreement = { total, payerScript: returnScript, fee, ...(without.length === 0 ? {} : { without }) };
  const agreed = terms.contract.agree(terms, deposits, agreement);
  if (isRefusal(agreed)) return agreed;
  const end: End = { kind: 'end', channel, agreement, signatures: terms.contract.signAgreement(terms, agreed, env.signer) };
  return stay({ ...channelOf(state), kind: 'ending', end }, { kind: 'send', message: end });
}

/** Whether an end that both have signed can't come any more: some of what it spends is gone, and the rest is there. */
function isVoid({ transaction, deposits }: Extract<PayerState, { kind: 'ending' }>, { absent = [] }: EndInput): boolean {
  if (transaction === undefined) return false;
  const gone = new Set(absent.map(outpointKey));
  const left = spentBy(transaction, deposits).filter(({ outpoint }) => !gone.has(outpointKey(outpoint)));
  return left.length > 0 && left.length < transaction.inputs.length;
}

/** Deposits that are gone, but for those that a payment takes from: by that the payee could have them, should they come back, and its total here. */
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

/** What is reckoned here, as far as that is a small part; or what the payee asks for, within bounds of our own. */
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
 * Both have signed. The payer broadcasts too: it need not trust the payee to. What is called an end and is none that both have signed leaves the
 * channel open: another can be proposed, and at the expiry the refund comes.
 */
export function coopCloseAgreed(state: PayerState, { transaction }: Ended, { verify }: Pick<Env, 'verify'>): Step<PayerState> {
  if (state.kind !== 'ending') return stay(state);
  if (isAgreed(state, transaction, verify)) return stay({ ...state, transaction }, { kind: 'broadcast', transaction });
  return stay(state.transaction === undefined ? { ...channelOf(state), kind: 'open' } : state);
}

/** The very transaction that was proposed, and each input of it with both signatures over all of it. */
function isAgreed({ terms, deposits, end }: Extract<PayerState, { kind: 'ending' }>, transaction: Transaction, verify: Verify): boolean {
  const agreed = terms.contract.agree(terms, deposits, end.agreement);
  if (isRefusal(agreed) || !isSame(transaction, agreed)) return false;
  return agreed.inputs.every((_, i) => isSignedByBoth(terms, transaction, i, SIGHASH.ALL, verify));
}

/**
 * The payee would not end so: it may hold a better payment, or other deposits. The channel is open again, and another end can be proposed,
 * unless the payee closes by itself.
 */
export function coopCloseRefused(state: PayerState, refusal: Refusal, env: Env): Step<PayerState> {
  if (state.kind !== 'ending' || state.transaction !== undefined) return stay(state);
  if (refusal.code === 'channel-ending' || refusal.code === 'channel-ended') return stay(state);
  return takeRefusal({ ...channelOf(state), kind: 'open' }, refusal, env);
}

/**
 * Whether a transaction is the payee's close of a channel with one deposit, as nodes take it: of nothing else, and signed by both. What comes back by
 * it is what this payer has signed for.
 */
export function isSettlement({ terms, deposits }: PayerState, transaction: Transaction, verify: Verify): boolean {
  const [[deposit, ...more], [input, ...foreign]] = [deposits, transaction.inputs];
  if (deposit === undefined || input === undefined || more.length + foreign.length > 0) return false;
  if (!sameOutpoint(input.outpoint, deposit.outpoint)) return false;
  return [OWN_CHANGE, NOTHING_LEFT].some((hashType) => isSignedByBoth(terms, transaction, 0, hashType, verify));
}
