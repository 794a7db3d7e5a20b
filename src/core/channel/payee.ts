import { isRefusal, type Refusal, refuse } from '../base/refusal.ts';
import { capacityOf, type Payment } from '../contract/contract.ts';
import type { End, Pay, State } from '../message/message.ts';
import { backedBy } from './confirmed-capacity.ts';
import { answerCoopClose, closeForSharing, closeOnOrder } from './payee-close.ts';
import { withCpfpChildren } from './payee-close-rbf.ts';
import { type GiveBackInput, orderGiveBack } from './payee-give-back.ts';
import { type GiveUpInput, giveUp, lockState, type RevealInput, reveal } from './payee-locks.ts';
import { payeeOnchain } from './payee-onchain.ts';
import { type AnnounceInput, acceptAnnouncement, signRefunds } from './payee-open.ts';
import { takeIncrease, takePayment } from './payee-pay.ts';
import { revocationState } from './payee-revocation.ts';
import type { BestPayment, PayeeState } from './payee-state.ts';
import { type ChainView, type Env, type KeptInvoice, type Step, stay } from './state-machine.ts';

/** Requests to a payee, news from the chain, and orders of its owner (`close`; `gather` to close the channel together with others). */
export type PayeeInput =
  | AnnounceInput
  | { readonly kind: 'payment'; readonly pay: Pay; readonly invoice?: KeptInvoice; readonly isForwarding?: boolean }
  | { readonly kind: 'increment'; readonly pay: Pay }
  | { readonly kind: 'end'; readonly end: End }
  | { readonly kind: 'state-request' }
  | GiveBackInput
  | RevealInput
  | GiveUpInput
  | { readonly kind: 'close' }
  | { readonly kind: 'gather' }
  | ChainView;

/** Everything a payee does in a channel. */
export function payee(state: PayeeState | undefined, input: PayeeInput, env: Env): Step<PayeeState | undefined> | Refusal {
  const step = answered(state, input, env);
  return isRefusal(step) ? step : withCpfpChildren(step, env);
}

function answered(state: PayeeState | undefined, input: PayeeInput, env: Env): Step<PayeeState | undefined> | Refusal {
  if (state === undefined) return input.kind === 'announce' ? acceptAnnouncement(state, input, env) : refuse('channel-unknown');
  switch (input.kind) {
    case 'announce':
      return acceptAnnouncement(state, input, env);
    case 'payment':
      return takePayment(
        state,
        input.pay,
        { isForwarding: input.isForwarding ?? false, ...(input.invoice && { kept: input.invoice }) },
        env,
      );
    case 'increment':
      return takeIncrease(state, input.pay, env);
    case 'end':
      return answerCoopClose(state, input.end, env);
    case 'state-request':
      return stay(state, { kind: 'reply', message: described(state, env) });
    case 'give-back':
      return orderGiveBack(state, input, env);
    case 'reveal':
      return reveal(state, input);
    case 'give-up':
      return giveUp(state, input);
    case 'close':
      return closeOnOrder(state, env);
    case 'gather':
      return closeForSharing(state, env);
    case 'view':
      return payeeOnchain(backedBy(state, input, env), input, env);
  }
}

function described(state: PayeeState, env: Env): State {
  const { terms } = state;
  return {
    kind: 'state',
    channel: state.channel,
    status: state.kind,
    capacity: capacityOf(state.deposits),
    spent: state.spent,
    deposits: state.deposits.map(({ outpoint, value }) => ({ outpoint, value })),
    ...signRefunds(terms, state.deposits, env),
    ...(state.best && { best: paymentOf(state.best) }),
    ...('transaction' in state && state.transaction !== undefined ? { ending: state.transaction } : {}),
    ...revocationState(state, env),
    ...lockState(state),
  };
}

function paymentOf({ total, signatures, hash, locks }: BestPayment): Payment {
  return { total, signatures, ...(hash && { hash }), ...(locks && { locks }) };
}
