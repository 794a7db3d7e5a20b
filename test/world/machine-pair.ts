import assert from 'node:assert/strict';
import { type Amount, amount, ZERO } from '../../src/core/base/amount.ts';
import { type Height, height } from '../../src/core/base/height.ts';
import { isRefusal, type Refusal } from '../../src/core/base/refusal.ts';
import { type PayeeInput, payee } from '../../src/core/channel/payee.ts';
import { keyNameOf } from '../../src/core/channel/payee-open.ts';
import { currentHash } from '../../src/core/channel/payee-revocation.ts';
import type { PayeeState } from '../../src/core/channel/payee-state.ts';
import { type PayerInput, payer } from '../../src/core/channel/payer.ts';
import { allDeposits, type PayerState } from '../../src/core/channel/payer-state.ts';
import { invoiceSnapshot, payeeSnapshot, payerSnapshot, type Snapshot } from '../../src/core/channel/snapshot.ts';
import type {
  ChainView,
  DepositView,
  Effect,
  Env,
  FundingView,
  KeptInvoice,
  KeyOf,
  Step,
  YoungRoom,
} from '../../src/core/channel/state-machine.ts';
import type { Deposit, RevocationHash, Terms } from '../../src/core/contract/contract.ts';
import type { Announce, Invoice, Offer, Reply, Request } from '../../src/core/message/message.ts';
import { type Signer, verifyPortable } from '../../src/core/tx/sign.ts';
import { encodeTransaction, outpointKey, type Transaction, transactionId } from '../../src/core/tx/transaction.ts';
import {
  fundingOf,
  keyNumber,
  medianTimeAt,
  must,
  payeeKey,
  payerKey,
  returnScript,
  type SampleTerms,
  sampleOffer,
  sampleTerms,
} from './sample.ts';

type Input = Readonly<PayerInput | PayeeInput>;

/** A payer and a payee who meet without an engine: every state goes through its stored text on the way to the next step. */
export class MachinePair {
  readonly terms: Terms;
  readonly offer: Offer;
  tip: Height = height(1_400);
  now = 1_000_000;
  feeRate: Amount;
  /** What the payee may still deliver that the chain could undo. */
  room: Amount = ZERO;
  /** The same for what rests on young deposits. */
  young: readonly YoungRoom[] = [];
  payer: PayerState | undefined;
  payee: PayeeState | undefined;
  /** What the payee's node says of outputs; the payer's chain view is made of it too. */
  readonly chain: Map<string, FundingView> = new Map();
  readonly spends: Map<string, Extract<DepositView, { kind: 'spent' }>> = new Map();
  /** Deposits whose coins went elsewhere, by outpoint key. */
  readonly replaced: Map<string, Extract<DepositView, { kind: 'replaced' }>> = new Map();
  /** Keys of outputs outside the channel. */
  keyOf: KeyOf = () => undefined;
  readonly invoices: Map<string, KeptInvoice> = new Map();
  /** What both sides broadcast, in order. */
  readonly broadcasts: Transaction[] = [];
  #salt = 0;

  constructor(options: SampleTerms = {}, alter: Partial<Offer> = {}) {
    this.terms = sampleTerms(options);
    this.offer = { ...sampleOffer(this.terms), ...alter };
    this.feeRate = this.terms.coin.policy.feeRate;
  }

  get medianTime(): number {
    return medianTimeAt(this.terms.coin, this.tip);
  }

  /** The hash under which payments are made now, where they can be taken back. */
  get hash(): RevocationHash | undefined {
    return this.payee && currentHash(this.payee, { signer: payeeKey });
  }

  /** What the payer pays for a close, where the terms fix that. */
  get fixedFee(): bigint {
    return this.terms.signing.kind === 'fixed' ? this.terms.signing.fee : 0n;
  }

  env(signer: Signer): Env {
    return {
      tip: this.tip,
      medianTime: this.medianTime,
      now: this.now,
      feeRate: this.feeRate,
      verify: verifyPortable,
      signer,
      keyOf: this.keyOf,
      room: this.room,
      young: this.young,
    };
  }

  /** One step of the payer; a refusal leaves its state as it was. */
  tellPayer(input: PayerInput): Step<PayerState | undefined> | Refusal {
    const before = this.payer;
    const step = guarded(before, payerSnapshot, () => payer(before, input, this.env(payerKey)));
    if (!isRefusal(step)) this.payer = stored(payerSnapshot, step.state);
    return this.#noted(step);
  }

  /** One step of the payee. The key ring has the key of the offer it made; for any other it derives a key that nobody named. */
  tellPayee(input: PayeeInput): Step<PayeeState | undefined> | Refusal {
    const before = this.payee;
    const step = guarded(before, payeeSnapshot, () => payee(before, input, this.env(this.#payeeKeyFor(input))));
    if (isRefusal(step)) return step;
    this.payee = stored(payeeSnapshot, step.state);
    if (step.invoice !== undefined) this.invoices.set(step.invoice.invoice.id, stored(invoiceSnapshot, step.invoice) ?? step.invoice);
    return this.#noted(step);
  }

  #payeeKeyFor(input: Input): Signer {
    const isOther =
      this.payee === undefined &&
      input.kind === 'announce' &&
      'announce' in input &&
      keyNameOf(input.announce.offer) !== keyNameOf(this.offer);
    return isOther ? keyNumber(99) : payeeKey;
  }

  #noted<Result extends Step<unknown> | Refusal>(step: Result): Result {
    if (isRefusal(step)) return step;
    for (const effect of step.effects) if (effect.kind === 'broadcast') this.broadcasts.push(effect.transaction);
    return step;
  }

  /** The payee's answer to a request, refusals included. */
  ask(request: Request): Reply {
    const step = this.tellPayee(this.#inputOf(request));
    return isRefusal(step) ? step : (replyIn(step.effects) ?? assert.fail('no reply'));
  }

  /** Of the payee's node where that is ahead of what the payee has read. */
  nodeTip: Height | undefined;

  #inputOf(request: Request): PayeeInput {
    switch (request.kind) {
      case 'announce':
        return {
          kind: 'announce',
          announce: request,
          funding: request.deposits.map((deposit) => this.#lookUp(deposit)),
          ...(this.nodeTip && { lookedAt: this.nodeTip }),
        };
      case 'payment': {
        const invoice = request.invoice === undefined ? undefined : this.invoices.get(request.invoice);
        return { kind: 'payment', pay: request, ...(invoice === undefined ? {} : { invoice }) };
      }
      case 'state-request':
        return { kind: 'state-request' };
      case 'end':
        return { kind: 'end', end: request };
      case 'offer-request':
      case 'invoice-request':
      case 'sync':
      case 'join':
      case 'quote-request':
      case 'forward':
        return assert.fail('no machine answers this');
    }
  }

  #lookUp({ outpoint }: Deposit): FundingView {
    return this.chain.get(outpointKey(outpoint)) ?? { kind: 'missing' };
  }

  request(input: PayerInput): Request {
    const step = must(this.tellPayer(input));
    return sendIn(step.effects) ?? assert.fail('nothing to send');
  }

  answer(to: Request['kind'], message: Reply): Step<PayerState | undefined> {
    return must(this.tellPayer({ kind: 'reply', to, message }));
  }

  /** There and back again. */
  exchange(input: PayerInput): Reply {
    const request = this.request(input);
    const reply = this.ask(request);
    this.answer(request.kind, reply);
    return reply;
  }

  create(): void {
    const expiry = this.terms.expiry;
    must(
      this.tellPayer({
        kind: 'create',
        offer: this.offer,
        expiry,
        keyName: 'm/1',
        returnScript,
        limits: { expiryIn: this.offer.contract.expiryIn },
      }),
    );
  }

  /** Makes and launches deposits that are `depth` deep at once. */
  fund(values: readonly bigint[], depth = 10): readonly Deposit[] {
    return values.map((value) => {
      const transaction = fundingOf(this.terms, [value], this.#salt++);
      const deposit = { outpoint: { txid: transactionId(transaction), vout: 0 }, value: amount(value) };
      must(this.tellPayer({ kind: 'fund', deposits: [deposit], transaction: encodeTransaction(transaction) }));
      this.confirm(deposit, depth);
      return deposit;
    });
  }

  /** Puts a deposit on the chain, whoever made it. */
  confirm({ outpoint, value }: Deposit, depth = 10, view: Partial<Extract<FundingView, { kind: 'unspent' }>> = {}): void {
    const script = this.terms.contract.outputScript(this.terms);
    const waits = { fee: this.terms.coin.policy.maxFee, size: 250, ancestors: 0, isReplaceable: false };
    const waiting = depth === 0 ? { waits } : {};
    this.chain.set(outpointKey(outpoint), { kind: 'unspent', value, script, depth, isImmature: false, ...waiting, ...view });
  }

  /** An accepted channel with these deposits. */
  open(...values: readonly bigint[]): this {
    this.create();
    this.fund(values);
    const reply = this.exchange({ kind: 'announce' });
    assert.equal(reply.kind, 'accepted');
    must(this.tellPayer({ kind: 'launch' }));
    assert.deepEqual([this.payer?.kind, this.payee?.kind], ['open', 'open']);
    return this;
  }

  /** Pays up to a total, as credit unless it buys something. */
  pay(total: bigint, price = 0n, invoice?: string): Reply {
    const given = { kind: 'pay', total: amount(total), price: amount(price) } as const;
    return this.exchange(invoice === undefined ? given : { ...given, invoice });
  }

  invoice(id: string, price: bigint, alter: Partial<Invoice> = {}): Invoice {
    const channel = this.openPayer().channel;
    const invoice: Invoice = {
      ...{
        kind: 'invoice',
        id,
        channel,
        item: 'tea',
        text: 'A cup of tea',
        amount: amount(price),
        address: 'x',
        expires: this.now + 1_000,
      },
      ...alter,
    };
    this.invoices.set(id, { invoice });
    return invoice;
  }

  openPayer(): Extract<PayerState, { kind: 'open' }> {
    return this.payer?.kind === 'open' ? this.payer : assert.fail(`the payer is ${this.payer?.kind}`);
  }

  payeeState(): PayeeState {
    return this.payee ?? assert.fail('the payee has no channel');
  }

  payerState(): PayerState {
    return this.payer ?? assert.fail('the payer has no channel');
  }

  announcement(): Announce {
    const { channel: _, ...state } = this.payerState();
    return {
      kind: 'announce',
      offer: state.offer ?? this.offer,
      payerKey: state.terms.payerKey,
      expiry: state.terms.expiry,
      deposits: allDeposits(this.payerState()).map(({ outpoint, value }) => ({ outpoint, value })),
      ...(state.terms.revocation && { penaltyKey: state.terms.revocation.penaltyKey }),
    };
  }

  /** A transaction spends outputs, `depth` blocks ago. */
  spend(transaction: Transaction, depth: number, depositDepth?: number): void {
    const spent = { kind: 'spent', transaction, depth, ...(depositDepth !== undefined && { depositDepth }) } as const;
    for (const { outpoint } of transaction.inputs) this.spends.set(outpointKey(outpoint), spent);
  }

  /** Has the payee take what its close holds once that can be had; where it holds nothing the close itself has paid. */
  payOut(close: Transaction): Transaction {
    const { revocation } = this.terms.contract;
    const hashes = this.hash === undefined ? [] : [this.hash];
    const held = revocation?.outputs(this.terms, close, hashes) ?? [];
    if (revocation === undefined || held.length === 0) return close;
    for (const one of held) this.confirm(one);
    this.tip = revocation.payoutAt(this.terms);
    must(this.tellPayee(this.view()));
    const payout = this.broadcasts.at(-1) ?? assert.fail('no payout');
    this.spend(payout, this.terms.coin.channel.buried);
    must(this.tellPayee(this.view()));
    return payout;
  }

  view(found: ChainView['found'] = []): ChainView {
    const deposits = new Map<string, DepositView>();
    for (const [key, view] of this.chain) if (view.kind === 'unspent') deposits.set(key, { kind: 'unspent', depth: view.depth });
    for (const [key, spend] of this.spends) deposits.set(key, spend);
    for (const [key, other] of this.replaced) deposits.set(key, other);
    return { kind: 'view', deposits, found };
  }
}

/** Runs a step and fails if it changed the state it was given. */
function guarded<State, Result>(before: State | undefined, snapshot: Snapshot<State>, run: () => Result): Result {
  const text = before && snapshot.encode(before);
  const result = run();
  assert.equal(before && snapshot.encode(before), text, 'a step changes no state in place');
  return result;
}

/** The state as a restart would have it. */
function stored<State>(snapshot: Snapshot<State>, state: State | undefined): State | undefined {
  if (state === undefined) return undefined;
  const text = snapshot.encode(state);
  const read = snapshot.decode(text);
  assert.deepEqual(read, state);
  assert.equal(snapshot.encode(read), text);
  return read;
}

export function replyIn(effects: readonly Effect[]): Reply | undefined {
  return effects.flatMap((effect) => (effect.kind === 'reply' ? [effect.message] : []))[0];
}

export function sendIn(effects: readonly Effect[]): Request | undefined {
  return effects.flatMap((effect) => (effect.kind === 'send' ? [effect.message] : []))[0];
}
