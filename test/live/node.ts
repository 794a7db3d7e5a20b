import { type Rpc, type RpcParameter, rpcClient } from '../../src/chain/json-rpc.ts';
import { Regtest } from '../../src/chain/regtest/regtest.ts';
import { serveRegtest } from '../../src/chain/regtest/server.ts';
import type { RpcAuth } from '../../src/chain/rpc-endpoint.ts';
import { type Amount, formatAmount } from '../../src/core/base/amount.ts';
import { type TxId, txId } from '../../src/core/base/bytes.ts';
import type { Coin } from '../../src/core/coin/coin.ts';
import { dogecoinRegtest } from '../../src/core/coin/dogecoin.ts';
import { litecoinRegtest } from '../../src/core/coin/litecoin.ts';
import { addressOf } from '../../src/core/tx/address.ts';
import { p2pkh } from '../../src/core/tx/script.ts';
import { type Daemon, startDaemon, WITHOUT_MWEB } from './daemon.ts';
import { dogecoind, litecoind, type Program, whyLeftOut } from './program.ts';

/** A regtest node that live tests talk to: a real daemon, or the embedded chain behind the same calls. */
export interface LiveNode {
  readonly coin: Coin;
  readonly rpcUrl: string;
  readonly auth: RpcAuth;
  /** Numbers in the answer are `JsonNumber`. */
  readonly rpc: (method: string, parameters?: readonly RpcParameter[]) => Promise<unknown>;
  /** Mines to a fresh address of the node, or to the given one. */
  readonly mine: (blocks: number, address?: string) => Promise<void>;
  /** Pays out of the node's wallet; the transaction waits in the mempool. */
  readonly fund: (address: string, value: Amount) => Promise<TxId>;
  /** May be called again. */
  readonly stop: () => Promise<void>;
}

export type NodeKind = 'litecoind' | 'dogecoind' | 'embedded-dogecoin' | 'embedded-litecoin';

interface Kind {
  readonly coin: Coin;
  /** Undefined: needs nothing installed. */
  readonly program?: Program;
  readonly start: (options: readonly string[]) => Promise<Daemon>;
}

const kinds: Readonly<Record<NodeKind, Kind>> = {
  litecoind: {
    coin: litecoinRegtest,
    program: litecoind,
    start: (options) => startDaemon(litecoind, [WITHOUT_MWEB, '-fallbackfee=0.0002', ...options]),
  },
  dogecoind: { coin: dogecoinRegtest, program: dogecoind, start: (options) => startDaemon(dogecoind, options) },
  'embedded-dogecoin': { coin: dogecoinRegtest, start: () => startEmbedded(dogecoinRegtest) },
  'embedded-litecoin': { coin: litecoinRegtest, start: () => startEmbedded(litecoinRegtest) },
};

/** The coin that a node's chain is of. */
export function coinOf(kind: NodeKind): Coin {
  return kinds[kind].coin;
}

export const nodeKinds: readonly NodeKind[] = ['litecoind', 'dogecoind', 'embedded-dogecoin', 'embedded-litecoin'];

/** Blocks whose rewards the wallet gets: enough of them, and few enough to choose from quickly. */
const WALLET_BLOCKS = 200;
/** Past the height where CLTV binds blocks: 1,351 on both chains. */
const FIRST_BLOCKS = 1_360;
/** Blocks mined by one call, well within its timeout. */
const BLOCKS_PER_CALL = 120;

/** Why tests on this kind of node are left out; undefined when they run. */
export function whyWithout(kind: NodeKind): string | undefined {
  const { program } = kinds[kind];
  return program && whyLeftOut(program);
}

/** Starts a node with 1,360 blocks and a funded wallet; `options` are for a program. @throws Error with what to install when it is missing. */
export async function startNode(kind: NodeKind, options: readonly string[] = []): Promise<LiveNode> {
  const { coin, start } = kinds[kind];
  const { url, auth, stop } = await start(options);
  const call: Rpc = rpcClient({ url, auth });
  const mine = async (blocks: number, address?: string): Promise<void> => {
    // A fresh address each time: blocks mined in one second to one address could be the very blocks that were invalidated.
    const payTo = address ?? text(await call('getnewaddress'));
    for (let left = blocks; left > 0; left -= BLOCKS_PER_CALL) await call('generatetoaddress', Math.min(left, BLOCKS_PER_CALL), payTo);
  };
  try {
    if (coin.name === 'Litecoin') await call('createwallet', 'test');
    await mine(WALLET_BLOCKS);
    await mine(FIRST_BLOCKS - WALLET_BLOCKS, addressOf(coin, p2pkh(new Uint8Array(33))));
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    coin,
    rpcUrl: url,
    auth,
    rpc: (method, parameters = []) => call(method, ...parameters),
    mine,
    fund: async (address, value) => txId(text(await call('sendtoaddress', address, formatAmount(value)))),
    stop,
  };
}

async function startEmbedded(coin: Coin): Promise<Daemon> {
  const auth = { kind: 'password', user: 'pawment', password: 'test' } as const;
  const { url, close } = await serveRegtest(new Regtest({ coin }), auth);
  return { url, auth, stop: close };
}

function text(answer: unknown): string {
  if (typeof answer !== 'string') throw new TypeError(`${JSON.stringify(answer)} is no text`);
  return answer;
}
