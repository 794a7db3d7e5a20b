import { feeFor, subtract } from '../base/amount.ts';
import { bytesToHex } from '../base/bytes.ts';
import { type Refusal, refuse } from '../base/refusal.ts';
import { addressOf } from '../tx/address.ts';
import { SIGHASH, signatureHash } from '../tx/sighash.ts';
import type { Signature, Signer, Verify } from '../tx/sign.ts';
import { outpointKey, type Transaction, type TxOutput } from '../tx/transaction.ts';
import type { Agreement } from './agreement.ts';
import { capacityOf, type Deposit, type Terms } from './contract.ts';
import { unsigned } from './payment-plan.ts';
import { closeSize, extraBytes } from './tx-size.ts';

/** The deposits that an agreed end spends, in the channel's order. */
export function depositsSpentBy(deposits: readonly Deposit[], { without = [] }: Pick<Agreement, 'without'>): readonly Deposit[] {
  const left = new Set(without.map(outpointKey));
  return left.size === 0 ? deposits : deposits.filter(({ outpoint }) => !left.has(outpointKey(outpoint)));
}

/** The transaction that ends a channel at once. It spends the deposits and pays the payee's total and the payer's rest; both sides sign ALL. */
export function buildCoopClose(terms: Terms, all: readonly Deposit[], agreement: Agreement): Transaction | Refusal {
  const { total, payerScript, fee } = agreement;
  if (terms.asset !== undefined) return refuse('contract-unfit', { reason: 'one transaction sends an asset to one side only' });
  const deposits = depositsSpentBy(all, agreement);
  const { dust, feeRate, maxFee } = terms.coin.policy;
  const capacity = capacityOf(deposits);
  const outputs = total > 0n ? 2 : 1;
  const least = feeFor(closeSize(terms, deposits.length, outputs) + extraBytes(payerScript), feeRate);
  if (fee < least || fee > maxFee) return refuse('agreement-malformed', { fee, least, most: maxFee });
  if (total + fee + dust > capacity) return refuse('agreement-malformed', { capacity, total, fee });
  if (total > 0n && total < dust) return refuse('agreement-malformed', { total, least: dust });
  // Nodes may not relay any other script, and the payee would wait for an end that never comes.
  if (addressOf(terms.coin, payerScript) === undefined) return refuse('agreement-malformed', { script: payerScript.length });
  const rest = { value: subtract(subtract(capacity, total), fee), script: payerScript };
  const own = unsigned(terms, deposits, total > 0n ? [rest, { value: total, script: terms.payeeScript }] : [rest]);
  return agreement.beside === undefined ? own : joined(own, agreement.beside, dust);
}

/** No channel of a pair has more inputs or outputs. */
const MOST_PARTS = 16;

/**
 * Both ends in one transaction: what goes to one script is one output, so each side gets its net. Whatever the other part says, this transaction does for
 * the own channel what the own part does: what the other part has wrong keeps it from being mined, and no more.
 */
function joined(own: Transaction, { inputs, outputs }: Transaction, dust: bigint): Transaction | Refusal {
  const all = [...own.inputs, ...inputs.map(({ outpoint, sequence }) => ({ outpoint, sequence, script: new Uint8Array() }))];
  const isRepeated = new Set(all.map(({ outpoint }) => outpointKey(outpoint))).size < all.length;
  const isOdd =
    inputs.length === 0 || inputs.length > MOST_PARTS || outputs.length > MOST_PARTS || outputs.some(({ value }) => value < dust);
  if (isRepeated || isOdd) return refuse('agreement-malformed', { inputs: all.length });
  const sums = new Map<string, TxOutput>();
  for (const { value, script } of [...own.outputs, ...outputs]) {
    const key = bytesToHex(script);
    sums.set(key, { script, value: (sums.get(key)?.value ?? 0n) + value });
  }
  return {
    ...own,
    inputs: all.toSorted((a, b) => (outpointKey(a.outpoint) < outpointKey(b.outpoint) ? -1 : 1)),
    outputs: [...sums].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, output]) => output),
  };
}

/** The part of an agreement that is for its own channel alone. */
export function endPart(terms: Terms, deposits: readonly Deposit[], { beside: _, ...alone }: Agreement): Transaction | Refusal {
  return buildCoopClose(terms, deposits, alone);
}

/** A transaction that ends two channels, with each channel's inputs signed as in its own copy. */
export function withSignaturesOf(one: Transaction, deposits: readonly Deposit[], other: Transaction): Transaction {
  const own = new Set(deposits.map(({ outpoint }) => outpointKey(outpoint)));
  const inputs = one.inputs.map((input, i) => (own.has(outpointKey(input.outpoint)) ? input : (other.inputs[i] ?? input)));
  return { ...one, inputs };
}

export function signCoopClose(terms: Terms, agreed: Transaction, signer: Signer): readonly Signature[] {
  const code = terms.contract.redeemScript(terms);
  return agreed.inputs.map((_, i) => signer.sign(signatureHash(agreed, i, code, SIGHASH.ALL)));
}

/** Checks the payer's signature on every input. */
export function verifyCoopClose(terms: Terms, agreed: Transaction, signatures: readonly Signature[], verify: Verify): boolean {
  const code = terms.contract.redeemScript(terms);
  return (
    signatures.length === agreed.inputs.length &&
    signatures.every((sig, i) => verify(sig, signatureHash(agreed, i, code, SIGHASH.ALL), terms.payerKey))
  );
}
