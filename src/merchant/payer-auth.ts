import { bytesToHex } from '../core/base/bytes.ts';
import { lruCache } from '../core/base/lru.ts';
import { type Refusal, refuse } from '../core/base/refusal.ts';
import { saidInOrder } from '../core/message/hub-message.ts';
import { isProofFor, writeProof } from '../core/message/key-proof.ts';
import type { Forward, InvoiceRequest, QuoteRequest, StateRequest, Sync } from '../core/message/message.ts';
import { saidBy } from '../core/message/sync-json.ts';
import type { Verify } from '../core/tx/sign.ts';
import type { PayeeEngine } from '../engine/engine.ts';

/** Seconds, converted to blocks, for which a proof is valid: a payer that has not looked at the chain for longer has to look again. */
const LIFETIME = 86_400;
/** Proofs remembered: a payer's proof is the same until the next block, and is checked once. */
const MOST_REMEMBERED = 20_000;

const NOTHING = new Uint8Array();

type ProvenRequest = StateRequest | InvoiceRequest | Sync | QuoteRequest | Forward;

function saidIn(request: ProvenRequest): Uint8Array {
  if (request.kind === 'sync') return saidBy(request.answer);
  return request.kind === 'forward' ? saidInOrder(request) : NOTHING;
}

/** Only the holder of its payer key may ask about a channel. Ids are no secret, and some can be read from the chain. */
export function payerAuth(engine: PayeeEngine, verify: Verify): (request: ProvenRequest) => Promise<Refusal | undefined> {
  const remembered = lruCache<string, true>(MOST_REMEMBERED);
  return async (request) => {
    const { kind, channel, proof } = request;
    const state = await engine.get(channel);
    if (state === undefined) return refuse('channel-unknown');
    const { coin, payerKey } = state.terms;
    const { tip } = engine.follower.seen();
    const wrong = refuse('proof-wrong', { tip: tip.height });
    if (proof === undefined || proof.height < tip.height - LIFETIME / coin.blockSeconds) return wrong;
    const said = saidIn(request);
    const name = `${kind} ${channel} ${writeProof(proof)} ${bytesToHex(said)}`;
    if (remembered.get(name)) return undefined;
    if (!isProofFor(kind, channel, proof, payerKey, verify, said)) return wrong;
    remembered.set(name, true);
    return undefined;
  };
}
