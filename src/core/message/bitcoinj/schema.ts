// Generated from bitcoinj.proto by protoc-gen-es 2.17.0 (target=ts), without its comments and with enums written as constants, which Node can run
// directly. schema.test.ts shows that both say the same.

import type { Message } from '@bufbuild/protobuf';
import type { GenEnum, GenFile, GenMessage } from '@bufbuild/protobuf/codegenv2';
import { enumDesc, fileDesc, messageDesc } from '@bufbuild/protobuf/codegenv2';

export const file_bitcoinj: GenFile =
  /*@__PURE__*/
  fileDesc(
    'Cg5iaXRjb2luai5wcm90bxIQcGF3bWVudC5iaXRjb2luaiLXBAoIRW52ZWxvcGUSJAoEdHlwZRgBIAIoDjIWLnBhd21lbnQuYml0Y29pbmouVHlwZRI3Cg5jbGllbnRfdmVyc2lvbhgCIAEoCzIfLnBhd21lbnQuYml0Y29pbmouQ2xpZW50VmVyc2lvbhI3Cg5zZXJ2ZXJfdmVyc2lvbhgDIAEoCzIfLnBhd21lbnQuYml0Y29pbmouU2VydmVyVmVyc2lvbhIsCghpbml0aWF0ZRgEIAEoCzIaLnBhd21lbnQuYml0Y29pbmouSW5pdGlhdGUSNwoOcHJvdmlkZV9yZWZ1bmQYBSABKAsyHy5wYXdtZW50LmJpdGNvaW5qLlByb3ZpZGVSZWZ1bmQSNQoNcmV0dXJuX3JlZnVuZBgGIAEoCzIeLnBhd21lbnQuYml0Y29pbmouUmV0dXJuUmVmdW5kEjsKEHByb3ZpZGVfY29udHJhY3QYByABKAsyIS5wYXdtZW50LmJpdGNvaW5qLlByb3ZpZGVDb250cmFjdBI3Cg51cGRhdGVfcGF5bWVudBgIIAEoCzIfLnBhd21lbnQuYml0Y29pbmouVXBkYXRlUGF5bWVudBIwCgpzZXR0bGVtZW50GAkgASgLMhwucGF3bWVudC5iaXRjb2luai5TZXR0bGVtZW50EioKB2ZhaWx1cmUYCiABKAsyGS5wYXdtZW50LmJpdGNvaW5qLkZhaWx1cmUSMQoLcGF5bWVudF9hY2sYCyABKAsyHC5wYXdtZW50LmJpdGNvaW5qLlBheW1lbnRBY2sSDgoFcHJvb2YY6AcgASgMInkKDUNsaWVudFZlcnNpb24SDQoFbWFqb3IYASACKAUSEAoFbWlub3IYAiABKAU6ATASJgoecHJldmlvdXNfY2hhbm5lbF9jb250cmFjdF9oYXNoGAMgASgMEh8KEHRpbWVfd2luZG93X3NlY3MYBCABKAQ6BTg2MzQwIkAKDVNlcnZlclZlcnNpb24SDQoFbWFqb3IYASACKAUSEAoFbWlub3IYAiABKAU6ATASDgoFbm9uY2UY6AcgASgMInIKCEluaXRpYXRlEhQKDG11bHRpc2lnX2tleRgBIAIoDBIhChltaW5fYWNjZXB0ZWRfY2hhbm5lbF9zaXplGAIgAigEEhgKEGV4cGlyZV90aW1lX3NlY3MYAyACKAQSEwoLbWluX3BheW1lbnQYBCACKAQiMQoNUHJvdmlkZVJlZnVuZBIUCgxtdWx0aXNpZ19rZXkYASACKAwSCgoCdHgYAiACKAwiIQoMUmV0dXJuUmVmdW5kEhEKCXNpZ25hdHVyZRgBIAIoDCJrCg9Qcm92aWRlQ29udHJhY3QSCgoCdHgYASACKAwSOAoPaW5pdGlhbF9wYXltZW50GAIgAigLMh8ucGF3bWVudC5iaXRjb2luai5VcGRhdGVQYXltZW50EhIKCmNsaWVudF9rZXkYAyABKAwiTQoNVXBkYXRlUGF5bWVudBIbChNjbGllbnRfY2hhbmdlX3ZhbHVlGAEgAigEEhEKCXNpZ25hdHVyZRgCIAIoDBIMCgRpbmZvGAMgASgMIhgKClNldHRsZW1lbnQSCgoCdHgYAyACKAwimAEKB0ZhaWx1cmUSMAoEY29kZRgBIAEoDjIbLnBhd21lbnQuYml0Y29pbmouRXJyb3JDb2RlOgVPVEhFUhITCgtleHBsYW5hdGlvbhgCIAEoCRIWCg5leHBlY3RlZF92YWx1ZRgDIAEoBBIuCgRiZXN0GOgHIAEoCzIfLnBhd21lbnQuYml0Y29pbmouVXBkYXRlUGF5bWVudCIaCgpQYXltZW50QWNrEgwKBGluZm8YASABKAwqxgEKBFR5cGUSEgoOQ0xJRU5UX1ZFUlNJT04QARISCg5TRVJWRVJfVkVSU0lPThACEgwKCElOSVRJQVRFEAMSEgoOUFJPVklERV9SRUZVTkQQBBIRCg1SRVRVUk5fUkVGVU5EEAUSFAoQUFJPVklERV9DT05UUkFDVBAGEhAKDENIQU5ORUxfT1BFThAHEhIKDlVQREFURV9QQVlNRU5UEAgSCQoFQ0xPU0UQCRIJCgVFUlJPUhAKEg8KC1BBWU1FTlRfQUNLEAsquwEKCUVycm9yQ29kZRILCgdUSU1FT1VUEAESEAoMU1lOVEFYX0VSUk9SEAISGQoVTk9fQUNDRVBUQUJMRV9WRVJTSU9OEAMSEwoPQkFEX1RSQU5TQUNUSU9OEAQSHAoYVElNRV9XSU5ET1dfVU5BQ0NFUFRBQkxFEAUSGwoXQ0hBTk5FTF9WQUxVRV9UT09fTEFSR0UQBhIZChVNSU5fUEFZTUVOVF9UT09fTEFSR0UQBxIJCgVPVEhFUhAI',
  );

export type Envelope = Message<'pawment.bitcoinj.Envelope'> & {
  type: Type;

  clientVersion?: ClientVersion | undefined;

  serverVersion?: ServerVersion | undefined;

  initiate?: Initiate | undefined;

  provideRefund?: ProvideRefund | undefined;

  returnRefund?: ReturnRefund | undefined;

  provideContract?: ProvideContract | undefined;

  updatePayment?: UpdatePayment | undefined;

  settlement?: Settlement | undefined;

  failure?: Failure | undefined;

  paymentAck?: PaymentAck | undefined;

  proof: Uint8Array;
};

export const EnvelopeSchema: GenMessage<Envelope> = /*@__PURE__*/ messageDesc(file_bitcoinj, 0);

export type ClientVersion = Message<'pawment.bitcoinj.ClientVersion'> & {
  major: number;

  minor: number;

  previousChannelContractHash: Uint8Array;

  timeWindowSecs: bigint;
};

export const ClientVersionSchema: GenMessage<ClientVersion> = /*@__PURE__*/ messageDesc(file_bitcoinj, 1);

export type ServerVersion = Message<'pawment.bitcoinj.ServerVersion'> & {
  major: number;

  minor: number;

  nonce: Uint8Array;
};

export const ServerVersionSchema: GenMessage<ServerVersion> = /*@__PURE__*/ messageDesc(file_bitcoinj, 2);

export type Initiate = Message<'pawment.bitcoinj.Initiate'> & {
  multisigKey: Uint8Array;

  minAcceptedChannelSize: bigint;

  expireTimeSecs: bigint;

  minPayment: bigint;
};

export const InitiateSchema: GenMessage<Initiate> = /*@__PURE__*/ messageDesc(file_bitcoinj, 3);

export type ProvideRefund = Message<'pawment.bitcoinj.ProvideRefund'> & {
  multisigKey: Uint8Array;

  tx: Uint8Array;
};

export const ProvideRefundSchema: GenMessage<ProvideRefund> = /*@__PURE__*/ messageDesc(file_bitcoinj, 4);

export type ReturnRefund = Message<'pawment.bitcoinj.ReturnRefund'> & {
  signature: Uint8Array;
};

export const ReturnRefundSchema: GenMessage<ReturnRefund> = /*@__PURE__*/ messageDesc(file_bitcoinj, 5);

export type ProvideContract = Message<'pawment.bitcoinj.ProvideContract'> & {
  tx: Uint8Array;

  initialPayment?: UpdatePayment | undefined;

  clientKey: Uint8Array;
};

export const ProvideContractSchema: GenMessage<ProvideContract> = /*@__PURE__*/ messageDesc(file_bitcoinj, 6);

export type UpdatePayment = Message<'pawment.bitcoinj.UpdatePayment'> & {
  clientChangeValue: bigint;

  signature: Uint8Array;

  info: Uint8Array;
};

export const UpdatePaymentSchema: GenMessage<UpdatePayment> = /*@__PURE__*/ messageDesc(file_bitcoinj, 7);

export type Settlement = Message<'pawment.bitcoinj.Settlement'> & {
  tx: Uint8Array;
};

export const SettlementSchema: GenMessage<Settlement> = /*@__PURE__*/ messageDesc(file_bitcoinj, 8);

export type Failure = Message<'pawment.bitcoinj.Failure'> & {
  code: ErrorCode;

  explanation: string;

  expectedValue: bigint;

  best?: UpdatePayment | undefined;
};

export const FailureSchema: GenMessage<Failure> = /*@__PURE__*/ messageDesc(file_bitcoinj, 9);

export type PaymentAck = Message<'pawment.bitcoinj.PaymentAck'> & {
  info: Uint8Array;
};

export const PaymentAckSchema: GenMessage<PaymentAck> = /*@__PURE__*/ messageDesc(file_bitcoinj, 10);

export const Type = {
  CLIENT_VERSION: 1,

  SERVER_VERSION: 2,

  INITIATE: 3,

  PROVIDE_REFUND: 4,

  RETURN_REFUND: 5,

  PROVIDE_CONTRACT: 6,

  CHANNEL_OPEN: 7,

  UPDATE_PAYMENT: 8,

  CLOSE: 9,

  ERROR: 10,

  PAYMENT_ACK: 11,
} as const;
export type Type = (typeof Type)[keyof typeof Type];

export const TypeSchema: GenEnum<Type> = /*@__PURE__*/ enumDesc(file_bitcoinj, 0);

export const ErrorCode = {
  TIMEOUT: 1,

  SYNTAX_ERROR: 2,

  NO_ACCEPTABLE_VERSION: 3,

  BAD_TRANSACTION: 4,

  TIME_WINDOW_UNACCEPTABLE: 5,

  CHANNEL_VALUE_TOO_LARGE: 6,

  MIN_PAYMENT_TOO_LARGE: 7,

  OTHER: 8,
} as const;
export type ErrorCode = (typeof ErrorCode)[keyof typeof ErrorCode];

export const ErrorCodeSchema: GenEnum<ErrorCode> = /*@__PURE__*/ enumDesc(file_bitcoinj, 1);
