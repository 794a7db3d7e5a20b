import type { Deposit } from '../contract/contract.ts';
import type { Releasing } from '../message/message.ts';
import type { Signature } from '../tx/sign.ts';
import { outpointKey } from '../tx/transaction.ts';
import { allDeposits, type PayerState } from './payer-state.ts';
import type { Env } from './state-machine.ts';

/** Takes over the payee's signatures over refunds, as far as they are valid. `asked`: the deposits that it signed for, in its order. */
export function withRefundSignatures(
  state: PayerState,
  { releases = [] }: Releasing,
  asked: readonly Deposit[],
  { verify }: Pick<Env, 'verify'>,
): PayerState {
  const given = new Map<string, Signature | undefined>(asked.map(({ outpoint }, i) => [outpointKey(outpoint), releases[i]]));
  const { contract } = state.terms;
  const taken = (deposit: Deposit): Deposit => {
    const release = given.get(outpointKey(deposit.outpoint));
    if (release === undefined || contract.isRefundable(state.terms, deposit, verify)) return deposit;
    const released = { ...deposit, release };
    return contract.isRefundable(state.terms, released, verify) ? released : deposit;
  };
  const [deposits, offered] = [state.deposits.map(taken), state.offered.map(taken)];
  const isNew = deposits.some((one, i) => one !== state.deposits[i]) || offered.some((one, i) => one !== state.offered[i]);
  return isNew ? { ...state, deposits, offered } : state;
}

/** The deposits that the payer can have back without the payee. */
export function refundable({ terms }: PayerState, deposits: readonly Deposit[], { verify }: Pick<Env, 'verify'>): readonly Deposit[] {
  return deposits.filter((deposit) => terms.contract.isRefundable(terms, deposit, verify));
}

/** Whether the payer can have all of a channel back without the payee. */
export function isRefundableWhole(state: PayerState, env: Pick<Env, 'verify'>): boolean {
  const all = allDeposits(state);
  return refundable(state, all, env).length === all.length;
}
