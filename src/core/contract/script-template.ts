import { equalBytes } from '../base/bytes.ts';
import { isLockTime, type LockTime } from '../base/height.ts';
import { isRefusal, type Refusal, refuse } from '../base/refusal.ts';
import { type OP, readScript, type ScriptPart, script } from '../tx/script.ts';
import { readNumber } from '../tx/script-number.ts';
import { type PublicKey, publicKey } from '../tx/sign.ts';
import type { WrittenTerms } from './script-terms.ts';

/** What a placeholder in a template may be filled with. */
export interface SlotValues {
  readonly payerKey: PublicKey;
  readonly payeeKey: PublicKey;
  /** A lock of either kind, as the script has it. */
  readonly expiry: number;
  /** HASH160 of the secret that the payee shows to be paid. */
  readonly spendHash: Uint8Array;
  /** HASH160 of the secret that takes a commit back. */
  readonly revokeHash: Uint8Array;
}

type Slot = '<payer>' | '<payee>' | '<expiry>' | '<spend>' | '<revoke>';

const SLOTS: Readonly<Record<Slot, keyof SlotValues>> = {
  '<payer>': 'payerKey',
  '<payee>': 'payeeKey',
  '<expiry>': 'expiry',
  '<spend>': 'spendHash',
  '<revoke>': 'revokeHash',
};

/** A redeem script with placeholders for the terms: one declaration for writing and reading. */
export type ScriptTemplate = readonly (keyof typeof OP | number | Slot)[];

const HASH_BYTES = 20;

function isSlot(part: ScriptTemplate[number]): part is Slot {
  return typeof part === 'string' && Object.hasOwn(SLOTS, part);
}

/** @throws Error when the template has a placeholder that the values do not fill. */
export function writeTemplate(template: ScriptTemplate, values: Partial<SlotValues>): Uint8Array {
  return script(...template.map((part) => (isSlot(part) ? filled(values, part) : part)));
}

function filled(values: Partial<SlotValues>, slot: Slot): Uint8Array | number {
  const value = values[SLOTS[slot]];
  if (value === undefined) throw new Error(`nothing for ${slot}`);
  return value;
}

/** Reads the terms back; refuses every script that `writeTemplate` would not write byte for byte. */
export function readTemplate(template: ScriptTemplate, isExpiry: (expiry: LockTime) => boolean, bytes: Uint8Array): WrittenTerms | Refusal {
  const values = readSlots(template, bytes);
  if (isRefusal(values)) return values;
  const { payerKey, payeeKey, expiry } = values;
  if (expiry === undefined) return { payerKey, payeeKey };
  return isLockTime(expiry) && isExpiry(expiry) ? { payerKey, payeeKey, expiry } : refuse('expiry-malformed');
}

/** The values in a script of that template, both keys among them; refuses every script that `writeTemplate` would not have written to the byte. */
export function readSlots(
  template: ScriptTemplate,
  bytes: Uint8Array,
): (Pick<SlotValues, 'payerKey' | 'payeeKey'> & Partial<SlotValues>) | Refusal {
  const found = partsInSlots(template, bytes);
  if (found === undefined) return refuse('script-unknown');
  const payerKey = keyFrom(found.get('<payer>'));
  const payeeKey = keyFrom(found.get('<payee>'));
  if (payerKey === undefined || payeeKey === undefined) return refuse('key-invalid');
  if (equalBytes(payerKey, payeeKey)) return refuse('key-repeated');
  const expiry = numberFrom(found.get('<expiry>'));
  if (expiry === undefined && found.has('<expiry>')) return refuse('expiry-malformed');
  const spendHash = hashFrom(found.get('<spend>'));
  const revokeHash = hashFrom(found.get('<revoke>'));
  if ((spendHash === undefined && found.has('<spend>')) || (revokeHash === undefined && found.has('<revoke>'))) {
    return refuse('script-unknown');
  }
  const values = {
    payerKey,
    payeeKey,
    ...(expiry === undefined ? {} : { expiry }),
    ...(spendHash === undefined ? {} : { spendHash }),
    ...(revokeHash === undefined ? {} : { revokeHash }),
  };
  return equalBytes(writeTemplate(template, values), bytes) ? values : refuse('script-unknown');
}

/** What fills each placeholder of the template where it first appears; undefined when anything else differs from the template. */
function partsInSlots(template: ScriptTemplate, bytes: Uint8Array): ReadonlyMap<Slot, ScriptPart> | undefined {
  const parts = readScript(bytes);
  if (parts?.length !== template.length) return undefined;
  const found = new Map<Slot, ScriptPart>();
  for (const [i, expected] of template.entries()) {
    const part = parts[i];
    if (!isSlot(expected)) {
      if (part !== expected) return undefined;
    } else if (part !== undefined && !found.has(expected)) found.set(expected, part);
  }
  return found;
}

function keyFrom(part: ScriptPart | undefined): PublicKey | undefined {
  return part instanceof Uint8Array ? publicKey(part) : undefined;
}

function hashFrom(part: ScriptPart | undefined): Uint8Array | undefined {
  return part instanceof Uint8Array && part.length === HASH_BYTES ? part : undefined;
}

/** A number as BIP62 requires: the shortest form, and an opcode instead of a push where there is one. BIP65 and BIP112 read up to five bytes. */
function numberFrom(part: ScriptPart | undefined): number | undefined {
  if (!(part instanceof Uint8Array)) return typeof part === 'number' ? part : undefined;
  const value = readNumber(part, 5);
  return value === undefined || value <= 16 ? undefined : value;
}
