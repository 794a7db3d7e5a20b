import assert from 'node:assert/strict';
import fc from 'fast-check';
import { checkerFor } from '../../src/chain/regtest/checker.ts';
import { verifyScript } from '../../src/chain/regtest/interpreter.ts';
import { STANDARD_FLAGS } from '../../src/chain/regtest/script-flags.ts';
import { amount, feeFor } from '../../src/core/base/amount.ts';
import { bytesToHex, equalBytes } from '../../src/core/base/bytes.ts';
import { height } from '../../src/core/base/height.ts';
import { isRefusal } from '../../src/core/base/refusal.ts';
import type { BestPayment, PayeeState } from '../../src/core/channel/payee-state.ts';
import { totalFor } from '../../src/core/channel/payer-pay.ts';
import { allDeposits, type PayerRevocation, type PayerState } from '../../src/core/channel/payer-state.ts';
import { capacityOf, type Deposit, type Payment, payerScript, type RevocationHash } from '../../src/core/contract/contract.ts';
import type { Pay, Reply, Request } from '../../src/core/message/message.ts';
import { hash160 } from '../../src/core/tx/script.ts';
import { readCompact } from '../../src/core/tx/sign.ts';
import { outpointKey, type Transaction } from '../../src/core/tx/transaction.ts';
import type { MachinePair } from './machine-pair.ts';
import { must, payeeKey, payeeScript, returnScript } from './sample.ts';

export const DOGE = 100_000_000n;

type Loss = 'none' | 'request' | 'reply';
export type Action =
  | { readonly kind: 'buy'; readonly price: bigint; readonly loss: Loss }
  | { readonly kind: 'credit'; readonly price: bigint; readonly loss: Loss }
  | { readonly kind: 'resend'; readonly loss: Loss }
  | { readonly kind: 'replay' | 'forge' | 'set-back'; readonly which: number }
  | { readonly kind: 'give-back'; readonly parts: number; readonly loss: Loss }
  | { readonly kind: 'top-up'; readonly value: bigint; readonly loss: Loss }
  | { readonly kind: 'announce' | 'resync' | 'pause' };

const losses = fc.constantFrom<Loss>('none', 'none', 'none', 'request', 'reply');
const prices = fc.bigInt(1n, 3n * DOGE);
export const actions: fc.Arbitrary<Action> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('buy' as const), price: prices, loss: losses }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('credit' as const), price: prices, loss: losses }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('resend' as const), loss: losses }) },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constantFrom('replay' as const, 'forge' as const, 'set-back' as const), which: fc.nat(50) }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('give-back' as const), parts: fc.integer({ min: 1, max: 100 }), loss: losses }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('top-up' as const), value: fc.bigInt(DOGE / 10n, 4n * DOGE), loss: losses }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constantFrom('announce' as const, 'resync' as const, 'pause' as const) }) },
);

/** A payer and a payee under whatever happens to messages and memories, and the money rules that hold after each of it. */
export class Life {
  readonly pair: MachinePair;
  readonly #sent: Request[] = [];
  readonly #memories: PayerState[] = [];
  readonly #deposits: Deposit[] = [];
  /** The largest total that was signed under each hash, '' where there are none; it goes once the payee has shown the secret. */
  readonly #signed = new Map<string, bigint>();
  readonly #closable: PayeeState[] = [];
  #invoices = 0;
  #orders = 0;
  #before: PayeeState | undefined;
  #ordered = 0n;
  /** Of what was charged, so much was given back. */
  #uncharged = 0n;
  #forgotten = 0;
  receipts = 0;
  givenBack = 0;

  constructor(pair: MachinePair) {
    this.pair = pair;
  }

  /** All that the payer can lose. */
  get mostSigned(): bigint {
    return [...this.#signed.values()].reduce((most, total) => (total > most ? total : most), 0n);
  }

  /** Payee states whose payment was revoked since, by a secret that the payer has. */
  revoked(): readonly PayeeState[] {
    const hash = this.pair.payee?.best?.hash;
    const isKnown = this.#forgotten === 0 && this.pair.openPayer().revocation?.index === this.pair.payee?.revoked;
    return isKnown
      ? this.#closable.filter(({ best }) => best?.hash !== undefined && (hash === undefined || !equalBytes(best.hash, hash)))
      : [];
  }

  act(action: Action): void {
    if (action.kind === 'buy') this.buy(action.price, action.loss);
    else if (action.kind === 'credit') this.#pay(action.price, undefined, action.loss);
    else if (action.kind === 'resend') this.#carry(this.pair.tellPayer({ kind: 'resend' }), action.loss);
    else if (action.kind === 'replay') this.#deliver(this.#sent[action.which % Math.max(1, this.#sent.length)]);
    else if (action.kind === 'forge') this.#forge(action.which);
    else if (action.kind === 'set-back') this.#setBack(this.#memories[action.which % Math.max(1, this.#memories.length)]);
    else if (action.kind === 'give-back') this.#giveBack(action.parts, action.loss);
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
    this.#carry(pair.tellPayer({ kind: 'announce' }), 'none');
    this.#carry(pair.tellPayer({ kind: 'resend' }), 'none');
    const chargedBefore = pair.payeeState().spent;
    for (let tries = 0; tries < 3 && pair.payeeState().spent === chargedBefore; tries++) {
      this.#carry(pair.tellPayer({ kind: 'resend' }), 'none');
      if (tries === 1) this.#carry(pair.tellPayer({ kind: 'resync' }), 'none');
      if (this.#forgotten > 0 && this.#isBehind(pair.payeeState(), pair.openPayer())) return;
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
    if (request.kind === 'payment') this.#noteSigned(request.payment);
    this.#sent.push(request);
    if (loss === 'request') return;
    const reply = this.#ask(request);
    if (reply.kind === 'receipt') this.receipts++;
    if (loss === 'none') this.pair.answer(request.kind, reply);
    this.check();
  }

  #noteSigned({ total, hash }: Payment): void {
    const key = hash === undefined ? '' : bytesToHex(hash);
    const before = this.#signed.get(key) ?? 0n;
    this.#signed.set(key, total > before ? total : before);
  }

  /** Whoever has seen a secret knows it, also where the answer is lost. */
  #ask(request: Request): Reply {
    const reply = this.pair.ask(request);
    const secret = reply.kind === 'receipt' ? reply.secret : reply.kind === 'state' ? reply.revocation?.secrets?.at(-1)?.secret : undefined;
    if (secret !== undefined) this.#signed.delete(bytesToHex(hash160(secret)));
    return reply;
  }

  #deliver(request: Request | undefined): void {
    if (request !== undefined) this.#ask(request);
  }

  /** The payee orders a part of what it has back, and the payer asks what it is to take. */
  #giveBack(parts: number, loss: Loss): void {
    const { best } = this.pair.payeeState();
    if (best === undefined) return;
    this.pair.tellPayee({ kind: 'give-back', order: `${this.#orders++}`, amount: amount((best.total * BigInt(parts)) / 100n) });
    this.#ordered = this.pair.payeeState().giveBack ?? 0n;
    const asking = this.pair.tellPayer({ kind: 'resync' });
    if (isRefusal(asking)) return;
    const [request] = asking.effects.flatMap((effect) => (effect.kind === 'send' ? [effect.message] : []));
    const reply = request === undefined ? undefined : this.#ask(request);
    if (request === undefined || reply?.kind !== 'state') return;
    this.pair.answer(request.kind, reply);
    const offered = reply.revocation?.giveBack;
    if (offered !== undefined) this.#carry(this.pair.tellPayer({ kind: 'take-back', ...offered }), loss);
  }

  /** An old payment with a bit of it changed is never taken, unless it changed nothing that counts. */
  #forge(which: number): void {
    const payments = this.#sent.filter((request): request is Pay => request.kind === 'payment');
    const pay = payments[which % Math.max(1, payments.length)];
    const best = this.pair.payee?.best?.total ?? 0n;
    if (pay === undefined) return;
    const raised = { ...pay, payment: { ...pay.payment, total: amount(best + DOGE) } };
    assert.ok(isRefusal(this.#ask(raised)), 'a raised total');
    const [first, ...rest] = pay.payment.signatures;
    const bytes = Uint8Array.from(first ?? []);
    bytes[which % 64] = (bytes[which % 64] ?? 0) ^ 1;
    const bent = readCompact(bytes);
    if (typeof bent === 'string') return;
    assert.ok(isRefusal(this.#ask({ ...pay, payment: { ...pay.payment, signatures: [bent, ...rest] } })), 'a bent signature');
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
    this.#forgotten += forgets(memory.revocation, this.pair.payerState().revocation) ? 1 : 0;
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
    this.#checkFall(payee);
    assert.ok(best <= this.mostSigned, 'it is never more than the payer signed');
    assert.ok(payee.spent <= best && best <= capacityOf(payee.deposits));
    if (!this.#isBehind(payee, payer)) {
      assert.ok((payer.best?.total ?? 0n) <= best, 'the payer believes in nothing that the payee does not hold');
    }
    assert.ok(payer.spent <= (payer.best?.total ?? 0n));
    const paid = [...this.pair.invoices.values()].filter(({ paidTotal }) => paidTotal !== undefined);
    const charged = paid.reduce((sum, { invoice }) => sum + invoice.amount, 0n);
    assert.equal(payee.spent, charged - this.#uncharged, 'each purchase is charged once');
    if (!this.#memories.includes(payer)) this.#memories.push(payer);
    if (payee.best !== undefined) this.#closable.push(payee);
  }

  /** The best total falls by no more than what was ordered, each time that a secret is shown. */
  #checkFall(payee: PayeeState): void {
    const [before, now] = [this.#before, payee];
    const fallen = (before?.best?.total ?? 0n) - (now.best?.total ?? 0n);
    if ((now.revoked ?? 0) === (before?.revoked ?? 0)) {
      assert.ok(fallen <= 0n, 'the best total never falls by itself');
    } else if (before !== undefined) {
      assert.equal(now.revoked, (before.revoked ?? 0) + 1);
      assert.ok(fallen > 0n && fallen <= this.#ordered, 'no more is given back than was ordered');
      assert.equal(before.spent - now.spent, before.spent < fallen ? before.spent : fallen);
      this.#uncharged += before.spent - now.spent;
      this.givenBack++;
    }
    this.#before = payee;
    this.#ordered = payee.giveBack ?? 0n;
  }

  /** Whether the payee has shown a secret that the payer does not have. */
  #isBehind({ revoked = 0 }: PayeeState, { revocation }: PayerState): boolean {
    return revocation !== undefined && revocation.index < revoked;
  }
}

/** Whether a hash under which the payer signed, or a secret, is not in an older memory of it: then it can not follow the payee any more, nor punish all. */
function forgets(older: PayerRevocation | undefined, newer: PayerRevocation | undefined): boolean {
  return older?.index !== newer?.index || (older?.next === undefined && newer?.next !== undefined);
}

/** Whether relay takes every input of a transaction that spends deposits of the channel, or outputs of this script. */
function assertUnlocks({ terms }: MachinePair, transaction: Transaction, output: Uint8Array = terms.contract.outputScript(terms)): void {
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
export function settle({ pair, mostSigned }: Life): void {
  const { best } = pair.payeeState();
  const fixed = pair.fixedFee;
  pair.broadcasts.length = 0;
  pair.tip = height(1_880);
  must(pair.tellPayee(pair.view()));
  const [close] = pair.broadcasts;
  assert.equal(close !== undefined, best !== undefined, 'a best payment is closed with, and nothing else is');
  if (close !== undefined && best !== undefined) {
    assertUnlocks(pair, close);
    const fee = spentBy(pair, close) - close.outputs.reduce((sum, { value }) => sum + value, 0n);
    const feeOfPayee = fixed > 0n ? 0n : fee;
    assert.equal(paidTo(close, pair.terms.contract.paysTo(pair.terms, best.hash)), best.total - feeOfPayee);
    assert.equal(paidTo(close, payerScript(pair.terms)), spentBy(pair, close) - best.total - fixed);
    mine(pair, close, best.hash);
    must(pair.tellPayer(pair.view()));
  }
  assert.ok(lostBy(pair) <= mostSigned + fixed, 'the payer never loses more than the largest total it signed');
  if (best !== undefined) payOut(pair, best);
}

/** A payee closes with what it gave back: the payer takes all of that, and has lost nothing but fees. */
export function punish({ pair }: Life, { best, terms, deposits }: PayeeState): void {
  if (best === undefined) assert.fail('a payment to close with');
  const closing = { terms, deposits, payment: best, signer: payeeKey };
  const stolen = must(terms.contract.close([closing], { script: terms.payeeScript, feeRate: pair.feeRate }));
  pair.broadcasts.length = 0;
  pair.tip = height(1_880);
  mine(pair, stolen, best.hash);
  must(pair.tellPayer(pair.view()));
  const [penalty] = pair.broadcasts;
  assert.ok(penalty !== undefined, 'a penalty');
  assertUnlocks(pair, penalty, terms.contract.paysTo(terms, best.hash));
  const kept = paidTo(penalty, returnScript);
  assert.ok(kept > 0n && penalty.outputs.length === 1);
  pair.spend(penalty, 60);
  must(pair.tellPayer(pair.view()));
  assert.ok(lostBy(pair) <= pair.fixedFee + best.total - kept, 'fees alone are lost');
  const payer = pair.payerState();
  assert.equal(payer.kind === 'ended' && payer.how, 'punished');
}

/** A transaction is buried, with what it holds for the payee. */
function mine(pair: MachinePair, transaction: Transaction, hash: RevocationHash | undefined): void {
  const { contract } = pair.terms;
  pair.spend(transaction, 60);
  const held = hash === undefined ? [] : (contract.revocation?.outputs(pair.terms, transaction, [hash]) ?? []);
  for (const one of held) pair.confirm(one, 60);
}

/** What the payer has not got back but for the fees of refunds, once all is refunded that was left. */
function lostBy(pair: MachinePair): bigint {
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
  return capacity - returned - refundFees;
}

/** What a close held is the payee's at last, less the fee of its payout. */
function payOut(pair: MachinePair, { total, hash }: BestPayment): void {
  const { revocation, ...contract } = pair.terms.contract;
  if (revocation === undefined) return;
  pair.broadcasts.length = 0;
  pair.tip = revocation.payoutAt(pair.terms);
  must(pair.tellPayee(pair.view()));
  const [payout] = pair.broadcasts;
  assert.ok(payout !== undefined && payout.lockTime === pair.tip, 'a payout');
  assertUnlocks(pair, payout, contract.paysTo(pair.terms, hash));
  pair.spend(payout, 60);
  must(pair.tellPayee(pair.view()));
  const payee = pair.payeeState();
  const received = paidTo(payout, payeeScript);
  assert.ok(payee.kind === 'ended' && payee.how === 'closed' && payee.received === received);
  assert.ok(received > 0n && total - received <= 10n * feeFor(revocation.payoutSize, pair.feeRate), 'less the fee alone');
}
