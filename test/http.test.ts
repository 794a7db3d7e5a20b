import assert from 'node:assert/strict';
import { after as afterAll, before, test } from 'node:test';
import { asChain } from '../src/chain/regtest/port.ts';
import { createRegtest, type Regtest } from '../src/chain/regtest/regtest.ts';
import { type Amount, amount } from '../src/core/base/amount.ts';
import type { ChannelId } from '../src/core/base/bytes.ts';
import { isRefusal, type Refusal } from '../src/core/base/refusal.ts';
import { dogecoinRegtest } from '../src/core/coin/dogecoin.ts';
import type { Offer, Pay, Reply, Request } from '../src/core/message/message.ts';
import { scriptOf } from '../src/core/tx/address.ts';
import { verifyPortable } from '../src/core/tx/sign.ts';
import type { Connection } from '../src/engine/ports.ts';
import { fastestSigner } from '../src/engine/signer.ts';
import { type Merchant, openMerchant } from '../src/merchant/merchant.ts';
import { defaultTerms } from '../src/merchant/terms.ts';
import { type Agent, openAgent } from '../src/payer/agent.ts';
import type { WireFormat } from '../src/payer/wire-format.ts';
import { memoryStore } from '../src/store/memory.ts';
import { httpConnection } from '../src/transport/http/client.ts';
import { type HttpServer, serveMerchant } from '../src/transport/http/serve.ts';
import { seedKeyRing } from '../src/wallet/keyring.ts';
import { openWallet } from '../src/wallet/wallet.ts';
import { invoiceRequest, stateRequest } from './world/asking.ts';

const coin = dogecoinRegtest;
const DOGE = 100_000_000n;
const PRICE = amount(DOGE / 10n);
const random = { bytes: (length: number) => crypto.getRandomValues(new Uint8Array(length)) };
const clock = { now: Date.now };

function must<T>(value: T | Refusal): T {
  if (isRefusal(value)) assert.fail(`${value.code} ${JSON.stringify(value.detail)}`);
  return value;
}

let regtest: Regtest;
let merchant: Merchant;
let server: HttpServer;
const failures: unknown[] = [];

before(async () => {
  regtest = createRegtest({ coin });
  regtest.mine(1360);
  merchant = openMerchant({
    chain: asChain(regtest),
    verify: verifyPortable,
    clock,
    random,
    store: memoryStore(),
    identity: random.bytes(16),
    keys: seedKeyRing(coin, random.bytes(32), fastestSigner()),
    terms: defaultTerms(coin),
    prices: new Map([['tea', { text: 'A cup of tea', price: PRICE }]]),
    payeeScript: scriptOf(coin, regtest.newAddress()) ?? assert.fail(),
  });
  await merchant.engine.follower.poll();
  server = await serveMerchant(merchant, { onError: (error) => void failures.push(error) });
});
afterAll(() => server.close());

interface Customer {
  readonly agent: Agent;
  readonly payee: Connection;
  /** What went over the wire, in order. */
  readonly sent: { readonly request: Request; readonly psbt: Uint8Array | undefined }[];
  readonly mine: (blocks: number) => Promise<void>;
}

async function customer(form: WireFormat): Promise<Customer> {
  const chain = asChain(regtest);
  const store = memoryStore();
  const keys = seedKeyRing(coin, random.bytes(32), fastestSigner());
  const wallet = await openWallet({ chain, store, keys });
  const agent = openAgent({ chain, store, keys, wallet, verify: verifyPortable, clock, form });
  const http = httpConnection(server.url);
  const sent: { request: Request; psbt: Uint8Array | undefined }[] = [];
  const exchange: Connection['exchange'] = (request, psbt) => {
    sent.push({ request, psbt });
    return http.exchange(request, psbt);
  };
  const mine = async (blocks: number) => {
    for (let i = 0; i < blocks; i++) {
      regtest.mine(1);
      await wallet.sync();
      await merchant.engine.follower.poll();
      await agent.poll();
    }
  };
  regtest.fund(await wallet.receiveAddress(), amount(500n * DOGE));
  await mine(1);
  return { agent, payee: { exchange }, sent, mine };
}

async function offerOf(payee: Connection): Promise<Offer> {
  const offer = must(await payee.exchange({ kind: 'offer-request' }));
  return offer.kind === 'offer' ? offer : assert.fail(offer.kind);
}

async function opened({ agent, payee, mine }: Customer, value: Amount): Promise<ChannelId> {
  const offer = await offerOf(payee);
  const { channel } = must(await agent.plan(offer, offer.minExpiry, scriptOf(coin, regtest.newAddress()) ?? assert.fail()));
  assert.equal(must(await agent.fund(channel, value, payee)).reply.kind, 'provisional');
  await mine(3);
  assert.equal(must(await agent.announce(channel, payee)).reply.kind, 'accepted');
  return channel;
}

for (const form of ['compact', 'psbt'] as const) {
  test(`a channel over a socket, ${form}: opened, paid from, ended by agreement and buried`, async () => {
    const shopper = await customer(form);
    const { agent, payee, sent, mine } = shopper;
    const channel = await opened(shopper, amount(100n * DOGE));
    for (let i = 1n; i <= 5n; i++) {
      const invoice = must(await agent.invoice(channel, 'tea', payee));
      assert.equal(invoice.amount, PRICE);
      const { reply } = must(await agent.pay(channel, { ...invoice, most: invoice.amount }, payee));
      assert.deepEqual(reply, {
        kind: 'receipt',
        channel,
        total: PRICE * i,
        spent: PRICE * i,
        capacity: 100n * DOGE,
        invoice: invoice.id,
      });
    }
    const state = must(await payee.exchange(await stateRequest(agent, channel)));
    assert.equal(state.kind === 'state' && state.best?.total, PRICE * 5n);
    const { reply: ended } = must(await agent.end(channel, payee));
    assert.equal(ended.kind, 'ended');
    const signed = sent.filter(({ request }) => ['announce', 'payment', 'end'].includes(request.kind));
    assert.equal(signed.length, 2 + 5 + 1);
    // Before the payee has agreed to a deposit, no message shows its funding transaction.
    const [first, ...after] = signed;
    assert.equal(first?.psbt, undefined);
    assert(after.every(({ psbt }) => (psbt === undefined) === (form === 'compact')));
    await mine(61);
    assert.equal((await merchant.engine.get(channel))?.kind, 'ended');
    const own = await agent.engine.get(channel);
    assert(own?.kind === 'ended' && own.how === 'closed');
    const over = must(await payee.exchange(await stateRequest(agent, channel)));
    assert(over.kind === 'state' && over.status === 'ended' && over.ending !== undefined);
    assert.deepEqual(failures, []);
  });
}

test('over a socket, a payment again gets its receipt, and a lower one what the payer needs to go on', async () => {
  const shopper = await customer('compact');
  const { agent, payee, sent } = shopper;
  const channel = await opened(shopper, amount(50n * DOGE));
  const receipts: Reply[] = [];
  for (let i = 0; i < 2; i++) {
    receipts.push(must(await agent.pay(channel, { ...must(await agent.invoice(channel, 'tea', payee)), most: amount(DOGE) }, payee)).reply);
  }
  const pays = sent.map(({ request }) => request).filter((request): request is Pay => request.kind === 'payment');
  const [first, second] = pays;
  if (first === undefined || second === undefined) return assert.fail();
  assert.deepEqual(await payee.exchange(second), receipts[1]);
  const lower = await payee.exchange(first);
  assert(isRefusal(lower));
  assert.equal(lower.code, 'total-lower');
  assert.equal(lower.detail['best'], String(PRICE * 2n));
  const foreign = must(await agent.invoice(channel, 'tea', payee));
  const unpaid = await payee.exchange({ ...second, invoice: foreign.id });
  assert.equal(isRefusal(unpaid) && unpaid.code, 'total-not-higher');
});

test('over a socket, what the merchant refuses arrives as the same refusal', async () => {
  const shopper = await customer('compact');
  const { agent, payee } = shopper;
  const channel = await opened(shopper, amount(50n * DOGE));
  const cases: readonly [Request, string][] = [
    [await invoiceRequest(agent, channel, 'coffee'), 'item-unknown'],
    [{ kind: 'invoice-request', channel, item: 'tea' }, 'proof-wrong'],
    [{ kind: 'state-request', channel }, 'proof-wrong'],
    [{ kind: 'state-request', channel: 'ab'.repeat(32) as ChannelId }, 'channel-unknown'],
    [{ kind: 'payment', channel, payment: { total: amount(51n * DOGE), signatures: [] } }, 'total-above-capacity'],
    [{ kind: 'payment', channel, payment: { total: amount(DOGE), signatures: [] } }, 'signature-missing'],
  ];
  for (const [request, code] of cases) {
    const answer = await payee.exchange(request);
    assert.deepEqual(answer, await merchant.answer(request));
    assert.equal(isRefusal(answer) && answer.code, code);
  }
  must(await agent.pay(channel, { ...must(await agent.invoice(channel, 'tea', payee)), most: amount(DOGE) }, payee));
});
