import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { height } from '../../src/core/base/height.ts';
import { isRefusal } from '../../src/core/base/refusal.ts';
import { payee } from '../../src/core/channel/payee.ts';
import type { BestPayment } from '../../src/core/channel/payee-state.ts';
import { payer } from '../../src/core/channel/payer.ts';
import type { Effect } from '../../src/core/channel/state-machine.ts';
import { dogecoinRegtest } from '../../src/core/coin/dogecoin.ts';
import { outpointKey } from '../../src/core/tx/transaction.ts';
import { contractsOn } from '../world/sample.ts';
import { explore, type ModelOptions, Violation } from './explore.ts';
import type { Budget, PayeeStep, PayerStep } from './node.ts';

// The model's chain knows absolute locks only.
const [contract, ...more] = contractsOn(dogecoinRegtest);
const others = more.filter(({ revocation }) => revocation === undefined);
const returning = more.filter(({ revocation }) => revocation !== undefined);

/** Three payments, two crashes, a reorganisation of up to two blocks, a block that leaves out what it could hold, an agreed end, a close by order. */
const WHOLE: Budget = { payments: 3, crashes: 2, reorganisations: 1, delays: 1, ends: 1, closes: 1 };
const RETURNING: Budget = { payments: 1, crashes: 1, reorganisations: 1, delays: 1, ends: 0, closes: 0, returns: 1, cheats: 1 };
const SMALL: Budget = { payments: 2, crashes: 1, reorganisations: 1, delays: 1, ends: 0, closes: 0 };

describe('payer, payee and chain, in every order of events', () => {
  test(`${contract.id}: no rule of money is broken, and from everywhere there is a way to the end`, (context) => {
    const { states, transitions, steps, depth, ends } = explore({ contract, budget: WHOLE });
    context.diagnostic(`${states} states, ${transitions} transitions, ${steps} different steps of the machines, depth ${depth}`);
    for (const [how, count] of ends) context.diagnostic(`end: ${how} (${count} states)`);
    assert.ok(states > 100_000, `${states} states`);
    for (const how of ['payee closed, payer closed', 'payee refunded, payer refunded', 'funding stolen: payee lost, payer abandoned']) {
      assert.ok(ends.has(how), `no end by: ${how}`);
    }
  });

  for (const other of others) {
    test(`${other.id}: the same with less of everything`, (context) => {
      const { states, transitions } = explore({ contract: other, budget: SMALL });
      context.diagnostic(`${states} states, ${transitions} transitions`);
      assert.ok(states > 5_000, `${states} states`);
    });
  }

  for (const other of returning) {
    for (const [name, more] of [
      ['a crash and a block that leaves out what it could hold', { crashes: 1, reorganisations: 0 }],
      ['a reorganisation', { crashes: 0, delays: 0 }],
    ] as const) {
      test(`${other.id}: a purchase is given back, a payee closes with what it has revoked, and ${name}`, (context) => {
        const { states, transitions, ends } = explore({ contract: other, budget: { ...RETURNING, ...more } });
        context.diagnostic(`${states} states, ${transitions} transitions`);
        for (const [how, count] of ends) context.diagnostic(`end: ${how} (${count} states)`);
        assert.ok(states > 20_000, `${states} states`);
        for (const how of ['payee lost, payer punished', 'payee closed, payer closed']) assert.ok(ends.has(how), `no end by: ${how}`);
      });
    }
  }
});

/** A payee or payer with one fault, and what of the rules the model finds broken. */
type Fault = readonly [name: string, options: Partial<ModelOptions>, rule: RegExp];

const forgetful: PayeeStep = (state, input, env) => {
  const step = payee(state, input, env);
  return input.kind === 'payment' && !isRefusal(step) ? { ...step, state } : step;
};

function meek(): PayeeStep {
  let first: BestPayment | undefined;
  return (state, input, env) => {
    first ??= state?.best;
    const isEnding = input.kind === 'close' || input.kind === 'view';
    return payee(isEnding && state?.best !== undefined && first !== undefined ? { ...state, best: first } : state, input, env);
  };
}

const late: PayeeStep = (state, input, env) => payee(state, input, input.kind === 'view' ? { ...env, tip: height(env.tip - 1) } : env);

const hasty: PayerStep = (state, input, env) => payer(state, input, input.kind === 'view' ? { ...env, tip: height(env.tip + 1) } : env);

const silent: PayeeStep = (state, input, env) => {
  const step = payee(state, input, env);
  return state?.kind === 'closing' && input.kind === 'view' && !isRefusal(step) ? { ...step, effects: [] } : step;
};

const hopeful: PayeeStep = (state, input, env) =>
  input.kind === 'view' && state?.kind === 'paused' ? { kind: 'step', state, effects: [] } : payee(state, input, env);

const careless: PayerStep = (state, input, env) => {
  const step = payer(state, input, env);
  return input.kind === 'pay' && !isRefusal(step) ? { ...step, state } : step;
};

const idle: PayerStep = (state, input, env) => {
  const step = payer(state, input, env);
  if (isRefusal(step)) return step;
  const held = new Set(step.state?.held?.map(({ outpoint }) => outpointKey(outpoint)));
  const isPenalty = (effect: Effect): boolean =>
    effect.kind === 'broadcast' && effect.transaction.inputs.some(({ outpoint }) => held.has(outpointKey(outpoint)));
  return { ...step, effects: step.effects.filter((effect) => !isPenalty(effect)) };
};

const talkative: PayeeStep = (state, input, env) => {
  const step = payee(state, input, env);
  const isLess = !isRefusal(step) && (step.state?.revoked ?? 0) > (state?.revoked ?? 0);
  return isLess ? { ...step, state } : step;
};

const trusting: PayerStep = (state, input, env) => {
  const step = payer(state, input, env);
  return isRefusal(step) || step.state === undefined || input.kind !== 'take-back'
    ? step
    : { ...step, state: { ...step.state, signed: input.total } };
};

const deaf: PayerStep = (state, input, env) =>
  input.kind === 'reply' && input.message.kind === 'receipt' && state !== undefined && state.kind !== 'open'
    ? { kind: 'step', state, effects: [] }
    : payer(state, input, env);

const [returned = contract] = returning;
const REVOKED: Partial<ModelOptions> = { contract: returned, budget: { ...RETURNING, crashes: 0, reorganisations: 0 } };

const faults: readonly Fault[] = [
  ['the payer lets a revoked close be', { ...REVOKED, payer: idle }, /I4/],
  ['a secret is shown and the payment for less is not stored', { ...REVOKED, payee: talkative }, /I1|I2|I4/],
  ['what was signed counts as taken back before the secret is there', { ...REVOKED, payer: trusting }, /I1/],
  ['a secret that comes behind the expiry is dropped', { ...REVOKED, payer: deaf }, /I4/],
  ['a payment is acknowledged and not stored', { payee: forgetful }, /I1/],
  ['a payment is sent and not stored', { payer: careless }, /I1/],
  ['the close takes an older payment', { payee: meek() }, /I1|I2|I6/],
  ['the margin begins a block late', { payee: late, budget: { ...SMALL, payments: 1, crashes: 2 } }, /I2/],
  ['the refund begins a block early', { payer: hasty }, /before the expiry/],
  ['the close is not sent again', { payee: silent }, /I2|I7/],
  ['a deposit that is gone for good is waited for', { payee: hopeful }, /I7|I2/],
];

describe('the model finds planted faults', () => {
  for (const [name, options, rule] of faults) {
    test(name, () => {
      assert.throws(
        () => explore({ contract, budget: SMALL, ...options }),
        (error) => error instanceof Violation && rule.test(error.message) && error.trace.length > 3,
      );
    });
  }
});
