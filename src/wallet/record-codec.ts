import * as z from 'zod';
import { parseUnits } from '../core/base/amount.ts';
import { bytesToHex, isTxId, parseHex, type TxId } from '../core/base/bytes.ts';
import { type Height, isHeight } from '../core/base/height.ts';
import { lruCache } from '../core/base/lru.ts';
import { decodeTransaction, encodeTransaction } from '../core/tx/transaction.ts';
import { WorldError } from '../engine/ports.ts';
import type { Branch, Cursor, OwnOutput, OwnTransaction, WatchedKey } from './state.ts';

/** Stored text and back. */
export interface Codec<T> {
  readonly encode: (value: T) => string;
  /** @throws WorldError `store-damaged` or `store-newer`. */
  readonly decode: (text: string) => T;
}

const FORMAT = 1;
/** Decoded records in the cache, for each kind: a wallet reads all of them for each operation. */
const MOST_DECODED = 10_000;

const height = z.custom<Height>((value) => typeof value === 'number' && isHeight(value));
const txid = z.custom<TxId>((value) => typeof value === 'string' && isTxId(value));
const units = z.string().transform((text, context) => parseUnits(text) ?? refuse(context, text));
const transaction = z.string().transform((text, context) => decodeTransaction(parseHex(text) ?? new Uint8Array()) ?? refuse(context, text));
const index = z.int().min(0);
const hash = z.string().regex(/^[0-9a-f]{64}$/);

const BlockMark = z.strictObject({ height, hash });

const CursorRecord = z.strictObject({
  kind: z.enum(['restoring', 'following']),
  wallet: z.string(),
  birthday: height,
  trail: z.array(BlockMark).min(1).readonly(),
  unread: index.optional(),
});

const BranchRecord = z.strictObject({ used: index, next: index });

const OutputRecord = z.strictObject({
  outpoint: z.strictObject({ txid, vout: index }),
  value: units,
  key: z.string(),
  coinbase: z.boolean(),
  place: z.discriminatedUnion('kind', [
    z.strictObject({ kind: z.literal('mined'), height }),
    z.strictObject({ kind: z.literal('unconfirmed') }),
  ]),
  use: z.discriminatedUnion('kind', [
    z.strictObject({ kind: z.literal('free') }),
    z.strictObject({ kind: z.literal('reserved'), by: txid }),
    z.strictObject({ kind: z.literal('spent'), by: txid, height }),
  ]),
});

const TransactionRecord = z.strictObject({
  txid,
  transaction,
  label: z.string(),
  stage: z.discriminatedUnion('kind', [
    z.strictObject({ kind: z.literal('reserved') }),
    z.strictObject({ kind: z.literal('published') }),
    z.strictObject({ kind: z.literal('mined'), height }),
  ]),
});

const WatchedRecord = z.strictObject({ key: z.string() });

const envelope = z.object({ format: z.int() });

export const cursorCodec: Codec<Cursor> = codec(CursorRecord, (cursor) => cursor);
export const branchCodec: Codec<Branch> = codec(BranchRecord, (branch) => branch);
export const outputCodec: Codec<OwnOutput> = codec(OutputRecord, (output) => ({ ...output, value: output.value.toString() }));
export const transactionCodec: Codec<OwnTransaction> = codec(TransactionRecord, (own) => ({
  ...own,
  transaction: bytesToHex(encodeTransaction(own.transaction)),
}));
export const watchedCodec: Codec<WatchedKey> = codec(WatchedRecord, (watched) => watched);

function codec<T extends object>(schema: z.ZodType<T>, write: (value: T) => unknown): Codec<T> {
  const record = z.strictObject({ format: z.literal(FORMAT), value: schema });
  const decoded = lruCache<string, T>(MOST_DECODED);
  return {
    encode: (value) => JSON.stringify({ format: FORMAT, value: write(value) }),
    decode: (text) => {
      const known = decoded.get(text);
      if (known !== undefined) return known;
      const json = parseJson(text);
      const outer = envelope.safeParse(json);
      if (outer.success && outer.data.format > FORMAT) {
        throw new WorldError('store-newer', `The wallet's records have format ${outer.data.format}.`, 'Use a newer pawment.');
      }
      const read = record.safeParse(json);
      if (read.success) {
        decoded.set(text, read.data.value);
        return read.data.value;
      }
      throw new WorldError(
        'store-damaged',
        "A record of the wallet can't be read.",
        'Restore the store, or the wallet from its seed.',
        read.error,
      );
    },
  };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function refuse(context: z.RefinementCtx, input: unknown): never {
  context.addIssue({ code: 'custom', message: 'malformed', input });
  return z.NEVER;
}
