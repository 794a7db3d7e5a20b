import type { Height } from '../base/height.ts';
import type { Refusal } from '../base/refusal.ts';
import { script } from '../tx/script.ts';
import type { PublicKey, Signer } from '../tx/sign.ts';
import type { Transaction } from '../tx/transaction.ts';
import type { Deposit, Payout, Terms } from './contract.ts';
import { FRAME_BYTES, INPUT_BYTES, takeOutputs } from './take-outputs.ts';
import { SIGNATURE_BYTES } from './tx-size.ts';

/** With the longest height. */
const SCRIPT_BYTES = 106;
const LATE_INPUT_BYTES = INPUT_BYTES + 1 + SIGNATURE_BYTES + 1 + 2 + SCRIPT_BYTES;
const SECRET_INPUT_BYTES = LATE_INPUT_BYTES + 33;

/** Upper bounds of the bytes of a transaction that takes one such output to a P2PKH output, late or with the secret. */
export const LATE_BYTES: number = FRAME_BYTES + LATE_INPUT_BYTES;
export const SECRET_BYTES: number = FRAME_BYTES + SECRET_INPUT_BYTES;

/** Who can take an output: one side at once with a secret, the other side alone from a height on. */
export interface SecretOrHeight {
  /** HASH160 of the secret, which has 32 bytes. */
  readonly hash: Uint8Array;
  readonly withSecret: PublicKey;
  readonly from: Height;
  readonly late: PublicKey;
}

export function secretOrHeight({ hash, withSecret, from, late }: SecretOrHeight): Uint8Array {
  return script(
    ...(['IF', 'SIZE', 32, 'EQUALVERIFY', 'HASH160', hash, 'EQUALVERIFY', withSecret] as const),
    ...(['ELSE', from, 'CHECKLOCKTIMEVERIFY', 'DROP', late, 'ENDIF', 'CHECKSIG'] as const),
  );
}

/** An output to take: its redeem script, and the secret if it is taken with that. */
export interface Taken {
  readonly output: Deposit;
  readonly code: Uint8Array;
  readonly secret?: Uint8Array;
}

/** Takes each output by one branch of its script; `lockTime` is 0 when all are taken with the secret. */
export function take(terms: Terms, taken: readonly Taken[], lockTime: number, to: Payout, signer: Signer): Transaction | Refusal {
  const ways = taken.map(({ output, code, secret }) =>
    secret === undefined
      ? { output, code, bytes: LATE_INPUT_BYTES, unlock: (signature: Uint8Array) => script(signature, 'OP_0', code) }
      : { output, code, bytes: SECRET_INPUT_BYTES, unlock: (signature: Uint8Array) => script(signature, secret, 1, code) },
  );
  return takeOutputs(terms, ways, { lockTime, sequence: terms.contract.form.sequence }, to, signer);
}
