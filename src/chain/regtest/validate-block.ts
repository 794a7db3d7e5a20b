import { equalBytes } from '../../core/base/bytes.ts';
import { height as heightOf } from '../../core/base/height.ts';
import { type Coin, hasRule } from '../../core/coin/coin.ts';
import { script } from '../../core/tx/script.ts';
import type { Verify } from '../../core/tx/sign.ts';
import { blockSize, merkleTree, type NamedTransaction, type RawBlock, REGTEST_BITS } from './block.ts';
import { blockFlags, type ChainRules } from './chain-params.ts';
import { allSigOps, blameScript, checkScripts, checkSpend, legacySigOps, valueOut } from './check-inputs.ts';
import { checkTransaction, isCoinbase, MAX_BLOCK_SIGOPS, MAX_BLOCK_SIZE } from './check-transaction.ts';
import { isFinal, sequenceLocksPassed } from './lock-time.ts';
import type { ScriptCache } from './script-cache.ts';
import type { CoinChange, Coins, UnspentCoin } from './utxo-set.ts';

const MAX_AHEAD_SECONDS = 7_200;
const AUXPOW_BIT = 0x100;

/** The position of a block. */
export interface BlockContext {
  readonly coin: Coin;
  readonly rules: ChainRules;
  readonly height: number;
  /** Median time past of the block before, seconds. */
  readonly medianTime: number;
  /** The node's clock, seconds. */
  readonly now: number;
}

/** Whether a block is acceptable, as for `submitblock`: first its content, then its position. Undefined, or the node's reason. */
export function checkBlock(block: RawBlock, context: BlockContext): string | undefined {
  return checkAlone(block, context.rules) ?? checkHeader(block, context) ?? checkPlace(block, context);
}

/** The same for a block that is not mined yet (`TestBlockValidity`). */
export function checkTemplate(block: RawBlock, context: BlockContext): string | undefined {
  return checkHeader(block, context) ?? checkContents(block, context.rules) ?? checkPlace(block, context);
}

/** Checks that need no other block (`CheckBlock`). */
export function checkAlone(block: RawBlock, rules: ChainRules): string | undefined {
  return checkWork(block, rules) ?? checkContents(block, rules);
}

/** Proof of work is not checked, but on Dogecoin that check begins with the chain's id (`dogecoin.cpp`, CheckAuxPowProofOfWork). */
function checkWork({ header: { version } }: RawBlock, { merged }: ChainRules): string | undefined {
  if (merged === undefined) return undefined;
  const isOurs = isLegacy(version) || version >> 16 === merged.chainId;
  return isOurs && (version & AUXPOW_BIT) === 0 ? undefined : 'high-hash';
}

/** Without a chain's id: the form before merged mining (`primitives/pureheader.h`, IsLegacy). */
function isLegacy(version: number): boolean {
  return version === 1 || version === 2;
}

/** `ContextualCheckBlockHeader` */
function checkHeader({ header }: RawBlock, { rules, height, medianTime, now, coin }: BlockContext): string | undefined {
  if (rules.merged !== undefined && height >= rules.merged.from && isLegacy(header.version)) return 'late-legacy-block';
  if (header.bits !== REGTEST_BITS) return 'bad-diffbits';
  if (header.time <= medianTime) return 'time-too-old';
  if (header.time > now + MAX_AHEAD_SECONDS) return 'time-too-new';
  // The low byte is Dogecoin's own version; merge mining uses the rest.
  const version = rules.merged === undefined ? header.version : header.version & 0xff;
  const isTooOld = version < leastVersion(coin, rules, height);
  return isTooOld ? `bad-version(0x${(version >>> 0).toString(16).padStart(8, '0')})` : undefined;
}

function leastVersion(coin: Coin, { bip34, bip66 }: ChainRules, height: number): number {
  if (hasRule(coin, 'cltv', heightOf(height))) return 4;
  if (height >= bip66) return 3;
  return bip34 !== undefined && height >= bip34 ? 2 : Number.NEGATIVE_INFINITY;
}

function checkContents(block: RawBlock, rules: ChainRules): string | undefined {
  const { root, mutated } = merkleTree(block.transactions.map(({ txid }) => txid));
  if (root !== block.header.merkleRoot) return 'bad-txnmrklroot';
  if (mutated) return 'bad-txns-duplicate';
  if (blockSize(block) > MAX_BLOCK_SIZE) return 'bad-blk-length';
  const [first, ...rest] = block.transactions.map(({ transaction }) => transaction);
  if (first === undefined) return 'bad-blk-length';
  if (!isCoinbase(first)) return 'bad-cb-missing';
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

/** Applies a checked block to the unspent outputs (`ConnectBlock`); when it breaks a rule they stay as they were. */
export function connectBlock(block: RawBlock, coins: Coins, context: ConnectContext): Connection {
  const changes: CoinChange[] = [];
  const refuse = (reason: string): Connection => {
    coins.undo(changes);
    return { kind: 'refused', reason };
  };
  if (block.transactions.some(({ txid }) => coins.knows(txid))) return refuse('bad-txns-BIP30');
  let fees = 0n;
  let sigOps = 0;
  for (const named of block.transactions) {
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
  if (failure !== undefined) return { kind: 'refused', ...blameScript(tx, spent, failure, context) };
  context.scripts.add(txid, flags);
  return { kind: 'fits', fee: spend.fee, sigOps: allSigOps(tx, spent) };
}
