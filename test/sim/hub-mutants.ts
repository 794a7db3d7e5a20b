import { amount } from '../../src/core/base/amount.ts';
import { bytesToHex } from '../../src/core/base/bytes.ts';
import { height } from '../../src/core/base/height.ts';
import { isRefusal } from '../../src/core/base/refusal.ts';
import type { PayeeState } from '../../src/core/channel/payee-state.ts';
import type { PayerState } from '../../src/core/channel/payer-state.ts';
import type { Store } from '../../src/engine/ports.ts';
import type { HubOptions } from '../../src/hub/hub.ts';
import type { HubProfile } from './hub/profile.ts';
import type { HubMutation } from './hub/world.ts';
import { CALM } from './network.ts';
import { type Mutant, payeeMachine, payerMachine } from './plant.ts';

/** Much is bought, and nothing goes wrong but what is wanted. */
function bought(wanted: Partial<HubProfile> = {}): (drawn: HubProfile) => HubProfile {
  const still = {
    crash: 0,
    failure: { node: 0, store: 0 },
    troubles: 0,
    malleates: 0,
    leaving: [],
    robbery: 'none',
    isStormy: false,
  } as const;
  return (drawn) => ({ ...drawn, ...still, network: CALM, turns: 45, pace: 250, payers: 2, ...wanted });
}

function changed(options: (real: HubOptions) => HubOptions, wanted: Partial<HubProfile> = {}): () => HubMutation {
  return () => ({ hub: { options }, profile: bought(wanted) });
}

/** What the hub sees of its payers' channels. */
function seeingIncoming(change: (state: PayeeState) => PayeeState): (real: HubOptions) => HubOptions {
  return (real) => {
    const { merchant } = real;
    const get: typeof merchant.engine.get = async (channel) => {
      const state = await merchant.engine.get(channel);
      return state && change(state);
    };
    return { ...real, merchant: { ...merchant, engine: { ...merchant.engine, get } } };
  };
}

/** What it sees of its own with payees. */
function seeingOutgoing(change: (state: PayerState) => PayerState): (real: HubOptions) => HubOptions {
  return (real) => {
    const { agent } = real;
    const get: typeof agent.engine.get = async (channel) => {
      const state = await agent.engine.get(channel);
      return state && change(state);
    };
    return { ...real, agent: { ...agent, engine: { ...agent.engine, get } } };
  };
}

/** Locks that look ten times as large. */
function enlarged(state: PayeeState): PayeeState {
  const { best } = state;
  if (best?.locks === undefined) return state;
  return { ...state, best: { ...best, locks: best.locks.map((lock) => ({ ...lock, amount: amount(lock.amount * 10n) })) } };
}

/** Half of the blocks that a hop takes: the payee's lock stays where it is. */
function hurried(state: PayerState): PayerState {
  const { terms } = state;
  const { span } = terms.coin.channel;
  const half = Math.floor(span.height.closingMargin / 2);
  const channel = { ...terms.coin.channel, span: { ...span, height: { ...span.height, closingMargin: span.height.closingMargin - half } } };
  return { ...state, terms: { ...terms, coin: { ...terms.coin, channel }, expiry: height(terms.expiry + half) } };
}

/** What was refused counts as gone, though the payee has the signature. */
function hopeful(state: PayerState): PayerState {
  const { locks, ...rest } = state;
  return locks === undefined ? state : { ...rest, locks: locks.filter(({ isFailed }) => isFailed !== true) };
}

/** Preimages are kept in memory alone. */
function forgetful(real: HubOptions): HubOptions {
  const known = new Map<string, string>();
  const { store, merchant } = real;
  const kept: Store = {
    ...store,
    get: async (kind, id) => {
      const record = await store.get(kind, id);
      const value = known.get(id);
      return record !== undefined && value !== undefined ? { ...record, value } : record;
    },
    commit: async (writes) => {
      const [first] = writes;
      if (first?.value?.includes('"preimage"') !== true) return store.commit(writes);
      known.set(first.id, first.value);
      return true;
    },
  };
  const reveal: typeof merchant.reveal = async (channel) => merchant.giveUp(channel, new Uint8Array(20));
  return { ...real, store: kept, merchant: { ...merchant, reveal } };
}

/** Answers as soon as it is asked to store; the storing happens when it happens, or never. */
function hasty(store: Store): Store {
  return {
    ...store,
    commit: async (writes) => {
      const stored = store.commit(writes);
      if (!writes.some(({ kind }) => kind === 'payee-channel')) return stored;
      stored.catch(() => undefined);
      return true;
    },
  };
}

function unproven(state: PayerState): PayerState {
  return { ...state, locks: (state.locks ?? []).map((one) => ({ ...one, preimage: one.preimage ?? new Uint8Array(32) })) };
}

export const hubMutants: readonly Mutant[] = [
  {
    name: 'a hub takes on what is pending before that is stored',
    breaks: /^I12 .*nothing is pending/,
    hub: () => ({ hub: { store: hasty }, profile: bought({ failure: { node: 0, store: 0.1 } }) }),
  },
  {
    name: 'a hub forwards more than is pending for it',
    breaks: /^I12 .*is forwarded for/,
    hub: changed(seeingIncoming(enlarged), { cheats: 1 }),
  },
  {
    name: 'a hub takes less time for a hop than it needs',
    breaks: /^I12 .*is pending until/,
    hub: changed(seeingOutgoing(hurried)),
  },
  {
    name: 'a hub gives up what the payee may still claim',
    breaks: /^I12 .*given up/,
    hub: changed(seeingOutgoing(hopeful), { cheats: 1 }),
  },
  {
    name: 'a hub pays for a preimage that it has not stored',
    breaks: /^I12 .*no preimage/,
    hub: changed(forgetful),
  },
  {
    name: 'who pays overlooks a claim on the chain',
    breaks: /^I12 the hub got/,
    plant: payerMachine((real) => (state, input, env) => {
      const step = real(state, input, env);
      if (input.kind !== 'view' || isRefusal(step) || step.state === undefined || state?.locks === undefined) return step;
      const seen = new Set(state.locks.flatMap(({ lock, preimage }) => (preimage === undefined ? [] : [bytesToHex(lock.hash)])));
      const locks = (step.state.locks ?? []).map((one) =>
        seen.has(bytesToHex(one.lock.hash)) ? one : { lock: one.lock, ceiling: one.ceiling },
      );
      return { ...step, state: { ...step.state, locks } };
    }),
    hub: () => ({ profile: bought({ network: { ...CALM, lost: 0.3 }, leaving: ['payee'], robbery: 'at once' }) }),
  },
  {
    name: 'a payer pays what no preimage was shown for',
    breaks: /^I4 .*preimages/,
    plant: payerMachine(
      (real) => (state, input, env) =>
        input.kind === 'settle' && state?.best?.locks !== undefined
          ? real(unproven(state), { ...input, hashes: state.best.locks.map(({ hash }) => hash) }, env)
          : real(state, input, env),
    ),
    hub: () => ({ profile: bought({ network: { ...CALM, lost: 0.2 } }) }),
  },
  {
    name: 'a payee shows the preimage for less than its price',
    breaks: /^I(2|12)/,
    plant: payeeMachine((real) => (state, input, env) => {
      if (input.kind !== 'payment' || input.invoice === undefined) return real(state, input, env);
      const invoice = { ...input.invoice, invoice: { ...input.invoice.invoice, amount: amount(1n) } };
      return real(state, { ...input, invoice }, env);
    }),
    hub: () => ({ profile: bought({ cheats: 0.5 }) }),
  },
];
