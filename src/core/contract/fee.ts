import { type Amount, amount, feeFor, greatest, least, MAX_AMOUNT, subtract, ZERO } from '../base/amount.ts';
import type { LockTime } from '../base/height.ts';
import type { Policy } from '../coin/coin.ts';
import { outpointKey, type Transaction, transactionSize } from '../tx/transaction.ts';
import type { Deposit, Terms } from './contract.ts';

/** From here on a sequence does not say that its transaction may be replaced. */
const LEAST_LASTING_SEQUENCE = 0xffff_fffe;

/** How pressing it is that a transaction is mined: how many times the going rate it may pay, and at most what part of the money at stake. */
export interface Urgency {
  readonly factor: bigint;
  /** One part in so many. */
  readonly share: bigint;
}

/** One part in so many of a total may be spent on its close when the expiry is near: half of it saves the other half. */
export const LAST_SHARE = 2n;

/** What a transaction pays, and for how many bytes. */
export interface Cost {
  readonly fee: Amount;
  readonly size: number;
  /** What everything pays that builds on it where it waits: whatever takes its place pays that as well (BIP125 rule 3). */
  readonly burden?: Amount;
}

/**
 * A close that is not mined by the expiry is lost, so it pays more with each quarter of the margin: the going rate, then 3, 10 and 100 times
 * that, which also gets past an estimate that is wrong. What is spent on it grows with the danger: a tenth of the total at first, half of it
 * in the last quarter, where the other half is saved by it. The coin's own rate is always paid.
 */
export function closeUrgency({ expiry, closingMargin }: Terms, reached: LockTime): Urgency {
  const left = (expiry - reached) * 4;
  if (left > 3 * closingMargin) return { factor: 1n, share: 10n };
  if (left > 2 * closingMargin) return { factor: 3n, share: 5n };
  return left > closingMargin ? { factor: 10n, share: 3n } : { factor: 100n, share: LAST_SHARE };
}

/**
 * A refund has no deadline: it pays more after half a margin, and once more after a whole one, but never more than a tenth. `contest`: the part that
 * may go when what waits in its way has to be outpaid, half of it in the end, since who holds it up can do so for ever.
 */
export function refundUrgency({ expiry, closingMargin }: Terms, reached: LockTime): Urgency & { readonly contest: bigint } {
  const late = (reached - expiry) * 2;
  if (late < closingMargin) return { factor: 1n, share: 10n, contest: 10n };
  return late < 2 * closingMargin ? { factor: 3n, share: 10n, contest: 10n } : { factor: 10n, share: 10n, contest: 2n };
}

/** So many times a rate; a node that names an absurd one does not break the arithmetic. */
export function times(feeRate: Amount, factor: bigint): Amount {
  return atMost(feeRate * factor);
}

function atMost(value: bigint): Amount {
  return value < MAX_AMOUNT ? amount(value) : MAX_AMOUNT;
}

/**
 * The rate that a transaction of at most `size` bytes pays: what is wanted, as far as the share of `stake`, an output's worth that has to be left
 * of it, and the coin's `maxFee` allow; never less than the coin's own rate.
 */
export function affordableRate(policy: Policy, wanted: Amount, share: bigint, stake: Amount, size: number): Amount {
  const spendable = stake > policy.dust ? subtract(stake, policy.dust) : ZERO;
  const most = least(least(amount(stake / share), spendable), policy.maxFee);
  return greatest(least(wanted, rateOf({ fee: most, size })), policy.feeRate);
}

/** What a transaction pays; undefined when it spends anything but these deposits, since nobody says then what that is worth. */
export function costOf(transaction: Transaction, deposits: readonly Deposit[]): Cost | undefined {
  const values = new Map<string, bigint>(deposits.map(({ outpoint, value }) => [outpointKey(outpoint), value]));
  let fee = -transaction.outputs.reduce((sum, { value }) => sum + value, 0n);
  for (const { outpoint } of transaction.inputs) {
    const value = values.get(outpointKey(outpoint));
    if (value === undefined) return undefined;
    fee += value;
  }
  return fee < 0n ? undefined : { fee: amount(fee), size: transactionSize(transaction) };
}

/** The rate of so much for so many bytes, rounded down as nodes do (`CFeeRate`). */
export function rateOf({ fee, size }: Cost): Amount {
  return atMost((fee * 1000n) / BigInt(size));
}

/** The lowest rate at which a transaction of at least `size` bytes is a raise of what cost so much. */
export function raisedRate(policy: Policy, before: Cost, size: number): Amount {
  const fee = greatest(atMost((before.fee * 3n + 1n) / 2n), leastFee(policy, before, size));
  return atMost(greatest(rateOf({ fee, size }), rateOf(before)) + 1n);
}

/** What nodes ask of that which takes the place of another: the fees of all that goes with it, and for its own way (BIP125 rules 3 and 4). */
function leastFee(policy: Policy, { fee, burden = ZERO }: Cost, size: number): Amount {
  return atMost(fee + burden + feeFor(size, policy.minRelayFeeRate));
}

/** A transaction, as far as it says whether it may be replaced. */
interface Sequenced {
  readonly inputs: readonly Pick<Transaction['inputs'][number], 'sequence'>[];
}

/** Whether nodes let another version take the place of a transaction that waits: where that is opt-in, one of its inputs has to say so (BIP125). */
export function isReplaceable({ replacement }: Policy, { inputs }: Sequenced): boolean {
  if (replacement !== 'opt-in') return replacement === 'always';
  return inputs.some(({ sequence }) => sequence < LEAST_LASTING_SEQUENCE);
}

/** Whether the payee can't have another version of its transaction take the place of this one. */
export function isFinal({ signing, coin }: Pick<Terms, 'signing' | 'coin'>, transaction: Sequenced): boolean {
  return signing.kind === 'fixed' || !isReplaceable(coin.policy, transaction);
}

/** What transactions cost together; undefined when one of them can't be told. */
export function sumOf(costs: readonly (Cost | undefined)[]): Cost | undefined {
  const plus = (a: Cost, b: Cost): Cost => ({
    fee: atMost(a.fee + b.fee),
    size: a.size + b.size,
    burden: atMost((a.burden ?? 0n) + (b.burden ?? 0n)),
  });
  return costs.reduce((sum, cost) => sum && cost && plus(sum, cost), { fee: ZERO, size: 0 });
}

/**
 * Whether nodes let the new version take the place of the old (BIP125 rules 3, 4 and the higher rate), and it is half as much again: a close is
 * replaced a handful of times on its way from 1 to 100 times a rate, however that wavers.
 */
export function isRaise(policy: Policy, before: Cost, after: Cost): boolean {
  if (after.fee * 2n < before.fee * 3n || rateOf(after) <= rateOf(before)) return false;
  return after.fee >= leastFee(policy, before, after.size);
}
