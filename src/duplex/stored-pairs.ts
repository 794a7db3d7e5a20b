import { type Amount, ZERO } from '../core/base/amount.ts';
import type { ChannelId } from '../core/base/bytes.ts';
import { payeeSnapshot, payerSnapshot } from '../core/channel/snapshot.ts';
import { payeeRole, payerRole } from '../engine/channel-role.ts';
import { decodeStored } from '../engine/decode-state.ts';
import type { Store } from '../engine/ports.ts';
import { storePart } from '../store/part.ts';
import { type Pair, pairOf } from './lending.ts';
import { giveBackRecords, OPPOSITE, pairRecords } from './pair-record.ts';

/** What a merchant gives back of a channel, according to its store, without asking a node; undefined when nothing was ordered. */
export async function storedGiveBack(store: Store, channel: ChannelId): Promise<Pair | undefined> {
  const record = await giveBackRecords(store).get(channel);
  if (record === undefined) return undefined;
  const stored = record.opposite && (await storePart(store, OPPOSITE).get(payerRole.recordKind, record.opposite));
  return pairOf(channel, record, stored && decodeStored(payerSnapshot, stored.value));
}

/** What was paid back to a payer, according to its store. */
export async function storedPaidBack(
  store: Store,
  channel: ChannelId,
): Promise<{ readonly opposite: ChannelId; readonly paidBack: Amount } | undefined> {
  const pair = await pairRecords(store).get(channel);
  const stored = pair && (await storePart(store, OPPOSITE).get(payeeRole.recordKind, pair.opposite));
  if (pair === undefined || stored === undefined) return undefined;
  return { ...pair, paidBack: decodeStored(payeeSnapshot, stored.value).best?.total ?? ZERO };
}
