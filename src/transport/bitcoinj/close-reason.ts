import type { Refusal } from '../../core/base/refusal.ts';
import type { BitcoinjErrorCode, BitcoinjMessage, Update } from '../../core/message/bitcoinj/message.ts';
import type { Transaction } from '../../core/tx/transaction.ts';
import { encodeTransaction } from '../../core/tx/transaction.ts';

/** A connection is over, with this as the last word. */
export interface CloseReason {
  readonly kind: 'ending';
  readonly message?: BitcoinjMessage;
}

/** Nothing is left to be said. */
export const hungUp: CloseReason = { kind: 'ending' };

export function failed(code: BitcoinjErrorCode, explanation: string): CloseReason {
  return { kind: 'ending', message: { kind: 'error', code, explanation } };
}

export function unexpected({ kind }: Pick<BitcoinjMessage, 'kind'>): CloseReason {
  return failed('SYNTAX_ERROR', `A ${kind} is not expected here.`);
}

/** CLOSE with what settles the channel; without, only the connection is over. */
export function closed(settlement?: Transaction): CloseReason {
  return { kind: 'ending', message: { kind: 'close', ...(settlement && { settlement: encodeTransaction(settlement) }) } };
}

/** For a payer that was set back: a lower total of its own shows that it has lost the best one. */
export function behind(refusal: Refusal, best: Update): CloseReason {
  return { kind: 'ending', message: { kind: 'error', code: codeFor(refusal), explanation: explanationOf(refusal), best } };
}

/** A channel that takes nothing more is told to be over; what else is refused is the client's doing, unless waiting helps. */
export function refused(refusal: Refusal): CloseReason {
  const { code } = refusal;
  if (code === 'margin-reached' || code === 'channel-ending' || code === 'channel-ended') return closed();
  return failed(codeFor(refusal), explanationOf(refusal));
}

function codeFor({ code, remedy }: Refusal): BitcoinjErrorCode {
  if (code === 'deposit-too-large') return 'CHANNEL_VALUE_TOO_LARGE';
  if (code === 'expiry-too-near') return 'TIME_WINDOW_UNACCEPTABLE';
  return remedy === 'wait' ? 'OTHER' : 'BAD_TRANSACTION';
}

/** Facts to go on from are for the payer alone, who can not be told from anybody who knows the contract's id. */
function explanationOf({ message, advice, remedy, detail }: Refusal): string {
  const facts = remedy === 'resync' ? [] : Object.entries(detail).map(([name, value]) => `${name} ${value}`);
  return [message, advice, ...(facts.length === 0 ? [] : [`(${facts.join(', ')})`])].join(' ');
}
