import { amount } from '../../src/core/base/amount.ts';
import { blocksOn } from '../../src/core/base/lock-time.ts';
import type { Coin, Span } from '../../src/core/coin/coin.ts';
import type { Contract } from '../../src/core/contract/contract.ts';
import { contracts } from '../../src/core/contract/registry.ts';
import { defaultTerms, type MerchantTerms } from '../../src/merchant/terms.ts';

/** Few blocks, so that tests mine few: a deposit counts at two, and a channel can be refunded after sixteen. */
export const SHORT: Span = {
  closingMargin: 4,
  minLifetime: 16,
  maxLifetime: 5_000,
};

/** Blocks of a lifetime: `more` than the shortest of `shortTerms`. */
export function shortLife(coin: Coin, contract: Contract = contracts[0], more = 0): number {
  return SHORT.minLifetime + leastMargin(coin, contract) + more;
}

/** What payments that can be taken back need at least, which no test makes shorter; nothing for others. */
function leastMargin(coin: Coin, { revocation }: Contract): number {
  const refused = revocation?.refuseTerms({ coin, signing: { kind: 'fixed', fee: amount(0n) }, closingMargin: 0 });
  return Number(refused?.detail['least'] ?? 0);
}

/** Terms with such a span, in blocks or in as many seconds as they take; small deposits will do. */
export function shortTerms(coin: Coin, contract: Contract = contracts[0]): MerchantTerms {
  const as = (blocks: number): number => blocksOn(contract.expiresBy, blocks, coin.blockSeconds);
  const closingMargin = Math.max(SHORT.closingMargin, leastMargin(coin, contract));
  const span = { closingMargin: as(closingMargin), minLifetime: as(shortLife(coin, contract)), maxLifetime: as(SHORT.maxLifetime) };
  return { ...defaultTerms(coin, contract), ...span, minDeposit: amount(coin.policy.dust * 10n) };
}
