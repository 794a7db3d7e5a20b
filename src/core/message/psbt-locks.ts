import { type Amount, isAmount } from '../base/amount.ts';
import { equalBytes } from '../base/bytes.ts';
import { isHeight } from '../base/height.ts';
import { type Refusal, refuse } from '../base/refusal.ts';
import type { Payment, Plan, Terms } from '../contract/contract.ts';
import type { HashLock } from '../contract/pending.ts';
import { readScript } from '../tx/script.ts';
import { readNumber } from '../tx/script-number.ts';
import type { ChannelPsbt } from './psbt-codec.ts';

const HASH_BYTES = 20;
const HEIGHT_BYTES = 4;

/** The scripts of what is pending, by the index of their outputs: they stand behind the payer's change. */
export function hashedIn(terms: Terms, { locks = [], change }: Plan): ReadonlyMap<number, Uint8Array> {
  const { hashLocks } = terms.contract;
  const first = change > 0n ? 1 : 0;
  return new Map(locks.flatMap((lock, i) => (hashLocks ? [[first + i, hashLocks.script(terms, lock)] as const] : [])));
}

/** What is pending, as the scripts that stand beside outputs say: those that the same scripts come of. */
export function readLocks({ outputs, transaction }: ChannelPsbt, terms: Terms): Pick<Payment, 'locks'> | Refusal {
  const { hashLocks } = terms.contract;
  if (hashLocks === undefined) return {};
  const locks: HashLock[] = [];
  for (const [i, { redeemScript }] of outputs.entries()) {
    const value = transaction.outputs[i]?.value ?? 0n;
    const lock = redeemScript && isAmount(value) ? readLock(redeemScript, value) : undefined;
    // Whatever else stands there has no place in any payment.
    if (lock === undefined || redeemScript === undefined) continue;
    if (!equalBytes(hashLocks.script(terms, lock), redeemScript)) return refuse('script-unknown');
    locks.push(lock);
  }
  return locks.length === 0 ? {} : { locks };
}

/** The hash is the only push of its length, and the height the number before OP_CHECKLOCKTIMEVERIFY. */
function readLock(shown: Uint8Array, amount: Amount): HashLock | undefined {
  const parts = readScript(shown) ?? [];
  const hash = parts.find((part) => part instanceof Uint8Array && part.length === HASH_BYTES);
  const from = parts[parts.indexOf('CHECKLOCKTIMEVERIFY') - 1];
  const expiry = from instanceof Uint8Array ? readNumber(from, HEIGHT_BYTES) : from;
  return hash instanceof Uint8Array && typeof expiry === 'number' && isHeight(expiry) ? { amount, hash, expiry } : undefined;
}
