import { amount, feeFor, ZERO } from '../base/amount.ts';
import { equalBytes, type TxId } from '../base/bytes.ts';
import { after, type LockTime } from '../base/height.ts';
import { possible } from '../base/lock-time.ts';
import { type Refusal, refuse } from '../base/refusal.ts';
import { hasRule } from '../coin/coin.ts';
import { withCoins } from '../contract/asset-payments.ts';
import { capacityOf, channelIdOf, type Deposit } from '../contract/contract.ts';
import { closeSize, leastDeposit } from '../contract/tx-size.ts';
import { coinsOf } from '../contract/units.ts';
import type { Accepted, Offer } from '../message/message.ts';
import { addressOf } from '../tx/address.ts';
import { decodeTransaction, outpointKey, type Transaction, transactionId } from '../tx/transaction.ts';
import { isExpiryOf, isOpenEnded, MAX_DEPOSITS, mostDeposits, wrongAgeLock, wrongAsset, wrongRevocation } from './offer-fit.ts';
import { type OfferLimits, refuseExcessiveOffer } from './offer-limits.ts';
import { termsOf } from './payee-open.ts';
import { foundWithout } from './payer-found-deposits.ts';
import { isRefundableWhole, refundable, withRefundSignatures } from './payer-refund-signatures.ts';
import { penaltySigner } from './payer-revocation.ts';
import { allDeposits, fundingId, notOpen, type PayerState, standing, unsentOf, unsentWithout } from './payer-state.ts';
import { isUnnamed, withFirstHash } from './payer-take-back.ts';
import { type Effect, type Env, type Step, stay } from './state-machine.ts';

/** Opens a channel under an offer. The deposits can be given at once, or come later from another wallet or as top-ups. */
export interface CreateInput {
  readonly kind: 'create';
  readonly offer: Offer;
  readonly expiry: LockTime;
  readonly keyName: string;
  readonly returnScript: Uint8Array;
  /** Limits in which the owner accepts more, or less, than is usual for the coin. */
  readonly limits?: Partial<OfferLimits>;
}

/** Adds deposits whose transaction is signed but not broadcast yet. */
export interface FundInput {
  readonly kind: 'fund';
  readonly deposits: readonly Deposit[];
  readonly transaction: Uint8Array;
}

/** Undoes `fund`, as long as its transaction was not broadcast. */
export interface WithdrawInput {
  readonly kind: 'withdraw';
  readonly txid: TxId;
}

/** The payer pays a fixed fee: it accepts up to ten times the usual fee for an urgent transaction. */
const MOST_FEE_FACTOR = 10n;

/** Seconds, converted to blocks, in which a first deposit should be mined: the payee may refuse one that is mined too late for its offer. */
const TO_BE_MINED = 3_600;

/** Seed step A: keys and terms give the script, the address and the id. The payer checks the offer just as the payee checks the announcement. */
export function createChannel(state: PayerState | undefined, input: CreateInput, env: Env): Step<PayerState> | Refusal {
  if (state !== undefined) return refuse('channel-exists');
  const { offer, expiry, keyName, returnScript, limits = {} } = input;
  const payerKey = env.signer.publicKey;
  const unfit = offer.contract.needs.find((rule) => !hasRule(offer.coin, rule, env.tip));
  if (unfit !== undefined) return refuse('contract-unfit', { rule: unfit, coin: offer.coin.id });
  if (equalBytes(payerKey, offer.payeeKey)) return refuse('key-repeated');
  if (isOpenEnded(offer)) return refuse('offer-malformed', { minExpiry: offer.minExpiry, maxExpiry: offer.maxExpiry });
  if (!isExpiryOf(offer.contract, expiry)) return refuse('expiry-malformed', { expiry });
  const tooMuch = refuseExcessiveOffer(offer, expiry, limits, env);
  if (tooMuch !== undefined) return tooMuch;
  const other = wrongExpiry(offer, expiry, env);
  if (other !== undefined) return other;
  // A close to any other script might not be relayed, and its size would not be known.
  if (addressOf(offer.coin, offer.payeeScript) === undefined) return refuse('offer-malformed', { script: offer.payeeScript.length });
  const penaltyKey = offer.contract.revocation && penaltySigner(env.signer).publicKey;
  const wrong = wrongAgeLock(offer) ?? wrongAsset(offer) ?? wrongRevocation(offer, penaltyKey);
  if (wrong !== undefined) return wrong;
  const terms = termsOf({ offer, payerKey, expiry, ...(penaltyKey && { penaltyKey }) });
  const most = amount(MOST_FEE_FACTOR * feeFor(closeSize(terms, 1, 2), terms.coin.policy.feeRate));
  if (terms.signing.kind === 'fixed' && terms.signing.fee > most) return refuse('fee-too-high', { fee: terms.signing.fee, most });
  const channel = channelIdOf(terms.coin, terms.contract.redeemScript(terms));
  const nothing = { deposits: [], offered: [], funding: [], signed: ZERO, spent: ZERO };
  return stay({ kind: 'planned', channel, terms, offer, keyName, returnScript, ...nothing });
}

/** An expiry that the offer does not allow, or that leaves no time to pay. */
function wrongExpiry(offer: Offer, expiry: LockTime, env: Env): Refusal | undefined {
  const least = after(possible(expiry, env), offer.closingMargin + 1);
  if (expiry < offer.minExpiry || expiry < least) return refuse('expiry-too-near', { expiry, least: Math.max(offer.minExpiry, least) });
  return expiry > offer.maxExpiry ? refuse('expiry-too-far', { expiry, most: offer.maxExpiry }) : undefined;
}

/** Seed step B, first half: the deposit is stored; nothing is broadcast until the payee has agreed to the terms. */
export function addFunding(state: PayerState, { deposits: made, transaction }: FundInput): Step<PayerState> | Refusal {
  const deposits = made.map((deposit) => withCoins(state.terms, deposit));
  if (state.kind !== 'planned' && state.kind !== 'open') return notOpen(state);
  const { offer } = state;
  if (offer === undefined) return refuse('offer-unknown');
  const all = [...standing(state), ...deposits];
  const sum = all.reduce((total, { value }) => total + value, 0n);
  const least = leastDeposit(state.terms);
  const most = mostDeposits(state.terms);
  if (all.length > most) return refuse('deposit-too-many', { most });
  if (new Set(all.map(({ outpoint }) => outpointKey(outpoint))).size < all.length) return refuse('deposit-repeated');
  if (deposits.some((one) => coinsOf(one) < least)) return refuse('deposit-too-small', { least });
  if (sum < offer.minDeposit) return refuse('deposit-too-small', { deposits: sum, least: offer.minDeposit });
  if (sum > offer.maxDeposit) return refuse('deposit-too-large', { deposits: sum, most: offer.maxDeposit });
  const txid = fundingId(transaction);
  const unsent = state.kind === 'planned' || txid === undefined ? {} : { unsent: [...unsentOf(state), txid] };
  return stay({ ...state, ...unsent, offered: [...state.offered, ...deposits], funding: [...state.funding, transaction] });
}

/** Removes deposits that were never broadcast because the payee refused them or could not be reached. */
export function withdrawFunding(state: PayerState, { txid }: WithdrawInput): Step<PayerState> | Refusal {
  if (state.kind === 'ended') return notOpen(state);
  const isOther = ({ outpoint }: Deposit): boolean => outpoint.txid !== txid;
  const funding = state.funding.filter((bytes) => fundingId(bytes) !== txid);
  const unsent = state.unsent && { unsent: state.unsent.filter((one) => one !== txid) };
  return stay({ ...state, ...unsent, offered: state.offered.filter(isOther), funding });
}

/** Seed step B, second half: the funding is broadcast, whatever the payee does afterwards. So every deposit must be refundable first. */
export function launchFunding(state: PayerState, env: Env): Step<PayerState> | Refusal {
  const unsent = unsentOf(state);
  const going = allDeposits(state).filter(({ outpoint }) => unsent.has(outpoint.txid));
  if (refundable(state, going, env).length < going.length) return refuse('refund-unsigned');
  if (state.kind !== 'planned' && state.kind !== 'funding' && state.kind !== 'open') return notOpen(state);
  if (state.kind === 'planned' && state.offered.length === 0) return refuse('deposit-absent');
  const isFirst = state.kind !== 'open' && unsent.size > 0;
  const outdated = isFirst ? outdatedFor(state, env) : undefined;
  if (outdated !== undefined) return outdated;
  const { unsent: _, ...sent } = state.kind === 'planned' ? { ...state, kind: 'funding' as const } : state;
  return stay(sent, ...fundingBroadcasts(sent, env));
}

function outdatedFor({ offer, terms }: PayerState, { tip }: Env): Refusal | undefined {
  const last = offer?.origin && offer.origin.until - Math.ceil(TO_BE_MINED / terms.coin.blockSeconds);
  return last !== undefined && tip > last ? refuse('offer-outdated', { until: last, tip }) : undefined;
}

/** The funding transactions, without those that the payee has not agreed to and those with a deposit that the payer could not get back. */
export function fundingBroadcasts(state: PayerState, env: Env): readonly Effect[] {
  const unsent = unsentOf(state);
  const isDue = (one: Transaction): boolean => !unsent.has(transactionId(one)) && isSafe(state, one, env);
  return state.funding
    .map((bytes) => decodeTransaction(bytes))
    .filter((transaction): transaction is Transaction => transaction !== undefined && isDue(transaction))
    .map((transaction) => ({ kind: 'broadcast', transaction }));
}

/**
 * Whether every deposit that the transaction makes can be refunded. A deposit that another one replaced is not known here, nor are its signatures.
 */
function isSafe(state: PayerState, transaction: Transaction, env: Env): boolean {
  const txid = transactionId(transaction);
  const script = state.terms.contract.outputScript(state.terms);
  const known = new Map(allDeposits(state).map((deposit) => [outpointKey(deposit.outpoint), deposit]));
  const made = transaction.outputs.flatMap((output, vout) => (equalBytes(output.script, script) ? [{ txid, vout }] : []));
  const deposits = made.map((outpoint) => known.get(outpointKey(outpoint)) ?? { outpoint, value: ZERO });
  return refundable(state, deposits, env).length === deposits.length;
}

/** Seed steps C and 3. Can be sent again without harm; also later, to get the refunds of late deposits signed. */
export function announceDeposits(state: PayerState, env: Env): Step<PayerState> | Refusal {
  const isOver = state.kind === 'ending' || state.kind === 'refunding';
  if (state.kind === 'ended' || (isOver && isRefundableWhole(state, env))) return notOpen(state);
  if (allDeposits(state).length === 0) return refuse('deposit-absent');
  const { offer, terms } = state;
  if (offer === undefined) return refuse('offer-unknown');
  const deposits = announcedOf(state).map(({ outpoint, value }) => ({ outpoint, value }));
  const { payerKey, expiry, revocation } = terms;
  const message = {
    kind: 'announce',
    offer,
    payerKey,
    expiry,
    deposits,
    ...(revocation && { penaltyKey: revocation.penaltyKey }),
  } as const;
  return stay(state, { kind: 'send', message });
}

/**
 * The deposits to announce. Outputs of strangers are included if there are no others, or if the channel is past opening and only needs their refunds
 * signed.
 */
function named(state: PayerState): readonly Deposit[] {
  const own = standing(state);
  const isOpening = state.kind === 'planned' || state.kind === 'funding' || state.kind === 'open';
  return isOpening && own.length > 0 ? own : allDeposits(state);
}

/** As many deposits as the offer allows: anyone can pay to the address, and such deposits must not crowd out the others. */
export function announcedOf(state: PayerState): readonly Deposit[] {
  if (state.offer === undefined) return [];
  const { maxDeposit } = state.offer;
  const all = named(state).slice(0, MAX_DEPOSITS);
  const count = all.findIndex((_, i) => capacityOf(all.slice(0, i + 1)) > maxDeposit);
  return count < 0 ? all : all.slice(0, count);
}

/** Seed step 4: payments can use the deposits that make up the accepted capacity. */
export function takeAcceptance(before: PayerState, message: Accepted, env: Env): Step<PayerState> {
  const state = withFirstHash(withRefundSignatures(before, message, announcedOf(before), env), message.hash);
  const { capacity } = message;
  if (state.kind !== 'planned' && state.kind !== 'funding' && state.kind !== 'open') return stay(state);
  const all = named(state);
  const count = all.findIndex((_, i) => capacityOf(all.slice(0, i + 1)) === capacity) + 1;
  if (count <= state.deposits.length || isUnnamed(state)) return stay(state);
  const deposits = all.slice(0, count);
  return stay({
    ...state,
    ...foundWithout(state, deposits),
    ...unsentWithout(state, deposits),
    kind: 'open',
    deposits,
    offered: state.offered.filter((one) => !deposits.includes(one)),
  });
}
