import type { PayeeInput } from '../../src/core/channel/payee.ts';
import type { PayeeState } from '../../src/core/channel/payee-state.ts';
import type { PayerInput } from '../../src/core/channel/payer.ts';
import type { PayerState } from '../../src/core/channel/payer-state.ts';
import type { Env } from '../../src/core/channel/state-machine.ts';
import { type ChannelRole, payeeRole, payerRole } from '../../src/engine/channel-role.ts';
import type { Chance } from './chance.ts';
import type { HubMutation } from './hub/world.ts';
import type { Profile } from './profile.ts';
import type { Mutation } from './world.ts';

/** A fault on purpose, and the kind of world where it shows. */
export interface Mutant {
  readonly name: string;
  /** The rule that has to break. */
  readonly breaks: RegExp;
  /** What is to be changed for as long as a world runs; returns what changes it back. */
  readonly plant?: () => () => void;
  readonly mutation?: () => Mutation;
  /** It shows in worlds with a hub, with this changed there. */
  readonly hub?: () => HubMutation;
  readonly profile?: (drawn: Profile, givings: Chance) => Profile;
}

export type PayeeParty = ChannelRole<PayeeState, PayeeInput>;
export type PayerParty = ChannelRole<PayerState, PayerInput>;

export function replaced<Whole extends object>(whole: Whole, part: Partial<Whole>): () => void {
  const before = { ...whole };
  Object.assign(whole, part);
  return () => void Object.assign(whole, before);
}

export function payeeMachine(change: (real: PayeeParty['transition']) => PayeeParty['transition']): () => () => void {
  return () => replaced<PayeeParty>(payeeRole, { transition: change(payeeRole.transition) });
}

export function payerMachine(change: (real: PayerParty['transition']) => PayerParty['transition']): () => () => void {
  return () => replaced<PayerParty>(payerRole, { transition: change(payerRole.transition) });
}

/** The same world with one thing otherwise. A signer is made when it is asked for, so it can't be copied. */
export function withEnv(env: Env, part: Partial<Env>): Env {
  return Object.create(env, Object.fromEntries(Object.entries(part).map(([key, value]) => [key, { value, enumerable: true }])));
}
