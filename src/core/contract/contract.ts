import { sha256 } from '@noble/hashes/sha2.js';
import { utf8ToBytes } from '@noble/hashes/utils.js';
import type { Asset } from '../asset/asset-codec.ts';
import { type Amount, add } from '../base/amount.ts';
import { bytesToHex, type ChannelId, channelId, concatBytes, hexToBytes } from '../base/bytes.ts';
import { after, type Height, type LockKind, type LockTime } from '../base/height.ts';
import { type ChainTime, possible } from '../base/lock-time.ts';
import type { Refusal } from '../base/refusal.ts';
import type { Coin, Rule } from '../coin/coin.ts';
import { p2pkh } from '../tx/script.ts';
import type { PublicKey, Signature, Signer, Verify } from '../tx/sign.ts';
import type { Outpoint, Transaction } from '../tx/transaction.ts';
import type { Agreement } from './agreement.ts';
import type { CloseSignatures, Form, Spend } from './form.ts';
import type { HashLock } from './pending.ts';
import type { ScriptTerms, WrittenTerms } from './script-terms.ts';

/**
 * What the payer's signatures leave open.
 * `flexible`: SINGLE|ANYONECANPAY over the payer's change at output `slot`; the payee pays the closing fee and may change everything else.
 * `fixed`: ALL over both outputs; the payer's change pays `fee`.
 */
export type Signing = { readonly kind: 'flexible'; readonly slot: number } | { readonly kind: 'fixed'; readonly fee: Amount };

/** What both sides agreed to. Together with the deposits it determines every byte of all transactions of the channel. */
export interface Terms extends ScriptTerms {
  readonly coin: Coin;
  readonly contract: Contract;
  readonly signing: Signing;
  /** Blocks before an expiry by height, seconds before one by time: from then on the payee takes no payment and closes. */
  readonly closingMargin: number;
  readonly payeeScript: Uint8Array;
  /** Where payments can be taken back, and only there. */
  readonly revocation?: RevocationTerms;
  /** What the channel's amounts are of; the coin unless given. Only where payments can be taken back. */
  readonly asset?: Asset;
}

/** What both sides agree to beyond other terms where payments can be taken back. */
export interface RevocationTerms {
  /**
   * Blocks from the expiry, or from the block of the close, until the payee can take what its close holds for it: the time in which a revoked one can
   * be punished.
   */
  readonly payoutDelay: number;
  /** The payer's key that takes the output of a revoked close, and can do nothing else. */
  readonly penaltyKey: PublicKey;
}

/** HASH160 of a secret of the payee's, 20 bytes. Who shows the secret revokes every payment made under the hash. */
export type RevocationHash = Uint8Array;

/** A funded output of the channel. */
export interface Deposit {
  readonly outpoint: Outpoint;
  /** In the channel's unit. */
  readonly value: Amount;
  /** What the output has of the coin, where that is not its value. */
  readonly coins?: Amount;
  /** The payee's signature over the refund of this deposit. The payer keeps it if the contract needs one. */
  readonly release?: Signature;
}

/** A state of the channel that the payee can close with. */
export interface Payment {
  /** Cumulative: all that the payee may take. */
  readonly total: Amount;
  /** The payer's signatures: one for each input of the plan for `total`, in the same order. */
  readonly signatures: readonly Signature[];
  /** The hash that the payee named for it, where payments can be taken back. */
  readonly hash?: RevocationHash;
  /** What is pending beyond the total, each in an output of its own; never empty. */
  readonly locks?: readonly HashLock[];
}

/** An input of the transaction that pays a total. */
export interface PlannedInput {
  readonly deposit: Deposit;
  readonly hashType: number;
  /** The digest never changes again, so the signature stays valid. */
  readonly final: boolean;
}

/** Which deposits pay a total: first the one in use, then those that are used up. */
export interface Plan {
  readonly total: Amount;
  /** What this transaction returns to the payer; 0 when nothing is left to return. */
  readonly change: Amount;
  readonly inputs: readonly PlannedInput[];
  /** The hash under which it can be revoked, where payments can be taken back. */
  readonly hash?: RevocationHash;
  readonly locks?: readonly HashLock[];
}

/** A kind of channel script and its transactions. Each is one file and one line in the registry; no other code knows its id. */
export interface Contract {
  readonly id: string;
  /** The id in one byte, for the note by which a seed finds its channels again: 1 to 255, never used again for another contract. */
  readonly number: number;
  /** Whether the expiry is a height or a time. Its script rejects transactions locked to the other kind. */
  readonly expiresBy: LockKind;
  /**
   * What makes the payer wait for the expiry. `script`: the script says it. `releases`: the payee has signed no refund that is valid earlier; an offer
   * fixes the expiry, so that one key never has two. `age`: the script locks each deposit from its own block on, and the payee accepts none that would
   * open before the expiry.
   */
  readonly expiryIn: 'script' | 'releases' | 'age';
  /** Consensus rules that the contract needs to protect both sides. */
  readonly needs: readonly Rule[];
  /** Upper bounds of the scriptSig bytes of one input. */
  readonly closeUnlockSize: number;
  readonly refundUnlockSize: number;
  readonly form: Form;
  /** The script that signatures commit to. */
  readonly redeemScript: (terms: WrittenTerms) => Uint8Array;
  /** The script of the outputs that are the channel's deposits. */
  readonly outputScript: (terms: ScriptTerms) => Uint8Array;
  /** Accepts exactly what `redeemScript` writes. */
  readonly readRedeemScript: (script: Uint8Array) => WrittenTerms | Refusal;
  readonly plan: (
    terms: Terms,
    deposits: readonly Deposit[],
    total: Amount,
    hash?: RevocationHash,
    locks?: readonly HashLock[],
  ) => Plan | Refusal;
  /** Output script of a close for the payee. @throws Error without a hash where payments can be taken back. */
  readonly paysTo: (terms: Terms, hash: RevocationHash | undefined) => Uint8Array;
  /** The unsigned transaction of a plan, in the form that both sides send each other; inputs in the plan's order; defined for slot 0. */
  readonly draft: (terms: Terms, plan: Plan) => Transaction;
  readonly sign: (
    terms: Terms,
    deposits: readonly Deposit[],
    total: Amount,
    signer: Signer,
    hash?: RevocationHash,
    locks?: readonly HashLock[],
  ) => Payment | Refusal;
  /** Checks the new signatures in `given` and adds the rest from `held`, the best payment so far. */
  readonly verify: (
    terms: Terms,
    deposits: readonly Deposit[],
    given: Payment,
    held: Payment | undefined,
    verify: Verify,
  ) => Payment | Refusal;
  /** The payee's close of one or more channels in one transaction. */
  readonly close: (closings: readonly Closing[], payout: Payout, fillers?: readonly Filler[]) => Transaction | Refusal;
  readonly agree: (terms: Terms, deposits: readonly Deposit[], agreement: Agreement) => Transaction | Refusal;
  readonly signAgreement: (terms: Terms, agreed: Transaction, signer: Signer) => readonly Signature[];
  readonly verifyAgreement: (terms: Terms, agreed: Transaction, signatures: readonly Signature[], verify: Verify) => boolean;
  /** Puts both sides' signatures into the agreed transaction. */
  readonly completeAgreement: (terms: Terms, agreed: Transaction, payer: readonly Signature[], payee: readonly Signature[]) => Transaction;
  /** The payee's signatures over the refunds of deposits, in the same order; the deposits need not exist yet. Empty where the payer refunds alone. */
  readonly release: (terms: Terms, deposits: readonly Deposit[], signer: Signer) => readonly Signature[];
  /** Whether the payer can take a deposit back without the payee. */
  readonly isRefundable: (terms: Terms, deposit: Deposit, verify: Verify) => boolean;
  /** The first height of the chain's tip, or the first time, at which nodes take the refund of a deposit that was mined at that height. */
  readonly refundAt: (terms: Terms, mined: Height) => LockTime;
  /** Valid from `refundAt` on, for deposits that are refundable. */
  readonly refund: (terms: Terms, deposits: readonly Deposit[], payout: Payout, signer: Signer) => Transaction | Refusal;
  readonly recognise: (unlock: Uint8Array) => Spend;
  /** Defined only for the exact bytes of a close or an agreed end, with signatures that nodes relay (BIP62, BIP66). */
  readonly readClose: (terms: WrittenTerms, unlock: Uint8Array) => CloseSignatures | undefined;
  /** Absent where only the expiry opens deposits to the payer. */
  readonly change?: ChangeBySecret;
  /** Absent where money only ever moves from payer to payee. */
  readonly revocation?: Revocation;
  /** Absent where a payment can't be pending. */
  readonly hashLocks?: HashLocks;
}

/** How the payer takes what is left at the deposits' script before the expiry: with the payee's spend secret, which a payout shows. */
export interface ChangeBySecret {
  /** The secret in a scriptSig that takes what this output holds; undefined where it shows none. */
  readonly secretIn: (terms: Terms, held: HeldOutput, unlock: Uint8Array) => Uint8Array | undefined;
  /** The payer's, valid at once. */
  readonly take: (terms: Terms, deposits: readonly Deposit[], secret: Uint8Array, payout: Payout, signer: Signer) => Transaction | Refusal;
}

/** How amounts are pending until a preimage is shown: a close holds each in an output that one side or the other takes. */
export interface HashLocks {
  /** Why a payment under the terms can't have these locks, whatever it pays; undefined when it can. */
  readonly refuse: (terms: Terms, locks: readonly HashLock[]) => Refusal | undefined;
  /** The least height that a lock of a channel may have: its payee has to close by the expiry, and then to claim. */
  readonly leastExpiry: (terms: Pick<Terms, 'coin' | 'expiry'>) => Height;
  /** The output script of a lock in a close (P2SH), and its redeem script. */
  readonly outputScript: (terms: Terms, lock: HashLock) => Uint8Array;
  readonly script: (terms: Terms, lock: HashLock) => Uint8Array;
  /** The outputs of a transaction that are held under one of these locks. */
  readonly outputs: (terms: Terms, transaction: Transaction, locks: readonly HashLock[]) => readonly LockedOutput[];
  /** The payee's, valid at once, with the preimage of each. */
  readonly claim: (terms: Terms, locked: readonly RevealedOutput[], payout: Payout, signer: Signer) => Transaction | Refusal;
  /** The payer's, valid once the tip has the greatest height of them. */
  readonly takeBack: (terms: Terms, locked: readonly LockedOutput[], payout: Payout, signer: Signer) => Transaction | Refusal;
  /** What a scriptSig that claims such an output shows. */
  readonly preimageIn: (unlock: Uint8Array) => Uint8Array | undefined;
  /** Upper bounds of the bytes of either with one input and a P2PKH output. */
  readonly claimSize: number;
  readonly takeBackSize: number;
}

/** An output of a close that is pending. */
export interface LockedOutput extends Deposit {
  readonly lock: HashLock;
}

/** One whose preimage is known. */
export interface RevealedOutput extends LockedOutput {
  readonly preimage: Uint8Array;
}

/** How payments are taken back: a close holds the payee's part in an output that the payee takes late, and the payer of a revoked one at once. */
export interface Revocation {
  /** Why the terms do not protect both sides; undefined when they do. */
  readonly refuseTerms: (
    terms: Pick<Terms, 'coin' | 'signing' | 'closingMargin'> & { readonly payoutDelay?: number },
  ) => Refusal | undefined;
  /** The least `payoutDelay` that either side agrees to, in blocks. */
  readonly leastPayoutDelay: (coin: Coin) => number;
  /** The outputs of a transaction that are held under one of these hashes. */
  readonly outputs: (terms: Terms, transaction: Transaction, hashes: readonly RevocationHash[]) => readonly HeldOutput[];
  /** What opens a payout: a height, whatever coin it spends, or the age of each coin. */
  readonly opensBy: 'height' | 'age';
  /** The redeem script of the payee's part of a close under a hash. */
  readonly heldScript: (terms: Terms, hash: RevocationHash) => Uint8Array;
  /** The first height of the chain's tip at which nodes take a payout of a close that was mined at that height; unless given, at the expiry. */
  readonly payoutAt: (terms: Terms, mined?: Height) => Height;
  /** The payee's, valid from `payoutAt` on. */
  readonly payout: (terms: Terms, held: readonly HeldOutput[], payout: Payout, signer: Signer) => Transaction | Refusal;
  /** The payer's, valid at once, with the secret of each output's hash and the key that terms name for it. */
  readonly penalty: (terms: Terms, held: readonly RevokedOutput[], payout: Payout, signer: Signer) => Transaction | Refusal;
  /** Upper bounds of the bytes of either with one input and a P2PKH output. */
  readonly payoutSize: number;
  readonly penaltySize: number;
}

/** An output of a close that is held for the payee. */
export interface HeldOutput extends Deposit {
  readonly hash: RevocationHash;
}

/** One that the payer can take. */
export interface RevokedOutput extends HeldOutput {
  readonly secret: Uint8Array;
}

/** One channel's part in a close. */
export interface Closing {
  readonly terms: Terms;
  readonly deposits: readonly Deposit[];
  readonly payment: Payment;
  readonly signer: Signer;
  /** Deposits that can't be spent any more: the rest of the payment is claimed without them. Terms that fix the fee do not allow that. */
  readonly without?: readonly Deposit[];
}

/** A P2PKH coin of the payee that fills a slot without a channel, or pays a higher fee. */
export interface Filler extends Deposit {
  readonly signer: Signer;
}

/** Where the channel's money goes, and the fee rate per 1,000 bytes. */
export interface Payout {
  readonly script: Uint8Array;
  readonly feeRate: Amount;
}

const CHANNEL_TAG = utf8ToBytes('pawment/channel/1');

/** SHA-256 of tag, genesis hash and redeem script: known before funding, not changed by top-ups, unique because the keys are. */
export function channelIdOf(coin: Coin, redeemScript: Uint8Array): ChannelId {
  return channelId(bytesToHex(sha256(concatBytes(CHANNEL_TAG, hexToBytes(coin.genesis), redeemScript))));
}

/** Where the payer's change goes: to the channel key itself, so that both sides know it and the seed finds it. */
export function payerScript(terms: ScriptTerms): Uint8Array {
  const script = payerScripts.get(terms) ?? p2pkh(terms.payerKey);
  payerScripts.set(terms, script);
  return script;
}

const payerScripts = new WeakMap<ScriptTerms, Uint8Array>();

/** The sum of what deposits are worth, in the channel's unit. */
export function capacityOf(deposits: readonly Deposit[]): Amount {
  return add(...deposits.map(({ value }) => value));
}

/** The first height, or time, at which the payee closes and takes no more payments. */
export function closingAt(terms: Terms): LockTime {
  return after(terms.expiry, -terms.closingMargin);
}

/** Whether closing may have to begin. */
export function isDue(terms: Terms, at: ChainTime): boolean {
  return possible(terms.expiry, at) >= closingAt(terms);
}
