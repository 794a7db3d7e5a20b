import type { Coin } from '../core/coin/coin.ts';
import { keyName } from './keyring.ts';
import type { Branch } from './state.ts';

/** The wallet's branches of the BIP44 tree. */
export const BRANCHES = {
  receive: { account: 0, change: 0 },
  change: { account: 0, change: 1 },
  channel: { account: 1, change: 0 },
} as const;

export type BranchName = keyof typeof BRANCHES;
export const branchNames: readonly BranchName[] = ['receive', 'change', 'channel'];

export const FRESH_BRANCH: Branch = { used: 0, next: 0 };

export function branchKeyName(coin: Coin, branch: BranchName, index: number): string {
  return keyName(coin, { ...BRANCHES[branch], index });
}

/**
 * The next key of a branch that may give an unused key again: it never gets so far past the last used one that a wallet restored from its seed would
 * stop looking before it (BIP44 gap limit).
 */
export function handOutWithin(branch: Branch, gap: number): { readonly index: number; readonly branch: Branch } {
  const index = branch.next - branch.used >= gap ? branch.used : branch.next;
  return { index, branch: { used: branch.used, next: index + 1 } };
}

/** The next key of a branch that never gives the same key twice. */
export function handOutOnce(branch: Branch): { readonly index: number; readonly branch: Branch } {
  return { index: branch.next, branch: { used: branch.used, next: branch.next + 1 } };
}

/** The branch once the chain shows that key `index` is used. */
export function markUsed(branch: Branch, index: number): Branch {
  if (index < branch.used) return branch;
  return { used: index + 1, next: Math.max(branch.next, index + 1) };
}

/** The number of keys of a branch that are looked for on the chain. */
export function lookahead(branch: Branch, gap: number): number {
  return Math.max(branch.used, branch.next) + gap;
}
