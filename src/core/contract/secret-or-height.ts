import type { Height } from '../base/height.ts';
import { isRefusal, type Refusal } from '../base/refusal.ts';
import { script } from '../tx/script.ts';
import { SIGHASH, signatureHash } from '../tx/sighash.ts';
import { encodeSignature, type PublicKey, type Signer } from '../tx/sign.ts';
import type { Transaction } from '../tx/transaction.ts';
import { capacityOf, type Deposit, type Payout, type Terms } from './contract.ts';
import { bareInput, lessFee } from './payment-plan.ts';
import { extraBytes, SIGNATURE_BYTES } from './tx-size.ts';

/** Version, lock time, counts and one P2PKH output. */
const FRAME_BYTES = 4 + 4 + 1 + 1 + 34;
/** Outpoint, sequence and a three-byte script length. */
const INPUT_BYTES = 36 + 4 + 3;
/** With a height of full length. */
const SCRIPT_BYTES = 106;
const LATE_INPUT_BYTES = INPUT_BYTES + 1 + SIGNATURE_BYTES + 1 + 2 + SCRIPT_BYTES;
const SECRET_INPUT_BYTES = LATE_INPUT_BYTES + 33;

/** Upper bounds of the bytes of a transaction that takes one such output to a P2PKH output, late or with the secret. */
export const LATE_BYTES: number = FRAME_BYTES + LATE_INPUT_BYTES;
export const SECRET_BYTES: number = FRAME_BYTES + SECRET_INPUT_BYTES;

/** Who takes an output that is for one side with a secret at once, and for the other alone from a height on. */
export interface SecretOrHeight {
  /** HASH160 of 32 bytes. */
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

/** An output to take: its script, and the secret where that is how. */
export interface Taken {
  readonly output: Deposit;
  readonly code: Uint8Array;
  readonly secret?: Uint8Array;
}

/** Takes outputs by one branch of their scripts each; `lockTime` is 0 where none is taken late. */
export function take(terms: Terms, taken: readonly Taken[], lockTime: number, to: Payout, signer: Signer): Transaction | Refusal {
  const bytes = taken.reduce((sum, { secret }) => sum + (secret === undefined ? LATE_INPUT_BYTES : SECRET_INPUT_BYTES), FRAME_BYTES);
  const outputs = taken.map(({ output }) => output);
  const value = lessFee(terms, capacityOf(outputs), bytes + extraBytes(to.script), to.feeRate);
  if (isRefusal(value)) return value;
  const { version, sequence } = terms.contract.form;
  const unsigned = { version, inputs: outputs.map((one) => bareInput(one, sequence)), outputs: [{ value, script: to.script }], lockTime };
  const inputs = unsigned.inputs.map((input, i) => {
    const one = taken[i];
    if (one === undefined) throw new Error('each input is of one output');
    const { code, secret } = one;
    const signature = encodeSignature(signer.sign(signatureHash(unsigned, i, code, SIGHASH.ALL)), SIGHASH.ALL);
    return { ...input, script: secret === undefined ? script(signature, 'OP_0', code) : script(signature, secret, 1, code) };
  });
  return { ...unsigned, inputs };
}
