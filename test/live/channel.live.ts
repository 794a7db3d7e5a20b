import { after, before, describe, test } from 'node:test';
import { coreRpc } from '../../src/chain/core-rpc.ts';
import { fastestVerifier } from '../../src/engine/verifier.ts';
import { channelSuite } from '../conformance/suite/channel.ts';
import type { ChannelSubject } from '../world/channel-world.ts';
import { coinOf, type NodeKind, nodeKinds, startNode, whyWithout } from './node.ts';

interface Started extends ChannelSubject {
  readonly stop: () => Promise<void>;
}

async function start(kind: NodeKind): Promise<Started> {
  const { coin, rpcUrl: url, auth, rpc, mine, fund, stop } = await startNode(kind);
  return {
    chain: coreRpc(coin, { url, auth }),
    verifier: await fastestVerifier(),
    mine,
    fund,
    invalidate: async (hash) => void (await rpc('invalidateblock', [hash])),
    setTime: async (seconds) => void (await rpc('setmocktime', [seconds])),
    stop,
  };
}

for (const kind of nodeKinds) {
  describe(`channels on ${kind}`, { skip: whyWithout(kind) ?? false }, () => {
    let started: Started | undefined;
    before(async () => {
      started = await start(kind);
    });
    after(() => started?.stop());
    channelSuite(test, coinOf(kind), () => started ?? missing(kind));
  });
}

function missing(kind: NodeKind): never {
  throw new Error(`${kind} has not started`);
}
