import { z } from 'zod';

/** A channel that the payer is connected by. Amounts are units. */
export interface OpenChannel {
  readonly contract: string;
  readonly version: number;
  readonly state: string;
  readonly spent: bigint;
  readonly left: bigint;
}

export interface Acknowledgement {
  /** What was really paid: more than was asked where the rest would have been dust. */
  readonly value: bigint;
  /** Hex; empty when there was none. */
  readonly info: string;
}

export interface WalletState {
  readonly address: string;
  /** With all that is unconfirmed. */
  readonly balance: bigint;
  readonly transactions: number;
}

/** What the payer has stored. Keys are public; times are Unix seconds. */
export interface PayerChannel {
  readonly version: number;
  readonly contract: string;
  readonly expiry: number;
  readonly left: bigint;
  readonly key: string;
  readonly serverKey?: string | undefined;
  /** Whether a connection holds it. */
  readonly active: boolean;
  /** Transaction that settled it. */
  readonly closedBy?: string | undefined;
  readonly contractHex: string;
  readonly refundHex: string;
}

/** What the payee has stored. */
export interface PayeeChannel {
  readonly version: number;
  readonly contract: string;
  readonly expiry: number;
  readonly best: bigint;
  readonly signature?: string | undefined;
  /** Private. */
  readonly key: string;
}

export interface Channels {
  readonly payer: readonly PayerChannel[];
  readonly payee: readonly PayeeChannel[];
}

/** What a peer says unasked. */
export interface Events {
  /** Payee: somebody has connected. */
  readonly connected: object;
  /** Payee: a channel is open, newly or again. */
  readonly 'channel-open': { readonly contract: string };
  /** Payee: the total has risen by `by` to `to`. */
  readonly payment: { readonly by: bigint; readonly to: bigint; readonly info?: string | undefined };
  /** A connection has ended; of payers on the level `protocol` only. */
  readonly closed: { readonly reason: string };
  /** A transaction was handed to the node. */
  readonly broadcast: { readonly txid: string; readonly hex: string; readonly refusal?: string | undefined };
  /** Something in the wallet has changed. */
  readonly wallet: object;
  readonly error: { readonly message: string };
}
export type EventName = keyof Events;

const units = z.string().transform(BigInt);
const time = z.coerce.number();
const text = z.string();

export const openChannel: z.ZodType<OpenChannel> = z.object({
  contract: text,
  version: z.number(),
  state: text,
  spent: units,
  left: units,
});
export const acknowledgement: z.ZodType<Acknowledgement> = z.object({ value: units, info: text });
export const walletState: z.ZodType<WalletState> = z.object({ address: text, balance: units, transactions: z.number() });
export const listening: z.ZodType<{ readonly port: number }> = z.object({ port: z.number() });
export const measured: z.ZodType<{ readonly perSecond: number }> = z.object({ perSecond: time });
export const channels: z.ZodType<Channels> = z.object({
  payer: z.array(
    z.object({
      version: z.number(),
      contract: text,
      expiry: time,
      left: units,
      key: text,
      serverKey: text.optional(),
      active: z.boolean(),
      closedBy: text.optional(),
      contractHex: text,
      refundHex: text,
    }),
  ),
  payee: z.array(z.object({ version: z.number(), contract: text, expiry: time, best: units, signature: text.optional(), key: text })),
});

export const events: { readonly [Name in EventName]: z.ZodType<Events[Name]> } = {
  connected: z.object({}),
  'channel-open': z.object({ contract: text }),
  payment: z.object({ by: units, to: units, info: text.optional() }),
  closed: z.object({ reason: text }),
  broadcast: z.object({ txid: text, hex: text, refusal: text.optional() }),
  wallet: z.object({}),
  error: z.object({ message: text }),
};

/** A line is either an answer to a call or an event. */
export const line: z.ZodType<Line> = z.union([
  z.looseObject({ event: z.enum(['connected', 'channel-open', 'payment', 'closed', 'broadcast', 'wallet', 'error']) }),
  z.object({ id: z.number(), result: z.unknown() }),
  z.object({ id: z.number(), error: text }),
]);
export type Line =
  | { readonly event: EventName }
  | { readonly id: number; readonly result: unknown }
  | { readonly id: number; readonly error: string };
