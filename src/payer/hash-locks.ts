import { isRefusal, type Refusal, refuse } from '../core/base/refusal.ts';
import { fateOf, type LockFate, type LockInput } from '../core/channel/payer-locks.ts';
import { lockUnder, type PaymentHash } from '../core/contract/pending.ts';
import type { PayerEngine } from '../engine/engine.ts';
import { type Exchange, type Line, told } from './request.ts';
import { retryInStep } from './resync.ts';
import { settlePending } from './unanswered.ts';

/** Signs and sends what is to be pending, once; after that, asks what has become of it. */
export async function lockAmount(engine: PayerEngine, line: Line, asked: Omit<LockInput, 'kind'>): Promise<LockFate | Refusal> {
  await settlePending(engine, line);
  const state = await engine.get(line.channel);
  const { hash } = asked.lock;
  if (state !== undefined && fateOf(state, hash).kind === 'revealed') return fateOf(state, hash);
  if (lockUnder(hash, state?.best?.locks) !== undefined) return askFate(line, hash);
  const answer = told(await retryInStep(line, () => line.exchange({ kind: 'lock', ...asked })));
  return isRefusal(answer) ? answer : fateOf(answer.state, hash);
}

/** What the payer knows once the payee was asked. A payee that refuses to say is no reason to forget what is known. */
export async function askFate(line: Line, hash: PaymentHash): Promise<LockFate | Refusal> {
  const before = await line.state();
  if (before === undefined) return refuse('channel-unknown');
  if (before.kind === 'open' && fateOf(before, hash).kind === 'pending') await line.exchange({ kind: 'resync' });
  return fateOf((await line.state()) ?? before, hash);
}

export async function settleLocks(engine: PayerEngine, line: Line, hashes: readonly PaymentHash[]): Promise<Exchange | Refusal> {
  await settlePending(engine, line);
  return told(await retryInStep(line, () => line.exchange({ kind: 'settle', hashes })));
}
