import assert from 'node:assert/strict';
import { amount, MAX_AMOUNT } from '../../src/core/base/amount.ts';
import { bytesToHex, txId } from '../../src/core/base/bytes.ts';
import { LOCK_TIME_THRESHOLD, type LockTime, lockTime } from '../../src/core/base/height.ts';
import { blocksOn } from '../../src/core/base/lock-time.ts';
import { isRefusal, type Refusal, type RefusalCode } from '../../src/core/base/refusal.ts';
import { penaltySigner } from '../../src/core/channel/payer-revocation.ts';
import { bitcoinRegtest } from '../../src/core/coin/bitcoin.ts';
import type { Coin } from '../../src/core/coin/coin.ts';
import { dogecoinRegtest } from '../../src/core/coin/dogecoin.ts';
import { litecoinRegtest } from '../../src/core/coin/litecoin.ts';
import { MAX_BLOCKS, spendHashOf } from '../../src/core/contract/age-lock.ts';
import type { Contract, Deposit, Signing, Terms } from '../../src/core/contract/contract.ts';
import { contracts } from '../../src/core/contract/registry.ts';
import type { Offer } from '../../src/core/message/message.ts';
import { p2pkh } from '../../src/core/tx/script.ts';
import type { Signer } from '../../src/core/tx/sign.ts';
import { encodeTransaction, type Transaction, transactionId } from '../../src/core/tx/transaction.ts';
import { fastestSigner } from '../../src/engine/signer.ts';
import { usualSigning } from '../../src/merchant/terms.ts';
import { strictSigner } from './strict-signer.ts';

const signer = fastestSigner();

/** A key for tests, the same for the same number; it signs nothing that nobody should. */
export function keyNumber(number: number): Signer {
  const bytes = new Uint8Array(32);
  new DataView(bytes.buffer).setUint32(28, number);
  return strictSigner(signer(bytes));
}

export const payerKey: Signer = keyNumber(1);
export const payeeKey: Signer = keyNumber(2);
/** What the payee is paid to, and what the payer has refunds paid to. */
export const payeeScript: Uint8Array = p2pkh(keyNumber(3).publicKey);
export const returnScript: Uint8Array = p2pkh(keyNumber(4).publicKey);

export const FLEXIBLE: Signing = { kind: 'flexible', slot: 0 };

/** Signings that terms of a contract may have: where payments can be taken back, the fee is fixed. */
export function signingsOf({ revocation }: Contract): readonly Signing['kind'][] {
  return revocation === undefined ? ['flexible', 'fixed'] : ['fixed'];
}

/** Contracts whose rules a chain enforces. */
export function contractsOn({ rules }: Coin): readonly [Contract, ...Contract[]] {
  const [first, ...others] = contracts.filter(({ needs }) => needs.every((rule) => rules[rule] !== undefined));
  return [first ?? contracts[0], ...others];
}

/** Of a contract, a coin whose chain enforces its rules. */
export function coinFor(contract: Contract): Coin {
  return contractsOn(dogecoinRegtest).includes(contract) ? dogecoinRegtest : litecoinRegtest;
}

/** What terms say of the age at which deposits open, where they are locked by that. */
export function ageLockIn({ expiryIn }: Contract, blocks: number, payee: Signer): Pick<Terms, 'ageLock'> {
  return expiryIn === 'age' ? { ageLock: { blocks, spendHash: spendHashOf(payee) } } : {};
}

/** Contracts that leave the closing fee to the payee. */
export const flexibleContracts: readonly Contract[] = contracts.filter((contract) => signingsOf(contract).includes('flexible'));

export interface SampleTerms {
  readonly coin?: Coin;
  readonly contract?: Contract;
  readonly signing?: Signing;
  /** A lock of the contract's kind; that of block 2,000 of the sample chain unless given. */
  readonly expiry?: LockTime;
}

/** What a sample chain has of contracts of either kind. */
type Scale = Pick<Terms, 'coin' | 'contract'>;

/** Deposits of the sample chain from this block on open after the expiry, though a reorganisation mined them earlier. */
const SAMPLE_AGED = 900;

/** Unix time of the sample chain's block 0, in seconds. */
const SAMPLE_START = LOCK_TIME_THRESHOLD * 3;

/** The lock, of the contract's kind, that comes with a block of the sample chain, whose blocks keep the coin's pace. */
export function lockAt({ coin, contract }: Scale, block: number): LockTime {
  return lockTime(contract.expiresBy === 'time' ? SAMPLE_START + block * coin.blockSeconds : block);
}

/** The block of the sample chain that a lock comes with. */
export function blockOf({ coin, contract }: Scale, lock: LockTime): number {
  return contract.expiresBy === 'time' ? Math.ceil((lock - SAMPLE_START) / coin.blockSeconds) : lock;
}

/** The median time of the sample chain at a block: locks up to a second earlier are open. */
export function medianTimeAt({ blockSeconds }: Coin, block: number): number {
  return SAMPLE_START + block * blockSeconds + 1;
}

/** A coin on which nodes replace the transactions of a contract by better ones. */
export function replacingCoin({ form }: Contract): Coin {
  return form.sequence < 0xffff_fffe ? dogecoinRegtest : bitcoinRegtest;
}

/** Terms with a margin of 120 blocks. */
export function sampleTerms({
  contract = contracts[0],
  coin = coinFor(contract),
  signing = usualSigning(coin, contract),
  expiry,
}: SampleTerms = {}): Terms {
  const keys = { payerKey: payerKey.publicKey, payeeKey: payeeKey.publicKey };
  const end = expiry ?? lockAt({ coin, contract }, 2_000);
  return {
    coin,
    contract,
    signing,
    closingMargin: blocksOn(contract.expiresBy, 120, coin.blockSeconds),
    payeeScript,
    expiry: end,
    ...keys,
    ...ageLockIn(contract, Math.min(MAX_BLOCKS, Math.max(1, end - SAMPLE_AGED)), payeeKey),
    ...(contract.revocation && {
      revocation: { payoutDelay: contract.revocation.leastPayoutDelay(coin), penaltyKey: penaltySigner(payerKey).publicKey },
    }),
  };
}

/** The offer that `sampleTerms` came from: deposits count at three confirmations, and the expiry is the payer's choice where it may be. */
export function sampleOffer(terms: Terms): Offer {
  const { coin, contract, signing, closingMargin, payeeScript, payeeKey, expiry, ageLock, revocation } = terms;
  const isFree = contract.expiryIn !== 'releases';
  const minExpiry = isFree ? lockAt({ coin, contract }, 1_500) : expiry;
  return {
    kind: 'offer',
    ...{ coin, contract, signing, closingMargin, payeeScript, payeeKey },
    minDeposit: coin.policy.dust,
    maxDeposit: amount(coin.policy.dust * 1_000_000n),
    minExpiry,
    maxExpiry: isFree ? lockAt({ coin, contract }, 3_000) : expiry,
    depth: [{ upTo: MAX_AMOUNT, blocks: 3 }],
    ...(revocation && { payoutDelay: revocation.payoutDelay }),
    ...(ageLock && { refundAge: ageLock.blocks - (expiry - minExpiry), spendHash: ageLock.spendHash }),
    nonce: new Uint8Array(16).fill(7),
  };
}

/** A transaction that pays `values` to the channel, and is like no other with another `salt`. */
export function fundingOf(terms: Terms, values: readonly bigint[], salt = 0): Transaction {
  const script = terms.contract.outputScript(terms);
  const input = {
    outpoint: { txid: txId(bytesToHex(new Uint8Array(32).fill(9))), vout: salt },
    script: new Uint8Array(),
    sequence: 0xffff_ffff,
  };
  return { version: 1, inputs: [input], outputs: values.map((value) => ({ value, script })), lockTime: 0 };
}

/** Deposits as the payer has them once the payee has signed their refunds, where the contract asks for that. */
export function released(terms: Terms, deposits: readonly Deposit[]): readonly Deposit[] {
  const releases = terms.contract.release(terms, deposits, payeeKey);
  return deposits.map((deposit, i) => ({ ...deposit, ...(releases[i] && { release: releases[i] }) }));
}

export interface SampleFunding {
  readonly deposits: readonly Deposit[];
  readonly transactions: ReadonlyMap<string, Uint8Array>;
}

/** One funding transaction for each deposit. */
export function sampleFunding(terms: Terms, values: readonly bigint[]): SampleFunding {
  const made = values.map((value, i) => ({ value: amount(value), transaction: fundingOf(terms, [value], i) }));
  const deposits = made.map(({ value, transaction }) => ({ outpoint: { txid: transactionId(transaction), vout: 0 }, value }));
  return {
    deposits,
    transactions: new Map(made.map(({ transaction }) => [transactionId(transaction), encodeTransaction(transaction)])),
  };
}

/** The value, or a failed test that names the refusal. */
export function must<T>(value: T | Refusal): T {
  return isRefusal(value) ? assert.fail(`${value.code}: ${JSON.stringify(value.detail)}`) : value;
}

/** Fails unless `value` is a refusal with that code. */
export function assertRefused(value: unknown, code: RefusalCode, label?: string): asserts value is Refusal {
  assert.equal(isRefusal(value) ? value.code : 'not refused', code, label);
}
