import { OP, operationAt } from '../tx/script.ts';
import type { Spend } from './form.ts';
import { RELEASE } from './refund-signature.ts';

/** A scriptSig of each branch, as this contract writes it. */
export interface Branches {
  readonly close: Uint8Array;
  readonly refund: Uint8Array;
}

/**
 * Which branch of its script a scriptSig takes, as consensus sees it: decided by the value before the redeem script, which `OP_IF` reads.
 * Miners may put more on the stack and write true and false in other forms; no signature covers that (BIP62).
 */
export function bySelector(isOwn: (redeemScript: Uint8Array) => boolean, branches: Branches): (unlock: Uint8Array) => Spend {
  return (unlock) => {
    const pushes = pushesOf(unlock);
    const redeemScript = pushes?.at(-1);
    if (pushes === undefined || redeemScript === undefined || !isOwn(redeemScript)) return 'foreign';
    const spend = selects(pushes.at(-2)) === selects(pushesOf(branches.close)?.at(-2)) ? 'close' : 'refund';
    return pushes.length < (pushesOf(branches[spend])?.length ?? 0) ? 'foreign' : spend;
  };
}

/**
 * The same for a bare 2-of-2 with the payer's signature first: a refund has the payee's release in it, whatever hash type the payer used; a close
 * never has.
 */
export function bySignatures(unlock: Uint8Array): Spend {
  const [payer, payee] = (pushesOf(unlock) ?? []).slice(-2);
  if (payer === undefined || payee === undefined || !isSignature(payer) || !isSignature(payee)) return 'foreign';
  return payee.at(-1) === RELEASE ? 'refund' : 'close';
}

/** DER and a hash type after it. A high s is allowed too, because blocks may hold one. */
function isSignature(push: Uint8Array): boolean {
  return push.length >= 9 && push[0] === 0x30 && push[1] === push.length - 3;
}

/** What the pushes of a script leave on the stack; undefined when the script has any other opcode, which P2SH forbids (BIP16). */
export function pushesOf(unlock: Uint8Array): readonly Uint8Array[] | undefined {
  const pushes: Uint8Array[] = [];
  let offset = 0;
  for (let op = operationAt(unlock, offset); op !== undefined; op = operationAt(unlock, offset)) {
    const pushed = op.data ?? smallNumber(op.opcode);
    if (pushed === undefined) return undefined;
    pushes.push(pushed);
    offset = op.end;
  }
  return offset === unlock.length ? pushes : undefined;
}

function smallNumber(opcode: number): Uint8Array | undefined {
  if (opcode === OP['1NEGATE']) return Uint8Array.of(0x81);
  return opcode >= OP.OP_1 && opcode <= OP.OP_16 ? Uint8Array.of(opcode - OP.OP_1 + 1) : undefined;
}

/** True for anything but zero and negative zero (`interpreter.cpp`, CastToBool). */
export function selects(selector: Uint8Array = new Uint8Array()): boolean {
  return selector.some((byte, i) => byte !== 0 && !(i === selector.length - 1 && byte === 0x80));
}
