import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { MachinePair } from '../../../test/world/machine-pair.ts';
import {
  assertRefused,
  FLEXIBLE,
  must,
  payeeKey,
  payerKey,
  type SampleTerms,
  sampleFunding,
  sampleTerms,
} from '../../../test/world/sample.ts';
import { amount, MAX_AMOUNT, ZERO } from '../base/amount.ts';
import { equalBytes } from '../base/bytes.ts';
import { after, height } from '../base/height.ts';
import { isRefusal, type Refusal } from '../base/refusal.ts';
import type { DepthStep } from '../coin/coin.ts';
import { capacityOf, channelIdOf, type Deposit, payerScript, type Signing, type Terms } from '../contract/contract.ts';
import { offerDigest } from '../message/message.ts';
import { outpointKey, sameOutpoint, type Transaction } from '../tx/transaction.ts';
import { backingOf } from './confirmed-capacity.ts';
import { exposureAt, exposureOf, type PayeeState } from './payee-state.ts';

const DOGE = 100_000_000n;
const CAP = amount(2n * DOGE);
const steps: readonly DepthStep[] = [
  { upTo: amount(10n * DOGE), blocks: 3 },
  { upTo: MAX_AMOUNT, blocks: 6 },
];

interface Opened {
  readonly pair: MachinePair;
  readonly deposits: readonly Deposit[];
}

/** A channel whose deposits are `depth` deep when it is announced, of a shop with room for twenty times what one channel may have. */
function opened(values: readonly bigint[], depth: number, options: SampleTerms = {}): Opened {
  const pair = new MachinePair(options, { unconfirmed: CAP, depth: steps });
  pair.room = amount(20n * CAP);
  pair.create();
  const deposits = pair.fund(values, depth);
  must(pair.tellPayer({ kind: 'launch' }));
  assert.equal(pair.exchange({ kind: 'announce' }).kind, 'accepted');
  return { pair, deposits };
}

/** Blocks are mined on top; both sides see it. */
function mine(pair: MachinePair, blocks: number): void {
  pair.tip = after(pair.tip, blocks);
  for (const [key, view] of pair.chain) if (view.kind === 'unspent') pair.chain.set(key, { ...view, depth: view.depth + blocks });
  must(pair.tellPayee(pair.view()));
}

function depthOf(pair: MachinePair, deposit: Deposit, depth: number): void {
  pair.confirm(deposit, depth);
  must(pair.tellPayee(pair.view()));
}

describe('a channel of which something is delivered before its deposit is deep', () => {
  test('opens out of the mempool, takes payments up to its limit, says when it takes more, and then does', () => {
    const { pair } = opened([10n * DOGE], 0);
    assert.equal(pair.pay(CAP).kind, 'receipt');
    assert.equal(exposureOf(pair.payeeState()), CAP);
    const refusal = pair.pay(CAP + DOGE);
    assertRefused(refusal, 'exposure-full');
    assert.deepEqual([refusal.remedy, refusal.detail], ['wait', { exposure: '300000000', most: '200000000', blocks: '3', seconds: '180' }]);
    mine(pair, 1);
    const nearer = pair.pay(CAP + DOGE);
    assertRefused(nearer, 'exposure-full');
    assert.equal(nearer.detail['blocks'], '2');
    mine(pair, 1);
    assertRefused(pair.pay(CAP + DOGE), 'exposure-full');
    mine(pair, 1);
    assert.equal(exposureOf(pair.payeeState()), 0n);
    assert.equal(pair.payeeState().backing, undefined);
    assert.equal(pair.pay(CAP + DOGE).kind, 'receipt');
  });

  test('without a limit in the offer waits as ever, and stores nothing', () => {
    const pair = new MachinePair();
    pair.create();
    const [deposit] = pair.fund([10n * DOGE], 0);
    const reply = pair.exchange({ kind: 'announce' });
    assert.equal(reply.kind === 'provisional' && reply.waitingFor.code, 'funding-unconfirmed');
    assert.equal(pair.payee, undefined);
    assert.ok(deposit !== undefined);
    pair.confirm(deposit, 3);
    assert.equal(pair.exchange({ kind: 'announce' }).kind, 'accepted');
  });

  test('is not opened by a deposit that the node does not know', () => {
    const pair = new MachinePair({}, { unconfirmed: CAP });
    pair.create();
    const [deposit] = pair.fund([10n * DOGE], 0);
    assert.ok(deposit !== undefined);
    pair.chain.delete(outpointKey(deposit.outpoint));
    const reply = pair.exchange({ kind: 'announce' });
    assert.equal(reply.kind === 'provisional' && reply.waitingFor.code, 'funding-missing');
    assert.equal(pair.payee, undefined);
    pair.confirm(deposit, 0);
    assert.equal(pair.exchange({ kind: 'announce' }).kind, 'accepted');
  });

  test('takes no more than the shop has left, and all of it once the deposit is deep', () => {
    const { pair } = opened([10n * DOGE], 1);
    pair.room = amount(DOGE);
    assert.equal(pair.pay(DOGE).kind, 'receipt');
    pair.room = amount(0n);
    const refusal = pair.pay(DOGE + 1n);
    assertRefused(refusal, 'exposure-full');
    assert.equal(refusal.detail['most'], String(DOGE));
    mine(pair, 2);
    assert.equal(pair.pay(9n * DOGE).kind, 'receipt');
  });

  test('a reorganisation of a deep deposit stops what it no longer backs, and exposes what was paid', () => {
    const { pair, deposits } = opened([10n * DOGE], 5);
    const [deposit] = deposits;
    assert.ok(deposit !== undefined);
    assert.equal(pair.pay(8n * DOGE).kind, 'receipt');
    depthOf(pair, deposit, 1);
    assert.deepEqual([pair.payeeState().kind, exposureOf(pair.payeeState())], ['open', 8n * DOGE]);
    assertRefused(pair.pay(9n * DOGE), 'exposure-full');
    pair.chain.delete(outpointKey(deposit.outpoint));
    must(pair.tellPayee(pair.view()));
    assert.deepEqual([pair.payeeState().kind, exposureOf(pair.payeeState())], ['paused', 8n * DOGE]);
    assertRefused(pair.pay(9n * DOGE), 'funding-reorganised');
    depthOf(pair, deposit, 3);
    assert.deepEqual([pair.payeeState().kind, exposureOf(pair.payeeState())], ['open', 0n]);
    assert.equal(pair.pay(9n * DOGE).kind, 'receipt');
  });

  test('a deep deposit whose close waits is exposed again when the chain takes it back, and backed once it is deep or its close is', () => {
    const { pair } = opened([10n * DOGE], 5);
    assert.equal(pair.pay(8n * DOGE).kind, 'receipt');
    must(pair.tellPayee({ kind: 'close' }));
    const close = pair.broadcasts.at(-1);
    assert.ok(close !== undefined);
    const exposedAt = (depth: number, depositDepth?: number): bigint => {
      pair.spend(close, depth, depositDepth);
      must(pair.tellPayee(pair.view()));
      return exposureOf(pair.payeeState());
    };
    assert.equal(exposedAt(0), 0n, 'where the node does not say, what was backed stays so');
    assert.equal(exposedAt(0, 5), 0n);
    assert.equal(exposedAt(0, 0), 8n * DOGE);
    assert.equal(exposedAt(0), 8n * DOGE, 'and what was not, too');
    assert.equal(exposedAt(0, 3), 0n);
    assert.equal(exposedAt(0, 0), 8n * DOGE);
    assert.equal(exposedAt(1), 8n * DOGE);
    assert.equal(exposedAt(3), 0n);
  });
});

describe('a top-up', () => {
  function toppedUp(options: SampleTerms = {}): Opened {
    const { pair, deposits } = opened([10n * DOGE], 3, options);
    assert.equal(pair.pay(5n * DOGE).kind, 'receipt');
    const further = pair.fund([10n * DOGE], 0);
    must(pair.tellPayer({ kind: 'launch' }));
    const reply = pair.exchange({ kind: 'announce' });
    assert.equal(reply.kind === 'accepted' && reply.capacity, 20n * DOGE);
    return { pair, deposits: [...deposits, ...further] };
  }

  test('that lifts the sum into a higher step takes nothing from what was backed, and is itself backed when all is that deep', () => {
    const { pair } = toppedUp();
    assert.deepEqual([pair.payeeState().backing, exposureOf(pair.payeeState())], [{ backed: 10n * DOGE }, 0n]);
    assert.equal(pair.pay(10n * DOGE).kind, 'receipt');
    assert.equal(pair.pay(12n * DOGE).kind, 'receipt');
    const refusal = pair.pay(13n * DOGE);
    assertRefused(refusal, 'exposure-full');
    assert.deepEqual([refusal.detail['exposure'], refusal.detail['blocks']], [String(3n * DOGE), '6']);
    mine(pair, 5);
    assertRefused(pair.pay(13n * DOGE), 'exposure-full');
    mine(pair, 1);
    assert.equal(pair.pay(19n * DOGE).kind, 'receipt');
  });

  test('under signatures for all deposits or none exposes the whole of a total that takes from it', () => {
    const fee = amount(DOGE / 50n);
    const { pair } = toppedUp({ signing: { kind: 'fixed', fee } });
    assert.equal(pair.pay(10n * DOGE - fee).kind, 'receipt');
    assertRefused(pair.pay(10n * DOGE - fee + 1n), 'exposure-full');
    const refusal = pair.pay(11n * DOGE);
    assertRefused(refusal, 'exposure-full');
    assert.equal(refusal.detail['exposure'], String(11n * DOGE));
    mine(pair, 6);
    assert.equal(pair.pay(11n * DOGE).kind, 'receipt');
  });
});

test('what an offer allows before deposits are deep is in its digest, and an offer without it has the digest it always had', () => {
  const { offer } = new MachinePair();
  const digests = [offer, { ...offer, unconfirmed: CAP }, { ...offer, unconfirmed: amount(CAP + 1n) }].map(offerDigest);
  assert.equal(new Set(digests).size, 3);
  assert.equal(digests[0], 'ca2dd95eface7e71ae39b8165717ad0c194cfc3991853b6af6529e620e20c88a');
});

test('whatever deposits go that are not backed, the payee still gets all of a total but its exposure', () => {
  const fee = amount(DOGE / 10n);
  const signings: readonly Signing[] = [FLEXIBLE, { kind: 'fixed', fee }];
  const values = fc.array(fc.bigInt({ min: 1n, max: 20n }), { minLength: 1, maxLength: 4 });
  let [exposed, whole] = [0, 0];
  fc.assert(
    fc.property(
      fc.constantFrom(...signings),
      values,
      fc.nat(4),
      fc.bigInt({ min: 1n, max: 1_000n }),
      (signing, coins, count, thousandths) => {
        const total = (coins.reduce((sum, value) => sum + value, 0n) * DOGE * thousandths) / 1_000n;
        const terms = sampleTerms({ signing });
        const { deposits } = sampleFunding(
          terms,
          coins.map((value) => value * DOGE),
        );
        const payment = terms.contract.sign(terms, deposits, amount(total), payerKey);
        if (isRefusal(payment)) return;
        const depths = (deposit: Deposit): number => (deposits.indexOf(deposit) < count ? 6 : 0);
        const backing = backingOf(deposits, steps, depths, height(1_400));
        const exposure = exposureAt({ ...stateOf(terms, deposits), ...(backing === undefined ? {} : { backing }) }, payment.total);
        const without = deposits.slice(count);
        const close = terms.contract.close([{ terms, deposits, payment, signer: payeeKey, without }], {
          ...{ script: terms.payeeScript, feeRate: terms.coin.policy.feeRate },
        });
        if (exposure === 0n) whole++;
        else exposed++;
        assert.ok(taken(terms, deposits, close) >= total - exposure, `${total} ${exposure}`);
      },
    ),
    { numRuns: 300 },
  );
  assert.ok(exposed > 20 && whole > 20, `${exposed} exposed, ${whole} not`);
});

function stateOf(terms: Terms, deposits: readonly Deposit[]): PayeeState {
  const limits = { maxDeposit: MAX_AMOUNT, depth: steps, unconfirmed: CAP };
  const channel = channelIdOf(terms.coin, terms.contract.redeemScript(terms));
  return { kind: 'open', channel, terms, keyName: 'test', deposits, limits, spent: ZERO };
}

/** What a close takes for the payee, with the fee that the payee bears. */
function taken(terms: Terms, deposits: readonly Deposit[], close: Transaction | Refusal): bigint {
  if (isRefusal(close)) return 0n;
  const spent = deposits.filter(({ outpoint }) => close.inputs.some((input) => sameOutpoint(input.outpoint, outpoint)));
  const change = close.outputs.find(({ script }) => equalBytes(script, payerScript(terms)))?.value ?? 0n;
  const { signing } = terms;
  return capacityOf(spent) - change - (signing.kind === 'fixed' ? signing.fee : 0n);
}
