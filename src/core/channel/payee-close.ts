import { type Amount, amount, feeFor, ZERO } from '../base/amount.ts';
import { equalBytes } from '../base/bytes.ts';
import { isRefusal, type Refusal, refuse } from '../base/refusal.ts';
import { closeSize } from '../contract/size.ts';
import type { End } from '../message/message.ts';
import { encodeTransaction, type Transaction } from '../tx/transaction.ts';
import { type Env, type Step, stay } from './machine.ts';
import { type ActivePayee, factsOf, notActive, type PayeeState } from './payee-state.ts';

/** An end that is not mined by the expiry is the payee's loss. Two nodes may differ this much about what gets mined. */
const HASTE_FACTOR = 2n;

/** Co-signs at once what the payer could otherwise only have after expiry, if it costs the payee nothing. */
export function ended(state: PayeeState, { agreement, signatures }: End, env: Env): Step<PayeeState> | Refusal {
  const { terms, deposits, best } = state;
  const { total, fee } = agreement;
  const agreed = terms.contract.agree(terms, deposits, agreement);
  if (isRefusal(agreed)) return agreed;
  if (state.kind === 'closing') return isSameEnd(state.transaction, agreed) ? answered(state, state.transaction) : notActive(state);
  if (state.kind === 'ended') return notActive(state);
  if (best !== undefined && total < best.total) return refuse('agreement-short', factsOf(state, best));
  const least = total === 0n ? ZERO : amount(feeFor(closeSize(terms, deposits.length, agreed.outputs.length), env.feeRate) / HASTE_FACTOR);
  if (fee < least) return refuse('agreement-malformed', { fee, least });
  if (!terms.contract.verifyAgreement(terms, agreed, signatures, env.verify)) return refuse('signature-wrong');
  const own = terms.contract.signAgreement(terms, agreed, env.signer);
  const transaction = terms.contract.completeAgreement(terms, agreed, signatures, own);
  return answered({ ...state, kind: 'closing', transaction }, transaction);
}

function answered(state: PayeeState, transaction: Transaction): Step<PayeeState> {
  const reply = { kind: 'reply', message: { kind: 'ended', channel: state.channel, transaction } } as const;
  return stay(state, reply, { kind: 'broadcast', transaction });
}

function isSameEnd(signed: Transaction, agreed: Transaction): boolean {
  const bare = { ...signed, inputs: signed.inputs.map((input) => ({ ...input, script: new Uint8Array() })) };
  return equalBytes(encodeTransaction(bare), encodeTransaction(agreed));
}

/** Closes with the best payment; there is no other way to choose one. */
export function closed(state: ActivePayee, env: Env): Step<PayeeState> | Refusal {
  const { terms, deposits, best: payment } = state;
  if (payment === undefined) return refuse('nothing-to-close');
  const close = (feeRate: Amount): Transaction | Refusal =>
    terms.contract.close([{ terms, deposits, payment, signer: env.signer }], { script: terms.payeeScript, feeRate });
  const quick = close(env.feeRate);
  // When fees are too high for so small a total, a close that may wait for its block is better than none.
  const transaction = isRefusal(quick) ? close(terms.coin.policy.feeRate) : quick;
  if (isRefusal(transaction)) return transaction;
  return stay({ ...state, kind: 'closing', transaction }, { kind: 'broadcast', transaction });
}
