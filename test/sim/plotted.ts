import { height } from '../../src/core/base/height.ts';
import { isRefusal } from '../../src/core/base/refusal.ts';
import { keyNameOf } from '../../src/core/channel/payee-open.ts';
import type { PayeeState } from '../../src/core/channel/payee-state.ts';
import { allDeposits, type PayerState } from '../../src/core/channel/payer-state.ts';
import type { ChainView, DepositView, FundingView } from '../../src/core/channel/state-machine.ts';
import { dogecoinRegtest as coin } from '../../src/core/coin/dogecoin.ts';
import { cltv } from '../../src/core/contract/cltv.ts';
import { isDue } from '../../src/core/contract/contract.ts';
import { contracts } from '../../src/core/contract/registry.ts';
import { outpointKey } from '../../src/core/tx/transaction.ts';
import { payeeRole } from '../../src/engine/channel-role.ts';
import type { Agent } from '../../src/payer/agent.ts';
import { type Mutant, type PayeeParty, payeeMachine, payerMachine, replaced, withEnv } from './plant.ts';
import { type Profile, plotted } from './profile.ts';

/** Worlds of one plot. */
const plotting =
  (plot: string, rest: Partial<Profile> = {}) =>
  (drawn: Profile): Profile => ({ ...plotted(drawn), isFixed: false, contract: contracts.indexOf(cltv), plot, ...rest });

/** Faults that only somebody who plans makes use of. */
export const plottedMutants: readonly Mutant[] = [
  {
    name: 'the least total is reckoned at the usual rate of fees',
    breaks: /^I3.*its close costs more/,
    plant: payeeMachine((real) => (state, input, env) => {
      const isPaid = input.kind === 'payment' || input.kind === 'increment';
      return real(state, input, isPaid ? withEnv(env, { feeRate: coin.policy.feeRate }) : env);
    }),
    profile: plotting('a total that fees eat up'),
  },
  {
    name: 'the payee signs an end at the usual rate, whatever fees are',
    breaks: /^I2 an end is signed/,
    plant: payeeMachine(
      (real) => (state, input, env) => real(state, input, input.kind === 'end' ? withEnv(env, { feeRate: coin.policy.feeRate }) : env),
    ),
    profile: plotting('an end that nobody mines'),
  },
  {
    name: 'an old offer is taken at its old terms',
    breaks: /^I10 taken in \w+: /,
    plant: payeeMachine((real) => (state, input, env) => {
      if (input.kind !== 'announce' || input.standing === undefined) return real(state, input, env);
      const { offer } = input.announce;
      return real(state, { ...input, standing: { ...input.standing, terms: offer } }, env);
    }),
    profile: plotting('an offer of other times'),
  },
  {
    name: 'nobody looks how long an offer was for',
    breaks: /^I10 .*no later than/,
    plant: payeeMachine(
      (real) => (state, input, env) => (input.kind === 'announce' ? lasting(real)(state, input, env) : real(state, input, env)),
    ),
    profile: plotting('an offer that has run out'),
  },
  {
    name: 'what is written off goes on taking up room',
    breaks: /^I7 .*refused/,
    plant: () => {
      const { exposed } = payeeRole;
      return replaced<PayeeParty>(payeeRole, { exposed: (state) => exposed(unforgotten(state)) });
    },
    profile: plotting('room that stays taken', { exposure: { channel: 100, all: 100 } }),
  },
  {
    name: 'a doubted funding counts as an undoubted one',
    breaks: /^I3 .*may never be mined/,
    plant: payeeMachine(
      (real) => (state, input, env) =>
        real(state, input.kind === 'announce' ? { ...input, funding: input.funding.map(undoubted) } : input, env),
    ),
    profile: plotting('deposits that are never mined', { exposure: { channel: 100, all: 100 } }),
  },
  {
    name: 'the close waits for a top-up that is in no block',
    breaks: /^I[26]/,
    plant: payeeMachine((real) => (state, input, env) => {
      const isClosing = input.kind === 'view' && state !== undefined && isDue(state.terms, env);
      return real(state, isClosing ? asMined(input) : input, env);
    }),
    profile: plotting('a top-up that holds up what is deep', { exposure: { channel: 100, all: 150 }, young: 0 }),
  },
  {
    name: 'what is due has no place before what strangers make long',
    breaks: /^I2 the mempool is read before/,
    plant: () => {
      const { watch } = payeeRole;
      const unhurried: PayeeParty['watch'] = (state) => {
        const watched = watch(state);
        return watched && { ...watched, deadline: height(2 ** 28), isPending: true };
      };
      return replaced<PayeeParty>(payeeRole, { watch: unhurried });
    },
    profile: plotting('outputs that nobody asked for'),
  },
  {
    name: 'the payer keeps every output that somebody makes to its channel',
    breaks: /^I7 .*are kept/,
    plant: payerMachine((real) => (state, input, env) => {
      const step = real(state, input, env);
      return input.kind === 'view' && !isRefusal(step) && step.state !== undefined ? { ...step, state: greedy(step.state, input) } : step;
    }),
    profile: plotting("outputs to others' channels"),
  },
  {
    name: "strangers' outputs stand for deposits before they are deep",
    breaks: /^I7 .*is announced/,
    plant: payerMachine((real) => (state, input, env) => {
      const young = new Set(state?.found?.map(outpointKey));
      return real(state, input.kind === 'view' ? deepened(input, young) : input, env);
    }),
    profile: plotting("outputs to others' channels"),
  },
  {
    name: 'the payer pays what is asked for, not what was seen',
    breaks: /^I5.*wishes/,
    mutation: () => ({ payer: { agent: agreeable } }),
    profile: (drawn) => ({ ...drawn, hasThief: false, lies: 0, rises: 0.5 }),
  },
];

/** The offer, had it been made for ever. The channel keeps its own name. */
function lasting(real: PayeeParty['transition']): PayeeParty['transition'] {
  return (state, input, env) => {
    if (input.kind !== 'announce' || state !== undefined) return real(state, input, env);
    const { offer } = input.announce;
    const origin = offer.origin && { ...offer.origin, until: height(2 ** 28) };
    const step = real(state, { ...input, announce: { ...input.announce, offer: { ...offer, ...(origin && { origin }) } } }, env);
    if (isRefusal(step) || step.state === undefined) return step;
    return { ...step, state: { ...step.state, keyName: keyNameOf(offer) } };
  };
}

/** As if it paid whatever fees are, for itself alone, and for good. */
function undoubted(view: FundingView): FundingView {
  if (view.kind !== 'unspent') return view;
  return { ...view, waits: { fee: coin.policy.maxFee, size: 200, ancestors: 0, isReplaceable: false } };
}

/** Nothing is given up. */
function unforgotten(state: PayeeState): PayeeState {
  const { places } = state;
  return places === undefined
    ? state
    : { ...state, places: places.map((place) => (place.at === 'lost' ? { ...place, at: 'none' } : place)) };
}

function greedy(state: PayerState, { found }: ChainView): PayerState {
  const known = new Set(allDeposits(state).map(({ outpoint }) => outpointKey(outpoint)));
  const more = found.filter(({ deposit }) => !known.has(outpointKey(deposit.outpoint)));
  if (more.length === 0) return state;
  return {
    ...state,
    offered: [...state.offered, ...more.map(({ deposit }) => deposit)],
    found: [...(state.found ?? []), ...more.map(({ deposit }) => deposit.outpoint)],
    funding: [...state.funding, ...more.map(({ transaction }) => transaction)],
  };
}

/** What was found looks as deep as anybody could want. */
function deepened(view: ChainView, young: ReadonlySet<string>): ChainView {
  const seenOf = (key: string, seen: DepositView): DepositView =>
    young.has(key) && seen.kind === 'unspent' ? { ...seen, depth: 1_000 } : seen;
  return { ...view, deposits: new Map([...view.deposits].map(([key, seen]) => [key, seenOf(key, seen)])) };
}

function agreeable(agent: Agent): Agent {
  return {
    ...agent,
    buy: (channel, item, agree, payee) =>
      agent.buy(
        channel,
        item,
        async (invoice) => {
          const most = await agree(invoice);
          return isRefusal(most) ? most : invoice.amount;
        },
        payee,
      ),
  };
}

/** What is in the mempool counts as mined. */
function asMined(view: ChainView): ChainView {
  const mined = (seen: DepositView): DepositView => (seen.kind === 'unspent' ? { ...seen, depth: Math.max(1, seen.depth) } : seen);
  return { ...view, deposits: new Map([...view.deposits].map(([key, seen]) => [key, mined(seen)])) };
}
