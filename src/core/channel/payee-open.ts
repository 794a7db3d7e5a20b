import { ZERO } from '../base/amount.ts';
import { type ChannelId, equalBytes } from '../base/bytes.ts';
import { after, type Height, height, type LockTime } from '../base/height.ts';
import { possible } from '../base/lock-time.ts';
import { type Refusal, type RefusalCode, refuse } from '../base/refusal.ts';
import { depthFor, hasRule } from '../coin/coin.ts';
import { MAX_BLOCKS, spendHashOf } from '../contract/age-lock.ts';
import { withCoins } from '../contract/asset-payments.ts';
import { capacityOf, channelIdOf, type Deposit, isDue, type Terms } from '../contract/contract.ts';
import { leastDeposit } from '../contract/tx-size.ts';
import { coinsOf } from '../contract/units.ts';
import { type Announce, type Offer, type OfferedTerms, offerDigest, type Releasing } from '../message/message.ts';
import type { PublicKey } from '../tx/sign.ts';
import { outpointKey, sameOutpoint } from '../tx/transaction.ts';
import { backedAt } from './confirmed-capacity.ts';
import type { Doubt } from './deposit-confirmation.ts';
import { fundingRisk } from './funding-risk.ts';
import { isExpiryOf, isOpenEnded, mostDeposits, wrongAgeLock, wrongAsset, wrongRevocation } from './offer-fit.ts';
import { type DepositLimits, isOfAnotherStore, limitsNow, refuseOrigin, refuseOverdue, type Standing, termsNow } from './offer-validity.ts';
import { firstHash, withSetBack } from './payee-revocation.ts';
import type { PayeeState } from './payee-state.ts';
import type { Env, FundingView, Source, Step } from './state-machine.ts';
import { stay } from './state-machine.ts';

export interface AnnounceInput {
  readonly kind: 'announce';
  readonly announce: Announce;
  /** One for each announced deposit, in the same order. */
  readonly funding: readonly FundingView[];
  /** The node's tip after the deposits were looked up; their depths can't count from a higher block. The chain as read before may end below it. */
  readonly lookedAt?: Height;
  /** Absent for an offer that never left the program that made it. */
  readonly standing?: Standing;
}

/**
 * A funding transaction may spend thousands of coins. Only so many of them are watched; if another is spent elsewhere, the payee only sees that the
 * deposit does not come.
 */
const MOST_SOURCES = 16;

/** Seed steps 3, D and 4. The payee takes all facts about the funding from its own node, never from the payer. */
export function acceptAnnouncement(state: PayeeState | undefined, input: AnnounceInput, env: Env): Step<PayeeState | undefined> | Refusal {
  return wrongAgeLock(input.announce.offer) ?? accepted(state, input, env);
}

function accepted(state: PayeeState | undefined, input: AnnounceInput, env: Env): Step<PayeeState | undefined> | Refusal {
  const { announce, funding, standing } = input;
  const terms = termsNow(termsOf(announce), standing);
  const channel = channelIdOf(terms.coin, terms.contract.redeemScript(terms));
  if (state !== undefined && state.channel !== channel) return refuse('channel-unknown', { channel });
  const limits = limitsOf(state, input);
  const wrong =
    (state === undefined ? wrongFirst(input, terms, env) : wrongFurther(state, announce, env)) ?? wrongDeposits(announce, terms, limits);
  // An announcement that is too late changes nothing for the payee, but the payer still gets its refund signatures.
  const isLate = wrong !== undefined && isTooLate(wrong, announce) && wrongDeposits(announce, terms, limits) === undefined;
  const given = wrong === undefined || isLate ? signRefunds(terms, announce.deposits, env) : {};
  if (isLate && given.releases !== undefined) {
    return stay(state, { kind: 'reply', message: { kind: 'provisional', channel, waitingFor: wrong, ...given } });
  }
  if (wrong !== undefined) return wrong;
  const announced = announce.deposits.map((deposit) => withCoins(terms, deposit));
  const outputScript = terms.contract.outputScript(terms);
  const capacity = capacityOf(announced);
  const depth = limits.unconfirmed === undefined ? depthFor(limits.depth, capacity) : 0;
  const doubts = announced
    .map((deposit, i) => {
      const view = funding[i] ?? { kind: 'missing' };
      return tooOld(terms, deposit, view, tipOf(input, env)) ?? doubt(deposit, view, outputScript, depth);
    })
    .filter((refusal) => refusal !== undefined);
  const final = doubts.find(({ remedy }) => remedy !== 'wait');
  if (final !== undefined) return final;
  const [waitingFor] = doubts;
  if (waitingFor !== undefined) return stay(state, { kind: 'reply', message: { kind: 'provisional', channel, waitingFor, ...given } });
  const sources = sourcesOf(announce.deposits, funding);
  const next =
    state === undefined ? opened(input, channel, terms, announced, sources, limits) : withDeposits(state, announced, sources, limits);
  const answer = { kind: 'reply', message: { kind: 'accepted', channel, capacity, ...given, ...firstHash(next, env) } } as const;
  if (next === state) return stay(state, answer);
  return stay(backedAt(next, depthOf(input), { tip: tipOf(input, env) }, doubtsOf(state, input, env)), answer);
}

function opened(
  { announce: { offer }, standing }: AnnounceInput,
  channel: ChannelId,
  terms: Terms,
  deposits: readonly Deposit[],
  sources: readonly Source[],
  { minDeposit: _, ...limits }: DepositLimits,
): PayeeState {
  const named = { channel, terms, keyName: keyNameOf(offer), deposits, ...(sources.length > 0 ? { sources } : {}) };
  const state: PayeeState = { kind: 'open', ...named, limits, spent: ZERO };
  return isOfAnotherStore(offer, standing) ? withSetBack(state) : state;
}

/** A known channel keeps its limits until it gets a further deposit. Then the stricter limits apply, but not the least amount of a first deposit. */
function limitsOf(state: PayeeState | undefined, { announce: { offer, deposits }, standing }: AnnounceInput): DepositLimits {
  if (state === undefined) return limitsNow(offer, standing);
  const known = { ...state.limits, minDeposit: offer.minDeposit };
  return deposits.length > state.deposits.length ? { ...limitsNow(known, standing), minDeposit: offer.minDeposit } : known;
}

/** The tip that depths count from: the node may be ahead of the chain as read before. */
function tipOf({ lookedAt }: AnnounceInput, { tip }: Env): Height {
  return lookedAt === undefined ? tip : height(Math.max(tip, lookedAt));
}

function depthOf({ announce, funding }: AnnounceInput): (deposit: Deposit) => number | undefined {
  const views = new Map(announce.deposits.map(({ outpoint }, i) => [outpointKey(outpoint), funding[i]]));
  return ({ outpoint }) => {
    const view = views.get(outpointKey(outpoint));
    return view?.kind === 'unspent' ? view.depth : undefined;
  };
}

/** Deposits that were accepted before are not judged again. */
function doubtsOf(
  state: PayeeState | undefined,
  { announce: { deposits, offer }, funding }: AnnounceInput,
  { feeRate }: Env,
): (deposit: Deposit) => Doubt | undefined {
  const known = new Set(state?.deposits.map(({ outpoint }) => outpointKey(outpoint)));
  return ({ outpoint }) => {
    const view = funding[deposits.findIndex((one) => sameOutpoint(one.outpoint, outpoint))];
    if (known.has(outpointKey(outpoint)) || view?.kind !== 'unspent') return undefined;
    return fundingRisk(view, offer.coin, feeRate);
  };
}

function sourcesOf(deposits: readonly Deposit[], funding: readonly FundingView[]): readonly Source[] {
  return deposits.flatMap(({ outpoint }, i) => {
    const view = funding[i];
    if (view?.kind !== 'unspent' || view.spends === undefined) return [];
    return [{ deposit: outpoint, spends: view.spends.slice(0, MOST_SOURCES) }];
  });
}

/** Codes that only say that it is too late for deposits. */
const TOO_LATE: ReadonlySet<RefusalCode> = new Set<RefusalCode>(['expiry-too-near', 'margin-reached', 'channel-ending', 'channel-ended']);

/** Whether lateness is the only fault; an expiry that the offer never allowed is a different fault. */
function isTooLate({ code }: Refusal, { offer, expiry }: Announce): boolean {
  return TOO_LATE.has(code) && expiry >= offer.minExpiry && expiry <= offer.maxExpiry;
}

/** The payee's signatures over refunds of deposits, which need not exist yet. Empty where the contract needs none. */
export function signRefunds(terms: Terms, deposits: readonly Deposit[], env: Pick<Env, 'signer'>): Releasing {
  // `signer` derives the key when it is read.
  return terms.contract.expiryIn !== 'releases' ? {} : { releases: terms.contract.release(terms, deposits, env.signer) };
}

/** Name of the key that the payee derives for an offer: the digest of the offer, so it changes with every term. */
export function keyNameOf(offer: OfferedTerms): string {
  return `offer:${offerDigest(offer)}`;
}

/** The terms of the channel that an announcement opens under an offer. */
export function termsOf({ offer, payerKey, expiry, penaltyKey }: Omit<Announce, 'kind' | 'deposits'>): Terms {
  const { coin, contract, signing, closingMargin, payeeScript, payeeKey, payoutDelay, asset } = offer;
  const revocation = penaltyKey === undefined || payoutDelay === undefined ? {} : { revocation: { payoutDelay, penaltyKey } };
  return {
    coin,
    contract,
    signing,
    closingMargin,
    payeeScript,
    payeeKey,
    payerKey,
    expiry,
    ...ageLockFor(offer, expiry),
    ...revocation,
    ...(asset && { asset }),
  };
}

/** An age that no script can have comes with an expiry that the offer does not allow: that is refused later. */
function ageLockFor({ refundAge, spendHash, minExpiry }: Offer, expiry: LockTime): Pick<Terms, 'ageLock'> {
  if (refundAge === undefined || spendHash === undefined) return {};
  return { ageLock: { blocks: Math.min(MAX_BLOCKS, Math.max(1, refundAge + expiry - minExpiry)), spendHash } };
}

/** Without an answer of the node nobody knows when the deposit was mined. */
function wrongFirst({ announce, funding, standing }: AnnounceInput, terms: Terms, env: Env): Refusal | undefined {
  const { offer } = announce;
  const wrong = wrongTerms(announce, terms, env) ?? refuseOrigin(offer, standing);
  return wrong ?? (funding.length > 0 ? refuseOverdue(offer, funding[0], env.tip, standing) : undefined);
}

function isOwnOffer({ payeeKey, spendHash }: Offer, { signer }: Env): boolean {
  return equalBytes(signer.publicKey, payeeKey) && (spendHash === undefined || equalBytes(spendHashOf(signer), spendHash));
}

function wrongTerms({ offer, payerKey, expiry, penaltyKey }: Announce, { closingMargin }: Terms, env: Env): Refusal | undefined {
  const missing = offer.contract.needs.find((rule) => !hasRule(offer.coin, rule, env.tip));
  if (missing !== undefined) return refuse('contract-unfit', { rule: missing, coin: offer.coin.id });
  if (!isOwnOffer(offer, env)) return refuse('offer-unknown');
  if (equalBytes(payerKey, offer.payeeKey)) return refuse('key-repeated');
  if (isOpenEnded(offer)) return refuse('offer-malformed', { minExpiry: offer.minExpiry, maxExpiry: offer.maxExpiry });
  const unfit = wrongAsset(offer) ?? wrongRevocation(offer, penaltyKey);
  if (unfit !== undefined) return unfit;
  if (!isExpiryOf(offer.contract, expiry)) return refuse('expiry-malformed', { expiry });
  const least = after(possible(expiry, env), closingMargin + 1);
  if (expiry < offer.minExpiry || expiry < least) return refuse('expiry-too-near', { expiry, least: Math.max(offer.minExpiry, least) });
  return expiry > offer.maxExpiry ? refuse('expiry-too-far', { expiry, most: offer.maxExpiry }) : undefined;
}

/** A further announcement has to be under the offer of the first. It may add deposits in time, but not remove any. */
function wrongFurther(state: PayeeState, { offer, expiry, deposits, penaltyKey }: Announce, env: Env): Refusal | undefined {
  if (keyNameOf(offer) !== state.keyName) return refuse('offer-unknown');
  if (!isSamePenaltyKey(state, penaltyKey)) return refuse('channel-exists');
  // The script may not contain the expiry, and refunds are signed for the agreed one.
  if (expiry !== state.terms.expiry) return refuse('channel-exists', { expiry: state.terms.expiry });
  if (state.kind === 'ended') return refuse('channel-ended');
  if (state.kind === 'closing') return refuse('channel-ending');
  const named = new Set(deposits.map(({ outpoint }) => outpointKey(outpoint)));
  if (!state.deposits.every(({ outpoint }) => named.has(outpointKey(outpoint)))) return refuse('deposit-dropped');
  const isLate = deposits.length > state.deposits.length && isDue(state.terms, env);
  return isLate ? refuse('margin-reached', { tip: env.tip, expiry: state.terms.expiry }) : undefined;
}

/** Compared here, because the deposit's script does not contain the key. */
function isSamePenaltyKey({ terms: { revocation } }: PayeeState, penaltyKey: PublicKey | undefined): boolean {
  if (revocation === undefined || penaltyKey === undefined) return revocation === undefined && penaltyKey === undefined;
  return equalBytes(revocation.penaltyKey, penaltyKey);
}

function wrongDeposits({ deposits }: Announce, terms: Terms, { minDeposit, maxDeposit }: DepositLimits): Refusal | undefined {
  if (deposits.length === 0) return refuse('deposit-absent');
  const most = mostDeposits(terms);
  if (deposits.length > most) return refuse('deposit-too-many', { most });
  if (new Set(deposits.map(({ outpoint }) => outpointKey(outpoint))).size < deposits.length) return refuse('deposit-repeated');
  const least = leastDeposit(terms);
  if (deposits.some((deposit) => coinsOf(withCoins(terms, deposit)) < least)) return refuse('deposit-too-small', { least });
  const sum = deposits.reduce((total, { value }) => total + value, 0n);
  if (sum < minDeposit) return refuse('deposit-too-small', { deposits: sum, least: minDeposit });
  return sum > maxDeposit ? refuse('deposit-too-large', { deposits: sum, most: maxDeposit }) : undefined;
}

/** A deposit whose own age would open it before the expiry. A reorganisation may mine it again in an earlier block. */
function tooOld(terms: Terms, { outpoint }: Deposit, view: FundingView, tip: Height): Refusal | undefined {
  const { contract, coin, expiry } = terms;
  if (view.kind !== 'unspent') return undefined;
  const opens = contract.refundAt(terms, after(tip, 1 - Math.max(view.depth, view.oldest ?? 0) - coin.channel.buried));
  return opens < expiry ? refuse('funding-too-old', { outpoint: outpointKey(outpoint), opens, expiry }) : undefined;
}

function doubt(deposit: Deposit, view: FundingView, outputScript: Uint8Array, depth: number): Refusal | undefined {
  const outpoint = outpointKey(deposit.outpoint);
  if (view.kind === 'missing') return refuse('funding-missing', { outpoint });
  if (view.kind === 'spent') return refuse('funding-spent', { outpoint });
  if (view.kind === 'no-such-output') return refuse('funding-output-missing', { outpoint });
  if (!equalBytes(view.script, outputScript)) return refuse('funding-script-wrong', { outpoint });
  const coins = view.coins ?? view.value;
  if (coins !== coinsOf(deposit)) return refuse('funding-value-wrong', { outpoint, value: coins });
  if (view.isImmature) return refuse('funding-immature', { outpoint });
  if (view.depth < depth) return refuse('funding-unconfirmed', { outpoint, depth: view.depth, needed: depth });
  return view.value < deposit.value ? refuse('asset-missing', { outpoint, quantity: view.value }) : undefined;
}

/** Deposits keep the order in which they were accepted, because signatures depend on it. Returns the same object when nothing is new. */
function withDeposits(
  state: PayeeState,
  all: readonly Deposit[],
  sources: readonly Source[],
  { minDeposit: _, ...limits }: DepositLimits,
): PayeeState {
  const known = new Set(state.deposits.map(({ outpoint }) => outpointKey(outpoint)));
  const further = all.filter(({ outpoint }) => !known.has(outpointKey(outpoint)));
  if (further.length === 0) return state;
  const added = sources.filter(({ deposit }) => !known.has(outpointKey(deposit)));
  const kept = [...(state.sources ?? []), ...added];
  return { ...state, limits, deposits: [...state.deposits, ...further], ...(kept.length > 0 ? { sources: kept } : {}) };
}
