import { type Refusal, refuse } from '../base/refusal.ts';
import { p2pkh, p2sh, script } from '../tx/script.ts';
import { SIGHASH, signatureHash } from '../tx/sighash.ts';
import { encodeSignature, type Signature, type Signer, type Verify } from '../tx/sign.ts';
import type { Outpoint, Transaction, TxOutput } from '../tx/transaction.ts';
import { signAll } from './close.ts';
import { type CsvCommitTerms, type CsvDepositTerms, csvCommitScript, csvDepositScript, csvUnlock } from './revocable-csv-script.ts';

const SEQUENCE_FINAL = 0xffff_ffff;

/** As in picopayments: version 1 where nothing waits; version 2 with the blocks as sequence where BIP68 applies. */
function draft(outpoints: readonly Outpoint[], outputs: readonly TxOutput[], wait?: number): Transaction {
  const inputs = outpoints.map((outpoint) => ({ outpoint, script: new Uint8Array(), sequence: wait ?? SEQUENCE_FINAL }));
  return { version: wait === undefined ? 1 : 2, inputs, outputs, lockTime: 0 };
}

/** The output of a deposit, and of a commit's change. */
export function csvDepositOutput(terms: CsvDepositTerms, value: bigint): TxOutput {
  return { value, script: p2sh(csvDepositScript(terms)) };
}

export function csvCommitOutput(terms: CsvCommitTerms, value: bigint): TxOutput {
  return { value, script: p2sh(csvCommitScript(terms)) };
}

/** The payer's deposit from P2PKH coins of one key, unsigned. `rest` are the outputs after the deposit: data, change. */
export function csvDeposit(coins: readonly Outpoint[], deposit: TxOutput, rest: readonly TxOutput[]): Transaction {
  return draft(coins, [deposit, ...rest]);
}

/** A commit, unsigned. `rest` are its further outputs: data, and the change, which an asset needs to go back to the deposit's script. */
export function csvCommit(deposits: readonly Outpoint[], commit: TxOutput, rest: readonly TxOutput[]): Transaction {
  return draft(deposits, [commit, ...rest]);
}

/** The payer's change from the deposit's script, taken with the secret that a payout has shown; unsigned. */
export function csvChange(coins: readonly Outpoint[], outputs: readonly TxOutput[]): Transaction {
  return draft(coins, outputs);
}

/** The payer's coins from the deposit's script after the expiry, unsigned; can be mined once every coin is that old. */
export function csvTimeout(coins: readonly Outpoint[], outputs: readonly TxOutput[], { expiry }: CsvDepositTerms): Transaction {
  return draft(coins, outputs, expiry);
}

/** The payee's part of a commit, unsigned; can be mined once the commit is as old as the delay. */
export function csvPayout(commit: Outpoint, outputs: readonly TxOutput[], { delay }: CsvCommitTerms): Transaction {
  return draft([commit], outputs, delay);
}

/**
 * The payer's penalty for a revoked commit, unsigned. It needs no wait. In picopayments it waits as long as the payout does, although it has to be
 * mined before it.
 */
export function csvRevoke(commit: Outpoint, outputs: readonly TxOutput[]): Transaction {
  return draft([commit], outputs);
}

export function signCsvDeposit(tx: Transaction, payer: Signer): Transaction {
  return withUnlocks(tx, (index) => script(signAll(tx, index, p2pkh(payer.publicKey), payer), payer.publicKey));
}

/** One side's signatures of a commit, one for each input. */
export function signCsvCommit(terms: CsvDepositTerms, tx: Transaction, key: Signer): readonly Signature[] {
  const code = csvDepositScript(terms);
  return tx.inputs.map((_, index) => key.sign(signatureHash(tx, index, code, SIGHASH.ALL)));
}

/** Checks the payer's signatures and adds the payee's. */
export function completeCsvCommit(
  terms: CsvDepositTerms,
  tx: Transaction,
  payer: readonly Signature[],
  payee: Signer,
  verify: Verify,
): Transaction | Refusal {
  const code = csvDepositScript(terms);
  if (payer.length !== tx.inputs.length) return refuse(payer.length < tx.inputs.length ? 'signature-missing' : 'signature-surplus');
  const isWrong = payer.some((one, index) => !verify(one, signatureHash(tx, index, code, SIGHASH.ALL), terms.payerKey));
  if (isWrong) return refuse('signature-wrong');
  const encoded = payer.map((signature) => encodeSignature(signature, SIGHASH.ALL));
  return withUnlocks(tx, (index) => csvUnlock.commit(code, encoded[index] ?? new Uint8Array(), signAll(tx, index, code, payee)));
}

export function signCsvChange(terms: CsvDepositTerms, tx: Transaction, payer: Signer, spendSecret: Uint8Array): Transaction {
  const code = csvDepositScript(terms);
  return withUnlocks(tx, (index) => csvUnlock.change(code, signAll(tx, index, code, payer), spendSecret));
}

export function signCsvTimeout(terms: CsvDepositTerms, tx: Transaction, payer: Signer): Transaction {
  const code = csvDepositScript(terms);
  return withUnlocks(tx, (index) => csvUnlock.timeout(code, signAll(tx, index, code, payer)));
}

export function signCsvPayout(terms: CsvCommitTerms, tx: Transaction, payee: Signer, spendSecret: Uint8Array): Transaction {
  const code = csvCommitScript(terms);
  return withUnlocks(tx, (index) => csvUnlock.payout(code, signAll(tx, index, code, payee), spendSecret));
}

export function signCsvRevoke(terms: CsvCommitTerms, tx: Transaction, payer: Signer, revokeSecret: Uint8Array): Transaction {
  const code = csvCommitScript(terms);
  return withUnlocks(tx, (index) => csvUnlock.revoke(code, signAll(tx, index, code, payer), revokeSecret));
}

function withUnlocks(tx: Transaction, unlock: (index: number) => Uint8Array): Transaction {
  return { ...tx, inputs: tx.inputs.map((input, index) => ({ ...input, script: unlock(index) })) };
}
