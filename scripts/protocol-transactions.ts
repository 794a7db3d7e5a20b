import { type Amount, amount, feeFor } from '../src/core/base/amount.ts';
import { txId } from '../src/core/base/bytes.ts';
import { type LockKind, type LockTime, lockTime } from '../src/core/base/height.ts';
import { penaltySigner } from '../src/core/channel/payer-revocation.ts';
import type { Coin } from '../src/core/coin/coin.ts';
import type { Closing, Contract, Deposit, Filler, RevocationHash, Signing, Terms } from '../src/core/contract/contract.ts';
import { cpfpChildren, firstCpfpStep } from '../src/core/contract/cpfp.ts';
import { MAX_CHANNELS_PER_CLOSE } from '../src/core/contract/shared-close-grouping.ts';
import { closeSize } from '../src/core/contract/tx-size.ts';
import { hash160, p2pkh } from '../src/core/tx/script.ts';
import type { Signer } from '../src/core/tx/sign.ts';
import { type Transaction, transactionSize } from '../src/core/tx/transaction.ts';
import { usualSigning } from '../src/merchant/terms.ts';
import { signTransaction, unsignedTransaction } from '../src/wallet/build-transaction.ts';
import { blankRecoveryNote } from '../src/wallet/recovery-note.ts';
import { keyNumber, must, payeeKey, payeeScript, payerKey, returnScript, sampleTerms } from '../test/world/sample.ts';

/** A transaction of a contract as the code makes it, and what its bytes don't say. */
export interface Made {
  readonly name: string;
  readonly inputs: string;
  readonly outputs: string;
  readonly transaction: Transaction;
  /** Whose deposits the inputs spend, in their order; none where they are P2PKH. */
  readonly channels: readonly Terms[];
  /** Under which a close holds what they spend, where that is no deposit. */
  readonly heldUnder?: RevocationHash;
  /** Who signs P2PKH inputs. */
  readonly owner?: string;
}

type Facts = Pick<Made, 'name' | 'inputs' | 'outputs'>;

/** Locks as long as those of today: a height has three bytes in a script up to 8,388,607, a time four until 2038. */
const EXPIRY: Readonly<Record<LockKind, LockTime>> = { height: lockTime(6_000_000), time: lockTime(1_800_000_000) };

const WALLET_KEY = keyNumber(5);
const UNUSED = { place: { kind: 'unconfirmed' }, use: { kind: 'free' } } as const;

export const SECRET: Uint8Array = new Uint8Array(32).fill(5);
/** What payments that can be taken back are made under. */
export const HASH: RevocationHash = hash160(SECRET);

export function termsOn(contract: Contract, coin: Coin, signing: Signing = usualSigning(coin, contract)): Terms {
  return sampleTerms({ coin, contract, signing, expiry: EXPIRY[contract.expiresBy] });
}

/** Every transaction of a contract, in the order of a channel's life. `payout` is where the payee is paid to. */
export function transactionsOf(contract: Contract, coin: Coin, payout: Uint8Array = payeeScript): readonly Made[] {
  const terms = { ...termsOn(contract, coin), payeeScript: payout };
  const shared = contract.revocation === undefined ? [sharedClose(terms)] : [];
  return [...fundings(terms), ...closes(terms), ...shared, ...coopCloses(terms), ...claims(terms), ...refunds(terms), child(terms)];
}

/** Far from dust: sizes are the same for any such amount. */
function unitOf({ policy }: Coin): Amount {
  return amount(policy.dust * 10_000n);
}

function depositsOf({ coin }: Terms, count: number): readonly Deposit[] {
  return Array.from({ length: count }, (_, vout) => ({ outpoint: { txid: txId('11'.repeat(32)), vout }, value: unitOf(coin) }));
}

function fundings(terms: Terms): readonly Made[] {
  const { contract, coin } = terms;
  const own = depositsOf(terms, 1).map((one) => ({ ...one, key: '', coinbase: false, ...UNUSED }));
  const deposit = { script: contract.outputScript(terms), value: amount(unitOf(coin) / 2n) };
  const change = { script: returnScript, value: coin.policy.dust };
  const unsigned = unsignedTransaction(own, [deposit, blankRecoveryNote(contract), change], contract.form);
  const transaction = signTransaction({ signer: () => WALLET_KEY }, own, unsigned);
  return ['deposit', 'top-up'].map((name) => ({
    name,
    inputs: '1 P2PKH',
    outputs: 'deposit, recovery note, change',
    transaction,
    channels: [],
    owner: "payer's wallet",
  }));
}

/** The close of a payment that the payer has signed. */
function closed({ coin, payeeScript: script }: Terms, closings: readonly Closing[], facts: Facts, fillers: readonly Filler[] = []): Made {
  const [first] = closings;
  if (first === undefined) throw new Error('a close is of at least one channel');
  const transaction = must(first.terms.contract.close(closings, { script, feeRate: coin.policy.feeRate }, fillers));
  const channels = closings.flatMap(({ terms, deposits }) => deposits.map(() => terms));
  return { ...facts, transaction, channels, ...(fillers.length > 0 && { owner: "payee's wallet" }) };
}

function closing(terms: Terms, deposits: readonly Deposit[], total: Amount, payer: Signer = payerKey, signer: Signer = payeeKey): Closing {
  return { terms, deposits, payment: must(terms.contract.sign(terms, deposits, total, payer, hashFor(terms))), signer };
}

export function hashFor({ contract }: Terms): RevocationHash | undefined {
  return contract.revocation && HASH;
}

function closes(terms: Terms): readonly Made[] {
  const [one, two] = [depositsOf(terms, 1), depositsOf(terms, 2)];
  const all = unitOf(terms.coin);
  const half = amount(all / 2n);
  const most = amount(all - (terms.signing.kind === 'fixed' ? terms.signing.fee : 0n));
  const [part, whole] = namesOf(terms);
  const [inUse, usedUp] = ['deposit in use', 'deposit used up'];
  return [
    closed(terms, [closing(terms, one, half)], { name: 'close', inputs: 'deposit', outputs: part }),
    closed(terms, [closing(terms, one, most)], { name: 'close, nothing left', inputs: 'deposit', outputs: whole }),
    closed(terms, [closing(terms, two, amount(all + half))], {
      name: 'close, topped up',
      inputs: `${inUse}, ${usedUp}`,
      outputs: part,
    }),
    terms.contract.revocation === undefined ? fixedClose(terms, one, half) : raisedClose(terms, one, half),
  ];
}

/** Outputs of a close with change, and of one without. */
function namesOf({ contract }: Terms): readonly [string, string] {
  const whole = contract.revocation === undefined ? "payee's payout" : 'held for the payee';
  return [`payer's change, ${whole}`, whole];
}

function fixedClose(terms: Terms, deposits: readonly Deposit[], total: Amount): Made {
  const fee = feeFor(closeSize(terms, 1, 2), terms.coin.policy.feeRate);
  const fixed: Terms = { ...terms, signing: { kind: 'fixed', fee } };
  return closed(fixed, [closing(fixed, deposits, total)], { name: 'close, fixed fee', inputs: 'deposit', outputs: namesOf(terms)[0] });
}

/** A coin of the payee's beside the deposit is fee. */
function raisedClose(terms: Terms, deposits: readonly Deposit[], total: Amount): Made {
  const filler = { outpoint: { txid: txId('22'.repeat(32)), vout: 0 }, value: terms.coin.policy.dust, signer: WALLET_KEY };
  const facts = { name: 'close, fee raised', inputs: 'deposit, 1 P2PKH', outputs: namesOf(terms)[0] };
  return closed(terms, [closing(terms, deposits, total)], facts, [filler]);
}

/** As many drained channels as may share a close, each of keys of its own. */
function sharedClose(terms: Terms): Made {
  const closings = Array.from({ length: MAX_CHANNELS_PER_CLOSE }, (_, i) => {
    const [payer, payee] = [keyNumber(100 + i), keyNumber(200 + i)];
    const own = { ...terms, payerKey: payer.publicKey, payeeKey: payee.publicKey };
    return closing(own, depositsOf(terms, i + 1).slice(-1), unitOf(terms.coin), payer, payee);
  });
  return closed(terms, closings, {
    name: 'shared close',
    inputs: `${closings.length} deposits of as many channels`,
    outputs: "payee's payout",
  });
}

function coopCloses(terms: Terms): readonly Made[] {
  const { contract, coin } = terms;
  const deposits = depositsOf(terms, 1);
  const fee = feeFor(closeSize(terms, 1, 2) + 9, coin.policy.feeRate);
  const made = (total: bigint, facts: Facts): Made => {
    const agreed = must(contract.agree(terms, deposits, { total: amount(total), payerScript: returnScript, fee }));
    const [payer, payee] = [payerKey, payeeKey].map((key) => contract.signAgreement(terms, agreed, key));
    return { ...facts, transaction: contract.completeAgreement(terms, agreed, payer ?? [], payee ?? []), channels: [terms] };
  };
  return [
    made(unitOf(coin) / 2n, { name: 'agreed end', inputs: 'deposit', outputs: "payer's rest, payee's payout" }),
    made(0n, { name: 'agreed end, nothing bought', inputs: 'deposit', outputs: "payer's rest" }),
  ];
}

/** What takes an output that a close holds. */
function claims(terms: Terms): readonly Made[] {
  const { revocation } = terms.contract;
  if (revocation === undefined) return [];
  const held = depositsOf(terms, 1).map((one) => ({ ...one, hash: HASH, secret: SECRET }));
  const { feeRate } = terms.coin.policy;
  const facts = { inputs: 'what a close held', channels: [terms], heldUnder: HASH };
  const payout = must(revocation.payout(terms, held, { script: terms.payeeScript, feeRate }, payeeKey));
  const penalty = must(revocation.penalty(terms, held, { script: returnScript, feeRate }, penaltySigner(payerKey)));
  return [
    { ...facts, name: 'payout', outputs: "payee's payout", transaction: payout },
    { ...facts, name: 'penalty', outputs: "payer's return", transaction: penalty },
  ];
}

function refunds(terms: Terms): readonly Made[] {
  const { contract, coin } = terms;
  return [1, 2].map((count) => {
    const deposits = depositsOf(terms, count);
    const releases = contract.release(terms, deposits, payeeKey);
    const ready = deposits.map((deposit, i) => ({ ...deposit, ...(releases[i] && { release: releases[i] }) }));
    const transaction = must(contract.refund(terms, ready, { script: returnScript, feeRate: coin.policy.feeRate }, payerKey));
    const [name, inputs] = count === 1 ? ['refund', 'deposit'] : ['refund, topped up', `${count} deposits`];
    return { name, inputs, outputs: "payer's return", transaction, channels: deposits.map(() => terms) };
  });
}

/** The child that pays for whatever pays to P2PKH. */
function child({ coin }: Terms): Made {
  const output = { value: unitOf(coin), script: p2pkh(WALLET_KEY.publicKey) };
  const input = { outpoint: { txid: txId('11'.repeat(32)), vout: 0 }, script: new Uint8Array(), sequence: 0 };
  const parent = { version: 1, inputs: [input], outputs: [output], lockTime: 0 };
  const cost = { fee: amount(0n), size: transactionSize(parent) };
  const made = cpfpChildren(
    { transaction: parent, cost, vout: 0, signer: WALLET_KEY },
    coin.policy,
    [firstCpfpStep(coin.policy)],
    cost.fee,
    1,
  );
  const [transaction] = made;
  if (transaction === undefined) throw new Error('the output pays for a child');
  const facts = { name: 'child', inputs: 'P2PKH output of what waits', outputs: 'the same script' };
  return { ...facts, transaction, channels: [], owner: 'its owner' };
}
