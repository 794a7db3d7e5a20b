import { type Amount, amount } from '../../core/base/amount.ts';
import { height } from '../../core/base/height.ts';
import { type Coin, hasRule } from '../../core/coin/coin.ts';
import { FLAG, STANDARD_FLAGS } from './script-flags.ts';

const UNIT = 100_000_000n;

/** What the embedded chain needs to know of a chain besides its coin: `chainparams.cpp`, `policy.h` and `validation.h` of that node's regtest. */
export interface ChainRules {
  /** The wording of the chain's node, and the order in which it checks for reasons to refuse. */
  readonly dialect: 'dogecoin' | 'litecoin';
  /** `amount.h`, MAX_MONEY. */
  readonly maxMoney: bigint;
  readonly genesis: { readonly nonce: number; readonly message: string; readonly value: bigint };
  readonly blockVersion: number;
  /** Merged mining: the id of this chain in a block's version, and from which height every block has it (`chainparams.cpp`). */
  readonly merged?: { readonly chainId: number; readonly from: number };
  readonly subsidy: (height: number) => Amount;
  /** From this height a coinbase starts with its height; undefined: never required. */
  readonly bip34?: number;
  /** From this height signatures in blocks are strict DER. */
  readonly bip66: number;
  /** The reason given for a block whose parent is unknown. */
  readonly orphan: string;
  readonly standardFlags: number;
  /** The least rate per 1,000 bytes that a default miner accepts. */
  readonly minerFeeRate: Amount;
  /** Additional rate per 1,000 bytes that a replacement pays for its own relay. */
  readonly replacementFeeRate: Amount;
  readonly hardDust: (outputSize: number, isWitnessProgram: boolean) => bigint;
  /** Among peers, an output below this raises the fee by this amount (`dogecoin-fees.cpp`). */
  readonly softDust?: Amount;
  /** Bytes of the largest block that a default miner makes. */
  readonly maxMinedSize: number;
  readonly mempoolHours: number;
  /** Bytes of a block that a default miner gives to old coins, whatever they pay (`policy.h`, DEFAULT_BLOCK_PRIORITY_SIZE). */
  readonly prioritySize: number;
}

/** What does not follow from the coin's own policy. */
type OwnRules = Omit<ChainRules, 'hardDust' | 'softDust'>;

const dogecoin: OwnRules = {
  dialect: 'dogecoin',
  maxMoney: 10_000_000_000n * UNIT,
  genesis: { nonce: 2, message: 'Nintondo', value: 88n * UNIT },
  // Version 4 under merge mining's chain id 0x62.
  blockVersion: 0x0062_0004,
  merged: { chainId: 0x62, from: 20 },
  subsidy: (at) => amount(at < 900 ? (500_000n * UNIT) >> BigInt(Math.floor(at / 150)) : 10_000n * UNIT),
  bip66: 1251,
  orphan: 'bad-prevblk',
  standardFlags: STANDARD_FLAGS,
  minerFeeRate: amount(UNIT / 100n),
  replacementFeeRate: amount(UNIT / 10_000n),
  maxMinedSize: 750_000,
  mempoolHours: 24,
  prioritySize: 27_000,
};

const litecoin: OwnRules = {
  dialect: 'litecoin',
  maxMoney: 84_000_000n * UNIT,
  genesis: { nonce: 0, message: 'NY Times 05/Oct/2011 Steve Jobs, Apple’s Visionary, Dies at 56', value: 50n * UNIT },
  blockVersion: 0x2000_0000,
  subsidy: (at) => amount((50n * UNIT) >> BigInt(Math.min(63, Math.floor(at / 150)))),
  bip34: 500,
  bip66: 1251,
  orphan: 'prev-blk-not-found',
  standardFlags: STANDARD_FLAGS | FLAG.CONST_SCRIPTCODE,
  minerFeeRate: amount(1_000n),
  replacementFeeRate: amount(1_000n),
  maxMinedSize: 990_000,
  mempoolHours: 336,
  prioritySize: 0,
};

/** Bytes of a P2PKH output and of the input that spends it. */
const P2PKH_LIFE = 182;
const SPENDING = 148;
const SPENDING_WITNESS = 67;

/**
 * The rules of `coin`'s regtest. A coin with another `policy` is a node started with other limits: `minRelayFeeRate` is `-minrelaytxfee`; `dust` is
 * `-dustlimit` and ten times `-harddustlimit` on Dogecoin, and the result of `-dustrelayfee` on Litecoin. Litecoin's is the chain without MWEB, as
 * started with `-vbparams=mweb:9999999999:9999999999`. @throws Error for a coin whose regtest is not modelled here.
 */
export function chainRules(coin: Coin): ChainRules {
  const { dust } = coin.policy;
  if (coin.id === 'dogecoin-regtest') return { ...dogecoin, softDust: dust, hardDust: () => dust / 10n };
  if (coin.id === 'litecoin-regtest') {
    // An amount for every byte of the output and of the input that spends it (`policy.cpp`, GetDustThreshold).
    const byByte = (size: number): bigint => (BigInt(size) * dust) / BigInt(P2PKH_LIFE);
    return { ...litecoin, hardDust: (size, isWitnessProgram) => byByte(size + (isWitnessProgram ? SPENDING_WITNESS : SPENDING)) };
  }
  throw new Error(`the embedded chain is dogecoin-regtest or litecoin-regtest, not ${coin.id}`);
}

/** Script rules for a block at `at` (`validation.cpp`, GetBlockScriptFlags). */
export function blockFlags(coin: Coin, rules: ChainRules, at: number): number {
  const when = (isActive: boolean, flags: number): number => (isActive ? flags : 0);
  return (
    FLAG.P2SH |
    when(at >= rules.bip66, FLAG.DERSIG) |
    when(hasRule(coin, 'cltv', height(at)), FLAG.CHECKLOCKTIMEVERIFY) |
    when(hasRule(coin, 'csv', height(at)), FLAG.CHECKSEQUENCEVERIFY) |
    when(hasRule(coin, 'segwit', height(at)), FLAG.WITNESS | FLAG.NULLDUMMY)
  );
}
