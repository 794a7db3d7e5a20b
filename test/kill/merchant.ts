import { setTimeout as pause } from 'node:timers/promises';
import { coreRpc } from '../../src/chain/core-rpc.ts';
import { hexToBytes } from '../../src/core/base/bytes.ts';
import { fastestSigner } from '../../src/engine/signer.ts';
import { fastestVerifier } from '../../src/engine/verifier.ts';
import { type Merchant, openMerchant } from '../../src/merchant/merchant.ts';
import { identityOf } from '../../src/store/identity.ts';
import { openSqlite } from '../../src/store/sqlite.ts';
import { serveMerchant } from '../../src/transport/http/serve.ts';
import { Quotas } from '../../src/transport/rate-limit.ts';
import { seedKeyRing } from '../../src/wallet/keyring.ts';
import { clock, coin, type Go, hasty, onOrder, prices, random, tell, terms } from './setting.ts';

// A merchant as a process of its own, to be killed at any moment.

/** Milliseconds between two looks at the chain. */
const LOOK = 20;
const UNLIMITED = { burst: 1e9, perSecond: 1e9, mostAddresses: 10, mostLarge: 1_000 };
const { verify } = await fastestVerifier();

async function run({ store: path, node, seed, payeeScript, isHasty }: Go): Promise<void> {
  const opened = openSqlite(path);
  const store = isHasty ? hasty(opened) : opened;
  const chain = coreRpc(coin, { url: node });
  const keys = seedKeyRing(coin, hexToBytes(seed), fastestSigner());
  const merchant = openMerchant({
    ...{ chain, store, keys, verify, clock, random, terms, prices, payeeScript: hexToBytes(payeeScript) },
    identity: await identityOf(opened, random),
  });
  await merchant.engine.follower.poll();
  const { url } = await serveMerchant(merchant, { quotas: new Quotas(UNLIMITED) });
  tell({ kind: 'running', url });
  for (;;) {
    await merchant.engine.follower.poll();
    tell({ kind: 'looked', height: merchant.engine.follower.trusted().tip.height, unended: await tend(merchant) });
    await pause(LOOK);
  }
}

/** Some channels are closed once they have earned something; the others end by agreement, or are closed at their margin. */
async function tend({ engine, close }: Merchant): Promise<number> {
  let unended = 0;
  for await (const [channel, state] of engine.all()) {
    if (state.kind !== 'ended') unended++;
    const isEnough = (state.best?.total ?? 0n) > 4n * coin.policy.dust;
    if (state.kind === 'open' && isEnough && /^[0-3]/.test(channel)) await close(channel);
  }
  return unended;
}

onOrder((order) => {
  if (order.kind === 'go') void run(order);
});
