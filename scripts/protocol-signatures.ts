import type { RevocationHash, Terms } from '../src/core/contract/contract.ts';
import { SIGNATURE_BYTES } from '../src/core/contract/tx-size.ts';
import { type Operation, operationAt, p2pkh, script } from '../src/core/tx/script.ts';
import { SIGHASH, signatureHash } from '../src/core/tx/sighash.ts';
import { decodeSignature, type PublicKey, publicKey, type TypedSignature, verifyPortable } from '../src/core/tx/sign.ts';
import { type Transaction, transactionSize } from '../src/core/tx/transaction.ts';
import type { Made } from './protocol-transactions.ts';

/** One step of a script, with the bytes that it is written as. */
export interface Written extends Operation {
  readonly bytes: Uint8Array;
}

export function stepsOf(bytes: Uint8Array): readonly Written[] {
  const steps: Written[] = [];
  for (let op = operationAt(bytes, 0); op !== undefined; op = operationAt(bytes, op.end))
    steps.push({ ...op, bytes: bytes.subarray(op.start, op.end) });
  return steps;
}

/** A signature with its hash type, if a step pushes one. */
export function signatureOf({ data = new Uint8Array() }: Operation): TypedSignature | undefined {
  const decoded = decodeSignature(data);
  return typeof decoded === 'string' ? undefined : decoded;
}

/** Bytes of a scriptSig whose signatures are all as long as they can be. */
export function longestUnlock(unlock: Uint8Array): Uint8Array {
  return Uint8Array.from(stepsOf(unlock).flatMap((step) => [...(signatureOf(step) === undefined ? step.bytes : LONGEST)]));
}

const LONGEST: Uint8Array = script(new Uint8Array(SIGNATURE_BYTES));

/** Bytes of a transaction whose signatures are all as long as they can be: each is a byte shorter in half of all cases. */
export function longestSize(transaction: Transaction): number {
  const inputs = transaction.inputs.map((input) => ({ ...input, script: longestUnlock(input.script) }));
  return transactionSize({ ...transaction, inputs });
}

/** Who has signed what of each input, the same once: told by whose key a signature holds for. */
export function signersOf(made: Made): string {
  const told = made.transaction.inputs.map((_, i) => signersOfInput(made, i).join(', '));
  return [...new Set(told)].join('; ');
}

function signersOfInput({ transaction, channels, heldUnder, owner = '' }: Made, index: number): readonly string[] {
  const steps = stepsOf(transaction.inputs[index]?.script ?? new Uint8Array());
  const terms = channels[index];
  const key = publicKey(steps.at(-1)?.data ?? new Uint8Array());
  const { code, people } = terms === undefined ? ownKey(owner, key) : ofChannel(terms, heldUnder);
  return steps.flatMap((step) => {
    const found = signatureOf(step);
    if (found === undefined) return [];
    const digest = signatureHash(transaction, index, code, found.hashType);
    const who = [...people].find(([, one]) => verifyPortable(found.signature, digest, one));
    if (who === undefined) throw new Error(`nobody has signed input ${index} so`);
    return [`${who[0]} ${hashTypeName(found.hashType)}`];
  });
}

interface Signed {
  readonly code: Uint8Array;
  readonly people: ReadonlyMap<string, PublicKey>;
}

function ofChannel(terms: Terms, heldUnder: RevocationHash | undefined): Signed {
  const people = new Map([
    ['payer', terms.payerKey],
    ['payee', terms.payeeKey],
  ]);
  if (terms.revocation !== undefined) people.set("payer's penalty key", terms.revocation.penaltyKey);
  return { code: spentScript(terms, heldUnder), people };
}

/** The script that unlocking shows: of a deposit, or of what a close holds. */
export function spentScript(terms: Terms, heldUnder: RevocationHash | undefined): Uint8Array {
  const { revocation } = terms.contract;
  return revocation === undefined || heldUnder === undefined ? terms.contract.redeemScript(terms) : revocation.heldScript(terms, heldUnder);
}

function ownKey(owner: string, key: PublicKey | undefined): Signed {
  if (key === undefined) throw new Error('an input shows its key');
  return { code: p2pkh(key), people: new Map([[owner, key]]) };
}

/** As Bitcoin's documents write it; the stroke would end a cell of a table. */
function hashTypeName(hashType: number): string {
  const bases = new Map([
    [SIGHASH.ALL, 'ALL'],
    [SIGHASH.NONE, 'NONE'],
    [SIGHASH.SINGLE, 'SINGLE'],
  ] as const satisfies readonly (readonly [number, string])[]);
  const base = [...bases].find(([type]) => type === (hashType & 0x1f))?.[1];
  if (base === undefined) throw new Error(`no hash type ${hashType}`);
  return (hashType & SIGHASH.ANYONECANPAY) === 0 ? base : `${base}\\|ANYONECANPAY`;
}
