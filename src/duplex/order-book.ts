import { type Amount, amount } from '../core/base/amount.ts';
import type { ChannelId } from '../core/base/bytes.ts';
import { isRefusal, type Refusal } from '../core/base/refusal.ts';
import type { PayeeState } from '../core/channel/payee-state.ts';
import { notOpen } from '../core/channel/payer-state.ts';
import { keyedMutex } from '../engine/mutex.ts';
import type { Clock } from '../engine/ports.ts';
import type { Merchant } from '../merchant/merchant.ts';
import type { Wallet } from '../wallet/wallet.ts';
import { type LendingTerms, withOrder } from './lending.ts';
import { currentRecord, type TalkContext } from './talk.ts';

export interface OrderBookOptions {
  readonly merchant: Pick<Merchant, 'engine'>;
  readonly wallet: Wallet;
  readonly terms: LendingTerms;
  readonly clock: Clock;
}

/** Notes an order to give back, within the terms; the same order again changes nothing. */
export type TakeOrder = (state: PayeeState, more: Amount, name: string) => Promise<Refusal | undefined>;

export function orderBook({ merchant, wallet, terms, clock }: OrderBookOptions, context: TalkContext): TakeOrder {
  const { records } = context;
  // One after the other, because each has to count what the ones before it lock.
  const inTurn = keyedMutex<'order'>();

  const lockedElsewhere = async (channel: ChannelId): Promise<Amount> => {
    let sum = 0n;
    for await (const [id, { lock }] of records.all()) if (id !== channel) sum += lock;
    return amount(sum);
  };

  const take: TakeOrder = async (state, more, name) => {
    const record = await currentRecord(context, state);
    if (record.order === name) return undefined;
    const opposite = record.opposite && (await context.agent.engine.get(record.opposite));
    if (opposite?.kind === 'ending' || opposite?.kind === 'refunding') return notOpen(opposite);
    const { tip, medianTime } = merchant.engine.follower.trusted();
    const now = { tip: tip.height, medianTime, now: clock.now() };
    const others = await lockedElsewhere(state.channel);
    const { confirmed: spendable } = await wallet.balance();
    const next = withOrder(terms, { name, more, state, record, others, spendable, now });
    if (isRefusal(next)) return next;
    await records.change(state.channel, () => next);
    return undefined;
  };
  return (state, more, name) => inTurn('order', () => take(state, more, name));
}
