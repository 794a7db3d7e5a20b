import { amount, MAX_AMOUNT } from '../core/base/amount.ts';
import type { FundingView } from '../core/channel/state-machine.ts';
import type { Terms } from '../core/contract/contract.ts';
import { type Indexer, WorldError } from './ports.ts';

/**
 * What the node says of announced deposits, in the channel's unit. What there is of an asset the payee's own indexer says, never the payer: as much as
 * no reorganisation will undo.
 */
export async function inChannelUnit(
  views: readonly FundingView[],
  terms: Terms,
  indexer: Indexer | undefined,
): Promise<readonly FundingView[]> {
  const { asset, contract, coin } = terms;
  if (asset === undefined) return views;
  if (indexer === undefined) throw noIndexer();
  const { quantity, oldest } = await indexer.holding(asset, contract.outputScript(terms), coin.channel.buried);
  const value = amount(quantity < MAX_AMOUNT ? quantity : MAX_AMOUNT);
  return views.map((view) => (view.kind === 'unspent' ? { ...view, value, coins: view.value, oldest } : view));
}

export function noIndexer(): WorldError {
  return new WorldError('config', 'Nobody can say what a channel holds of an asset.', 'Give the merchant an indexer.');
}
