import { amount } from '../../src/core/base/amount.ts';
import { isRefusal } from '../../src/core/base/refusal.ts';
import type { PayerState } from '../../src/core/channel/payer-state.ts';
import { stay } from '../../src/core/channel/state-machine.ts';
import { isDue } from '../../src/core/contract/contract.ts';
import type { Store } from '../../src/engine/ports.ts';
import type { Agent } from '../../src/payer/agent.ts';
import { payeeMachine, payerMachine } from '../sim/plant.ts';
import type { DuplexAction, DuplexHistory } from './duplex-life.ts';
import type { Through, Who } from './duplex-world.ts';

/** A fault on purpose in two channels, one each way. */
export interface DuplexFault {
  readonly name: string;
  /** The rule that has to break. */
  readonly breaks: RegExp;
  readonly plant?: () => () => void;
  readonly through?: Through;
  /** Where it shows; anywhere unless given. */
  readonly histories?: readonly DuplexHistory[];
}

/** Two channels with money in both. */
const paired: readonly DuplexAction[] = (['buy', 'give-back', 'refresh', 'mine', 'mine', 'refresh'] as const).map((kind) => ({
  kind,
  times: 10,
}));
const PLACES = 10;

function atEach(made: (at: number) => readonly DuplexAction[]): readonly DuplexHistory[] {
  return Array.from({ length: PLACES }, (_, at) => ({ actions: [...paired, ...made(at)], last: 'end' }));
}

/** Answers as soon as it is asked to store a channel in which its side pays. */
function hasty(side: Who): Through {
  const kind = side === 'merchant' ? 'opposite/payer-channel' : 'payer-channel';
  const store = (who: Who, real: Store): Store => ({
    ...real,
    commit: async (writes) => {
      const stored = real.commit(writes);
      if (who !== side || !writes.some((write) => write.kind === kind)) return stored;
      stored.catch(() => undefined);
      return true;
    },
  });
  return { store };
}

function ofMerchant(change: (agent: Agent) => Agent): Through {
  return { agent: (who, agent) => (who === 'merchant' ? change(agent) : agent) };
}

function unpaid(state: PayerState | undefined): PayerState | undefined {
  if (state === undefined || state.kind === 'planned') return state;
  const { best: _, ...rest } = state;
  return rest as PayerState;
}

export const duplexFaults: readonly DuplexFault[] = [
  {
    name: 'the merchant gives back before it has stored what it signs',
    breaks: /disk of the merchant/,
    through: hasty('merchant'),
    histories: atEach((at) => [
      { kind: 'give-back', times: 5 },
      { kind: 'refresh', times: 1, crash: { who: 'merchant', at, isStored: false } },
    ]),
  },
  {
    name: 'the payer pays before it has stored what it signs',
    breaks: /disk of the payer/,
    through: hasty('payer'),
    histories: atEach((at) => [{ kind: 'buy', times: 1, crash: { who: 'payer', at, isStored: false } }]),
  },
  {
    name: 'what is owed is paid twice over',
    breaks: /no more is given back/,
    through: ofMerchant((agent) => ({
      ...agent,
      pay: (channel, purchase, payee) => agent.pay(channel, { ...purchase, amount: amount(purchase.amount * 2n) }, payee),
    })),
  },
  {
    name: 'what was given back before is not taken off what is owed',
    breaks: /no more is given back/,
    through: ofMerchant((agent) => ({
      ...agent,
      engine: { ...agent.engine, get: async (channel) => unpaid(await agent.engine.get(channel)) },
    })),
  },
  {
    name: 'payments go on after the one end is signed',
    breaks: /signed the one end/,
    plant: payerMachine((real) => (state, input, env) => {
      const step = real(state, input, env);
      const isProposed = input.kind === 'end' && input.to !== undefined && state?.kind === 'open';
      return isProposed && !isRefusal(step) ? { ...step, state } : step;
    }),
    histories: atEach((at) => [
      { kind: 'end', times: 1, loss: { at, fate: 'reply-lost' } },
      { kind: 'buy', times: 1 },
    ]),
  },
  {
    name: 'money is given back in a channel that is not deep yet',
    breaks: /is deep/,
    plant: payeeMachine((real) => (state, input, env) => {
      if (input.kind !== 'announce') return real(state, input, env);
      const funding = input.funding.map((view) => (view.kind === 'unspent' ? { ...view, depth: 1_000 } : view));
      return real(state, { ...input, funding }, env);
    }),
  },
  {
    name: 'what is due is not closed',
    breaks: /is left open|are its own/,
    plant: payeeMachine(
      (real) => (state, input, env) =>
        input.kind === 'view' && state?.kind === 'open' && isDue(state.terms, env) ? stay(state) : real(state, input, env),
    ),
  },
];
