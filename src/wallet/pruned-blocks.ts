import { txId } from '../core/base/bytes.ts';
import { after, type Height, height } from '../core/base/height.ts';
import { outpointKey } from '../core/tx/transaction.ts';
import { locatorTip } from '../engine/block-locator.ts';
import { type Block, type Chain, WorldError } from '../engine/ports.ts';
import type { OwnOutput, OwnTransaction } from './state.ts';
import { CURSOR_ID, cursorOf, type StoredWallet } from './stored-wallet.ts';

/** Marks an output as spent by an unknown transaction. */
const UNKNOWN = txId('0'.repeat(64));

export function isPruned(error: unknown): boolean {
  return error instanceof WorldError && error.code === 'node-pruned';
}

/** The lowest block that the node has not deleted, above one that it has. @throws WorldError when the chain changes meanwhile. */
export async function lowestKept(chain: Chain, deleted: Height, tip: Height): Promise<Block> {
  let [below, above] = [deleted, tip];
  let lowest = await keptAt(chain, tip);
  while (above - below > 1) {
    const middle = height(Math.floor((below + above) / 2));
    const found = await keptAt(chain, middle).catch((error: unknown) => {
      if (isPruned(error)) return undefined;
      throw error;
    });
    if (found === undefined) below = middle;
    else [above, lowest] = [middle, found];
  }
  return lowest;
}

async function keptAt(chain: Chain, at: Height): Promise<Block> {
  const block = await chain.block(at);
  if (block === undefined) throw new WorldError('node-down', `The node no longer has block ${at}.`, 'Try again.');
  return block;
}

/**
 * Continues before `first`, the lowest block that exists. For own transactions and outputs, unspent outputs show what happened meanwhile; other
 * incoming payments stay unknown.
 */
export async function skipPrunedBlocks(chain: Chain, ledger: StoredWallet, first: Block): Promise<void> {
  const last = after(first.height, -1);
  for (const own of ledger.transactions.all()) {
    if (own.stage.kind !== 'mined' && (await wasMined(chain, own)))
      ledger.transactions.set(own.txid, { ...own, stage: { kind: 'mined', height: last } });
  }
  for (const output of ledger.outputs.all()) {
    if (output.use.kind !== 'spent') ledger.outputs.set(outpointKey(output.outpoint), await seenNow(chain, ledger, output, last));
  }
  const cursor = cursorOf(ledger);
  const unread = (cursor.unread ?? 0) + last - locatorTip(cursor.trail).height;
  ledger.cursor.set(CURSOR_ID, { ...cursor, birthday: last, trail: [{ height: last, hash: first.previous }], unread });
}

/** A node without an index no longer knows a transaction whose outputs are all spent: then its inputs are gone too. */
async function wasMined(chain: Chain, { txid, transaction }: OwnTransaction): Promise<boolean> {
  const seen = await chain.transaction(txid);
  if (seen !== undefined) return seen.depth > 0;
  const inputs = await Promise.all(transaction.inputs.map(({ outpoint }) => chain.output(outpoint)));
  return inputs.every((input) => input === undefined);
}

async function seenNow(chain: Chain, ledger: StoredWallet, output: OwnOutput, last: Height): Promise<OwnOutput> {
  const { outpoint, use } = output;
  const isMined = output.place.kind === 'mined' || ledger.transactions.get(outpoint.txid)?.stage.kind === 'mined';
  const place: OwnOutput['place'] = isMined && output.place.kind !== 'mined' ? { kind: 'mined', height: last } : output.place;
  if (use.kind === 'reserved') {
    const isSpent = ledger.transactions.get(use.by)?.stage.kind === 'mined';
    return { ...output, place, use: isSpent ? { kind: 'spent', by: use.by, height: last } : use };
  }
  const isThere = !isMined || (await chain.output(outpoint)) !== undefined;
  return { ...output, place, use: isThere ? use : { kind: 'spent', by: UNKNOWN, height: last } };
}
