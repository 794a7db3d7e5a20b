// What the three examples share: a chain, and the two sides on it.
import { amount, type ChannelId, dogecoinRegtest as coin, isRefusal, type Refusal, scriptOf } from 'pawment';
import { BitcoinjBook, type BitcoinjPayee, type BitcoinjPayerOptions, bitcoinjPayee } from 'pawment/bitcoinj';
import { createRegtest } from 'pawment/chain/regtest';
import { asChain } from 'pawment/chain/regtest/port';
import { fastestVerifier } from 'pawment/engine/verifier';
import { openMerchant } from 'pawment/merchant';
import { defaultTerms } from 'pawment/merchant/terms';
import { openAgent } from 'pawment/payer';
import { memoryStore } from 'pawment/store/memory';
import { openWallet } from 'pawment/wallet';
import { seedKeyRing } from 'pawment/wallet/keyring';

export const DOGE = 100_000_000n;
const random = { bytes: (length: number) => crypto.getRandomValues(new Uint8Array(length)) };

export function agreed<T>(value: T | Refusal): T {
  if (isRefusal(value)) throw new Error(`${value.message} ${value.advice}`);
  return value;
}

const regtest = createRegtest({ coin });
regtest.mine(1360);
const chain = asChain(regtest);
const { verify } = await fastestVerifier();
const common = { chain, verify, random, clock: { now: Date.now } };

const store = memoryStore();
const payerKeys = seedKeyRing(coin, random.bytes(32));
const wallet = await openWallet({ chain, store, keys: payerKeys });
const agent = openAgent({ ...common, store, keys: payerKeys, wallet });

const book = new BitcoinjBook();
const terms = { ...defaultTerms(coin), unconfirmed: amount(5n * DOGE) };
const keys = seedKeyRing(coin, random.bytes(32));
const payeeScript = scriptOf(coin, regtest.newAddress()) ?? new Uint8Array();
const merchant = openMerchant({
  ...{ ...common, store: memoryStore(), keys, terms, payeeScript, prices: new Map(), books: [book] },
  // Of a store that is kept: `identityOf(store, random)` from pawment/store/identity.
  identity: new Uint8Array(16),
  exposure: amount(50n * DOGE),
});

/** Blocks, and both sides look at them. */
export async function mine(blocks: number): Promise<void> {
  regtest.mine(blocks);
  await wallet.sync();
  await merchant.engine.follower.poll();
  await agent.poll();
}

regtest.fund(await wallet.receiveAddress(), amount(50n * DOGE));
await mine(1);

/** The payer's side; its channels are known by this list, which a program would keep with its store. */
const channels: ChannelId[] = [];
export const payer: BitcoinjPayerOptions = {
  ...{ agent, chain, wallet, keys: payerKeys, clock: common.clock },
  known: async () => (await Promise.all(channels.map(agent.engine.get))).filter((state) => state !== undefined),
  remember: async (channel) => void channels.push(channel),
};

/** The payee's side: every payment is answered with its own text. */
export const payee: BitcoinjPayee = bitcoinjPayee({
  ...{ ...common, merchant, book, keys, payeeScript },
  terms: {
    ...{ minDeposit: terms.minDeposit, maxDeposit: terms.maxDeposit, depth: terms.depth, unconfirmed: terms.unconfirmed },
    ...{ minPayment: amount(1_000n), closingMargin: 7_800, window: { least: 14_400, most: 604_800 } },
  },
  shop: { paid: async ({ info = new Uint8Array() }) => new TextEncoder().encode(`a cup of ${new TextDecoder().decode(info)}`) },
});
