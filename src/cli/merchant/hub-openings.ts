import * as z from 'zod';
import type { Amount } from '../../core/base/amount.ts';
import type { ChannelId } from '../../core/base/bytes.ts';
import { after } from '../../core/base/height.ts';
import { blocksOn } from '../../core/base/lock-time.ts';
import { isRefusal, type Refusal, refuse } from '../../core/base/refusal.ts';
import { unsentOf } from '../../core/channel/payer-state.ts';
import { amountField, channelIdField, type Field, refusalField } from '../../core/message/fields.ts';
import type { Offer } from '../../core/message/message.ts';
import { scriptOf } from '../../core/tx/address.ts';
import { decodeStoredJson } from '../../engine/decode-state.ts';
import { type Chain, type Connection, type Store, WorldError } from '../../engine/ports.ts';
import type { Agent } from '../../payer/agent.ts';
import { httpConnection } from '../../transport/http/client.ts';
import type { Wallet } from '../../wallet/wallet.ts';
import type { Log } from '../log/log.ts';
import { rememberPeer } from '../payer/pick-channel.ts';

/** Store kind of the owner's orders to open a channel to a payee, by the payee's address. One that is refused stays, with the refusal. */
export const OPENING = 'opening-order';

export interface Opening {
  readonly deposit: Amount;
  readonly channel?: ChannelId;
  readonly refusal?: Refusal;
}

const opening = { deposit: amountField, channel: channelIdField.exactOptional() };
const openingField: Field<Opening> = z.union([z.strictObject(opening), z.strictObject({ ...opening, refusal: refusalField })]);

export interface OpeningParts {
  readonly agent: Agent;
  readonly wallet: Wallet;
  readonly chain: Chain;
  /** The hub's own part. */
  readonly store: Store;
  readonly log: Log;
}

export async function readOpening(store: Store, url: string): Promise<{ readonly version: number; readonly opening?: Opening }> {
  const record = await store.get(OPENING, url);
  if (record === undefined) return { version: 0 };
  return { version: record.version, opening: decodeStoredJson(openingField, `The order to open a channel with ${url}`, record.value) };
}

export function writeOpening(store: Store, url: string, expected: number, opening: Opening | undefined): Promise<boolean> {
  const value = opening && JSON.stringify(z.encode(openingField, opening));
  return store.commit([{ kind: OPENING, id: url, expected, value }]);
}

/** Goes on with each order as far as it comes now. One that fails hinders no other. */
export async function carryOutOpenings(parts: OpeningParts): Promise<void> {
  const urls: string[] = [];
  for await (const { id } of parts.store.list(OPENING)) urls.push(id);
  for (const url of urls) {
    try {
      await carriedOn(parts, url);
    } catch (error) {
      if (!(error instanceof WorldError)) throw error;
      parts.log.failed(`order to open a channel with ${url}`, error);
    }
  }
}

async function carriedOn(parts: OpeningParts, url: string): Promise<void> {
  const { agent, store, log } = parts;
  const { version, opening } = await readOpening(store, url);
  if (opening === undefined || opening.refusal !== undefined) return;
  const payee = httpConnection(url);
  const done = async (refusal: Refusal | undefined): Promise<void> => {
    const now = await readOpening(store, url);
    log.info({ url, ...(refusal && { refusal: refusal.code, facts: refusal.detail }) }, 'order to open');
    await writeOpening(store, url, now.version, refusal && { ...now.opening, deposit: opening.deposit, refusal });
  };
  const channel = opening.channel ?? (await planned(parts, url, payee, opening.deposit, version));
  if (isRefusal(channel)) return done(channel);
  const state = await agent.engine.get(channel);
  if (state === undefined) throw new Error('a channel that was planned is stored');
  if (state.kind === 'open') return done(undefined);
  if (state.kind !== 'planned' && state.kind !== 'funding') return done(refuse('channel-ending'));
  const answer = await nextStep(agent, channel, payee, opening.deposit);
  if (isRefusal(answer) && answer.remedy !== 'wait') await done(answer);
}

/** Funds it once, broadcasts what is signed, and announces what is broadcast. */
async function nextStep(agent: Agent, channel: ChannelId, payee: Connection, deposit: Amount): Promise<unknown> {
  const state = await agent.engine.get(channel);
  if (state?.kind === 'planned' && state.offered.length === 0) return agent.fund(channel, deposit, payee);
  if (state !== undefined && (state.kind === 'planned' || unsentOf(state).size > 0)) return agent.launch(channel, payee);
  return agent.announce(channel, payee);
}

async function planned(
  { agent, wallet, chain, store }: OpeningParts,
  url: string,
  payee: Connection,
  deposit: Amount,
  version: number,
): Promise<ChannelId | Refusal> {
  const offer = await payee.exchange({ kind: 'offer-request' });
  if (isRefusal(offer)) return offer;
  if (offer.kind !== 'offer') throw new WorldError('peer-nonsense', `${url} answered with no offer.`, 'Check that it is a merchant.');
  if (offer.contract.hashLocks === undefined || offer.signing.kind !== 'fixed')
    return refuse('contract-unfit', { reason: 'nothing can be pending in its channels: it has to run with --via-hubs' });
  const returnScript = scriptOf(chain.coin, await wallet.receiveAddress());
  if (returnScript === undefined) throw new Error('a wallet has addresses');
  const state = await agent.plan(offer, expiryFor(offer), returnScript, { minDeposit: deposit });
  if (isRefusal(state)) return state;
  const { channel } = state;
  await rememberPeer(store, channel, url);
  if (!(await writeOpening(store, url, version, { deposit, channel })))
    throw new WorldError('store-busy', 'The order was changed meanwhile.', 'It is carried out at the next look.');
  return channel;
}

/** A day more than the payee asks for. */
function expiryFor({ minExpiry, maxExpiry, contract, coin }: Offer): ReturnType<typeof after> | Offer['minExpiry'] {
  const day = blocksOn(contract.expiresBy, Math.ceil(86_400 / coin.blockSeconds), coin.blockSeconds);
  return after(minExpiry, Math.min(maxExpiry - minExpiry, day));
}
