import { concatBytes } from '../../core/base/bytes.ts';
import { OP, operationAt } from '../../core/tx/script.ts';

const MULTISIG_SIGOPS = 20;

/** OP_HASH160, 20 bytes, OP_EQUAL (`CScript::IsPayToScriptHash`). */
export function isP2sh(script: Uint8Array): boolean {
  return script.length === 23 && script[0] === OP.HASH160 && script[1] === 20 && script[22] === OP.EQUAL;
}

/** Only pushes; OP_RESERVED counts as one (`CScript::IsPushOnly`). */
export function isPushOnly(script: Uint8Array): boolean {
  let offset = 0;
  while (offset < script.length) {
    const op = operationAt(script, offset);
    if (op === undefined || op.opcode > OP.OP_16) return false;
    offset = op.end;
  }
  return true;
}

export interface WitnessProgram {
  readonly version: number;
  readonly program: Uint8Array;
}

/** `CScript::IsWitnessProgram`: a version and one direct push of 2 … 40 bytes. */
export function witnessProgram(script: Uint8Array): WitnessProgram | undefined {
  const [first = 0, length = 0] = script;
  const isVersion = first === OP.OP_0 || (first >= OP.OP_1 && first <= OP.OP_16);
  if (script.length < 4 || script.length > 42 || !isVersion || length + 2 !== script.length) return undefined;
  return { version: first === OP.OP_0 ? 0 : first - OP.OP_1 + 1, program: script.subarray(2) };
}

/** The number that OP_0 … OP_16 push; undefined for any other opcode. */
export function smallNumber(opcode: number): number | undefined {
  if (opcode === OP.OP_0) return 0;
  return opcode >= OP.OP_1 && opcode <= OP.OP_16 ? opcode - OP.OP_1 + 1 : undefined;
}

/** Signature operations (`CScript::GetSigOpCount`); `accurate` reads the key count before a CHECKMULTISIG instead of assuming 20. */
export function countSigOps(script: Uint8Array, accurate: boolean): number {
  let count = 0;
  let previous: number = OP.INVALID;
  let offset = 0;
  for (let op = operationAt(script, offset); op !== undefined; op = operationAt(script, offset)) {
    if (op.opcode === OP.CHECKSIG || op.opcode === OP.CHECKSIGVERIFY) count++;
    if (op.opcode === OP.CHECKMULTISIG || op.opcode === OP.CHECKMULTISIGVERIFY) {
      const keys = previous === OP.OP_0 ? undefined : smallNumber(previous);
      count += (accurate ? keys : undefined) ?? MULTISIG_SIGOPS;
    }
    previous = op.opcode;
    offset = op.end;
  }
  return count;
}

/** Signature operations that spending a P2SH output runs; 0 when the input script has anything but pushes. */
export function countP2shSigOps(outputScript: Uint8Array, inputScript: Uint8Array): number {
  if (!isP2sh(outputScript) || !isPushOnly(inputScript)) return 0;
  return countSigOps(lastPush(inputScript) ?? new Uint8Array(), true);
}

/** What the last operation of a push-only script pushes; empty for OP_0 … OP_16, as `GetOp` leaves it. */
export function lastPush(script: Uint8Array): Uint8Array | undefined {
  let last: Uint8Array | undefined;
  let offset = 0;
  for (let op = operationAt(script, offset); op !== undefined; op = operationAt(script, offset)) {
    last = op.data ?? new Uint8Array();
    offset = op.end;
  }
  return last;
}

/** A push of `data` as `CScript << vector` writes it: of minimal length, but never OP_1 … OP_16. */
export function pushOf(data: Uint8Array): Uint8Array {
  const length = data.length;
  if (length < OP.PUSHDATA1) return concatBytes(Uint8Array.of(length), data);
  if (length <= 0xff) return concatBytes(Uint8Array.of(OP.PUSHDATA1, length), data);
  return concatBytes(Uint8Array.of(OP.PUSHDATA2, length & 0xff, length >> 8), data);
}

/** Removes every occurrence of `needle` that starts at an operation (`CScript::FindAndDelete`). */
export function findAndDelete(script: Uint8Array, needle: Uint8Array): Uint8Array {
  if (needle.length === 0) return script;
  const kept: Uint8Array[] = [];
  let from = 0;
  let offset = 0;
  let found = false;
  for (;;) {
    kept.push(script.subarray(from, offset));
    while (startsWith(script, offset, needle)) {
      offset += needle.length;
      found = true;
    }
    from = offset;
    const op = operationAt(script, offset);
    if (op === undefined) break;
    offset = op.end;
  }
  return found ? concatBytes(...kept, script.subarray(from)) : script;
}

function startsWith(script: Uint8Array, offset: number, needle: Uint8Array): boolean {
  return script.length - offset >= needle.length && needle.every((byte, i) => script[offset + i] === byte);
}
