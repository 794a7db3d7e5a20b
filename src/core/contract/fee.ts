import { type Amount, amount, feeFor, greatest, least, MAX_AMOUNT, subtract, ZERO } from '../base/amount.ts';
import type { LockTime } from '../base/height.ts';
import type { Policy } from '../coin/coin.ts';
import { outpointKey, type Transaction, transactionSize } from '../tx/transaction.ts';
import type { Deposit, Terms } from './contract.ts';
import { coinsOf } from './units.ts';

/** From this sequence on, an input does not allow its transaction to be replaced. */
const LEAST_LASTING_SEQUENCE = 0xffff_fffe;

/** How urgent a transaction is: what multiple of the going rate it may pay, and the largest part of the money at stake. */
export interface Urgency {
  readonly factor: bigint;
  /** The part as 1/share. */
  readonly share: bigint;
}

/** A close near the expiry may cost 1/LAST_SHARE of its total: half of the money is spent to save the other half. */
export const LAST_SHARE = 2n;

/** What a transaction pays, and its size in bytes. */
export interface Cost {
  readonly fee: Amount;
  readonly size: number;
  /** Fees of all its unconfirmed descendants: a replacement has to pay those as well (BIP125 rule 3). */
  readonly burden?: Amount;
}

/**
 * A close that is not mined by the expiry is lost, so it pays more with each quarter of the margin: first the going rate, then 3, 10 and 100 times
 * that, so it is mined even if the estimate is wrong. The part of the total that it may cost grows too: a tenth at first, half in the last quarter,
 * where it saves the other half. It always pays the coin's own rate.
 */
export function closeUrgency({ expiry, closingMargin }: Pick<Terms, 'expiry' | 'closingMargin'>, reached: LockTime): Urgency {
  const left = (expiry - reached) * 4;
  if (left > 3 * closingMargin) return { factor: 1n, share: 10n };
  if (left > 2 * closingMargin) return { factor: 3n, share: 5n };
  return left > closingMargin ? { factor: 10n, share: 3n } : { factor: 100n, share: LAST_SHARE };
}

/**
 * A refund has no deadline: it pays more after half a margin, and once more after a whole one, but never more than a tenth. `contest`: the part it
 * may pay when it has to replace a transaction that blocks it. In the end that is half, because the other side could block it for ever.
 */
export function refundUrgency(
  { expiry, closingMargin }: Pick<Terms, 'expiry' | 'closingMargin'>,
  reached: LockTime,
): Urgency & { readonly contest: bigint } {
  const late = (reached - expiry) * 2;
  if (late < closingMargin) return { factor: 1n, share: 10n, contest: 10n };
  return late < 2 * closingMargin ? { factor: 3n, share: 10n, contest: 10n } : { factor: 10n, share: 10n, contest: 2n };
}

/** A multiple of a rate. The result has a bound, in case a node reports an absurd rate. */
export function times(feeRate: Amount, factor: bigint): Amount {
  return atMost(feeRate * factor);
}

function atMost(value: bigint): Amount {
  return value < MAX_AMOUNT ? amount(value) : MAX_AMOUNT;
}

/**
 * The rate of a transaction of at most `size` bytes. It is the wanted rate, limited by the share of `stake` (less an output's worth that has to
 * remain) and by the coin's `maxFee`; never below the coin's own rate.
 */
export function affordableRate(policy: Policy, wanted: Amount, share: bigint, stake: Amount, size: number): Amount {
  const spendable = stake > policy.dust ? subtract(stake, policy.dust) : ZERO;
  const most = least(least(amount(stake / share), spendable), policy.maxFee);
  return greatest(least(wanted, rateOf({ fee: most, size })), policy.feeRate);
}

/** What a transaction pays; undefined when it spends anything but these deposits, because the value of such inputs is unknown. */
export function costOf(transaction: Transaction, deposits: readonly Deposit[]): Cost | undefined {
  const values = new Map<string, bigint>(deposits.map((one) => [outpointKey(one.outpoint), coinsOf(one)]));
  let fee = -transaction.outputs.reduce((sum, { value }) => sum + value, 0n);
  for (const { outpoint } of transaction.inputs) {
    const value = values.get(outpointKey(outpoint));
    if (value === undefined) return undefined;
    fee += value;
  }
  return fee < 0n ? undefined : { fee: amount(fee), size: transactionSize(transaction) };
}

/** The rate of a fee for a number of bytes, rounded down as nodes do (`CFeeRate`). */
export function rateOf({ fee, size }: Cost): Amount {
  return atMost((fee * 1000n) / BigInt(size));
}

/** The lowest rate at which a transaction of at least `size` bytes can replace one of this cost. */
export function raisedRate(policy: Policy, before: Cost, size: number): Amount {
  const fee = greatest(atMost((before.fee * 3n + 1n) / 2n), leastFee(policy, before, size));
  return atMost(greatest(rateOf({ fee, size }), rateOf(before)) + 1n);
}

/** The fee that nodes ask of a replacement: the fees of everything it replaces, and the relay fee for its own size (BIP125 rules 3 and 4). */
function leastFee(policy: Policy, { fee, burden = ZERO }: Cost, size: number): Amount {
  return atMost(fee + burden + feeFor(size, policy.minRelayFeeRate));
}

/** The part of a transaction that says whether it may be replaced. */
interface Sequenced {
  readonly inputs: readonly Pick<Transaction['inputs'][number], 'sequence'>[];
}

/** Whether nodes let another version replace a transaction in the mempool: where replacement is opt-in, one of its inputs has to say so (BIP125). */
export function isReplaceable({ replacement }: Policy, { inputs }: Sequenced): boolean {
  if (replacement !== 'opt-in') return replacement === 'always';
  return inputs.some(({ sequence }) => sequence < LEAST_LASTING_SEQUENCE);
}

/** Whether the payee can't replace its transaction with another version. */
export function isFinal({ signing, coin }: Pick<Terms, 'signing' | 'coin'>, transaction: Sequenced): boolean {
  return signing.kind === 'fixed' || !isReplaceable(coin.policy, transaction);
}

/** The cost of several transactions together; undefined when one of them is unknown. */
export function sumOf(costs: readonly (Cost | undefined)[]): Cost | undefined {
  const plus = (a: Cost, b: Cost): Cost => ({
    fee: atMost(a.fee + b.fee),
    size: a.size + b.size,
    burden: atMost((a.burden ?? 0n) + (b.burden ?? 0n)),
  });
  return costs.reduce((sum, cost) => sum && cost && plus(sum, cost), { fee: ZERO, size: 0 });
}

/**
 * Whether nodes let the new version replace the old one (BIP125 rules 3, 4 and the higher rate), and it pays half as much again: so a close is
 * replaced only a few times on its way from 1 to 100 times the rate, even if the rate goes up and down.
 */
export function isRaise(policy: Policy, before: Cost, after: Cost): boolean {
  if (after.fee * 2n < before.fee * 3n || rateOf(after) <= rateOf(before)) return false;
  return after.fee >= leastFee(policy, before, after.size);
}
