import assert from 'node:assert/strict';
import { asChain } from '../../src/chain/regtest/port.ts';
import { createRegtest } from '../../src/chain/regtest/regtest.ts';
import { logger } from '../../src/cli/log/log.ts';
import { amount } from '../../src/core/base/amount.ts';
import type { ChannelId } from '../../src/core/base/bytes.ts';
import type { PayerState } from '../../src/core/channel/payer-state.ts';
import type { Env } from '../../src/core/channel/state-machine.ts';
import { dogecoinRegtest } from '../../src/core/coin/dogecoin.ts';
import { p2pkh } from '../../src/core/tx/script.ts';
import { signer } from '../../src/core/tx/sign.ts';
import type { Chain, Clock, Connection, Random } from '../../src/engine/ports.ts';
import { fastestSigner } from '../../src/engine/signer.ts';
import { fastestVerifier } from '../../src/engine/verifier.ts';
import { type Merchant, openMerchant } from '../../src/merchant/merchant.ts';
import { defaultTerms } from '../../src/merchant/terms.ts';
import { openAgent } from '../../src/payer/agent.ts';
import type { WireFormat } from '../../src/payer/wire-format.ts';
import { type MemoryDisk, memoryStore } from '../../src/store/memory.ts';
import { httpConnection } from '../../src/transport/http/client.ts';
import { httpRoutes } from '../../src/transport/http/routes.ts';
import { seedKeyRing } from '../../src/wallet/keyring.ts';
import { openWallet } from '../../src/wallet/wallet.ts';
import { Chance } from '../sim/chance.ts';
import { must } from '../world/sample.ts';
import { writeHttp } from './http.ts';

const coin = dogecoinRegtest;
const DOGE = 100_000_000n;
const NOW = 1_700_000_000_000;
const clock: Clock = { now: () => NOW };
const payout = signer(new Uint8Array(32).fill(5));

/** What went over the wire once: right, and ready to be made wrong. */
export interface Exchange {
  readonly kind: string;
  readonly request: Uint8Array;
  /** First line: kind of the request, and the status. */
  readonly answer: Uint8Array;
}

/** A merchant's front as a stranger meets it. */
export interface Front {
  readonly merchant: Merchant;
  readonly fetch: (request: Request) => Response | Promise<Response>;
  /** What became a 500 or a 503. */
  readonly failures: unknown[];
  /** What was logged. */
  readonly log: string[];
}

export interface Shop {
  readonly chain: Chain;
  readonly channels: readonly ChannelId[];
  readonly exchanges: readonly Exchange[];
  /** The payer of the first channel, as the merchant has it. */
  readonly payer: { readonly state: PayerState; readonly env: Env };
  /** The merchant with two open channels that were paid from, and an invoice on each; the same every time. */
  readonly front: () => Promise<Front>;
}

/** Plays the lives of two channels, one in each form, over HTTP without a socket. The same ones every time. */
export function playShop(): Promise<Shop> {
  played ??= play();
  return played;
}

let played: Promise<Shop> | undefined;

async function play(): Promise<Shop> {
  const chance = new Chance(402, 0);
  const random: Random = { bytes: (length) => chance.bytes(length) };
  const { verify } = await fastestVerifier();
  const regtest = createRegtest({ coin, now: clock.now, verify });
  regtest.mine(1360);
  const node = asChain(regtest);
  const network: { isStill: boolean } = { isStill: false };
  // What ends a channel does not reach the chain, so that both are open for whoever comes next.
  const chain: Chain = {
    ...node,
    broadcast: async (transaction) => (network.isStill ? { kind: 'accepted' } : node.broadcast(transaction)),
  };
  const keys = seedKeyRing(coin, chance.bytes(32), fastestSigner());
  const open = async (disk: MemoryDisk): Promise<Front> => {
    const prices = new Map([['tea', { text: 'A cup of tea', price: amount(DOGE / 10n) }]]);
    const payeeScript = p2pkh(payout.publicKey);
    const merchant = openMerchant({
      chain,
      store: memoryStore(disk),
      keys,
      verify,
      clock,
      random,
      terms: defaultTerms(coin),
      prices,
      payeeScript,
      identity: new Uint8Array(16),
    });
    await merchant.engine.follower.poll();
    const [failures, log]: [unknown[], string[]] = [[], []];
    const lines = logger('debug', { write: (line) => log.push(line), isTerminal: false });
    const routes = httpRoutes({
      payee: merchant,
      origin: 'https://app.example',
      onRequest: (method, path, status) => lines.debug({ method, path, status }, 'request'),
      onError: (error) => failures.push(error),
    });
    return { merchant, fetch: (request) => routes.fetch(request), failures, log };
  };
  const disk: MemoryDisk = new Map();
  const front = await open(disk);
  const exchanges: Exchange[] = [];
  const payee = recorded(front, exchanges);
  const first = await player('compact');
  const players = [first, await player('psbt')];

  async function player(form: WireFormat) {
    const own = { chain, store: memoryStore(), keys: seedKeyRing(coin, chance.bytes(32), fastestSigner()) };
    const wallet = await openWallet(own);
    const agent = openAgent({ ...own, wallet, verify, clock, form });
    const mine = async (blocks: number): Promise<void> => {
      regtest.mine(blocks);
      for (const read of [wallet.sync, front.merchant.engine.follower.poll, agent.poll]) await read();
    };
    regtest.fund(await wallet.receiveAddress(), amount(500n * DOGE));
    await mine(1);
    const offer = must(await payee.exchange({ kind: 'offer-request' }));
    assert.ok(offer.kind === 'offer');
    const { channel } = must(await agent.plan(offer, offer.minExpiry, p2pkh(payout.publicKey)));
    for (const value of [100n, 50n]) {
      must(await agent.fund(channel, amount(value * DOGE), payee));
      await mine(6);
      must(await agent.announce(channel, payee));
    }
    for (let i = 0; i < 2; i++)
      must(await agent.pay(channel, { ...must(await agent.invoice(channel, 'tea', payee)), most: amount(DOGE) }, payee));
    return { agent, channel, keys: own.keys, invoice: must(await agent.invoice(channel, 'tea', payee)) };
  }

  const stored = new Map([...disk].map(([kind, records]) => [kind, new Map(records)]));
  const state = (await first.agent.engine.get(first.channel)) ?? assert.fail('the payer has its channel');
  const { tip, medianTime, feeRate } = front.merchant.engine.follower.seen();
  const signerOf = first.keys.signer(state.keyName);
  const env: Env = { tip: tip.height, medianTime, now: NOW, feeRate, verify, signer: signerOf, keyOf: () => undefined };
  network.isStill = true;
  for (const { agent, channel, invoice } of players) {
    must(await agent.pay(channel, { ...invoice, most: invoice.amount }, payee));
    must(await agent.pay(channel, { amount: amount(120n * DOGE) }, payee));
    must(await agent.resync(channel, payee));
    must(await agent.end(channel, payee));
  }
  const copy = (): MemoryDisk => new Map([...stored].map(([kind, records]) => [kind, new Map(records)]));
  return { chain, channels: players.map(({ channel }) => channel), exchanges, payer: { state, env }, front: () => open(copy()) };
}

/** A way to the merchant that keeps what goes over it. */
function recorded(front: Front, exchanges: Exchange[]): Connection {
  let kind = '';
  const { exchange } = httpConnection('http://shop.example', {
    fetch: async (url, init) => {
      const path = url.slice('http://shop.example'.length);
      const headers = Object.entries(init.headers ?? {}) as [string, string][];
      const request = writeHttp({ first: `${init.method} ${path}`, headers, body: typeof init.body === 'string' ? init.body : '' });
      const response = await front.fetch(new Request(url, init));
      const body = await response.clone().text();
      exchanges.push({ kind, request, answer: writeHttp({ first: `${kind} ${response.status}`, headers: [...response.headers], body }) });
      return response;
    },
  });
  return {
    exchange: (request, psbt) => {
      ({ kind } = request);
      return exchange(request, psbt);
    },
  };
}
