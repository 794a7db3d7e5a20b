import type { Transaction } from '../tx/transaction.ts';
import { type AssetCodec, type AssetSend, nativeCoin } from './asset-codec.ts';
import { counterparty } from './counterparty.ts';

/** All asset codecs: the only list of them. The first is the default. */
export const assetCodecs: readonly [AssetCodec, ...AssetCodec[]] = [nativeCoin, counterparty];

/** The send that a transaction's data claims, and the codec that reads it. */
export function readAssetSend(tx: Transaction): { readonly codec: AssetCodec; readonly send: AssetSend } | undefined {
  for (const codec of assetCodecs) {
    const send = codec.read(tx);
    if (send !== undefined) return { codec, send };
  }
  return undefined;
}
