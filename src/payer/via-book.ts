import * as z from 'zod';
import type { Amount } from '../core/base/amount.ts';
import { bytesToHex } from '../core/base/bytes.ts';
import { type Refusal, refuse } from '../core/base/refusal.ts';
import { amountField, channelIdField, type Field, hashField, secretField } from '../core/message/fields.ts';
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
  /** The hub has shown it: it is paid, also once the channel remembers nothing of it. */
  readonly preimage?: Uint8Array;
}

/** Written before anything is locked, so that the hub can be told after any crash what to do with it. */
export interface ViaBook {
  /** Refused under a hash that is under way already. */
  readonly add: (purchase: PendingVia) => Promise<Refusal | undefined>;
  readonly all: () => Promise<readonly PendingVia[]>;
  /** Written before it is settled: after that only this tells that it was paid. */
  readonly keep: (purchase: Pick<PendingVia, 'hash'>, preimage: Uint8Array) => Promise<void>;
  readonly remove: (purchase: Pick<PendingVia, 'hash'>) => Promise<void>;
}

const KIND = 'pending-via';
const NAME = 'A purchase through a hub';

const field: Field<PendingVia> = z.strictObject({
  incoming: channelIdField,
  hash: hashField,
  next: channelIdField,
  payee: z.string(),
  amount: amountField,
  invoice: z.string(),
  item: z.string(),
  total: amountField,
  preimage: secretField.exactOptional(),
});

export function viaBook(store: Store): ViaBook {
  const write = (purchase: PendingVia, expected: number): Promise<boolean> =>
    store.commit([{ kind: KIND, id: bytesToHex(purchase.hash), expected, value: JSON.stringify(z.encode(field, purchase)) }]);
  return {
    add: async (purchase) => ((await write(purchase, 0)) ? undefined : refuse('lock-repeated')),
    keep: async ({ hash }, preimage) => {
      const record = await store.get(KIND, bytesToHex(hash));
      if (record === undefined) return;
      if (!(await write({ ...decodeStoredJson(field, NAME, record.value), preimage }, record.version)))
        throw new Error('one process at a time works on a purchase');
    },
    all: async () => {
      const found: PendingVia[] = [];
      for await (const { value } of store.list(KIND)) found.push(decodeStoredJson(field, NAME, value));
      return found;
    },
    remove: async ({ hash }) => {
      const id = bytesToHex(hash);
      const record = await store.get(KIND, id);
      if (record !== undefined) await store.commit([{ kind: KIND, id, expected: record.version, value: undefined }]);
    },
  };
}
