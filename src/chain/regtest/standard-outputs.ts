import { OP, type Operation, operationAt } from '../../core/tx/script.ts';
import { isP2sh, isPushOnly, smallNumber, witnessProgram } from './script-shape.ts';

/** The node whose rules apply. */
export type Dialect = 'dogecoin' | 'litecoin';
const P2PKH_SIZE = 25;

/** The forms of output script a node knows (`script/standard.cpp`, Solver). */
export type OutputForm =
  | { readonly kind: 'pubkey' | 'pubkeyhash' | 'scripthash' | 'nulldata' | 'witness' | 'nonstandard' }
  | { readonly kind: 'multisig'; readonly required: number; readonly keys: number };

/** The word `getblock` and `gettxout` use for it. */
export function formName(form: OutputForm, script: Uint8Array): string {
  if (form.kind !== 'witness') return form.kind;
  const found = witnessProgram(script);
  if (found?.version === 1) return 'witness_v1_taproot';
  return found?.program.length === 20 ? 'witness_v0_keyhash' : 'witness_v0_scripthash';
}

/** P2WPKH, P2WSH, P2TR. */
function isKnown({ version, program }: NonNullable<ReturnType<typeof witnessProgram>>): boolean {
  return program.length === 32 ? version <= 1 : program.length === 20 && version === 0;
}

export function outputForm(script: Uint8Array, dialect: Dialect): OutputForm {
  if (isP2sh(script)) return { kind: 'scripthash' };
  const program = witnessProgram(script);
  if (program !== undefined) {
    return { kind: isKnown(program) ? 'witness' : 'nonstandard' };
  }
  if (script[0] === OP.RETURN && isPushOnly(script.subarray(1))) return { kind: 'nulldata' };
  const operations = readOperations(script) ?? [];
  if (isP2pkh(operations) && (dialect === 'dogecoin' || script.length === P2PKH_SIZE)) return { kind: 'pubkeyhash' };
  if (isP2pk(operations, dialect)) return { kind: 'pubkey' };
  return multisig(operations, IS_KEY[dialect]) ?? { kind: 'nonstandard' };
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

/** For both forms Dogecoin Core accepts any kind of push, Litecoin Core only the exact bytes of the script. */
function isP2pk([key, check, more]: readonly Operation[], dialect: Dialect): boolean {
  if (key === undefined || check?.opcode !== OP.CHECKSIG || more !== undefined || !IS_KEY[dialect](key)) return false;
  return dialect === 'dogecoin' || key.opcode === key.data?.length;
}

function isP2pkh(operations: readonly Operation[]): boolean {
  const opcodes = operations.map(({ opcode, data }) => (data?.length === 20 ? 'hash' : opcode)).join();
  return opcodes === [OP.DUP, OP.HASH160, 'hash', OP.EQUALVERIFY, OP.CHECKSIG].join();
}

/** Dogecoin Core checks the length (`Solver`, OP_PUBKEYS); Litecoin Core checks the first byte too (`CPubKey::ValidSize`). */
const IS_KEY: Readonly<Record<Dialect, (operation: Operation) => boolean>> = {
  dogecoin: ({ data }) => data !== undefined && data.length >= 33 && data.length <= 65,
  litecoin: ({ data }) => {
    const [prefix = 0] = data ?? [];
    return (
      (data?.length === 33 && (prefix === 2 || prefix === 3)) || (data?.length === 65 && (prefix === 4 || prefix === 6 || prefix === 7))
    );
  },
};

function multisig(operations: readonly Operation[], isKey: (operation: Operation) => boolean): OutputForm | undefined {
  const last = operations.at(-1);
  const required = smallNumber(operations[0]?.opcode ?? OP.INVALID);
  const count = smallNumber(operations.at(-2)?.opcode ?? OP.INVALID);
  const keys = operations.slice(1, -2);
  if (last?.opcode !== OP.CHECKMULTISIG || required === undefined || count === undefined) return undefined;
  if (required < 1 || count !== keys.length || required > count || !keys.every(isKey)) return undefined;
  return { kind: 'multisig', required, keys: count };
}
