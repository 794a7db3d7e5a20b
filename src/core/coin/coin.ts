import type { Amount } from '../base/amount.ts';
import type { Height, LockKind } from '../base/height.ts';

export type Network = 'main' | 'test' | 'regtest';

/**
 * Consensus rules a contract can depend on, each with the height from which blocks that break it are refused. A rule that is absent never applies on
 * this chain.
 */
export interface ActiveRules {
  /** BIP65 OP_CHECKLOCKTIMEVERIFY. */
  readonly cltv?: Height;
  /** BIP68, BIP112 and BIP113: relative locks and median-time locks. */
  readonly csv?: Height;
  /** BIP141. */
  readonly segwit?: Height;
}
export type Rule = keyof ActiveRules;

export interface Family {
  readonly count: number;
  readonly size: number;
  /**
   * Bytes of the one extra small child that nodes accept when a family is full, which channels can use; 0 where there is none
   * (`EXTRA_DESCENDANT_TX_SIZE_LIMIT`).
   */
  readonly spare: number;
}

/** What nodes relay and miners take. Rates are units per 1,000 bytes. */
export interface Policy {
  readonly minRelayFeeRate: Amount;
  /** What miners with default settings accept; pawment pays at least this. */
  readonly feeRate: Amount;
  /** pawment makes or asks for no output below this. */
  readonly dust: Amount;
  /** A transaction that pays more than this is refused as a mistake (`-maxtxfee`). */
  readonly maxFee: Amount;
  /** Bytes of the largest transaction that is relayed. */
  readonly maxTransactionSize: number;
  /**
   * How many unconfirmed transactions may depend on each other: the limits for ancestors and for descendants of each one, itself included, as a count
   * and in bytes.
   */
  readonly family: Family;
  /** When the mempool lets an unconfirmed transaction be replaced by one that pays more. */
  readonly replacement: 'never' | 'opt-in' | 'always';
}

/** Blocks a deposit of up to `upTo` must be deep before it counts. */
export interface DepthStep {
  readonly upTo: Amount;
  readonly blocks: number;
}

/** How long channels last, in blocks, or in seconds for contracts that expire by time. */
export interface Span {
  /**
   * For an expiry by time: how much earlier than the payee expects a refund could be valid. Its own clock may be two hours slow, and a block's time
   * two hours ahead (`validation.cpp`, MAX_FUTURE_BLOCK_TIME); added to that, the time that the blocks of the margin by height take, so that the
   * close can be mined.
   */
  readonly closingMargin: number;
  /** Limits of a channel's lifetime, counted from its opening. */
  readonly minLifetime: number;
  readonly maxLifetime: number;
}

/** Channel defaults; a merchant may ask for more. */
export interface ChannelDefaults {
  readonly span: Readonly<Record<LockKind, Span>>;
  /** Ascending by amount; the last step applies to every larger deposit. */
  readonly depth: readonly DepthStep[];
  /** A close or refund with so many confirmations is final. */
  readonly buried: number;
}

/** Everything pawment knows about one chain: data only, no code. Source of the numbers: each node's `chainparams.cpp` and `policy/`. */
export interface Coin {
  /** `dogecoin`, `dogecoin-test`, `dogecoin-regtest`, … */
  readonly id: string;
  readonly name: 'Dogecoin' | 'Litecoin' | 'Bitcoin';
  readonly network: Network;
  readonly ticker: string;
  /** Hash of block 0: the only safe way to tell chains apart. */
  readonly genesis: string;
  readonly prefix: {
    readonly p2pkh: number;
    /** pawment writes the first and reads all. */
    readonly p2sh: readonly [number, ...number[]];
    readonly wif: number;
    /** Human-readable part of addresses of witness programs (BIP173); absent where the chain has none. */
    readonly bech32?: string;
    readonly bip32: { readonly public: number; readonly private: number };
  };
  /** SLIP-44 coin number of the BIP44 path. */
  readonly slip44: number;
  /** Scheme of a payment URI, without the colon. */
  readonly uriScheme: string;
  readonly rpcPort: number;
  readonly blockSeconds: number;
  readonly coinbaseMaturity: number;
  readonly rules: ActiveRules;
  readonly policy: Policy;
  readonly channel: ChannelDefaults;
}

export function hasRule(coin: Coin, rule: Rule, at: Height): boolean {
  const active = coin.rules[rule];
  return active !== undefined && at >= active;
}

/** Blocks a deposit of `value` must be deep on `coin` before it counts. */
export function depthFor(steps: readonly DepthStep[], value: Amount): number {
  const step = steps.find(({ upTo }) => value <= upTo) ?? steps.at(-1);
  return step?.blocks ?? 1;
}

/** A limit on the sum, over all channels, that may depend on deposits with fewer than so many confirmations. */
export interface YoungBound {
  readonly below: number;
  readonly most: Amount;
}

/**
 * Turns the steps for one deposit into limits for a sum, because a reorganisation takes away all deposits of the blocks it undoes at once. If one
 * deposit of an amount would need more confirmations, deposits with fewer confirmations may not carry that amount together either.
 */
export function boundsOf(steps: readonly DepthStep[]): readonly YoungBound[] {
  return steps.flatMap(({ blocks }, i) => {
    const before = steps[i - 1];
    return before !== undefined && before.blocks < blocks ? [{ below: blocks, most: before.upTo }] : [];
  });
}

/** CAIP-2 name of the chain: `bip122:` and the first 32 digits of the genesis hash. */
export function caip2(coin: Coin): string {
  return `bip122:${coin.genesis.slice(0, 32)}`;
}
