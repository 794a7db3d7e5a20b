import { amount, least } from '../core/base/amount.ts';
import type { ChannelId } from '../core/base/bytes.ts';
import { isTime, type LockTime, lockTime } from '../core/base/height.ts';
import { isRefusal, type Refusal } from '../core/base/refusal.ts';
import { isActive, type PayeeState } from '../core/channel/payee-state.ts';
import { allDeposits, type PayerState } from '../core/channel/payer-state.ts';
import { capacityOf, type Terms } from '../core/contract/contract.ts';
import type { Offer } from '../core/message/message.ts';
import type { Connection } from '../engine/ports.ts';
import type { Agent } from '../payer/agent.ts';
import { nonsense } from '../payer/request.ts';
import { owedOf, withoutEnded } from './lending.ts';
import { type GiveBackRecord, NOTHING_ORDERED, type Records } from './pair-record.ts';

export interface TalkContext {
  readonly agent: Agent;
  readonly records: Records<GiveBackRecord>;
}

/** So many closing margins the channel the other way may always live, however near the payer's own expiry is. */
const MARGINS = 4;
/** Seconds in which a deposit should be mined: under an offer that runs out sooner the channel is planned again. */
const TO_BE_MINED = 3_600;

/**
 * All that a merchant has to say as the payer of the channel the other way: it opens the channel, and pays in it what is owed by now. Only what is
 * stored decides what is said, so a lost answer costs nothing: the same is said again.
 */
export async function talk(context: TalkContext, state: PayeeState, payer: Connection): Promise<Refusal | undefined> {
  const { agent } = context;
  const record = await currentRecord(context, state);
  const known = await plannedOrMore(agent, record);
  if (owedOf(record, known) === 0n && known === undefined) return undefined;
  const opposite = known ?? (await planned(context, state, record, payer));
  if (isRefusal(opposite)) return opposite;
  const ready = await opened(agent, opposite, record, payer);
  if (isRefusal(ready)) return ready;
  if (ready.kind !== 'open') return undefined;
  return (await paid(agent, ready, record, payer)) ?? (isActive(state) ? undefined : parted(agent, record, ready.channel, payer));
}

/** The record; of a channel the other way that has ended it keeps only what was paid in it. */
export async function currentRecord({ agent, records }: TalkContext, { channel }: PayeeState): Promise<GiveBackRecord> {
  const record = (await records.get(channel)) ?? NOTHING_ORDERED;
  const next = withoutEnded(record, record.opposite && (await agent.engine.get(record.opposite)));
  return next === record ? record : records.change(channel, () => next);
}

async function plannedOrMore(agent: Agent, { opposite }: GiveBackRecord): Promise<PayerState | undefined> {
  const state = opposite && (await agent.engine.get(opposite));
  if (state?.kind !== 'planned' || state.offered.length > 0) return state;
  const { tip } = agent.engine.follower.ready();
  const until = state.offer?.origin?.until ?? tip.height;
  if (tip.height <= until - Math.ceil(TO_BE_MINED / state.terms.coin.blockSeconds)) return state;
  await agent.engine.drive(state.channel, { kind: 'abandon' });
  return undefined;
}

/** No coin is sent yet. The payer's offer must not lock the merchant's coins for much longer than its own are locked. */
async function planned(
  { agent, records }: TalkContext,
  { channel, terms }: PayeeState,
  record: GiveBackRecord,
  payer: Connection,
): Promise<PayerState | Refusal> {
  const offer = await payer.exchange({ kind: 'offer-request' });
  if (isRefusal(offer)) return offer;
  if (offer.kind !== 'offer') throw nonsense('offer', offer.kind);
  const limits = { lifetime: lifetimeFor(offer, terms, agent), minDeposit: record.lock };
  const made = await agent.plan(offer, expiryFor(offer, terms), terms.payeeScript, limits);
  if (isRefusal(made)) return made;
  await records.change(channel, (now = record) => ({ ...now, opposite: made.channel }));
  return made;
}

function lifetimeFor({ contract, coin }: Offer, { expiry }: Terms, agent: Agent): number {
  const least = MARGINS * coin.channel.span[contract.expiresBy].closingMargin;
  const { tip } = agent.engine.follower.ready();
  return isTime(expiry) || contract.expiresBy === 'time' ? least : Math.max(least, expiry - tip.height);
}

/** As long as the payer's own channel, where the offer allows that. */
function expiryFor({ minExpiry, maxExpiry }: Offer, { expiry }: Terms): LockTime {
  return isTime(expiry) === isTime(minExpiry) ? lockTime(Math.min(maxExpiry, Math.max(minExpiry, expiry))) : minExpiry;
}

/** Funds and announces the channel, as far as that is due. */
async function opened(agent: Agent, before: PayerState, record: GiveBackRecord, payer: Connection): Promise<PayerState | Refusal> {
  const { channel } = before;
  const launched = before.kind === 'planned' && before.offered.length > 0 ? await agent.launch(channel, payer) : undefined;
  if (isRefusal(launched)) return launched;
  const missing = missingIn(launched?.state ?? before, record);
  const funded = missing > 0n ? await agent.fund(channel, amount(missing), payer) : launched;
  if (isRefusal(funded)) return funded;
  const state = funded?.state ?? before;
  if (funded !== undefined || state.offered.length === 0 || (state.kind !== 'funding' && state.kind !== 'open')) return state;
  const announced = await agent.announce(channel, payer);
  return isRefusal(announced) ? announced : announced.state;
}

/** What has to be deposited so that all orders can be paid. */
function missingIn(state: PayerState, { ordered, before, lock }: GiveBackRecord): bigint {
  if (state.kind !== 'planned' && state.kind !== 'open') return 0n;
  const made = capacityOf(allDeposits(state));
  if (ordered - before <= made) return 0n;
  return least(lock, state.offer?.maxDeposit ?? lock) - made;
}

/** Once the payer's own channel has ended, what is left in the other comes back. */
async function parted(agent: Agent, record: GiveBackRecord, channel: ChannelId, payer: Connection): Promise<Refusal | undefined> {
  if (owedOf(record, await agent.engine.get(channel)) > 0n) return undefined;
  const ended = await agent.end(channel, payer);
  return isRefusal(ended) ? ended : undefined;
}

/** First gets the answer to what was signed before, so that both sides know the same: only then is it certain what is still owed. */
async function paid(agent: Agent, { channel }: PayerState, record: GiveBackRecord, payer: Connection): Promise<Refusal | undefined> {
  const answered = await agent.refresh(channel, payer);
  if (isRefusal(answered)) return answered;
  const inStep = await agent.resync(channel, payer);
  if (isRefusal(inStep)) return inStep;
  const state = await agent.engine.get(channel);
  const owed = owedOf(record, state);
  if (state?.kind !== 'open' || state.pending !== undefined || owed === 0n) return undefined;
  const exchange = await agent.pay(channel, { amount: owed }, payer);
  return isRefusal(exchange) ? exchange : undefined;
}
