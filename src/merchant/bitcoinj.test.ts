import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { utf8ToBytes } from '@noble/hashes/utils.js';
import { isWorldError } from '../../test/conformance/suite/line.ts';
import { opened } from '../../test/world/bitcoinj-channel.ts';
import { BitcoinjWorld } from '../../test/world/bitcoinj-world.ts';
import { assertRefused, must } from '../../test/world/sample.ts';
import { amount } from '../core/base/amount.ts';
import { creditOf } from '../core/channel/payee-state.ts';
import { proofFor } from '../core/message/key-proof.ts';
import type { Reply } from '../core/message/message.ts';

const DOGE = 100_000_000n;

const LEAST = 14_400;
const MOST = 604_800;
const DEFAULT = 86_340;

/** Seconds that a channel is offered to live when a client asks for so many. */
async function offered(window: number | undefined): Promise<number> {
  const world = await BitcoinjWorld.open();
  return (await world.connect().ask(window)).expiry - world.seconds;
}

describe('the time window of a channel', () => {
  test('shouldAcceptDefaultTimeWindow', async () => {
    assert.equal(await offered(undefined), DEFAULT);
    assert.equal(await offered(DEFAULT), DEFAULT);
  });

  test('shouldTruncateTooSmallTimeWindow', async () => {
    for (const window of [0, 1, 7_200, LEAST - 1]) assert.equal(await offered(window), LEAST);
  });

  test('shouldTruncateTooLargeTimeWindow', async () => {
    for (const window of [MOST + 1, 2 ** 32, Number.MAX_SAFE_INTEGER]) assert.equal(await offered(window), MOST);
  });

  test('shouldAllowExactTimeWindow', async () => {
    for (const window of [LEAST, LEAST + 1, MOST - 1, MOST]) assert.equal(await offered(window), window);
    const world = await BitcoinjWorld.open({ terms: { window: { least: 10_000, most: 10_000 } } });
    assert.equal((await world.connect().ask(86_340)).expiry - world.seconds, 10_000);
  });

  const wrong: Readonly<Record<string, readonly { readonly least: number; readonly most: number }[]>> = {
    shouldNotAllowTimeWindowLessThan2h: [
      { least: 7_199, most: MOST },
      { least: 0, most: MOST },
    ],
    shouldNotAllowNegativeTimeWindow: [
      { least: -1, most: MOST },
      { least: LEAST, most: -1 },
      { least: Number.NaN, most: MOST },
      { least: LEAST, most: LEAST - 1 },
    ],
  };
  for (const [name, windows] of Object.entries(wrong)) {
    test(name, async () => {
      for (const window of windows) {
        await assert.rejects(BitcoinjWorld.open({ terms: { window, closingMargin: 7_000 } }), isWorldError('config'));
      }
      await BitcoinjWorld.open({ terms: { window: { least: 7_200, most: 7_200 }, closingMargin: 7_000 } });
    });
  }

  test('a margin that leaves nothing of it is not allowed', async () => {
    const window = { least: LEAST, most: MOST };
    await assert.rejects(BitcoinjWorld.open({ terms: { window, closingMargin: LEAST } }), isWorldError('config'));
    await BitcoinjWorld.open({ terms: { window, closingMargin: LEAST - 1 } });
  });
});

test('testValuesAreRespected: what is announced is what the merchant asks for', async () => {
  const world = await BitcoinjWorld.open();
  const { minCapacity, minPayment } = await world.connect().ask();
  assert.deepEqual([minCapacity, minPayment], [100_000_000n, 1_000n]);
});

test('what was sold for payments over TCP buys nothing over HTTP: only what comes on top of it does', async () => {
  const { world, payer, channel } = await opened();
  const { minPayment } = world.payee;
  await payer.pay(channel, 3n * DOGE, utf8ToBytes('tea'));
  const { channel: id, spent, terms, deposits } = await world.single();
  assert.equal(spent, 3n * DOGE);
  const { merchant } = world;
  const proof = proofFor('invoice-request', id, world.regtest.tip.height, payer.signer);
  const invoice = await merchant.answer({ kind: 'invoice-request', channel: id, item: 'tea', proof });
  if (invoice.kind !== 'invoice') assert.fail(invoice.kind);
  const buy = async (total: bigint): Promise<Reply> => {
    const payment = must(terms.contract.sign(terms, deposits, amount(total), payer.signer));
    return merchant.answer({ kind: 'payment', channel: id, payment, invoice: invoice.id });
  };
  assertRefused(await buy(3n * DOGE + minPayment), 'invoice-unmet');
  const receipt = await buy(3n * DOGE + invoice.amount);
  assert.equal(receipt.kind === 'receipt' && receipt.spent, 3n * DOGE + invoice.amount);
});

test('credit that was paid over HTTP is not sold over TCP', async () => {
  const { world, payer, channel } = await opened();
  const { channel: id, terms, deposits } = await world.single();
  const payment = must(terms.contract.sign(terms, deposits, amount(2n * DOGE), payer.signer));
  assert.equal((await world.merchant.answer({ kind: 'payment', channel: id, payment })).kind, 'receipt');
  await payer.pay(channel, 3n * DOGE);
  assert.deepEqual(world.told.flatMap((event) => (event.kind === 'paid' ? [event.by] : [])).at(-1), DOGE);
  assert.equal(creditOf(await world.single()), 2n * DOGE);
});
