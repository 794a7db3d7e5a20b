import { ZERO } from '../core/base/amount.ts';
import { equalBytes } from '../core/base/bytes.ts';
import { isRefusal, type Refusal, type RefusalCode } from '../core/base/refusal.ts';
import type { PayerState } from '../core/channel/payer-state.ts';
import type { State } from '../core/message/message.ts';
import type { Answer, Line } from './request.ts';

/** Answers of a payee that knows less of the channel than this payer, or more. */
const OUT_OF_STEP: ReadonlySet<RefusalCode> = new Set<RefusalCode>([
  'channel-unknown',
  'hash-outdated',
  'lock-dropped',
  'total-lower',
  'total-not-higher',
  'total-above-capacity',
  'invoice-unmet',
  'agreement-short',
  'agreement-malformed',
  'signature-missing',
  'signature-wrong',
]);

export function isOutOfStep({ code }: Refusal): boolean {
  return OUT_OF_STEP.has(code);
}

/**
 * Does something with the payee. If the answer shows that one of the two was restored from old data, brings both to the better state and does it once
 * more, but no more than that: a payee that refuses again is believed.
 */
export async function retryInStep(line: Line, act: () => Promise<Answer | Refusal>): Promise<Answer | Refusal> {
  const first = await act();
  if (isRefusal(first) || !isRefusal(first.reply)) return first;
  if (first.isNews) return act();
  const isChanged = isOutOfStep(first.reply) && (await resync(line));
  return isChanged && !(await isHeld(line, first)) ? act() : first;
}

/** A payee that refuses a payment and then shows it as the best has been paid, whatever it says. */
async function isHeld(line: Line, { total }: Answer): Promise<boolean> {
  return total !== undefined && (await line.state())?.best?.total === total;
}

/**
 * Asks what the payee knows, in three messages at most. The payer takes over what it has lost. A payee that was restored from an older copy, or from
 * its seed only, is shown the offer and the deposits again, and then the best payment, which is all credit there. @returns false when nothing has
 * changed on either side: then the same request would get the same answer.
 */
export async function resync(line: Line): Promise<boolean> {
  const asked = await line.exchange({ kind: 'resync' });
  if (isRefusal(asked)) return false;
  const { state, reply, isNews } = asked;
  if (isRefusal(reply) && reply.code !== 'channel-unknown') return false;
  const theirs = reply.kind === 'state' ? reply : undefined;
  const isBare = theirs === undefined || theirs.deposits.length < state.deposits.length;
  if (isBare && !(await isAccepted(line))) return isNews;
  const isPoorer = (theirs?.best?.total ?? ZERO) < (state.best?.total ?? ZERO) || isBefore(theirs, state);
  if (isPoorer) await line.exchange({ kind: 'hand-over' });
  return isNews || isBare || isPoorer;
}

async function isAccepted(line: Line): Promise<boolean> {
  const answer = await line.exchange({ kind: 'announce' });
  return !isRefusal(answer) && answer.reply.kind === 'accepted';
}

/** Whether the payee takes payments under another hash than this payer still makes them, after it has been asked: one of before. */
function isBefore(theirs: State | undefined, { revocation }: PayerState): boolean {
  if (revocation === undefined || revocation.index === 0) return false;
  const named = theirs?.revocation;
  return named === undefined || !equalBytes(named.hash, revocation.hash);
}
