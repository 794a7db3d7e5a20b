import type { Broadcast } from '../engine/ports.ts';
import type { RpcError } from './json-rpc.ts';

type Failure = Exclude<Broadcast['kind'], 'accepted' | 'already-known' | 'already-mined'>;

// Codes of rpc/protocol.h.
const VERIFY_ERROR = -25;
const VERIFY_REJECTED = -26;
const ALREADY_IN_CHAIN = -27;
const DESERIALIZATION_ERROR = -22;
const ABOUT_THE_TRANSACTION: readonly number[] = [VERIFY_ERROR, VERIFY_REJECTED, DESERIALIZATION_ERROR];

/**
 * The nodes' words for each outcome; the first match counts. Dogecoin Core puts a reject number before them, Bitcoin and Litecoin Core add details
 * after them. `non-final` is everything that waiting solves: a lock, an immature coinbase, a chain of unconfirmed parents at its limit. Anything that
 * matches no row is `invalid`: scripts, sizes, formats, sums.
 */
const OUTCOMES: readonly (readonly [Failure, RegExp])[] = [
  ['invalid', /script-verify-flag/],
  ['missing-inputs', /Missing inputs|bad-txns-inputs-(missingorspent|spent)/],
  ['fee-too-high', /absurdly-high-fee|max-fee-exceeded|Fee exceeds maximum/],
  // A replacement that pays too little only needs a higher fee, so it is no conflict.
  ['fee-too-low', /insufficient (fee|priority)|min relay fee not met|mempool min fee not met|mempool full|rate limited free transaction/],
  ['conflict', /txn-mempool-conflict|replacement|conflict/],
  ['non-final', /non-final|non-BIP68-final|premature-spend-of-coinbase|too-long-mempool-chain/],
  ['dust', /\bdust\b/],
];

/** What the node's words for a refusal mean. */
export function refusalKind(words: string): Failure {
  return OUTCOMES.find(([, pattern]) => pattern.test(words))?.[0] ?? 'invalid';
}

/** What a refusal of `sendrawtransaction` means; undefined when it says nothing about the transaction. */
export function broadcastOutcome({ code, message, words }: RpcError): Broadcast | undefined {
  if (/already[ -](in[ -])?mempool|already known|same-nonwitness-data-in-mempool/.test(words)) return { kind: 'already-known' };
  if (code === ALREADY_IN_CHAIN || /txn-already-known/.test(words)) return { kind: 'already-mined' };
  if (!ABOUT_THE_TRANSACTION.includes(code)) return undefined;
  return { kind: refusalKind(words), reason: message };
}
