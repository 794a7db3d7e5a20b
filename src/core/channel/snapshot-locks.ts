import * as z from 'zod';
import type { LockedOutput } from '../contract/contract.ts';
import type { PaymentHash } from '../contract/pending.ts';
import { amountField, type Field, hashField, lockField, outpointField, secretField } from '../message/fields.ts';
import type { Revealed } from './payee-state.ts';
import type { SentLock } from './payer-state.ts';

/** How what is pending is stored. */
export const locked: Field<readonly LockedOutput[]> = z.array(
  z.strictObject({ outpoint: outpointField, value: amountField, lock: lockField }),
);
export const revealed: Field<readonly Revealed[]> = z.array(z.strictObject({ lock: lockField, preimage: secretField }));
export const failed: Field<readonly PaymentHash[]> = z.array(hashField);
export const sentLocks: Field<readonly SentLock[]> = z.array(
  z.strictObject({
    lock: lockField,
    ceiling: amountField,
    isFailed: z.literal(true).exactOptional(),
    preimage: secretField.exactOptional(),
  }),
);
