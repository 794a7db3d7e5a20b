import { coreRpc } from '../../chain/core-rpc.ts';
import { createRegtest, type Regtest } from '../../chain/regtest/regtest.ts';
import { serveRegtest } from '../../chain/regtest/server.ts';
import { type Amount, amount } from '../../core/base/amount.ts';
import { dogecoinRegtest } from '../../core/coin/dogecoin.ts';
import { scriptOf } from '../../core/tx/address.ts';
import type { Chain, Connection, Random } from '../../engine/ports.ts';
import { fastestSigner } from '../../engine/signer.ts';
import { fastestVerifier, type Verifier } from '../../engine/verifier.ts';
import { type Merchant, openMerchant } from '../../merchant/merchant.ts';
import { defaultTerms } from '../../merchant/terms.ts';
import { type Agent, openAgent } from '../../payer/agent.ts';
import type { WireFormat } from '../../payer/wire-format.ts';
import { memoryStore } from '../../store/memory.ts';
import { httpConnection } from '../../transport/http/client.ts';
import { serveMerchant } from '../../transport/http/serve.ts';
import { seedKeyRing } from '../../wallet/keyring.ts';
import { openWallet, type Wallet } from '../../wallet/wallet.ts';

/** Everything that the story needs; in real life each part is a program of its own: a node, a merchant's server, a payer. */
export interface Stage {
  readonly regtest: Regtest;
  readonly rpcUrl: string;
  readonly merchantUrl: string;
  readonly merchant: Merchant;
  readonly verifier: Verifier['backend'];
  readonly agent: Agent;
  readonly wallet: Wallet;
  readonly payee: Connection;
  /** Mines blocks, and lets both sides read each. */
  readonly mine: (blocks: number) => Promise<void>;
  /** The merchant is gone for good: its server, and its reading of the chain. */
  readonly vanish: () => Promise<void>;
  readonly close: () => Promise<void>;
}

const DOGE = 100_000_000n;
/** The price of an item, which everybody in the story knows. */
export const PRICE: Amount = amount(DOGE / 20n);
const coin = dogecoinRegtest;
const random: Random = { bytes: (length) => crypto.getRandomValues(new Uint8Array(length)) };
const clock = { now: Date.now };

/** On regtest, CLTV is active from block 1351. */
const FIRST_HEIGHT = 1360;

export async function openStage(form: WireFormat): Promise<Stage> {
  const regtest = createRegtest({ coin });
  regtest.mine(FIRST_HEIGHT);
  const node = await serveRegtest(regtest, { relay: 'peer' });
  const chain = coreRpc(coin, { url: node.url });
  const { verify, backend } = await fastestVerifier();
  const merchant = openShop(regtest, chain, verify);
  await merchant.engine.follower.poll();
  const server = await serveMerchant(merchant, { port: 0 });
  const keys = seedKeyRing(coin, random.bytes(32), fastestSigner());
  const store = memoryStore();
  const wallet = await openWallet({ chain, store, keys });
  const agent = openAgent({ chain, store, keys, wallet, verify, clock, form });
  let isOpen = true;
  const vanish = async (): Promise<void> => {
    isOpen = false;
    await server.close();
  };
  return {
    regtest,
    rpcUrl: node.url,
    merchantUrl: server.url,
    merchant,
    verifier: backend,
    agent,
    wallet,
    payee: httpConnection(server.url),
    mine: async (blocks) => {
      for (let i = 0; i < blocks; i++) {
        regtest.mine(1);
        if (isOpen) await merchant.engine.follower.poll();
        await agent.poll();
      }
      await wallet.sync();
    },
    vanish,
    close: async () => {
      if (isOpen) await vanish();
      await node.close();
    },
  };
}

function openShop(regtest: Regtest, chain: Chain, verify: Verifier['verify']): Merchant {
  return openMerchant({
    chain,
    store: memoryStore(),
    keys: seedKeyRing(coin, random.bytes(32), fastestSigner()),
    verify,
    clock,
    random,
    identity: random.bytes(16),
    terms: defaultTerms(coin),
    prices: new Map([['item', { text: 'One item', price: PRICE }]]),
    payeeScript: scriptOf(coin, regtest.newAddress()) ?? new Uint8Array(),
  });
}
