import assert from 'node:assert/strict';
import { txId } from '../../../src/core/base/bytes.ts';
import { height } from '../../../src/core/base/height.ts';
import type { Coin } from '../../../src/core/coin/coin.ts';
import { coins } from '../../../src/core/coin/registry.ts';
import { type Chain, WorldError } from '../../../src/engine/ports.ts';
import { broadcastCases } from './chain/broadcast.ts';
import { readCases } from './chain/read.ts';
import { type ChainSubject, World } from './chain/world.ts';
import type { Register } from './register.ts';

export type { ChainSubject } from './chain/world.ts';

export interface RemoteChain {
  /** Another port on the same chain, for the coin that is there or for one that is not. */
  readonly connect: (as: Coin) => Chain;
  readonly stop: () => Promise<void>;
}

/** What every `Chain` must do. The cases share one subject. */
export function chainSuite(register: Register, subject: () => ChainSubject): void {
  for (const [name, run] of [...readCases, ...broadcastCases]) register(name, () => run(new World(subject())));
}

/** What a `Chain` must do besides when the chain is in another process: notice the wrong one, and silence. Stops the subject. */
export function remoteChainSuite(register: Register, subject: () => ChainSubject & RemoteChain): void {
  const on = (name: string, run: (subject: ChainSubject & RemoteChain) => Promise<void>): unknown => register(name, () => run(subject()));
  on('another coin than the one of the chain is refused', refusesOtherChains);
  on('a chain that has stopped is down, for every question', isDownWhenStopped);
}

async function refusesOtherChains({ chain, connect }: ChainSubject & RemoteChain): Promise<void> {
  for (const other of coins.filter(({ genesis }) => genesis !== chain.coin.genesis)) {
    await assert.rejects(connect(other).tip(), { name: 'WorldError', code: 'node-wrong-chain' });
  }
  assert.deepEqual(await connect(chain.coin).tip(), await chain.tip());
}

async function isDownWhenStopped({ chain, connect, stop }: ChainSubject & RemoteChain): Promise<void> {
  await stop();
  const txid = txId('00'.repeat(32));
  const questions = [
    chain.tip(),
    chain.block(height(1)),
    chain.output({ txid, vout: 0 }),
    chain.transaction(txid),
    chain.mempool(),
    chain.unconfirmed(txid),
    chain.waiting(txid),
    chain.broadcast({ version: 2, inputs: [], outputs: [], lockTime: 0 }),
    chain.feeRate(),
    connect(chain.coin).tip(),
  ];
  for (const result of await Promise.allSettled(questions)) {
    assert(result.status === 'rejected' && result.reason instanceof WorldError);
    assert.equal(result.reason.code, 'node-down');
  }
}
