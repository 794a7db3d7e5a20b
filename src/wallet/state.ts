import type { Amount } from '../core/base/amount.ts';
import type { TxId } from '../core/base/bytes.ts';
import type { Height } from '../core/base/height.ts';
import type { Outpoint, Transaction } from '../core/tx/transaction.ts';
import type { Tip } from '../engine/ports.ts';

/** How far the chain has been scanned. A restored wallet that has not seen the whole chain yet doesn't know which of its keys are used. */
export interface Cursor {
  readonly kind: 'restoring' | 'following';
  /** Public key hash of the wallet's first key, in hex: a store belongs to one seed. */
  readonly wallet: string;
  /** Blocks up to this one are never scanned. */
  readonly birthday: Height;
  /** Marks of scanned blocks, oldest first, closer together towards the end: enough to find where a reorganised chain forked. */
  readonly trail: readonly Tip[];
  /** Blocks that the node had deleted before they were read. */
  readonly unread?: number | undefined;
}

/** The keys of one BIP44 branch. */
export interface Branch {
  /** Keys below this index were used on the chain or skipped. */
  readonly used: number;
  /** The index of the next key to give out. */
  readonly next: number;
}

/** Where our output is: in a block, or in an own transaction that no block holds yet. */
export type Place = { readonly kind: 'mined'; readonly height: Height } | { readonly kind: 'unconfirmed' };

/** `reserved`: an own unconfirmed transaction spends it. */
export type Use =
  | { readonly kind: 'free' }
  | { readonly kind: 'reserved'; readonly by: TxId }
  | { readonly kind: 'spent'; readonly by: TxId; readonly height: Height };

/** An output that pays to a key of ours. */
export interface OwnOutput {
  readonly outpoint: Outpoint;
  readonly value: Amount;
  /** Name of the key it pays to (P2PKH). */
  readonly key: string;
  readonly coinbase: boolean;
  readonly place: Place;
  readonly use: Use;
}

/** `reserved`: signed; the caller decides whether it is broadcast. `published`: the wallet broadcasts it until it is mined. */
export type Stage = { readonly kind: 'reserved' } | { readonly kind: 'published' } | { readonly kind: 'mined'; readonly height: Height };

/** A transaction that the wallet signed. */
export interface OwnTransaction {
  readonly txid: TxId;
  readonly transaction: Transaction;
  /** Its purpose, in the caller's words. */
  readonly label: string;
  readonly stage: Stage;
}

/** A key outside the gap-limited branches whose P2PKH outputs also belong to the wallet. */
export interface WatchedKey {
  readonly key: string;
}
