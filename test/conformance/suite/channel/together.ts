import assert from 'node:assert/strict';
import { amount } from '../../../../src/core/base/amount.ts';
import type { ChannelId } from '../../../../src/core/base/bytes.ts';
import type { Closing, Contract, Signing } from '../../../../src/core/contract/contract.ts';
import { contracts } from '../../../../src/core/contract/registry.ts';
import { transactionId } from '../../../../src/core/tx/transaction.ts';
import { type ChannelSubject, ChannelWorld, codeOf } from '../../../world/channel-world.ts';
import { flexibleContracts, must } from '../../../world/sample.ts';
import { type Case, isOverForBoth } from './over.ts';

const flexible: Signing = { kind: 'flexible', slot: 0 };

/** Closes that take more than one channel, or more than the channel. */
export const together: readonly Case[] = [
  ['a slot with none before it is closed beside a coin of the payee', closesBesideFiller],
  ...flexibleContracts.map(
    (contract): Case => [
      `${contract.id}: channels of two payees closed in one transaction`,
      (subject) => closesTogether(subject, contract),
    ],
  ),
  ...flexibleContracts.map((contract): Case => [`${contract.id}: settled by one order`, (subject) => settlesAll(subject, contract)]),
];

/** Payees that ask for different slots have one transaction close them all; the slot between is filled by a channel with nothing left. */
async function closesTogether(subject: ChannelSubject, contract: Contract): Promise<void> {
  const left = await ChannelWorld.open(subject, { terms: { contract, signing: flexible } });
  const right = await ChannelWorld.open(subject, { terms: { contract, signing: { kind: 'flexible', slot: 2 } } });
  const [first, drained, last] = [await left.openChannel(), await left.openChannel(), await right.openChannel()];
  await left.buy(first, 2);
  await left.payUpTo(drained, left.deposit);
  await right.buy(last, 3);
  const closings = await Promise.all([closingOf(left, first), closingOf(left, drained), closingOf(right, last)]);
  const payout = { script: left.payeeScript, feeRate: await subject.chain.feeRate() };
  assert.equal(codeOf(contract.close(closings.slice(2), payout)), 'contract-unfit');
  const closed = must(contract.close(closings, payout));
  assert.deepEqual(await subject.chain.broadcast(closed), { kind: 'accepted' });
  assert.deepEqual([closed.inputs.length, closed.outputs.length], [3, 3]);
  await left.mine(left.coin.channel.buried);
  await right.look();
  const returned = [left.deposit - 2n * left.price, 0n, right.deposit - 3n * right.price];
  for (const [i, [world, channel]] of (
    [
      [left, first],
      [left, drained],
      [right, last],
    ] as const
  ).entries()) {
    const [payee, payer] = [await world.payeeState(channel), await world.payer(channel)];
    assert.equal(payee.kind === 'ended' && payee.how, 'closed');
    assert.deepEqual(payer.kind === 'ended' && [payer.how, payer.returned], ['closed', returned[i]]);
  }
}

/** Drained channels go into one transaction by the merchant's own doing, and one with change by itself. */
async function settlesAll(subject: ChannelSubject, contract: Contract): Promise<void> {
  const world = await ChannelWorld.open(subject, { terms: { contract, signing: flexible } });
  await subject.fund(await world.wallet.receiveAddress(), world.deposit);
  await world.mine(1);
  const [left, ...drained] = [await world.openChannel(), await world.openChannel(), await world.openChannel()];
  await world.buy(left, 2);
  for (const channel of drained) await world.payUpTo(channel, world.deposit);
  const settled = await world.merchant.settle([left, ...drained]);
  assert.deepEqual(
    settled.map((one) => ('outcome' in one ? one.outcome.kind : one.why.code)),
    ['accepted', 'accepted', 'accepted'],
  );
  assert.equal(new Set(settled.map((one) => 'transaction' in one && transactionId(one.transaction))).size, 2);
  await world.bury();
  for (const channel of [left, ...drained]) {
    const payee = await world.payeeState(channel);
    assert.equal(payee.kind === 'ended' && payee.how, 'closed');
  }
}

/** Nothing but a coin of its own lets a payee close such a channel alone. */
async function closesBesideFiller(subject: ChannelSubject): Promise<void> {
  const [contract] = contracts;
  const world = await ChannelWorld.open(subject, { terms: { contract, signing: { kind: 'flexible', slot: 1 } } });
  const channel = await world.openChannel();
  await world.buy(channel, 2);
  assert.equal(codeOf(await world.merchant.close(channel)), 'contract-unfit');
  const coin = await world.payeeCoin();
  const payout = { script: world.payeeScript, feeRate: await subject.chain.feeRate() };
  const closed = must(contract.close([await closingOf(world, channel)], payout, [coin]));
  assert.deepEqual(await subject.chain.broadcast(closed), { kind: 'accepted' });
  const change = closed.outputs[1]?.value;
  assert.deepEqual([change, closed.inputs[0]?.outpoint], [world.deposit - 2n * world.price, coin.outpoint]);
  await isOverForBoth(world, channel, amount(world.deposit - 2n * world.price));
}

async function closingOf(world: ChannelWorld, channel: ChannelId): Promise<Closing> {
  const { terms, deposits, best, keyName } = await world.active(channel);
  return { terms, deposits, payment: best ?? assert.fail('nothing was paid'), signer: world.keys.payee.signer(keyName) };
}
