import { bitcoin, bitcoinRegtest, bitcoinTest } from './bitcoin.ts';
import type { Coin } from './coin.ts';
import { dogecoin, dogecoinRegtest, dogecoinTest } from './dogecoin.ts';
import { litecoin, litecoinRegtest, litecoinTest } from './litecoin.ts';

/** Every chain pawment knows: the only list of them. */
export const coins: readonly Coin[] = [
  dogecoin,
  dogecoinTest,
  dogecoinRegtest,
  litecoin,
  litecoinTest,
  litecoinRegtest,
  bitcoin,
  bitcoinTest,
  bitcoinRegtest,
];

export function coinById(id: string): Coin | undefined {
  return coins.find((coin) => coin.id === id);
}

export function coinByGenesis(hash: string): Coin | undefined {
  return coins.find((coin) => coin.genesis === hash);
}
