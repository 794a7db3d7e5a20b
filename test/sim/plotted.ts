import { height } from '../../src/core/base/height.ts';
import { isRefusal } from '../../src/core/base/refusal.ts';
import { keyNameOf } from '../../src/core/channel/announce.ts';
import type { ChainView, DepositView } from '../../src/core/channel/machine.ts';
import type { PayeeState } from '../../src/core/channel/payee-state.ts';
import { dogecoinRegtest as coin } from '../../src/core/coin/dogecoin.ts';
import { cltv } from '../../src/core/contract/cltv.ts';
import { isDue } from '../../src/core/contract/contract.ts';
import { contracts } from '../../src/core/contract/registry.ts';
import { payeeParty } from '../../src/engine/party.ts';
import { type Mutant, type PayeeParty, payeeMachine, replaced, withEnv } from './plant.ts';
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
      const { exposed } = payeeParty;
      return replaced<PayeeParty>(payeeParty, { exposed: (state) => exposed(unforgotten(state)) });
    },
    profile: plotting('room that stays taken', { exposure: { channel: 100, all: 100 } }),
  },
  {
    name: 'the close waits for a top-up that is in no block',
    breaks: /^I[26]/,
    plant: payeeMachine((real) => (state, input, env) => {
      const isClosing = input.kind === 'view' && state !== undefined && isDue(state.terms, env);
      return real(state, isClosing ? asMined(input) : input, env);
    }),
    profile: plotting('a top-up that holds up what is deep', { exposure: { channel: 100, all: 150 } }),
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

/** Nothing is given up. */
function unforgotten(state: PayeeState): PayeeState {
  const { places } = state;
  return places === undefined
    ? state
    : { ...state, places: places.map((place) => (place.at === 'lost' ? { ...place, at: 'none' } : place)) };
}

/** What is in the mempool counts as mined. */
function asMined(view: ChainView): ChainView {
  const mined = (seen: DepositView): DepositView => (seen.kind === 'unspent' ? { ...seen, depth: Math.max(1, seen.depth) } : seen);
  return { ...view, deposits: new Map([...view.deposits].map(([key, seen]) => [key, mined(seen)])) };
}
