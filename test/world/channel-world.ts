import assert from 'node:assert/strict';
import { type Amount, amount, subtract } from '../../src/core/base/amount.ts';
import { type ChannelId, equalBytes, type TxId } from '../../src/core/base/bytes.ts';
import { after, type Height, isTime, type LockTime } from '../../src/core/base/height.ts';
import { blocksOn, type ChainTime, certain, present } from '../../src/core/base/lock-time.ts';
import { isRefusal } from '../../src/core/base/refusal.ts';
import { type ActivePayee, isActive, type PayeeState } from '../../src/core/channel/payee-state.ts';
import type { PayerState } from '../../src/core/channel/payer-state.ts';
import type { Coin } from '../../src/core/coin/coin.ts';
import type { Contract, Deposit, Filler } from '../../src/core/contract/contract.ts';
import type { Offer, Request } from '../../src/core/message/message.ts';
import { addressOf, scriptOf } from '../../src/core/tx/address.ts';
import { p2pkh } from '../../src/core/tx/script.ts';
import { signer } from '../../src/core/tx/sign.ts';
import { sameOutpoint, type Transaction, transactionId } from '../../src/core/tx/transaction.ts';
import type { Chain, Clock, Connection, KeyRing } from '../../src/engine/ports.ts';
import type { Verifier } from '../../src/engine/verifier.ts';
import type { Merchant } from '../../src/merchant/merchant.ts';
import type { Agent } from '../../src/payer/agent.ts';
import type { Wallet } from '../../src/wallet/wallet.ts';
import { DEPTH, openSides, priceOn, random, type Sides, type SidesOptions } from './channel-sides.ts';
import { must } from './sample.ts';
import { SHORT } from './short-terms.ts';
import { wire } from './wire.ts';

/** A regtest chain of its own, past the height where the coin's rules bind blocks, with a wallet that can pay. */
export interface ChannelSubject {
  readonly chain: Chain;
  /** Mines blocks that were never mined before, out of the mempool. */
  readonly mine: (blocks: number) => Promise<void>;
  /** Pays to an address; the transaction waits in the mempool. */
  readonly fund: (address: string, value: Amount) => Promise<TxId>;
  /** Takes a block and all above it off the best chain; what they held goes back to the mempool. */
  readonly invalidate: (hash: string) => Promise<void>;
  /** Sets the node's clock to a Unix time in seconds, or lets it run again (0). */
  readonly setTime: (seconds: number) => Promise<void>;
  readonly verifier: Verifier;
}

/** Blocks by which the median of eleven is behind the tip. */
const MEDIAN_DELAY = 5;
/** Longer than any node's mempool keeps a transaction. */
const FORGETTING_SECONDS = 15 * 24 * 3600;

/** The code of a refusal; fails when there was none. */
export function codeOf(value: unknown): string {
  return isRefusal(value) ? value.code : assert.fail('not refused');
}

/** A merchant and a payer with money, who meet on the subject's chain and know only what goes over the wire. */
export class ChannelWorld {
  readonly subject: ChannelSubject;
  readonly coin: Coin;
  readonly chain: Chain;
  /** What the one thing for sale costs: twice dust, so that the first payment covers its own close. */
  readonly price: Amount;
  /** Worth 1,000 purchases. */
  readonly deposit: Amount;
  readonly merchant: Merchant;
  readonly agent: Agent;
  readonly wallet: Wallet;
  readonly payee: Connection;
  readonly payeeScript: Uint8Array;
  /** What blocks led to, in order: `payee: accepted` for a broadcast, or a refusal's code. */
  readonly events: string[];
  /** Everything the payer has sent. */
  readonly sent: Request[] = [];
  /** The keys of both sides, for what a test does by hand. */
  readonly keys: { readonly payer: KeyRing; readonly payee: KeyRing };
  /** Who reads the chain after every block. A payee taken out of here is gone: it sees nothing, and so does nothing. */
  readonly watching: Map<'wallet' | 'payee' | 'payer', () => Promise<unknown>>;

  readonly #clock: Clock;

  private constructor(subject: ChannelSubject, sides: Sides) {
    this.#clock = sides.clock;
    this.subject = subject;
    this.chain = subject.chain;
    this.coin = subject.chain.coin;
    this.price = priceOn(this.coin);
    this.deposit = amount(this.price * 1000n);
    this.merchant = sides.merchant;
    this.agent = sides.agent;
    this.wallet = sides.wallet;
    this.payeeScript = sides.payeeScript;
    this.events = sides.events;
    this.keys = sides.keys;
    this.watching = new Map<'wallet' | 'payee' | 'payer', () => Promise<unknown>>([
      ['wallet', () => this.wallet.sync()],
      ['payee', this.merchant.engine.follower.poll],
      ['payer', this.agent.poll],
    ]);
    this.payee = wire(sides.merchant, this.sent);
  }

  /** A fresh merchant and a fresh payer; the payer's wallet gets its money from the node. */
  static async open(subject: ChannelSubject, options: SidesOptions = {}): Promise<ChannelWorld> {
    const world = new ChannelWorld(subject, await openSides(subject.chain, subject.verifier, options));
    await subject.fund(await world.wallet.receiveAddress(), amount(world.deposit * 3n));
    await world.mine(1);
    return world;
  }

  /** Mines, and lets everybody see it. */
  async mine(blocks: number): Promise<void> {
    if (blocks > 0) await this.subject.mine(blocks);
    await this.look();
  }

  async look(): Promise<void> {
    for (const read of this.watching.values()) await read();
  }

  /** Mines until one block is missing for a lock to open; blocks that come now bear a time just past it. */
  async mineBefore(lock: LockTime): Promise<void> {
    const { height: now } = await this.chain.tip();
    if (isTime(lock)) await this.subject.setTime(lock + 1);
    const blocks = isTime(lock) ? MEDIAN_DELAY : lock - 1 - now;
    assert.ok(blocks >= 0, `the chain is at ${now}, past ${lock}`);
    await this.mine(blocks);
  }

  /** The block that an output is in, as long as it is unspent. */
  async minedAt({ outpoint }: Deposit): Promise<Height> {
    const { depth } = (await this.chain.output(outpoint)) ?? assert.fail('it is unspent');
    return after((await this.chain.tip()).height, 1 - depth);
  }

  /** The first height, or time, at which nodes take the refund of a channel's first deposit. */
  async refundAt(channel: ChannelId): Promise<LockTime> {
    const { terms, deposits } = await this.payer(channel);
    return terms.contract.refundAt(terms, await this.minedAt(deposits[0] ?? assert.fail('a deposit')));
  }

  /** Mines until a lock opens. */
  async mineTo(lock: LockTime): Promise<void> {
    if (certain(lock, await this.now()) >= lock) return this.look();
    await this.mineBefore(lock);
    await this.mine(1);
  }

  async now(): Promise<ChainTime> {
    const { tip, medianTime } = await this.chain.status();
    return { tip: tip.height, medianTime: Math.floor(medianTime / 1000), now: this.#clock.now() };
  }

  /** The expiry so many blocks away, where the offer leaves a choice. */
  async expiryIn(offer: Offer, blocks: number): Promise<LockTime> {
    return offer.minExpiry === offer.maxExpiry ? offer.minExpiry : this.lockIn(offer.contract, blocks);
  }

  /** The lock, of the contract's kind, that is so many blocks away. */
  async lockIn(contract: Contract, blocks: number): Promise<LockTime> {
    return after(present(contract.expiresBy, await this.now()), blocksOn(contract.expiresBy, blocks, this.coin.blockSeconds));
  }

  async offer(): Promise<Offer> {
    const offer = must(await this.payee.exchange({ kind: 'offer-request' }));
    return offer.kind === 'offer' ? offer : assert.fail(offer.kind);
  }

  /** Seed steps 1 to 4, with the payee's answers checked: provisional while the deposit is fresh, accepted once it is deep enough. */
  async openChannel(lifetime: number = SHORT.minLifetime + 200): Promise<ChannelId> {
    const offer = await this.offer();
    const { channel } = must(
      await this.agent.plan(offer, await this.expiryIn(offer, lifetime), await this.freshScript(), { expiryIn: offer.contract.expiryIn }),
    );
    const funded = must(await this.agent.fund(channel, this.deposit, this.payee));
    assert.deepEqual([funded.state.kind, funded.reply.kind], ['funding', 'provisional']);
    assert.equal(codeOf(await this.agent.pay(channel, { amount: this.price }, this.payee)), 'channel-not-open');
    assert.equal(await this.merchant.engine.get(channel), undefined);
    await this.mine(DEPTH);
    const accepted = must(await this.agent.announce(channel, this.payee));
    assert.deepEqual([accepted.state.kind, accepted.reply.kind], ['open', 'accepted']);
    return channel;
  }

  async freshScript(): Promise<Uint8Array> {
    return scriptOf(this.coin, await this.wallet.receiveAddress()) ?? assert.fail('a wallet has addresses');
  }

  /** Seed steps 5 to G: asks what the item costs, pays the invoice, checks the receipt. */
  async buy(channel: ChannelId, times = 1): Promise<void> {
    for (let i = 0; i < times; i++) {
      const invoice = must(await this.agent.invoice(channel, 'tea', this.payee));
      const { reply } = must(await this.agent.pay(channel, { ...invoice, most: invoice.amount }, this.payee));
      assert.equal(reply.kind === 'receipt' && reply.invoice, invoice.id);
    }
  }

  /** Pays on to a total, as credit. */
  async payUpTo(channel: ChannelId, total: bigint): Promise<void> {
    const paid = (await this.payer(channel)).best?.total ?? 0n;
    const { reply } = must(await this.agent.pay(channel, { amount: amount(total - paid) }, this.payee));
    assert.equal(reply.kind === 'receipt' && reply.total, total);
  }

  /** Adds a second deposit to an open channel; it counts once it is deep enough. */
  async topUp(channel: ChannelId): Promise<void> {
    const { reply } = must(await this.agent.fund(channel, this.deposit, this.payee));
    assert.equal(reply.kind, 'provisional');
    await this.mine(DEPTH);
    const { reply: answer, state } = must(await this.agent.announce(channel, this.payee));
    assert.equal(answer.kind === 'accepted' && answer.capacity, this.deposit * 2n);
    assert.deepEqual([state.deposits.length, state.offered.length], [2, 0]);
  }

  async payer(channel: ChannelId): Promise<PayerState> {
    return (await this.agent.engine.get(channel)) ?? assert.fail('the payer has no such channel');
  }

  async payeeState(channel: ChannelId): Promise<PayeeState> {
    return (await this.merchant.engine.get(channel)) ?? assert.fail('the payee has no such channel');
  }

  async active(channel: ChannelId): Promise<ActivePayee> {
    const state = await this.payeeState(channel);
    return isActive(state) ? state : assert.fail(state.kind);
  }

  /** The payee's own close, taken by the node; a child may go with it. */
  async close(channel: ChannelId): Promise<Transaction> {
    const { broadcasts } = must(await this.merchant.close(channel));
    for (const { outcome } of broadcasts) assert.deepEqual(outcome, { kind: 'accepted' });
    return broadcasts[0]?.transaction ?? assert.fail('nothing was broadcast');
  }

  /** Mines until what is under way is over for good on both sides. */
  async bury(): Promise<void> {
    await this.mine(this.coin.channel.buried);
  }

  /** A mined P2PKH coin that the payee has besides the channel. */
  async payeeCoin(): Promise<Filler> {
    const own = signer(random.bytes(32));
    const script = p2pkh(own.publicKey);
    const txid = await this.subject.fund(addressOf(this.coin, script) ?? '', this.price);
    await this.mine(1);
    const outputs = (await this.chain.transaction(txid))?.transaction.outputs ?? [];
    const vout = outputs.findIndex((output) => equalBytes(output.script, script));
    assert.notEqual(vout, -1);
    return { outpoint: { txid, vout }, value: this.price, signer: own };
  }

  paidTo(transaction: Transaction, script: Uint8Array): bigint {
    return transaction.outputs.filter((output) => equalBytes(output.script, script)).reduce((sum, { value }) => sum + value, 0n);
  }

  /** What the deposits are worth that `transaction` spends, less its outputs. */
  feeOf({ deposits }: PayeeState, transaction: Transaction): Amount {
    const spent = deposits.filter(({ outpoint }) => transaction.inputs.some((input) => sameOutpoint(input.outpoint, outpoint)));
    const taken = transaction.outputs.reduce((sum, { value }) => sum + value, 0n);
    return subtract(amount(spent.reduce((sum, { value }) => sum + value, 0n)), amount(taken));
  }

  /** The hash of the block in which a transaction with an unspent output was mined. */
  async blockOf(transaction: Transaction): Promise<string> {
    const depth = (await this.chain.transaction(transactionId(transaction)))?.depth ?? 0;
    assert.ok(depth > 0, 'the transaction is not mined');
    const block = await this.chain.block(after((await this.chain.tip()).height, 1 - depth));
    return block?.hash ?? assert.fail('no such block');
  }

  /** Has the node forget its mempool as if it had lain there too long. Nodes look through theirs when something new comes in. */
  async forgetMempool(): Promise<void> {
    const now = Math.floor((await this.chain.status()).medianTime / 1000);
    await this.subject.setTime(now + FORGETTING_SECONDS);
    await this.subject.fund(addressOf(this.coin, this.payeeScript) ?? '', this.price);
    await this.subject.setTime(now);
  }
}
