import type { Amount } from '../../src/core/base/amount.ts';
import { equalBytes } from '../../src/core/base/bytes.ts';
import { isOwnClose } from '../../src/core/channel/payee-close-rbf.ts';
import type { PayeeState } from '../../src/core/channel/payee-state.ts';
import { depthFor } from '../../src/core/coin/coin.ts';
import { dogecoinRegtest as coin } from '../../src/core/coin/dogecoin.ts';
import { capacityOf, type Deposit, type Terms } from '../../src/core/contract/contract.ts';
import type { OfferedTerms } from '../../src/core/message/message.ts';
import { outpointKey } from '../../src/core/tx/transaction.ts';
import type { MerchantTerms } from '../../src/merchant/terms.ts';
import { idOf } from './chain.ts';

/** No close of one deposit is shorter. */
const LEAST_CLOSE_BYTES = 200n;
/** Looks at the chain within which what is under way when fees change has its answer. */
const LOOKS = 3;
/** Blocks that a program may be behind when it judges an offer. */
const LATE = 60;

/** Deposits as they are taken, and what is known of them. */
export interface Taking {
  readonly terms: Terms;
  readonly deposits: readonly Deposit[];
  /** Those of them that are taken now. */
  readonly fresh: readonly Deposit[];
  /** The offer lets them wait in the mempool. */
  readonly isUnconfirmed: boolean;
  readonly depthOf: (deposit: Deposit) => number;
}

/** What a shop stands by at present, whatever it has offered before. */
export class Standing {
  #terms: MerchantTerms;
  #payeeScript: Uint8Array;
  /** Everything that any of its closes pays to. */
  readonly scripts: Uint8Array[];

  constructor(terms: MerchantTerms, payeeScript: Uint8Array) {
    this.#terms = terms;
    this.#payeeScript = payeeScript;
    this.scripts = [payeeScript];
  }

  change(terms: MerchantTerms, payeeScript: Uint8Array): void {
    this.#terms = terms;
    this.#payeeScript = payeeScript;
    if (!this.isOwn(payeeScript)) this.scripts.push(payeeScript);
  }

  isOwn(script: Uint8Array): boolean {
    return this.scripts.some((one) => equalBytes(one, script));
  }

  /** Why deposits are not to be taken; undefined when they may be. */
  fault({ terms, deposits, fresh, isUnconfirmed, depthOf }: Taking): string | undefined {
    const { minDeposit, maxDeposit, closingMargin, depth } = this.#terms;
    const capacity = capacityOf(deposits);
    const isFirst = fresh.length === deposits.length;
    if (capacity > maxDeposit) return `${capacity} where the shop takes ${maxDeposit}`;
    if (isFirst && capacity < minDeposit) return `${capacity} where the shop wants ${minDeposit}`;
    if (isFirst && terms.closingMargin < closingMargin) return `a margin of ${terms.closingMargin}, not ${closingMargin}`;
    if (isFirst && !equalBytes(terms.payeeScript, this.#payeeScript)) return 'a payout that is not the shop’s any more';
    const needed = depthFor(depth, capacity);
    const shallow = isUnconfirmed ? undefined : fresh.find((deposit) => depthOf(deposit) < needed);
    return shallow && `${outpointKey(shallow.outpoint)} at ${depthOf(shallow)} of ${needed} blocks`;
  }
}

/** Whether a channel comes too late for its offer: nothing of it was in a block in time. `firstAt`: height of the block of its first deposit. */
export function isOverdue(offer: OfferedTerms, tip: number, firstAt: number | undefined): boolean {
  const { until = Number.POSITIVE_INFINITY } = offer.origin ?? {};
  return tip > until + LATE && (firstAt === undefined || firstAt > until);
}

/** The rate of fees as a shop has to know it: the lowest that it can have read at its last looks at the chain. */
export class Market {
  #rate: bigint = coin.policy.feeRate;
  #open: { least: bigint } | undefined;
  #looks: { least: bigint }[] = [];

  set rate(rate: bigint) {
    this.#rate = rate;
    for (const look of [...this.#looks, ...(this.#open === undefined ? [] : [this.#open])]) if (rate < look.least) look.least = rate;
  }

  begin(): void {
    this.#open = { least: this.#rate };
  }

  end(): void {
    if (this.#open !== undefined) this.#looks = [...this.#looks, this.#open].slice(-LOOKS);
    this.#open = undefined;
  }

  get seen(): bigint {
    const usual: bigint = coin.policy.feeRate;
    if (this.#looks.length < LOOKS) return usual;
    const least = this.#looks.map((look) => look.least).reduce((a, b) => (a < b ? a : b));
    return least > usual ? least : usual;
  }

  /** Whether nothing would be left of a total once its close is paid for. */
  isEatenUp({ signing }: Terms, total: bigint): boolean {
    const spendable = signing.kind === 'fixed' ? total + signing.fee : total;
    return this.seen > coin.policy.feeRate && spendable * 1000n <= this.seen * LEAST_CLOSE_BYTES;
  }

  /** Whether an end pays less than the payee's own close would: the rate of the day, as far as a tenth of the total goes. */
  isSlowEnd(state: PayeeState): boolean {
    if (state.kind !== 'closing' || state.best === undefined || state.terms.signing.kind === 'fixed' || isOwnClose(state)) return false;
    const { transaction, deposits, best } = state;
    const values = new Map<string, Amount>(deposits.map(({ outpoint, value }) => [outpointKey(outpoint), value]));
    const taken = transaction.inputs.reduce((sum, { outpoint }) => sum + (values.get(outpointKey(outpoint)) ?? 0n), 0n);
    const fee = taken - transaction.outputs.reduce((sum, { value }) => sum + value, 0n);
    const going = (this.seen * BigInt(idOf(transaction).size)) / 1000n;
    const affordable = [going, best.total / 10n, best.total - coin.policy.dust, coin.policy.maxFee].reduce((a, b) => (a < b ? a : b));
    return fee < affordable;
  }
}
