import { equalBytes } from '../base/bytes.ts';
import { isLockTime, type LockTime } from '../base/height.ts';
import { isRefusal, type Refusal, refuse } from '../base/refusal.ts';
import { type OP, readScript, type ScriptPart, script } from '../tx/script.ts';
import { readNumber } from '../tx/script-number.ts';
import { publicKey } from '../tx/sign.ts';
import type { ScriptTerms, WrittenTerms } from './contract.ts';

type Slot = '<payer>' | '<payee>' | '<expiry>';

/** A redeem script with placeholders for the terms: one declaration for writing and reading. */
export type ScriptTemplate = readonly (keyof typeof OP | number | Slot)[];

const SLOTS: Readonly<Record<Slot, keyof ScriptTerms>> = { '<payer>': 'payerKey', '<payee>': 'payeeKey', '<expiry>': 'expiry' };

function isSlot(part: ScriptTemplate[number]): part is Slot {
  return typeof part === 'string' && Object.hasOwn(SLOTS, part);
}

/** @throws Error when the template has a placeholder for an expiry and the terms have none. */
export function writeTemplate(template: ScriptTemplate, terms: WrittenTerms): Uint8Array {
  return script(...template.map((part) => (isSlot(part) ? filled(terms, part) : part)));
}

function filled(terms: WrittenTerms, slot: Slot): Uint8Array | number {
  const value = terms[SLOTS[slot]];
  if (value === undefined) throw new Error(`nothing for ${slot}`);
  return value;
}

/** Reads the terms back; refuses every script that `writeTemplate` would not write byte for byte. */
export function readTemplate(template: ScriptTemplate, isExpiry: (expiry: LockTime) => boolean, bytes: Uint8Array): WrittenTerms | Refusal {
  const parts = readScript(bytes);
  if (parts?.length !== template.length) return refuse('script-unknown');
  const found = new Map<Slot, ScriptPart | undefined>();
  for (const [i, expected] of template.entries()) {
    if (isSlot(expected)) found.set(expected, found.get(expected) ?? parts[i]);
    else if (parts[i] !== expected) return refuse('script-unknown');
  }
  const payerKey = keyFrom(found.get('<payer>'));
  const payeeKey = keyFrom(found.get('<payee>'));
  if (payerKey === undefined || payeeKey === undefined) return refuse('key-invalid');
  if (equalBytes(payerKey, payeeKey)) return refuse('key-repeated');
  const terms = template.includes('<expiry>')
    ? withExpiry({ payerKey, payeeKey }, expiryFrom(found.get('<expiry>')), isExpiry)
    : { payerKey, payeeKey };
  if (isRefusal(terms)) return terms;
  return equalBytes(writeTemplate(template, terms), bytes) ? terms : refuse('script-unknown');
}

function withExpiry(
  keys: Omit<WrittenTerms, 'expiry'>,
  expiry: number | undefined,
  isExpiry: (expiry: LockTime) => boolean,
): WrittenTerms | Refusal {
  return expiry === undefined || !isLockTime(expiry) || !isExpiry(expiry) ? refuse('expiry-malformed') : { ...keys, expiry };
}

function keyFrom(part: ScriptPart | undefined): ReturnType<typeof publicKey> {
  return part instanceof Uint8Array ? publicKey(part) : undefined;
}

/** A number as BIP62 requires: the shortest form, and an opcode instead of a push where there is one. BIP65 reads up to five bytes. */
function expiryFrom(part: ScriptPart | undefined): number | undefined {
  if (!(part instanceof Uint8Array)) return typeof part === 'number' ? part : undefined;
  const value = readNumber(part, 5);
  return value === undefined || value <= 16 ? undefined : value;
}
