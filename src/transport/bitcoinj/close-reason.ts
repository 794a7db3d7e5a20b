import type { Refusal } from '../../core/base/refusal.ts';
import type { BitcoinjErrorCode, BitcoinjMessage, Update } from '../../core/message/bitcoinj/message.ts';
import type { Transaction } from '../../core/tx/transaction.ts';
import { encodeTransaction } from '../../core/tx/transaction.ts';

/** The end of a connection, with its last message. */
export interface CloseReason {
  readonly kind: 'ending';
  readonly message?: BitcoinjMessage;
}

/** Ends without a message. */
export const hungUp: CloseReason = { kind: 'ending' };

export function failed(code: BitcoinjErrorCode, explanation: string): CloseReason {
  return { kind: 'ending', message: { kind: 'error', code, explanation } };
}

export function unexpected({ kind }: Pick<BitcoinjMessage, 'kind'>): CloseReason {
  return failed('SYNTAX_ERROR', `A ${kind} is not expected here.`);
}

/** CLOSE with the transaction that settles the channel; without one, only the connection ends. */
export function closed(settlement?: Transaction): CloseReason {
  return { kind: 'ending', message: { kind: 'close', ...(settlement && { settlement: encodeTransaction(settlement) }) } };
}

/** For a payer that was restored from old data: a lower total of its own shows that it has lost the best payment. */
export function behind(refusal: Refusal, best: Update): CloseReason {
  return { kind: 'ending', message: { kind: 'error', code: codeFor(refusal), explanation: explanationOf(refusal), best } };
}

/** A channel that accepts nothing more is reported as closed; any other refusal is reported as the client's error, unless waiting helps. */
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

/** Facts about the channel are for the payer only, and here it can't be told apart from anyone who knows the contract's id. */
function explanationOf({ message, advice, remedy, detail }: Refusal): string {
  if (remedy === 'resync') return `${message} ${advice}`;
  const facts = Object.entries(detail).map(([name, value]) => `${name} ${value}`);
  // These two say themselves what they are.
  const isPlain = Object.keys(detail).every((name) => name === 'seconds' || name === 'reason');
  const note = isPlain ? '' : '; amounts are in the coin’s smallest unit';
  return facts.length === 0 ? `${message} ${advice}` : `${message} ${advice} (${facts.join(', ')}${note})`;
}
