import assert from 'node:assert/strict';
import type { Outcome, Regtest } from '../../../../src/chain/regtest/regtest.ts';
import { type Amount, amount, feeFor, ZERO } from '../../../../src/core/base/amount.ts';
import { equalBytes } from '../../../../src/core/base/bytes.ts';
import { after, type Height, type LockTime, lockTime } from '../../../../src/core/base/height.ts';
import { blocksOn } from '../../../../src/core/base/lock-time.ts';
import type { Refusal } from '../../../../src/core/base/refusal.ts';
import { penaltySigner } from '../../../../src/core/channel/payer-revocation.ts';
import type { Coin } from '../../../../src/core/coin/coin.ts';
import type {
  Closing,
  Contract,
  Deposit,
  Filler,
  Payment,
  Payout,
  Plan,
  RevocationHash,
  Signing,
  Terms,
} from '../../../../src/core/contract/contract.ts';
import { closeSize } from '../../../../src/core/contract/tx-size.ts';
import { hash160, p2pkh, readScript, script } from '../../../../src/core/tx/script.ts';
import { SIGHASH, signatureHash } from '../../../../src/core/tx/sighash.ts';
import {
  decodeSignature,
  encodeSignature,
  type PublicKey,
  readCompact,
  type Signature,
  type Signer,
  type Verify,
} from '../../../../src/core/tx/sign.ts';
import { sameOutpoint, type Transaction, transactionId, transactionSize } from '../../../../src/core/tx/transaction.ts';
import { usualSigning } from '../../../../src/merchant/terms.ts';
import { PacedChain } from '../../../world/paced-chain.ts';
import { ageLockIn, keyNumber, must } from '../../../world/sample.ts';

/** A contract, and a chain of the coin it is tried on. */
export interface ContractSubject {
  readonly contract: Contract;
  /** Those that its terms may have. */
  readonly signings: readonly Signing['kind'][];
  /** Above height 1,351, from where blocks are held to the coin's locks. */
  readonly regtest: Regtest;
  readonly verify: Verify;
  /** The redeem script as its definition writes it, in hex: `payer` and `payee` are keys, `expiry` a pushed script number, or an age as one. */
  readonly writtenOut: (payer: string, payee: string, expiry: string, spendHash: string) => string;
  /** The same spend in other bytes, as a miner could write it: no signature covers it, and blocks may hold it. */
  readonly disguises: (unlock: Uint8Array) => readonly Uint8Array[];
  /** Bytes of that script, but those of the expiry and its push. */
  readonly scriptSize: number;
}

export type Case = readonly [name: string, run: (world: World) => void];

/** A channel whose deposits are in the chain, and both keys. */
export interface Channel {
  readonly terms: Terms;
  readonly deposits: readonly Deposit[];
  readonly payer: Signer;
  readonly payee: Signer;
}

export interface ChannelOptions {
  readonly signing?: Signing;
  /** In multiples of the coin's dust; one deposit of 1,000 unless given. */
  readonly deposits?: readonly bigint[];
  /** Blocks from the tip to the expiry; 200 unless given. */
  readonly life?: number;
}

/** What revokes them. */
export const SECRET: Uint8Array = new Uint8Array(32).fill(5);

let keys = 10_000;

/** One contract on one chain: opens channels, and asks the chain what it takes. */
export class World {
  readonly subject: ContractSubject;
  readonly contract: Contract;
  readonly regtest: Regtest;
  readonly paced: PacedChain;
  readonly coin: Coin;
  readonly dust: Amount;
  readonly payout: Payout;
  constructor(subject: ContractSubject) {
    this.subject = subject;
    this.contract = subject.contract;
    this.regtest = subject.regtest;
    this.paced = new PacedChain(subject.regtest);
    this.coin = subject.regtest.coin;
    this.dust = this.coin.policy.dust;
    this.payout = { script: p2pkh(this.key().publicKey), feeRate: this.coin.policy.feeRate };
  }

  /** The payee's name for payments, where they can be taken back. */
  get hash(): RevocationHash | undefined {
    return this.contract.revocation && hash160(SECRET);
  }

  /** A key nobody has used yet. */
  key(): Signer {
    return keyNumber(keys++);
  }

  /** So many times the smallest output. */
  money(dusts: bigint): Amount {
    return amount(dusts * this.dust);
  }

  /** What a close costs at the coin's rate. */
  closingFee(inputs: number, outputs: number): Amount {
    return feeFor(closeSize(this.terms({}).terms, inputs, outputs), this.coin.policy.feeRate);
  }

  /** Signing that fixes the fee of a close with so many inputs. */
  fixed(inputs = 1): Signing {
    return { kind: 'fixed', fee: this.closingFee(inputs, 2) };
  }

  /** Signings of either kind, as far as the contract has it: in two slots, and with a fee for closes of so many inputs. */
  signings(inputs: number): readonly Signing[] {
    const all: readonly Signing[] = [{ kind: 'flexible', slot: 0 }, { kind: 'flexible', slot: 1 }, this.fixed(inputs)];
    return all.filter(({ kind }) => this.subject.signings.includes(kind));
  }

  /** Terms of a channel that nobody has funded. */
  terms({ signing = usualSigning(this.coin, this.contract), life = 200 }: ChannelOptions): Omit<Channel, 'deposits'> {
    const [payer, payee] = [this.key(), this.key()];
    const own = { payerKey: payer.publicKey, payeeKey: payee.publicKey, expiry: this.paced.lockIn(this.contract.expiresBy, life) };
    const closingMargin = blocksOn(this.contract.expiresBy, 50, this.coin.blockSeconds);
    const agreed = { coin: this.coin, contract: this.contract, signing, closingMargin, payeeScript: p2pkh(this.key().publicKey) };
    const { revocation } = this.contract;
    const taken = revocation && { payoutDelay: revocation.leastPayoutDelay(this.coin), penaltyKey: penaltySigner(payer).publicKey };
    const aged = ageLockIn(this.contract, life, payee);
    return { terms: { ...own, ...agreed, ...aged, ...(taken && { revocation: taken }) }, payer, payee };
  }

  /** A funded channel. The chain is one block longer for each deposit. */
  channel(options: ChannelOptions = {}): Channel {
    const sides = this.terms(options);
    const funded = this.contract.outputScript(sides.terms);
    const deposits = (options.deposits ?? [1_000n]).map((dusts) => this.coinFor(funded, this.money(dusts)));
    return { ...sides, deposits: this.released(sides, deposits) };
  }

  /** Deposits as the payer has them once the payee has signed their refunds, where the contract asks for that. */
  released({ terms, payee }: Omit<Channel, 'deposits'>, deposits: readonly Deposit[]): readonly Deposit[] {
    const releases = this.contract.release(terms, deposits, payee);
    return deposits.map((deposit, i) => ({ ...deposit, ...(releases[i] && { release: releases[i] }) }));
  }

  /** The height of the block that an output's transaction is in. */
  minedAt({ outpoint }: Deposit): Height {
    const { depth } = this.regtest.transaction(outpoint.txid) ?? assert.fail('it is in the chain');
    return after(this.paced.tip, 1 - depth);
  }

  /** When the last of these deposits opens to the payer. */
  opensAt({ terms, deposits }: Pick<Channel, 'terms' | 'deposits'>): LockTime {
    return lockTime(Math.max(...deposits.map((deposit) => this.contract.refundAt(terms, this.minedAt(deposit)))));
  }

  /** A P2PKH coin of the payee's own. */
  filler(dusts = 100n): Filler {
    const signer = this.key();
    return { ...this.coinFor(p2pkh(signer.publicKey), this.money(dusts)), signer };
  }

  coinFor(output: Uint8Array, value: Amount): Deposit {
    const { txid } = this.regtest.fund(output, value) ?? assert.fail('the faucet is empty');
    this.paced.mine(1);
    return { outpoint: { txid, vout: 0 }, value };
  }

  /** Where a close pays the payee's part to, if the payer has a say in that. */
  paysTo(terms: Terms): Uint8Array {
    return this.contract.paysTo(terms, this.hash);
  }

  plan({ terms, deposits }: Pick<Channel, 'terms' | 'deposits'>, total: Amount): Plan | Refusal {
    return this.contract.plan(terms, deposits, total, this.hash);
  }

  sign({ terms, deposits, payer }: Pick<Channel, 'terms' | 'deposits' | 'payer'>, total: Amount): Payment | Refusal {
    return this.contract.sign(terms, deposits, total, payer, this.hash);
  }

  /** What the payee holds after the payer's signatures went over and were checked. */
  paid(channel: Channel, total: Amount): Payment {
    const { terms, deposits } = channel;
    return must(this.contract.verify(terms, deposits, must(this.sign(channel, total)), undefined, this.subject.verify));
  }

  closing(channel: Channel, total: Amount): Closing {
    return { terms: channel.terms, deposits: channel.deposits, payment: this.paid(channel, total), signer: channel.payee };
  }

  closed(channel: Channel, total: Amount): Transaction {
    return must(this.contract.close([this.closing(channel, total)], this.payout));
  }

  /** Peers relay it, and the next block holds it. */
  accepts(tx: Transaction): void {
    const outcome = this.regtest.broadcast(tx);
    assert.equal(outcome.kind, 'accepted', JSON.stringify(outcome));
    this.paced.mine(1);
    assert.equal(this.regtest.transaction(transactionId(tx))?.depth, 1, 'mined');
  }

  /** Neither peers nor blocks take it, these in the earliest second that they may bear: without BIP113 they judge locks by that. */
  refuses(tx: Transaction, reason: RegExp): void {
    assert.match(reasonOf(this.regtest.broadcast(tx)), reason);
    const mined = this.regtest.mineBlock([tx], { time: this.regtest.chain.tip.medianTime + 1 });
    assert.equal(mined.kind, 'refused', 'by a block');
  }

  /** Within the bound that was promised, and paying at least the rate that was asked for. */
  assertCost(tx: Transaction, spent: readonly Deposit[], bound: number, feeRate: Amount = this.coin.policy.feeRate): void {
    const size = transactionSize(tx);
    assert.ok(size <= bound, `${size} bytes where ${bound} were promised`);
    assert.ok(feeOf(tx, spent) >= feeFor(size, feeRate), `a fee of ${feeOf(tx, spent)} for ${size} bytes`);
  }
}

function reasonOf(outcome: Outcome): string {
  return outcome.kind === 'refused' ? `${outcome.reason} ${outcome.debug ?? ''}` : outcome.kind;
}

/** What the payer pays for a close beside the total. */
export function fixedFee({ signing }: Pick<Terms, 'signing'>): Amount {
  return signing.kind === 'fixed' ? signing.fee : ZERO;
}

/** What the spent coins are worth more than the outputs. */
export function feeOf(tx: Transaction, spent: readonly Deposit[]): bigint {
  const used = spent.filter((coin) => tx.inputs.some(({ outpoint }) => sameOutpoint(outpoint, coin.outpoint)));
  assert.equal(used.length, tx.inputs.length, 'every input is known');
  return used.reduce((sum, { value }) => sum + value, 0n) - tx.outputs.reduce((sum, { value }) => sum + value, 0n);
}

/** Alters a signed transaction and has `signer` sign again what it had signed with ALL, as an owner of that key could. */
export function altered(
  { terms }: Pick<Channel, 'terms'>,
  signer: Signer,
  tx: Transaction,
  change: (tx: Transaction) => Transaction,
): Transaction {
  const code = terms.contract.redeemScript(terms);
  const next = change(tx);
  const resign = (unlock: Uint8Array, index: number): Uint8Array => {
    const before = tx.inputs.findIndex((input) => input.script === unlock);
    const fresh = encodeSignature(signer.sign(signatureHash(next, index, code, SIGHASH.ALL)), SIGHASH.ALL);
    const old = encodeSignature(signer.sign(signatureHash(tx, before, code, SIGHASH.ALL)), SIGHASH.ALL);
    const parts = readScript(unlock) ?? assert.fail('a scriptSig can be read');
    return script(...parts.map((part) => (part instanceof Uint8Array && equalBytes(part, old) ? fresh : part)));
  };
  return { ...next, inputs: next.inputs.map((input, i) => ({ ...input, script: resign(input.script, i) })) };
}

/** The hash types of the signatures in a scriptSig, in their order. */
export function hashTypes(unlock: Uint8Array): readonly number[] {
  const parts = readScript(unlock) ?? assert.fail('a scriptSig can be read');
  return parts.flatMap((part) => {
    const read = part instanceof Uint8Array ? decodeSignature(part) : 'malformed';
    return typeof read === 'string' ? [] : [read.hashType];
  });
}

/** Another signature of the right form. */
export function spoilt(signature: Signature): Signature {
  const bytes = Uint8Array.from(signature);
  bytes[40] = (bytes[40] ?? 0) ^ 1;
  const read = readCompact(bytes);
  return typeof read === 'string' ? assert.fail(read) : read;
}

/** Whether a signature of `key` in the scriptSig of an input holds for this transaction, as consensus reads its hash type. */
export function isSignedBy({ subject, contract }: World, terms: Terms, key: PublicKey, tx: Transaction, index: number): boolean {
  const code = contract.redeemScript(terms);
  const parts = readScript(tx.inputs[index]?.script ?? new Uint8Array()) ?? [];
  return parts.some((part) => {
    const read = part instanceof Uint8Array ? decodeSignature(part) : 'malformed';
    return typeof read !== 'string' && subject.verify(read.signature, signatureHash(tx, index, code, read.hashType), key);
  });
}
