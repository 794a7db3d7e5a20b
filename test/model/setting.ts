import { amount, MAX_AMOUNT } from '../../src/core/base/amount.ts';
import { height } from '../../src/core/base/height.ts';
import { blocksOn } from '../../src/core/base/lock-time.ts';
import type { Coin } from '../../src/core/coin/coin.ts';
import { dogecoinRegtest } from '../../src/core/coin/dogecoin.ts';
import type { Contract, Deposit, Terms } from '../../src/core/contract/contract.ts';
import type { Offer } from '../../src/core/message/message.ts';
import type { Verify } from '../../src/core/tx/sign.ts';
import { type Transaction, transactionId } from '../../src/core/tx/transaction.ts';
import { fastestVerifier } from '../../src/engine/verifier.ts';
import { fundingOf, keyNumber, lockAt, sampleOffer, sampleTerms } from '../world/sample.ts';

export const DOGE = 100_000_000n;
/** What the deposit is worth, and what each purchase costs. */
export const CAPACITY: bigint = 10n * DOGE;
export const PRICE: bigint = DOGE;

/** Tip before the funding transaction is broadcast. */
export const START = 10;
/** The least that outweighs two crashes with a block missed after each, one block that leaves the close out, and a reorganisation; one less loses money. */
export const MARGIN = 5;
export const BURIED = 3;
/** Blocks under a deposit that counts. */
export const DEPTH = 2;
/** Blocks until the expiry. Where money can come back, the payee revokes nothing in the ten blocks before its margin. */
const LIFE = 14;
const LIFE_WITH_RETURNS = LIFE + 10;

const fastest = await fastestVerifier();
export const verify: Verify = fastest.verify;

/** A coin with a short memory, so that a whole life fits in a few blocks. */
const coin: Coin = {
  ...dogecoinRegtest,
  rules: { cltv: height(0) },
  channel: { ...dogecoinRegtest.channel, buried: BURIED },
};

/** The same with blocks so slow that two of them are the time in which a side answers: the payout is near. */
const slowCoin: Coin = { ...coin, blockSeconds: 43_200 };

/** All that a model of one contract starts from. */
export interface Setting {
  readonly terms: Terms;
  readonly offer: Offer;
  readonly deposit: Deposit;
  /** The block that the expiry comes with. */
  readonly expiresAt: number;
  /** A chain this high has been fair for long enough. */
  readonly last: number;
  readonly funding: Transaction;
  /** Spends what the funding spends: once it is mined, the deposit can never be. */
  readonly thief: Transaction;
}

export function settingOf(contract: Contract): Setting {
  const isOneWay = contract.revocation === undefined;
  const scale = { coin: isOneWay ? coin : slowCoin, contract };
  const expiresAt = START + (isOneWay ? LIFE : LIFE_WITH_RETURNS);
  const closingMargin = blocksOn(contract.expiresBy, MARGIN, scale.coin.blockSeconds);
  const terms: Terms = { ...sampleTerms({ ...scale, expiry: lockAt(scale, expiresAt) }), closingMargin };
  const last = expiresAt + (terms.revocation?.payoutDelay ?? 0) + 3 * BURIED + 4;
  const offer: Offer = {
    ...sampleOffer(terms),
    minExpiry: terms.expiry,
    maxExpiry: terms.expiry,
    depth: [{ upTo: MAX_AMOUNT, blocks: DEPTH }],
  };
  const funding = fundingOf(terms, [CAPACITY]);
  const deposit = { outpoint: { txid: transactionId(funding), vout: 0 }, value: amount(CAPACITY) };
  const thief = { ...funding, outputs: [{ value: CAPACITY, script: keyNumber(66).publicKey }] };
  return { terms, offer, deposit, expiresAt, last, funding, thief };
}
