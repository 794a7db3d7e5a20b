import { OP, operationAt } from '../tx/script.ts';
import type { Spend } from './contract.ts';
import { RELEASE } from './refund-signature.ts';

/** A scriptSig of each branch, as this contract writes it. */
export interface Branches {
  readonly close: Uint8Array;
  readonly refund: Uint8Array;
}

/**
 * Which branch of its script a scriptSig takes, as consensus sees it: by what `OP_IF` finds, the value before the redeem script.
 * Miners may put more on the stack and write true and false otherwise; no signature covers that (BIP62).
 */
export function bySelector(isOwn: (redeemScript: Uint8Array) => boolean, branches: Branches): (unlock: Uint8Array) => Spend {
  return (unlock) => {
    const pushes = pushesOf(unlock);
    const redeemScript = pushes?.at(-1);
    if (pushes === undefined || redeemScript === undefined || !isOwn(redeemScript)) return 'foreign';
    const spend = selects(pushes) === selects(pushesOf(branches.close)) ? 'close' : 'refund';
    return pushes.length < (pushesOf(branches[spend])?.length ?? 0) ? 'foreign' : spend;
  };
}

/** The same of a bare 2-of-2, payer's signature first: a refund takes the payee's release, whatever of it the payer signs; no close does. */
export function bySignatures(unlock: Uint8Array): Spend {
  const [payer, payee] = (pushesOf(unlock) ?? []).slice(-2);
  if (payer === undefined || payee === undefined || !isSignature(payer) || !isSignature(payee)) return 'foreign';
  return payee.at(-1) === RELEASE ? 'refund' : 'close';
}

/** DER, and a hash type behind it; with a high s too, as blocks may hold it. */
function isSignature(push: Uint8Array): boolean {
  return push.length >= 9 && push[0] === 0x30 && push[1] === push.length - 3;
}

/** What the pushes of a script leave on the stack; undefined when it does anything else, which P2SH forbids (BIP16). */
function pushesOf(unlock: Uint8Array): readonly Uint8Array[] | undefined {
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
function selects(pushes: readonly Uint8Array[] = []): boolean {
  const selector = pushes.at(-2) ?? new Uint8Array();
  return selector.some((byte, i) => byte !== 0 && !(i === selector.length - 1 && byte === 0x80));
}
