import { equalBytes } from '../../core/base/bytes.ts';
import { height as heightOf } from '../../core/base/height.ts';
import { type Coin, hasRule } from '../../core/coin/coin.ts';
import { script } from '../../core/tx/script.ts';
import type { Verify } from '../../core/tx/sign.ts';
import { blockSize, merkleRoot, type NamedTransaction, type RawBlock, REGTEST_BITS } from './block.ts';
import { checkTransaction, isCoinbase, MAX_BLOCK_SIGOPS, MAX_BLOCK_SIZE } from './check-transaction.ts';
import type { CoinChange, Coins, UnspentCoin } from './coins.ts';
import { isFinal, sequenceLocksPassed } from './locks.ts';
import { blockFlags, type ChainRules } from './rules.ts';
import type { ScriptCache } from './script-cache.ts';
import { scriptErrorText } from './script-error.ts';
import { allSigOps, checkScripts, checkSpend, legacySigOps, valueOut } from './spend.ts';

const MAX_AHEAD_SECONDS = 7_200;

/** Where a block would stand. */
export interface BlockContext {
  readonly coin: Coin;
  readonly rules: ChainRules;
  readonly height: number;
  /** Median time past of the block before, seconds. */
  readonly medianTime: number;
  /** The node's clock, seconds. */
  readonly now: number;
}

/** Everything a block is held to that needs no unspent outputs (`CheckBlock`, `ContextualCheckBlock`): undefined, or the node's reason. */
export function checkBlock(block: RawBlock, context: BlockContext): string | undefined {
  return checkHeader(block, context) ?? checkContents(block, context) ?? checkPlace(block, context);
}

function checkHeader({ header }: RawBlock, { coin, rules, height, medianTime, now }: BlockContext): string | undefined {
  if (header.bits !== REGTEST_BITS) return 'bad-diffbits';
  if (header.time <= medianTime) return 'time-too-old';
  if (header.time > now + MAX_AHEAD_SECONDS) return 'time-too-new';
  // Dogecoin's version proper is the low byte; merge mining owns the rest.
  const version = rules.dialect === 'dogecoin' ? header.version & 0xff : header.version;
  const least = hasRule(coin, 'cltv', heightOf(height)) ? 4 : height >= rules.bip66 ? 3 : 1;
  return version < least ? `bad-version(0x${(header.version >>> 0).toString(16).padStart(8, '0')})` : undefined;
}

function checkContents(block: RawBlock, { rules }: BlockContext): string | undefined {
  const txids = block.transactions.map(({ txid }) => txid);
  if (merkleRoot(txids) !== block.header.merkleRoot) return 'bad-txnmrklroot';
  // A repeated transaction can leave the root unchanged (CVE-2012-2459).
  if (new Set(txids).size !== txids.length) return 'bad-txns-duplicate';
  if (blockSize(block) > MAX_BLOCK_SIZE) return 'bad-blk-length';
  const [first, ...rest] = block.transactions.map(({ transaction }) => transaction);
  if (first === undefined || !isCoinbase(first)) return 'bad-cb-missing';
  if (rest.some(isCoinbase)) return 'bad-cb-multiple';
  const transactions = [first, ...rest];
  const reason = transactions.map((tx) => checkTransaction(tx, rules.maxMoney)).find((why) => why !== undefined);
  if (reason !== undefined) return reason;
  return transactions.reduce((sum, tx) => sum + legacySigOps(tx), 0) > MAX_BLOCK_SIGOPS ? 'bad-blk-sigops' : undefined;
}

/** BIP113 only where the coin has it: elsewhere time locks are compared with the block's own time. */
function checkPlace({ header, transactions }: RawBlock, { coin, rules, height, medianTime }: BlockContext): string | undefined {
  const cutoff = hasRule(coin, 'csv', heightOf(height)) ? medianTime : header.time;
  if (!transactions.every(({ transaction }) => isFinal(transaction, height, cutoff))) return 'bad-txns-nonfinal';
  const coinbaseScript = transactions[0]?.transaction.inputs[0]?.script ?? new Uint8Array();
  const prefix = script(height);
  const needsHeight = rules.bip34 !== undefined && height >= rules.bip34;
  return needsHeight && !equalBytes(coinbaseScript.subarray(0, prefix.length), prefix) ? 'bad-cb-height' : undefined;
}

export interface ConnectContext extends BlockContext {
  readonly medianTimeAt: (height: number) => number;
  readonly verify: Verify;
  readonly scripts: ScriptCache;
}

export type Connection =
  | { readonly kind: 'connected'; readonly changes: readonly CoinChange[] }
  | { readonly kind: 'refused'; readonly reason: string };

/** Applies a checked block to the unspent outputs (`ConnectBlock`); when it breaks a rule they are left as they were. */
export function connectBlock(block: RawBlock, coins: Coins, context: ConnectContext): Connection {
  const changes: CoinChange[] = [];
  const refuse = (reason: string): Connection => {
    coins.undo(changes);
    return { kind: 'refused', reason };
  };
  let fees = 0n;
  let sigOps = 0;
  for (const named of block.transactions) {
    if (coins.knows(named.txid)) return refuse('bad-txns-BIP30');
    const entry = enter(named, coins, context);
    if (entry.kind === 'refused') return refuse(entry.reason);
    fees += entry.fee;
    sigOps += entry.sigOps;
    if (sigOps > MAX_BLOCK_SIGOPS) return refuse('bad-blk-sigops');
    changes.push(...coins.apply(named, context.height));
  }
  const coinbase = block.transactions[0]?.transaction;
  if (coinbase !== undefined && valueOut(coinbase) > fees + context.rules.subsidy(context.height)) return refuse('bad-cb-amount');
  return { kind: 'connected', changes };
}

type Entry =
  | { readonly kind: 'fits'; readonly fee: bigint; readonly sigOps: number }
  | { readonly kind: 'refused'; readonly reason: string };

function enter({ txid, transaction: tx }: NamedTransaction, coins: Coins, context: ConnectContext): Entry {
  const { coin, rules, height } = context;
  if (isCoinbase(tx)) return { kind: 'fits', fee: 0n, sigOps: legacySigOps(tx) };
  const spent = tx.inputs.map(({ outpoint }) => coins.find(outpoint)).filter((found): found is UnspentCoin => found !== undefined);
  if (spent.length !== tx.inputs.length) return { kind: 'refused', reason: 'bad-txns-inputs-missingorspent' };
  const spend = checkSpend(tx, spent, { height, coinbaseMaturity: coin.coinbaseMaturity, maxMoney: rules.maxMoney });
  if (spend.kind === 'refused') return spend;
  const heights = spent.map((found) => found.height);
  if (hasRule(coin, 'csv', heightOf(height)) && !sequenceLocksPassed(tx, heights, context)) {
    return { kind: 'refused', reason: 'bad-txns-nonfinal' };
  }
  const flags = blockFlags(coin, rules, height);
  const failure = context.scripts.has(txid, flags) ? undefined : checkScripts(tx, spent, flags, context.verify);
  if (failure !== undefined) {
    return { kind: 'refused', reason: `mandatory-script-verify-flag-failed (${scriptErrorText(failure.error, rules.dialect)})` };
  }
  context.scripts.add(txid, flags);
  return { kind: 'fits', fee: spend.fee, sigOps: allSigOps(tx, spent) };
}
