import { isAmount } from '../base/amount.ts';
import { bytesToHex } from '../base/bytes.ts';
import { type Height, height, isTime, LOCK_TIME_THRESHOLD } from '../base/height.ts';
import type { Refusal } from '../base/refusal.ts';
import { p2sh } from '../tx/script.ts';
import type { Signer } from '../tx/sign.ts';
import { type Transaction, transactionId } from '../tx/transaction.ts';
import type { HeldOutput, Payout, Revocation, RevocationHash, RevocationTerms, RevokedOutput, Terms } from './contract.ts';
import { secretOrHeight, take } from './secret-or-height.ts';
import { worthAt } from './units.ts';

/** The lock of the payee's part of a close: the payer can take it at once with the payee's secret, the payee alone from `payoutAt` on. */
export function commitScript(terms: Terms, hash: RevocationHash): Uint8Array {
  return secretOrHeight({ hash, withSecret: revocationOf(terms).penaltyKey, from: payoutAt(terms), late: terms.payeeKey });
}

/** @throws Error for terms of a contract whose payments can't be taken back. */
export function revocationOf({ revocation }: Terms): RevocationTerms {
  if (revocation === undefined) throw new Error('the terms of this contract need a revocation part');
  return revocation;
}

/** The lock time of the payout: nodes accept it once the tip has this height. */
export function payoutAt(terms: Terms): Height {
  const { expiry } = terms;
  if (isTime(expiry)) throw new Error('the expiry of this contract is a height');
  return height(Math.min(expiry + revocationOf(terms).payoutDelay, LOCK_TIME_THRESHOLD - 1));
}

/** Finds the outputs of a close that are held for the payee by such a script, under one of these hashes. */
export function heldOutputs(heldScript: Revocation['heldScript']): Revocation['outputs'] {
  const hashOf = hashByScript(heldScript);
  return (terms, transaction, hashes) => {
    const txid = transactionId(transaction);
    const known = hashOf(terms, hashes);
    return transaction.outputs.flatMap(({ value: coins, script: paidTo }, vout) => {
      const hash = known.get(bytesToHex(paidTo));
      if (hash === undefined || !isAmount(coins)) return [];
      const value = worthAt(terms, transaction, vout);
      return isAmount(value) ? [{ outpoint: { txid, vout }, value, ...(value !== coins && { coins }), hash }] : [];
    });
  };
}

type HashByScript = ReadonlyMap<string, RevocationHash>;

/** The hashes by what their outputs pay to, in hex. There may be tens of thousands, and a close is looked at with every block: made once for each list. */
function hashByScript(heldScript: Revocation['heldScript']): (terms: Terms, hashes: readonly RevocationHash[]) => HashByScript {
  const made = new WeakMap<readonly RevocationHash[], { readonly terms: Terms; readonly known: HashByScript }>();
  return (terms, hashes) => {
    const before = made.get(hashes);
    if (before?.terms === terms) return before.known;
    const known = new Map(hashes.map((hash) => [bytesToHex(p2sh(heldScript(terms, hash))), hash]));
    made.set(hashes, { terms, known });
    return known;
  };
}

/** The payee's transaction that takes held outputs. */
export function payout(terms: Terms, held: readonly HeldOutput[], to: Payout, signer: Signer): Transaction | Refusal {
  const taken = held.map((output) => ({ output, code: commitScript(terms, output.hash) }));
  return take(terms, taken, payoutAt(terms), to, signer);
}

/** The payer's transaction that takes the held outputs of revoked closes. */
export function penalty(terms: Terms, held: readonly RevokedOutput[], to: Payout, signer: Signer): Transaction | Refusal {
  const taken = held.map((output) => ({ output, code: commitScript(terms, output.hash), secret: output.secret }));
  return take(terms, taken, 0, to, signer);
}
