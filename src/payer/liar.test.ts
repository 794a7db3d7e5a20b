import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { must } from '../../test/world/sample.ts';
import { copyOf, TwoDisks } from '../../test/world/two-disks.ts';
import { type Amount, amount, MAX_AMOUNT, ZERO } from '../core/base/amount.ts';
import { bytesToHex, channelId } from '../core/base/bytes.ts';
import { height } from '../core/base/height.ts';
import { isRefusal, type Refusal, refusalCodes, refuse } from '../core/base/refusal.ts';
import { dogecoin } from '../core/coin/dogecoin.ts';
import type { Payment } from '../core/contract/contract.ts';
import type { Invoice, Offer, Receipt, Reply, Request, State } from '../core/message/message.ts';
import { p2pkh } from '../core/tx/script.ts';
import { signer } from '../core/tx/sign.ts';
import type { Transaction } from '../core/tx/transaction.ts';
import { type Connection, WorldError } from '../engine/ports.ts';
import { fastestVerifier } from '../engine/verifier.ts';

const { verify } = await fastestVerifier();
const gate: { isOpen: boolean } = { isOpen: true };
const world = await TwoDisks.open({
  verify,
  through: (chain) => ({ ...chain, broadcast: async (tx) => (gate.isOpen ? chain.broadcast(tx) : { kind: 'accepted' }) }),
});
const { price, deposit } = world;

// Two purchases in the channel that is lied about; another channel of the same payer, to steal signatures from.
const other = await world.opened();
for (let i = 0; i < 3; i++) await world.buy(other);
const channel = await world.opened();
const firstReceipt = await receiptOf();
const firstBest = (await world.payeeState(channel)).best ?? assert.fail();
await world.buy(channel);
const otherBest = (await world.payeeState(other)).best ?? assert.fail();
const otherDeposits = (await world.payeeState(other)).deposits;
const start = { payer: world.copy('payer'), payee: world.copy('payee') };
const BOUGHT = 2n * price;
gate.isOpen = false;

async function receiptOf(): Promise<Receipt> {
  const invoice = must(await world.agent.invoice(channel, 'tea', world.payee));
  const { reply } = must(await world.agent.pay(channel, { ...invoice, most: invoice.amount }, world.payee));
  return reply.kind === 'receipt' ? reply : assert.fail(reply.kind);
}

const stranger = signer(new Uint8Array(32).fill(99));
const strangerScript = p2pkh(stranger.publicKey);

/** What the liar makes of the honest answer to a request. */
type Lie = (honest: Reply, request: Request) => Reply;
type On = Exclude<Request['kind'], 'sync' | 'join' | 'quote-request' | 'forward'>;

const alter =
  <Kind extends Reply['kind']>(kind: Kind, change: (honest: Extract<Reply, { kind: Kind }>) => Reply): Lie =>
  (honest) =>
    isKind(honest, kind) ? change(honest) : honest;

function isKind<Kind extends Reply['kind']>(reply: Reply, kind: Kind): reply is Extract<Reply, { kind: Kind }> {
  return reply.kind === kind;
}

const receipt = (change: (honest: Receipt) => Partial<Receipt>): Lie => alter('receipt', (honest) => ({ ...honest, ...change(honest) }));
const state = (change: (honest: State) => Partial<State>): Lie => alter('state', (honest) => ({ ...honest, ...change(honest) }));
const invoice = (change: (honest: Invoice) => Partial<Invoice>): Lie => alter('invoice', (honest) => ({ ...honest, ...change(honest) }));
const says =
  (...given: Parameters<typeof refuse>): Lie =>
  () =>
    refuse(...given);

/** A refusal that shows a best payment. */
const shows = ({ total, signatures }: Payment, code: Refusal['code'] = 'total-lower', spent: bigint = total): Lie =>
  says(code, { best: total, signatures: signatures.map(bytesToHex).join(','), spent });

const raised = (best: Payment, by: bigint): Payment => ({ total: amount(best.total + by), signatures: best.signatures });
const signedByStranger: Payment = { total: amount(10n * price), signatures: [stranger.sign(new Uint8Array(32).fill(5))] };
/** What was sent is kept, refused, and shown as the best. */
const keeps: Lie = (_, request) => (request.kind === 'payment' ? shows(request.payment)(_, request) : _);

const ended = (change: (honest: Transaction) => Transaction): Lie =>
  alter('ended', (honest) => ({ ...honest, transaction: change(honest.transaction) }));
const outputs = (change: (value: bigint, at: number) => bigint): Lie =>
  ended((tx) => ({ ...tx, outputs: tx.outputs.map((output, at) => ({ ...output, value: change(output.value, at) })) }));
const unlocked = (script: (first: Uint8Array) => Uint8Array): Lie =>
  ended((tx) => ({ ...tx, inputs: tx.inputs.map((input) => ({ ...input, script: script(input.script) })) }));
const elsewhere: Lie = ended((tx) => ({ ...tx, outputs: tx.outputs.map((output) => ({ ...output, script: strangerScript })) }));

const kinds: readonly Reply[] = [
  { kind: 'accepted', channel, capacity: deposit },
  { kind: 'provisional', channel, waitingFor: refuse('funding-missing') },
  { ...firstReceipt },
  { kind: 'state', channel, status: 'open', capacity: deposit, spent: ZERO, deposits: [] },
  { kind: 'invoice', id: '00'.repeat(16), channel, item: 'x', text: 'x', amount: MAX_AMOUNT, address: 'x', expires: 0 },
];

const lies: readonly (readonly [name: string, on: On, lie: Lie])[] = [
  ['a receipt for another channel', 'payment', receipt(() => ({ channel: other }))],
  ['a receipt for a higher total', 'payment', receipt(({ total }) => ({ total: amount(total + price) }))],
  ['a receipt for a lower total', 'payment', receipt(({ total }) => ({ total: amount(total - 1n) }))],
  ['an old receipt', 'payment', () => firstReceipt],
  ['a receipt by which everything is spent', 'payment', receipt(() => ({ spent: MAX_AMOUNT }))],
  ['a receipt with a higher capacity', 'payment', receipt(() => ({ capacity: MAX_AMOUNT }))],
  ['a better best without a signature', 'payment', shows({ total: amount(10n * price), signatures: [] })],
  ['a better best signed by a stranger', 'payment', shows(signedByStranger)],
  ['a better best under the signatures of an old one', 'payment', shows(raised(firstBest, 5n * price))],
  ['a best from another channel of this payer', 'payment', shows(otherBest)],
  ['a best above the capacity', 'payment', shows({ total: amount(deposit * 3n), signatures: firstBest.signatures })],
  ['an old best', 'payment', shows(firstBest)],
  ['the payment itself, refused and shown as the best, all of it spent', 'payment', keeps],
  ['a best of ten to the thirtieth', 'payment', says('total-lower', { best: '1'.padEnd(31, '0'), signatures: '', spent: '0' })],
  ['a best that is negative', 'payment', says('total-lower', { best: '-5', signatures: '', spent: '-5' })],
  ['a best that is no number', 'payment', says('total-lower', { best: 'all of it', signatures: 'zz', spent: 'NaN' })],
  [
    'a thousand signatures',
    'payment',
    says('total-lower', { best: 10n * price, signatures: `${'ab'.repeat(64)},`.repeat(1000), spent: 0 }),
  ],
  ['control characters', 'payment', says('total-not-higher', { best: '\u001b[2J\u0000', signatures: '\u202e', spent: '\n' })],
  ['an invoice that is never met', 'payment', shows(raised(firstBest, price), 'invoice-unmet', deposit)],
  ['that the channel is unknown, each time', 'payment', says('channel-unknown')],
  ['that a signature is wrong, each time', 'payment', says('signature-wrong', { input: 0 })],
  ['that a top-up is needed', 'payment', says('total-above-capacity', { total: deposit, most: 0 })],
  ...kinds.map((reply): readonly [string, On, Lie] => [`to a payment: ${reply.kind}`, 'payment', () => reply]),
  ...kinds
    .filter(({ kind }) => kind !== 'state')
    .map((reply): readonly [string, On, Lie] => [`to a question about the state: ${reply.kind}`, 'state-request', () => reply]),
  ['a state with a raised best', 'state-request', state(({ best }) => ({ best: raised(best ?? firstBest, price) }))],
  ['a state with the best of another channel', 'state-request', state(() => ({ best: otherBest }))],
  ['the state of another channel', 'state-request', state(() => ({ channel: other, best: otherBest, deposits: otherDeposits }))],
  ['a state with deposits of another channel', 'state-request', state(({ deposits }) => ({ deposits: [...deposits, ...otherDeposits] }))],
  ['a state with a deposit twice', 'state-request', state(({ deposits }) => ({ deposits: [...deposits, ...deposits] }))],
  ['a state with no deposit', 'state-request', state(() => ({ deposits: [] }))],
  ['a state by which everything is spent', 'state-request', state(() => ({ spent: MAX_AMOUNT }))],
  ['a state that has forgotten the best', 'state-request', state(() => ({ best: firstBest, spent: ZERO }))],
  ['a state that has ended', 'state-request', state(() => ({ status: 'ended' }))],
  ['an end that pays the payer less', 'end', outputs((value, at) => (at === 0 ? value - price : value))],
  ['an end that pays the payee more', 'end', outputs((value, at) => (at === 1 ? value + price : value))],
  ['an end that pays elsewhere', 'end', elsewhere],
  ['an end without outputs', 'end', ended((tx) => ({ ...tx, outputs: [] }))],
  [
    'an end of another deposit',
    'end',
    ended((tx) => ({ ...tx, inputs: tx.inputs.map((input) => ({ ...input, outpoint: otherOutpoint() })) })),
  ],
  ['an end that is locked for years', 'end', ended((tx) => ({ ...tx, lockTime: 400_000_000 }))],
  ['an end that nobody signed', 'end', unlocked(() => new Uint8Array())],
  ['an end that is signed as another', 'end', unlocked((script) => script.with(12, (script[12] ?? 0) ^ 1))],
  ['that the end is too small, without proof', 'end', shows(signedByStranger, 'agreement-short')],
  ['that the end is too small, by an old best', 'end', shows(firstBest, 'agreement-short')],
  ['that the end is malformed, each time', 'end', says('agreement-malformed', { capacity: 0 })],
  ['a capacity above the deposits', 'announce', alter('accepted', (honest) => ({ ...honest, capacity: amount(deposit * 2n) }))],
  ['a capacity of one unit', 'announce', alter('accepted', (honest) => ({ ...honest, capacity: amount(1n) }))],
  ['acceptance of another channel', 'announce', alter('accepted', (honest) => ({ ...honest, channel: channelId('00'.repeat(32)) }))],
  ['an invoice for ten times the price', 'invoice-request', invoice(() => ({ amount: amount(10n * price) }))],
  ['an invoice for all the money there is', 'invoice-request', invoice(() => ({ amount: MAX_AMOUNT }))],
  ['an invoice for something else', 'invoice-request', invoice(() => ({ item: 'caviar' }))],
  ['an invoice that pays elsewhere', 'invoice-request', invoice(() => ({ address: 'nowhere' }))],
  ['an invoice of another channel', 'invoice-request', invoice(() => ({ channel: other }))],
  ['an invoice that is paid already', 'invoice-request', invoice(() => ({ id: firstReceipt.invoice ?? '' }))],
  ['an invoice nobody made', 'invoice-request', invoice(() => ({ id: 'ff'.repeat(16) }))],
  ['an invoice with control characters', 'invoice-request', invoice(() => ({ text: '\u001b]0;\u0007\u0000' }))],
];

/** What is no answer to the question at all is told as such: the payer knows as little as if nothing had come. */
const NONSENSE: ReadonlySet<string> = new Set([
  'a receipt for another channel',
  'a receipt for a higher total',
  'a receipt for a lower total',
  'an old receipt',
  ...kinds.map(({ kind }) => `to a payment: ${kind}`),
  ...kinds.filter(({ kind }) => kind !== 'state').map(({ kind }) => `to a question about the state: ${kind}`),
  'the state of another channel',
  'an end that pays the payer less',
  'an end that pays the payee more',
  'an end that pays elsewhere',
  'an end without outputs',
  'an end of another deposit',
  'an end that is locked for years',
  'an end that nobody signed',
  'an end that is signed as another',
  'a capacity above the deposits',
  'a capacity of one unit',
  'acceptance of another channel',
  'an invoice for something else',
  'an invoice that pays elsewhere',
  'an invoice of another channel',
]);

function otherOutpoint(): (typeof otherDeposits)[number]['outpoint'] {
  return otherDeposits[0]?.outpoint ?? assert.fail();
}

/** Each of these is answered once for each try of the payer; more would be a loop. */
const MOST_MESSAGES = 12;

class Liar implements Connection {
  readonly #on: On;
  readonly #lie: Lie;
  count = 0;
  told = 0;
  isNonsense = false;

  constructor(on: On, lie: Lie) {
    this.#on = on;
    this.#lie = lie;
  }

  readonly exchange = async (request: Request): Promise<Reply> => {
    assert.ok(++this.count <= MOST_MESSAGES, 'the payer goes round in circles');
    const honest = await world.answer(request);
    if (request.kind !== this.#on) return honest;
    const lie = this.#lie(honest, request);
    if (lie !== honest) this.told++;
    return lie;
  };
}

/** A buyer that knows the price: what a payer agrees to is its own affair. */
async function buy(wire: Connection): Promise<'bought' | 'not'> {
  const asked = await world.agent.invoice(channel, 'tea', wire);
  if (isRefusal(asked) || asked.amount > price) return 'not';
  const paid = await world.agent.pay(channel, { ...asked, most: asked.amount }, wire);
  return isRefusal(paid) ? 'not' : 'bought';
}

const acts: Readonly<Record<Exclude<On, 'offer-request'>, (wire: Connection) => Promise<unknown>>> = {
  'invoice-request': buy,
  payment: buy,
  'state-request': (wire) => world.agent.resync(channel, wire),
  end: (wire) => world.agent.end(channel, wire),
  announce: (wire) => world.agent.announce(channel, wire),
};

async function liedTo(on: Exclude<On, 'offer-request'>, lie: Lie): Promise<Liar> {
  await world.start('payer', copyOf(start.payer), world.wallet);
  await world.start('payee', copyOf(start.payee));
  const liar = new Liar(on, lie);
  await acts[on](liar).catch((error: unknown) => {
    if (!(error instanceof WorldError && error.code === 'peer-nonsense')) throw error;
    liar.isNonsense = true;
  });
  return liar;
}

const signedTotal = async (): Promise<bigint> => (await world.payerState(channel)).signed;

/** With honesty again: the payer buys, or gets the end it asked for. */
async function goesOn(on: On): Promise<void> {
  if (on === 'end') {
    const end = must(await world.agent.end(channel, world.payee));
    assert.equal(end.reply.kind, 'ended');
    return;
  }
  // The first may only set right what the lie has left behind.
  const tries = [await buy(world.payee), await buy(world.payee)];
  assert.ok(tries.includes('bought'), tries.join());
}

describe('a merchant that lies', () => {
  test('more than fifty of them, each told', () => {
    assert.ok(lies.length >= 50);
    assert.equal(new Set(lies.map(([name]) => name)).size, lies.length);
  });

  for (const [name, on, lie] of lies) {
    if (on === 'offer-request') continue;
    test(name, async () => {
      const honest = await liedTo(on, (reply) => reply);
      assert.equal(honest.told, 0);
      const afterHonest = await signedTotal();
      const liar = await liedTo(on, lie);
      assert.ok(liar.told > 0, 'the lie was told');
      assert.equal(liar.isNonsense, NONSENSE.has(name));
      const signed = await signedTotal();
      // One purchase was asked for, at most: for more than it and the one unit that a payment has to add, nothing is signed.
      const isPurchase = on === 'payment' || on === 'invoice-request';
      assert.ok(signed <= BOUGHT + (isPurchase ? price + 1n : 0n), `${signed - BOUGHT} signed beyond what was bought`);
      assert.ok(signed <= afterHonest + 1n);
      await goesOn(on);
    });
  }

  for (const on of ['payment', 'state-request', 'end', 'announce', 'invoice-request'] as const) {
    test(`every refusal there is, with hostile facts, to: ${on}`, async () => {
      for (const code of refusalCodes) {
        const lie = says(code, {
          best: MAX_AMOUNT,
          signatures: 'ff'.repeat(64),
          spent: MAX_AMOUNT,
          least: 1,
          all: MAX_AMOUNT,
          total: '\u0000',
        });
        const liar = await liedTo(on, lie);
        assert.ok(liar.told > 0);
        assert.ok((await signedTotal()) <= BOUGHT + price, code);
        await goesOn(on);
      }
    });
  }

  test('one that goes on refusing what it keeps gets no more than what each try asked for', async () => {
    await liedTo('payment', keeps);
    const liar = new Liar('payment', keeps);
    for (let tries = 1; tries <= 3; tries++) {
      liar.count = 0;
      await buy(liar);
      assert.ok((await signedTotal()) <= BOUGHT + price * BigInt(tries + 1), `${tries}`);
    }
  });
});

describe('an offer that lies', () => {
  const tip = world.regtest.tip.height;
  const offers: readonly (readonly [string, (honest: Offer) => Partial<Offer>, string])[] = [
    ['is for another coin', () => ({ coin: dogecoin }), 'coin-mismatch'],
    ['asks for a fixed fee far above any close', () => ({ signing: { kind: 'fixed', fee: amount(deposit / 2n) } }), 'fee-too-high'],
    ['has a margin that leaves no time', () => ({ closingMargin: 1_000 }), 'expiry-too-near'],
    ['has a margin that no time outlasts', () => ({ closingMargin: 490_000_000 }), 'offer-excessive'],
    [
      'would have a deposit wait for ever',
      (honest) => ({ depth: [...honest.depth, { upTo: MAX_AMOUNT, blocks: 5_000_000 }] }),
      'offer-excessive',
    ],
    ['wants all that there is', () => ({ minDeposit: MAX_AMOUNT, maxDeposit: MAX_AMOUNT }), 'offer-excessive'],
    ['wants to be paid to a script that no close could pay to', () => ({ payeeScript: new Uint8Array(80) }), 'offer-malformed'],
    ['wants the coins for longer than the payer said', () => ({ minExpiry: height(tip + 4_000) }), 'expiry-too-near'],
  ];
  for (const [name, change, code] of offers) {
    test(name, async () => {
      const honest = must(await world.payee.exchange({ kind: 'offer-request' }));
      if (honest.kind !== 'offer') assert.fail(honest.kind);
      const script = await world.freshScript();
      const expiry = height(tip + 200);
      const lied = await world.agent.plan({ ...honest, ...change(honest) }, expiry, script);
      assert.equal(isRefusal(lied) && lied.code, code);
      assert.equal(must(await world.agent.plan(honest, expiry, script)).kind, 'planned');
    });
  }
});

test('lied to until the end, the payer is refunded at the expiry of all but what it signed', async () => {
  await liedTo('payment', keeps);
  gate.isOpen = true;
  const { terms } = await world.payerState(channel);
  world.leave('payee');
  while (world.regtest.tip.height < terms.expiry + 2) await world.mine(1);
  await world.mine(world.coin.channel.buried);
  const after = await world.payerState(channel);
  assert.equal(after.kind === 'ended' && after.how, 'refunded');
  const returned: Amount = after.kind === 'ended' ? after.returned : ZERO;
  assert.ok(returned > deposit - world.coin.policy.feeRate);
});
