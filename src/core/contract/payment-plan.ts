import { type Amount, add, amount, feeFor, subtract, ZERO } from '../base/amount.ts';
import { equalBytes } from '../base/bytes.ts';
import { isRefusal, type Refusal, refuse } from '../base/refusal.ts';
import { SIGHASH, type SighashTemplate, sighashTemplate, signatureHash } from '../tx/sighash.ts';
import type { Transaction, TxInput, TxOutput } from '../tx/transaction.ts';
import { assetOutputs, layOutAsset, sendBytes } from './asset-payments.ts';
import { capacityOf, type Deposit, type Plan, type PlannedInput, payerScript, type RevocationHash, type Terms } from './contract.ts';
import { type HashLock, pendingIn } from './pending.ts';
import { closeSize } from './tx-size.ts';

/** What the payer signs in a flexible payment: its change at the index of the input, or only the input. */
export const OWN_CHANGE: number = SIGHASH.SINGLE | SIGHASH.ANYONECANPAY;
export const NOTHING_LEFT: number = SIGHASH.NONE | SIGHASH.ANYONECANPAY;

/**
 * Takes a total out of the deposits, one after the other. Only the deposit in use has change.
 * Refuses a total that could not be closed: below its own cost, above the deposits, or with change too small for an output.
 */
export function plan(
  terms: Terms,
  deposits: readonly Deposit[],
  total: Amount,
  hash?: RevocationHash,
  locks: readonly HashLock[] = [],
): Plan | Refusal {
  const planned = layOut(terms, deposits, total, hash, locks);
  if (isRefusal(planned)) return planned;
  const { signing, coin } = terms;
  const fee = closingFee(terms, planned);
  if (signing.kind === 'fixed' && signing.fee < fee) return refuse('fee-too-low', { fee: signing.fee, least: fee });
  if (total === ZERO || terms.asset !== undefined) return planned;
  const smallest = add(coin.policy.dust, signing.kind === 'fixed' ? takingFee(terms) : fee);
  return total < smallest ? refuse('total-too-small', { total, least: smallest }) : planned;
}

/** The same for a total that need not pay for its own close: it can still be signed. */
export function layOut(
  terms: Terms,
  deposits: readonly Deposit[],
  total: Amount,
  hash?: RevocationHash,
  locks: readonly HashLock[] = [],
): Plan | Refusal {
  if (total < 0n || (total === ZERO && locks.length === 0)) return refuse('total-not-positive');
  if (terms.asset !== undefined) return planAsset(terms, deposits, total, hash, locks);
  const wrong = refuseLocks(terms, locks);
  if (wrong !== undefined) return wrong;
  const { dust } = terms.coin.policy;
  const payerFee = terms.signing.kind === 'fixed' ? terms.signing.fee : ZERO;
  const beside = payerFee + pendingIn(locks);
  const needed = total + beside;
  const capacity = capacityOf(deposits);
  if (needed > capacity) return refuse('total-above-capacity', { total, most: capacity > beside ? capacity - beside : 0n });
  const used = firstCovering(deposits, needed);
  const change = amount(capacityOf(used) - needed);
  if (change > 0n && change < dust) return refuse('total-leaves-dust', { all: total + change, most: total + change - dust });
  const inputs = plannedInputs(terms, used, change);
  return { total, change, inputs, ...(hash && { hash }), ...(locks.length > 0 && { locks }) };
}

function planAsset(
  terms: Terms,
  deposits: readonly Deposit[],
  total: Amount,
  hash: RevocationHash | undefined,
  locks: readonly HashLock[],
): Plan | Refusal {
  const planned = layOutAsset(deposits, total, hash, locks);
  return isRefusal(planned) ? planned : { ...planned, inputs: plannedInputs(terms, deposits, planned.change) };
}

/** Each has to be worth its own claim, whoever makes it. */
function refuseLocks(terms: Terms, locks: readonly HashLock[]): Refusal | undefined {
  if (locks.length === 0) return undefined;
  const { contract, coin } = terms;
  const { hashLocks } = contract;
  if (hashLocks === undefined) return refuse('contract-unfit', { reason: 'no payment of this contract can be pending' });
  const least = add(coin.policy.dust, feeFor(Math.max(hashLocks.claimSize, hashLocks.takeBackSize), coin.policy.feeRate));
  const small = locks.find((one) => one.amount < least);
  return small === undefined ? hashLocks.refuse(terms, locks) : refuse('total-too-small', { total: small.amount, least });
}

function firstCovering(deposits: readonly Deposit[], needed: bigint): readonly Deposit[] {
  let count = 0;
  for (let sum = 0n; sum < needed; count++) sum += deposits[count]?.value ?? needed;
  return deposits.slice(0, count);
}

/** The deposit in use comes first, so that its change is the first output. */
function plannedInputs(terms: Terms, used: readonly Deposit[], change: Amount): readonly PlannedInput[] {
  return [...used.slice(-1), ...used.slice(0, -1)].map((deposit, i) => {
    if (terms.signing.kind === 'fixed') return { deposit, hashType: terms.contract.form.fixedHashType, final: false };
    const inUse = i === 0 && change > 0n;
    return { deposit, hashType: inUse ? OWN_CHANGE : NOTHING_LEFT, final: !inUse };
  });
}

/** The fee of the payee's own close of this plan at the coin's rate; the payee pays it unless the payer fixed a fee. */
function closingFee(terms: Terms, planned: Plan): Amount {
  const outputs = (planned.change > 0n || terms.asset !== undefined ? 2 : 1) + (planned.locks ?? []).length;
  return feeFor(closeSize(terms, planned.inputs.length, outputs) + sendBytes(terms), terms.coin.policy.feeRate);
}

/** What it costs at the coin's rate to take the payee's part where the close only holds it: for the payee, and for the payer of a revoked one. */
function takingFee({ contract: { revocation }, coin }: Terms): Amount {
  return revocation === undefined ? ZERO : feeFor(Math.max(revocation.payoutSize, revocation.penaltySize), coin.policy.feeRate);
}

/** The unsigned transaction of a plan. The payee's output has everything that leaves the payer, closing fee included. */
export function draft(terms: Terms, planned: Plan): Transaction {
  return unsigned(
    terms,
    planned.inputs.map(({ deposit }) => deposit),
    terms.asset === undefined
      ? [...changeOutput(terms, planned), ...lockOutputs(terms, planned), ...payeeOutput(terms, planned)]
      : assetOutputs(terms, planned),
  );
}

function lockOutputs(terms: Terms, { locks = [] }: Plan): readonly TxOutput[] {
  const { hashLocks } = terms.contract;
  return hashLocks === undefined ? [] : locks.map((lock) => ({ value: lock.amount, script: hashLocks.outputScript(terms, lock) }));
}

/** None when everything is pending. */
function payeeOutput(terms: Terms, { total, hash }: Plan): readonly TxOutput[] {
  return total > 0n ? [{ value: total, script: terms.contract.paysTo(terms, hash) }] : [];
}

function changeOutput(terms: Terms, { change }: Plan): readonly TxOutput[] {
  return change > 0n ? [{ value: change, script: payerScript(terms) }] : [];
}

export function unsigned({ contract: { form } }: Terms, deposits: readonly Deposit[], outputs: readonly TxOutput[]): Transaction {
  return { version: form.version, inputs: deposits.map((deposit) => bareInput(deposit, form.sequence)), outputs, lockTime: 0 };
}

export function bareInput({ outpoint }: Deposit, sequence: number): TxInput {
  return { outpoint, script: new Uint8Array(), sequence };
}

/** The laid out bytes, and the input data they belong to. */
interface Layout {
  readonly terms: Terms;
  readonly deposits: readonly Deposit[];
  readonly hash: RevocationHash | undefined;
  readonly template: SighashTemplate;
}

// A channel's payments differ in values only, so the bytes to hash are laid out once for each deposit in use and shape.
const layouts = new WeakMap<Deposit, Map<string, Layout>>();

/** The digest that the payer signs for input `index` of a plan. */
export function digest(terms: Terms, planned: Plan, index: number): Uint8Array {
  const { change, total, locks } = planned;
  const input = inputAt(planned, index);
  if (locks !== undefined || terms.asset !== undefined)
    return signatureHash(draft(terms, planned), index, terms.contract.redeemScript(terms), input.hashType);
  const template = templateFor(terms, planned, index);
  if (input.hashType === OWN_CHANGE) return template.digest([change]);
  if (input.hashType === NOTHING_LEFT) return template.digest([]);
  return template.digest(change > 0n ? [change, total] : [total]);
}

function templateFor(terms: Terms, planned: Plan, index: number): SighashTemplate {
  const { deposit } = inputAt(planned, 0);
  const shapes = layouts.get(deposit) ?? new Map<string, Layout>();
  layouts.set(deposit, shapes);
  const shape = `${index} ${planned.change > 0n}`;
  const known = shapes.get(shape);
  if (known !== undefined && isFor(known, terms, planned)) return known.template;
  const { hashType } = inputAt(planned, index);
  const slot = hashType === OWN_CHANGE ? slotOf(terms) : 0;
  const template = sighashTemplate(shifted(draft(terms, planned), slot), index + slot, terms.contract.redeemScript(terms), hashType);
  shapes.set(shape, { terms, deposits: planned.inputs.map((input) => input.deposit), hash: planned.hash, template });
  return template;
}

/** A deposit can appear again under other terms or after other deposits: after a reorganisation, or for another caller. */
function isFor({ terms, deposits, hash }: Layout, wanted: Terms, { inputs, hash: wantedHash }: Plan): boolean {
  if (terms !== wanted || deposits.length !== inputs.length || !deposits.every((deposit, i) => deposit === inputs[i]?.deposit))
    return false;
  return hash === wantedHash || (hash !== undefined && wantedHash !== undefined && equalBytes(hash, wantedHash));
}

export function slotOf(terms: Terms): number {
  return terms.signing.kind === 'flexible' ? terms.signing.slot : 0;
}

/** Moves inputs and outputs `slot` positions back: legacy SINGLE commits to the output at the index of its input (`interpreter.cpp`). */
function shifted(tx: Transaction, slot: number): Transaction {
  const blankInput: TxInput = { outpoint: inputOf(tx).outpoint, script: new Uint8Array(), sequence: 0 };
  const blankOutput: TxOutput = { value: 0n, script: new Uint8Array() };
  return {
    ...tx,
    inputs: [...Array.from({ length: slot }, () => blankInput), ...tx.inputs],
    outputs: [...Array.from({ length: slot }, () => blankOutput), ...tx.outputs],
  };
}

function inputOf(tx: Transaction): TxInput {
  const [first] = tx.inputs;
  if (first === undefined) throw new Error('a plan has at least one input');
  return first;
}

function inputAt(planned: Plan, index: number): PlannedInput {
  const input = planned.inputs[index];
  if (input === undefined) throw new Error(`the plan has no input ${index}`);
  return input;
}

/** What leaves the channel, less the fee for `size` bytes; refused when too little remains for an output. */
export function lessFee(terms: Terms, value: Amount, size: number, feeRate: Amount): Amount | Refusal {
  const fee = feeFor(size, feeRate);
  const { dust, maxFee } = terms.coin.policy;
  return fee > maxFee || value < fee + dust ? refuse('fee-unaffordable', { value, fee }) : subtract(value, fee);
}
