import { type Amount, amount, formatAmount, ZERO } from '../../core/base/amount.ts';
import { bytesToHex, type ChannelId } from '../../core/base/bytes.ts';
import type { OpenPayer } from '../../core/channel/payer-state.ts';
import { capacityOf } from '../../core/contract/contract.ts';
import { worthOf } from '../../core/contract/pending.ts';
import type { Store } from '../../engine/ports.ts';
import { type HubFee, openHub } from '../../hub/hub.ts';
import { hubMerchant } from '../../hub/merchant.ts';
import { PendingChannels } from '../../hub/pending-channels.ts';
import type { Merchant } from '../../merchant/merchant.ts';
import { type Agent, openAgent } from '../../payer/agent.ts';
import { storePart } from '../../store/part.ts';
import { httpConnection } from '../../transport/http/client.ts';
import { openWallet } from '../../wallet/wallet.ts';
import { httpPeerOf, isWith } from '../payer/pick-channel.ts';
import { agentParts, type PayingParts, type Selling } from './duplex.ts';
import { carryOutOpenings } from './hub-openings.ts';

/** What the hub takes for forwarding. */
export type HubTerms = HubFee;

export interface HubParts extends PayingParts {
  /** The payers' channels in which something is pending. */
  readonly incoming: PendingChannels;
}

/** The part of the store in which the hub is a payer. */
export const HUB = 'hub';

const LOOK = 1_000;
const OVERDUE = 120_000;

/** The merchant as a hub: with a wallet of its own, out of which it opens channels to those whom others pay through it. */
export async function withHub(merchant: Merchant, fee: HubTerms, parts: HubParts): Promise<Selling> {
  const { chain, keys, store, seed, log, print, verify, incoming } = parts;
  const own = storePart(store, HUB);
  const wallet = await openWallet({ chain, keys, store: own, birthday: seed.birthday });
  await wallet.sync();
  const outgoing = new PendingChannels();
  const agent = openAgent({ ...agentParts(parts), store: own, books: [outgoing], wallet, raised: async () => false });
  await agent.tidy();
  const hub = openHub({
    ...{ merchant, agent, store, fee, incoming, outgoing },
    route: (payee) => routeTo(agent, own, payee),
    payeeOf: async (channel) => httpConnection(await httpPeerOf(own, channel)),
    onTrouble: (hash, error) => log.failed(`hop ${bytesToHex(hash)}`, error),
  });
  const often = { interval: LOOK, overdue: OVERDUE };
  const jobs = [
    { ...often, name: 'claim', run: hub.claim },
    { ...often, name: 'forward', run: hub.tick },
    { ...often, name: 'pay', run: agent.poll },
    { ...often, name: 'wallet', run: async () => void (await wallet.sync()) },
    { ...often, name: 'open', run: () => carryOutOpenings({ agent, wallet, chain, store: own, log }) },
  ];
  await agent.poll();
  const { confirmed } = await wallet.balance();
  const { ticker } = chain.coin;
  print.note(
    `Forwards payments for ${formatAmount(fee.base)} ${ticker} and ${fee.perMille} thousandths of each. Its wallet has ${formatAmount(confirmed)} ${ticker}; to add coins, send them to ${await wallet.receiveAddress()}.`,
  );
  return { merchant: hubMerchant(merchant, hub, verify), jobs };
}

/** The open channel with a payee that has most left. */
async function routeTo(agent: Agent, store: Store, payee: string): Promise<ChannelId | undefined> {
  let best: { readonly channel: ChannelId; readonly left: Amount } | undefined;
  for await (const [channel, state] of agent.engine.all()) {
    if (state.kind !== 'open' || !(await isWith(store, channel, payee))) continue;
    const left = leftIn(state);
    if (best === undefined || left > best.left) best = { channel, left };
  }
  return best?.channel;
}

function leftIn({ deposits, best }: OpenPayer): Amount {
  const [all, paid] = [capacityOf(deposits), best === undefined ? ZERO : worthOf(best)];
  return all > paid ? amount(all - paid) : ZERO;
}
