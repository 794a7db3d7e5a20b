import * as z from 'zod';
import type { Amount } from '../core/base/amount.ts';
import { bytesToHex } from '../core/base/bytes.ts';
import { type Refusal, refuse } from '../core/base/refusal.ts';
import { amountField, channelIdField, type Field, hashField } from '../core/message/fields.ts';
import { decodeStoredJson } from '../engine/decode-state.ts';
import type { Store } from '../engine/ports.ts';
import type { WayOrder } from './pay-via.ts';

/** A purchase through a hub of which it is not known yet what becomes of it. */
export interface PendingVia extends WayOrder {
  /** The payee's address. */
  readonly payee: string;
  readonly item: string;
  /** What is locked: the price and the hub's fee. */
  readonly total: Amount;
}

/** Written before anything is locked, so that the hub can be told after any crash what to do with it. */
export interface ViaBook {
  /** Refused under a hash that is under way already. */
  readonly add: (purchase: PendingVia) => Promise<Refusal | undefined>;
  readonly all: () => Promise<readonly PendingVia[]>;
  readonly remove: (purchase: Pick<PendingVia, 'hash'>) => Promise<void>;
}

const KIND = 'pending-via';

const field: Field<PendingVia> = z.strictObject({
  incoming: channelIdField,
  hash: hashField,
  next: channelIdField,
  payee: z.string(),
  amount: amountField,
  invoice: z.string(),
  item: z.string(),
  total: amountField,
});

export function viaBook(store: Store): ViaBook {
  return {
    add: async (purchase) => {
      const value = JSON.stringify(z.encode(field, purchase));
      const isNew = await store.commit([{ kind: KIND, id: bytesToHex(purchase.hash), expected: 0, value }]);
      return isNew ? undefined : refuse('lock-repeated');
    },
    all: async () => {
      const found: PendingVia[] = [];
      for await (const { value } of store.list(KIND)) found.push(decodeStoredJson(field, 'A purchase through a hub', value));
      return found;
    },
    remove: async ({ hash }) => {
      const id = bytesToHex(hash);
      const record = await store.get(KIND, id);
      if (record !== undefined) await store.commit([{ kind: KIND, id, expected: record.version, value: undefined }]);
    },
  };
}
