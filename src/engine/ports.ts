import type { Asset } from '../core/asset/asset-codec.ts';
import type { Amount } from '../core/base/amount.ts';
import type { TxId } from '../core/base/bytes.ts';
import type { Height } from '../core/base/height.ts';
import type { Coin } from '../core/coin/coin.ts';
import type { Cost } from '../core/contract/fee.ts';
import type { Reply, Request } from '../core/message/message.ts';
import type { Signer } from '../core/tx/sign.ts';
import type { Outpoint, Transaction } from '../core/tx/transaction.ts';

/** The best block a node knows. */
export interface Tip {
  readonly height: Height;
  /** Block hash as nodes print it. */
  readonly hash: string;
}

export interface Block extends Tip {
  /** Hash of the block before; all zeroes for block 0. */
  readonly previous: string;
  readonly transactions: readonly { readonly txid: TxId; readonly transaction: Transaction }[];
}

/** What a node says of itself; other code decides whether it can be relied on. */
export interface NodeStatus {
  readonly tip: Tip;
  /** Height of the best header it knows of; above the tip's while it has blocks to fetch. */
  readonly headers: number;
  /** Unix time in milliseconds: the median of the last eleven blocks' times (`CBlockIndex::GetMedianTimePast`). */
  readonly medianTime: number;
  /** It is still fetching blocks that other nodes have had for a long time. */
  readonly isCatchingUp: boolean;
}

/** An output that neither a block nor the node's mempool spends. */
export interface UnspentOutput {
  readonly value: Amount;
  readonly script: Uint8Array;
  /** Confirmations; 0 in the mempool. */
  readonly depth: number;
  readonly coinbase: boolean;
}

/** What happened to a transaction given to a node. */
export type Broadcast =
  | { readonly kind: 'accepted' }
  | { readonly kind: 'already-known' }
  | { readonly kind: 'already-mined' }
  | {
      readonly kind: 'conflict' | 'missing-inputs' | 'non-final' | 'fee-too-low' | 'fee-too-high' | 'dust' | 'invalid';
      /** The node's own words. */
      readonly reason: string;
    };

/** The transaction is in the mempool or a block, now or already before. */
export function isTaken(answer: Broadcast): answer is Exclude<Broadcast, { readonly reason: string }> {
  return !('reason' in answer);
}

/** What a transaction in the mempool pays, what all its descendants pay, and how many unconfirmed ancestors it has. */
export interface Waiting extends Cost {
  readonly ancestors: number;
}

/** One node of one chain. Every call throws `WorldError` when the node can't answer. */
export interface Chain {
  readonly coin: Coin;
  readonly tip: () => Promise<Tip>;
  /** As `tip`, and also from a node that is still catching up. */
  readonly status: () => Promise<NodeStatus>;
  /** The block at `height` on the best chain; undefined above the tip. */
  readonly block: (height: Height) => Promise<Block | undefined>;
  /** Undefined when unknown or spent, in a block or in the mempool. */
  readonly output: (outpoint: Outpoint) => Promise<UnspentOutput | undefined>;
  /**
   * A transaction in the mempool (depth 0), or a mined one with an unspent output; it works without a transaction index. To find one, a node without
   * an index has to be asked for many outputs; if `vout` names one that may be unspent, only for that one and the first two.
   */
  readonly transaction: (txid: TxId, vout?: number) => Promise<{ readonly transaction: Transaction; readonly depth: number } | undefined>;
  readonly mempool: () => Promise<readonly TxId[]>;
  /** A transaction that the mempool listed; may be undefined if it has been mined or is gone since. */
  readonly unconfirmed: (txid: TxId) => Promise<Transaction | undefined>;
  /** Undefined when it is not in the mempool. */
  readonly waiting: (txid: TxId) => Promise<Waiting | undefined>;
  readonly broadcast: (transaction: Transaction) => Promise<Broadcast>;
  /** The rate per 1,000 bytes that confirms soon; never below the coin's own floor. */
  readonly feeRate: () => Promise<Amount>;
}

/** What lies at an output script, by an asset's own rules. */
export interface AssetHolding {
  /** As of the blocks that are so deep as was asked. */
  readonly quantity: bigint;
  /** Depth of the oldest unspent coin there: any coin there can move the asset. 0 while there is none in a block. */
  readonly oldest: number;
}

/** Follows an asset by its rules, which no node knows: whoever runs it is believed. */
export interface Indexer {
  readonly holding: (asset: Asset, script: Uint8Array, depth: number) => Promise<AssetHolding>;
}

/** A stored value with the number of times it was written: 1 after the first write. */
export interface StoredRecord {
  readonly version: number;
  /** JSON text; its own format version is inside. */
  readonly value: string;
}

/** One record of a commit. The commit fails unless the record is still at version `expected` (0: absent). An undefined value deletes it. */
export interface Write {
  readonly kind: string;
  readonly id: string;
  readonly expected: number;
  readonly value: string | undefined;
}

/**
 * Durable records by kind and id. Throws `WorldError` when damaged, newer than this program, full or closed; never starts with an empty store
 * instead.
 */
export interface Store {
  readonly get: (kind: string, id: string) => Promise<StoredRecord | undefined>;
  /** All records of a kind, by id. */
  readonly list: (kind: string) => AsyncIterable<StoredRecord & { readonly id: string }>;
  /** All writes or none. True once they are safely on the disk; false when any record was not at its expected version. */
  readonly commit: (writes: readonly Write[]) => Promise<boolean>;
  readonly close: () => Promise<void>;
}

/** A way to reach one payee: anything that carries one message there and one back. */
export interface Connection {
  /**
   * Sends a request and returns its reply, refusals included. `psbt` is the same message as a PSBT, for connections that use that form. @throws
   * WorldError `peer-unreachable` when no reply came, which says nothing about what the payee did; `peer-nonsense` when the reply can't be read.
   */
  readonly exchange: (request: Request, psbt?: Uint8Array) => Promise<Reply>;
}

/** A two-way connection to one peer that carries whole messages. Each arrives once and in order, or the line breaks. */
export interface Line {
  /** Address of the peer, without its port. */
  readonly remote: string;
  /**
   * The messages of the peer, each once; ends when the peer has ended its side, or this side closes. A loop over it may be left, and the next one
   * continues there; two at the same time are not allowed. A message that is not read stays with the peer. @throws WorldError `peer-unreachable` when
   * the line breaks or nothing comes in time, `peer-nonsense` when the peer sends no valid messages: after the valid ones before, and again at each
   * further read.
   */
  readonly frames: AsyncIterable<Uint8Array>;
  /**
   * Resolves once the system has taken the message, which says nothing about the peer. Sending is allowed after the peer's own end. @throws
   * WorldError `peer-unreachable` when the line is closed or broken. @throws RangeError for a message that is too long.
   */
  readonly send: (body: Uint8Array) => Promise<void>;
  /** Milliseconds in which the next whole message must arrive once it is waited for; otherwise the line closes. Undefined waits for ever. */
  readonly setIdle: (milliseconds: number | undefined) => void;
  /**
   * Accepts no more messages, sends everything that was accepted before, and then ends the line. Resolves when the line is gone. May be called again.
   */
  readonly close: () => Promise<void>;
}

/** Keys by name, each derived from one seed. The name is stored with the state; the key never is. */
export interface KeyRing {
  readonly signer: (name: string) => Signer;
}

/** The key ring of a wallet: all from one seed, which can also find its channels again. */
export interface SeedRing extends KeyRing {
  /** 32 bytes that only the seed gives: they seal the notes in funding transactions. */
  readonly noteSecret: () => Uint8Array;
}

/** Told how far a reading has come: up to which block of which tip, or through how many transactions of the mempool of how many. It must not throw. */
export type ReadingProgress = (what: 'blocks' | 'mempool', done: number, total: number) => void;

export interface Clock {
  /** Unix time in milliseconds. */
  readonly now: () => number;
}

export interface Timers {
  /** Calls `run` after so many milliseconds, unless the returned function is called before. */
  readonly after: (milliseconds: number, run: () => void) => () => void;
}

export interface Random {
  /** `length` unpredictable bytes. */
  readonly bytes: (length: number) => Uint8Array;
}

export type WorldCode =
  | 'node-down'
  | 'node-refused'
  | 'node-wrong-chain'
  | 'node-behind'
  | 'node-pruned'
  | 'store-damaged'
  | 'store-newer'
  | 'store-full'
  | 'store-busy'
  | 'store-closed'
  | 'store-shrunk'
  | 'store-moved'
  | 'disk-failed'
  | 'peer-unreachable'
  | 'peer-nonsense'
  | 'wallet-locked'
  | 'wallet-short'
  | 'config';

/** A failure of the surroundings, as opposed to a peer breaking the rules (a refusal) or a bug (an assertion). */
export class WorldError extends Error {
  readonly code: WorldCode;
  /** What a person can do about it. */
  readonly hint: string;

  constructor(code: WorldCode, message: string, hint: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = 'WorldError';
    this.code = code;
    this.hint = hint;
  }
}
