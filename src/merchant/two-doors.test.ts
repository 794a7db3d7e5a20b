import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { utf8ToBytes } from '@noble/hashes/utils.js';
import fc from 'fast-check';
import { opened } from '../../test/world/bitcoinj-channel.ts';
import type { BitcoinjPayer, PayerChannel } from '../../test/world/bitcoinj-payer.ts';
import type { BitcoinjWorld } from '../../test/world/bitcoinj-world.ts';
import { must } from '../../test/world/sample.ts';
import { amount } from '../core/base/amount.ts';
import { isRefusal } from '../core/base/refusal.ts';
import { creditOf } from '../core/channel/payee-state.ts';
import { proofFor } from '../core/message/key-proof.ts';
import type { Invoice, Pay } from '../core/message/message.ts';
import type { Store } from '../engine/ports.ts';

const DOGE = 100_000_000n;
const TEA = DOGE / 2n;

/** A disk whose commits wait until they are let through, one at a time or all. */
class HeldDisk {
  isHeld: boolean = false;
  readonly #waiting: (() => void)[] = [];

  readonly before = (disk: Store): Store => ({
    ...disk,
    commit: async (writes) => {
      if (this.isHeld) await new Promise<void>((resolve) => this.#waiting.push(resolve));
      return disk.commit(writes);
    },
  });

  get waiting(): number {
    return this.#waiting.length;
  }

  letOne(): void {
    this.#waiting.shift()?.();
  }

  letAll(): void {
    this.isHeld = false;
    for (const go of this.#waiting.splice(0)) go();
  }
}

/** One payer that comes in at both doors of one merchant, whose disk is slow. */
interface TwoDoors {
  readonly world: BitcoinjWorld;
  readonly payer: BitcoinjPayer;
  readonly channel: PayerChannel;
  readonly disk: HeldDisk;
  readonly signed: (total: bigint, invoice?: string) => Pay;
}

async function twoDoors(): Promise<TwoDoors> {
  const disk = new HeldDisk();
  const { world, payer, channel } = await opened({ store: disk.before });
  const { channel: id, terms, deposits } = await world.single();
  const signed = (total: bigint, invoice?: string): Pay => {
    const payment = must(terms.contract.sign(terms, deposits, amount(total), payer.signer));
    return { kind: 'payment', channel: id, payment, ...(invoice === undefined ? {} : { invoice }) };
  };
  return { world, payer, channel, disk, signed };
}

/** Lets everything run that waits for nothing but its turn. */
async function quiet(): Promise<void> {
  for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve));
}

function deliveredOverTcp({ told }: BitcoinjWorld): bigint {
  return told.reduce((sum, event) => (event.kind === 'paid' ? sum + event.by : sum), 0n);
}

async function invoiceFor({ world, payer }: TwoDoors): Promise<Invoice> {
  const { channel } = await world.single();
  const proof = proofFor('invoice-request', channel, world.regtest.tip.height, payer.signer);
  const invoice = await world.merchant.answer({ kind: 'invoice-request', channel, item: 'tea', proof });
  return invoice.kind === 'invoice' ? invoice : assert.fail(invoice.kind);
}

describe('one payment at two doors', () => {
  test('a total that is credit by one commit is sold for nothing by the other transport, however long that commit takes', async () => {
    const doors = await twoDoors();
    const { world, payer, channel, disk, signed } = doors;
    disk.isHeld = true;
    const credit = world.merchant.pay(signed(3n * DOGE));
    await quiet();
    assert.equal(disk.waiting, 1);
    await payer.say(payer.update(channel, 3n * DOGE, utf8ToBytes('tea')));
    await quiet();
    disk.letAll();
    const taken = must(await credit);
    assert.equal(taken.added, 3n * DOGE);
    assert.equal((await payer.hears('payment-ack')).info, undefined);
    assert.deepEqual(deliveredOverTcp(world), 0n);
    assert.equal(creditOf(await world.single()), 3n * DOGE);
    const { id } = await invoiceFor(doors);
    assert.equal(must(await world.merchant.pay(signed(3n * DOGE + 1n, id))).added, 1n);
    assert.equal(creditOf(await world.single()), 3n * DOGE + 1n - TEA);
  });

  test('a total that is sold by one commit is no credit for the other transport', async () => {
    const doors = await twoDoors();
    const { world, payer, channel, disk, signed } = doors;
    disk.isHeld = true;
    await payer.say(payer.update(channel, 3n * DOGE));
    await quiet();
    assert.equal(disk.waiting, 1);
    const credit = world.merchant.pay(signed(3n * DOGE));
    await quiet();
    disk.letAll();
    await payer.hears('payment-ack');
    assert.equal(must(await credit).added, 0n);
    assert.equal(deliveredOverTcp(world), 3n * DOGE);
    assert.equal(creditOf(await world.single()), 0n);
  });

  test('of equal increments at once one adds, and the others get its receipt', async () => {
    const { world, disk, signed } = await twoDoors();
    disk.isHeld = true;
    const all = Array.from({ length: 5 }, () => world.merchant.increment(signed(2n * DOGE)));
    await quiet();
    disk.letAll();
    const taken = (await Promise.all(all)).map(must);
    assert.deepEqual(taken.map(({ added }) => added).toSorted(), [0n, 0n, 0n, 0n, 2n * DOGE]);
    assert.equal(new Set(taken.map(({ receipt }) => receipt)).size, 1);
    assert.equal(must(await world.merchant.increment(signed(2n * DOGE))).added, 0n);
    assert.equal(must(await world.merchant.increment(signed(3n * DOGE))).added, DOGE);
  });

  test('of one invoice paid twice at once one adds, and a receipt of before adds nothing', async () => {
    const doors = await twoDoors();
    const { world, disk, signed } = doors;
    const { id } = await invoiceFor(doors);
    disk.isHeld = true;
    const both = [world.merchant.pay(signed(DOGE, id)), world.merchant.pay(signed(DOGE, id))];
    await quiet();
    disk.letAll();
    assert.deepEqual(
      (await Promise.all(both)).map((taken) => must(taken).added),
      [DOGE, 0n],
    );
  });

  test('payments in any order at both doors, on a disk that is slow in any way: what is delivered and what is credit is what was paid', async () => {
    const step = fc.oneof(
      fc.record({ door: fc.constant('tcp' as const), by: fc.bigInt(0n, 3n) }),
      fc.record({ door: fc.constant('http' as const), by: fc.bigInt(0n, 3n) }),
      fc.record({ door: fc.constant('invoice' as const), by: fc.bigInt(0n, 3n) }),
      fc.record({ door: fc.constant('increment' as const), by: fc.bigInt(0n, 3n) }),
      fc.record({ door: fc.constant('disk' as const), by: fc.bigInt(0n, 3n) }),
      fc.record({ door: fc.constant('turn' as const), by: fc.bigInt(0n, 3n) }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 4, maxLength: 24 }), async (steps) => {
        const { delivered, paid, credit } = await played(steps);
        assert.equal(delivered + credit, paid);
      }),
      { numRuns: 25 },
    );
  });
});

interface Played {
  readonly delivered: bigint;
  readonly credit: bigint;
  readonly paid: bigint;
}

/** Does one thing after the other without waiting for any, lets all of it come to an end, and counts. */
async function played(
  steps: readonly { readonly door: 'tcp' | 'http' | 'invoice' | 'increment' | 'disk' | 'turn'; readonly by: bigint }[],
): Promise<Played> {
  const doors = await twoDoors();
  const { world, payer, channel, disk, signed } = doors;
  const invoices = await Promise.all(Array.from({ length: 4 }, () => invoiceFor(doors)));
  disk.isHeld = true;
  let total = DOGE;
  let sold = 0n;
  const bought = new Set<string>();
  const open: Promise<unknown>[] = [];
  const sell = async (pay: Pay): Promise<void> => {
    const taken = await world.merchant.increment(pay);
    if (!isRefusal(taken)) sold += taken.added;
  };
  const buy = async (pay: Pay): Promise<void> => {
    const taken = await world.merchant.pay(pay);
    if (!isRefusal(taken) && taken.added > 0n && taken.receipt.invoice !== undefined) bought.add(taken.receipt.invoice);
  };
  for (const { door, by } of steps) {
    if (door === 'disk') disk.letOne();
    else if (door === 'turn') await quiet();
    else total += (by * DOGE) / 4n;
    if (door === 'tcp') open.push(payer.say(payer.update(channel, total)).catch(() => undefined));
    else if (door === 'http') open.push(buy(signed(total)));
    else if (door === 'invoice') open.push(buy(signed(total, invoices[Number(by)]?.id)));
    else if (door === 'increment') open.push(sell(signed(total)));
  }
  await quiet();
  disk.letAll();
  await Promise.all(open);
  for (let i = 0; i < 3; i++) await quiet();
  const state = await world.single();
  const delivered = deliveredOverTcp(world) + sold + BigInt(bought.size) * TEA;
  return { delivered, credit: creditOf(state), paid: state.best?.total ?? 0n };
}
