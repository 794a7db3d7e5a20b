import { parseUnits } from '../core/base/amount.ts';
import { isRefusal, type Refusal } from '../core/base/refusal.ts';
import type { Deposit } from '../core/contract/contract.ts';
import type { Outpoint } from '../core/tx/transaction.ts';
import type { Chain } from '../engine/ports.ts';
import type { Answer, Line } from './request.ts';

/**
 * Proposes to end without the deposits that are gone. Two nodes may report different rates: if the payee asks for a higher fee, the payer offers it
 * once, within its own limits. @throws WorldError when the node can't be asked.
 */
export async function requestCoopClose(line: Line, chain: Chain): Promise<Answer | Refusal> {
  const absent = await absentOf(chain, (await line.state())?.deposits ?? []);
  const first = await line.exchange({ kind: 'end', absent });
  if (isRefusal(first) || !isRefusal(first.reply) || first.reply.code !== 'agreement-slow') return first;
  const { least = '' } = first.reply.detail;
  const asked = parseUnits(least);
  return asked === undefined ? first : line.exchange({ kind: 'end', absent, least: asked });
}

async function absentOf(chain: Chain, deposits: readonly Deposit[]): Promise<readonly Outpoint[]> {
  const outputs = await Promise.all(deposits.map(({ outpoint }) => chain.output(outpoint)));
  return deposits.flatMap(({ outpoint }, i) => (outputs[i] === undefined ? [outpoint] : []));
}
