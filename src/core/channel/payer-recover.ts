import { ZERO } from '../base/amount.ts';
import { capacityOf, channelIdOf, type Deposit, payerScript, type Terms } from '../contract/contract.ts';
import type { PayerState } from './payer-state.ts';

/** What the seed and the chain together tell about a channel. */
export interface Found {
  readonly terms: Terms;
  readonly keyName: string;
  readonly deposits: readonly Deposit[];
  /** The transactions that made the deposits. */
  readonly funding: readonly Uint8Array[];
}

/**
 * A channel of which everything else is lost. Everything may have been signed for the payee, so the whole capacity counts as signed; the payee can
 * show what it holds. All that comes back goes to the channel key, where the seed finds it.
 */
export function recoverChannel({ terms, keyName, deposits, funding }: Found): PayerState {
  const channel = channelIdOf(terms.coin, terms.contract.redeemScript(terms));
  const returnScript = payerScript(terms);
  const known = { deposits: [], offered: deposits, funding, signed: capacityOf(deposits), spent: ZERO };
  return { kind: 'funding', channel, terms, keyName, returnScript, ...known };
}
