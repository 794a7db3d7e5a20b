import type { Transaction } from '../tx/transaction.ts';
import { type Asset, type AssetCodec, type AssetSend, nativeCoin } from './asset-codec.ts';
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

export function assetCodecById(id: string): AssetCodec | undefined {
  return assetCodecs.find((one) => one.id === id);
}

/** An asset as `codec:name`; undefined when there is none of that name. */
export function assetNamed(text: string): Asset | undefined {
  const [id = '', name = '', ...others] = text.split(':');
  const codec = assetCodecById(id);
  const number = others.length === 0 ? codec?.assetOf(name) : undefined;
  return codec === undefined || number === undefined || number === 0n ? undefined : { codec, number };
}

export function nameOfAsset({ codec, number }: Asset): string {
  return `${codec.id}:${codec.nameOf(number) ?? number}`;
}
