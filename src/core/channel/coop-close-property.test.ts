import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { MachinePair } from '../../../test/world/machine-pair.ts';
import {
  blockOf,
  contractsOn,
  fundingOf,
  keyNumber,
  must,
  payeeScript,
  returnScript,
  sampleTerms,
  signingsOf,
} from '../../../test/world/sample.ts';
import { amount, feeFor } from '../base/amount.ts';
import { equalBytes } from '../base/bytes.ts';
import { after, height, lockTime } from '../base/height.ts';
import { isRefusal } from '../base/refusal.ts';
import { dogecoinRegtest } from '../coin/dogecoin.ts';
import { litecoinRegtest } from '../coin/litecoin.ts';
import { capacityOf, type Deposit, payerScript } from '../contract/contract.ts';
import { costOf } from '../contract/fee.ts';
import { closeSize } from '../contract/tx-size.ts';
import { p2pkh } from '../tx/script.ts';
import { outpointKey, sameOutpoint, type Transaction, transactionId } from '../tx/transaction.ts';
import { isSame, spentBy } from './deposit-view.ts';
import { allDeposits } from './payer-state.ts';

/** What is so of one deposit, whatever was so before: chains are reorganised, mempools forget, miners malleate. */
type Seen =
  | { readonly kind: 'missing' }
  | { readonly kind: 'unspent' | 'replaced' | 'stolen'; readonly depth: number }
  | { readonly kind: 'sent'; readonly pick: number; readonly depth: number; readonly malleated: boolean };

type Event =
  | { readonly kind: 'blocks'; readonly count: number }
  | { readonly kind: 'fee'; readonly factor: bigint }
  | { readonly kind: 'seen'; readonly deposit: number; readonly seen: Seen }
  | { readonly kind: 'pay'; readonly part: number }
  | { readonly kind: 'end' | 'close' | 'look' };

const depth = fc.nat(70);
const seen: fc.Arbitrary<Seen> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('sent' as const), pick: fc.nat(100), depth, malleated: fc.boolean() }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('unspent' as const), depth }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('missing' as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom('replaced' as const, 'stolen' as const), depth }) },
);
const event: fc.Arbitrary<Event> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('blocks' as const), count: fc.nat(150) }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('seen' as const), deposit: fc.nat(1), seen }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('fee' as const), factor: fc.bigInt(1n, 1_000n) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('pay' as const), part: fc.integer({ min: 1, max: 100 }) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom('end' as const, 'close' as const, 'look' as const) }) },
);

const counted = ['claims', 'partial', 'raised', 'agreed', 'refunds', 'children'] as const;
const NOTHING = { claims: 0, partial: 0, raised: 0, agreed: 0, refunds: 0, children: 0 };
const THIEF = p2pkh(keyNumber(66).publicKey);

function paidTo(transaction: Transaction, script: Uint8Array): bigint {
  return transaction.outputs.filter((output) => equalBytes(output.script, script)).reduce((sum, { value }) => sum + value, 0n);
}

/** One life of a channel on a chain that does as it likes. Everything that is sent is checked when it is sent. */
class Life {
  readonly pair: MachinePair;
  sent = 0;
  readonly found: Record<(typeof counted)[number], number> = { ...NOTHING };
  readonly agreed: Transaction[] = [];
  /** As blocks hold them, which may be under another id. */
  readonly mined: Transaction[] = [];

  constructor(pair: MachinePair) {
    this.pair = pair;
    this.sent = pair.broadcasts.length;
  }

  /** The block that the expiry comes with. */
  get expiry(): number {
    return blockOf(this.pair.terms, this.pair.terms.expiry);
  }

  get deposits(): readonly Deposit[] {
    return allDeposits(this.pair.payerState());
  }

  do(one: Event): void {
    const { pair } = this;
    switch (one.kind) {
      case 'blocks':
        pair.tip = after(pair.tip, one.count);
        break;
      case 'fee':
        pair.feeRate = amount(pair.terms.coin.policy.feeRate * one.factor);
        break;
      case 'seen':
        this.see(this.deposits[one.deposit], one.seen);
        break;
      case 'pay':
        this.pay(one.part);
        break;
      case 'end':
        this.end();
        break;
      case 'close':
        this.tellPayee({ kind: 'close' });
        break;
      case 'look':
        break;
    }
    this.tellPayee(pair.view());
    this.tellPayer();
  }

  pay(part: number): void {
    const { pair } = this;
    if (pair.payer?.kind !== 'open') return;
    const before = pair.payer.best?.total ?? 0n;
    const total = before + (BigInt(part) * (capacityOf(pair.payer.deposits) - before)) / 100n;
    const step = pair.tellPayer({ kind: 'pay', total: amount(total), price: amount(0n) });
    const [effect] = isRefusal(step) ? [] : step.effects;
    if (effect?.kind === 'send') pair.answer('payment', pair.ask(effect.message));
  }

  end(): void {
    const { pair } = this;
    const step = pair.tellPayer({ kind: 'end' });
    const [effect] = isRefusal(step) ? [] : step.effects;
    if (effect?.kind !== 'send') return;
    const best = pair.payeeState().best?.total ?? 0n;
    const reply = pair.ask(effect.message);
    if (reply.kind === 'ended') {
      assert.ok(paidTo(reply.transaction, payeeScript) >= best, 'an end pays the whole total');
      this.agreed.push(reply.transaction);
    }
    pair.answer('end', reply);
    this.sent = pair.broadcasts.length;
  }

  see(deposit: Deposit | undefined, what: Seen): void {
    const { pair } = this;
    if (deposit === undefined) return;
    const key = outpointKey(deposit.outpoint);
    for (const map of [pair.chain, pair.spends, pair.replaced]) map.delete(key);
    if (what.kind === 'unspent') pair.confirm(deposit, what.depth);
    if (what.kind === 'replaced') pair.replaced.set(key, { kind: 'replaced', transaction: fundingOf(pair.terms, [1n]), depth: what.depth });
    if (what.kind === 'stolen') pair.spend(this.theft(deposit), what.depth);
    if (what.kind === 'sent') this.seeSent(deposit, what);
  }

  theft({ outpoint, value }: Deposit): Transaction {
    const inputs = [{ outpoint, script: Uint8Array.of(0x51), sequence: 0xffff_ffff }];
    return { version: 1, inputs, outputs: [{ value, script: THIEF }], lockTime: 0 };
  }

  /** Any version of anything that was sent, older ones too; a refund only from where blocks may hold it. */
  seeSent(deposit: Deposit, { pick, depth: at, malleated }: Extract<Seen, { kind: 'sent' }>): void {
    const { pair } = this;
    const sent = pair.broadcasts.filter(
      (one) => spentBy(one, [deposit]).length > 0 && (one.lockTime === 0 || blockOf(pair.terms, lockTime(one.lockTime)) <= pair.tip - at),
    );
    const chosen = sent[pick % Math.max(1, sent.length)];
    if (chosen === undefined) return;
    const inputs = chosen.inputs.map((input) => ({ ...input, script: Uint8Array.of(0x51, ...input.script) }));
    const transaction = malleated ? { ...chosen, inputs } : chosen;
    for (const { outpoint } of spentBy(transaction, this.deposits)) {
      for (const map of [pair.chain, pair.replaced]) map.delete(outpointKey(outpoint));
    }
    pair.spend(transaction, at);
    this.mined.push(transaction);
    for (const held of heldBy(pair, transaction)) pair.confirm(held, at);
  }

  tellPayee(input: Parameters<MachinePair['tellPayee']>[0]): void {
    const step = this.pair.tellPayee(input);
    for (const transaction of this.news()) this.checkClaim(transaction);
    if (input.kind === 'view') must(step);
  }

  tellPayer(): void {
    const { pair } = this;
    must(pair.tellPayer(pair.view()));
    for (const transaction of this.news()) {
      if (transaction.lockTime > 0) {
        assert.ok(pair.tip >= this.expiry && transaction.lockTime === pair.terms.expiry, 'no refund before the expiry');
        assert.ok(paidTo(transaction, returnScript) > 0n);
        this.found.refunds++;
      }
    }
    if (pair.payer?.kind === 'refunding') assert.ok(pair.tip >= this.expiry);
  }

  news(): readonly Transaction[] {
    const { broadcasts } = this.pair;
    const fresh = broadcasts.slice(this.sent);
    this.sent = broadcasts.length;
    return fresh;
  }

  /** I6: what the inputs hold of the best total, less a fee that is the coin's own or no more than half of it. */
  checkClaim(transaction: Transaction): void {
    const { terms, deposits, best } = this.pair.payeeState();
    if (this.agreed.some((one) => isSame(one, transaction))) {
      this.found.agreed++;
      return;
    }
    const cost = costOf(transaction, deposits);
    if (cost === undefined) {
      this.checkChild(transaction);
      return;
    }
    assert.ok(best !== undefined, 'nothing but a payment is closed');
    const { inputs, change } = must(terms.contract.plan(terms, deposits, best.total, best.hash));
    const taken = spentBy(transaction, deposits);
    assert.ok(taken.every((deposit) => inputs.some((input) => input.deposit.outpoint.txid === deposit.outpoint.txid)));
    const [first] = inputs.map(({ deposit }) => spentBy(transaction, [deposit]).length > 0);
    const returned = first === true ? change : 0n;
    const owed = capacityOf(taken) - returned;
    assert.equal(paidTo(transaction, payerScript(terms)), returned, 'the change of the best payment');
    assert.equal(
      paidTo(transaction, terms.contract.paysTo(terms, best.hash)),
      terms.signing.kind === 'fixed' ? best.total : owed - cost.fee,
    );
    const usual = feeFor(closeSize(terms, transaction.inputs.length, transaction.outputs.length), terms.coin.policy.feeRate);
    const most = terms.signing.kind === 'fixed' ? terms.signing.fee : owed / 2n;
    assert.ok(cost.fee <= usual || cost.fee <= most, `a fee of ${cost.fee} out of ${owed}`);
    assert.ok(cost.fee <= terms.coin.policy.maxFee);
    this.found.claims++;
    if (taken.length < inputs.length) this.found.partial++;
    if (cost.fee > usual) this.found.raised++;
  }

  checkChild(transaction: Transaction): void {
    const parents = new Map([...this.pair.broadcasts, ...this.mined].map((one) => [transactionId(one), one]));
    const outputOf = ({ inputs: [input] }: Transaction): bigint => {
      const parent = parents.get(input?.outpoint.txid ?? assert.fail()) ?? assert.fail('a child of something that was sent');
      return spentBy(parent, this.deposits).length > 0 ? (parent.outputs[input?.outpoint.vout ?? 0]?.value ?? 0n) : outputOf(parent);
    };
    assert.ok(paidTo(transaction, payeeScript) * 2n >= outputOf(transaction), 'children cost no more than half of the output');
    this.found.children++;
  }

  /** A fair chain at last: what is free is refunded, all is buried. */
  settle(): void {
    const { pair } = this;
    const { buried } = pair.terms.coin.channel;
    const { revocation } = pair.terms.contract;
    pair.tip = height(Math.max(pair.tip, (revocation?.payoutAt(pair.terms) ?? this.expiry) + buried));
    for (let turn = 0; turn < 4; turn++) {
      for (const [key, spend] of pair.spends) pair.spends.set(key, { ...spend, depth: buried });
      for (const [key, other] of pair.replaced) pair.replaced.set(key, { ...other, depth: buried });
      const free = this.deposits.filter(({ outpoint }) => !pair.spends.has(outpointKey(outpoint)) && pair.chain.has(outpointKey(outpoint)));
      this.do({ kind: 'look' });
      const refund = pair.payer?.kind === 'refunding' ? pair.payer.transaction : undefined;
      for (const { outpoint } of pair.payee?.held ?? []) {
        const payout = pair.broadcasts.findLast(({ inputs: [input] }) => input !== undefined && sameOutpoint(input.outpoint, outpoint));
        if (payout !== undefined) pair.spend(payout, buried);
      }
      if (refund !== undefined && spentBy(refund, free).length === refund.inputs.length) pair.spend(refund, 1);
    }
    assert.deepEqual([pair.payer?.kind, pair.payee?.kind], ['ended', 'ended']);
  }
}

/** What a close holds for the payee, which whoever has a node sees in the chain with it. */
function heldBy({ terms, hash }: MachinePair, transaction: Transaction): readonly Deposit[] {
  return hash === undefined ? [] : (terms.contract.revocation?.outputs(terms, transaction, [hash]) ?? []);
}

describe('whatever the chain shows', () => {
  const sum = { ...NOTHING };
  for (const coin of [dogecoinRegtest, litecoinRegtest]) {
    for (const contract of contractsOn(dogecoinRegtest)) {
      for (const signing of signingsOf(contract)) {
        test(`${contract.id}, ${signing}, ${coin.id}: nothing pays the payee less than its best, nothing is refunded early, all ends`, () => {
          const terms = sampleTerms({ coin, contract });
          const fee = feeFor(closeSize(terms, 2, 2), coin.policy.feeRate);
          const signs = signing === 'fixed' ? ({ kind: 'fixed', fee } as const) : ({ kind: 'flexible', slot: 0 } as const);
          const live = (events: readonly Event[], dusts: readonly bigint[], isKeyed: boolean): void => {
            const pair = new MachinePair({ coin, contract, signing: signs }).open(...dusts.map((times) => times * coin.policy.dust));
            if (isKeyed) pair.keyOf = (script) => (equalBytes(script, payeeScript) ? keyNumber(3) : undefined);
            const life = new Life(pair);
            for (const one of events) life.do(one);
            life.settle();
            for (const name of counted) sum[name] += life.found[name];
          };
          const events = fc.array(event, { minLength: 1, maxLength: 25 });
          const dusts = fc
            .tuple(fc.bigInt(4n, 2_000n), fc.bigInt(4n, 2_000n))
            .chain((two) => fc.constantFrom(two, two, two, two.slice(0, 1)));
          fc.assert(fc.property(events, dusts, fc.boolean(), live), { numRuns: 100 });
        });
      }
    }
  }

  test('and all of it was met: claims, whole and in part, raised ones, agreed ends, refunds, children', () => {
    for (const name of counted) assert.ok(sum[name] > 0, JSON.stringify(sum));
  });
});
