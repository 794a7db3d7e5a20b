import type { Amount } from '../base/amount.ts';
import type { Height, LockKind } from '../base/height.ts';

export type Network = 'main' | 'test' | 'regtest';

/** Consensus rules a contract can lean on, each with the height from which blocks that break it are refused. An absent rule never binds miners. */
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
  /** Bytes of the one small child more that a full family takes, for channels; 0 where there is no such room (`EXTRA_DESCENDANT_TX_SIZE_LIMIT`). */
  readonly spare: number;
}

/** What nodes relay and miners take. Rates are units per 1,000 bytes. */
export interface Policy {
  readonly minRelayFeeRate: Amount;
  /** What a default miner takes and pawment pays at least. */
  readonly feeRate: Amount;
  /** No output pawment makes or asks for is below this. */
  readonly dust: Amount;
  /** More than this for one transaction is refused as a mistake (`-maxtxfee`). */
  readonly maxFee: Amount;
  /** Bytes of the largest transaction that is relayed. */
  readonly maxTransactionSize: number;
  /** How much may wait that hangs together: above and below each transaction so many, itself included, and so many bytes. */
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
   * By time it is what a refund could come earlier by than the payee expects: its own clock behind by two hours, a block's time ahead by two
   * (`validation.cpp`, MAX_FUTURE_BLOCK_TIME); and as long as the blocks of the margin by height take, for the close to be mined.
   */
  readonly closingMargin: number;
  /** A channel lives at least and at most this long when it opens. */
  readonly minLifetime: number;
  readonly maxLifetime: number;
}

/** Channel defaults; a merchant may ask for more. */
export interface ChannelDefaults {
  readonly span: Readonly<Record<LockKind, Span>>;
  /** Ascending by amount; the last step covers every larger deposit. */
  readonly depth: readonly DepthStep[];
  /** A close or refund this deep is over for good. */
  readonly buried: number;
}

/** Everything pawment knows about one chain: plain data, never code. Source of the numbers: each node's `chainparams.cpp` and `policy/`. */
export interface Coin {
  /** `dogecoin`, `dogecoin-test`, `dogecoin-regtest`, … */
  readonly id: string;
  readonly name: 'Dogecoin' | 'Litecoin' | 'Bitcoin';
  readonly network: Network;
  readonly ticker: string;
  /** Hash of block 0: the only thing that tells chains apart for certain. */
  readonly genesis: string;
  readonly prefix: {
    readonly p2pkh: number;
    /** The first is written; all are read. */
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

/** The most that may rest, over all channels, on deposits that are less than so many blocks deep. */
export interface YoungBound {
  readonly below: number;
  readonly most: Amount;
}

/**
 * What steps by amount mean for a sum: blocks that are undone take all deposits in them at once. What one deposit would have to be deeper for, all
 * that are not as deep may not carry together.
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
