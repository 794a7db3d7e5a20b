import { equalBytes } from '../../core/base/bytes.ts';
import { OP, type Operation, operationAt } from '../../core/tx/script.ts';
import { assertPublicKeyEncoding, assertSignatureEncoding, type Checker } from './checker.ts';
import { type Operate, operations } from './opcodes.ts';
import { type ScriptError, ScriptFailure } from './script-error.ts';
import { FLAG } from './script-flags.ts';
import { Machine } from './script-machine.ts';
import { isTrue } from './script-number.ts';
import { findAndDelete, isP2sh, isPushOnly, pushOf, type WitnessProgram, witnessProgram } from './script-shape.ts';

const MAX_SCRIPT_SIZE = 10_000;
const MAX_ELEMENT_SIZE = 520;
const MAX_MULTISIG_KEYS = 20;

/** Opcodes that fail a script even in a branch that is not taken (CVE-2010-5137 and related ones). */
const DISABLED: ReadonlySet<number> = new Set([
  OP.CAT,
  OP.SUBSTR,
  OP.LEFT,
  OP.RIGHT,
  OP.INVERT,
  OP.AND,
  OP.OR,
  OP.XOR,
  OP['2MUL'],
  OP['2DIV'],
  OP.MUL,
  OP.DIV,
  OP.MOD,
  OP.LSHIFT,
  OP.RSHIFT,
]);

/**
 * Whether `inputScript` may spend an output of `outputScript` (`VerifyScript`): undefined if so, otherwise the reason. Transactions here have no
 * witnesses: with WITNESS set, a version 0 program fails as one with an empty witness does.
 */
export function verifyScript(inputScript: Uint8Array, outputScript: Uint8Array, flags: number, checker: Checker): ScriptError | undefined {
  return attempt(() => {
    if ((flags & FLAG.SIGPUSHONLY) !== 0 && !isPushOnly(inputScript)) throw new ScriptFailure('SIG_PUSHONLY');
    const stack: Uint8Array[] = [];
    run(stack, inputScript, flags, checker);
    const pushed = [...stack];
    run(stack, outputScript, flags, checker);
    assertTrueOnTop(stack);
    let left = stack.length;
    if ((flags & FLAG.WITNESS) !== 0 && spendsProgram(witnessProgram(outputScript), flags, inputScript.length === 0)) left = 1;
    if ((flags & FLAG.P2SH) !== 0 && isP2sh(outputScript)) left = spendP2sh(pushed, inputScript, flags, checker);
    if ((flags & FLAG.CLEANSTACK) !== 0 && left !== 1) throw new ScriptFailure('CLEANSTACK');
  });
}

/** Runs one script over `stack` (`EvalScript`): undefined when it ran to its end, otherwise the reason. */
export function evaluate(stack: Uint8Array[], script: Uint8Array, flags: number, checker: Checker): ScriptError | undefined {
  return attempt(() => run(stack, script, flags, checker));
}

function attempt(body: () => void): ScriptError | undefined {
  try {
    body();
    return undefined;
  } catch (failure) {
    if (failure instanceof ScriptFailure) return failure.error;
    throw failure;
  }
}

function assertTrueOnTop(stack: readonly Uint8Array[]): void {
  const top = stack.at(-1);
  if (top === undefined || !isTrue(top)) throw new ScriptFailure('EVAL_FALSE');
}

/** Runs the redeem script; returns how many items it leaves (BIP16). */
function spendP2sh(pushed: Uint8Array[], inputScript: Uint8Array, flags: number, checker: Checker): number {
  if (!isPushOnly(inputScript)) throw new ScriptFailure('SIG_PUSHONLY');
  const redeemScript = pushed.pop();
  if (redeemScript === undefined) throw new ScriptFailure('EVAL_FALSE');
  run(pushed, redeemScript, flags, checker);
  assertTrueOnTop(pushed);
  const isOnlyPush = equalBytes(inputScript, pushOf(redeemScript));
  const program = (flags & FLAG.WITNESS) === 0 ? undefined : witnessProgram(redeemScript);
  return spendsProgram(program, flags, isOnlyPush, 'WITNESS_MALLEATED_P2SH') ? 1 : pushed.length;
}

/** BIP141 with an empty witness: false when the script is no witness program. */
function spendsProgram(
  program: WitnessProgram | undefined,
  flags: number,
  inputScriptFits: boolean,
  unfit: ScriptError = 'WITNESS_MALLEATED',
): boolean {
  if (program === undefined) return false;
  if (!inputScriptFits) throw new ScriptFailure(unfit);
  if (program.version > 0) {
    if ((flags & FLAG.DISCOURAGE_UPGRADABLE_WITNESS_PROGRAM) === 0) return true;
    throw new ScriptFailure('DISCOURAGE_UPGRADABLE_WITNESS_PROGRAM');
  }
  if (program.program.length === 32) throw new ScriptFailure('WITNESS_PROGRAM_WITNESS_EMPTY');
  throw new ScriptFailure(program.program.length === 20 ? 'WITNESS_PROGRAM_MISMATCH' : 'WITNESS_PROGRAM_WRONG_LENGTH');
}

function run(stack: Uint8Array[], script: Uint8Array, flags: number, checker: Checker): void {
  if (script.length > MAX_SCRIPT_SIZE) throw new ScriptFailure('SCRIPT_SIZE');
  const machine = new Machine(stack, script, flags, checker);
  let offset = 0;
  while (offset < script.length) {
    const operation = operationAt(script, offset);
    if (operation === undefined) throw new ScriptFailure('BAD_OPCODE');
    offset = operation.end;
    runOperation(machine, operation);
    machine.assertStackSize();
  }
  if (machine.insideBranch) throw new ScriptFailure('UNBALANCED_CONDITIONAL');
}

function runOperation(machine: Machine, operation: Operation): void {
  const { opcode, data } = operation;
  if (data !== undefined && data.length > MAX_ELEMENT_SIZE) throw new ScriptFailure('PUSH_SIZE');
  if (opcode > OP.OP_16) machine.countOperations(1);
  if (DISABLED.has(opcode)) throw new ScriptFailure('DISABLED_OPCODE');
  // Litecoin Core 0.21 checks this before it checks the branch.
  if (opcode === OP.CODESEPARATOR && machine.has(FLAG.CONST_SCRIPTCODE)) throw new ScriptFailure('OP_CODESEPARATOR');
  const isConditional = opcode >= OP.IF && opcode <= OP.ENDIF;
  if (!isConditional && !machine.executes) return;
  const operate = data === undefined ? table[opcode] : pushData;
  if (operate === undefined) throw new ScriptFailure('BAD_OPCODE');
  operate(machine, operation);
}

function pushData(machine: Machine, { opcode, data = new Uint8Array() }: Operation): void {
  if (machine.has(FLAG.MINIMALDATA) && !isMinimalPush(data, opcode)) throw new ScriptFailure('MINIMALDATA');
  machine.push(data);
}

/** BIP62 rule 3 (`CheckMinimalPush`). */
function isMinimalPush(data: Uint8Array, opcode: number): boolean {
  const [first = 0] = data;
  if (data.length === 0) return opcode === OP.OP_0;
  if (data.length === 1 && ((first >= 1 && first <= 16) || first === 0x81)) return false;
  if (data.length < OP.PUSHDATA1) return opcode === data.length;
  return opcode === (data.length <= 0xff ? OP.PUSHDATA1 : OP.PUSHDATA2);
}

/** MINIMALIF applies to witness scripts only, so any true value takes a legacy branch. */
function branch(machine: Machine, { opcode }: Operation): void {
  let isTaken = false;
  if (machine.executes) {
    const condition = machine.stack.pop();
    if (condition === undefined) throw new ScriptFailure('UNBALANCED_CONDITIONAL');
    isTaken = isTrue(condition) === (opcode === OP.IF);
  }
  machine.enterBranch(isTaken);
}

/** The script that a signature signs: a signature can't sign itself, so its own push is deleted (`FindAndDelete`). */
function codeWithout(machine: Machine, code: Uint8Array, signature: Uint8Array): Uint8Array {
  const rest = findAndDelete(code, pushOf(signature));
  if (rest !== code && machine.has(FLAG.CONST_SCRIPTCODE)) throw new ScriptFailure('SIG_FINDANDDELETE');
  return rest;
}

function checkSig(machine: Machine, { opcode }: Operation): void {
  machine.need(2);
  const signature = machine.at(2);
  const publicKey = machine.at(1);
  const code = codeWithout(machine, machine.code, signature);
  assertSignatureEncoding(signature, machine.flags);
  assertPublicKeyEncoding(publicKey, machine.flags);
  const isValid = machine.checker.signature(signature, publicKey, code);
  if (!isValid && machine.has(FLAG.NULLFAIL) && signature.length > 0) throw new ScriptFailure('NULLFAIL');
  machine.take(2);
  finish(machine, isValid, opcode === OP.CHECKSIGVERIFY ? 'CHECKSIGVERIFY' : undefined);
}

function finish(machine: Machine, isValid: boolean, verify: ScriptError | undefined): void {
  if (verify === undefined) machine.pushBoolean(isValid);
  else if (!isValid) throw new ScriptFailure(verify);
}

function checkMultisig(machine: Machine, { opcode }: Operation): void {
  const keyCount = machine.numberAt(1);
  if (keyCount < 0 || keyCount > MAX_MULTISIG_KEYS) throw new ScriptFailure('PUBKEY_COUNT');
  machine.countOperations(keyCount);
  machine.need(keyCount + 2);
  const signatureCount = machine.numberAt(keyCount + 2);
  if (signatureCount < 0 || signatureCount > keyCount) throw new ScriptFailure('SIG_COUNT');
  machine.need(keyCount + signatureCount + 2);
  const keys = range(keyCount).map((i) => machine.at(2 + i));
  const signatures = range(signatureCount).map((i) => machine.at(keyCount + 3 + i));
  const isValid = matchSignatures(machine, keys, signatures);
  const isNull = signatures.every(({ length }) => length === 0);
  if (!isValid && machine.has(FLAG.NULLFAIL) && !isNull) throw new ScriptFailure('NULLFAIL');
  machine.take(keyCount + signatureCount + 2);
  // A bug that became a rule: one extra item is popped, and its value does not matter.
  const dummy = machine.at(1);
  if (machine.has(FLAG.NULLDUMMY) && dummy.length > 0) throw new ScriptFailure('SIG_NULLDUMMY');
  machine.pop();
  finish(machine, isValid, opcode === OP.CHECKMULTISIGVERIFY ? 'CHECKMULTISIGVERIFY' : undefined);
}

/** Tries each signature on the keys in order, last first, and stops as soon as fewer keys than signatures are left. */
function matchSignatures(machine: Machine, keys: readonly Uint8Array[], signatures: readonly Uint8Array[]): boolean {
  const code = signatures.reduce((rest, signature) => codeWithout(machine, rest, signature), machine.code);
  let matched = 0;
  for (const [tried, key] of keys.entries()) {
    const signature = signatures[matched];
    if (signature === undefined) return true;
    if (signatures.length - matched > keys.length - tried) return false;
    assertSignatureEncoding(signature, machine.flags);
    assertPublicKeyEncoding(key, machine.flags);
    if (machine.checker.signature(signature, key, code)) matched++;
  }
  return matched === signatures.length;
}

const numbers: Readonly<Record<number, Operate>> = Object.fromEntries(
  range(17).map((value) => [value === 0 ? OP['1NEGATE'] : OP.OP_1 + value - 1, (m: Machine) => m.pushNumber(value === 0 ? -1 : value)]),
);

/** OP_VERIF and OP_VERNOTIF are missing on purpose: they fail anywhere in a script. */
const table: Readonly<Record<number, Operate>> = {
  ...operations,
  ...numbers,
  [OP.IF]: branch,
  [OP.NOTIF]: branch,
  [OP.ELSE]: (m) => m.invertBranch(),
  [OP.ENDIF]: (m) => m.leaveBranch(),
  [OP.CODESEPARATOR]: (m, { end }) => m.separateCode(end),
  [OP.CHECKSIG]: checkSig,
  [OP.CHECKSIGVERIFY]: checkSig,
  [OP.CHECKMULTISIG]: checkMultisig,
  [OP.CHECKMULTISIGVERIFY]: checkMultisig,
};

function range(count: number): number[] {
  return Array.from({ length: count }, (_, i) => i);
}
