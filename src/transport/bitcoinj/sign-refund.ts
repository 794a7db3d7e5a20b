import type { ProvideRefund } from '../../core/message/bitcoinj/message.ts';
import type { Offer } from '../../core/message/message.ts';
import type { PublicKey } from '../../core/tx/sign.ts';
import { decodeTransaction, type Outpoint } from '../../core/tx/transaction.ts';
import { type CloseReason, failed } from './close-reason.ts';

/** Version 1: a client that has shown its refund, and the channel's output that the refund spends, which does not exist yet. */
export interface RefundToSign {
  readonly kind: 'refundable';
  readonly payerKey: PublicKey;
  readonly outpoint: Outpoint;
}

/**
 * Reads the refund that is to be signed. The signature covers only its input, version and lock time. If the client expects another refund than it
 * would get, it is told so before anything is funded.
 */
export function readRefundToSign({ contract, maxExpiry: expiry }: Offer, { payerKey, refund }: ProvideRefund): RefundToSign | CloseReason {
  const transaction = decodeTransaction(refund);
  if (transaction === undefined) return failed('BAD_TRANSACTION', 'The refund is not a transaction.');
  const { version, refundSequence } = contract.form;
  const { inputs, outputs, lockTime } = transaction;
  const [input] = inputs;
  if (input === undefined || inputs.length > 1) return failed('BAD_TRANSACTION', 'The refund must have exactly one input.');
  if (input.outpoint.vout !== 0) return failed('BAD_TRANSACTION', 'The refund must spend the first output of the contract.');
  if (input.sequence !== refundSequence) return failed('BAD_TRANSACTION', `The input sequence of the refund must be ${refundSequence}.`);
  if (lockTime !== expiry) return failed('BAD_TRANSACTION', `The lock time of the refund must be ${expiry}, in Unix seconds.`);
  if (transaction.version !== version) return failed('BAD_TRANSACTION', `The transaction version of the refund must be ${version}.`);
  if (outputs.length !== 1) return failed('BAD_TRANSACTION', 'The refund must have exactly one output.');
  return { kind: 'refundable', payerKey, outpoint: input.outpoint };
}
