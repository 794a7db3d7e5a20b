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

/** Terms with such a span, in blocks or in as many seconds as they take; small deposits will do. */
export function shortTerms(coin: Coin, contract: Contract = contracts[0]): MerchantTerms {
  const as = (blocks: number): number => blocksOn(contract.expiresBy, blocks, coin.blockSeconds);
  const { closingMargin, minLifetime, maxLifetime } = SHORT;
  const span = { closingMargin: as(closingMargin), minLifetime: as(minLifetime), maxLifetime: as(maxLifetime) };
  return { ...defaultTerms(coin, contract), ...span, minDeposit: amount(coin.policy.dust * 10n) };
}
