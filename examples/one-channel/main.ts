// A merchant and a payer in one program, on a chain of their own: open a channel, buy three cups of tea, end it.
//   node examples/one-channel/main.ts
import { after, amount, type Connection, dogecoinRegtest, formatAmount, isRefusal, type Refusal, scriptOf } from 'pawment';
import { createRegtest } from 'pawment/chain/regtest';
import { asChain } from 'pawment/chain/regtest/port';
import { fastestVerifier } from 'pawment/engine/verifier';
import { openMerchant } from 'pawment/merchant';
import { defaultTerms } from 'pawment/merchant/terms';
import { openAgent } from 'pawment/payer';
import { memoryStore } from 'pawment/store/memory';
import { openWallet } from 'pawment/wallet';
import { seedKeyRing } from 'pawment/wallet/keyring';

const coin = dogecoinRegtest;
const DOGE = 100_000_000n;
const PRICE = amount(DOGE / 10n);
const random = { bytes: (length: number) => crypto.getRandomValues(new Uint8Array(length)) };

// A refusal is a value, not an exception: code, sentence, remedy.
function agreed<T>(value: T | Refusal): T {
  if (isRefusal(value)) throw new Error(`${value.message} ${value.advice}`);
  return value;
}

// The chain: here embedded. `coreRpc(coin, { url })` from pawment/chain/core-rpc speaks to a real node instead.
const regtest = createRegtest({ coin });
regtest.mine(1360);
const chain = asChain(regtest);
const { verify } = await fastestVerifier();
const common = { chain, verify, random, clock: { now: Date.now } };
const newScript = () => scriptOf(coin, regtest.newAddress()) ?? new Uint8Array();

const merchant = openMerchant({
  ...common,
  store: memoryStore(),
  // Of a store that is kept: `identityOf(store, random)` from pawment/store/identity.
  identity: random.bytes(16),
  keys: seedKeyRing(coin, random.bytes(32)),
  terms: defaultTerms(coin),
  prices: new Map([['tea', { text: 'A cup of tea', price: PRICE }]]),
  payeeScript: newScript(),
});

const store = memoryStore();
const keys = seedKeyRing(coin, random.bytes(32));
const wallet = await openWallet({ chain, store, keys });
const payer = openAgent({ ...common, store, keys, wallet });

// Whatever carries one message there and one back is a connection; over HTTP it is `httpConnection(url)`.
const payee: Connection = { exchange: merchant.answer };
const mine = async (blocks: number) => {
  regtest.mine(blocks);
  await wallet.sync();
  await merchant.engine.follower.poll();
  await payer.poll();
};

regtest.fund(await wallet.receiveAddress(), amount(50n * DOGE));
await mine(1);

const offer = agreed(await payee.exchange({ kind: 'offer-request' }));
if (offer.kind !== 'offer') throw new Error('a merchant answers with an offer');
const { channel } = agreed(await payer.plan(offer, after(offer.minExpiry, 100), newScript()));
agreed(await payer.fund(channel, amount(20n * DOGE), payee));
await mine(3);
agreed(await payer.announce(channel, payee));

for (let cup = 1; cup <= 3; cup++) {
  const invoice = agreed(await payer.invoice(channel, 'tea', payee));
  const { reply } = agreed(await payer.pay(channel, { ...invoice, most: PRICE }, payee));
  if (reply.kind === 'receipt') console.log(`cup ${cup}: ${formatAmount(reply.total)} DOGE paid so far`);
}

agreed(await payer.end(channel, payee));
await mine(coin.channel.buried + 1);
const state = await payer.engine.get(channel);
if (state?.kind !== 'ended') throw new Error('a buried end ends the channel');
console.log(`${state.how}: ${formatAmount(state.returned)} DOGE are back`);
