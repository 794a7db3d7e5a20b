import { lruCache } from '../core/base/lru.ts';
import { isRefusal, type Refusal, refuse } from '../core/base/refusal.ts';
import { wrongAgeLock } from '../core/channel/offer-fit.ts';
import type { Standing } from '../core/channel/offer-validity.ts';
import { termsOf } from '../core/channel/payee-open.ts';
import type { PayeeState } from '../core/channel/payee-state.ts';
import { channelIdOf } from '../core/contract/contract.ts';
import type { Announce, Provisional } from '../core/message/message.ts';
import { outpointKey } from '../core/tx/transaction.ts';
import { inChannelUnit } from '../engine/asset-lookup.ts';
import type { Driven } from '../engine/channel-driver.ts';
import { lookUpFunding } from '../engine/deposit-lookup.ts';
import type { PayeeEngine } from '../engine/engine.ts';
import type { Chain, Indexer } from '../engine/ports.ts';
import { concurrencyLimit } from './concurrency-limit.ts';

/** The most announcements for which the node is asked at the same time, and the most that wait. Each needs at most sixteen outputs. */
const MOST_ASKING = 8;
const MOST_WAITING = 64;
/** Seconds after which there may be room again. */
const WAIT = 5;
/** Answers kept for payers that ask again before the next block. */
const MOST_KEPT = 1_000;

/** Answers announcements, with the cheapest checks first: strangers may send any number of them. */
export function announceQueue(
  chain: Chain,
  engine: PayeeEngine,
  indexer?: Indexer,
): (announce: Announce, standing?: Standing) => Promise<Driven<PayeeState> | Provisional | Refusal> {
  const { coin } = chain;
  const ask = concurrencyLimit(MOST_ASKING, MOST_WAITING);
  const kept = lruCache<string, Provisional>(MOST_KEPT);

  return async (announce, standing) => {
    const { offer, deposits } = announce;
    const stands = standing === undefined ? {} : { standing };
    if (offer.coin.id !== coin.id) return refuse('coin-mismatch', { coin: offer.coin.id, expected: coin.id });
    const wrong = wrongAgeLock(offer);
    if (wrong !== undefined) return wrong;
    const { tip } = engine.follower.ready();
    const terms = termsOf(announce);
    const channel = channelIdOf(coin, terms.contract.redeemScript(terms));
    // With no deposit given, the payee still reports any other fault: so the node is not asked for an offer that was not made here.
    const unseen = await engine.drive(channel, { kind: 'announce', announce, funding: [], ...stands });
    if (isRefusal(unseen)) return unseen;
    const question = [channel, tip.hash, ...deposits.map(({ outpoint, value }) => `${outpointKey(outpoint)} ${value}`)].join();
    const known = kept.get(question);
    if (known !== undefined) return known;
    // The tip is read last: a block that comes in between makes a deposit count as younger, never as older.
    const asked = await ask(async () => ({
      funding: await inChannelUnit(await lookUpFunding(chain, deposits), terms, indexer),
      lookedAt: (await chain.tip()).height,
    }));
    if (asked === undefined) return refuse('too-many', { seconds: WAIT });
    const driven = await engine.drive(channel, { kind: 'announce', announce, ...asked, ...stands });
    if (!isRefusal(driven) && driven.reply?.kind === 'provisional' && isForBlocks(driven.reply)) kept.set(question, driven.reply);
    return driven;
  };
}

/** Whether only another block can change the answer. */
function isForBlocks({ waitingFor }: Provisional): boolean {
  return waitingFor.code === 'funding-unconfirmed' || waitingFor.code === 'funding-immature';
}
