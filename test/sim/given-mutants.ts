import { amount } from '../../src/core/base/amount.ts';
import { bytesToHex, equalBytes } from '../../src/core/base/bytes.ts';
import { height } from '../../src/core/base/height.ts';
import { isRefusal, refuse } from '../../src/core/base/refusal.ts';
import type { PayeeState } from '../../src/core/channel/payee-state.ts';
import type { OpenPayer } from '../../src/core/channel/payer-state.ts';
import { stay } from '../../src/core/channel/state-machine.ts';
import { isDue, type Revocation } from '../../src/core/contract/contract.ts';
import { revocable } from '../../src/core/contract/revocable.ts';
import { outpointKey, type Transaction } from '../../src/core/tx/transaction.ts';
import type { Store } from '../../src/engine/ports.ts';
import { CALM } from './network.ts';
import { type Mutant, payeeMachine, payerMachine, replaced, withEnv } from './plant.ts';
import { type Giving, giving, type Profile } from './profile.ts';

/** One payer, whose money goes up and down in a channel that lasts, and nothing else wrong but what is wanted. */
export function given(wanted: Partial<Giving> = {}, more: Partial<Profile> = {}): NonNullable<Mutant['profile']> {
  return (drawn, givings) => {
    const world = giving(drawn, givings);
    const still = {
      lies: 0,
      bluffs: 0,
      hostility: 0,
      nodeFailure: 0,
      storeFailure: 0,
      hasThief: false,
      hasVillain: false,
      rises: 0,
      young: 0,
    };
    const served = { payers: 1, depth: 1, lifetime: 200, turns: 120, pace: 120, network: CALM, crash: { payer: 0, payee: 0 } };
    const { haste: _, giving: back, ...rest } = world;
    const usual: Giving = { orders: 6, mute: 0, isWatched: false, moment: 'at once', hasMiner: false, raises: false, censored: 0 };
    return { ...rest, ...still, ...served, ...more, ...(back && { giving: { ...usual, ...wanted } }) };
  };
}

function revocationOf(): Revocation {
  const { revocation } = revocable;
  if (revocation === undefined) throw new Error('payments of this contract can be taken back');
  return revocation;
}

/** Answers a payment for less as soon as it is asked to store it. */
function hastyBack(store: Store): Store {
  return {
    ...store,
    commit: async (writes) => {
      const stored = store.commit(writes);
      if (!writes.some(({ kind, value }) => kind === 'payee-channel' && value?.includes('"secret":"') === true)) return stored;
      stored.catch(() => undefined);
      return true;
    },
  };
}

/** What is pending counts as the best, and what was before it as revoked. */
function believing(state: OpenPayer): OpenPayer {
  const { pending, ...rest } = state;
  return pending === undefined ? state : { ...rest, best: pending.payment, signed: pending.payment.total };
}

/** The state before the last secret was shown. */
function before({ best: _, revoked = 0, ...state }: PayeeState): PayeeState {
  return { ...state, ...(revoked > 1 && { revoked: revoked - 1 }) } as PayeeState;
}

export const givenMutants: readonly Mutant[] = [
  {
    name: 'the payer does not punish a revoked close',
    breaks: /^I4 .*revoked close|^I4 the payee took/,
    plant: () => replaced<Revocation>(revocationOf(), { penalty: () => refuse('nothing-to-close') }),
    profile: given({}, { hasVillain: true, isTireless: true }),
  },
  {
    name: 'the payer punishes a revoked close a block after the payout may be had',
    breaks: /^I4/,
    plant: payerMachine((real) => (state, input, env) => {
      const step = real(state, input, env);
      const at = state?.terms.contract.revocation?.payoutAt(state.terms);
      if (isRefusal(step) || at === undefined || env.tip > at) return step;
      const held = new Set(step.state?.held?.map(({ outpoint }) => outpointKey(outpoint)));
      const isPenalty = ({ inputs }: Transaction): boolean => inputs.some(({ outpoint }) => held.has(outpointKey(outpoint)));
      const effects = step.effects.filter((one) => one.kind !== 'broadcast' || !isPenalty(one.transaction));
      return { ...step, effects };
    }),
    profile: given({}, { hasVillain: true, isTireless: true }),
  },
  {
    name: 'the payee keeps what it revoked, and closes with it',
    breaks: /^I(6 a revoked|8|11)/,
    plant: payeeMachine((real) => {
      const most = new Map<string, PayeeState>();
      return (state, input, env) => {
        if (state?.kind !== 'open') return real(state, input, env);
        const first = most.get(state.channel);
        if (state.best !== undefined && state.best.total > (first?.best?.total ?? 0n)) most.set(state.channel, state);
        const isEnd = input.kind === 'view' && isDue(state.terms, env);
        return real(isEnd && first?.best !== undefined ? { ...state, best: first.best } : state, input, env);
      };
    }),
    profile: given(),
  },
  {
    name: 'a secret is shown before the payment for less is stored',
    breaks: /^I11 a secret/,
    mutation: () => ({ payee: { store: hastyBack } }),
    profile: given(),
  },
  {
    name: 'watch files are not brought up to date before a secret is shown',
    breaks: /^I11 watchers/,
    mutation: () => ({ payee: { isHeedless: true } }),
    profile: given({ isWatched: true }),
  },
  {
    name: 'the payer counts as given back what it has no secret for',
    breaks: /^I4 the payer counts/,
    plant: payerMachine((real) => (state, input, env) => {
      const isOpen = state?.kind === 'open' && state.pending !== undefined && state.revocation !== undefined;
      const { hash } = (isOpen && state.pending?.payment) || {};
      const isBack = isOpen && hash !== undefined && !equalBytes(hash, state.revocation?.hash ?? hash);
      return isBack && input.kind === 'reply' && input.message.kind === 'receipt' ? stay(believing(state)) : real(state, input, env);
    }),
    profile: given({ mute: 0.5 }),
  },
  {
    name: 'a payout goes out one block early',
    breaks: /^I11 a payout/,
    plant: payeeMachine(
      (real) => (state, input, env) =>
        real(state, input, input.kind === 'view' && (state?.held ?? []).length > 0 ? withEnv(env, { tip: height(env.tip + 1) }) : env),
    ),
    profile: given({ orders: 1 }),
  },
  {
    name: 'the payer takes an offer that leaves no time for a penalty',
    breaks: /^I11 .*announced/,
    plant: () => replaced<Revocation>(revocationOf(), { refuseTerms: () => undefined }),
    profile: given({ mute: 0.5 }),
  },
  {
    name: 'the payee takes a payment under a hash that it revoked',
    breaks: /^I(8|11)/,
    plant: payeeMachine((real) => (state, input, env) => {
      const isOld = (one: PayeeState, hash: Uint8Array | undefined): boolean =>
        hash !== undefined && one.best?.hash !== undefined && bytesToHex(hash) !== bytesToHex(one.best.hash);
      const step = real(state, input, env);
      if (!isRefusal(step) || step.code !== 'hash-outdated' || state === undefined || input.kind !== 'payment') return step;
      return isOld(state, input.pay.payment.hash) ? real(before(state), input, env) : step;
    }),
    profile: given({}, { hasThief: true, turns: 160 }),
  },
  {
    name: 'the payee gives back more than was ordered',
    breaks: /^I8/,
    plant: payeeMachine(
      (real) => (state, input, env) =>
        real(state, input.kind === 'give-back' ? { ...input, amount: amount(input.amount * 2n) } : input, env),
    ),
    profile: given(),
  },
];
