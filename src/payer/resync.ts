import { ZERO } from '../core/base/amount.ts';
import { isRefusal, type Refusal, type RefusalCode } from '../core/base/refusal.ts';
import type { Answer, Line } from './request.ts';

/** What a payee says that knows less of the channel than this payer, or more. */
const OUT_OF_STEP: ReadonlySet<RefusalCode> = new Set<RefusalCode>([
  'channel-unknown',
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
 * Does something with the payee; when the answer shows that one of the two was set back, brings both to the better of what they know, and does it
 * once more. Never more than that: a payee that goes on refusing is believed.
 */
export async function retryInStep(line: Line, act: () => Promise<Answer | Refusal>): Promise<Answer | Refusal> {
  const first = await act();
  if (isRefusal(first) || !isRefusal(first.reply)) return first;
  if (first.isNews) return act();
  const isChanged = isOutOfStep(first.reply) && (await resync(line));
  return isChanged && !(await isHeld(line, first)) ? act() : first;
}

/** Who refuses a payment and then holds it as the best has been paid, whatever it says. */
async function isHeld(line: Line, { total }: Answer): Promise<boolean> {
  return total !== undefined && (await line.state())?.best?.total === total;
}

/**
 * Asks what the payee knows, in three messages at the most. The payer takes over what it has lost. A payee that was restored from an older copy,
 * or from nothing but its seed, is shown the offer and the deposits again, and then the best payment: all of that is credit to it.
 * @returns false when nothing has changed on either side: then the same request would get the same answer.
 */
export async function resync(line: Line): Promise<boolean> {
  const asked = await line.exchange({ kind: 'resync' });
  if (isRefusal(asked)) return false;
  const { state, reply, isNews } = asked;
  if (isRefusal(reply) && reply.code !== 'channel-unknown') return false;
  const theirs = reply.kind === 'state' ? reply : undefined;
  const isBare = theirs === undefined || theirs.deposits.length < state.deposits.length;
  if (isBare && !(await isAccepted(line))) return isNews;
  const isPoorer = (theirs?.best?.total ?? ZERO) < (state.best?.total ?? ZERO);
  if (isPoorer) await line.exchange({ kind: 'hand-over' });
  return isNews || isBare || isPoorer;
}

async function isAccepted(line: Line): Promise<boolean> {
  const answer = await line.exchange({ kind: 'announce' });
  return !isRefusal(answer) && answer.reply.kind === 'accepted';
}
