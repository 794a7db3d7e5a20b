import { selectUTXO } from '@scure/btc-signer/utxo.js';
import { type Amount, add, amount, feeFor, subtract, ZERO } from '../core/base/amount.ts';
import { bytesToHex, hexToBytes } from '../core/base/bytes.ts';
import type { Coin } from '../core/coin/coin.ts';
import { P2PKH_INPUT_BYTES } from '../core/contract/tx-size.ts';
import { addressOf } from '../core/tx/address.ts';
import { OP, reckonedBytes, script } from '../core/tx/script.ts';
import { type Outpoint, outpointKey } from '../core/tx/transaction.ts';

/** A P2PKH output that may be spent. */
export interface Candidate {
  readonly outpoint: Outpoint;
  readonly value: Amount;
}

/** A wanted output. */
export interface Payee {
  readonly script: Uint8Array;
  readonly value: Amount;
}

/** Inputs that pay for the outputs, or why there are none. Sizes are upper bounds: signatures may be shorter. */
export type Selection<C extends Candidate> =
  | { readonly kind: 'selected'; readonly inputs: readonly C[]; readonly change: Amount; readonly fee: Amount; readonly size: number }
  | NoSelection;

/** Why nothing could be selected. */
export type NoSelection =
  /** One more P2PKH output of `missing` would be enough. */
  | { readonly kind: 'short'; readonly missing: Amount }
  /** There is enough money, but in more pieces than fit in one transaction. */
  | { readonly kind: 'scattered' }
  | { readonly kind: 'dust'; readonly value: Amount }
  | { readonly kind: 'fee-too-high'; readonly fee: Amount };

/** What a selection has to pay for. */
export interface Spending {
  /** Outputs in the order that the transaction will have; change comes after them. */
  readonly payees: readonly Payee[];
  readonly changeScript: Uint8Array;
  /** Rate per 1,000 bytes; at least the coin's own floor is paid. */
  readonly feeRate: Amount;
}

/** Used as every candidate's script: only the fact that it is P2PKH matters here. */
const ANY_P2PKH = script('DUP', 'HASH160', new Uint8Array(20), 'EQUALVERIFY', 'CHECKSIG');
/** Version, lock time and two counts of up to three bytes. */
const FRAME_BYTES = 14;

/**
 * Chooses inputs for `payees`: tries the library's methods "fewest inputs" and "no change" and takes the one with the lower fee. Change below the
 * coin's dust is added to the fee.
 */
export function selectInputs<C extends Candidate>(coin: Coin, candidates: readonly C[], spending: Spending): Selection<C> {
  const tiny = spending.payees.find(({ script, value }) => value < coin.policy.dust && !isData(script));
  if (tiny !== undefined) return { kind: 'dust', value: tiny.value };
  const worthwhile = spendable(coin, candidates, spending.feeRate);
  const fitting = worthwhile.slice(0, mostInputs(coin, spending.payees));
  const [best] = (['accumBiggest', 'default'] as const)
    .flatMap((strategy) => attempt(coin, fitting, spending, strategy, false) ?? [])
    .sort((a, b) => Number(a.fee > b.fee) - Number(a.fee < b.fee));
  if (best !== undefined) return checked(coin, best);
  const missing = shortfall(coin, worthwhile, spending);
  return missing > 0n ? { kind: 'short', missing } : { kind: 'scattered' };
}

/**
 * Spends every candidate that is worth its fee, at most `mostInputs`, into one output to `destination`: its value is `change`. Biggest first, so that
 * small ones remain if there are too many.
 */
export function selectAll<C extends Candidate>(
  coin: Coin,
  candidates: readonly C[],
  { destination, feeRate, mostInputs }: { readonly destination: Uint8Array; readonly feeRate: Amount; readonly mostInputs: number },
): Selection<C> {
  const taken = spendable(coin, candidates, feeRate).slice(0, mostInputs);
  const spending = { payees: [], changeScript: destination, feeRate };
  const all = attempt(coin, taken, spending, 'all', true);
  if (all !== undefined && all.change >= coin.policy.dust) return checked(coin, all);
  const size = FRAME_BYTES + outputSize(destination) + (taken.length + 1) * P2PKH_INPUT_BYTES;
  const needed = add(feeFor(size, effectiveRate(coin, feeRate)), coin.policy.dust);
  return { kind: 'short', missing: subtract(needed, total(taken)) };
}

type Selected<C extends Candidate> = Extract<Selection<C>, { kind: 'selected' }>;

function attempt<C extends Candidate>(
  coin: Coin,
  candidates: readonly C[],
  { payees, changeScript, feeRate }: Spending,
  strategy: 'accumBiggest' | 'default' | 'all',
  alwaysChange: boolean,
): Selected<C> | undefined {
  const byOutpoint = new Map(candidates.map((candidate) => [outpointKey(candidate.outpoint), candidate]));
  const result = selectUTXO(
    candidates.map(({ outpoint, value }) => ({
      txid: hexToBytes(outpoint.txid),
      index: outpoint.vout,
      witnessUtxo: { amount: value, script: ANY_P2PKH },
    })),
    payees.map((payee) => ({ script: measured(payee.script), amount: payee.value })),
    strategy,
    {
      feePerByte: effectiveRate(coin, feeRate) / 1000n,
      changeAddress: addressFor(coin, changeScript),
      network: { bech32: '', pubKeyHash: coin.prefix.p2pkh, scriptHash: coin.prefix.p2sh[0], wif: coin.prefix.wif },
      // The library makes change only above `dust` × `dustRelayFeeRate`; we make it from the coin's dust on.
      dust: coin.policy.dust - 1n,
      dustRelayFeeRate: 1n,
      alwaysChange,
      // The caller's order of outputs is kept: protocols refer to them by index.
      bip69: false,
      createTx: false,
      // The scripts are ours, the values were read from blocks, and the fee has a limit: complete earlier transactions would add nothing.
      allowLegacyWitnessUtxo: true,
      allowUnknownOutputs: true,
      disableScriptCheck: true,
    },
  );
  if (result?.fee === undefined) return undefined;
  const inputs = result.inputs.flatMap(({ txid, index }) => byOutpoint.get(`${txid && bytesToHex(txid)}:${index}`) ?? []);
  const fee = amount(result.fee);
  const change = result.change ? subtract(total(inputs), add(total(payees), fee)) : ZERO;
  return { kind: 'selected', inputs, change, fee, size: Math.ceil(result.weight / 4) };
}

function checked<C extends Candidate>(coin: Coin, selected: Selected<C>): Selection<C> {
  if (selected.size > coin.policy.maxTransactionSize) return { kind: 'scattered' };
  return selected.fee > coin.policy.maxFee ? { kind: 'fee-too-high', fee: selected.fee } : selected;
}

/** Candidates worth more than the fee of spending them, biggest first. */
function spendable<C extends Candidate>(coin: Coin, candidates: readonly C[], feeRate: Amount): readonly C[] {
  const cost = feeFor(P2PKH_INPUT_BYTES, effectiveRate(coin, feeRate));
  return candidates.filter(({ value }) => value > cost).sort((a, b) => Number(a.value < b.value) - Number(a.value > b.value));
}

/** The most inputs that fit, with the outputs and a change output, in the largest transaction that is relayed. */
function mostInputs(coin: Coin, payees: readonly Payee[]): number {
  const outputs = payees.reduce((sum, payee) => sum + outputSize(payee.script), 0);
  return Math.max(0, Math.floor((coin.policy.maxTransactionSize - FRAME_BYTES - 34 - outputs) / P2PKH_INPUT_BYTES));
}

/** The value that one more output would need so that all together pay for the payees and the fee; 0 when they already do. */
function shortfall(coin: Coin, worthwhile: readonly Candidate[], { payees, feeRate }: Spending): Amount {
  const outputs = payees.reduce((sum, payee) => sum + outputSize(payee.script), 0);
  const needed = (inputs: number): bigint =>
    total(payees) + feeFor(FRAME_BYTES + outputs + inputs * P2PKH_INPUT_BYTES, effectiveRate(coin, feeRate));
  const held = total(worthwhile);
  if (held >= needed(worthwhile.length)) return ZERO;
  const missing = needed(worthwhile.length + 1) - held;
  return missing > coin.policy.dust ? amount(missing) : coin.policy.dust;
}

/** Can't be spent, so it may have the value 0. */
function isData(outputScript: Uint8Array): boolean {
  return outputScript[0] === OP.RETURN;
}

function outputSize(outputScript: Uint8Array): number {
  return 8 + 1 + reckonedBytes(outputScript);
}

/** Used instead of a script where only its size matters. */
function measured(outputScript: Uint8Array): Uint8Array {
  const bytes = reckonedBytes(outputScript);
  return bytes === outputScript.length ? outputScript : new Uint8Array(bytes);
}

/** The rate that is paid: at least the coin's floor, in whole units per byte, as the library counts. */
function effectiveRate(coin: Coin, feeRate: Amount): Amount {
  const rate = feeRate > coin.policy.feeRate ? feeRate : coin.policy.feeRate;
  return amount(((rate + 999n) / 1000n) * 1000n);
}

function total(parts: readonly { readonly value: Amount }[]): Amount {
  return add(...parts.map(({ value }) => value));
}

function addressFor(coin: Coin, outputScript: Uint8Array): string {
  const address = addressOf(coin, outputScript);
  if (address === undefined) throw new TypeError('change goes to a script that has no address');
  return address;
}
