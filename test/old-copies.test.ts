import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { amount } from '../src/core/base/amount.ts';
import type { ChannelId } from '../src/core/base/bytes.ts';
import { equalBytes } from '../src/core/base/bytes.ts';
import { payerScript } from '../src/core/contract/contract.ts';
import { outpointKey, type Transaction } from '../src/core/tx/transaction.ts';
import type { Connection } from '../src/engine/ports.ts';
import { fastestVerifier } from '../src/engine/verifier.ts';
import type { MemoryDisk } from '../src/store/memory.ts';
import { must } from './world/sample.ts';
import { copyOf, type Side, TwoDisks } from './world/two-disks.ts';

const { verify } = await fastestVerifier();

/** Both disks at one moment of a channel's life, and what the payer had been given by then. */
interface Generation {
  readonly name: string;
  readonly disks: Readonly<Record<Side, MemoryDisk>>;
}

interface Life {
  readonly world: TwoDisks;
  readonly channel: ChannelId;
  readonly generations: readonly Generation[];
}

/** Opened, paid from, topped up, paid from across both deposits; a copy of both disks after every step that stored anything. */
async function live(): Promise<Life> {
  const world = await TwoDisks.open({ verify });
  const generations: Generation[] = [];
  const keep = (name: string): void => void generations.push({ name, disks: { payer: world.copy('payer'), payee: world.copy('payee') } });
  const channel = await world.funded(300);
  keep('funded');
  must(await world.agent.announce(channel, world.payee));
  keep('accepted');
  for (let i = 0; i < 6; i++) {
    const invoice = must(await world.agent.invoice(channel, 'tea', world.payee));
    keep(`asked ${i}`);
    must(await world.agent.pay(channel, { ...invoice, most: invoice.amount }, world.payee));
    keep(`bought ${i}`);
  }
  must(await world.agent.fund(channel, world.deposit, world.payee));
  keep('topped up');
  await world.mine(2);
  must(await world.agent.announce(channel, world.payee));
  keep('top-up accepted');
  must(await world.agent.pay(channel, { amount: amount(world.deposit) }, world.payee));
  keep('paid ahead across both deposits');
  for (let i = 0; i < 4; i++) {
    await world.buy(channel);
    keep(`bought with credit ${i}`);
  }
  return { world, channel, generations };
}

/** What one transaction pays to either side, and to the miner. */
function shares(world: TwoDisks, returnScript: Uint8Array, change: Uint8Array, transaction: Transaction): readonly [bigint, bigint] {
  const sum = (...scripts: readonly Uint8Array[]): bigint =>
    transaction.outputs
      .filter(({ script }) => scripts.some((one) => equalBytes(one, script)))
      .reduce((total, { value }) => total + value, 0n);
  return [sum(world.payeeScript), sum(returnScript, change)];
}

/** Goes on after a restore: buys once more, closes, and accounts for every unit. */
async function goesOn(world: TwoDisks, channel: ChannelId, best: bigint, signed: bigint): Promise<void> {
  const reached = must(await world.agent.resync(channel, world.payee));
  assert.equal(reached.state.best?.total ?? 0n, best, 'the payer knows the best state that either side knew');
  const known = (await world.payeeState(channel)).best?.total ?? 0n;
  assert.equal(known, best, 'and so does the payee');
  const before = await world.payerState(channel);
  await world.buy(channel);
  const { best: after, deposits } = await world.payeeState(channel);
  const charged = (after?.total ?? 0n) - best;
  assert.ok(charged > 0n && charged <= world.price, `charged ${charged}`);
  const payer = await world.payerState(channel);
  assert.ok(payer.spent - before.spent === world.price);
  assert.ok(payer.signed <= (signed > best + world.price ? signed : best + world.price));
  const { broadcasts } = must(await world.merchant.close(channel));
  const [{ transaction, outcome } = assert.fail('nothing was broadcast')] = broadcasts;
  assert.deepEqual(outcome, { kind: 'accepted' });
  const [toPayee, toPayer] = shares(world, payer.returnScript, payerScript(payer.terms), transaction);
  const spent = deposits.filter(({ outpoint }) =>
    transaction.inputs.some((input) => outpointKey(input.outpoint) === outpointKey(outpoint)),
  );
  const taken = spent.reduce((sum, { value }) => sum + value, 0n);
  assert.equal(taken - toPayer, after?.total, 'the payer loses exactly the best total');
  assert.ok(toPayee > 0n && toPayee < (after?.total ?? 0n), 'the payee gets it, less the fee');
}

const sides: readonly (readonly Side[])[] = [['payee'], ['payer'], ['payer', 'payee']];

describe('old copies of a store', () => {
  for (const restored of sides) {
    test(`every generation put back for ${restored.join(' and ')}`, async () => {
      for (let at = 0, count = 1; at < count; at++) {
        const { world, channel, generations } = await live();
        count = generations.length;
        const { name, disks } = generations[at] ?? assert.fail();
        await restoredTo(world, channel, restored, disks).catch((error: unknown) => {
          throw new Error(`generation "${name}"`, { cause: error });
        });
      }
    });
  }

  test('a merchant left with nothing but its seed learns its channel again from the payer, and closes for the full best', async () => {
    const { world, channel } = await live();
    const { signed, best } = await world.payerState(channel);
    world.ordered = { isRecovering: true };
    await world.start('payee', new Map());
    await goesOn(world, channel, best?.total ?? 0n, signed);
  });

  test('so it does by a purchase or an end alone, whichever comes first', async () => {
    for (const act of ['buy', 'end'] as const) {
      const { world, channel } = await live();
      const { best } = await world.payerState(channel);
      world.ordered = { isRecovering: true };
      await world.start('payee', new Map());
      if (act === 'buy') await world.buy(channel);
      else must(await world.agent.end(channel, world.payee));
      assert.ok(((await world.payeeState(channel)).best?.total ?? 0n) >= (best?.total ?? 0n));
    }
  });

  test('a payer that was set back buys at the first try', async () => {
    const { world, channel, generations } = await live();
    const { best, signed } = await world.payerState(channel);
    await world.start('payer', copyOf(generations.find(({ name }) => name === 'bought 2')?.disks.payer ?? assert.fail()));
    // As its node shows them, the deposits of the top-up are its own again.
    must(await world.agent.announce(channel, world.payee));
    const asked: string[] = [];
    const counting: Connection = {
      exchange: (request) => {
        asked.push(request.kind);
        return world.answer(request);
      },
    };
    const invoice = must(await world.agent.invoice(channel, 'tea', counting));
    must(await world.agent.pay(channel, { ...invoice, most: invoice.amount }, counting));
    assert.deepEqual(asked, ['invoice-request', 'payment', 'payment']);
    assert.ok(((await world.payeeState(channel)).best?.total ?? 0n) - (best?.total ?? 0n) <= world.price);
    assert.ok((await world.payerState(channel)).signed <= signed + world.price);
  });

  test('a life has enough generations to tell', async () => {
    const { generations } = await live();
    assert.ok(generations.length >= 20);
    const texts = generations.map(({ disks }) => JSON.stringify([...disks.payee].map(([kind, records]) => [kind, [...records]])));
    assert.equal(new Set(texts).size, generations.length - 1, 'all but one of the payee’s differ');
  });
});

async function restoredTo(
  world: TwoDisks,
  channel: ChannelId,
  restored: readonly Side[],
  disks: Readonly<Record<Side, MemoryDisk>>,
): Promise<void> {
  const { signed } = await world.payerState(channel);
  for (const side of restored) await world.start(side, copyOf(disks[side]));
  const payer = (await world.agent.engine.get(channel))?.best?.total ?? 0n;
  const payee = (await world.merchant.engine.get(channel))?.best?.total ?? 0n;
  await goesOn(world, channel, payer > payee ? payer : payee, signed);
}
