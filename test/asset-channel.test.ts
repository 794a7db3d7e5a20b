import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { asChain } from '../src/chain/regtest/port.ts';
import { Regtest } from '../src/chain/regtest/regtest.ts';
import { counterparty } from '../src/core/asset/counterparty.ts';
import { assetNamed } from '../src/core/asset/registry.ts';
import { amount } from '../src/core/base/amount.ts';
import { bytesToHex, type ChannelId } from '../src/core/base/bytes.ts';
import { isRefusal } from '../src/core/base/refusal.ts';
import type { PayeeState } from '../src/core/channel/payee-state.ts';
import type { Coin } from '../src/core/coin/coin.ts';
import { dogecoinRegtest } from '../src/core/coin/dogecoin.ts';
import { litecoinRegtest } from '../src/core/coin/litecoin.ts';
import { spendSecret } from '../src/core/contract/age-lock.ts';
import type { Contract, HeldOutput } from '../src/core/contract/contract.ts';
import { revocable } from '../src/core/contract/revocable.ts';
import { revocableCsv } from '../src/core/contract/revocable-csv.ts';
import { p2pkh, script } from '../src/core/tx/script.ts';
import { SIGHASH, signatureHash } from '../src/core/tx/sighash.ts';
import { encodeSignature } from '../src/core/tx/sign.ts';
import { type Transaction, transactionId } from '../src/core/tx/transaction.ts';
import type { Indexer } from '../src/engine/ports.ts';
import { fastestVerifier } from '../src/engine/verifier.ts';
import { assetTerms } from '../src/merchant/terms.ts';
import { ChannelWorld } from './world/channel-world.ts';
import { embedded } from './world/embedded.ts';
import { FakeIndexer } from './world/fake-indexer.ts';
import { assertRefused, keyNumber, must } from './world/sample.ts';
import { shortTerms } from './world/short-terms.ts';

const verifier = await fastestVerifier();
const coin = litecoinRegtest;
const { buried } = coin.channel;
const asset = assetNamed('counterparty:PAWMENT') ?? assert.fail('an asset');
/** Who has the asset before the channel. */
const owner = keyNumber(7_000);
const ownerScript = p2pkh(owner.publicKey);
const LIFE = 1_400;
/** More blocks than the least payout delay of a contract that counts from a coin's own block. */
const AGED = 700;
let orders = 0;

/** A shop that sells for an asset, and who wants to pay in it. */
class AssetShop {
  readonly world: ChannelWorld;
  readonly regtest: Regtest;
  readonly indexer: FakeIndexer;

  private constructor(regtest: Regtest, world: ChannelWorld, indexer: FakeIndexer) {
    this.regtest = regtest;
    this.world = world;
    this.indexer = indexer;
  }

  static async open(
    instead?: (indexer: FakeIndexer) => Indexer,
    contract: Contract = revocableCsv,
    chain: Coin = coin,
  ): Promise<AssetShop> {
    const regtest = new Regtest({ coin: chain, verify: verifier.verify });
    regtest.mine(1_360);
    const indexer = new FakeIndexer(asChain(regtest), asset);
    const { minLifetime, maxLifetime, closingMargin, maxDeposit } = shortTerms(chain, contract);
    const usual = assetTerms(chain, contract, asset, { minDeposit: amount(1_000n), maxDeposit });
    const terms = { ...usual, minLifetime, maxLifetime, closingMargin };
    const world = await ChannelWorld.open(embedded(regtest, verifier), { terms, indexer: instead?.(indexer) ?? indexer });
    indexer.issue(ownerScript, world.deposit * 2n);
    return new AssetShop(regtest, world, indexer);
  }

  /** The coins of a channel, in a block; nobody has sent any of the asset yet. */
  async planned(): Promise<ChannelId> {
    const { agent, payee } = this.world;
    const offer = await this.world.offer();
    const limits = { expiryIn: offer.contract.expiryIn, asset, depth: this.world.coin.channel.buried };
    const state = must(await agent.plan(offer, await this.world.expiryIn(offer, LIFE), await this.world.freshScript(), limits));
    const { reply } = must(await agent.fund(state.channel, this.world.deposit, payee));
    assert.equal(reply.kind, 'provisional');
    await this.world.mine(1);
    return state.channel;
  }

  /** Sends so much of the asset to a script, from whoever has it before. */
  async bring(to: Uint8Array, quantity: bigint): Promise<void> {
    const { txid, transaction } = this.regtest.fund(ownerScript, amount(10_000_000n)) ?? assert.fail();
    const [output] = transaction.outputs;
    const from = { txid, vout: 0 };
    const { dust } = this.world.coin.policy;
    const outputs = [
      { value: dust, script: to },
      ...counterparty.outputs({ asset: asset.number, quantity }, txid),
      { value: (output?.value ?? 0n) - dust - 100_000n, script: ownerScript },
    ];
    const bare: Transaction = {
      version: 1,
      inputs: [{ outpoint: from, script: new Uint8Array(), sequence: 0xffff_ffff }],
      outputs,
      lockTime: 0,
    };
    const signature = encodeSignature(owner.sign(signatureHash(bare, 0, ownerScript, SIGHASH.ALL)), SIGHASH.ALL);
    const signed = { ...bare, inputs: bare.inputs.map((input) => ({ ...input, script: script(signature, owner.publicKey) })) };
    await this.send(signed);
    await this.world.mine(1);
  }

  async send(transaction: Transaction): Promise<void> {
    assert.deepEqual(await this.world.chain.broadcast(transaction), { kind: 'accepted' });
  }

  async scriptOf(channel: ChannelId): Promise<Uint8Array> {
    const { terms } = await this.world.payer(channel);
    return terms.contract.outputScript(terms);
  }

  /** An open channel, of which so many prices were paid. */
  async channel(times: number): Promise<ChannelId> {
    const channel = await this.planned();
    await this.bring(await this.scriptOf(channel), this.world.deposit);
    await this.world.mine(this.world.coin.channel.buried - 1);
    assert.equal(must(await this.world.agent.announce(channel, this.world.payee)).reply.kind, 'accepted');
    await this.world.buy(channel, times);
    return channel;
  }

  async giveBack(channel: ChannelId, times: bigint): Promise<void> {
    const { merchant, price, agent, payee } = this.world;
    must(await merchant.giveBack(channel, amount(price * times), `${orders++}`));
    must(await agent.refresh(channel, payee));
  }

  balance(at: Uint8Array): Promise<bigint> {
    return this.indexer.balance(asset, at);
  }

  /** What payee and payer have got in the end, and what still lies at the deposit's script. */
  async shares(channel: ChannelId): Promise<readonly bigint[]> {
    const { returnScript } = await this.world.payer(channel);
    return Promise.all([this.world.payeeScript, returnScript, await this.scriptOf(channel)].map((one) => this.balance(one)));
  }

  closeOf({ terms, deposits, best, keyName }: PayeeState): Transaction {
    const signer = this.world.keys.payee.signer(keyName);
    const payout = { script: terms.payeeScript, feeRate: terms.coin.policy.feeRate };
    return must(terms.contract.close([{ terms, deposits, payment: best ?? assert.fail('nothing was paid'), signer }], payout));
  }

  /** Mines until what the close holds can be paid out, and some blocks more for what follows of that. */
  async payOut(channel: ChannelId): Promise<void> {
    const { terms } = await this.world.payeeState(channel);
    await this.world.mine((terms.revocation?.payoutDelay ?? 0) + 1);
    for (let i = 0; i < 3; i++) await this.world.mine(1);
  }
}

function shows({ inputs }: Transaction, secret: Uint8Array): boolean {
  return inputs.some((input) => bytesToHex(input.script).includes(bytesToHex(secret)));
}

describe('a channel that holds an asset', () => {
  test('is paid in, closes, is paid out when the close is buried; and the payer has the rest by the secret that shows, before the expiry', async () => {
    const shop = await AssetShop.open();
    const { world } = shop;
    const channel = await shop.channel(5);
    await world.buy(channel, 1);
    const paid = world.price * 6n;
    const close = await world.close(channel);
    await world.mine(1);
    const { terms } = await world.payeeState(channel);
    assert.deepEqual(await shop.shares(channel), [0n, 0n, world.deposit - paid]);
    assert.deepEqual(close.outputs.at(-1)?.script, await shop.scriptOf(channel), 'the rest stays where it was');
    await world.mine(buried);
    assert.deepEqual(await shop.shares(channel), [0n, 0n, world.deposit - paid], 'nothing shown, nothing taken');
    await shop.payOut(channel);
    assert.ok((await world.chain.tip()).height < terms.expiry);
    assert.deepEqual(await shop.shares(channel), [paid, world.deposit - paid, 0n]);
    await world.bury();
    const [payee, payer] = [await world.payeeState(channel), await world.payer(channel)];
    assert.ok(payee.kind === 'ended' && payer.kind === 'ended');
    assert.deepEqual([payee.how, payee.received, payer.how, payer.returned], ['closed', paid, 'closed', world.deposit - paid]);
  });

  test('all of it can be paid, but no deposit added; only coins are left in the end, and come back', async () => {
    const shop = await AssetShop.open();
    const { world } = shop;
    const channel = await shop.channel(0);
    assertRefused(await world.agent.fund(channel, world.deposit, world.payee), 'deposit-too-many');
    await world.payUpTo(channel, world.deposit);
    assertRefused(await world.agent.pay(channel, { amount: amount(1n) }, world.payee), 'total-above-capacity');
    await world.close(channel);
    await world.mine(1);
    await shop.payOut(channel);
    await world.bury();
    assert.deepEqual(await shop.shares(channel), [world.deposit, 0n, 0n]);
    const payer = await world.payer(channel);
    assert.ok(payer.kind === 'ended' && payer.how === 'closed' && payer.returned === 0n);
    assert.equal(await world.chain.output({ txid: payer.transactions[0]?.inputs[0]?.outpoint.txid ?? assert.fail(), vout: 0 }), undefined);
  });

  test('the payee shows the spend secret nowhere before its close is buried: who had it before could take all in a reorganisation', async () => {
    const shop = await AssetShop.open();
    const { world, regtest } = shop;
    const channel = await shop.channel(5);
    const { terms, deposits, keyName } = await world.payeeState(channel);
    const secret = spendSecret(world.keys.payee.signer(keyName));
    const close = await world.close(channel);
    const from = regtest.tip.height + 1;
    await world.mine(buried);
    assert.ok(!regtest.pool.entries().some((one) => shows(one.transaction, secret)), 'none waits');
    for (let at = from; at <= regtest.tip.height; at++) {
      assert.ok(!regtest.block(at)?.transactions.some(({ transaction }) => shows(transaction, secret)), `block ${at}`);
    }
    // Were it out, and the close undone, nothing would hold the payer back.
    const thief = { script: p2pkh(keyNumber(7_001).publicKey), feeRate: coin.policy.feeRate };
    const payerKey = world.keys.payer.signer((await world.payer(channel)).keyName);
    const theft = must(revocableCsv.change?.take(terms, deposits, secret, thief, payerKey) ?? assert.fail());
    await world.subject.invalidate(await world.blockOf(close));
    assert.equal(regtest.mineBlock([theft]).kind, 'mined');
    assert.equal(await shop.balance(thief.script), world.deposit);
  });

  test('a close moves what was signed and no more, from the one deposit, whatever other coins lie at its script', async () => {
    const shop = await AssetShop.open();
    const { world } = shop;
    const channel = await shop.channel(3);
    const state = await world.payeeState(channel);
    const { terms, deposits, best, keyName } = state;
    const payment = best ?? assert.fail();
    const closes = [shop.closeOf(state)];
    await world.buy(channel, 1);
    closes.push(shop.closeOf(await world.payeeState(channel)));
    for (const { inputs, outputs } of closes) {
      assert.deepEqual([inputs.map(({ outpoint }) => outpoint), outputs.length], [[deposits[0]?.outpoint], 3]);
    }
    assert.deepEqual(
      closes.map((close) => counterparty.read(close)),
      [3n, 4n].map((times) => ({ asset: asset.number, quantity: world.price * times, to: 0 })),
    );
    const more = { ...payment, total: amount(payment.total + 1n) };
    assertRefused(revocableCsv.verify(terms, deposits, more, undefined, verifier.verify), 'signature-wrong');
    must(revocableCsv.verify(terms, deposits, payment, undefined, verifier.verify));
    const filler = { outpoint: { txid: transactionId(closes[0] ?? assert.fail()), vout: 0 }, value: world.price, signer: owner };
    const closing = { terms, deposits, payment, signer: world.keys.payee.signer(keyName) };
    const payout = { script: terms.payeeScript, feeRate: coin.policy.feeRate };
    assertRefused(revocableCsv.close([closing], payout, [filler]), 'contract-unfit', 'another input is another source');
    must(revocableCsv.close([closing], payout));
    assertRefused(await world.agent.end(channel, world.payee), 'contract-unfit', 'one receiver');
    await world.buy(channel, 1);
  });

  test('without a payment all goes back by its age, and not before', async () => {
    const shop = await AssetShop.open();
    const { world } = shop;
    const channel = await shop.channel(0);
    const at = await world.refundAt(channel);
    await world.mineBefore(at);
    assert.deepEqual(await shop.shares(channel), [0n, 0n, world.deposit]);
    await world.mine(1);
    await world.mine(1);
    assert.deepEqual(await shop.shares(channel), [0n, world.deposit, 0n]);
    await world.bury();
    const payer = await world.payer(channel);
    assert.deepEqual(payer.kind === 'ended' && [payer.how, payer.returned], ['refunded', world.deposit]);
  });
});

describe('what a payer says that it brings', () => {
  test('is not believed: the channel opens when the payee’s own indexer knows as much, and so deep that nothing will undo it', async () => {
    const shop = await AssetShop.open();
    const { world } = shop;
    const channel = await shop.planned();
    const reason = async (): Promise<unknown> => {
      const { reply } = must(await world.agent.announce(channel, world.payee));
      return reply.kind === 'provisional' ? reply.waitingFor.code : reply.kind;
    };
    assert.equal(await reason(), 'funding-unconfirmed');
    await world.mine(buried);
    assert.equal(await reason(), 'asset-missing', 'nothing was brought');
    await shop.bring(await shop.scriptOf(channel), world.deposit - 1n);
    await world.mine(buried);
    assert.equal(await reason(), 'asset-missing', 'one less than was said');
    await shop.bring(await shop.scriptOf(channel), 1n);
    await world.mine(buried - 2);
    assert.equal(await reason(), 'asset-missing', 'not so deep yet');
    assert.equal(await world.merchant.engine.get(channel), undefined);
    await world.mine(1);
    assert.equal(await reason(), 'accepted');
  });

  test('is asked of an indexer: no merchant opens without one', () => {
    const terms = assetTerms(coin, revocableCsv, asset, { minDeposit: amount(1n), maxDeposit: amount(2n) });
    const chain = embedded(new Regtest({ coin, verify: verifier.verify }), verifier);
    return assert.rejects(ChannelWorld.open(chain, { terms }), /an indexer|Nobody can say/);
  });

  test('would be worth nothing to a merchant that believed it', async () => {
    const shop = await AssetShop.open(() => ({ holding: async () => ({ quantity: 10n ** 18n, oldest: 0 }) }));
    const { world } = shop;
    const channel = await shop.planned();
    await world.mine(buried);
    assert.equal(must(await world.agent.announce(channel, world.payee)).reply.kind, 'accepted', 'the fault: nobody was asked');
    await world.buy(channel, 3);
    await world.close(channel);
    await world.mine(1);
    await shop.payOut(channel);
    assert.deepEqual(await shop.shares(channel), [0n, 0n, 0n], 'paid in full, and with nothing');
  });

  test('opens nothing while another coin at the script would open before the expiry: it could move the asset', async () => {
    const old: { depth?: number } = {};
    const shop = await AssetShop.open((indexer) => ({
      holding: async (...asked) => {
        const there = await indexer.holding(...asked);
        return { ...there, oldest: Math.max(there.oldest, old.depth ?? 0) };
      },
    }));
    const { world } = shop;
    const channel = await shop.planned();
    await shop.bring(await shop.scriptOf(channel), world.deposit);
    await world.mine(buried);
    old.depth = 1_000;
    assertRefused(await world.agent.announce(channel, world.payee), 'funding-too-old');
    delete old.depth;
    assert.equal(must(await world.agent.announce(channel, world.payee)).reply.kind, 'accepted');
  });

  test('an offer in an asset is taken by nobody who has not named that asset', async () => {
    const shop = await AssetShop.open();
    const offer = await shop.world.offer();
    const plan = async (wanted: typeof asset | undefined): Promise<unknown> => {
      const limits = { expiryIn: offer.contract.expiryIn, depth: buried, ...(wanted && { asset: wanted }) };
      return shop.world.agent.plan(offer, await shop.world.expiryIn(offer, LIFE), await shop.world.freshScript(), limits);
    };
    for (const wanted of [undefined, assetNamed('counterparty:XCP')]) assertRefused(await plan(wanted), 'offer-excessive');
    assert.ok(!isRefusal(await plan(asset)));
  });
});

/** A payout of the payee's that spends another coin at the script of a close than what the close pays there, and so moves what that has moved there. */
function besideOf(shop: AssetShop, { terms, keyName }: PayeeState, close: Transaction, beside: HeldOutput): Transaction {
  const { revocation } = terms.contract;
  const quantity = amount(counterparty.read(close)?.quantity ?? 0n);
  const signer = shop.world.keys.payee.signer(keyName);
  const payout = { script: terms.payeeScript, feeRate: terms.coin.policy.feeRate };
  return must(revocation?.payout(terms, [{ ...beside, value: quantity, coins: beside.value }], payout, signer) ?? assert.fail());
}

/** A coin that the payee has laid at the script of its next close, older than any delay. */
async function laid(shop: AssetShop, { terms, best }: PayeeState): Promise<HeldOutput> {
  const hash = best?.hash ?? assert.fail('it is paid under a hash');
  const value = amount(100_000_000n);
  const { txid } = shop.regtest.fund(terms.contract.paysTo(terms, hash), value) ?? assert.fail();
  await shop.world.mine(AGED);
  return { outpoint: { txid, vout: 0 }, value, hash };
}

describe('an asset that is given back', () => {
  for (const chain of [litecoinRegtest, dogecoinRegtest]) {
    test(`is the payer’s: a revoked close is punished, though another coin has lain at its script long before, ${chain.id}`, async () => {
      const shop = await AssetShop.open(undefined, revocable, chain);
      const { world } = shop;
      const channel = await shop.channel(9);
      const before = await world.payeeState(channel);
      const old = shop.closeOf(before);
      const beside = await laid(shop, before);
      await shop.giveBack(channel, 8n);
      await shop.send(old);
      const theft = besideOf(shop, before, old, beside);
      assert.equal((await world.chain.broadcast(theft)).kind, 'non-final', 'a height opens for no coin earlier');
      for (let i = 0; i < 3; i++) await world.mine(1);
      const revoked = world.price * 9n;
      assert.deepEqual(await shop.shares(channel), [0n, revoked, world.deposit - revoked]);
      await world.mineTo(before.terms.expiry);
      for (let i = 0; i < 3; i++) await world.mine(1);
      await world.bury();
      assert.deepEqual(await shop.shares(channel), [0n, world.deposit, 0n]);
      const payer = await world.payer(channel);
      assert.deepEqual(payer.kind === 'ended' && [payer.how, payer.returned], ['punished', world.deposit]);
    });
  }

  test('and what is left is closed, and paid out at its height; the rest is refunded from the expiry on', async () => {
    const shop = await AssetShop.open(undefined, revocable);
    const { world } = shop;
    const channel = await shop.channel(5);
    await shop.giveBack(channel, 2n);
    await world.buy(channel, 1);
    const paid = world.price * 4n;
    await world.close(channel);
    await world.mine(1);
    const { terms } = await world.payeeState(channel);
    await world.mineTo(terms.expiry);
    for (let i = 0; i < 2; i++) await world.mine(1);
    assert.deepEqual(await shop.shares(channel), [0n, world.deposit - paid, 0n]);
    await world.mineTo(revocable.revocation?.payoutAt(terms) ?? assert.fail());
    for (let i = 0; i < 2; i++) await world.mine(1);
    assert.deepEqual(await shop.shares(channel), [paid, world.deposit - paid, 0n]);
    await world.bury();
    const [payee, payer] = [await world.payeeState(channel), await world.payer(channel)];
    assert.ok(payee.kind === 'ended' && payer.kind === 'ended');
    assert.deepEqual([payee.how, payee.received, payer.how, payer.returned], ['closed', paid, 'closed', world.deposit - paid]);
  });

  test('never where payouts open by age: there such a coin would take what was given back in the block of the revoked close', async () => {
    const shop = await AssetShop.open();
    const { world, regtest } = shop;
    const channel = await shop.channel(9);
    const state = await world.payeeState(channel);
    assertRefused(await world.merchant.giveBack(channel, world.price, 'one'), 'contract-one-way');
    const order = { kind: 'take-back', total: world.price, hash: new Uint8Array(20).fill(1) } as const;
    assertRefused(await world.agent.engine.drive(channel, order), 'contract-one-way', 'nor does a payer that is told to');
    const beside = await laid(shop, state);
    const close = shop.closeOf(state);
    const theft = besideOf(shop, state, close, beside);
    assert.equal(regtest.mineBlock([close, theft]).kind, 'mined');
    assert.equal(await shop.balance(world.payeeScript), world.price * 9n, 'no block is left to punish it in');
  });
});
