import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Regtest } from '../src/chain/regtest/regtest.ts';
import { type Amount, amount } from '../src/core/base/amount.ts';
import type { ChannelId } from '../src/core/base/bytes.ts';
import { isRefusal } from '../src/core/base/refusal.ts';
import type { LockFate } from '../src/core/channel/payer-locks.ts';
import { dogecoinRegtest } from '../src/core/coin/dogecoin.ts';
import { cltvMultisig } from '../src/core/contract/cltv-multisig.ts';
import type { Invoice } from '../src/core/message/message.ts';
import { fastestVerifier } from '../src/engine/verifier.ts';
import { ChannelWorld } from './world/channel-world.ts';
import { embedded } from './world/embedded.ts';
import { fixed, HubWorld } from './world/hub-world.ts';
import { assertRefused, must } from './world/sample.ts';

const verifier = await fastestVerifier();
const MINUTE = 60_000;

type Hashed = Invoice & Required<Pick<Invoice, 'hash'>>;

/** A payee, and somebody who pays it what is pending in its own channel, as a hub does. */
class Paid {
  readonly world: ChannelWorld;
  readonly channel: ChannelId;
  readonly clock: { offset: number; now: () => number };

  private constructor(world: ChannelWorld, channel: ChannelId, clock: Paid['clock']) {
    this.world = world;
    this.channel = channel;
    this.clock = clock;
  }

  static async open(): Promise<Paid> {
    const clock = { offset: 0, now: () => 1_700_000_000_000 + clock.offset };
    const regtest = new Regtest({ coin: dogecoinRegtest, verify: verifier.verify });
    regtest.mine(1_360);
    const world = await ChannelWorld.open(embedded(regtest, verifier), { terms: { contract: cltvMultisig, signing: fixed }, clock });
    return new Paid(world, await world.openChannel(), clock);
  }

  async asked(): Promise<Hashed> {
    const reply = await this.world.payee.exchange({ kind: 'invoice-request', channel: this.channel, item: 'tea', isPending: true });
    const { hash, ...invoice } = reply.kind === 'invoice' ? reply : assert.fail(reply.kind);
    return { ...invoice, hash: hash ?? assert.fail('a hash') };
  }

  async locked(
    { id, hash, amount: price }: Hashed,
    more: { readonly id?: string; readonly amount?: Amount } = {},
  ): Promise<LockFate | string> {
    const { terms } = await this.world.payer(this.channel);
    const expiry = terms.contract.hashLocks?.leastExpiry(terms) ?? assert.fail();
    const lock = { amount: more.amount ?? price, hash, expiry };
    const fate = await this.world.agent.lock(this.channel, { lock, invoice: more.id ?? id }, this.world.payee);
    return isRefusal(fate) ? fate.code : fate;
  }
}

function isPaid(fate: LockFate | string): boolean {
  return typeof fate !== 'string' && fate.kind === 'revealed';
}

describe('an invoice with a hash', () => {
  test('who asks for hundreds stops nobody’s payment, and makes the payee store nothing', async () => {
    const world = await HubWorld.open();
    const purchase = await world.lock();
    const ask = { kind: 'invoice-request', channel: world.outgoing, item: 'tea', isPending: true } as const;
    const others = await Promise.all(Array.from({ length: 200 }, async () => must(await world.far.payee.exchange(ask))));
    for (const other of others) {
      const { id } = other.kind === 'invoice' ? other : assert.fail(other.kind);
      assert.equal(await world.far.merchant.invoices.find(id), undefined);
    }
    assert.equal((await world.look(purchase)).kind, 'paid');
    const kept = await world.far.merchant.invoices.find(purchase.invoice.id);
    assert.equal(kept?.invoice.item, 'tea', 'what was paid is kept');
  });

  test('is paid until it expires, and not after', async () => {
    for (const [late, code] of [
      [0, undefined],
      [2 * MINUTE, 'invoice-expired'],
    ] as const) {
      const paid = await Paid.open();
      const invoice = await paid.asked();
      paid.clock.offset = 9 * MINUTE;
      await paid.world.look();
      paid.clock.offset += late;
      const fate = await paid.locked(invoice);
      assert.ok(code === undefined ? isPaid(fate) : fate === code, String(fate));
    }
  });

  test('under an id that says more than the payee did, it buys nothing: a later end, another item, another number', async () => {
    for (const at of [0, 3, 4, 9, 10, 15]) {
      const paid = await Paid.open();
      const invoice = await paid.asked();
      const changed = Buffer.from(invoice.id, 'hex');
      changed[at] = (changed[at] ?? 0) + 1;
      assert.equal(await paid.locked(invoice, { id: changed.toString('hex') }), 'invoice-unknown');
      assert.ok(isPaid(await paid.locked(await paid.asked())), 'and the true one does');
    }
  });

  test('for less than its price it buys nothing, and twice it buys once', async () => {
    const paid = await Paid.open();
    const invoice = await paid.asked();
    assert.equal(await paid.locked(invoice, { amount: amount(invoice.amount - 1n) }), 'invoice-unmet');
    const other = await paid.asked();
    assert.ok(isPaid(await paid.locked(other)));
    must(await paid.world.agent.settle(paid.channel, [other.hash], paid.world.payee));
    const again = await paid.locked(other);
    assert.ok(again === 'lock-repeated' || again === 'invoice-paid', String(again));
  });

  test('is paid by nothing but what is pending under its hash', async () => {
    const paid = await Paid.open();
    const invoice = await paid.asked();
    const { world, channel } = paid;
    const { terms, deposits, keyName } = await world.payer(channel);
    const total = amount(invoice.amount * 2n);
    const payment = must(terms.contract.sign(terms, deposits, total, world.keys.payer.signer(keyName)));
    assertRefused(await world.merchant.pay({ kind: 'payment', channel, payment, invoice: invoice.id }), 'invoice-unknown');
    assert.equal(must(await world.merchant.pay({ kind: 'payment', channel, payment })).kind, 'taken');
  });
});
