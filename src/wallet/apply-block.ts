import { isAmount } from '../core/base/amount.ts';
import type { TxId } from '../core/base/bytes.ts';
import type { Height } from '../core/base/height.ts';
import { type Outpoint, outpointKey, type Transaction } from '../core/tx/transaction.ts';
import { extendLocator, truncateLocator } from '../engine/block-locator.ts';
import type { Block } from '../engine/ports.ts';
import { markUsed } from './key-branch.ts';
import type { OwnOutput, Use } from './state.ts';
import { branchOf, CURSOR_ID, coverKeys, cursorOf, type GapLimits, type StoredWallet } from './stored-wallet.ts';
import type { Watch } from './watched-keys.ts';

/** Spent outputs and mined transactions are forgotten after so many blocks. A deeper reorganisation needs a scan from the birthday. */
export const RETAINED_BLOCKS = 1_000;

const NO_TXID = '0'.repeat(64);

/**
 * Adds one block to the ledger. @returns own transactions that can never be mined any more, because the block spends one of their inputs in another
 * way.
 */
export function applyBlock(ledger: StoredWallet, watch: Watch, gaps: GapLimits, block: Block): readonly TxId[] {
  discoverKeys(ledger, watch, gaps, block);
  const dead = block.transactions.flatMap(({ txid, transaction }) => applyTransaction(ledger, watch, txid, transaction, block.height));
  const cursor = cursorOf(ledger);
  ledger.cursor.set(CURSOR_ID, { ...cursor, trail: extendLocator(cursor.trail, { height: block.height, hash: block.hash }) });
  return dead;
}

/** Marks the keys that the block shows as used; each moves the gap limit forward, which may reveal more keys in the same block. */
function discoverKeys(ledger: StoredWallet, watch: Watch, gaps: GapLimits, block: Block): void {
  let moved = true;
  while (moved) {
    moved = false;
    for (const { place } of block.transactions.flatMap(({ transaction }) => keysIn(watch, transaction))) {
      if (place === undefined) continue;
      const before = branchOf(ledger, place.branch);
      const after = markUsed(before, place.index);
      if (after === before) continue;
      ledger.branches.set(place.branch, after);
      moved = true;
    }
    if (moved) coverKeys(ledger, watch, gaps);
  }
}

function keysIn(watch: Watch, { inputs, outputs }: Transaction): ReturnType<Watch['shownBy']> {
  return [...outputs.flatMap(({ script }) => watch.paidTo(script) ?? []), ...inputs.flatMap(({ script }) => watch.shownBy(script))];
}

function applyTransaction(ledger: StoredWallet, watch: Watch, txid: TxId, transaction: Transaction, height: Height): readonly TxId[] {
  const own = ledger.transactions.get(txid);
  if (own !== undefined) ledger.transactions.set(txid, { ...own, stage: { kind: 'mined', height } });
  const dead = transaction.inputs.flatMap(({ outpoint }) => spend(ledger, outpoint, txid, height));
  for (const output of receivedBy(watch, txid, transaction)) {
    const id = outpointKey(output.outpoint);
    const use = ledger.outputs.get(id)?.use ?? useOf(ledger, output.outpoint);
    ledger.outputs.set(id, { ...output, place: { kind: 'mined', height }, use });
  }
  return dead;
}

/** What a transaction pays to our keys, still unconfirmed and unspent. */
export function receivedBy(watch: Watch, txid: TxId, transaction: Transaction): readonly OwnOutput[] {
  const coinbase = transaction.inputs.every(({ outpoint }) => outpoint.txid === NO_TXID);
  return transaction.outputs.flatMap(({ script, value }, vout) => {
    const found = watch.paidTo(script);
    if (found === undefined || !isAmount(value)) return [];
    return [{ outpoint: { txid, vout }, value, key: found.name, coinbase, place: { kind: 'unconfirmed' }, use: { kind: 'free' } }];
  });
}

function spend(ledger: StoredWallet, outpoint: Outpoint, by: TxId, height: Height): readonly TxId[] {
  const id = outpointKey(outpoint);
  const spent = ledger.outputs.get(id);
  if (spent === undefined) return [];
  const dead = spent.use.kind === 'reserved' && spent.use.by !== by ? dropTransaction(ledger, spent.use.by) : [];
  ledger.outputs.set(id, { ...spent, use: { kind: 'spent', by, height } });
  return dead;
}

/** An output that comes back after a reorganisation may already be spent by one of our unconfirmed transactions. */
function useOf(ledger: StoredWallet, outpoint: Outpoint): Use {
  const id = outpointKey(outpoint);
  const spender = ledger.transactions
    .all()
    .find(({ transaction }) => transaction.inputs.some((input) => outpointKey(input.outpoint) === id));
  return spender === undefined ? { kind: 'free' } : { kind: 'reserved', by: spender.txid };
}

/** Removes an own transaction that no block holds: its inputs are free again, and its change is gone, with everything that spent it. */
export function dropTransaction(ledger: StoredWallet, txid: TxId): readonly TxId[] {
  const dropped = ledger.transactions.get(txid);
  if (dropped === undefined) return [];
  ledger.transactions.remove(txid);
  const children = dropped.transaction.outputs.flatMap((_, vout) => {
    const id = outpointKey({ txid, vout });
    const change = ledger.outputs.get(id);
    if (change === undefined) return [];
    ledger.outputs.remove(id);
    return change.use.kind === 'reserved' ? dropTransaction(ledger, change.use.by) : [];
  });
  for (const { outpoint } of dropped.transaction.inputs) {
    const id = outpointKey(outpoint);
    const input = ledger.outputs.get(id);
    if (input?.use.kind === 'reserved' && input.use.by === txid) ledger.outputs.set(id, { ...input, use: { kind: 'free' } });
  }
  return [txid, ...children];
}

/** Undoes every block above `to`, which the best chain no longer holds. Own transactions in them become unconfirmed again. */
export function rollBack(ledger: StoredWallet, to: Height): void {
  const cursor = cursorOf(ledger);
  ledger.cursor.set(CURSOR_ID, { ...cursor, trail: truncateLocator(cursor.trail, to) });
  for (const own of ledger.transactions.all()) {
    if (own.stage.kind === 'mined' && own.stage.height > to) ledger.transactions.set(own.txid, { ...own, stage: { kind: 'published' } });
  }
  for (const output of ledger.outputs.all()) rollBackOutput(ledger, output, to);
}

function rollBackOutput(ledger: StoredWallet, output: OwnOutput, to: Height): void {
  const id = outpointKey(output.outpoint);
  const isUnmined = output.place.kind === 'mined' && output.place.height > to;
  const isUnspent = output.use.kind === 'spent' && output.use.height > to;
  if (isUnmined && ledger.transactions.get(output.outpoint.txid) === undefined) {
    ledger.outputs.remove(id);
    return;
  }
  if (!isUnmined && !isUnspent) return;
  ledger.outputs.set(id, {
    ...output,
    place: isUnmined ? { kind: 'unconfirmed' } : output.place,
    use: isUnspent ? useOf(ledger, output.outpoint) : output.use,
  });
}

/** Forgets what is so deep below `height` that no reorganisation is followed there. */
export function forgetBuried(ledger: StoredWallet, height: Height): void {
  for (const { outpoint, use } of ledger.outputs.all()) {
    if (use.kind === 'spent' && use.height + RETAINED_BLOCKS < height) ledger.outputs.remove(outpointKey(outpoint));
  }
  for (const { txid, stage } of ledger.transactions.all()) {
    if (stage.kind === 'mined' && stage.height + RETAINED_BLOCKS < height) ledger.transactions.remove(txid);
  }
}
