import { bytesToHex, type ChannelId, equalBytes } from '../../../src/core/base/bytes.ts';
import type { LockedOutput, Terms } from '../../../src/core/contract/contract.ts';
import { type HashLock, isSameLock } from '../../../src/core/contract/pending.ts';
import { outpointKey, type Transaction } from '../../../src/core/tx/transaction.ts';
import type { SimChain } from '../chain.ts';
import { takersIn } from '../revocations.ts';

/** An output that was pending, and who took it: the payee, if a preimage was shown. */
export interface Pending extends LockedOutput {
  readonly taker: 'payee' | 'payer' | undefined;
}

/** What the blocks say of one channel. */
export interface Account {
  readonly channel: ChannelId;
  readonly terms: Terms;
  /** What its payee got, or could have got but for the fee of a claim. */
  readonly taken: bigint;
  readonly pending: readonly Pending[];
  /** Deposits that nobody has fetched. */
  readonly left: readonly bigint[];
}

/** Every pending amount that was ever signed in a channel, as the messages have it. */
export class Locks {
  readonly #all = new Map<ChannelId, HashLock[]>();

  add(channel: ChannelId, locks: readonly HashLock[] = []): void {
    const known = this.#all.get(channel) ?? [];
    this.#all.set(channel, known);
    for (const lock of locks) if (!known.some((one) => isSameLock(one, lock))) known.push(lock);
  }

  of(channel: ChannelId): readonly HashLock[] {
    return this.#all.get(channel) ?? [];
  }

  /** The greatest height of any. */
  get last(): number {
    return Math.max(0, ...[...this.#all.values()].flat().map(({ expiry }) => expiry));
  }

  /** All heights, each once. */
  get heights(): readonly number[] {
    return [...new Set([...this.#all.values()].flat().map(({ expiry }) => expiry as number))];
  }
}

/** Reads off the blocks how a channel came out. */
export function accountOf(chain: SimChain, channel: ChannelId, terms: Terms, locks: readonly HashLock[]): Account {
  const script = terms.contract.outputScript(terms);
  const made = new Set(
    [...chain.mined].flatMap(([txid, { transaction }]) =>
      transaction.outputs.flatMap((output, vout) => (equalBytes(output.script, script) ? [`${txid}:${vout}`] : [])),
    ),
  );
  const takers = takersIn(chain.mined.values());
  const closes = new Set([...made].flatMap((key) => takers.get(key) ?? []));
  const pending = [...closes].flatMap((close) => pendingIn(terms, close, locks, takers));
  const paid = [...closes].flatMap(({ outputs }) => outputs.filter((one) => equalBytes(one.script, terms.payeeScript)));
  const claimed = pending.filter(({ taker }) => taker === 'payee');
  const left = [...chain.outputs.values()].filter((one) => bytesToHex(one.script) === bytesToHex(script)).map(({ value }) => value);
  return { channel, terms, taken: sumOf(paid) + sumOf(claimed), pending, left };
}

function pendingIn(
  terms: Terms,
  close: Transaction,
  locks: readonly HashLock[],
  takers: ReadonlyMap<string, Transaction>,
): readonly Pending[] {
  const { hashLocks } = terms.contract;
  return (hashLocks?.outputs(terms, close, locks) ?? []).map((one) => {
    const key = outpointKey(one.outpoint);
    const input = takers.get(key)?.inputs.find(({ outpoint }) => outpointKey(outpoint) === key);
    if (input === undefined) return { ...one, taker: undefined };
    return { ...one, taker: hashLocks?.preimageIn(input.script) === undefined ? 'payer' : 'payee' };
  });
}

export function sumOf(outputs: readonly { readonly value: bigint }[]): bigint {
  return outputs.reduce((sum, { value }) => sum + value, 0n);
}
