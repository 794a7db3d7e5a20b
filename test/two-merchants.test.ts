import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Reply, Request } from '../src/core/message/message.ts';
import type { Connection } from '../src/engine/ports.ts';
import { fastestVerifier } from '../src/engine/verifier.ts';
import type { Merchant } from '../src/merchant/merchant.ts';
import { stateRequest } from './world/asking.ts';
import { must } from './world/sample.ts';
import { TwoDisks } from './world/two-disks.ts';

const { verify } = await fastestVerifier();

/** What nobody should do: two merchants with the same seed on the same records, past the lock. Each has states of its own at hand. */
async function doubled(): Promise<{ readonly world: TwoDisks; readonly both: readonly [Merchant, Merchant] }> {
  const world = await TwoDisks.open({ verify });
  const first = world.merchant;
  await world.start('payee', world.disks.payee);
  return { world, both: [first, world.merchant] };
}

function inTurn(both: readonly [Merchant, Merchant]): Connection {
  let count = 0;
  return { exchange: (request) => (count++ % 2 === 0 ? both[0] : both[1]).answer(request) };
}

/** Every message goes to both at once; the payer hears one of the answers. */
function atOnce(both: readonly [Merchant, Merchant], heard: (replies: readonly Reply[], request: Request) => void): Connection {
  return {
    exchange: async (request) => {
      const replies = await Promise.all(both.map((merchant) => merchant.answer(request)));
      heard(replies, request);
      return replies[1] ?? assert.fail();
    },
  };
}

describe('two merchants on the same records', () => {
  test('taking turns: each goes on where the other was, and nothing is charged twice or forgotten', async () => {
    const { world, both } = await doubled();
    const payee = inTurn(both);
    const channel = await world.opened();
    for (let i = 0; i < 15; i++) {
      const invoice = must(await world.agent.invoice(channel, 'tea', payee));
      // The next message goes to the other one: the one that made the invoice is not the one that is paid.
      must(await world.agent.pay(channel, { ...invoice, most: invoice.amount }, payee));
      must(await payee.exchange(await stateRequest(world.agent, channel)));
    }
    const stored = await world.payeeState(channel);
    assert.deepEqual([stored.best?.total, stored.spent], [world.price * 15n, world.price * 15n]);
    assert.deepEqual((await world.payerState(channel)).best?.total, stored.best?.total);
  });

  test('at once: both give the same receipt, and the purchase is charged once', async () => {
    const { world, both } = await doubled();
    const channel = await world.opened();
    let receipts = 0;
    const payee = atOnce(both, (replies, request) => {
      if (request.kind !== 'payment') return;
      assert.deepEqual(replies[0], replies[1]);
      receipts++;
    });
    for (let i = 0; i < 15; i++) {
      const invoice = must(await world.agent.invoice(channel, 'tea', world.payee));
      must(await world.agent.pay(channel, { ...invoice, most: invoice.amount }, payee));
    }
    assert.equal(receipts, 15);
    const { best, spent } = await world.payeeState(channel);
    assert.deepEqual([best?.total, spent], [world.price * 15n, world.price * 15n]);
  });

  test('what one closes the other takes no payment in, though it has not read of it', async () => {
    const { world, both } = await doubled();
    const channel = await world.opened();
    await world.buy(channel);
    const [one, other] = both;
    const invoice = must(await world.agent.invoice(channel, 'tea', { exchange: other.answer }));
    must(await one.close(channel));
    const answer = await world.agent.pay(channel, { ...invoice, most: invoice.amount }, { exchange: other.answer });
    assert.equal('code' in answer && answer.code, 'channel-ending');
    assert.equal((await world.payeeState(channel)).best?.total, world.price);
  });
});
