import { equalBytes } from '../../core/base/bytes.ts';
import { spentBy } from '../../core/channel/deposit-view.ts';
import type { PayeeState } from '../../core/channel/payee-state.ts';
import { type Deposit, payerScript, type RevocationHash, type Terms } from '../../core/contract/contract.ts';
import type { Transaction } from '../../core/tx/transaction.ts';

interface Paid {
  readonly terms: Terms;
  readonly deposits: readonly Deposit[];
  /** The revocation hash of the payment that the close is of, where it has one. */
  readonly hash?: RevocationHash;
}

/** What a transaction is worth to the payee whose state this is. */
export function valueFor({ terms, deposits, best }: PayeeState, close: Transaction): bigint {
  return payeeValue({ terms, deposits, ...(best?.hash && { hash: best.hash }) }, close);
}

/**
 * What a transaction takes of a channel's deposits for the payee, including fees that the payee pays. For a close of several channels it is computed
 * from what goes back to the payer; for a close of this one alone, from what goes to anyone but the payee.
 */
export function payeeValue({ terms, deposits, hash }: Paid, close: Transaction): bigint {
  // An agreed end pays to the payee's own script, even where a close pays to a held output.
  const own = hash === undefined ? [terms.payeeScript] : [terms.payeeScript, terms.contract.paysTo(terms, hash)];
  const isPaid = (script: Uint8Array): boolean => own.some((one) => equalBytes(one, script));
  if (terms.signing.kind === 'fixed') return sumOf(close, isPaid);
  const spent = spentBy(close, deposits);
  const value = spent.reduce((sum, deposit) => sum + deposit.value, 0n);
  const isAlone = spent.length === close.inputs.length;
  const change = payerScript(terms);
  return value - sumOf(close, (script) => (isAlone ? !isPaid(script) : equalBytes(script, change)));
}

function sumOf({ outputs }: Transaction, isMeant: (script: Uint8Array) => boolean): bigint {
  return outputs.filter(({ script }) => isMeant(script)).reduce((sum, { value }) => sum + value, 0n);
}
