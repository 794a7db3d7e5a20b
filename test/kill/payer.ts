import { setTimeout as pause } from 'node:timers/promises';
import { coreRpc } from '../../src/chain/core-rpc.ts';
import { type ChannelId, hexToBytes } from '../../src/core/base/bytes.ts';
import { after, height } from '../../src/core/base/height.ts';
import { isRefusal } from '../../src/core/base/refusal.ts';
import { type PayerState, unsentOf } from '../../src/core/channel/payer-state.ts';
import { scriptOf } from '../../src/core/tx/address.ts';
import { type Connection, WorldError } from '../../src/engine/ports.ts';
import { fastestSigner } from '../../src/engine/signer.ts';
import { fastestVerifier } from '../../src/engine/verifier.ts';
import { type Agent, openAgent } from '../../src/payer/agent.ts';
import { openSqlite } from '../../src/store/sqlite.ts';
import { httpConnection } from '../../src/transport/http/client.ts';
import { seedKeyRing } from '../../src/wallet/keyring.ts';
import { openWallet, type Wallet } from '../../src/wallet/wallet.ts';
import { clock, coin, DEPOSIT, type Go, hasty, ITEM, LIFETIME, onOrder, PRICE, START, tell } from './setting.ts';

// A payer as a process of its own, to be killed at any moment.

/** Channels that are opened or paid in at a time. */
const AT_A_TIME = 5;
/** Milliseconds between two looks at the chain, and before something is tried again. */
const LOOK = 20;
const { verify } = await fastestVerifier();
let isSettling = false;

interface Shopper {
  readonly wallet: Wallet;
  readonly agent: Agent;
  readonly payee: Connection;
}

async function run({ store: path, node, merchant, seed, isHasty }: Go): Promise<void> {
  const opened = openSqlite(path);
  const store = isHasty ? hasty(opened) : opened;
  const chain = coreRpc(coin, { url: node });
  const keys = seedKeyRing(coin, hexToBytes(seed), fastestSigner());
  const wallet = await openWallet({ chain, store, keys, birthday: height(START) });
  const agent = openAgent({ chain, store, keys, wallet, verify, clock });
  const shopper = { wallet, agent, payee: httpConnection(merchant) };
  await wallet.sync();
  await agent.poll();
  await agent.tidy();
  tell({ kind: 'running', url: '' });
  const busy = new Set<ChannelId>();
  const tended = async (channel: ChannelId): Promise<void> => {
    busy.add(channel);
    await excused(() => tend(shopper, channel)).finally(() => busy.delete(channel));
  };
  for (;;) {
    const { height: tip } = await wallet.sync();
    await agent.poll();
    const states: PayerState[] = [];
    for await (const [, state] of agent.engine.all()) states.push(state);
    tell({ kind: 'looked', height: tip, unended: states.filter(({ kind }) => kind !== 'ended').length });
    const active = states.filter(({ kind }) => kind === 'planned' || kind === 'funding' || kind === 'open' || kind === 'ending');
    for (const { channel } of active) if (!busy.has(channel)) void tended(channel);
    if (active.length < AT_A_TIME && !isSettling) await excused(() => plan(shopper));
    await pause(LOOK);
  }
}

/** That the merchant is away, or the money, is to be expected; it is tried again. */
async function excused(work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!(error instanceof WorldError) || (error.code !== 'peer-unreachable' && error.code !== 'wallet-short')) throw error;
  }
}

async function plan({ wallet, agent, payee }: Shopper): Promise<void> {
  const offer = await payee.exchange({ kind: 'offer-request' });
  if (offer.kind !== 'offer') return;
  const returnScript = scriptOf(coin, await wallet.receiveAddress()) ?? new Uint8Array();
  await agent.plan(offer, after(offer.minExpiry, LIFETIME), returnScript);
}

/** Takes one channel a step further. */
async function tend({ agent, payee }: Shopper, channel: ChannelId): Promise<void> {
  const state = await agent.engine.get(channel);
  switch (state?.kind) {
    case 'planned':
      if (state.offered.length > 0) await agent.launch(channel, payee);
      else if (isSettling) await agent.engine.drive(channel, { kind: 'abandon' });
      else if (isRefusal(await agent.fund(channel, DEPOSIT, payee))) await agent.engine.drive(channel, { kind: 'abandon' });
      return;
    case 'funding':
      await (unsentOf(state).size > 0 ? agent.launch : agent.announce)(channel, payee);
      return;
    case 'open':
      return shop(agent, channel, payee);
    case 'ending':
      await agent.end(channel, payee);
      return;
    default:
  }
}

/** Of sixteen channels four are never paid in, and refunded; the others buy until they have had enough, and half of these are left to the merchant then. */
async function shop(agent: Agent, channel: ChannelId, payee: Connection): Promise<void> {
  const [most = 0, end = '0'] = [Number.parseInt(channel.slice(1, 4), 16), channel[0]];
  if (/[c-f]/.test(end)) return;
  for (;;) {
    const state = await agent.engine.get(channel);
    if (state?.kind !== 'open') return;
    if (isSettling || state.spent >= BigInt(most) * PRICE) break;
    const invoice = await agent.invoice(channel, ITEM, payee);
    if (isRefusal(invoice) || isRefusal(await agent.pay(channel, { ...invoice, most: invoice.amount }, payee))) return;
  }
  if (/[4-7]/.test(end)) await agent.end(channel, payee);
}

onOrder((order) => {
  if (order.kind === 'settle') isSettling = true;
  else void run(order);
});
