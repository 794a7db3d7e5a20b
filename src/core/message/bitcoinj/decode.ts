import { type DescField, type Message as Fields, fromBinary, isFieldSet } from '@bufbuild/protobuf';
import type { GenMessage } from '@bufbuild/protobuf/codegenv2';
import { type Amount, isAmount } from '../../base/amount.ts';
import { bytesToHex, txId } from '../../base/bytes.ts';
import { Malformed } from '../../base/reader.ts';
import { type Refusal, refuse } from '../../base/refusal.ts';
import { type PublicKey, publicKey } from '../../tx/sign.ts';
import { type BitcoinjErrorCode, type BitcoinjMessage, MAX_BITCOINJ_BYTES, type Update } from './message.ts';
import {
  type ClientVersion,
  ClientVersionSchema,
  type Envelope,
  EnvelopeSchema,
  ErrorCode,
  type Failure,
  FailureSchema,
  type Initiate,
  InitiateSchema,
  PaymentAckSchema,
  type ProvideContract,
  ProvideContractSchema,
  ProvideRefundSchema,
  ReturnRefundSchema,
  ServerVersionSchema,
  SettlementSchema,
  Type,
  UpdatePaymentSchema,
} from './schema.ts';

/**
 * Reads the body of one frame; byte fields are views of it. Skips what a proto2 reader may skip: fields and error codes it does not know, and bodies
 * of other types. A refusal is `message-malformed`, `message-too-large` or `key-invalid`.
 */
export function decodeBitcoinj(bytes: Uint8Array): BitcoinjMessage | Refusal {
  if (bytes.length > MAX_BITCOINJ_BYTES) return refuse('message-too-large', { most: MAX_BITCOINJ_BYTES });
  try {
    return message(parse(bytes));
  } catch (error) {
    if (error instanceof Malformed) return refuse(error.code, { reason: error.message });
    throw error;
  }
}

function parse(bytes: Uint8Array): Envelope {
  try {
    return fromBinary(EnvelopeSchema, bytes, { readUnknownFields: false });
  } catch {
    // The library throws plain errors of several kinds; all mean the same.
    throw new Malformed('it is not protobuf');
  }
}

function message(envelope: Envelope): BitcoinjMessage {
  whole(EnvelopeSchema, envelope);
  switch (envelope.type) {
    case Type.CLIENT_VERSION:
      return clientVersion(whole(ClientVersionSchema, envelope.clientVersion));
    case Type.SERVER_VERSION: {
      const body = whole(ServerVersionSchema, envelope.serverVersion);
      const { major, minor, nonce } = body;
      return { kind: 'server-version', major, minor, ...(isFieldSet(body, ServerVersionSchema.field.nonce) ? { nonce } : {}) };
    }
    case Type.INITIATE:
      return initiate(whole(InitiateSchema, envelope.initiate));
    case Type.PROVIDE_REFUND: {
      const { multisigKey, tx } = whole(ProvideRefundSchema, envelope.provideRefund);
      return { kind: 'provide-refund', payerKey: key(multisigKey), refund: tx };
    }
    case Type.RETURN_REFUND:
      return { kind: 'return-refund', signature: whole(ReturnRefundSchema, envelope.returnRefund).signature };
    case Type.PROVIDE_CONTRACT:
      return provideContract(whole(ProvideContractSchema, envelope.provideContract));
    case Type.CHANNEL_OPEN:
      return { kind: 'channel-open' };
    case Type.UPDATE_PAYMENT:
      return { kind: 'update-payment', ...update(envelope.updatePayment) };
    case Type.CLOSE:
      return close(envelope);
    case Type.ERROR:
      return failure(present(envelope.failure));
    case Type.PAYMENT_ACK:
      return paymentAck(envelope.paymentAck);
    default:
      return envelope.type satisfies never;
  }
}

function clientVersion(body: ClientVersion): BitcoinjMessage {
  const { major, minor, timeWindowSecs, previousChannelContractHash: hash } = body;
  const window = isFieldSet(body, ClientVersionSchema.field.timeWindowSecs) ? { window: seconds(timeWindowSecs) } : {};
  // A hash of any other length names no channel, and the client gets a new one.
  const previous = hash.length === 32 ? { previous: txId(bytesToHex(hash)) } : {};
  return { kind: 'client-version', major, minor, ...window, ...previous };
}

function initiate({ multisigKey, minAcceptedChannelSize, expireTimeSecs, minPayment }: Initiate): BitcoinjMessage {
  return {
    kind: 'initiate',
    payeeKey: key(multisigKey),
    minCapacity: money(minAcceptedChannelSize),
    expiry: seconds(expireTimeSecs),
    minPayment: money(minPayment),
  };
}

function provideContract(body: ProvideContract): BitcoinjMessage {
  const payerKey = isFieldSet(body, ProvideContractSchema.field.clientKey) ? { payerKey: key(body.clientKey) } : {};
  return { kind: 'provide-contract', contract: body.tx, initial: update(body.initialPayment), ...payerKey };
}

function update(given: Envelope['updatePayment']): Update {
  const body = whole(UpdatePaymentSchema, given);
  const info = isFieldSet(body, UpdatePaymentSchema.field.info) ? { info: body.info } : {};
  return { change: money(body.clientChangeValue), signature: body.signature, ...info };
}

function paymentAck(body: Envelope['paymentAck']): BitcoinjMessage {
  const hasInfo = body !== undefined && isFieldSet(body, PaymentAckSchema.field.info);
  return hasInfo ? { kind: 'payment-ack', info: body.info } : { kind: 'payment-ack' };
}

function close(envelope: Envelope): BitcoinjMessage {
  const { settlement: body, proof } = envelope;
  const settlement = body === undefined ? {} : { settlement: whole(SettlementSchema, body).tx };
  return { kind: 'close', ...settlement, ...(isFieldSet(envelope, EnvelopeSchema.field.proof) ? { proof } : {}) };
}

function failure(body: Failure): BitcoinjMessage {
  const explanation = isFieldSet(body, FailureSchema.field.explanation) ? { explanation: body.explanation } : {};
  const expected = isFieldSet(body, FailureSchema.field.expectedValue) ? { expected: money(body.expectedValue) } : {};
  const best = body.best === undefined ? {} : { best: update(body.best) };
  return { kind: 'error', code: ERROR_NAMES.get(body.code) ?? 'OTHER', ...explanation, ...expected, ...best };
}

const ERROR_NAMES: ReadonlyMap<number, BitcoinjErrorCode> = new Map([
  [ErrorCode.TIMEOUT, 'TIMEOUT'],
  [ErrorCode.SYNTAX_ERROR, 'SYNTAX_ERROR'],
  [ErrorCode.NO_ACCEPTABLE_VERSION, 'NO_ACCEPTABLE_VERSION'],
  [ErrorCode.BAD_TRANSACTION, 'BAD_TRANSACTION'],
  [ErrorCode.TIME_WINDOW_UNACCEPTABLE, 'TIME_WINDOW_UNACCEPTABLE'],
  [ErrorCode.CHANNEL_VALUE_TOO_LARGE, 'CHANNEL_VALUE_TOO_LARGE'],
  [ErrorCode.MIN_PAYMENT_TOO_LARGE, 'MIN_PAYMENT_TOO_LARGE'],
]);

function present<Body>(body: Body | undefined): Body {
  if (body === undefined) throw new Malformed('the body for its type is missing');
  return body;
}

/** The library does not check required fields when it reads. In proto2 an unknown `type` counts as missing. */
function whole<Body extends Fields>(schema: GenMessage<Body>, body: Body | undefined): Body {
  const given = present(body);
  const missing = schema.fields.find((field) => isRequired(field) && !isFieldSet(given, field));
  if (missing !== undefined) throw new Malformed(`${missing.name} is missing or unknown`);
  return given;
}

function isRequired({ proto: { label } }: DescField): boolean {
  return label === REQUIRED;
}

/** `FieldDescriptorProto.Label.LABEL_REQUIRED` */
const REQUIRED = 2;

function money(value: bigint): Amount {
  if (!isAmount(value)) throw new Malformed('an amount is out of range');
  return value;
}

function seconds(value: bigint): number {
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw new Malformed('a time is out of range');
  return Number(value);
}

function key(bytes: Uint8Array): PublicKey {
  const read = publicKey(bytes);
  if (read === undefined) throw new Malformed('a key is not a compressed public key', 'key-invalid');
  return read;
}
