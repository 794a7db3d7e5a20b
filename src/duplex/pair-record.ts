import * as z from 'zod';
import { type Amount, ZERO } from '../core/base/amount.ts';
import { type ChannelId, channelId } from '../core/base/bytes.ts';
import { amountField, channelIdField, type Field } from '../core/message/fields.ts';
import { decodeStoredJson } from '../engine/decode-state.ts';
import { type Store, WorldError } from '../engine/ports.ts';

/** The part of a store for the other role of its owner: payer of a merchant, payee of a payer. */
export const OPPOSITE = 'opposite';

/** What a merchant gives back from a one-way channel. Only the sum of all orders counts, so nothing is paid twice. */
export interface GiveBackRecord {
  /** The sum of all orders. */
  readonly ordered: Amount;
  /** The id of the last order: the same order again changes nothing. */
  readonly order?: string;
  /** What the merchant agrees to lock for it in channels the other way. */
  readonly lock: Amount;
  /** What was paid in channels the other way that have ended. */
  readonly before: Amount;
  /** The present channel the other way. */
  readonly opposite?: ChannelId;
}

export const NOTHING_ORDERED: GiveBackRecord = { ordered: ZERO, lock: ZERO, before: ZERO };

const giveBackField: Field<GiveBackRecord> = z.strictObject({
  ordered: amountField,
  order: z.string().exactOptional(),
  lock: amountField,
  before: amountField,
  opposite: channelIdField.exactOptional(),
});

/** What the payee knows of the channel the other way. */
export interface PairRecord {
  readonly opposite: ChannelId;
}

const pairField: Field<PairRecord> = z.strictObject({ opposite: channelIdField });

/** Records by the id of the channel that came first. */
export interface Records<Value> {
  readonly get: (channel: ChannelId) => Promise<Value | undefined>;
  readonly all: () => AsyncIterable<readonly [ChannelId, Value]>;
  /** @throws WorldError `store-busy` */
  readonly change: (channel: ChannelId, change: (value: Value | undefined) => Value) => Promise<Value>;
}

export function giveBackRecords(store: Store): Records<GiveBackRecord> {
  return records(store, 'give-back', giveBackField);
}

export function pairRecords(store: Store): Records<PairRecord> {
  return records(store, 'pair', pairField);
}

function records<Value>(store: Store, kind: string, field: Field<Value>): Records<Value> {
  const read = (text: string): Value => decodeStoredJson(field, 'The record of a channel the other way', text);
  return {
    get: async (channel) => {
      const record = await store.get(kind, channel);
      return record && read(record.value);
    },
    all: async function* () {
      for await (const { id, value } of store.list(kind)) yield [channelId(id), read(value)];
    },
    change: async (channel, change) => {
      const record = await store.get(kind, channel);
      const value = change(record && read(record.value));
      const text = JSON.stringify(z.encode(field, value));
      if (await store.commit([{ kind, id: channel, expected: record?.version ?? 0, value: text }])) return value;
      throw new WorldError('store-busy', 'Another process works on this store.', 'Run only one process per store.');
    },
  };
}
