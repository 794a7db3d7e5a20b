import * as z from 'zod';
import type { Asset, AssetCodec } from '../asset/asset-codec.ts';
import { assetCodecById } from '../asset/registry.ts';
import { type Amount, parseUnits } from '../base/amount.ts';
import { bytesToHex, type ChannelId, isChannelId, isTxId, parseHex, type TxId } from '../base/bytes.ts';
import { type Height, isHeight, isLockTime, type LockTime } from '../base/height.ts';
import { isRefusalCode, type Refusal, refuse } from '../base/refusal.ts';
import type { Coin, DepthStep } from '../coin/coin.ts';
import { coinById } from '../coin/registry.ts';
import type { Contract, Deposit, Payment, RevocationHash, Signing } from '../contract/contract.ts';
import type { HashLock } from '../contract/pending.ts';
import { contractById } from '../contract/registry.ts';
import type { RevocationSecrets } from '../contract/revocation-secrets.ts';
import { type PublicKey, publicKey, readCompact, type Signature } from '../tx/sign.ts';
import { decodeTransaction, encodeTransaction, type Outpoint, outpointKey, type Transaction } from '../tx/transaction.ts';

/** A value and its JSON form: `z.decode` reads and checks a stranger's JSON, `z.encode` writes it. */
export type Field<Value, Json = unknown> = z.ZodType<Value, Json>;

/** A value written as text; if `read` returns undefined, the whole message is malformed. */
function text<Value>(description: string, read: (text: string) => Value | undefined, write: (value: Value) => string): Field<Value> {
  return z
    .codec(
      z.string().max(2_000_000).describe(description),
      z.custom<Value>((value) => value !== undefined),
      {
        decode: (input, context) => {
          const value = read(input);
          if (value !== undefined) return value;
          context.issues.push({ code: 'custom', message: `not ${description}`, input });
          return z.NEVER;
        },
        encode: (value) => write(value),
      },
    )
    .meta({ description });
}

function guarded<Value extends string>(description: string, is: (text: string) => text is Value): Field<Value> {
  return text(
    description,
    (input) => (is(input) ? input : undefined),
    (value) => value,
  );
}

export const amountField: Field<Amount> = text('an amount in the smallest unit, as decimal digits', parseUnits, String);
export const bytesField: Field<Uint8Array> = text('bytes in hex', parseHex, bytesToHex);
export const storeIdField: Field<Uint8Array> = text(
  'the id of a store: 32 hex digits',
  (hex) => (hex.length === 32 ? parseHex(hex) : undefined),
  bytesToHex,
);
export const txIdField: Field<TxId> = guarded('a transaction id: 64 hex digits', isTxId);
export const channelIdField: Field<ChannelId> = guarded('a channel id: 64 hex digits', isChannelId);
export const heightField: Field<Height> = z.custom<Height>((value) => typeof value === 'number' && isHeight(value), 'not a block height');
export const lockTimeField: Field<LockTime> = z.custom<LockTime>(
  (value) => typeof value === 'number' && isLockTime(value),
  'neither a block height nor a time',
);
export const blocksField: Field<number> = z.int().min(0).max(10_000_000);
export const publicKeyField: Field<PublicKey> = text(
  'a compressed public key in hex',
  (hex) => publicKey(parseHex(hex) ?? new Uint8Array()),
  bytesToHex,
);
export const signatureField: Field<Signature> = text('r and s of a signature in hex, s low', readSignature, bytesToHex);
export const transactionField: Field<Transaction> = text(
  'a transaction in hex',
  (hex) => decodeTransaction(parseHex(hex) ?? new Uint8Array()),
  (tx) => bytesToHex(encodeTransaction(tx)),
);
export const coinField: Field<Coin> = text('the id of a coin', coinById, ({ id }) => id);
const assetCodecField: Field<AssetCodec> = text('the id of an asset codec', assetCodecById, ({ id }) => id);
const assetNumberField: Field<bigint> = text(
  'the number of an asset, as decimal digits',
  (digits) => (/^[1-9][0-9]{0,19}$/.test(digits) ? BigInt(digits) : undefined),
  String,
);
export const assetField: Field<Asset> = z
  .object({ codec: assetCodecField, number: assetNumberField })
  .refine(({ codec, number }) => codec.nameOf(number) !== undefined, 'no such asset');
export const contractField: Field<Contract> = text('the id of a contract', contractById, ({ id }) => id);

function parseOutpoint(input: string): Outpoint | undefined {
  const [, txid = '', vout = ''] = /^([0-9a-f]{64}):(0|[1-9][0-9]{0,9})$/.exec(input) ?? [];
  const index = Number(vout);
  return isTxId(txid) && index <= 0xffff_ffff ? { txid, vout: index } : undefined;
}

function readSignature(hex: string): Signature | undefined {
  const signature = readCompact(parseHex(hex) ?? new Uint8Array());
  return typeof signature === 'string' ? undefined : signature;
}

export const signingField: Field<Signing> = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('flexible'), slot: z.int().min(0).max(300) }),
  z.object({ kind: z.literal('fixed'), fee: amountField }),
]);
export const depthField: Field<readonly DepthStep[]> = z
  .array(z.object({ upTo: amountField, blocks: blocksField }))
  .min(1)
  .max(16);
export const outpointField: Field<Outpoint> = text('an output: transaction id, colon, index', parseOutpoint, outpointKey);
const deposit = {
  outpoint: z.object({ txid: txIdField, vout: z.int().min(0).max(0xffff_ffff) }),
  value: amountField,
};
export const depositField: Field<Deposit> = z.object(deposit);
/** A deposit as the payee stores it. */
export const keptDepositField: Field<Deposit> = z.object({ ...deposit, coins: amountField.exactOptional() });
/** The same of the payer. */
export const releasedDepositField: Field<Deposit> = z.object({
  ...deposit,
  coins: amountField.exactOptional(),
  release: signatureField.exactOptional(),
});
export const hashField: Field<RevocationHash> = text(
  'a hash: 40 hex digits',
  (hex) => (hex.length === 40 ? parseHex(hex) : undefined),
  bytesToHex,
);
export const secretField: Field<Uint8Array> = text(
  'a secret: 64 hex digits',
  (hex) => (hex.length === 64 ? parseHex(hex) : undefined),
  bytesToHex,
);
export const shownSecretField: Field<RevocationSecrets[number]> = z.object({
  index: z
    .int()
    .min(0)
    .max(2 ** 48 - 1),
  secret: secretField,
});
export const lockField: Field<HashLock> = z.object({ amount: amountField, hash: hashField, expiry: heightField });
/** More than any payment may hold. */
export const locksField: Field<readonly HashLock[]> = z.array(lockField).min(1).max(16);
export const paymentField: Field<Payment> = z.object({
  total: amountField,
  signatures: z.array(signatureField).max(64),
  hash: hashField.exactOptional(),
  locks: locksField.exactOptional(),
});

/** A refusal is sent as its code and facts; the reader takes sentence and remedy from its own table. */
export const refusalField: Field<Refusal> = z.codec(
  z.object({ code: z.string(), detail: z.record(z.string().max(40), z.string().max(4000)).optional() }),
  z.custom<Refusal>(),
  {
    decode: ({ code, detail }, context) => {
      if (isRefusalCode(code)) return refuse(code, detail);
      context.issues.push({ code: 'custom', message: 'not a refusal', input: code });
      return z.NEVER;
    },
    encode: ({ code, detail }) => ({ code, detail: { ...detail } }),
  },
);
