import { create, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import { hexToBytes } from '../../base/bytes.ts';
import type { BitcoinjError, BitcoinjMessage, ClientVersion, Close, ProvideContract, ServerVersion, Update } from './message.ts';
import {
  type ClientVersionSchema,
  EnvelopeSchema,
  ErrorCode,
  type FailureSchema,
  type ProvideContractSchema,
  type ServerVersionSchema,
  Type,
  type UpdatePaymentSchema,
} from './schema.ts';

/** The body of one frame, byte for byte as bitcoinj writes it: fields in the order of their numbers, default values included. */
export function encodeBitcoinj(message: BitcoinjMessage): Uint8Array {
  return toBinary(EnvelopeSchema, create(EnvelopeSchema, envelope(message)));
}

function envelope(message: BitcoinjMessage): MessageInitShape<typeof EnvelopeSchema> {
  switch (message.kind) {
    case 'client-version':
      return { type: Type.CLIENT_VERSION, clientVersion: clientVersion(message) };
    case 'server-version':
      return { type: Type.SERVER_VERSION, serverVersion: serverVersion(message) };
    case 'initiate': {
      const { payeeKey, minCapacity, expiry, minPayment } = message;
      const initiate = { multisigKey: payeeKey, minAcceptedChannelSize: minCapacity, expireTimeSecs: BigInt(expiry), minPayment };
      return { type: Type.INITIATE, initiate };
    }
    case 'provide-refund':
      return { type: Type.PROVIDE_REFUND, provideRefund: { multisigKey: message.payerKey, tx: message.refund } };
    case 'return-refund':
      return { type: Type.RETURN_REFUND, returnRefund: { signature: message.signature } };
    case 'provide-contract':
      return { type: Type.PROVIDE_CONTRACT, provideContract: provideContract(message) };
    case 'channel-open':
      return { type: Type.CHANNEL_OPEN };
    case 'update-payment':
      return { type: Type.UPDATE_PAYMENT, updatePayment: update(message) };
    case 'close':
      return close(message);
    case 'error':
      return { type: Type.ERROR, failure: failure(message) };
    case 'payment-ack':
      return { type: Type.PAYMENT_ACK, ...(message.info === undefined ? {} : { paymentAck: { info: message.info } }) };
    default:
      return message satisfies never;
  }
}

function clientVersion({ major, minor, window, previous }: ClientVersion): MessageInitShape<typeof ClientVersionSchema> {
  return {
    major,
    minor,
    ...(previous === undefined ? {} : { previousChannelContractHash: hexToBytes(previous) }),
    ...(window === undefined ? {} : { timeWindowSecs: BigInt(window) }),
  };
}

function serverVersion({ major, minor, nonce }: ServerVersion): MessageInitShape<typeof ServerVersionSchema> {
  return { major, minor, ...(nonce === undefined ? {} : { nonce }) };
}

function close({ settlement: tx, proof }: Close): MessageInitShape<typeof EnvelopeSchema> {
  return { type: Type.CLOSE, ...(tx === undefined ? {} : { settlement: { tx } }), ...(proof === undefined ? {} : { proof }) };
}

function provideContract({ contract, initial, payerKey }: ProvideContract): MessageInitShape<typeof ProvideContractSchema> {
  return { tx: contract, initialPayment: update(initial), ...(payerKey === undefined ? {} : { clientKey: payerKey }) };
}

function update({ change, signature, info }: Update): MessageInitShape<typeof UpdatePaymentSchema> {
  return { clientChangeValue: change, signature, ...(info === undefined ? {} : { info }) };
}

function failure({ code, explanation, expected, best }: BitcoinjError): MessageInitShape<typeof FailureSchema> {
  return {
    code: ErrorCode[code],
    ...(explanation === undefined ? {} : { explanation }),
    ...(expected === undefined ? {} : { expectedValue: expected }),
    ...(best === undefined ? {} : { best: update(best) }),
  };
}
