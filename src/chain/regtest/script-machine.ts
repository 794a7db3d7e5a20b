import type { Checker } from './checker.ts';
import { ScriptFailure } from './script-error.ts';
import { FLAG } from './script-flags.ts';
import { readNumber, writeNumber } from './script-number.ts';

const TRUE = Uint8Array.of(1);
const FALSE = new Uint8Array();
const MAX_OPERATIONS = 201;
const MAX_STACK = 1000;

/** A running script: its stacks, branches and limits. Every method throws `ScriptFailure` when the script needs something that is not there. */
export class Machine {
  readonly stack: Uint8Array[];
  readonly script: Uint8Array;
  readonly flags: number;
  readonly checker: Checker;
  readonly #alternate: Uint8Array[] = [];
  readonly #branches: boolean[] = [];
  #operations = 0;
  #codeStart = 0;

  constructor(stack: Uint8Array[], script: Uint8Array, flags: number, checker: Checker) {
    this.stack = stack;
    this.script = script;
    this.flags = flags;
    this.checker = checker;
  }

  has(flag: number): boolean {
    return (this.flags & flag) !== 0;
  }

  /** The part of the script that signatures sign: after the last OP_CODESEPARATOR that ran. */
  get code(): Uint8Array {
    return this.script.subarray(this.#codeStart);
  }

  separateCode(offset: number): void {
    this.#codeStart = offset;
  }

  need(depth: number): void {
    if (this.stack.length < depth) throw new ScriptFailure('INVALID_STACK_OPERATION');
  }

  /** The item `depth` below the top; 1 is the top. */
  at(depth: number): Uint8Array {
    const item = this.stack.at(-depth);
    if (item === undefined) throw new ScriptFailure('INVALID_STACK_OPERATION');
    return item;
  }

  numberAt(depth: number, maxSize?: number): number {
    return readNumber(this.at(depth), this.has(FLAG.MINIMALDATA), maxSize);
  }

  pop(): Uint8Array {
    const item = this.stack.pop();
    if (item === undefined) throw new ScriptFailure('INVALID_STACK_OPERATION');
    return item;
  }

  /** Pops the top `count` items and returns them in the order they were pushed. */
  take(count: number): Uint8Array[] {
    this.need(count);
    return this.stack.splice(this.stack.length - count, count);
  }

  /** Removes the item `depth` below the top from the stack and returns it. */
  remove(depth: number): Uint8Array {
    const [item] = this.stack.splice(this.stack.length - depth, 1);
    if (item === undefined) throw new ScriptFailure('INVALID_STACK_OPERATION');
    return item;
  }

  push(...items: readonly Uint8Array[]): void {
    this.stack.push(...items);
  }

  pushNumber(value: number): void {
    this.stack.push(writeNumber(value));
  }

  pushBoolean(value: boolean): void {
    this.stack.push(value ? TRUE : FALSE);
  }

  setAside(item: Uint8Array): void {
    this.#alternate.push(item);
  }

  bringBack(): Uint8Array {
    const item = this.#alternate.pop();
    if (item === undefined) throw new ScriptFailure('INVALID_ALTSTACK_OPERATION');
    return item;
  }

  /** False inside a branch that is not taken. */
  get executes(): boolean {
    return !this.#branches.includes(false);
  }

  get insideBranch(): boolean {
    return this.#branches.length > 0;
  }

  enterBranch(taken: boolean): void {
    this.#branches.push(taken);
  }

  invertBranch(): void {
    this.#branches.push(!this.#leave());
  }

  leaveBranch(): void {
    this.#leave();
  }

  #leave(): boolean {
    const taken = this.#branches.pop();
    if (taken === undefined) throw new ScriptFailure('UNBALANCED_CONDITIONAL');
    return taken;
  }

  countOperations(count: number): void {
    this.#operations += count;
    if (this.#operations > MAX_OPERATIONS) throw new ScriptFailure('OP_COUNT');
  }

  assertStackSize(): void {
    if (this.stack.length + this.#alternate.length > MAX_STACK) throw new ScriptFailure('STACK_SIZE');
  }
}
