import { RawPSBTV0 } from '@scure/btc-signer/psbt.js';
import { type Refusal, refuse } from '../base/refusal.ts';
import { fromRaw, transactionId } from '../tx/transaction.ts';
import { type InputMap, type PsbtMaps, readPlainMaps } from './psbt-plain.ts';

const GLOBAL_FIELDS = new Set(['unsignedTx', 'version']);
// Key derivations are what signing devices add; they say nothing about the payment.
const INPUT_FIELDS = new Set(['nonWitnessUtxo', 'partialSig', 'sighashType', 'redeemScript', 'bip32Derivation']);
const OUTPUT_FIELDS = new Set(['bip32Derivation']);

/** Reads PSBT version 0 (BIP174): the plain form at once, all others by the library, which takes a hundred times as long. */
export function readMaps(bytes: Uint8Array): PsbtMaps | Refusal {
  return readPlainMaps(bytes) ?? readAnyMaps(bytes);
}

/** Any PSBT at all; refused when a field has no place in a channel. */
export function readAnyMaps(bytes: Uint8Array): PsbtMaps | Refusal {
  const raw = attempt(() => RawPSBTV0.decode(bytes));
  if (raw?.global.unsignedTx === undefined || hasSurplusMap(raw)) return refuse('psbt-malformed');
  const stray =
    strayField(raw.global, GLOBAL_FIELDS) ??
    raw.inputs.map((input) => strayField(input, INPUT_FIELDS)).find((name) => name !== undefined) ??
    raw.outputs.map((output) => strayField(output, OUTPUT_FIELDS)).find((name) => name !== undefined);
  if (stray !== undefined) return refuse('psbt-field-unknown', { field: stray });
  return { transaction: fromRaw(raw.global.unsignedTx), inputs: raw.inputs.map(inputMap) };
}

/** The library lets an empty map pass behind the last output; some write one, but only where there are no outputs. */
function hasSurplusMap({ global, outputs }: ReturnType<typeof RawPSBTV0.decode>): boolean {
  const expected = global.unsignedTx?.outputs.length ?? 0;
  return expected > 0 && outputs.length > expected;
}

function inputMap({
  nonWitnessUtxo,
  redeemScript,
  partialSig,
  sighashType,
}: ReturnType<typeof RawPSBTV0.decode>['inputs'][number]): InputMap {
  const funding = nonWitnessUtxo && fromRaw(nonWitnessUtxo);
  return {
    ...(funding && { funding: { id: transactionId(funding), outputs: funding.outputs } }),
    ...(redeemScript && { redeemScript }),
    partialSig: partialSig ?? [],
    ...(sighashType === undefined ? {} : { sighashType }),
  };
}

function strayField(map: object, known: ReadonlySet<string>): string | undefined {
  return Object.keys(map).find((name) => !known.has(name));
}

function attempt<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}
