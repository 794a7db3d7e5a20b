import { blockFlags, chainRules } from '../../src/chain/regtest/chain-params.ts';
import { checkScripts } from '../../src/chain/regtest/check-inputs.ts';
import { STANDARD_FLAGS } from '../../src/chain/regtest/script-flags.ts';
import { isUnspendable, type UnspentCoin } from '../../src/chain/regtest/utxo-set.ts';
import { amount } from '../../src/core/base/amount.ts';
import { bytesToHex, type TxId, txId } from '../../src/core/base/bytes.ts';
import { type Height, height as heightOf, isTime, LOCK_TIME_THRESHOLD, type LockTime } from '../../src/core/base/height.ts';
import { type ChainTime, certain } from '../../src/core/base/lock-time.ts';
import { dogecoinRegtest as coin } from '../../src/core/coin/dogecoin.ts';
import type { Terms } from '../../src/core/contract/contract.ts';
import { encodeTransaction, outpointKey, sha256d, type Transaction } from '../../src/core/tx/transaction.ts';
import type { Block, Broadcast, Waiting } from '../../src/engine/ports.ts';
import { verify } from './keys.ts';

export interface Output {
  readonly value: bigint;
  readonly script: Uint8Array;
  /** Of its block; one above the tip in the mempool. */
  readonly height: number;
}

export interface Unconfirmed {
  readonly txid: TxId;
  readonly transaction: Transaction;
  readonly fee: bigint;
  readonly size: number;
}

/** What a node can be asked about: the chain as it is, or as it was when a node stopped hearing of it. */
export interface View {
  readonly blocks: readonly Block[];
  /** Time of each, in seconds. */
  readonly times: readonly number[];
  readonly outputs: ReadonlyMap<string, Output>;
  readonly mined: ReadonlyMap<TxId, { readonly transaction: Transaction; readonly height: number }>;
  readonly pool: ReadonlyMap<TxId, Unconfirmed>;
  readonly feeRate: bigint;
}

/** The first block of a world that is not empty, and the time before it. */
export const START = 1_400;
export const START_TIME = 1_700_000_000;
const HARD_DUST = chainRules(coin).hardDust(0, false);
const MINED_FLAGS = blockFlags(coin, chainRules(coin), START);
/** BIP125: a replacement pays for its own way, per 1,000 bytes. */
const STEP_RATE = chainRules(coin).replacementFeeRate;
/** BIP125 rule 5. */
const MOST_REPLACED = 100;
const MOST_REPLACEABLE = 0xffff_fffd;

const ids = new WeakMap<Transaction, { readonly txid: TxId; readonly size: number }>();

export function idOf(transaction: Transaction): { readonly txid: TxId; readonly size: number } {
  const known = ids.get(transaction);
  if (known !== undefined) return known;
  const bytes = encodeTransaction(transaction);
  const made = { txid: txId(bytesToHex(sha256d(bytes).reverse())), size: bytes.length };
  ids.set(transaction, made);
  return made;
}

interface Undo {
  readonly spent: readonly (readonly [string, Output])[];
  readonly made: readonly string[];
  /** To miners, and into outputs that nobody can spend. */
  readonly fees: bigint;
}

/** A chain without proof of work: outputs, blocks, a mempool with BIP125, and scripts that are really run. */
export class SimChain implements View {
  blocks: Block[] = [];
  times: number[] = [];
  /** The time that miners go by, in seconds. */
  time: number = START_TIME;
  readonly outputs: Map<string, Output> = new Map();
  readonly mined: Map<TxId, { readonly transaction: Transaction; readonly height: number }> = new Map();
  readonly pool: Map<TxId, Unconfirmed> = new Map();
  /** What nodes say a transaction should pay per 1,000 bytes, and what miners and relay ask for. */
  feeRate: bigint = coin.policy.feeRate;
  minerRate: bigint = coin.policy.feeRate;
  relayRate: bigint = coin.policy.minRelayFeeRate;
  /** Miners rate a transaction together with what it builds on (`miner.cpp`, addPackageTxs); else each by itself. */
  minesFamilies: boolean = false;
  fees = 0n;
  readonly #undo = new Map<string, Undo>();
  #nonce = 0;

  /** Money out of nothing, for the start. */
  grant(outputs: readonly { readonly value: bigint; readonly script: Uint8Array }[]): void {
    const source = { outpoint: { txid: txId('ee'.repeat(32)), vout: 0 }, script: new Uint8Array(), sequence: 0 };
    this.#connect([{ version: 1, inputs: [source], outputs, lockTime: 0 }]);
  }

  get tip(): Block {
    return this.blocks.at(-1) ?? blockBelow(START - 1);
  }

  freeze(): View {
    return {
      blocks: [...this.blocks],
      times: [...this.times],
      outputs: new Map(this.outputs),
      mined: new Map(this.mined),
      pool: new Map(this.pool),
      feeRate: this.feeRate,
    };
  }

  find(key: string): Output | undefined {
    const known = this.outputs.get(key);
    if (known !== undefined) return known;
    const [txid = '', vout] = key.split(':');
    const output = this.pool.get(txId(txid))?.transaction.outputs[Number(vout)];
    return output && { ...output, height: this.tip.height + 1 };
  }

  /** What a node answers to a transaction; it is in the mempool afterwards, or not. */
  accept(transaction: Transaction): Broadcast {
    const { txid, size } = idOf(transaction);
    if (this.pool.has(txid)) return { kind: 'already-known' };
    if (transaction.outputs.some((_, i) => this.outputs.has(`${txid}:${i}`))) return { kind: 'already-mined' };
    const spent = transaction.inputs.map(({ outpoint }) => this.find(outpointKey(outpoint)));
    if (!spent.every((output) => output !== undefined)) return no('missing-inputs');
    if (size > coin.policy.maxTransactionSize) return no('invalid', 'tx-size');
    if (!isFinal(transaction, this.tip.height + 1, medianTime(this))) return no('non-final');
    const fee = sum(spent) - sum(transaction.outputs);
    if (fee < 0n) return no('invalid', 'in below out');
    if (transaction.outputs.some(({ value, script }) => value < HARD_DUST && !isUnspendable(script))) return no('dust');
    if (fee > coin.policy.maxFee) return no('fee-too-high');
    if (fee * 1000n < this.relayRate * BigInt(size)) return no('fee-too-low');
    const conflicts = this.#conflictsOf(transaction);
    const blocked = this.#crowded(transaction, size) ?? this.#replacement(conflicts, fee, size);
    if (blocked !== undefined) return blocked;
    const failure = this.#scriptFailure(transaction, STANDARD_FLAGS);
    if (failure !== undefined) return no('invalid', failure);
    for (const conflict of conflicts) this.evict(conflict.txid);
    this.pool.set(txid, { txid, transaction, fee, size });
    return { kind: 'accepted' };
  }

  /** Why no block could hold a transaction, as far as what it spends is there. */
  scriptFailure(transaction: Transaction): string | undefined {
    return this.#scriptFailure(transaction, MINED_FLAGS);
  }

  #scriptFailure(transaction: Transaction, flags: typeof STANDARD_FLAGS): string | undefined {
    const spent = transaction.inputs.map(({ outpoint }) => this.find(outpointKey(outpoint)));
    if (!spent.every((output) => output !== undefined)) return undefined;
    return checkScripts(transaction, spent.map(asCoin), flags, verify)?.error;
  }

  #conflictsOf(transaction: Transaction): readonly Unconfirmed[] {
    const spent = new Set(transaction.inputs.map(({ outpoint }) => outpointKey(outpoint)));
    return [...this.pool.values()].filter((entry) => entry.transaction.inputs.some(({ outpoint }) => spent.has(outpointKey(outpoint))));
  }

  #replacement(conflicts: readonly Unconfirmed[], fee: bigint, size: number): Broadcast | undefined {
    if (conflicts.length === 0) return undefined;
    const isOpen = conflicts.every(({ transaction }) => transaction.inputs.some(({ sequence }) => sequence <= MOST_REPLACEABLE));
    if (!isOpen) return no('conflict');
    if (conflicts.reduce((count, { txid }) => count + familyIn(this.pool, txid).length, 0) > MOST_REPLACED)
      return no('conflict', 'too many');
    const all = new Set(conflicts.flatMap((conflict) => familyIn(this.pool, conflict.txid)));
    const paid = [...all].reduce((total, txid) => total + (this.pool.get(txid)?.fee ?? 0n), 0n);
    const isBetter = conflicts.every((old) => fee * BigInt(old.size) > old.fee * BigInt(size));
    return isBetter && fee >= paid + (STEP_RATE * BigInt(size)) / 1000n ? undefined : no('fee-too-low', 'insufficient fee');
  }

  /** Families stay small, up and down; what would be replaced counts still (`CalculateMemPoolAncestors`). */
  #crowded(transaction: Transaction, size: number): Broadcast | undefined {
    const { family } = coin.policy;
    const above = ancestorsIn(this.pool, transaction);
    const bytes = (txids: readonly TxId[]): number => txids.reduce((total, txid) => total + (this.pool.get(txid)?.size ?? 0), size);
    const isFull = (txids: readonly TxId[]): boolean => txids.length + 1 > family.count || bytes(txids) > family.size;
    return isFull(above) || above.some((txid) => isFull(familyIn(this.pool, txid))) ? no('conflict', 'too-long-mempool-chain') : undefined;
  }

  evict(txid: TxId): void {
    for (const gone of familyIn(this.pool, txid)) this.pool.delete(gone);
  }

  /** What a miner would put into the next block, parents first. */
  template(): readonly Transaction[] {
    return this.minesFamilies ? this.#families() : this.#single();
  }

  /** The best paid first, with all that it builds on that is not in yet. */
  #families(): readonly Transaction[] {
    const chosen = new Set<TxId>();
    for (;;) {
      const [best] = [...this.pool.values()]
        .filter(({ txid }) => !chosen.has(txid))
        .map((one) => this.#package(one, chosen))
        .filter(({ fee, size }) => fee * 1000n >= this.minerRate * size)
        .toSorted((a, b) => Number(b.fee * a.size - a.fee * b.size));
      if (best === undefined) break;
      for (const { txid } of best.all) chosen.add(txid);
    }
    // What is in the mempool stands behind what it builds on.
    return [...this.pool.values()].filter(({ txid }) => chosen.has(txid)).map(({ transaction }) => transaction);
  }

  #package(
    one: Unconfirmed,
    without: ReadonlySet<TxId>,
  ): { readonly all: readonly Unconfirmed[]; readonly fee: bigint; readonly size: bigint } {
    const above = ancestorsIn(this.pool, one.transaction).filter((txid) => !without.has(txid));
    const all = [...above.flatMap((txid) => this.pool.get(txid) ?? []), one];
    return { all, fee: all.reduce((sum, { fee }) => sum + fee, 0n), size: BigInt(all.reduce((sum, { size }) => sum + size, 0)) };
  }

  #single(): readonly Transaction[] {
    const chosen = new Set<TxId>();
    return [...this.pool.values()].flatMap(({ txid, transaction, fee, size }) => {
      const isPaid = fee * 1000n >= this.minerRate * BigInt(size);
      const hasParents = transaction.inputs.every(({ outpoint }) => !this.pool.has(outpoint.txid) || chosen.has(outpoint.txid));
      if (!isPaid || !hasParents) return [];
      chosen.add(txid);
      return [transaction];
    });
  }

  /** Mines these transactions; those that can't be mined here are left out. Returns what went in. */
  mine(transactions: readonly Transaction[]): readonly Transaction[] {
    return this.#connect(transactions);
  }

  /** Takes the last blocks off; what they held is returned, oldest first. */
  disconnect(depth: number): readonly Transaction[] {
    const back: Transaction[] = [];
    this.blocks = [...this.blocks];
    for (let i = 0; i < depth && this.blocks.length > 1; i++) {
      const block = this.blocks.pop();
      this.times = this.times.slice(0, -1);
      if (block === undefined) break;
      back.unshift(...block.transactions.map(({ transaction }) => transaction));
      this.#revert(block);
    }
    return back;
  }

  /** Drops what can't be mined on this chain any more. */
  refresh(): void {
    for (const { txid, transaction } of [...this.pool.values()]) {
      const isPossible = transaction.inputs.every(({ outpoint }) => this.find(outpointKey(outpoint)) !== undefined);
      if (this.pool.has(txid) && !(isPossible && isFinal(transaction, this.tip.height + 1, medianTime(this)))) this.evict(txid);
    }
  }

  #connect(transactions: readonly Transaction[]): readonly Transaction[] {
    const at = this.tip.height + 1;
    const undo = { spent: [] as (readonly [string, Output])[], made: [] as string[], fees: 0n };
    const time = Math.max(this.time, medianTime(this) + 1);
    const taken = transactions.filter((transaction) => this.#apply(transaction, { at, time }, undo));
    const hash = blockHash(at, ++this.#nonce);
    const named = taken.map((transaction) => ({ txid: idOf(transaction).txid, transaction }));
    this.#undo.set(hash, undo);
    this.times = [...this.times, time];
    this.blocks.push({ height: heightOf(at), hash, previous: this.tip.hash, transactions: named });
    this.fees += undo.fees;
    for (const { txid, transaction } of named) {
      this.pool.delete(txid);
      for (const conflict of this.#conflictsOf(transaction)) this.evict(conflict.txid);
    }
    return taken;
  }

  #apply(
    transaction: Transaction,
    { at, time }: { readonly at: number; readonly time: number },
    undo: { spent: (readonly [string, Output])[]; made: string[]; fees: bigint },
  ): boolean {
    const { txid } = idOf(transaction);
    const keys = transaction.inputs.map(({ outpoint }) => outpointKey(outpoint));
    const spent = keys.map((key) => this.outputs.get(key));
    const isGrant = this.blocks.length === 0;
    if (!isGrant) {
      if (!spent.every((output) => output !== undefined) || !isFinal(transaction, at, time)) return false;
      if (checkScripts(transaction, spent.map(asCoin), MINED_FLAGS, verify) !== undefined) return false;
      for (const [i, key] of keys.entries()) {
        const output = spent[i];
        if (output !== undefined) undo.spent.push([key, output]);
        this.outputs.delete(key);
      }
      undo.fees += sum(spent) - sum(transaction.outputs);
    }
    for (const [i, output] of transaction.outputs.entries()) {
      if (isUnspendable(output.script)) {
        undo.fees += isGrant ? 0n : output.value;
        continue;
      }
      this.outputs.set(`${txid}:${i}`, { ...output, height: at });
      undo.made.push(`${txid}:${i}`);
    }
    this.mined.set(txid, { transaction, height: at });
    return true;
  }

  #revert(block: Block): void {
    const undo = this.#undo.get(block.hash);
    if (undo === undefined) throw new Error('a block can be undone');
    for (const key of undo.made) this.outputs.delete(key);
    for (const [key, output] of undo.spent) this.outputs.set(key, output);
    // An output made and spent in the same block is neither.
    for (const key of undo.made) this.outputs.delete(key);
    for (const { txid } of block.transactions) this.mined.delete(txid);
    this.fees -= undo.fees;
  }
}

/** What a transaction in the mempool pays, and all that builds on it. */
export function costIn({ pool }: Pick<View, 'pool'>, txid: TxId): Waiting | undefined {
  const entry = pool.get(txid);
  if (entry === undefined) return undefined;
  const burden = familyIn(pool, txid).reduce((total, one) => total + (pool.get(one)?.fee ?? 0n), 0n) - entry.fee;
  return { fee: amount(entry.fee), size: entry.size, burden: amount(burden), ancestors: ancestorsIn(pool, entry.transaction).length };
}

/** Everything in the mempool that a transaction builds on, each once. */
function ancestorsIn(pool: View['pool'], transaction: Transaction): readonly TxId[] {
  const parentsOf = ({ inputs }: Transaction): readonly TxId[] =>
    inputs.map(({ outpoint }) => outpoint.txid).filter((txid) => pool.has(txid));
  const ancestors = new Set(parentsOf(transaction));
  for (const txid of ancestors) for (const parent of parentsOf(pool.get(txid)?.transaction ?? transaction)) ancestors.add(parent);
  return [...ancestors];
}

/** A mempool transaction and all that spend from it, each once. */
function familyIn(pool: View['pool'], txid: TxId): readonly TxId[] {
  const family = new Set([txid]);
  // A set being iterated also yields what is added on the way.
  for (const parent of family) {
    for (const one of pool.values()) if (one.transaction.inputs.some(({ outpoint }) => outpoint.txid === parent)) family.add(one.txid);
  }
  return [...family];
}

/** Of the last eleven blocks, in seconds. */
export function medianTime({ times }: Pick<View, 'times'>, count: number = times.length): number {
  const last = times.slice(Math.max(0, count - 11), count);
  return last.length === 0 ? START_TIME : (last.sort((a, b) => a - b)[Math.floor(last.length / 2)] ?? START_TIME);
}

/** Where the chain was when a block was its tip. */
export function chainTimeAt(view: Pick<View, 'times'>, height: number): ChainTime {
  return { tip: heightOf(height), medianTime: medianTime(view, height - START + 1), now: 0 };
}

/** Whether nodes take a refund. */
export function isExpired({ expiry }: Terms, at: ChainTime): boolean {
  return certain(expiry, at) >= expiry;
}

/** The block that a lock opens with, if all go on at the coin's pace. */
export function openingOf(chain: SimChain, lock: LockTime): number {
  return isTime(lock) ? chain.tip.height + Math.ceil((lock + 1 - medianTime(chain)) / coin.blockSeconds) : lock;
}

export function blockBelow(at: number): Block {
  return { height: heightOf(at), hash: blockHash(at, 0), previous: blockHash(at - 1, 0), transactions: [] };
}

export function blockAt(view: View, at: Height | number): Block | undefined {
  return at < START ? blockBelow(at) : view.blocks[at - START];
}

function blockHash(at: number, nonce: number): string {
  return at.toString(16).padStart(16, '0') + nonce.toString(16).padStart(48, '0');
}

function asCoin(output: Output): UnspentCoin {
  return { output, height: output.height, coinbase: false, version: 2 };
}

function sum(outputs: readonly { readonly value: bigint }[]): bigint {
  return outputs.reduce((total, { value }) => total + value, 0n);
}

/** Nodes go by the median, miners of this coin by their block's own time (`validation.cpp`, IsFinalTx and CheckFinalTx). */
function isFinal(transaction: Transaction, at: number, time: number): boolean {
  return (
    transaction.lockTime < (transaction.lockTime < LOCK_TIME_THRESHOLD ? at : time) ||
    transaction.inputs.every(({ sequence }) => sequence === 0xffff_ffff)
  );
}

function no(kind: Exclude<Broadcast['kind'], 'accepted' | 'already-known' | 'already-mined'>, reason: string = kind): Broadcast {
  return { kind, reason };
}

/** The same transaction under another id, as any miner can make it: one more value at the bottom of the first input's stack. */
export function malleated(transaction: Transaction): Transaction {
  const [first, ...others] = transaction.inputs;
  if (first === undefined) return transaction;
  return { ...transaction, inputs: [{ ...first, script: Uint8Array.of(0x51, ...first.script) }, ...others] };
}
