import { ripemd160 } from '@noble/hashes/legacy.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { OP } from '@scure/btc-signer/script.js';
import { concatBytes } from '../base/bytes.ts';
import { writeNumber } from './script-number.ts';

export { OP };

/** One operation of a script as consensus reads it: `data` only for pushes; `end` is the offset after it. */
export interface Operation {
  readonly opcode: number;
  readonly data?: Uint8Array;
  readonly start: number;
  readonly end: number;
}

/** An opcode by name, a number, or bytes to push. */
export type ScriptPart = keyof typeof OP | number | Uint8Array;

/** Writes a script: names as opcodes, numbers as minimal script numbers, bytes as minimal pushes (BIP62 rules 3 and 4). */
export function script(...parts: readonly ScriptPart[]): Uint8Array {
  return concatBytes(...parts.map(written));
}

/** Numbers that have opcodes (-1 and 1 … 16) are added to this. */
const BEFORE_ONE = OP.OP_1 - 1;

function written(part: ScriptPart): Uint8Array {
  if (typeof part === 'string') return Uint8Array.of(OP[part]);
  if (typeof part !== 'number') return concatBytes(pushOf(part.length), part);
  if (part === 0) return Uint8Array.of(OP.OP_0);
  if (part === -1 || (part >= 1 && part <= 16)) return Uint8Array.of(BEFORE_ONE + part);
  return written(writeNumber(part));
}

/** The shortest opcode that pushes so many bytes. */
function pushOf(length: number): Uint8Array {
  if (length < OP.PUSHDATA1) return Uint8Array.of(length);
  if (length <= 0xff) return Uint8Array.of(OP.PUSHDATA1, length);
  if (length <= 0xffff) return Uint8Array.of(OP.PUSHDATA2, length, length >> 8);
  return Uint8Array.of(OP.PUSHDATA4, length, length >> 8, length >> 16, length >> 24);
}

const NAMES: ReadonlyMap<number, keyof typeof OP> = new Map(
  Object.keys(OP)
    .filter(isName)
    .map((name) => [OP[name], name]),
);

function isName(name: string): name is keyof typeof OP {
  return Object.hasOwn(OP, name);
}

/** Reads a script into names, small numbers and pushes; undefined when a push runs past its end or an opcode is unknown. */
export function readScript(bytes: Uint8Array): readonly ScriptPart[] | undefined {
  const parts: ScriptPart[] = [];
  for (let offset = 0; offset < bytes.length; ) {
    const operation = operationAt(bytes, offset);
    const part = operation && partOf(operation);
    if (operation === undefined || part === undefined) return undefined;
    parts.push(part);
    offset = operation.end;
  }
  return parts;
}

function partOf({ opcode, data }: Operation): ScriptPart | undefined {
  if (opcode === OP.OP_0) return 0;
  if (opcode >= OP.OP_1 && opcode <= OP.OP_16) return opcode - BEFORE_ONE;
  return data?.slice() ?? NAMES.get(opcode);
}

const PUSHDATA_LENGTH_BYTES: Readonly<Record<number, number>> = { [OP.PUSHDATA1]: 1, [OP.PUSHDATA2]: 2, [OP.PUSHDATA4]: 4 };

/** The operation at `offset`; undefined at the end of the script or when a push runs past it (`CScript::GetOp2`). */
export function operationAt(bytes: Uint8Array, offset: number): Operation | undefined {
  const opcode = bytes[offset];
  if (opcode === undefined) return undefined;
  const next = offset + 1;
  if (opcode > OP.PUSHDATA4) return { opcode, start: offset, end: next };
  const lengthBytes = PUSHDATA_LENGTH_BYTES[opcode] ?? 0;
  if (next + lengthBytes > bytes.length) return undefined;
  let length = lengthBytes === 0 ? opcode : 0;
  for (let i = lengthBytes - 1; i >= 0; i--) length = length * 256 + (bytes[next + i] ?? 0);
  const start = next + lengthBytes;
  const end = start + length;
  if (end > bytes.length) return undefined;
  return { opcode, data: bytes.subarray(start, end), start: offset, end };
}

/** Removes every OP_CODESEPARATOR that is not inside a push, as the legacy signature hash does. */
export function withoutCodeSeparators(bytes: Uint8Array): Uint8Array {
  const parts: Uint8Array[] = [];
  let kept = 0;
  let offset = 0;
  for (let op = operationAt(bytes, offset); op !== undefined; op = operationAt(bytes, offset)) {
    if (op.opcode === OP.CODESEPARATOR) {
      parts.push(bytes.subarray(kept, op.start));
      kept = op.end;
    }
    offset = op.end;
  }
  return kept === 0 ? bytes : concatBytes(...parts, bytes.subarray(kept));
}

export function hash160(bytes: Uint8Array): Uint8Array {
  return ripemd160(sha256(bytes));
}

export function p2pkh(publicKey: Uint8Array): Uint8Array {
  return script('DUP', 'HASH160', hash160(publicKey), 'EQUALVERIFY', 'CHECKSIG');
}

export function p2sh(redeemScript: Uint8Array): Uint8Array {
  return script('HASH160', hash160(redeemScript), 'EQUAL');
}

/**
 * Nodes count twenty signature operations for a multisig that is not hashed, and twenty bytes for each of them (`policy.cpp`,
 * GetVirtualTransactionSize).
 */
const MULTISIG_BYTES = 20 * 20;

/** The size of an output script that nodes use when they compute what a transaction has to pay: at least its real size. */
export function reckonedBytes(outputScript: Uint8Array): number {
  return outputScript.at(-1) === OP.CHECKMULTISIG ? Math.max(MULTISIG_BYTES, outputScript.length) : outputScript.length;
}
