import type { Transaction } from '../tx/transaction.ts';
import { type AssetCodec, type AssetSend, nativeCoin } from './asset-codec.ts';
import { counterparty } from './counterparty.ts';

/** Every way in which a transaction can move an asset: the only list of them. The first is the default. */
export const assetCodecs: readonly [AssetCodec, ...AssetCodec[]] = [nativeCoin, counterparty];

/** What the transaction's data says it moves, and whose word that is. */
export function readAssetSend(tx: Transaction): { readonly codec: AssetCodec; readonly send: AssetSend } | undefined {
  for (const codec of assetCodecs) {
    const send = codec.read(tx);
    if (send !== undefined) return { codec, send };
  }
  return undefined;
}
