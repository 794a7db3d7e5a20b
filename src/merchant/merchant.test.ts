import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { invoiceRequest, stateRequest } from '../../test/world/asking.ts';
import { ChannelWorld } from '../../test/world/channel-world.ts';
import { embedded } from '../../test/world/embedded.ts';
import { assertRefused, keyNumber, must, payerKey } from '../../test/world/sample.ts';
import { asChain } from '../chain/regtest/port.ts';
import { Regtest } from '../chain/regtest/regtest.ts';
import { amount } from '../core/base/amount.ts';
import { channelId, txId } from '../core/base/bytes.ts';
import { after, height } from '../core/base/height.ts';
import { isRefusal, type RefusalCode } from '../core/base/refusal.ts';
import { MAX_DEPOSITS } from '../core/channel/offer-fit.ts';
import { termsOf } from '../core/channel/payee-open.ts';
import { dogecoinRegtest as coin } from '../core/coin/dogecoin.ts';
import { coins } from '../core/coin/registry.ts';
import { channelIdOf } from '../core/contract/contract.ts';
import { contracts } from '../core/contract/registry.ts';
import type { Announce, Offer } from '../core/message/message.ts';
import { announcePsbt, paymentPsbt } from '../core/message/psbt-payment.ts';
import { p2pkh } from '../core/tx/script.ts';
import { outpointKey } from '../core/tx/transaction.ts';
import type { Chain } from '../engine/ports.ts';
import { fastestVerifier } from '../engine/verifier.ts';
import { fundingOf } from '../payer/wire-format.ts';
import type { MerchantTerms } from './terms.ts';

const verifier = await fastestVerifier();
const DOGE = 100_000_000n;
const NOWHERE = channelId('ee'.repeat(32));

interface Watched {
  readonly world: ChannelWorld;
  /** Outputs that the merchant's node was asked about. */
  readonly asked: string[];
  /** Has the node wait with its answers. @returns what ends that. */
  readonly hold: () => () => void;
}

async function opened(terms: Partial<MerchantTerms> = {}): Promise<Watched> {
  const regtest = new Regtest({ coin, verify: verifier.verify });
  regtest.mine(1_360);
  const asked: string[] = [];
  const node = asChain(regtest);
  let held = Promise.resolve();
  const hold = (): (() => void) => {
    let release = (): void => undefined;
    held = new Promise((resolve) => {
      release = resolve;
    });
    return release;
  };
  const chain: Chain = {
    ...node,
    output: async (outpoint) => {
      asked.push(outpointKey(outpoint));
      await held;
      return node.output(outpoint);
    },
  };
  const world = await ChannelWorld.open(embedded(regtest, verifier, { chain }), { terms });
  return { world, asked, hold };
}

/** A channel whose deposit is deep enough, and the announcement that has not been accepted yet. */
async function announced(): Promise<Watched & { readonly announce: Announce }> {
  const { world, asked, hold } = await opened();
  const offer = await world.offer();
  const { channel } = must(await world.agent.plan(offer, after(offer.minExpiry, 100), await world.freshScript()));
  must(await world.agent.fund(channel, world.deposit, world.payee));
  await world.mine(2);
  const request = world.sent.at(-1);
  return { world, asked, hold, announce: request?.kind === 'announce' ? request : assert.fail(request?.kind) };
}

function channelOf(announce: Announce): ReturnType<typeof channelIdOf> {
  const terms = termsOf(announce);
  return channelIdOf(terms.coin, terms.contract.redeemScript(terms));
}

describe('an announcement that the merchant does not take', () => {
  test('for another coin or network: coin-mismatch, and the node is not asked', async () => {
    const { world, asked, announce } = await announced();
    asked.length = 0;
    for (const other of coins.filter(({ id }) => id !== coin.id)) {
      const foreign = { ...announce, offer: { ...announce.offer, coin: other } };
      assertRefused(await world.merchant.answer(foreign), 'coin-mismatch', other.id);
      assert.equal(await world.merchant.engine.get(channelOf(foreign)), undefined);
    }
    assert.equal(asked.length, 0);
    assert.equal((await world.merchant.answer(announce)).kind, 'accepted');
  });

  const alterations: Readonly<Record<string, (offer: Offer) => Partial<Offer>>> = {
    contract: ({ contract }) => ({ contract: contracts.find((other) => other !== contract) ?? assert.fail() }),
    signing: () => ({ signing: { kind: 'fixed', fee: amount(DOGE) } }),
    slot: () => ({ signing: { kind: 'flexible', slot: 1 } }),
    closingMargin: ({ closingMargin }) => ({ closingMargin: closingMargin - 1 }),
    payeeScript: () => ({ payeeScript: p2pkh(payerKey.publicKey) }),
    payeeKey: () => ({ payeeKey: keyNumber(40).publicKey }),
    minDeposit: () => ({ minDeposit: amount(1n) }),
    maxDeposit: ({ maxDeposit }) => ({ maxDeposit: amount(maxDeposit + 1n) }),
    minExpiry: ({ minExpiry }) => ({ minExpiry: after(minExpiry, -1) }),
    maxExpiry: ({ maxExpiry }) => ({ maxExpiry: after(maxExpiry, 1) }),
    depth: ({ depth }) => ({ depth: depth.map((step) => ({ ...step, blocks: 0 })) }),
    origin: ({ origin = assert.fail() }) => ({ origin: { ...origin, until: after(origin.until, 1) } }),
    nonce: () => ({ nonce: new Uint8Array(16) }),
  };
  test('under an offer with any term altered: offer-unknown, and nothing is stored', async () => {
    const { world, announce } = await announced();
    for (const [term, alter] of Object.entries(alterations)) {
      const altered = { ...announce, offer: { ...announce.offer, ...alter(announce.offer) } };
      assertRefused(await world.merchant.answer(altered), 'offer-unknown', term);
      assert.equal(await world.merchant.engine.get(channelOf(altered)), undefined, term);
    }
    assert.equal((await world.merchant.answer(announce)).kind, 'accepted');
    assert.deepEqual(
      new Set(Object.keys(alterations)),
      new Set([...Object.keys(announce.offer).filter((name) => !['kind', 'coin'].includes(name)), 'slot']),
    );
  });

  test('under another merchant’s offer: offer-unknown', async () => {
    const { world, announce } = await announced();
    const elsewhere = await opened();
    assertRefused(await elsewhere.world.merchant.answer(announce), 'offer-unknown');
    assert.equal((await world.merchant.answer(announce)).kind, 'accepted');
  });

  test('of more deposits than a channel may have: deposit-too-many, however many it names the node is asked about none', async () => {
    const { world, asked, announce } = await announced();
    const made = (count: number): Announce => ({
      ...announce,
      deposits: Array.from({ length: count }, (_, vout) => ({ outpoint: { txid: txId('cd'.repeat(32)), vout }, value: amount(DOGE) })),
    });
    asked.length = 0;
    for (const count of [MAX_DEPOSITS + 1, 5_000]) assertRefused(await world.merchant.answer(made(count)), 'deposit-too-many');
    assert.equal(asked.length, 0);
    assert.equal((await world.merchant.answer(made(MAX_DEPOSITS))).kind, 'provisional');
    assert.equal(asked.length, MAX_DEPOSITS);
  });
});

describe('what the merchant answers about channels and goods', () => {
  test('no two offers have the same key', async () => {
    const { world } = await opened();
    const offers = [await world.offer(), await world.offer()];
    assert.notDeepEqual(offers[0]?.payeeKey, offers[1]?.payeeKey);
  });

  test('an invoice for something not for sale: item-unknown; for a channel it does not have: channel-unknown', async () => {
    const { world } = await opened();
    const channel = await world.openChannel();
    const ask = async (item: string) => world.merchant.answer(await invoiceRequest(world.agent, channel, item));
    for (const item of ['coffee', '', 'Tea', '__proto__']) assertRefused(await ask(item), 'item-unknown', item);
    assertRefused(await world.merchant.answer({ kind: 'invoice-request', channel: NOWHERE, item: 'tea' }), 'channel-unknown');
    const invoice = await ask('tea');
    assert.deepEqual(invoice.kind === 'invoice' && [invoice.amount, invoice.channel, invoice.item], [world.price, channel, 'tea']);
  });

  test('a payment for another channel’s invoice: invoice-foreign; for one that it never made: invoice-unknown', async () => {
    const { world } = await opened();
    const [first, second] = [await world.openChannel(), await world.openChannel()];
    const foreign = must(await world.agent.invoice(first, 'tea', world.payee));
    const own = must(await world.agent.invoice(second, 'tea', world.payee));
    const wrong: readonly (readonly [string, RefusalCode])[] = [
      [foreign.id, 'invoice-foreign'],
      ['0'.repeat(32), 'invoice-unknown'],
    ];
    for (const [id, code] of wrong) {
      assertRefused(await world.agent.pay(second, { ...own, id, most: own.amount }, world.payee), code);
      assert.equal((await world.payeeState(second)).best, undefined);
    }
    must(await world.agent.pay(second, { ...own, most: own.amount }, world.payee));
    assert.equal((await world.merchant.invoices.find(foreign.id))?.paidTotal, undefined);
    assert.equal((await world.merchant.invoices.find(own.id))?.paidTotal, own.amount);
  });

  test('payments, ends, closes and questions about a channel that it does not have: channel-unknown', async () => {
    const { world } = await opened();
    const channel = await world.openChannel();
    const nothing = {
      payment: { total: amount(DOGE), signatures: [] },
      agreement: { total: amount(0n), fee: amount(0n), payerScript: new Uint8Array() },
    };
    assertRefused(await world.merchant.answer({ kind: 'payment', channel: NOWHERE, payment: nothing.payment }), 'channel-unknown');
    assertRefused(
      await world.merchant.answer({ kind: 'end', channel: NOWHERE, agreement: nothing.agreement, signatures: [] }),
      'channel-unknown',
    );
    assertRefused(await world.merchant.answer({ kind: 'state-request', channel: NOWHERE }), 'channel-unknown');
    assertRefused(await world.merchant.close(NOWHERE), 'channel-unknown');
    assert.equal((await world.merchant.answer(await stateRequest(world.agent, channel))).kind, 'state');
  });
});

test('PSBTs: not one, cut short, of no channel here, of the other kind; then the payment', async () => {
  const { world } = await opened();
  const channel = await world.openChannel();
  const payer = await world.payer(channel);
  const { terms, deposits } = payer;
  const payment = must(terms.contract.sign(terms, deposits, world.price, world.keys.payer.signer(payer.keyName)));
  const psbt = paymentPsbt(terms, deposits, payment, fundingOf(payer));
  const foreign = { ...terms, expiry: height(terms.expiry + 1) };
  const read = world.merchant.readPsbt;
  assertRefused(await read('payment', new Uint8Array()), 'psbt-malformed');
  assertRefused(await read('payment', new TextEncoder().encode('cHNidP8BAA==')), 'psbt-malformed');
  assertRefused(await read('payment', psbt.subarray(0, -1)), 'psbt-malformed');
  assertRefused(await read('payment', new Uint8Array(1_000_001)), 'message-too-large');
  assertRefused(await read('end', psbt), 'agreement-malformed');
  assertRefused(await read('payment', announcePsbt(terms, deposits, fundingOf(payer))), 'psbt-outputs-wrong');
  assertRefused(await read('payment', announcePsbt(foreign, deposits, fundingOf(payer))), 'funding-script-wrong');
  const elsewhere = await opened();
  assertRefused(await elsewhere.world.merchant.readPsbt('payment', psbt), 'channel-unknown');
  const { room } = world.merchant;
  const most = must(await room(channel));
  assert.ok(psbt.length < most && most < 120_000, 'one deposit, one funding transaction');
  assertRefused(await elsewhere.world.merchant.room(channel), 'channel-unknown');
  const request = must(await read('payment', psbt));
  assert.equal((await world.merchant.answer(request)).kind, 'receipt');
});

describe('a flood of announcements', () => {
  test('the node is not asked for an offer that was not made here, nor for terms that are wrong', async () => {
    const { world, asked, announce } = await announced();
    asked.length = 0;
    const nonce = new Uint8Array(16).fill(1);
    assertRefused(await world.merchant.answer({ ...announce, offer: { ...announce.offer, nonce } }), 'offer-unknown', 'nonce');
    assertRefused(await world.merchant.answer({ ...announce, expiry: height(1) }), 'expiry-too-near', 'expiry');
    assertRefused(await world.merchant.answer({ ...announce, deposits: [] }), 'deposit-absent', 'deposits');
    assert.equal(asked.length, 0);
    assert.equal((await world.merchant.answer(announce)).kind, 'accepted');
    assert.equal(asked.length, 1);
  });

  test('between two blocks the same announcement of a shallow deposit has the node asked once; the next block has it asked again', async () => {
    const { world, asked } = await opened();
    const offer = await world.offer();
    const { channel } = must(await world.agent.plan(offer, after(offer.minExpiry, 100), await world.freshScript()));
    must(await world.agent.fund(channel, world.deposit, world.payee));
    await world.mine(1);
    asked.length = 0;
    for (let i = 0; i < 5; i++) assert.equal(must(await world.agent.announce(channel, world.payee)).reply.kind, 'provisional');
    assert.equal(asked.length, 1);
    await world.mine(1);
    assert.equal(must(await world.agent.announce(channel, world.payee)).reply.kind, 'accepted');
  });

  test('a node that is slow is asked about so many at a time; the rest are told to come back, and nothing is kept of any', async () => {
    const { world, announce, asked, hold } = await announced();
    const release = hold();
    asked.length = 0;
    const keys = Array.from({ length: 100 }, (_, i) => keyNumber(500 + i).publicKey);
    const replies = keys.map((key) => world.merchant.answer({ ...announce, payerKey: key }));
    const turnedAway = await Promise.all(replies.slice(72));
    for (const reply of turnedAway) assertRefused(reply, 'too-many', 'the rest');
    assert.equal(asked.length, 8);
    release();
    for (const reply of await Promise.all(replies.slice(0, 72))) assert.ok(isRefusal(reply) && reply.code === 'funding-script-wrong');
    for await (const [id] of world.merchant.engine.all()) assert.fail(id);
    assert.equal((await world.merchant.answer(announce)).kind, 'accepted');
  });
});
