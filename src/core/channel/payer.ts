import { ZERO } from '../base/amount.ts';
import { type Refusal, refuse } from '../base/refusal.ts';
import { saidInOrder } from '../message/hub-message.ts';
import { proofFor } from '../message/key-proof.ts';
import type { Forward, InvoiceRequest, QuoteRequest, Reply, Request, StateRequest, Sync, SyncAnswer } from '../message/message.ts';
import { coopCloseAgreed, coopCloseRefused, type EndInput, proposeCoopClose } from './payer-coop-close.ts';
import { type LockInput, type SettleInput, signLock, signSettlement } from './payer-locks.ts';
import { payerOnchain } from './payer-onchain.ts';
import {
  addFunding,
  announceDeposits,
  announcedOf,
  type CreateInput,
  createChannel,
  type FundInput,
  launchFunding,
  takeAcceptance,
  type WithdrawInput,
  withdrawFunding,
} from './payer-open.ts';
import { handOverBest, type PayInput, resendPayment, signPayment, takePayeeState, takeReceipt, takeRefusal } from './payer-pay.ts';
import { withRefundSignatures } from './payer-refund-signatures.ts';
import { type PayerState, unsentWithout } from './payer-state.ts';
import { signTakeBack, type TakeBackInput } from './payer-take-back.ts';
import { type ChainView, type Env, type Step, stay } from './state-machine.ts';

/** Orders of the payer's owner, the payee's answers, and news from the chain. */
export type PayerInput = CreateInput | FurtherInput;

type FurtherInput =
  | FundInput
  | WithdrawInput
  | PayInput
  | { readonly kind: 'announce' }
  | { readonly kind: 'launch' }
  | { readonly kind: 'abandon' }
  | TakeBackInput
  | LockInput
  | SettleInput
  | { readonly kind: 'resend' }
  | { readonly kind: 'hand-over' }
  | { readonly kind: 'resync' }
  | { readonly kind: 'ask'; readonly item: string }
  | SyncInput
  | { readonly kind: 'quote'; readonly payee: string }
  | { readonly kind: 'forward'; readonly order: Omit<Forward, 'kind' | 'channel' | 'proof'> }
  | EndInput
  | { readonly kind: 'reply'; readonly to: Request['kind']; readonly message: Reply }
  | ChainView;

/** Asks what the payee wants to say as the payer of a channel the other way. `said` is the answer as bytes, which the proof covers. */
export interface SyncInput {
  readonly kind: 'sync';
  readonly answer?: SyncAnswer;
  readonly said?: Uint8Array;
}

/** Everything a payer does in a channel. */
export function payer(state: PayerState | undefined, input: PayerInput, env: Env): Step<PayerState | undefined> | Refusal {
  if (input.kind === 'create') return createChannel(state, input, env);
  return state === undefined ? refuse('channel-unknown') : further(state, input, env);
}

function further(state: PayerState, input: FurtherInput, env: Env): Step<PayerState> | Refusal {
  switch (input.kind) {
    case 'fund':
      return addFunding(state, input);
    case 'launch':
      return launchFunding(state, env);
    case 'abandon':
      return abandoned(state);
    case 'withdraw':
      return withdrawFunding(state, input);
    case 'announce':
      return announceDeposits(state, env);
    case 'pay':
      return signPayment(state, input, env);
    case 'take-back':
      return signTakeBack(state, input, env);
    case 'lock':
      return signLock(state, input, env);
    case 'settle':
      return signSettlement(state, input, env);
    case 'resend':
      return resendPayment(state);
    case 'hand-over':
      return handOverBest(state);
    case 'resync':
      return asking(state, { kind: 'state-request' }, env);
    case 'ask':
      return asking(state, { kind: 'invoice-request', item: input.item }, env);
    case 'sync':
      return asking(state, { kind: 'sync', ...(input.answer && { answer: input.answer }) }, env, input.said);
    case 'quote':
      return asking(state, { kind: 'quote-request', payee: input.payee }, env);
    case 'forward':
      return asking(state, { kind: 'forward', ...input.order }, env, saidInOrder(input.order));
    case 'end':
      return proposeCoopClose(state, input, env);
    case 'reply':
      return replied(state, input.to, input.message, env);
    case 'view':
      return payerOnchain(state, input, env);
  }
}

type Unaddressed<Asked> = Asked extends unknown ? Omit<Asked, 'channel'> : never;

/** Requests that the payee answers for this payer only. */
function asking(
  state: PayerState,
  asked: Unaddressed<StateRequest | InvoiceRequest | Sync | QuoteRequest | Forward>,
  { tip, signer }: Env,
  said?: Uint8Array,
): Step<PayerState> {
  const { channel } = state;
  return stay(state, { kind: 'send', message: { ...asked, channel, proof: proofFor(asked.kind, channel, tip, signer, said) } });
}

/** A reply changes something only if it is about this channel and answers the request that is open. */
function replied(state: PayerState, to: Request['kind'], message: Reply, env: Env): Step<PayerState> {
  if ('channel' in message && message.channel !== state.channel) return stay(state);
  switch (message.kind) {
    case 'accepted':
      return takeAcceptance(state, message, env);
    case 'receipt':
      return takeReceipt(state, message);
    case 'state':
      return takePayeeState(state, message, env);
    case 'ended':
      return coopCloseAgreed(state, message, env);
    case 'refusal':
      if (to === 'payment') return takeRefusal(state, message, env);
      return to === 'end' ? coopCloseRefused(state, message, env) : stay(state);
    case 'provisional':
      return stay(withRefundSignatures(state, message, announcedOf(state), env));
    case 'offer':
    case 'invoice':
    case 'asks':
    case 'joined':
    case 'quote':
    case 'forwarded':
      return stay(state);
  }
}

/** Only while no coin has been sent: later there is money to get back. */
function abandoned(state: PayerState): Step<PayerState> | Refusal {
  if (state.kind !== 'planned') return refuse('channel-ending');
  return stay({ ...state, kind: 'ended', how: 'abandoned', ...unsentWithout(state, []), returned: ZERO, transactions: [] });
}
