import type { TxId } from '../core/base/bytes.ts';
import { after, type Height } from '../core/base/height.ts';
import type { Coin } from '../core/coin/coin.ts';
import { findForkPoint, locatorTip } from '../engine/block-locator.ts';
import { type Block, type Chain, type Store, type Tip, WorldError } from '../engine/ports.ts';
import { applyBlock, forgetBuried, RETAINED_BLOCKS, rollBack } from './apply-block.ts';
import { isPruned, lowestKept, skipPrunedBlocks } from './pruned-blocks.ts';
import type { Cursor } from './state.ts';
import { CURSOR_ID, coverKeys, cursorOf, type GapLimits, loadStoredWallet, type StoredWallet, saveStoredWallet } from './stored-wallet.ts';
import type { Watch } from './watched-keys.ts';

/** Blocks processed in one commit: the most that a crash in a long scan can cost. */
const BLOCKS_PER_COMMIT = 100;

export interface ScanContext {
  readonly coin: Coin;
  readonly chain: Chain;
  readonly store: Store;
  readonly watch: Watch;
  readonly gaps: GapLimits;
}

/** Called after every commit of a scan. */
export type ScanProgress = (scanned: Height, tip: Height) => void;

/**
 * Brings the stored ledger to the tip of the best chain, also through reorganisations. @returns own transactions that can never be mined any more.
 * @throws WorldError when the node can't answer, or is far behind what it showed before.
 */
export async function scanBlocks(context: ScanContext, onProgress?: ScanProgress): Promise<readonly TxId[]> {
  const dead: TxId[] = [];
  for (;;) {
    const ledger = await loadStoredWallet(context.store, context.coin);
    coverKeys(ledger, context.watch, context.gaps);
    const step = await nextStep(context, cursorOf(ledger));
    if (step.kind === 'done') {
      if (await startFollowing(context.store, ledger)) return dead;
    } else {
      const lost = await takeStep(context, ledger, step);
      if (!(await saveStoredWallet(context.store, ledger))) continue;
      dead.push(...lost);
      onProgress?.(locatorTip(cursorOf(ledger).trail).height, step.tip);
    }
  }
}

type Step =
  | { readonly kind: 'done' }
  | { readonly kind: 'scan'; readonly first: Block; readonly tip: Height }
  | { readonly kind: 'roll-back'; readonly to: Tip; readonly tip: Height }
  | { readonly kind: 'pass-over'; readonly first: Block; readonly tip: Height };

async function nextStep({ chain }: ScanContext, { trail, birthday }: Cursor): Promise<Step> {
  const head = locatorTip(trail);
  const tip = await chain.tip();
  if (tip.hash === head.hash) return { kind: 'done' };
  const next = after(head.height, 1);
  const first = await chain.block(next).catch(unlessPruned);
  if (first === 'pruned') return { kind: 'pass-over', first: await lowestKept(chain, next, tip.height), tip: tip.height };
  if (first?.previous === head.hash) return { kind: 'scan', first, tip: tip.height };
  if (tip.height + RETAINED_BLOCKS < head.height) {
    throw new WorldError(
      'node-down',
      `The node is at block ${tip.height}, the wallet at ${head.height}.`,
      'Wait until the node has caught up.',
    );
  }
  const fork = await findForkPoint(chain, trail);
  if (fork?.height === head.height) return { kind: 'done' };
  if (fork !== undefined && fork.height + RETAINED_BLOCKS >= head.height) return { kind: 'roll-back', to: fork, tip: tip.height };
  return { kind: 'roll-back', to: await markAt(chain, birthday), tip: tip.height };
}

function unlessPruned(error: unknown): 'pruned' {
  if (isPruned(error)) return 'pruned';
  throw error;
}

/** @throws WorldError when the node has no such block. */
export async function markAt(chain: Chain, height: Height): Promise<Tip> {
  const block = await chain.block(height);
  if (block === undefined) throw new WorldError('node-down', `The node has no block ${height} yet.`, 'Wait until the node has caught up.');
  return { height, hash: block.hash };
}

async function takeStep(context: ScanContext, ledger: StoredWallet, step: Exclude<Step, { kind: 'done' }>): Promise<readonly TxId[]> {
  if (step.kind === 'roll-back') {
    rollBack(ledger, step.to.height);
    // Below the birthday nothing is known of the chain, so the node's present block is used as the mark.
    const { trail, ...cursor } = cursorOf(ledger);
    ledger.cursor.set(CURSOR_ID, { ...cursor, trail: [...trail.filter(({ height }) => height < step.to.height), step.to] });
    return [];
  }
  if (step.kind === 'pass-over') {
    await skipPrunedBlocks(context.chain, ledger, step.first);
    return [];
  }
  const dead: TxId[] = [];
  let block: Block | undefined = step.first;
  let last = block;
  for (let taken = 0; block !== undefined && taken < BLOCKS_PER_COMMIT; taken++) {
    dead.push(...applyBlock(ledger, context.watch, context.gaps, block));
    last = block;
    const next: Block | undefined = await context.chain.block(after(last.height, 1));
    block = next?.previous === last.hash ? next : undefined;
  }
  forgetBuried(ledger, last.height);
  return dead;
}

async function startFollowing(store: Store, ledger: StoredWallet): Promise<boolean> {
  const cursor = cursorOf(ledger);
  if (cursor.kind === 'following') return true;
  ledger.cursor.set(CURSOR_ID, { ...cursor, kind: 'following' });
  return saveStoredWallet(store, ledger);
}
