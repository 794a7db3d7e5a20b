import { type Amount, add, subtract, ZERO } from '../base/amount.ts';
import { isRefusal, type Refusal, refuse } from '../base/refusal.ts';
import { p2pkh, script } from '../tx/script.ts';
import { SIGHASH, signatureHash } from '../tx/sighash.ts';
import { encodeSignature, type Signature, type Signer } from '../tx/sign.ts';
import { sameOutpoint, type Transaction, type TxInput, type TxOutput } from '../tx/transaction.ts';
import type { Closing, Deposit, Filler, Payout, Plan, PlannedInput, Terms } from './contract.ts';
import { capacityOf, payerScript } from './contract.ts';
import { TX_SEQUENCE } from './form.ts';
import { bareInput, draft, lessFee, plan, slotOf } from './payment-plan.ts';
import { releaseBytes } from './refund-signature.ts';
import { closeSize, extraBytes, P2PKH_INPUT_BYTES } from './tx-size.ts';

/** How to unlock the two branches of a deposit's script. */
export interface Unlocks {
  readonly close: (redeemScript: Uint8Array, payer: Uint8Array, payee: Uint8Array) => Uint8Array;
  /** `release` is empty where the contract needs none. */
  readonly refund: (redeemScript: Uint8Array, payer: Uint8Array, release: Uint8Array) => Uint8Array;
}

/** An input and how to sign it once the transaction is complete. */
interface Lane {
  readonly input: TxInput;
  readonly unlock: (tx: Transaction, index: number) => Uint8Array;
}

/**
 * Closes channels together. If the terms fix the fee, a channel closes alone, as the payer signed it; `fillers` then only add to the fee, where the
 * payer's signatures allow further inputs. Flexible payments keep the index of their slot. Inputs without change can go anywhere: they fill free slots
 * before `fillers` do.
 */
export function close(
  unlocks: Unlocks,
  closings: readonly Closing[],
  payout: Payout,
  fillers: readonly Filler[] = [],
): Transaction | Refusal {
  const [first, ...others] = closings;
  if (first === undefined) return refuse('nothing-to-close');
  if (others.some(({ terms }) => terms.coin.id !== first.terms.coin.id)) return refuse('coin-mismatch');
  const isFixed = closings.some(({ terms }) => terms.signing.kind === 'fixed');
  if (isFixed) return others.length === 0 ? closeFixed(unlocks, first, fillers) : refuse('contract-unfit');
  return closeFlexible(unlocks, [first, ...others], payout, fillers);
}

function closeFixed(unlocks: Unlocks, closing: Closing, fillers: readonly Filler[]): Transaction | Refusal {
  const { terms, deposits, payment } = closing;
  const planned = plan(terms, deposits, payment.total, payment.hash, payment.locks);
  if (isRefusal(planned)) return planned;
  const gone = planned.inputs.length - leftOf(closing, planned).length;
  if (gone > 0) return refuse('deposit-gone', { gone });
  const overpaid = fillers.length > 0 ? refuseFillers(terms, fillers) : undefined;
  if (overpaid !== undefined) return overpaid;
  const unsigned = draft(terms, planned);
  const lanes = [...planned.inputs.map((input, i) => channelLane(unlocks, closing, input, i)), ...fillers.map(fillerLane)];
  return signed({ ...unsigned, inputs: lanes.map(({ input }) => input) }, lanes);
}

/** All that coins beside a fixed close are worth is fee. */
function refuseFillers({ contract: { form }, coin, signing, asset }: Terms, fillers: readonly Filler[]): Refusal | undefined {
  if ((form.fixedHashType & SIGHASH.ANYONECANPAY) === 0)
    return refuse('contract-unfit', { reason: 'the payer’s signatures allow no further input' });
  if (asset !== undefined) return refuse('contract-unfit', { reason: 'a send has one source: a close that moves an asset has one input' });
  const value = capacityOf(fillers);
  const fee = signing.kind === 'fixed' ? add(signing.fee, value) : value;
  return fee > coin.policy.maxFee ? refuse('fee-unaffordable', { value, fee }) : undefined;
}

function closeFlexible(
  unlocks: Unlocks,
  closings: readonly [Closing, ...Closing[]],
  payout: Payout,
  fillers: readonly Filler[],
): Transaction | Refusal {
  const slots = new Map<number, { lane: Lane; output: TxOutput }>();
  const loose: Lane[] = [];
  let count = 0;
  let size = closeSize(closings[0].terms, 0, 1) + fillers.length * P2PKH_INPUT_BYTES;
  let taken: Amount = add(ZERO, ...fillers.map(({ value }) => value));
  for (const closing of closings) {
    const { terms, deposits, payment } = closing;
    const planned = plan(terms, deposits, payment.total, undefined, payment.locks);
    if (isRefusal(planned)) return planned;
    const { lanes, change, value } = takings(closing, planned);
    if (lanes.length === 0) return refuse('nothing-to-close');
    count += lanes.length;
    taken = add(taken, value);
    size += closeSize(terms, lanes.length, change > 0n ? 2 : 1) - closeSize(terms, 0, 1);
    for (const [i, input] of lanes) {
      const lane = channelLane(unlocks, closing, input, i);
      if (input.final) loose.push(lane);
      else slots.set(slotOf(terms), { lane, output: { value: change, script: payerScript(terms) } });
    }
  }
  if (slots.size + loose.length !== count) return refuse('contract-unfit', { reason: 'two channels have the same slot' });
  loose.push(...fillers.map(fillerLane));
  return arrange(closings[0].terms, slots, loose, { payout, size, taken });
}

/** The inputs of a plan that can still be spent, each with its position in the plan. */
function leftOf({ without = [] }: Closing, { inputs }: Plan): Takings['lanes'] {
  return [...inputs.entries()].filter(([, { deposit }]) => !without.some(({ outpoint }) => sameOutpoint(outpoint, deposit.outpoint)));
}

/** Without the deposit in use there is no change either. */
function takings(closing: Closing, planned: Plan): Takings {
  const lanes = leftOf(closing, planned);
  const change = lanes.every(([, { final }]) => final) ? ZERO : planned.change;
  return { lanes, change, value: subtract(capacityOf(lanes.map(([, { deposit }]) => deposit)), change) };
}

/** What a channel adds to a close, and how much of that the payee gets. */
interface Takings {
  readonly lanes: readonly (readonly [number, PlannedInput])[];
  readonly change: Amount;
  readonly value: Amount;
}

/** Puts every slot at its index, fills the gaps, and pays out what is left after the fee. */
function arrange(
  terms: Terms,
  slots: ReadonlyMap<number, { readonly lane: Lane; readonly output: TxOutput }>,
  loose: readonly Lane[],
  { payout, size, taken }: { readonly payout: Payout; readonly size: number; readonly taken: Amount },
): Transaction | Refusal {
  const width = Math.max(-1, ...slots.keys()) + 1;
  const gaps = width - slots.size;
  if (gaps > loose.length)
    return refuse('contract-unfit', { reason: 'a slot before the channel’s own is empty', missing: gaps - loose.length });
  // The payout fills the first gap; further gaps are filled with the smallest outputs to the same script.
  const small = { value: terms.coin.policy.dust, script: payout.script };
  const smalls = Math.max(0, gaps - 1);
  const whole = size + smalls * (34 + extraBytes(payout.script));
  const { maxTransactionSize } = terms.coin.policy;
  if (whole > maxTransactionSize)
    return refuse('contract-unfit', { reason: 'the close is larger than a transaction may be', bytes: whole });
  const value = lessFee(terms, taken, whole, payout.feeRate);
  if (isRefusal(value)) return value;
  const main = value - BigInt(smalls) * small.value;
  if (main < terms.coin.policy.dust) return refuse('fee-unaffordable', { value, smalls });
  const outputs = [{ value: main, script: payout.script }, ...Array.from({ length: smalls }, () => small)];
  const rest = [...loose];
  const lanes: Lane[] = [];
  const made: TxOutput[] = [];
  for (let index = 0; index < width; index++) {
    const slot = slots.get(index);
    const lane = slot?.lane ?? rest.shift();
    const output = slot?.output ?? outputs.shift();
    if (lane === undefined || output === undefined) throw new Error('a gap that was counted can be filled');
    lanes.push(lane);
    made.push(output);
  }
  lanes.push(...rest);
  return signed(
    { version: terms.contract.form.version, inputs: lanes.map(({ input }) => input), outputs: [...made, ...outputs], lockTime: 0 },
    lanes,
  );
}

function signed(tx: Transaction, lanes: readonly Lane[]): Transaction {
  return { ...tx, inputs: tx.inputs.map((input, i) => ({ ...input, script: lanes[i]?.unlock(tx, i) ?? input.script })) };
}

function channelLane(unlocks: Unlocks, { terms, payment, signer }: Closing, { deposit, hashType }: PlannedInput, at: number): Lane {
  const payerSignature = payment.signatures[at];
  if (payerSignature === undefined) throw new Error('a payment holds a signature for each input of its plan');
  const redeemScript = terms.contract.redeemScript(terms);
  return {
    input: bareInput(deposit, terms.contract.form.sequence),
    unlock: (tx, index) => unlocks.close(redeemScript, encodeSignature(payerSignature, hashType), signAll(tx, index, redeemScript, signer)),
  };
}

function fillerLane(filler: Filler): Lane {
  const code = p2pkh(filler.signer.publicKey);
  return {
    input: bareInput(filler, TX_SEQUENCE),
    unlock: (tx, index) => script(signAll(tx, index, code, filler.signer), filler.signer.publicKey),
  };
}

/** The signature over the whole transaction, as its script carries it. */
export function signAll(tx: Transaction, index: number, code: Uint8Array, signer: Signer): Uint8Array {
  return encodeSignature(signer.sign(signatureHash(tx, index, code, SIGHASH.ALL)), SIGHASH.ALL);
}

export interface RefundLocks {
  readonly sequence: number;
  readonly lockTime: number;
}

/** The payer's refund of deposits after expiry. */
export function refund(
  unlocks: Unlocks,
  terms: Terms,
  deposits: readonly Deposit[],
  signer: Signer,
  outputs: readonly TxOutput[],
  { sequence, lockTime }: RefundLocks,
): Transaction {
  const { form } = terms.contract;
  const redeemScript = terms.contract.redeemScript(terms);
  const lanes = deposits.map((deposit) => ({
    input: bareInput(deposit, sequence),
    unlock: (tx: Transaction, index: number) =>
      unlocks.refund(redeemScript, signAll(tx, index, redeemScript, signer), releaseBytes(deposit)),
  }));
  const tx = { version: form.version, inputs: lanes.map(({ input }) => input), outputs, lockTime };
  return signed(tx, lanes);
}

/** Puts both sides' ALL signatures into an agreed end. */
export function complete(
  unlocks: Unlocks,
  terms: Terms,
  agreed: Transaction,
  payer: readonly Signature[],
  payee: readonly Signature[],
): Transaction {
  const redeemScript = terms.contract.redeemScript(terms);
  const inputs = agreed.inputs.map((input, i) => {
    const [ofPayer, ofPayee] = [payer[i], payee[i]];
    if (ofPayer === undefined || ofPayee === undefined) throw new Error('an agreed end has both signatures for each input');
    return {
      ...input,
      script: unlocks.close(redeemScript, encodeSignature(ofPayer, SIGHASH.ALL), encodeSignature(ofPayee, SIGHASH.ALL)),
    };
  });
  return { ...agreed, inputs };
}
