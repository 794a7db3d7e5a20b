import type { Amount } from '../core/base/amount.ts';
import { type Height, height, LOCK_TIME_THRESHOLD, type LockTime } from '../core/base/height.ts';
import { type PayeeInput, payee } from '../core/channel/payee.ts';
import { keyNameOf } from '../core/channel/payee-open.ts';
import { exposureOf, type PayeeState, restsOf } from '../core/channel/payee-state.ts';
import { type PayerInput, payer } from '../core/channel/payer.ts';
import { allDeposits, type PayerState, sourcesOf, stillToCome } from '../core/channel/payer-state.ts';
import { payeeSnapshot, payerSnapshot, type Snapshot } from '../core/channel/snapshot.ts';
import type { KeptInvoice, Source, Transition } from '../core/channel/state-machine.ts';
import { closingAt, type Deposit, type Terms } from '../core/contract/contract.ts';
import { leastDeposit } from '../core/contract/tx-size.ts';
import { type Exposed, NOT_EXPOSED } from './exposure.ts';

/** The parts of a channel that transactions on the chain can affect. */
export interface WatchedOutputs {
  readonly terms: Terms;
  readonly deposits: readonly Deposit[];
  /** Outputs that closes hold for one side: they are no deposits, but who spends them matters. */
  readonly held?: readonly Deposit[];
  /** The inputs of the funding: another transaction that spends one takes the deposit away. */
  readonly sources: readonly Source[];
  /** The height or time at which the state machine has to look for what is due. */
  readonly deadline: LockTime;
  /** Something is unconfirmed or not buried yet: the state machine needs a view with every block. */
  readonly isPending: boolean;
  /** Outputs to the channel's script that nobody announced are reported from this value on; none unless given. */
  readonly leastFound?: Amount;
}

/** One side of a channel for the engine: its state machine, and how its states are stored and watched. */
export interface ChannelRole<State, Input> {
  readonly recordKind: string;
  readonly transition: Transition<State, Input>;
  readonly snapshot: Snapshot<State>;
  readonly keyName: (state: State | undefined, input: Input) => string | undefined;
  /** The invoice that an input is about; it is loaded and stored with the state. */
  readonly invoiceOf: (input: Input) => string | undefined;
  readonly withInvoice: (input: Input, invoice: KeptInvoice) => Input;
  /** Undefined when nothing on the chain matters to the channel any more. */
  readonly watch: (state: State) => WatchedOutputs | undefined;
  /** What this side has delivered that the chain could still undo. */
  readonly exposed: (state: State) => Exposed;
}

const NO_SOURCES: readonly Source[] = [];
const NEVER: Height = height(LOCK_TIME_THRESHOLD - 1);

export const payeeRole: ChannelRole<PayeeState, PayeeInput> = {
  recordKind: 'payee-channel',
  transition: payee,
  snapshot: payeeSnapshot,
  keyName: (state, input) => state?.keyName ?? (input.kind === 'announce' ? keyNameOf(input.announce.offer) : undefined),
  invoiceOf: (input) => (input.kind === 'payment' ? input.pay.invoice : undefined),
  withInvoice: (input, invoice) => (input.kind === 'payment' ? { ...input, invoice } : input),
  watch: ({ kind, terms, deposits, sources = NO_SOURCES, backing, best, held, locked = held }) => {
    if (kind === 'ended') return undefined;
    // Without a payment there is nothing to lose before the expiry: such channels cost others nothing, and must not be handled before others.
    const deadline = best === undefined ? terms.expiry : closingAt(terms);
    return { terms, deposits, sources, deadline, isPending: kind !== 'open' || backing !== undefined, ...(locked && { held: locked }) };
  },
  exposed: (state) =>
    state.backing === undefined && state.places === undefined ? NOT_EXPOSED : { exposure: exposureOf(state), rests: restsOf(state) },
};

/** A payment leaves these objects unchanged (the same references): so the watch list sees that it has nothing to do. */
const funded = new WeakMap<readonly Deposit[], { readonly by: PayerState; readonly watch: Pick<WatchedOutputs, 'deposits' | 'sources'> }>();

function fundedBy(state: PayerState): Pick<WatchedOutputs, 'deposits' | 'sources'> {
  const known = funded.get(state.deposits);
  if (known?.by.offered === state.offered && known.by.funding === state.funding) return known.watch;
  const watch = { deposits: allDeposits(state), sources: sourcesOf(state) };
  funded.set(state.deposits, { by: state, watch });
  return watch;
}

/** Whether the payer's machine wants to see every block: something is on its way, or is taken back. */
function isPending({ kind, found = [], held = [], locked = [] }: PayerState): boolean {
  return (kind !== 'open' && kind !== 'planned') || found.length + held.length + locked.length > 0;
}

/** The same object where there is only one list: so the watch list sees that it has nothing to do. */
function heldBy(lists: readonly (readonly Deposit[] | undefined)[]): Pick<WatchedOutputs, 'held'> {
  const [first, ...others] = lists.filter((one) => one !== undefined);
  if (first === undefined) return {};
  return { held: others.length === 0 ? first : [first, ...others].flat() };
}

export const payerRole: ChannelRole<PayerState, PayerInput> = {
  recordKind: 'payer-channel',
  transition: payer,
  snapshot: payerSnapshot,
  keyName: (state, input) => state?.keyName ?? (input.kind === 'create' ? input.keyName : undefined),
  invoiceOf: () => undefined,
  withInvoice: (input) => input,
  watch: (state) => {
    const { terms, kind, held, unrevoked, locked } = state;
    const watch = { terms, leastFound: leastDeposit(terms), ...fundedBy(state), ...heldBy([held, unrevoked, locked]) };
    if (kind !== 'ended') return { ...watch, deadline: terms.expiry, isPending: isPending(state) };
    // Nothing is due, but coins may still come.
    const isMissed = state.how === 'abandoned' || stillToCome(state).length > 0;
    return isMissed ? { ...watch, deadline: NEVER, isPending: false } : undefined;
  },
  exposed: () => NOT_EXPOSED,
};
