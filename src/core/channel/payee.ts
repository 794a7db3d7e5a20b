import { isRefusal, type Refusal, refuse } from '../base/refusal.ts';
import { capacityOf } from '../contract/contract.ts';
import type { End, Pay, State } from '../message/message.ts';
import { type AnnounceInput, announced, releasing } from './announce.ts';
import { backedBy } from './backing.ts';
import { type ChainView, type Env, type KeptInvoice, type Step, stay } from './machine.ts';
import { observed } from './payee-chain.ts';
import { ended, gathered, ordered } from './payee-close.ts';
import { increased, paid } from './payee-pay.ts';
import { accompanied } from './payee-press.ts';
import type { PayeeState } from './payee-state.ts';

/** What a payee can be asked, told by the chain, or ordered by its owner (`close`; `gather` to close it together with others). */
export type PayeeInput =
  | AnnounceInput
  | { readonly kind: 'payment'; readonly pay: Pay; readonly invoice?: KeptInvoice }
  | { readonly kind: 'increment'; readonly pay: Pay }
  | { readonly kind: 'end'; readonly end: End }
  | { readonly kind: 'state-request' }
  | { readonly kind: 'close' }
  | { readonly kind: 'gather' }
  | ChainView;

/** The payee's whole part in a channel. */
export function payee(state: PayeeState | undefined, input: PayeeInput, env: Env): Step<PayeeState | undefined> | Refusal {
  const step = answered(state, input, env);
  return isRefusal(step) ? step : accompanied(step, env);
}

function answered(state: PayeeState | undefined, input: PayeeInput, env: Env): Step<PayeeState | undefined> | Refusal {
  if (state === undefined) return input.kind === 'announce' ? announced(state, input, env) : refuse('channel-unknown');
  switch (input.kind) {
    case 'announce':
      return announced(state, input, env);
    case 'payment':
      return paid(state, input.pay, input.invoice, env);
    case 'increment':
      return increased(state, input.pay, env);
    case 'end':
      return ended(state, input.end, env);
    case 'state-request':
      return stay(state, { kind: 'reply', message: described(state, env) });
    case 'close':
      return ordered(state, env);
    case 'gather':
      return gathered(state, env);
    case 'view':
      return observed(backedBy(state, input, env), input, env);
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
    deposits: state.deposits,
    ...releasing(terms, state.deposits, env),
    ...(state.best && { best: { total: state.best.total, signatures: state.best.signatures } }),
    ...('transaction' in state && state.transaction !== undefined ? { ending: state.transaction } : {}),
  };
}
