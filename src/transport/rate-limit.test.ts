import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type QuotaOptions, Quotas } from './rate-limit.ts';

const OPTIONS: QuotaOptions = { burst: 20, perSecond: 2, mostAddresses: 100, mostLarge: 2 };

function made(): { readonly quotas: Quotas; readonly clock: { now: number } } {
  const clock = { now: 0 };
  return { quotas: new Quotas(OPTIONS, () => clock.now), clock };
}

test('an address may ask for its burst, then for what comes back; others are not touched', () => {
  const { quotas, clock } = made();
  assert.deepEqual([quotas.take('a', 'announce'), quotas.take('a', 'announce')], [0, 0]);
  assert.equal(quotas.take('a', 'announce'), 5);
  assert.equal(quotas.take('a', 'state-request'), 1);
  assert.equal(quotas.take('b', 'announce'), 0);
  clock.now += 5_000;
  assert.equal(quotas.take('a', 'announce'), 0);
  assert.equal(quotas.take('a', 'offer-request'), 1);
  clock.now += 1_000_000;
  for (let i = 0; i < 10; i++) assert.equal(quotas.take('a', 'offer-request'), 0);
  assert.notEqual(quotas.take('a', 'offer-request'), 0);
});

test('who pays is never held up: a payment that is taken costs nothing, nor its invoice', () => {
  const { quotas } = made();
  for (let i = 0; i < 1_000; i++) {
    assert.deepEqual([quotas.take('a', 'invoice-request'), quotas.take('a', 'payment')], [0, 0]);
    quotas.settle('a');
  }
});

test('a payment that adds nothing is paid for', () => {
  const { quotas } = made();
  for (let i = 0; i < 10; i++) assert.equal(quotas.take('a', 'payment'), 0);
  assert.notEqual(quotas.take('a', 'payment'), 0);
});

test('who has paid goes before strangers for a while, however much it pays', () => {
  const { quotas } = made();
  const lead = (address: string): number => {
    for (let requests = 0; ; requests++) if (!quotas.precedes(address)) return requests;
  };
  assert.equal(lead('a'), 0);
  quotas.settle('a');
  assert.deepEqual([lead('b'), lead('a'), lead('a')], [0, 8, 0]);
  for (let i = 0; i < 100; i++) quotas.settle('a');
  assert.equal(lead('a'), 64);
});

test('what was found out too late to be asked for is owed, and others are not touched', () => {
  const { quotas, clock } = made();
  assert.deepEqual([quotas.take('a', 'announce'), quotas.take('a', 'announce')], [0, 0]);
  quotas.fine('a', 'payment');
  assert.equal(quotas.take('a', 'other'), 2);
  assert.equal(quotas.take('b', 'announce'), 0);
  clock.now += 1_500;
  assert.equal(quotas.take('a', 'other'), 0);
  clock.now += 1_000_000;
  for (let i = 0; i < 20; i++) assert.equal(quotas.take('a', 'other'), 0);
  assert.equal(quotas.take('a', 'other'), 1);
});

test('no history of requests gives an address more than its burst and what came back', () => {
  const kinds = fc.constantFrom('announce', 'payment', 'offer-request', 'other');
  const steps = fc.array(fc.record({ kind: kinds, wait: fc.nat(2_000), paid: fc.boolean() }), { maxLength: 60 });
  fc.assert(
    fc.property(steps, (all) => {
      const { quotas, clock } = made();
      let [asked, earned] = [0, 0];
      for (const { kind, wait, paid } of all) {
        clock.now += wait;
        if (quotas.take('a', kind) === 0) asked += kind === 'announce' ? 10 : kind === 'other' ? 1 : 2;
        if (!paid) continue;
        quotas.settle('a');
        // What a payment and its invoice cost.
        earned += 4;
      }
      assert.ok(asked <= OPTIONS.burst + (clock.now / 1000) * OPTIONS.perSecond + earned);
    }),
  );
});

test('what brings many bytes costs more, and what brings few no more', () => {
  const { quotas } = made();
  assert.equal(quotas.take('a', 'payment', 300), 0);
  assert.equal(quotas.take('a', 'payment', 16 * 16_384), 0);
  assert.equal(quotas.take('a', 'other'), 1);
  assert.equal(quotas.take('b', 'payment', 20 * 16_384), 1);
});

test('large bodies are counted', () => {
  const { quotas } = made();
  const leave = quotas.enterLarge('a') ?? assert.fail();
  assert.ok(quotas.enterLarge('b'));
  assert.equal(quotas.enterLarge('c'), undefined);
  leave();
  assert.ok(quotas.enterLarge('c'));
});

test('one address can not hold all places for large bodies', () => {
  const quotas = new Quotas({ ...OPTIONS, mostLarge: 8, mostAddresses: 1 }, () => 0);
  const held = Array.from({ length: 6 }, () => quotas.enterLarge('a'));
  assert.deepEqual(
    held.map((leave) => leave !== undefined),
    [true, true, true, true, false, false],
  );
  held[0]?.();
  assert.ok(quotas.enterLarge('a'));
  // A place is given back once, also where the address has been forgotten meanwhile.
  for (let i = 0; i < 4; i++) assert.ok(quotas.enterLarge('b'));
  assert.equal(quotas.enterLarge('c'), undefined);
  held[1]?.();
  assert.ok(quotas.enterLarge('c'));
  assert.equal(quotas.enterLarge('d'), undefined);
});
