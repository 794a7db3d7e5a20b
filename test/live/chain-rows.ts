import { after, before, describe, test } from 'node:test';
import { coreRpc } from '../../src/chain/core-rpc.ts';
import { type ChainSubject, chainSuite, type RemoteChain, remoteChainSuite } from '../conformance/suite/chain.ts';
import { type NodeKind, startNode, whyWithout } from './node.ts';

async function start(kind: NodeKind): Promise<ChainSubject & RemoteChain> {
  const { coin, rpcUrl: url, auth, rpc, mine, fund, stop } = await startNode(kind);
  const connect: RemoteChain['connect'] = (as) => coreRpc(as, { url, auth });
  const invalidate = async (hash: string): Promise<void> => void (await rpc('invalidateblock', [hash]));
  return { chain: connect(coin), connect, mine, fund, invalidate, stop };
}

/** The chain suites on `coreRpc`, once for each kind of node. */
export function describeNodes(kinds: readonly NodeKind[]): void {
  for (const kind of kinds) {
    describe(`chain of ${kind}`, { skip: whyWithout(kind) ?? false }, () => {
      let started: (ChainSubject & RemoteChain) | undefined;
      const subject = (): ChainSubject & RemoteChain => started ?? missing(kind);
      before(async () => {
        started = await start(kind);
      });
      after(() => started?.stop());
      chainSuite(test, subject);
      remoteChainSuite(test, subject);
    });
  }
}

function missing(kind: NodeKind): never {
  throw new Error(`${kind} has not started`);
}
