import assert from 'node:assert/strict';
import { bytesToHex } from '../../src/core/base/bytes.ts';
import { isRefusal } from '../../src/core/base/refusal.ts';
import { WorldError } from '../../src/engine/ports.ts';
import type { Mutate } from './mutate.ts';

/** What became of an input: `accepted`, or the code of the refusal. `path` tells apart what has the same code. */
export interface Outcome {
  readonly code: string;
  readonly path?: string;
}

/** Something that reads what strangers, nodes, disks or people wrote. */
export interface Target {
  readonly name: string;
  /** The parsers, as paths below `src/`: their branches are counted. */
  readonly files: readonly string[];
  /** Inputs that are right, for mutations to begin with. */
  readonly corpus: readonly Uint8Array[];
  readonly mutate: Mutate;
  /** Reads an input and checks everything that has to hold of the result. Throws for a fault of pawment, and for nothing else. */
  readonly check: (input: Uint8Array) => Outcome | Promise<Outcome>;
}

export const ACCEPTED: Outcome = { code: 'accepted' };

export function utf8(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

export function textOf(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}

/** The outcome that a refusal, a kind, or an absent value stands for. */
export function outcomeOf(value: unknown): Outcome {
  if (value === undefined) return { code: 'unreadable' };
  if (!isRefusal(value)) return ACCEPTED;
  assertBounded(value, 8_000);
  return { code: value.code, path: value.detail['reason'] ?? '' };
}

/** The outcome of a call that may fail as the world fails, and in no other way. */
export async function orWorldError(run: () => Promise<Outcome>): Promise<Outcome> {
  try {
    return await run();
  } catch (error) {
    if (!(error instanceof WorldError)) throw error;
    assert.ok(error.message.length < 20_000, 'a message of bounded length');
    return { code: error.code, path: error.message };
  }
}

/** What is said to a stranger, or kept, is no longer than this. */
export function assertBounded(value: unknown, most: number): void {
  const { length } = JSON.stringify(value, (_, each: unknown) => (typeof each === 'bigint' ? each.toString() : each));
  assert.ok(length <= most, `${length} characters, more than ${most}`);
}

export function assertSameBytes(actual: Uint8Array, expected: Uint8Array, what: string): void {
  assert.equal(bytesToHex(actual), bytesToHex(expected), what);
}
