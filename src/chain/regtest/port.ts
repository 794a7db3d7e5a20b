import type { Broadcast, Chain, NodeStatus } from '../../engine/ports.ts';
import { refusalKind } from '../broadcast-outcome.ts';
import type { Outcome, Regtest } from './regtest.ts';

/** The embedded chain with an engine's interface to a chain, in the same process. It never fails. */
export function asChain(regtest: Regtest): Chain {
  return {
    coin: regtest.coin,
    tip: async () => regtest.tip,
    status: async () => statusOf(regtest),
    block: async (height) => regtest.block(height),
    output: async (outpoint) => regtest.output(outpoint),
    transaction: async (txid) => regtest.transaction(txid),
    mempool: async () => regtest.mempool(),
    unconfirmed: async (txid) => regtest.transaction(txid)?.transaction,
    waiting: async (txid) => regtest.waiting(txid),
    broadcast: async (transaction) => asBroadcast(regtest.broadcast(transaction)),
    feeRate: async () => regtest.coin.policy.feeRate,
  };
}

function statusOf({ tip, chain }: Regtest): NodeStatus {
  return { tip, headers: tip.height, medianTime: chain.tip.medianTime * 1000, isCatchingUp: false };
}

function asBroadcast(outcome: Outcome): Broadcast {
  switch (outcome.kind) {
    case 'accepted':
    case 'already-known':
    case 'already-mined':
      return { kind: outcome.kind };
    case 'missing-inputs':
      return { kind: 'missing-inputs', reason: 'Missing inputs' };
    case 'refused':
      return { kind: refusalKind(outcome.reason), reason: outcome.reason };
  }
}
