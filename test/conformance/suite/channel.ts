import assert from 'node:assert/strict';
import { type Amount, amount, subtract, ZERO } from '../../../src/core/base/amount.ts';
import { certain } from '../../../src/core/base/lock-time.ts';
import type { Coin } from '../../../src/core/coin/coin.ts';
import { type Contract, closingAt, payerScript, type Signing } from '../../../src/core/contract/contract.ts';
import { contracts } from '../../../src/core/contract/registry.ts';
import { decodeTransaction, type Transaction, transactionId } from '../../../src/core/tx/transaction.ts';
import type { WireFormat } from '../../../src/payer/wire-format.ts';
import { type ChannelSubject, ChannelWorld, codeOf } from '../../world/channel-world.ts';
import { contractsOn, flexibleContracts, must } from '../../world/sample.ts';
import { shortLife } from '../../world/short-terms.ts';
import { type Case, isOverForBoth } from './channel/over.ts';
import { together } from './channel/together.ts';
import { fixedFee, altered as resigned } from './contract/world.ts';
import type { Register } from './register.ts';

/** The whole life of a channel, through merchant, agent and wallet, on any chain. The cases share one subject. */
export function channelSuite(register: Register, coin: Coin, subject: () => ChannelSubject): void {
  for (const [name, run] of [...lives(coin), ...ends(coin), ...reorganisations, ...several, ...together])
    register(name, () => run(subject()));
}

const forms: readonly WireFormat[] = ['compact', 'psbt'];
const flexible: Signing = { kind: 'flexible', slot: 0 };

/** Why nodes take no refund that is locked to an earlier time. */
const HELD_BY: Readonly<Record<Contract['expiryIn'], RegExp>> = {
  script: /Locktime requirement not satisfied/,
  releases: /script-verify-flag/,
  age: /Locktime requirement not satisfied/,
};

/** What the payer's change pays for a close where the terms fix it: enough for two deposits. */
function fixed({ chain }: ChannelSubject): { readonly kind: 'fixed'; readonly fee: Amount } {
  return { kind: 'fixed', fee: amount(chain.coin.policy.dust * 2n) };
}

/** Cases of payments whose closing fee is left to the payee, where the contract has them. */
function flexibly(contract: Contract, cases: readonly Case[]): readonly Case[] {
  return flexibleContracts.includes(contract) ? cases : [];
}

const lives = (coin: Coin): readonly Case[] =>
  contractsOn(coin).flatMap((contract) =>
    forms.flatMap((form): readonly Case[] => [
      ...flexibly(contract, [
        [`${contract.id}: 100 payments by ${form}, closed with change`, (subject) => closesWithChange(subject, contract, form)],
        [`${contract.id}: 100 payments by ${form}, closed with nothing left`, (subject) => closesDrained(subject, contract, form)],
      ]),
      [`${contract.id}: 100 payments by ${form}, closed at a fixed fee`, (subject) => closesAtFixedFee(subject, contract, form)],
    ]),
  );

const ends = (coin: Coin): readonly Case[] =>
  contractsOn(coin).flatMap((contract): readonly Case[] => [
    [`${contract.id}: ended by agreement at zero`, (subject) => endsByAgreement(subject, contract, 'compact', 0)],
    [`${contract.id}: ended by agreement at a total`, (subject) => endsByAgreement(subject, contract, 'psbt', 3)],
    [`${contract.id}: a payee that is gone, refused before expiry and refunded at expiry`, (subject) => refunds(subject, contract)],
    [`${contract.id}: the payee closes by itself before the expiry comes too near`, (subject) => closesInTime(subject, contract)],
  ]);

const reorganisations: readonly Case[] = [
  ['a deposit that leaves the chain stops payments until it is back', pausesWithoutDeposit],
  ['a close that leaves chain and mempool is sent again', sendsCloseAgain],
];

const several: readonly Case[] = [
  ...flexibleContracts.map(
    (contract): Case => [
      `${contract.id}: a top-up, and payments across the deposits`,
      (subject) => paysAcross(subject, contract, flexible),
    ],
  ),
  ['a top-up at a fixed fee', (subject) => paysAcross(subject, contracts[0], fixed(subject))],
];

const PAYMENTS = 100;

async function closesWithChange(subject: ChannelSubject, contract: Contract, form: WireFormat): Promise<void> {
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

async function closesDrained(subject: ChannelSubject, contract: Contract, form: WireFormat): Promise<void> {
  const world = await ChannelWorld.open(subject, { form, terms: { contract, signing: flexible } });
  const channel = await world.openChannel();
  await world.buy(channel, PAYMENTS - 1);
  await world.payUpTo(channel, world.deposit);
  assert.equal(codeOf(await world.agent.pay(channel, { amount: world.price }, world.payee)), 'total-above-capacity');
  const closed = await world.close(channel);
  const state = await world.payeeState(channel);
  assert.equal(closed.outputs.length, 1);
  assert.equal(world.paidTo(closed, world.payeeScript), world.deposit - world.feeOf(state, closed));
  await isOverForBoth(world, channel, ZERO);
}

async function closesAtFixedFee(subject: ChannelSubject, contract: Contract, form: WireFormat): Promise<void> {
  const signing = fixed(subject);
  const world = await ChannelWorld.open(subject, { form, terms: { contract, signing } });
  const channel = await world.openChannel();
  await world.buy(channel, PAYMENTS);
  const total = amount(world.price * BigInt(PAYMENTS));
  const closed = await world.close(channel);
  const state = await world.payeeState(channel);
  assert.equal(world.feeOf(state, closed), signing.fee);
  assert.equal(world.paidTo(closed, contract.paysTo(state.terms, state.best?.hash)), total);
  await isOverForBoth(world, channel, amount(world.deposit - total - signing.fee));
}

async function endsByAgreement(subject: ChannelSubject, contract: Contract, form: WireFormat, purchases: number): Promise<void> {
  const world = await ChannelWorld.open(subject, { form, terms: { contract } });
  const channel = await world.openChannel();
  await world.buy(channel, purchases);
  const { reply } = must(await world.agent.end(channel, world.payee));
  if (reply.kind !== 'ended') assert.fail(reply.kind);
  const total = world.price * BigInt(purchases);
  const fee = world.feeOf(await world.payeeState(channel), reply.transaction);
  assert.equal(world.paidTo(reply.transaction, world.payeeScript), total);
  assert.equal(codeOf(await world.agent.pay(channel, { amount: world.price }, world.payee)), 'channel-ending');
  await isOverForBoth(world, channel, amount(world.deposit - total - fee));
}

async function refunds(subject: ChannelSubject, contract: Contract): Promise<void> {
  const world = await ChannelWorld.open(subject, { terms: { contract } });
  const channel = await world.openChannel(shortLife(world.coin, contract, 8));
  await world.buy(channel, 2);
  world.watching.delete('payee');
  const { terms, deposits, returnScript, keyName, kind } = await world.payer(channel);
  await world.mineBefore(await world.refundAt(channel));
  // The machine waits, and the node says why it must: first of the lock time, then, with an honest one, of the script.
  assert.deepEqual([kind, (await world.payer(channel)).kind], ['open', 'open']);
  const own = world.keys.payer.signer(keyName);
  const refund = must(contract.refund(terms, deposits, { script: returnScript, feeRate: await world.chain.feeRate() }, own));
  const early = await world.chain.broadcast(refund);
  assert.equal(early.kind, 'non-final');
  const now = certain(terms.expiry, await world.now());
  const unlocked = (whole: Transaction): Transaction => ({ ...whole, inputs: whole.inputs.map((input) => ({ ...input, sequence: 1 })) });
  const hasty = resigned({ terms }, own, refund, (whole) => (contract.expiryIn === 'age' ? unlocked(whole) : { ...whole, lockTime: now }));
  const denied = await world.chain.broadcast(hasty);
  assert.ok(denied.kind === 'invalid' && HELD_BY[contract.expiryIn].test(denied.reason), JSON.stringify(denied));
  await world.mine(1);
  const refunding = await world.payer(channel);
  if (refunding.kind !== 'refunding') assert.fail(refunding.kind);
  assert.deepEqual(world.events, ['payer: accepted']);
  const [taken] = refunding.transaction.outputs;
  assert.ok((await world.chain.mempool()).includes(transactionId(refunding.transaction)));
  assert.equal(transactionId(refunding.transaction), transactionId(refund), 'the very transaction that came too early');
  await world.bury();
  const ended = await world.payer(channel);
  if (ended.kind !== 'ended') assert.fail(ended.kind);
  assert.deepEqual([ended.how, ended.returned], ['refunded', taken?.value]);
  assert.ok(ended.returned < world.deposit && ended.returned > world.deposit - world.price);
}

async function closesInTime(subject: ChannelSubject, contract: Contract): Promise<void> {
  const world = await ChannelWorld.open(subject, { terms: { contract } });
  const channel = await world.openChannel(shortLife(world.coin, contract, 8));
  await world.buy(channel, 2);
  const { terms } = await world.payeeState(channel);
  await world.mineBefore(closingAt(terms));
  assert.equal((await world.payeeState(channel)).kind, 'open');
  const invoice = must(await world.agent.invoice(channel, 'tea', world.payee));
  await world.mine(1);
  const state = await world.payeeState(channel);
  if (state.kind !== 'closing') assert.fail(state.kind);
  assert.equal(codeOf(await world.agent.pay(channel, { ...invoice, most: invoice.amount }, world.payee)), 'margin-reached');
  sendsOnly(world);
  await isOverForBoth(world, channel, amount(world.deposit - 2n * world.price - fixedFee(terms)));
}

/** The close went out; where the node has come to expect higher fees, children that hurry it did too. */
function sendsOnly({ events }: ChannelWorld): void {
  const sent = events.splice(0);
  assert.notEqual(sent.length, 0);
  assert.deepEqual([...new Set(sent)], ['payee: accepted']);
}

async function pausesWithoutDeposit(subject: ChannelSubject): Promise<void> {
  const world = await ChannelWorld.open(subject);
  const channel = await world.openChannel();
  const invoice = must(await world.agent.invoice(channel, 'tea', world.payee));
  await world.buy(channel);
  const [funding = new Uint8Array()] = (await world.payer(channel)).funding;
  await subject.invalidate(await world.blockOf(decodeTransaction(funding) ?? assert.fail('no transaction')));
  await world.look();
  assert.equal((await world.payeeState(channel)).kind, 'paused');
  assert.equal(codeOf(await world.agent.invoice(channel, 'tea', world.payee)), 'funding-reorganised');
  assert.equal(codeOf(await world.agent.pay(channel, { ...invoice, most: invoice.amount }, world.payee)), 'funding-reorganised');
  assert.equal((await world.payeeState(channel)).best?.total, world.price);
  await world.mine(1);
  assert.equal((await world.payeeState(channel)).kind, 'paused');
  await world.mine(1);
  assert.equal((await world.payeeState(channel)).kind, 'open');
  const { reply } = must(await world.agent.pay(channel, { ...invoice, most: invoice.amount }, world.payee));
  assert.equal(reply.kind === 'receipt' && reply.total, 2n * world.price);
  await world.close(channel);
  await isOverForBoth(world, channel, amount(world.deposit - 2n * world.price));
}

async function sendsCloseAgain(subject: ChannelSubject): Promise<void> {
  const world = await ChannelWorld.open(subject);
  const channel = await world.openChannel();
  await world.buy(channel, 3);
  const closed = await world.close(channel);
  const txid = transactionId(closed);
  await world.mine(1);
  await subject.invalidate(await world.blockOf(closed));
  await world.forgetMempool();
  assert.ok(!(await world.chain.mempool()).includes(txid));
  await world.look();
  assert.ok((await world.chain.mempool()).includes(txid));
  sendsOnly(world);
  await isOverForBoth(world, channel, amount(world.deposit - 3n * world.price));
}

async function paysAcross(subject: ChannelSubject, contract: Contract, signing: Signing): Promise<void> {
  const world = await ChannelWorld.open(subject, { terms: { contract, signing } });
  const fee = signing.kind === 'fixed' ? signing.fee : 0n;
  const channel = await world.openChannel();
  await world.payUpTo(channel, world.deposit - 2n * world.price);
  await world.topUp(channel);
  for (const steps of [-1n, 1n, 2n, 3n]) await world.payUpTo(channel, world.deposit + steps * world.price);
  const total = world.deposit + 3n * world.price;
  const { best } = await world.payeeState(channel);
  assert.deepEqual([best?.total, best?.signatures.length], [total, 2]);
  // What was signed for good is not sent again; a fixed fee is signed by every input each time.
  const signatures = world.sent.flatMap((request) => (request.kind === 'payment' ? [request.payment.signatures.length] : []));
  assert.deepEqual(signatures, signing.kind === 'fixed' ? [1, 1, 2, 2, 2] : [1, 1, 2, 1, 1]);
  const closed = await world.close(channel);
  assert.equal(closed.inputs.length, 2);
  await isOverForBoth(world, channel, amount(2n * world.deposit - total - fee));
}
