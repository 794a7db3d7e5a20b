import { OP, type Operation, operationAt } from '../../core/tx/script.ts';
import { isP2sh, isPushOnly, smallNumber, witnessProgram } from './script-shape.ts';

/** The forms of output script a node knows (`script/standard.cpp`, Solver). */
export type OutputForm =
  | { readonly kind: 'pubkey' | 'pubkeyhash' | 'scripthash' | 'nulldata' | 'witness' | 'nonstandard' }
  | { readonly kind: 'multisig'; readonly required: number; readonly keys: number };

/** The word `getblock` and `gettxout` use for it. */
export function formName(form: OutputForm, script: Uint8Array): string {
  if (form.kind !== 'witness') return form.kind;
  return witnessProgram(script)?.program.length === 20 ? 'witness_v0_keyhash' : 'witness_v0_scripthash';
}

export function outputForm(script: Uint8Array): OutputForm {
  if (isP2sh(script)) return { kind: 'scripthash' };
  const program = witnessProgram(script);
  if (program !== undefined) {
    const isKnown = program.version === 0 && (program.program.length === 20 || program.program.length === 32);
    return { kind: isKnown ? 'witness' : 'nonstandard' };
  }
  if (script[0] === OP.RETURN && isPushOnly(script.subarray(1))) return { kind: 'nulldata' };
  const operations = readOperations(script) ?? [];
  if (isP2pkh(operations)) return { kind: 'pubkeyhash' };
  const [first, second] = operations;
  if (operations.length === 2 && first !== undefined && isKey(first) && second?.opcode === OP.CHECKSIG) return { kind: 'pubkey' };
  return multisig(operations) ?? { kind: 'nonstandard' };
}

function readOperations(script: Uint8Array): Operation[] | undefined {
  const operations: Operation[] = [];
  let offset = 0;
  while (offset < script.length) {
    const operation = operationAt(script, offset);
    if (operation === undefined) return undefined;
    operations.push(operation);
    offset = operation.end;
  }
  return operations;
}

function isP2pkh(operations: readonly Operation[]): boolean {
  const opcodes = operations.map(({ opcode }) => opcode).join();
  return opcodes === [OP.DUP, OP.HASH160, 20, OP.EQUALVERIFY, OP.CHECKSIG].join();
}

function isKey({ data }: Operation): boolean {
  return data !== undefined && data.length >= 33 && data.length <= 65;
}

function multisig(operations: readonly Operation[]): OutputForm | undefined {
  const last = operations.at(-1);
  const required = smallNumber(operations[0]?.opcode ?? OP.INVALID);
  const count = smallNumber(operations.at(-2)?.opcode ?? OP.INVALID);
  const keys = operations.slice(1, -2);
  if (last?.opcode !== OP.CHECKMULTISIG || required === undefined || count === undefined) return undefined;
  if (count !== keys.length || required > count || !keys.every(isKey)) return undefined;
  return { kind: 'multisig', required, keys: count };
}
