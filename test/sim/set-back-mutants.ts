import { isRefusal } from '../../src/core/base/refusal.ts';
import type { PayeeState } from '../../src/core/channel/payee-state.ts';
import type { Snapshot } from '../../src/core/channel/snapshot.ts';
import { payeeSnapshot } from '../../src/core/channel/snapshot.ts';
import { given } from './given-mutants.ts';
import { type Mutant, payeeMachine, replaced } from './plant.ts';

function unnoted({ setBack: _, ...state }: PayeeState): PayeeState {
  return state as PayeeState;
}

const lossy = given({ losses: 2 });
const sells = /^I11 .*set back/;

export const setBackMutants: readonly Mutant[] = [
  {
    name: 'a payee on an older copy of its store does not note that it was set back',
    breaks: sells,
    mutation: () => ({ payee: { note: async () => undefined } }),
    profile: lossy,
  },
  {
    name: 'the note that a payee was set back is lost when it is stored',
    breaks: sells,
    plant: () => {
      const { encode } = payeeSnapshot;
      return replaced<Snapshot<PayeeState>>(payeeSnapshot, { encode: (state) => encode(unnoted(state)) });
    },
    profile: lossy,
  },
  {
    name: 'a channel that a payer brings back from a lost store sells on',
    breaks: sells,
    plant: payeeMachine((real) => (state, input, env) => {
      const step = real(state, input, env);
      if (input.kind !== 'announce' || isRefusal(step) || state !== undefined || step.state === undefined) return step;
      return { ...step, state: unnoted(step.state) };
    }),
    profile: lossy,
  },
];
