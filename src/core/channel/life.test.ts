import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { MachinePair } from '../../../test/world/machine-pair.ts';
import { must, payeeScript, returnScript } from '../../../test/world/sample.ts';
import { checkerFor } from '../../chain/regtest/checker.ts';
import { verifyScript } from '../../chain/regtest/interpreter.ts';
import { STANDARD_FLAGS } from '../../chain/regtest/script-flags.ts';
import { amount } from '../base/amount.ts';
import { equalBytes } from '../base/bytes.ts';
import { height } from '../base/height.ts';
import { isRefusal } from '../base/refusal.ts';
import { capacityOf, type Deposit, payerScript, type Signing } from '../contract/contract.ts';
import { contracts } from '../contract/registry.ts';
import type { Pay, Request } from '../message/message.ts';
import { readCompact } from '../tx/sign.ts';
import { outpointKey, type Transaction } from '../tx/transaction.ts';
import { totalFor } from './payer-pay.ts';
import { allDeposits, type PayerState } from './payer-state.ts';

const DOGE = 100_000_000n;

type Loss = 'none' | 'request' | 'reply';
type Action =
  | { readonly kind: 'buy'; readonly price: bigint; readonly loss: Loss }
  | { readonly kind: 'credit'; readonly price: bigint; readonly loss: Loss }
  | { readonly kind: 'resend'; readonly loss: Loss }
  | { readonly kind: 'replay' | 'forge' | 'set-back'; readonly which: number }
  | { readonly kind: 'top-up'; readonly value: bigint; readonly loss: Loss }
  | { readonly kind: 'announce' | 'resync' | 'pause' };

const losses = fc.constantFrom<Loss>('none', 'none', 'none', 'request', 'reply');
const prices = fc.bigInt(1n, 3n * DOGE);
const actions: fc.Arbitrary<Action> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('buy' as const), price: prices, loss: losses }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('credit' as const), price: prices, loss: losses }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('resend' as const), loss: losses }) },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constantFrom('replay' as const, 'forge' as const, 'set-back' as const), which: fc.nat(50) }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('top-up' as const), value: fc.bigInt(DOGE / 10n, 4n * DOGE), loss: losses }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constantFrom('announce' as const, 'resync' as const, 'pause' as const) }) },
);

/** A payer and a payee under whatever happens to messages and memories, and the money rules that hold after each of it. */
class Life {
  readonly pair: MachinePair;
  readonly #sent: Request[] = [];
  readonly #memories: PayerState[] = [];
  readonly #deposits: Deposit[] = [];
  #invoices = 0;
  #best = 0n;
  mostSigned = 0n;
  receipts = 0;

  constructor(pair: MachinePair) {
    this.pair = pair;
  }

  act(action: Action): void {
    if (action.kind === 'buy') this.buy(action.price, action.loss);
    else if (action.kind === 'credit') this.#pay(action.price, undefined, action.loss);
    else if (action.kind === 'resend') this.#carry(this.pair.tellPayer({ kind: 'resend' }), action.loss);
    else if (action.kind === 'replay') this.#deliver(this.#sent[action.which % Math.max(1, this.#sent.length)]);
    else if (action.kind === 'forge') this.#forge(action.which);
    else if (action.kind === 'set-back') this.#setBack(this.#memories[action.which % Math.max(1, this.#memories.length)]);
    else if (action.kind === 'top-up') this.#topUp(action.value, action.loss);
    else if (action.kind === 'pause') this.#pause();
    else this.#carry(this.pair.tellPayer({ kind: action.kind }), 'none');
  }

  buy(price: bigint, loss: Loss): void {
    this.#pay(price, this.#issue(price), loss);
  }

  /** Once nothing is lost any more, what there is money for can be bought: at the third try at the latest, the first two may only set things right. */
  assertAlive(): void {
    const { pair, receipts } = this;
    const chargedBefore = pair.payeeState().spent;
    this.#carry(pair.tellPayer({ kind: 'announce' }), 'none');
    for (let tries = 0; tries < 3 && pair.payeeState().spent === chargedBefore; tries++) {
      this.#carry(pair.tellPayer({ kind: 'resend' }), 'none');
      if (isRefusal(totalFor(pair.openPayer(), amount(DOGE / 5n)))) return;
      this.buy(DOGE / 5n, 'none');
    }
    assert.ok(this.receipts > receipts && pair.payeeState().spent > chargedBefore, 'something can be bought again');
  }

  #issue(price: bigint): string {
    const id = (++this.#invoices).toString(16).padStart(32, '0');
    this.pair.invoice(id, price, { channel: this.pair.payeeState().channel });
    return id;
  }

  #pay(price: bigint, invoice: string | undefined, loss: Loss): void {
    const total = totalFor(this.pair.openPayer(), amount(price));
    if (isRefusal(total)) return;
    const buys = { kind: 'pay', total, price: amount(price) } as const;
    this.#carry(this.pair.tellPayer(invoice === undefined ? buys : { ...buys, invoice }), loss);
  }

  #carry(step: ReturnType<MachinePair['tellPayer']>, loss: Loss): void {
    if (isRefusal(step)) return;
    const [request] = step.effects.flatMap((effect) => (effect.kind === 'send' ? [effect.message] : []));
    if (request === undefined) return;
    if (request.kind === 'payment') this.mostSigned = request.payment.total > this.mostSigned ? request.payment.total : this.mostSigned;
    this.#sent.push(request);
    if (loss === 'request') return;
    const reply = this.pair.ask(request);
    if (reply.kind === 'receipt') this.receipts++;
    if (loss === 'none') this.pair.answer(request.kind, reply);
  }

  #deliver(request: Request | undefined): void {
    if (request !== undefined) this.pair.ask(request);
  }

  /** An old payment with a bit of it changed is never taken, unless it changed nothing that counts. */
  #forge(which: number): void {
    const payments = this.#sent.filter((request): request is Pay => request.kind === 'payment');
    const pay = payments[which % Math.max(1, payments.length)];
    const best = this.pair.payee?.best?.total ?? 0n;
    if (pay === undefined) return;
    const raised = { ...pay, payment: { ...pay.payment, total: amount(best + DOGE) } };
    assert.ok(isRefusal(this.pair.ask(raised)), 'a raised total');
    const [first, ...rest] = pay.payment.signatures;
    const bytes = Uint8Array.from(first ?? []);
    bytes[which % 64] = (bytes[which % 64] ?? 0) ^ 1;
    const bent = readCompact(bytes);
    if (typeof bent === 'string') return;
    assert.ok(isRefusal(this.pair.ask({ ...pay, payment: { ...pay.payment, signatures: [bent, ...rest] } })), 'a bent signature');
  }

  #topUp(value: bigint, loss: Loss): void {
    const { deposits, offered, offer } = this.pair.payerState();
    const sum = [...deposits, ...offered].reduce((total, deposit) => total + deposit.value, value);
    if (deposits.length + offered.length >= 16 || sum > (offer?.maxDeposit ?? 0n)) return;
    this.#deposits.push(...this.pair.fund([value]));
    this.#carry(this.pair.tellPayer({ kind: 'announce' }), loss);
    // Whose answer was lost has no refund signed, and broadcasts nothing.
    const launch = this.pair.tellPayer({ kind: 'launch' });
    if (isRefusal(launch)) assert.equal(launch.code, 'refund-unsigned');
  }

  /** An old copy of the payer's store is all there is: with it goes how far the chain was read, so later deposits are found again. */
  #setBack(memory: PayerState | undefined): void {
    if (memory === undefined) return;
    this.pair.payer = memory;
    must(this.pair.tellPayer(this.pair.view(this.#deposits.map((deposit) => ({ deposit, transaction: new Uint8Array() })))));
  }

  /** A deposit leaves the chain and comes back. */
  #pause(): void {
    const [deposit] = this.pair.payeeState().deposits;
    if (deposit === undefined) return;
    this.pair.chain.delete(outpointKey(deposit.outpoint));
    must(this.pair.tellPayee(this.pair.view()));
    this.#carry(this.pair.tellPayer({ kind: 'resend' }), 'none');
    this.pair.confirm(deposit);
    must(this.pair.tellPayee(this.pair.view()));
  }

  /** What has to be true after every step. */
  check(): void {
    const { payee, payer } = this.pair;
    if (payee === undefined || payer === undefined) return;
    const best = payee.best?.total ?? 0n;
    assert.ok(best >= this.#best, 'the best total never falls');
    assert.ok(best <= this.mostSigned, 'it is never more than the payer signed');
    assert.ok(payee.spent <= best && best <= capacityOf(payee.deposits));
    assert.ok((payer.best?.total ?? 0n) <= best, 'the payer believes in nothing that the payee does not hold');
    assert.ok(payer.spent <= (payer.best?.total ?? 0n));
    const paid = [...this.pair.invoices.values()].filter(({ paidTotal }) => paidTotal !== undefined);
    assert.equal(
      payee.spent,
      paid.reduce((sum, { invoice }) => sum + invoice.amount, 0n),
      'each purchase is charged once',
    );
    if (!this.#memories.includes(payer)) this.#memories.push(payer);
    this.#best = best;
  }
}

/** Whether relay takes every input of a transaction that spends deposits of the channel. */
function assertUnlocks(pair: MachinePair, transaction: Transaction): void {
  const output = pair.terms.contract.outputScript(pair.terms);
  for (const [i, { script }] of transaction.inputs.entries()) {
    assert.equal(verifyScript(script, output, STANDARD_FLAGS, checkerFor(transaction, i)), undefined);
  }
}

function paidTo(transaction: Transaction, script: Uint8Array): bigint {
  return transaction.outputs.filter((output) => equalBytes(output.script, script)).reduce((sum, { value }) => sum + value, 0n);
}

function spentBy(pair: MachinePair, transaction: Transaction): bigint {
  const spent = new Set(transaction.inputs.map(({ outpoint }) => outpointKey(outpoint)));
  const own = [
    ...new Map([...allDeposits(pair.payerState()), ...pair.payeeState().deposits].map((one) => [outpointKey(one.outpoint), one])).values(),
  ];
  return own.filter(({ outpoint }) => spent.has(outpointKey(outpoint))).reduce((sum, { value }) => sum + value, 0n);
}

/** Closes with the best and refunds the rest; every unit is accounted for. */
function settle({ pair, mostSigned }: Life): void {
  const { best } = pair.payeeState();
  const fixed = pair.terms.signing.kind === 'fixed' ? pair.terms.signing.fee : 0n;
  pair.broadcasts.length = 0;
  pair.tip = height(1_880);
  must(pair.tellPayee(pair.view()));
  const [close] = pair.broadcasts;
  assert.equal(close !== undefined, best !== undefined, 'a best payment is closed with, and nothing else is');
  if (close !== undefined && best !== undefined) {
    assertUnlocks(pair, close);
    const fee = spentBy(pair, close) - close.outputs.reduce((sum, { value }) => sum + value, 0n);
    const feeOfPayee = fixed > 0n ? 0n : fee;
    assert.equal(paidTo(close, payeeScript), best.total - feeOfPayee);
    assert.equal(paidTo(close, payerScript(pair.terms)), spentBy(pair, close) - best.total - fixed);
    pair.spend(close, 60);
    must(pair.tellPayer(pair.view()));
  }
  pair.broadcasts.length = 0;
  pair.tip = height(2_000);
  must(pair.tellPayer(pair.view()));
  for (const refund of pair.broadcasts) {
    assertUnlocks(pair, refund);
    assert.equal(refund.lockTime, pair.terms.expiry);
    pair.spend(refund, 60);
    must(pair.tellPayer(pair.view()));
  }
  const payer = pair.payerState();
  assert.equal(payer.kind, 'ended');
  const capacity = capacityOf(allDeposits(payer));
  const returned = payer.kind === 'ended' ? payer.returned : 0n;
  const refundFees = pair.broadcasts.reduce((sum, refund) => sum + spentBy(pair, refund) - paidTo(refund, returnScript), 0n);
  assert.ok(capacity - returned <= mostSigned + fixed + refundFees, 'the payer never loses more than the largest total it signed');
}

const signings: readonly Signing[] = [
  { kind: 'flexible', slot: 0 },
  { kind: 'fixed', fee: amount((2n * DOGE) / 100n) },
];

for (const contract of contracts) {
  for (const signing of signings) {
    test(`${contract.id}, ${signing.kind}: whatever happens to messages and memories, no unit is lost`, () => {
      let receipts = 0;
      fc.assert(
        fc.property(fc.array(actions, { minLength: 1, maxLength: 25 }), (sequence) => {
          const life = new Life(new MachinePair({ contract, signing }).open(5n * DOGE));
          life.check();
          for (const action of sequence) {
            life.act(action);
            life.check();
          }
          life.assertAlive();
          life.check();
          receipts += life.receipts;
          settle(life);
        }),
        { numRuns: 40 },
      );
      assert.ok(receipts > 40, 'payments were taken');
    });
  }
}
