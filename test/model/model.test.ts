import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { height } from '../../src/core/base/height.ts';
import { isRefusal } from '../../src/core/base/refusal.ts';
import { payee } from '../../src/core/channel/payee.ts';
import type { BestPayment } from '../../src/core/channel/payee-state.ts';
import { payer } from '../../src/core/channel/payer.ts';
import { contracts } from '../../src/core/contract/registry.ts';
import { explore, type ModelOptions, Violation } from './explore.ts';
import type { Budget, PayeeStep, PayerStep } from './node.ts';

const [contract, ...more] = contracts;
// The model's chain knows one spend of a deposit, and nothing of what that holds: give-backs are in the simulation and in `channel-life.ts`.
const others = more.filter(({ revocation }) => revocation === undefined);

/** Three payments, two crashes, a reorganisation of up to two blocks, a block that leaves out what it could hold, an agreed end, a close by order. */
const WHOLE: Budget = { payments: 3, crashes: 2, reorganisations: 1, delays: 1, ends: 1, closes: 1 };
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

const faults: readonly Fault[] = [
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
