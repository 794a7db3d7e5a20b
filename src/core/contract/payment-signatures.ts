import type { Amount } from '../base/amount.ts';
import { isRefusal, type Refusal, refuse } from '../base/refusal.ts';
import type { Signature, Signer, Verify } from '../tx/sign.ts';
import { outpointKey } from '../tx/transaction.ts';
import type { Deposit, Payment, Plan, RevocationHash, Terms } from './contract.ts';
import { digest, layOut, plan } from './payment-plan.ts';
import type { HashLock } from './pending.ts';

export function sign(
  terms: Terms,
  deposits: readonly Deposit[],
  total: Amount,
  signer: Signer,
  hash?: RevocationHash,
  locks?: readonly HashLock[],
): Payment | Refusal {
  const planned = plan(terms, deposits, total, hash, locks);
  if (isRefusal(planned)) return planned;
  return { total, signatures: planned.inputs.map((_, i) => signer.sign(digest(terms, planned, i))), ...conditionsOf(planned) };
}

/** What a payment says beside its total. */
function conditionsOf({ hash, locks }: Pick<Payment, 'hash' | 'locks'>): Pick<Payment, 'hash' | 'locks'> {
  return { ...(hash && { hash }), ...(locks && { locks }) };
}

/**
 * Checks a payment as nodes do before they relay it. `given` holds the signatures of all inputs of its plan, or only those that `held` does not have
 * for good; the result always holds all of them.
 */
export function verify(
  terms: Terms,
  deposits: readonly Deposit[],
  given: Payment,
  held: Payment | undefined,
  check: Verify,
): Payment | Refusal {
  const planned = plan(terms, deposits, given.total, given.hash, given.locks);
  if (isRefusal(planned)) return planned;
  const known = settled(terms, deposits, planned, held);
  const isWhole = given.signatures.length === planned.inputs.length;
  const signatures: Signature[] = [];
  let next = 0;
  for (const [i, settledBy] of known.entries()) {
    const offered = isWhole ? given.signatures[i] : settledBy === undefined ? given.signatures[next++] : settledBy;
    if (offered === undefined) return refuse('signature-missing', { input: i });
    if (offered !== settledBy && !check(offered, digest(terms, planned, i), terms.payerKey)) return refuse('signature-wrong', { input: i });
    signatures.push(offered);
  }
  if (!isWhole && next < given.signatures.length) return refuse('signature-surplus', { needed: next, given: given.signatures.length });
  return { total: given.total, signatures, ...conditionsOf(given) };
}

/** Whether all signatures are the payer's, for a total that need not pay for its own close. */
export function isSigned(terms: Terms, deposits: readonly Deposit[], { total, signatures, hash, locks }: Payment, check: Verify): boolean {
  const planned = layOut(terms, deposits, total, hash, locks);
  if (isRefusal(planned) || signatures.length !== planned.inputs.length) return false;
  return signatures.every((signature, i) => check(signature, digest(terms, planned, i), terms.payerKey));
}

/** The signatures of `payment` that a holder of `held` does not have yet: these are sent. */
export function newSignatures(
  terms: Terms,
  deposits: readonly Deposit[],
  payment: Payment,
  held: Payment | undefined,
): readonly Signature[] {
  const planned = plan(terms, deposits, payment.total, undefined, payment.locks);
  if (isRefusal(planned)) return payment.signatures;
  const known = settled(terms, deposits, planned, held);
  return payment.signatures.filter((_, i) => known[i] === undefined);
}

/** For each input of the plan, the signature that `held` already has for good. */
function settled(terms: Terms, deposits: readonly Deposit[], planned: Plan, held: Payment | undefined): readonly (Signature | undefined)[] {
  if (held === undefined || planned.inputs.every(({ final }) => !final)) return planned.inputs.map(() => undefined);
  const before = plan(terms, deposits, held.total);
  if (isRefusal(before)) return planned.inputs.map(() => undefined);
  const signatures = new Map(
    before.inputs.flatMap((input, i) => {
      const signature = held.signatures[i];
      return input.final && signature !== undefined ? [[outpointKey(input.deposit.outpoint), signature] as const] : [];
    }),
  );
  return planned.inputs.map(({ final, deposit }) => (final ? signatures.get(outpointKey(deposit.outpoint)) : undefined));
}
