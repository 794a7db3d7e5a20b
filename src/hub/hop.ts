import * as z from 'zod';
import type { Amount } from '../core/base/amount.ts';
import { bytesToHex, type ChannelId } from '../core/base/bytes.ts';
import type { Height } from '../core/base/height.ts';
import type { PaymentHash } from '../core/contract/pending.ts';
import { amountField, channelIdField, type Field, heightField, secretField } from '../core/message/fields.ts';
import { type Store, WorldError } from '../engine/ports.ts';

/**
 * What a hub has taken on under a hash, once and for ever. `forwarding`: the next hop may be locked. `failing`: it is not locked again, but may still
 * be claimed. `revealed`: the preimage is known. `failed`: nothing can be claimed there any more.
 */
export interface Hop {
  readonly kind: 'forwarding' | 'failing' | 'revealed' | 'failed';
  /** The channel in which the payer has locked. */
  readonly incoming: ChannelId;
  /** The channel of the hub's with the payee. */
  readonly outgoing: ChannelId;
  readonly amount: Amount;
  readonly expiry: Height;
  /** The payee's invoice. */
  readonly invoice: string;
  /** Why the payee, or this hub's own side of the channel, did not take it. */
  readonly refusal?: string;
  readonly preimage?: Uint8Array;
}

const hopField: Field<Hop> = z.strictObject({
  kind: z.enum(['forwarding', 'failing', 'revealed', 'failed']),
  incoming: channelIdField,
  outgoing: channelIdField,
  amount: amountField,
  expiry: heightField,
  invoice: z.string().max(64),
  refusal: z.string().max(64).exactOptional(),
  preimage: secretField.exactOptional(),
});

const KIND = 'hub-hop';
const MOST_TRIES = 8;
const envelope = z.strictObject({ format: z.literal(1), value: z.unknown() });

/** The hops of a store, by their hash. */
export interface HopTable {
  readonly get: (hash: PaymentHash) => Promise<Hop | undefined>;
  /** False where there is one under this hash already: each is taken on once. */
  readonly add: (hash: PaymentHash, hop: Hop) => Promise<boolean>;
  /** Two looks at one hop may come together: the change is made to what is stored then. */
  readonly change: (hash: PaymentHash, change: (hop: Hop) => Hop) => Promise<Hop>;
}

export function hopTable(store: Store): HopTable {
  const load = async (id: string): Promise<{ readonly version: number; readonly hop: Hop } | undefined> => {
    const record = await store.get(KIND, id);
    return record && { version: record.version, hop: decode(record.value) };
  };
  return {
    get: async (hash) => (await load(bytesToHex(hash)))?.hop,
    add: (hash, hop) => store.commit([{ kind: KIND, id: bytesToHex(hash), expected: 0, value: encode(hop) }]),
    change: async (hash, change) => {
      const id = bytesToHex(hash);
      for (let tries = 0; tries < MOST_TRIES; tries++) {
        const before = await load(id);
        if (before === undefined) throw new Error('a hop that is changed is there');
        const hop = change(before.hop);
        if (await store.commit([{ kind: KIND, id, expected: before.version, value: encode(hop) }])) return hop;
      }
      throw new WorldError('store-busy', 'Another process works on this store.', 'Run only one hub per store.');
    },
  };
}

function encode(hop: Hop): string {
  return JSON.stringify({ format: 1, value: z.encode(hopField, hop) });
}

function decode(text: string): Hop {
  const outer = envelope.safeParse(parsed(text));
  const hop = outer.success ? hopField.safeParse(outer.data.value) : undefined;
  if (hop?.success !== true)
    throw new WorldError('store-damaged', 'A stored hop of the hub can’t be read.', 'Restore a backup of the store.');
  return hop.data;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
