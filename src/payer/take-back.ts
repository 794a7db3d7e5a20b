import { isRefusal, type Refusal } from '../core/base/refusal.ts';
import type { PayerEngine } from '../engine/engine.ts';
import { type Exchange, type Line, told } from './request.ts';

/**
 * Asks what the payee wants to give back, and signs for it. A payment that had no answer is sent again first. The state itself tells what was given
 * back before, should that answer have been lost.
 */
export async function takeBack(engine: PayerEngine, line: Line): Promise<Exchange | Refusal> {
  const before = await engine.get(line.channel);
  if (before?.kind === 'open' && before.pending !== undefined) await line.exchange({ kind: 'resend' });
  const asked = told(await line.exchange({ kind: 'resync' }));
  if (isRefusal(asked) || asked.reply.kind !== 'state') return asked;
  const { giveBack } = asked.reply.revocation ?? {};
  return giveBack === undefined ? asked : told(await line.exchange({ kind: 'take-back', ...giveBack }));
}
