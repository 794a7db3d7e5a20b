import { isAmount } from '../base/amount.ts';
import { equalBytes } from '../base/bytes.ts';
import { after, type LockTime } from '../base/height.ts';
import { isRefusal, type Refusal, refuse } from '../base/refusal.ts';
import type { Coin } from '../coin/coin.ts';
import type { Agreement } from '../contract/agreement.ts';
import { channelIdOf, type Deposit, type Payment, type RevocationHash, type Terms } from '../contract/contract.ts';
import { unsigned } from '../contract/payment-plan.ts';
import type { HashLock } from '../contract/pending.ts';
import type { WrittenTerms } from '../contract/script-terms.ts';
import { readScript } from '../tx/script.ts';
import { isUnbound, SIGHASH } from '../tx/sighash.ts';
import { decodeSignature, encodeSignature, publicKey, type Signature } from '../tx/sign.ts';
import { outpointKey, sameOutpoint, type Transaction, type TxOutput } from '../tx/transaction.ts';
import type { CompactPay } from './compact.ts';
import type { Announce, End, Offer } from './message.ts';
import { type ChannelPsbt, encodePsbt, type FundingTransactions, type PsbtInput, type Shown, wrongForm } from './psbt-codec.ts';
import { hashedIn, readLocks } from './psbt-locks.ts';

const HASH_BYTES = 20;
/** What an output has of the coin says nothing of the asset. */
const COMPACT_ONLY = refuse('contract-unfit', { reason: 'of an asset there are messages in the compact form only' });

/** Seed step C: every deposit in, no outputs, no signatures; and the penalty key, where payments can be taken back. */
export function announcePsbt(terms: Terms, deposits: readonly Deposit[], funding: FundingTransactions): Uint8Array {
  const { revocation } = terms;
  return encodePsbt(terms, unsigned(terms, deposits, []), { funding, ...(revocation && { penaltyKey: revocation.penaltyKey }) });
}

/**
 * Seed steps E and F: the outputs for a total, signed by the payer. Where payments can be taken back, the redeem script of the payee's part is
 * included: it contains the hash. A payment that gives everything back has no transaction, and so no PSBT, only the compact form.
 * @throws Error when the payment is not one of these deposits.
 */
export function paymentPsbt(terms: Terms, deposits: readonly Deposit[], payment: Payment, funding: FundingTransactions): Uint8Array {
  const { total, signatures, hash, locks } = payment;
  const plan = terms.contract.plan(terms, deposits, total, hash, locks);
  if (isRefusal(plan)) throw new Error(plan.message);
  const hashTypes = plan.inputs.map(({ hashType }) => hashType);
  return encodePsbt(terms, terms.contract.draft(terms, plan), {
    funding,
    signatures: withTypes(signatures, hashTypes),
    hashedIn: hashedIn(terms, plan),
    ...heldScriptOf(terms, hash),
  });
}

function heldScriptOf(terms: Terms, hash: RevocationHash | undefined): Pick<Shown, 'lastScript'> {
  const { revocation } = terms.contract;
  return revocation === undefined || hash === undefined ? {} : { lastScript: revocation.heldScript(terms, hash) };
}

/** The agreed end, signed by the payer. @throws Error when it does not fit these deposits. */
export function endPsbt(terms: Terms, deposits: readonly Deposit[], end: End, funding: FundingTransactions): Uint8Array {
  const agreed = terms.contract.agree(terms, deposits, end.agreement);
  if (isRefusal(agreed)) throw new Error(agreed.message);
  const hashTypes = agreed.inputs.map(() => SIGHASH.ALL);
  return encodePsbt(terms, agreed, { funding, signatures: withTypes(end.signatures, hashTypes) });
}

function withTypes(signatures: readonly Signature[], hashTypes: readonly number[]): { signature: Uint8Array; hashType: number }[] {
  return signatures.map((signature, i) => {
    const hashType = hashTypes[i] ?? SIGHASH.ALL;
    return { signature: encodeSignature(signature, hashType), hashType };
  });
}

export function channelOfPsbt(coin: Coin, psbt: ChannelPsbt): ReturnType<typeof channelIdOf> {
  return channelIdOf(coin, psbt.redeemScript);
}

/** Reads an announcement made under `offer`. */
export function readAnnounce(psbt: ChannelPsbt, offer: Offer): Announce | Refusal {
  if (offer.asset !== undefined) return COMPACT_ONLY;
  if (psbt.transaction.outputs.length > 0) return refuse('psbt-outputs-wrong', { outputs: psbt.transaction.outputs.length, expected: 0 });
  if (psbt.inputs.some(({ partialSignatures }) => partialSignatures.length > 0))
    return refuse('psbt-field-unknown', { field: 'partialSig' });
  const wrong = wrongForm(psbt, offer.contract);
  if (wrong !== undefined) return wrong;
  const terms = offer.contract.readRedeemScript(psbt.redeemScript);
  if (isRefusal(terms)) return terms;
  if (!equalBytes(terms.payeeKey, offer.payeeKey)) return refuse('key-foreign');
  const penalty = readPenaltyKey(psbt, offer);
  if (isRefusal(penalty)) return penalty;
  if (!isSpendHash(terms, offer)) return refuse('key-foreign', { key: 'spend hash' });
  const deposits = psbt.inputs.map(({ deposit }) => deposit);
  return { kind: 'announce', offer, payerKey: terms.payerKey, expiry: writtenExpiry(terms, offer), deposits, ...penalty };
}

/** A script without an expiry has an age, from which the expiry follows; or the offer allows only one expiry. */
function writtenExpiry({ expiry, ageLock }: WrittenTerms, { minExpiry, refundAge = 0 }: Offer): LockTime {
  return expiry ?? (ageLock === undefined ? minExpiry : after(minExpiry, ageLock.blocks - refundAge));
}

function isSpendHash({ ageLock }: WrittenTerms, { spendHash }: Offer): boolean {
  return ageLock === undefined ? spendHash === undefined : spendHash !== undefined && equalBytes(ageLock.spendHash, spendHash);
}

function readPenaltyKey({ penaltyKey: named }: ChannelPsbt, { contract }: Offer): Pick<Announce, 'penaltyKey'> | Refusal {
  if (named === undefined) return {};
  if (contract.revocation === undefined) return refuse('psbt-field-unknown', { field: 'penalty key' });
  const penaltyKey = publicKey(named);
  return penaltyKey === undefined ? refuse('key-invalid', { key: 'penalty' }) : { penaltyKey };
}

/** Reads a payment: rebuilds the transaction for its total and compares. */
export function readPayment(psbt: ChannelPsbt, terms: Terms, deposits: readonly Deposit[]): CompactPay | Refusal {
  if (terms.asset !== undefined) return COMPACT_ONLY;
  const under = readHash(psbt, terms);
  if (isRefusal(under)) return under;
  const { hash } = under;
  const locked = readLocks(psbt, terms);
  if (isRefusal(locked)) return locked;
  const { locks } = locked;
  const total = payeeValue(psbt, terms.contract.paysTo(terms, hash), locks);
  if (total === undefined) return refuse('psbt-outputs-wrong', { reason: 'no output pays the payee' });
  if (!isAmount(total)) return refuse('total-above-capacity', { total });
  const plan = terms.contract.plan(terms, deposits, total, hash, locks);
  if (isRefusal(plan)) return plan;
  const draft = terms.contract.draft(terms, plan);
  const wrong = difference(
    psbt,
    terms,
    draft,
    deposits,
    new Set([...hashedIn(terms, plan).keys(), ...(hash ? [psbt.outputs.length - 1] : [])]),
  );
  if (wrong !== undefined) return wrong;
  const hashTypes = plan.inputs.map(({ hashType }) => hashType);
  const signatures = readSignatures(psbt, terms, hashTypes);
  if (isRefusal(signatures)) return signatures;
  return { kind: 'payment', channel: channelOfPsbt(terms.coin, psbt), payment: { total, signatures, ...under, ...locked } };
}

/** The hash in the redeem script of the last output: the one for which the contract writes the same script. */
function readHash({ outputs }: ChannelPsbt, terms: Terms): Pick<Payment, 'hash'> | Refusal {
  const { revocation } = terms.contract;
  if (revocation === undefined) return {};
  const shown = outputs.at(-1)?.redeemScript;
  if (shown === undefined) return refuse('psbt-outputs-wrong', { reason: 'the redeem script of the payee’s output is missing' });
  const hashes = readScript(shown)?.filter((part) => part instanceof Uint8Array && part.length === HASH_BYTES) ?? [];
  const hash = hashes.find((part) => part instanceof Uint8Array && equalBytes(revocation.heldScript(terms, part), shown));
  return hash instanceof Uint8Array ? { hash } : refuse('script-unknown');
}

/** Reads an agreed end: deposits in their order, the payer's output first. */
export function readEnd(psbt: ChannelPsbt, terms: Terms, deposits: readonly Deposit[]): End | Refusal {
  const [rest] = psbt.transaction.outputs;
  const total = psbt.transaction.outputs[1]?.value ?? 0n;
  const spent = psbt.inputs.reduce((sum, { deposit }) => sum + deposit.value, 0n);
  const fee = spent - total - (rest?.value ?? 0n);
  if (rest === undefined || !isAmount(total) || !isAmount(fee)) return refuse('agreement-malformed');
  const agreement: Agreement = { total, payerScript: rest.script, fee, ...leftOut(psbt, deposits) };
  const agreed = terms.contract.agree(terms, deposits, agreement);
  if (isRefusal(agreed)) return agreed;
  const wrong = difference(psbt, terms, agreed, deposits);
  if (wrong !== undefined) return wrong;
  const hashTypes = agreed.inputs.map(() => SIGHASH.ALL);
  const signatures = readSignatures(psbt, terms, hashTypes);
  return isRefusal(signatures) ? signatures : { kind: 'end', channel: channelOfPsbt(terms.coin, psbt), agreement, signatures };
}

function leftOut({ inputs }: ChannelPsbt, deposits: readonly Deposit[]): Pick<Agreement, 'without'> {
  const spent = new Set(inputs.map(({ deposit }) => outpointKey(deposit.outpoint)));
  const without = deposits.map(({ outpoint }) => outpoint).filter((outpoint) => !spent.has(outpointKey(outpoint)));
  return without.length === 0 ? {} : { without };
}

/** The payee's output is the last one; its value is the total. It is missing where all is pending. */
function payeeValue({ transaction, outputs }: ChannelPsbt, paidTo: Uint8Array, locks: readonly HashLock[] = []): bigint | undefined {
  const last = transaction.outputs.at(-1);
  if (last !== undefined && equalBytes(last.script, paidTo)) return last.value;
  return locks.length > 0 && outputs.at(-1)?.redeemScript !== undefined ? 0n : undefined;
}

/** `hashed`: the outputs that have their redeem scripts, which were read before. No other output may have one, and no penalty key may be there. */
function difference(
  psbt: ChannelPsbt,
  terms: Terms,
  expected: Transaction,
  deposits: readonly Deposit[],
  hashed: ReadonlySet<number> = new Set(),
): Refusal | undefined {
  const wrong = wrongForm(psbt, terms.contract) ?? surplus(psbt, hashed);
  if (wrong !== undefined) return wrong;
  const known = new Map(deposits.map((deposit) => [outpointKey(deposit.outpoint), deposit.value]));
  for (const [i, { deposit }] of psbt.inputs.entries()) {
    const input = expected.inputs[i];
    if (input === undefined || !sameOutpoint(input.outpoint, deposit.outpoint)) return refuse('psbt-inputs-wrong', { input: i });
    if (known.get(outpointKey(deposit.outpoint)) !== deposit.value) return refuse('funding-value-wrong', { input: i });
  }
  if (psbt.inputs.length !== expected.inputs.length) return refuse('psbt-inputs-wrong', { expected: expected.inputs.length });
  return sameOutputs(psbt.transaction.outputs, expected.outputs) ? undefined : refuse('psbt-outputs-wrong');
}

function surplus({ outputs, penaltyKey }: ChannelPsbt, hashed: ReadonlySet<number>): Refusal | undefined {
  if (penaltyKey !== undefined) return refuse('psbt-field-unknown', { field: 'penalty key' });
  const place = outputs.findIndex(({ redeemScript }, i) => redeemScript !== undefined && !hashed.has(i));
  return place < 0 ? undefined : refuse('psbt-field-unknown', { field: 'redeem script', output: place });
}

function sameOutputs(given: readonly TxOutput[], expected: readonly TxOutput[]): boolean {
  const isSame = ({ value, script }: TxOutput, i: number): boolean => given[i]?.value === value && equalBytes(given[i].script, script);
  return given.length === expected.length && expected.every(isSame);
}

function readSignatures(psbt: ChannelPsbt, terms: Terms, hashTypes: readonly number[]): readonly Signature[] | Refusal {
  const signatures: Signature[] = [];
  for (const [i, input] of psbt.inputs.entries()) {
    const signature = readSignature(psbt, input, i, terms, hashTypes[i]);
    if (isRefusal(signature)) return signature;
    signatures.push(signature);
  }
  return signatures;
}

function readSignature(
  psbt: ChannelPsbt,
  input: PsbtInput,
  index: number,
  terms: Terms,
  expected: number | undefined,
): Signature | Refusal {
  const [partial, ...others] = input.partialSignatures;
  if (partial === undefined) return refuse('signature-missing', { input: index });
  if (others.length > 0 || !equalBytes(partial.key, terms.payerKey))
    return refuse('signature-wrong', { input: index, reason: 'the input must have one signature, by the payer key' });
  const decoded = decodeSignature(partial.signature);
  if (decoded === 'high-s') return refuse('signature-high-s', { input: index });
  if (decoded === 'malformed') return refuse('signature-malformed', { input: index });
  if (isUnbound(psbt.transaction, index, decoded.hashType)) return refuse('signature-unbound', { input: index });
  if (decoded.hashType !== expected || (input.hashType !== undefined && input.hashType !== expected)) {
    return refuse('psbt-sighash-wrong', { input: index, hashType: decoded.hashType, expected: expected ?? '' });
  }
  return decoded.signature;
}
