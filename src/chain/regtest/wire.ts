import { concatBytes } from '../../core/base/bytes.ts';
import { decodeTransaction, decodeWitnessed, type Transaction } from '../../core/tx/transaction.ts';

/** A transaction as it was handed in. Its witnesses are not kept, only whether it has any. */
export interface Submitted {
  readonly transaction: Transaction;
  readonly hasWitness: boolean;
}

const VERSION_SIZE = 4;
const LOCK_TIME_SIZE = 4;
/** Version, no inputs, no outputs, lock time. */
const EMPTY_SIZE = 10;

/**
 * Reads a whole transaction as the chain's node does (`primitives/transaction.h`, UnserializeTransaction): an input count of zero means SegWit's
 * marker. Undefined: the node can't decode it.
 */
export function readSubmitted(bytes: Uint8Array, dialect: 'dogecoin' | 'litecoin'): Submitted | undefined {
  if (bytes[VERSION_SIZE] !== 0 || (bytes[VERSION_SIZE + 1] === 0 && bytes.length === EMPTY_SIZE)) {
    const transaction = decodeTransaction(bytes);
    return transaction && { transaction, hasWitness: false };
  }
  if (bytes[VERSION_SIZE + 1] !== 1) return undefined;
  const witnessed = decodeWitnessed(bytes);
  if (witnessed !== undefined) return { transaction: witnessed, hasWitness: true };
  // Litecoin Core calls witnesses without items superfluous and stops reading.
  const plain = dialect === 'dogecoin' ? withoutEmptyWitnesses(bytes) : undefined;
  const transaction = plain && decodeTransaction(plain);
  return transaction && { transaction, hasWitness: false };
}

/** The plain form of a transaction in which every input has an empty witness: that is one zero byte for each input before the lock time. */
function withoutEmptyWitnesses(bytes: Uint8Array): Uint8Array | undefined {
  const inputs = inputCount(bytes.subarray(VERSION_SIZE + 2));
  const lockTime = bytes.length - LOCK_TIME_SIZE;
  const body = bytes.subarray(VERSION_SIZE + 2, lockTime - inputs);
  const isEmpty =
    inputs > 0 && lockTime - inputs > VERSION_SIZE + 2 && bytes.subarray(lockTime - inputs, lockTime).every((byte) => byte === 0);
  return isEmpty ? concatBytes(bytes.subarray(0, VERSION_SIZE), body, bytes.subarray(lockTime)) : undefined;
}

function inputCount([first = 0, low = 0, high = 0]: Uint8Array): number {
  return first === 0xfd ? low + high * 256 : first;
}
