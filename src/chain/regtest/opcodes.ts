import { ripemd160, sha1 } from '@noble/hashes/legacy.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { equalBytes } from '../../core/base/bytes.ts';
import { hash160, OP, type Operation } from '../../core/tx/script.ts';
import { sha256d } from '../../core/tx/transaction.ts';
import { SEQUENCE_DISABLE_FLAG } from './checker.ts';
import { type ScriptError, ScriptFailure } from './script-error.ts';
import { FLAG } from './script-flags.ts';
import type { Machine } from './script-machine.ts';
import { isTrue, writeNumber } from './script-number.ts';

/** What an opcode does to the machine; `operation` is used only where one function serves several opcodes. */
export type Operate = (machine: Machine, operation: Operation) => void;

const LOCK_NUMBER_SIZE = 5;

function requireTrue(machine: Machine, error: ScriptError): void {
  if (!isTrue(machine.at(1))) throw new ScriptFailure(error);
  machine.pop();
}

function upgradableNop(machine: Machine): void {
  if (machine.has(FLAG.DISCOURAGE_UPGRADABLE_NOPS)) throw new ScriptFailure('DISCOURAGE_UPGRADABLE_NOPS');
}

/** The lock that CLTV or CSV compares with; it stays on the stack. */
function lockNumber(machine: Machine): number {
  const lock = machine.numberAt(1, LOCK_NUMBER_SIZE);
  if (lock < 0) throw new ScriptFailure('NEGATIVE_LOCKTIME');
  return lock;
}

function checkLockTime(machine: Machine): void {
  if (!machine.has(FLAG.CHECKLOCKTIMEVERIFY)) upgradableNop(machine);
  else if (!machine.checker.lockTime(lockNumber(machine))) throw new ScriptFailure('UNSATISFIED_LOCKTIME');
}

function checkSequence(machine: Machine): void {
  if (!machine.has(FLAG.CHECKSEQUENCEVERIFY)) {
    upgradableNop(machine);
    return;
  }
  const lock = lockNumber(machine);
  const isDisabled = (BigInt(lock) & BigInt(SEQUENCE_DISABLE_FLAG)) !== 0n;
  if (!isDisabled && !machine.checker.sequence(lock)) throw new ScriptFailure('UNSATISFIED_LOCKTIME');
}

const flow: Readonly<Record<number, Operate>> = {
  [OP.NOP]: () => undefined,
  [OP.VERIFY]: (m) => requireTrue(m, 'VERIFY'),
  [OP.RETURN]: () => {
    throw new ScriptFailure('OP_RETURN');
  },
  [OP.CHECKLOCKTIMEVERIFY]: checkLockTime,
  [OP.CHECKSEQUENCEVERIFY]: checkSequence,
};
const nops: Readonly<Record<number, Operate>> = Object.fromEntries(
  [OP.NOP1, OP.NOP4, OP.NOP5, OP.NOP6, OP.NOP7, OP.NOP8, OP.NOP9, OP.NOP10].map((opcode) => [opcode, upgradableNop]),
);

function pickOrRoll(machine: Machine, isRoll: boolean): void {
  machine.need(2);
  const depth = machine.numberAt(1);
  machine.pop();
  if (depth < 0 || depth >= machine.stack.length) throw new ScriptFailure('INVALID_STACK_OPERATION');
  machine.push(isRoll ? machine.remove(depth + 1) : machine.at(depth + 1));
}

/** Replaces the top `count` items by some of them: `order` lists them by depth (1 is the top), bottom first. */
function arrange(count: number, ...order: readonly number[]): Operate {
  return (machine) => {
    machine.need(count);
    const items = order.map((depth) => machine.at(depth));
    machine.take(count);
    machine.push(...items);
  };
}

const stack: Readonly<Record<number, Operate>> = {
  [OP.TOALTSTACK]: (m) => m.setAside(m.pop()),
  [OP.FROMALTSTACK]: (m) => m.push(m.bringBack()),
  [OP['2DROP']]: arrange(2),
  [OP['2DUP']]: arrange(2, 2, 1, 2, 1),
  [OP['3DUP']]: arrange(3, 3, 2, 1, 3, 2, 1),
  [OP['2OVER']]: arrange(4, 4, 3, 2, 1, 4, 3),
  [OP['2ROT']]: arrange(6, 4, 3, 2, 1, 6, 5),
  [OP['2SWAP']]: arrange(4, 2, 1, 4, 3),
  [OP.IFDUP]: (m) => {
    if (isTrue(m.at(1))) m.push(m.at(1));
  },
  [OP.DEPTH]: (m) => m.pushNumber(m.stack.length),
  [OP.DROP]: arrange(1),
  [OP.DUP]: arrange(1, 1, 1),
  [OP.NIP]: arrange(2, 1),
  [OP.OVER]: arrange(2, 2, 1, 2),
  [OP.PICK]: (m) => pickOrRoll(m, false),
  [OP.ROLL]: (m) => pickOrRoll(m, true),
  [OP.ROT]: arrange(3, 2, 1, 3),
  [OP.SWAP]: arrange(2, 1, 2),
  [OP.TUCK]: arrange(2, 1, 2, 1),
  [OP.SIZE]: (m) => m.pushNumber(m.at(1).length),
  [OP.EQUAL]: compare,
  [OP.EQUALVERIFY]: (m) => {
    compare(m);
    requireTrue(m, 'EQUALVERIFY');
  },
};

function compare(machine: Machine): void {
  machine.need(2);
  machine.pushBoolean(equalBytes(machine.pop(), machine.pop()));
}

/** Numbers are read before anything is popped, so that a bad number fails as a number, not as a short stack. */
function unary(apply: (value: number) => number): Operate {
  return (machine) => {
    const value = machine.numberAt(1);
    machine.pop();
    machine.pushNumber(apply(value));
  };
}

function binary(apply: (a: number, b: number) => number | boolean): (machine: Machine) => void {
  return (machine) => {
    machine.need(2);
    const a = machine.numberAt(2);
    const b = machine.numberAt(1);
    machine.take(2);
    machine.push(writeNumber(Number(apply(a, b))));
  };
}

const numericEqual = binary((a, b) => a === b);

const arithmetic: Readonly<Record<number, Operate>> = {
  [OP['1ADD']]: unary((a) => a + 1),
  [OP['1SUB']]: unary((a) => a - 1),
  [OP.NEGATE]: unary((a) => (a === 0 ? 0 : -a)),
  [OP.ABS]: unary(Math.abs),
  [OP.NOT]: unary((a) => (a === 0 ? 1 : 0)),
  [OP['0NOTEQUAL']]: unary((a) => (a === 0 ? 0 : 1)),
  [OP.ADD]: binary((a, b) => a + b),
  [OP.SUB]: binary((a, b) => a - b),
  [OP.BOOLAND]: binary((a, b) => a !== 0 && b !== 0),
  [OP.BOOLOR]: binary((a, b) => a !== 0 || b !== 0),
  [OP.NUMEQUAL]: numericEqual,
  [OP.NUMEQUALVERIFY]: (m) => {
    numericEqual(m);
    requireTrue(m, 'NUMEQUALVERIFY');
  },
  [OP.NUMNOTEQUAL]: binary((a, b) => a !== b),
  [OP.LESSTHAN]: binary((a, b) => a < b),
  [OP.GREATERTHAN]: binary((a, b) => a > b),
  [OP.LESSTHANOREQUAL]: binary((a, b) => a <= b),
  [OP.GREATERTHANOREQUAL]: binary((a, b) => a >= b),
  [OP.MIN]: binary(Math.min),
  [OP.MAX]: binary(Math.max),
  [OP.WITHIN]: (m) => {
    m.need(3);
    const value = m.numberAt(3);
    const least = m.numberAt(2);
    const limit = m.numberAt(1);
    m.take(3);
    m.pushBoolean(least <= value && value < limit);
  },
};

const hashes: Readonly<Record<number, Operate>> = Object.fromEntries(
  (
    [
      [OP.RIPEMD160, ripemd160],
      [OP.SHA1, sha1],
      [OP.SHA256, sha256],
      [OP.HASH160, hash160],
      [OP.HASH256, sha256d],
    ] as const
  ).map(([opcode, hash]): [number, Operate] => [opcode, (m) => m.push(hash(m.pop()))]),
);

/** Every opcode that needs only the machine; conditionals, pushes and signatures are in the interpreter. */
export const operations: Readonly<Record<number, Operate>> = { ...flow, ...nops, ...stack, ...arithmetic, ...hashes };
