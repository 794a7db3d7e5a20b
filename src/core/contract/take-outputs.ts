import { isRefusal, type Refusal } from '../base/refusal.ts';
import type { Signer } from '../tx/sign.ts';
import type { Transaction } from '../tx/transaction.ts';
import { sendBytes, sendOutputs } from './asset-payments.ts';
import { signAll } from './close.ts';
import { capacityOf, type Deposit, type Payout, type Terms } from './contract.ts';
import { bareInput, lessFee } from './payment-plan.ts';
import { extraBytes } from './tx-size.ts';
import { coinsIn } from './units.ts';

/** Version, lock time, counts and one P2PKH output. */
export const FRAME_BYTES: number = 4 + 4 + 1 + 1 + 34;
/** Outpoint, sequence and a three-byte script length. */
export const INPUT_BYTES: number = 36 + 4 + 3;

/** An output of a close that one side takes. */
export interface Taken {
  readonly output: Deposit;
  /** Its redeem script. */
  readonly code: Uint8Array;
  /** Upper bound of the bytes of its input. */
  readonly bytes: number;
  /** Its scriptSig, from the signature with its hash type. */
  readonly unlock: (signature: Uint8Array) => Uint8Array;
}

/** What a transaction waits for: a height (BIP65), or blocks since each output (BIP68). */
export interface Wait {
  readonly lockTime: number;
  readonly sequence: number;
}

/** Takes outputs with ALL signatures of one key. */
export function takeOutputs(
  terms: Terms,
  taken: readonly Taken[],
  { lockTime, sequence }: Wait,
  to: Payout,
  signer: Signer,
): Transaction | Refusal {
  const bytes = taken.reduce((sum, one) => sum + one.bytes, FRAME_BYTES + sendBytes(terms));
  const outputs = taken.map(({ output }) => output);
  const value = lessFee(terms, coinsIn(outputs), bytes + extraBytes(to.script), to.feeRate);
  if (isRefusal(value)) return value;
  const { version } = terms.contract.form;
  const made = [{ value, script: to.script }, ...sendOutputs(terms, capacityOf(outputs), outputs[0]?.outpoint.txid)];
  const unsigned = { version, inputs: outputs.map((one) => bareInput(one, sequence)), outputs: made, lockTime };
  const inputs = unsigned.inputs.map((input, i) => {
    const one = taken[i];
    if (one === undefined) throw new Error('each input is of one output');
    return { ...input, script: one.unlock(signAll(unsigned, i, one.code, signer)) };
  });
  return { ...unsigned, inputs };
}
