import { bytesToHex } from '../core/base/bytes.ts';
import { after, type Height, height } from '../core/base/height.ts';
import type { Coin } from '../core/coin/coin.ts';
import { hash160 } from '../core/tx/script.ts';
import { type Chain, type KeyRing, type Store, WorldError } from '../engine/ports.ts';
import { branchKeyName } from './key-branch.ts';
import type { Cursor } from './state.ts';
import { CURSOR_ID, loadStoredWallet, saveStoredWallet } from './stored-wallet.ts';
import { markAt } from './sync.ts';

/**
 * Makes sure that the store has a cursor for this seed's wallet; a new one starts a little before `birthday`, or before the tip when none is given.
 * @throws WorldError `config` when the store belongs to another seed.
 */
export async function ensureCursor(chain: Chain, store: Store, keys: KeyRing, birthday: Height | undefined): Promise<void> {
  const { coin } = chain;
  const wallet = fingerprintOf(coin, keys);
  for (;;) {
    const ledger = await loadStoredWallet(store, coin);
    const known = ledger.cursor.get(CURSOR_ID);
    if (known !== undefined && known.wallet !== wallet) {
      throw new WorldError('config', 'This store belongs to the wallet of another seed.', 'Use that seed, or another store.');
    }
    if (known !== undefined) return;
    ledger.cursor.set(CURSOR_ID, await freshCursor(chain, wallet, birthday));
    if (await saveStoredWallet(store, ledger)) return;
  }
}

async function freshCursor(chain: Chain, wallet: string, birthday: Height | undefined): Promise<Cursor> {
  const tip = await chain.tip();
  // A reorganisation may put the first payment into a block that is not higher than the present tip.
  const start = after(height(Math.min(birthday ?? tip.height, tip.height)), -chain.coin.channel.buried);
  return { kind: birthday === undefined ? 'following' : 'restoring', wallet, birthday: start, trail: [await markAt(chain, start)] };
}

function fingerprintOf(coin: Coin, keys: KeyRing): string {
  return bytesToHex(hash160(keys.signer(branchKeyName(coin, 'receive', 0)).publicKey));
}
