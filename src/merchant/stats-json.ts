import * as z from 'zod';
import { refusalCodes } from '../core/base/refusal.ts';
import { amountField, channelIdField, coinField, type Field, heightField } from '../core/message/fields.ts';
import type { Figures } from './stats.ts';

const count = z.int().min(0);
/** A sum may be larger than the largest `Amount`. */
const sumField = z.codec(z.string().regex(/^[0-9]{1,30}$/), z.bigint(), { decode: BigInt, encode: String });

/** The figures as one JSON value: money as decimal digits in smallest units. */
export const figuresJson: Field<Figures> = z.object({
  coin: coinField,
  backend: z.string().max(40),
  channels: z.object({ open: count, paused: count, closing: count }),
  ends: z.object({ closed: count, refunded: count, lost: count, unused: count }),
  atRisk: sumField,
  pinnable: sumField,
  exposure: z.object({ total: sumField, most: sumField, channels: count }),
  young: z.array(z.object({ below: count, total: sumField, most: sumField })),
  writtenOff: sumField,
  capacity: sumField,
  nearestClosing: heightField.exactOptional(),
  nearestExpiry: heightField.exactOptional(),
  unmined: z.array(z.object({ channel: channelIdField, atRisk: amountField, closing: heightField, expiry: heightField })),
  chain: z.object({ height: heightField, hash: z.string().max(64), age: z.number().min(0) }).exactOptional(),
  doubt: z.string().max(1_000).exactOptional(),
  unkept: z.string().max(1_000).exactOptional(),
  answers: z.partialRecord(z.enum(['offer', 'accepted', 'provisional', 'invoice', 'receipt', 'state', 'ended', 'refusal']), count),
  refusals: z.partialRecord(z.enum(refusalCodes), count),
  failures: count,
  jobs: z.array(z.object({ name: z.string().max(40), isAlive: z.boolean(), lastSuccess: z.number().exactOptional(), failures: count })),
  unwatched: count.exactOptional(),
});
