import assert from 'node:assert/strict';
import { type Amount, amount, subtract, ZERO } from '../core/base/amount.ts';
import type { ChannelId } from '../core/base/bytes.ts';
import { type Contract, payerScript, type Signing } from '../core/contract/contract.ts';
import { contracts } from '../core/contract/registry.ts';
import type { Form } from '../payer/form.ts';
import { type ChannelSubject, ChannelWorld, codeOf } from './channel-world.ts';
import type { Register } from './register.ts';

/** The whole life of a channel, through merchant, agent and wallet, on any chain. The cases share one subject. */
export function channelSuite(register: Register, subject: () => ChannelSubject): void {
  for (const [name, run] of lives) register(name, () => run(subject()));
}

type Case = readonly [name: string, run: (subject: ChannelSubject) => Promise<void>];

const forms: readonly Form[] = ['compact', 'psbt'];
const flexible: Signing = { kind: 'flexible', slot: 0 };

/** What the payer's change pays for a close where the terms fix it. */
function fixed({ chain }: ChannelSubject): { readonly kind: 'fixed'; readonly fee: Amount } {
  return { kind: 'fixed', fee: chain.coin.policy.dust };
}

const lives: readonly Case[] = contracts.flatMap((contract) =>
  forms.flatMap((form): readonly Case[] => [
    [`${contract.id}: 100 payments by ${form}, closed with change`, (subject) => closesWithChange(subject, contract, form)],
    [`${contract.id}: 100 payments by ${form}, closed with nothing left`, (subject) => closesDrained(subject, contract, form)],
    [`${contract.id}: 100 payments by ${form}, closed at a fixed fee`, (subject) => closesAtFixedFee(subject, contract, form)],
  ]),
);

const PAYMENTS = 100;

async function closesWithChange(subject: ChannelSubject, contract: Contract, form: Form): Promise<void> {
  const world = await ChannelWorld.open(subject, { form, terms: { contract, signing: flexible } });
  const channel = await world.openChannel();
  await world.buy(channel, PAYMENTS);
  const total = amount(world.price * BigInt(PAYMENTS));
  const closed = await world.close(channel);
  const state = await world.payeeState(channel);
  assert.equal(state.best?.total, total);
  assert.equal(world.paidTo(closed, payerScript(state.terms)), world.deposit - total);
  assert.equal(world.paidTo(closed, world.payeeScript), total - world.feeOf(state, closed));
  await isOverForBoth(world, channel, subtract(world.deposit, total));
}

async function closesDrained(subject: ChannelSubject, contract: Contract, form: Form): Promise<void> {
  const world = await ChannelWorld.open(subject, { form, terms: { contract, signing: flexible } });
  const channel = await world.openChannel();
  await world.buy(channel, PAYMENTS - 1);
  assert.equal((await world.drain(channel)).total, world.deposit);
  assert.equal(codeOf(await world.agent.pay(channel, { amount: world.price }, world.payee)), 'total-above-capacity');
  const closed = await world.close(channel);
  const state = await world.payeeState(channel);
  assert.equal(closed.outputs.length, 1);
  assert.equal(world.paidTo(closed, world.payeeScript), world.deposit - world.feeOf(state, closed));
  await isOverForBoth(world, channel, ZERO);
}

async function closesAtFixedFee(subject: ChannelSubject, contract: Contract, form: Form): Promise<void> {
  const signing = fixed(subject);
  const world = await ChannelWorld.open(subject, { form, terms: { contract, signing } });
  const channel = await world.openChannel();
  await world.buy(channel, PAYMENTS);
  const total = amount(world.price * BigInt(PAYMENTS));
  const closed = await world.close(channel);
  const state = await world.payeeState(channel);
  assert.equal(world.feeOf(state, closed), signing.fee);
  assert.equal(world.paidTo(closed, world.payeeScript), total);
  await isOverForBoth(world, channel, amount(world.deposit - total - signing.fee));
}

/** Buried on the chain, ended on both sides, and the payer has `returned` in its wallet. */
async function isOverForBoth(world: ChannelWorld, channel: ChannelId, returned: Amount): Promise<void> {
  const before = await world.wallet.balance();
  await world.bury();
  const payee = await world.payeeState(channel);
  assert.deepEqual([payee.kind, payee.kind === 'ended' && payee.how], ['ended', 'closed']);
  const payer = await world.payer(channel);
  assert.deepEqual(
    [payer.kind, payer.kind === 'ended' && payer.how, payer.kind === 'ended' && payer.returned],
    ['ended', 'closed', returned],
  );
  assert.equal((await world.wallet.balance()).confirmed, before.confirmed + returned);
  assert.deepEqual(world.events, []);
}
