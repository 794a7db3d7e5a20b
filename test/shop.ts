import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';
import { z } from 'zod';
import { asChain } from '../src/chain/regtest/port.ts';
import { amount } from '../src/core/base/amount.ts';
import type { Contract } from '../src/core/contract/contract.ts';
import { scriptOf } from '../src/core/tx/address.ts';
import { verifyPortable as verify } from '../src/core/tx/sign.ts';
import type { KeyRing } from '../src/engine/ports.ts';
import { fastestSigner } from '../src/engine/signer.ts';
import { type Merchant, openMerchant } from '../src/merchant/merchant.ts';
import { defaultTerms } from '../src/merchant/terms.ts';
import { memoryStore } from '../src/store/memory.ts';
import { serveMerchant } from '../src/transport/http/serve.ts';
import { seedKeyRing } from '../src/wallet/keyring.ts';
import type { CommandLine } from './command-line.ts';

const DOGE = 100_000_000n;
/** What a cup of it costs there. */
export const TEA: bigint = DOGE / 10n;
const random = { bytes: (length: number) => crypto.getRandomValues(new Uint8Array(length)) };
const address = z.object({ address: z.string() });

/** A merchant in this process that sells tea, at the node of the commands. */
export interface TestShop {
  readonly merchant: Merchant;
  readonly keys: KeyRing;
  readonly url: string;
  /** Mines, and has the merchant read it. */
  readonly mine: (blocks: number) => Promise<void>;
  readonly close: () => Promise<void>;
}

export async function openShop({ regtest }: CommandLine, contract?: Contract): Promise<TestShop> {
  const { coin } = regtest;
  const keys = seedKeyRing(coin, random.bytes(32), fastestSigner());
  const merchant = openMerchant({
    ...{ chain: asChain(regtest), verify, clock: { now: Date.now }, random, store: memoryStore() },
    keys,
    identity: random.bytes(16),
    terms: defaultTerms(coin, contract),
    prices: new Map([['tea', { text: 'A cup of tea', price: amount(TEA) }]]),
    payeeScript: scriptOf(coin, regtest.newAddress()) ?? assert.fail(),
  });
  await merchant.engine.follower.poll();
  const { url, close } = await serveMerchant(merchant, { onError: (error) => assert.fail(String(error)) });
  const mine = async (blocks: number): Promise<void> => {
    regtest.mine(blocks);
    await merchant.engine.follower.poll();
  };
  return { merchant, keys, url, mine, close };
}

/** Mines so many coins to a new address of the wallet in that folder. */
export async function fund(cli: CommandLine, folder: string, coins: bigint): Promise<void> {
  const { out } = await cli.run(folder, 'wallet', 'address');
  cli.regtest.fund(address.parse(out).address, amount(coins * DOGE));
  cli.regtest.mine(1);
}

/** What becomes of an answer on its way back; nothing is said: it arrives. `held`: it never comes, nor does anything else end the connection. */
export type Fate = 'held' | 'lost' | undefined;

export interface Way {
  readonly url: string;
  readonly close: () => Promise<void>;
}

/** A way to a server, on which some answers do not arrive, whatever was done for them. */
export async function wayTo(server: string, fateOf: (request: { readonly url: string; readonly body: string }) => Fate): Promise<Way> {
  const passOn = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const body = await text(request);
    const { method = 'GET', url = '/', headers } = request;
    const { authorization = '' } = headers;
    const sent = { 'content-type': 'application/json', ...(authorization !== '' && { authorization }) };
    const answer = await fetch(server + url, { method, headers: sent, ...(body !== '' && { body }) });
    const said = await answer.text();
    const fate = fateOf({ url, body });
    if (fate === 'lost') response.destroy();
    else if (fate === undefined) response.writeHead(answer.status, { 'content-type': answer.headers.get('content-type') ?? '' }).end(said);
  };
  const proxy = createServer((request, response) => void passOn(request, response));
  await once(proxy.listen(0, '127.0.0.1'), 'listening');
  const bound = proxy.address();
  if (bound === null || typeof bound === 'string') return assert.fail();
  const close = async (): Promise<void> => {
    proxy.closeAllConnections();
    await once(proxy.close(), 'close');
  };
  return { url: `http://127.0.0.1:${bound.port}`, close };
}

export interface Holding extends Way {
  /** Resolves once an answer is held. */
  readonly held: Promise<void>;
}

/** A way on which the answers to such requests are held. */
export async function holding(
  server: string,
  isMeant: (request: { readonly url: string; readonly body: string }) => boolean,
): Promise<Holding> {
  let hold = (): void => undefined;
  const held = new Promise<void>((resolve) => {
    hold = resolve;
  });
  const { url, close } = await wayTo(server, (request) => {
    if (!isMeant(request)) return undefined;
    hold();
    return 'held';
  });
  return { url, close, held };
}
