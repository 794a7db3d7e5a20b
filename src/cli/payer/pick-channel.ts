import * as z from 'zod';
import { type ChannelId, isChannelId } from '../../core/base/bytes.ts';
import { type Refusal, refuse } from '../../core/base/refusal.ts';
import { allDeposits, type PayerState } from '../../core/channel/payer-state.ts';
import { decodeStoredJson } from '../../engine/decode-state.ts';
import { type Store, WorldError } from '../../engine/ports.ts';
import { Refused } from '../terminal/print.ts';

const PEER = 'peer';
const peerField = z.object({ url: z.string() });

export async function rememberPeer(store: Store, channel: ChannelId, url: string): Promise<void> {
  const expected = (await store.get(PEER, channel))?.version ?? 0;
  await store.commit([{ kind: PEER, id: channel, expected, value: JSON.stringify({ url: plainUrl(url) }) }]);
}

export async function peerOf(store: Store, channel: ChannelId): Promise<string> {
  const record = await store.get(PEER, channel);
  if (record === undefined)
    throw new WorldError('config', `The payee of channel ${channel} is not known.`, 'Give its address: pawment recover --merchant <url>');
  return readPeer(record.value);
}

export async function httpPeerOf(store: Store, channel: ChannelId): Promise<string> {
  const url = await peerOf(store, channel);
  if (/^https?:/.test(url)) return url;
  throw new WorldError('config', `The channel is with ${url}.`, 'To pay or settle: pawment pay --bitcoinj <host:port>');
}

function readPeer(text: string): string {
  return plainUrl(decodeStoredJson(peerField, 'The record of a payee', text).url);
}

/** Ended channels count only when their full id is given; channels without any deposit only when an id is given. */
export async function pickChannel(
  all: AsyncIterable<readonly [ChannelId, PayerState]>,
  store: Store,
  name: string | undefined,
): Promise<PayerState> {
  const found: PayerState[] = [];
  let isAny = false;
  for await (const [channel, state] of all) {
    isAny ||= state.kind !== 'ended';
    if (channel === name) return state;
    const isMeant =
      name === undefined || isUrl(name) ? holdsCoins(state) && (await isWith(store, channel, name)) : channel.startsWith(name);
    if (isMeant && state.kind !== 'ended') found.push(state);
  }
  const [only, ...others] = found;
  if (only === undefined) throw new Refused(unknown(name, isAny));
  if (others.length > 0) {
    throw new WorldError(
      'config',
      name === undefined ? `There are ${found.length} channels.` : `${name} fits ${found.length} channels.`,
      `Give one: ${found.map(({ channel }) => channel.slice(0, 12)).join(', ')}.`,
    );
  }
  return only;
}

/** Where there are no channels, correcting the name would not help. */
function unknown(name: string | undefined, isAny: boolean): Refusal {
  const refusal = refuse('channel-unknown', name === undefined ? {} : { name });
  if (isAny && name !== undefined && !isUrl(name)) return { ...refusal, advice: 'Use one that pawment channels lists.' };
  const url = name !== undefined && isUrl(name) ? name : '<url>';
  return { ...refusal, remedy: 'reopen', advice: `Open one: pawment open ${url} --deposit <coins>` };
}

function holdsCoins(state: PayerState): boolean {
  return state.kind !== 'planned' || allDeposits(state).length > 0;
}

export async function isWith(store: Store, channel: ChannelId, url: string | undefined): Promise<boolean> {
  if (url === undefined) return true;
  // For a channel that only the seed brought back, the merchant is unknown.
  const record = await store.get(PEER, channel);
  return record !== undefined && readPeer(record.value) === plainUrl(url);
}

/** One merchant has one address, however it is written: without a final slash or the scheme's own port, its host in small letters. */
function plainUrl(text: string): string {
  return (URL.parse(text)?.href ?? text).replace(/\/+$/, '');
}

function isUrl(name: string): boolean {
  return !isChannelId(name) && name.includes('://');
}
