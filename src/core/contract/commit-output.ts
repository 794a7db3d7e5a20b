import { isAmount } from '../base/amount.ts';
import { equalBytes } from '../base/bytes.ts';
import { type Height, height, isTime, LOCK_TIME_THRESHOLD } from '../base/height.ts';
import { isRefusal, type Refusal } from '../base/refusal.ts';
import { p2sh, script } from '../tx/script.ts';
import { SIGHASH, signatureHash } from '../tx/sighash.ts';
import { encodeSignature, type Signer } from '../tx/sign.ts';
import { type Transaction, transactionId } from '../tx/transaction.ts';
import {
  capacityOf,
  type HeldOutput,
  type Payout,
  type RevocationHash,
  type RevocationTerms,
  type RevokedOutput,
  type Terms,
} from './contract.ts';
import { bareInput, lessFee } from './payment-plan.ts';
import { extraBytes, SIGNATURE_BYTES } from './tx-size.ts';

/** Version, lock time, counts and one P2PKH output. */
const FRAME_BYTES = 4 + 4 + 1 + 1 + 34;
/** Outpoint, sequence and a three-byte script length. */
const INPUT_BYTES = 36 + 4 + 3;
/** With a height of the greatest length. */
const SCRIPT_BYTES = 106;
const PAYOUT_INPUT_BYTES = INPUT_BYTES + 1 + SIGNATURE_BYTES + 1 + 2 + SCRIPT_BYTES;
const PENALTY_INPUT_BYTES = PAYOUT_INPUT_BYTES + 33;

/** Upper bounds of the bytes with one input and a P2PKH output. */
export const PAYOUT_BYTES: number = FRAME_BYTES + PAYOUT_INPUT_BYTES;
export const PENALTY_BYTES: number = FRAME_BYTES + PENALTY_INPUT_BYTES;

/** The lock of the payee's part of a close: the payer can take it at once with the payee's secret, the payee alone from `payoutAt` on. */
export function commitScript(terms: Terms, hash: RevocationHash): Uint8Array {
  return script(
    ...(['IF', 'SIZE', 32, 'EQUALVERIFY', 'HASH160', hash, 'EQUALVERIFY', revocationOf(terms).penaltyKey] as const),
    ...(['ELSE', payoutAt(terms), 'CHECKLOCKTIMEVERIFY', 'DROP', terms.payeeKey, 'ENDIF', 'CHECKSIG'] as const),
  );
}

function revocationOf({ revocation }: Terms): RevocationTerms {
  if (revocation === undefined) throw new Error('the terms of this contract need a revocation part');
  return revocation;
}

/** The lock time of the payout: nodes accept it once the tip has this height. */
export function payoutAt(terms: Terms): Height {
  const { expiry } = terms;
  if (isTime(expiry)) throw new Error('the expiry of this contract is a height');
  return height(Math.min(expiry + revocationOf(terms).payoutDelay, LOCK_TIME_THRESHOLD - 1));
}

/** The outputs of a close that are held for the payee under one of these hashes. */
export function heldOutputs(terms: Terms, transaction: Transaction, hashes: readonly RevocationHash[]): readonly HeldOutput[] {
  const txid = transactionId(transaction);
  return transaction.outputs.flatMap(({ value, script: paidTo }, vout) => {
    const hash = hashes.find((one) => equalBytes(p2sh(commitScript(terms, one)), paidTo));
    return hash === undefined || !isAmount(value) ? [] : [{ outpoint: { txid, vout }, value, hash }];
  });
}

/** The payee's transaction that takes held outputs. */
export function payout(terms: Terms, held: readonly HeldOutput[], to: Payout, signer: Signer): Transaction | Refusal {
  const way = { lockTime: payoutAt(terms), inputBytes: PAYOUT_INPUT_BYTES };
  return claim(terms, held, to, signer, { ...way, unlock: (code, signature) => script(signature, 'OP_0', code) });
}

/** The payer's transaction that takes the held outputs of revoked closes. */
export function penalty(terms: Terms, held: readonly RevokedOutput[], to: Payout, signer: Signer): Transaction | Refusal {
  const way = { lockTime: 0, inputBytes: PENALTY_INPUT_BYTES };
  return claim(terms, held, to, signer, { ...way, unlock: (code, signature, { secret }) => script(signature, secret, 1, code) });
}

/** One branch of the commit script. `inputBytes`: an upper bound of an input that takes it. */
interface Way<Held> {
  readonly lockTime: number;
  readonly inputBytes: number;
  readonly unlock: (code: Uint8Array, signature: Uint8Array, held: Held) => Uint8Array;
}

function claim<Held extends HeldOutput>(
  terms: Terms,
  held: readonly Held[],
  { script: to, feeRate }: Payout,
  signer: Signer,
  { lockTime, inputBytes, unlock }: Way<Held>,
): Transaction | Refusal {
  const value = lessFee(terms, capacityOf(held), FRAME_BYTES + held.length * inputBytes + extraBytes(to), feeRate);
  if (isRefusal(value)) return value;
  const { version, sequence } = terms.contract.form;
  const unsigned = { version, inputs: held.map((one) => bareInput(one, sequence)), outputs: [{ value, script: to }], lockTime };
  const inputs = unsigned.inputs.map((input, i) => {
    const one = held[i];
    if (one === undefined) throw new Error('each input spends one held output');
    const code = commitScript(terms, one.hash);
    const signature = encodeSignature(signer.sign(signatureHash(unsigned, i, code, SIGHASH.ALL)), SIGHASH.ALL);
    return { ...input, script: unlock(code, signature, one) };
  });
  return { ...unsigned, inputs };
}
