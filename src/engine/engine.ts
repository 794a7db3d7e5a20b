import { type Amount, ZERO } from '../core/base/amount.ts';
import type { ChannelId } from '../core/base/bytes.ts';
import { isRefusal, type Refusal } from '../core/base/refusal.ts';
import type { PayeeInput } from '../core/channel/payee.ts';
import type { PayeeState } from '../core/channel/payee-state.ts';
import type { PayerInput } from '../core/channel/payer.ts';
import type { PayerState } from '../core/channel/payer-state.ts';
import type { ChainView, KeyOf } from '../core/channel/state-machine.ts';
import type { YoungBound } from '../core/coin/coin.ts';
import type { Verify } from '../core/tx/sign.ts';
import type { FollowedChannels } from './block-reader.ts';
import { type Follower, follower } from './chain-follower.ts';
import { type Driven, type Driver, driver } from './channel-driver.ts';
import { type ChannelRole, payeeRole, payerRole } from './channel-role.ts';
import { type Exposure, ExposureLedger } from './exposure.ts';
import type { ReadingOptions } from './mempool-reader.ts';
import type { Chain, Clock, KeyRing, Store } from './ports.ts';

export interface EngineOptions<State> extends ReadingOptions {
  readonly chain: Chain;
  readonly store: Store;
  readonly keys: KeyRing;
  readonly verify: Verify;
  readonly clock: Clock;
  /** Keys of outputs outside the channels, so that a child of such an output can pay for its transaction (CPFP). None unless given. */
  readonly keyOf?: KeyOf;
  /** The most that all channels together may deliver before their deposits are deep enough. Nothing unless given. */
  readonly exposure?: Amount;
  /** The most, over all channels, that may rest on deposits that are less than so many blocks deep. No limit unless given. */
  readonly young?: readonly YoungBound[];
  /** What a block caused in one channel, if anything: for logs and screens. An exception affects that channel only. */
  readonly onEvent?: (channel: ChannelId, event: Driven<State> | Refusal | Error) => void;
  /** Done before a state replaces another; if this fails, the state is not stored. */
  readonly beforeStored?: (before: State | undefined, after: State) => Promise<void>;
  /** Sums and lists over all channels, updated with each change, so that no reader has to go through all channels. */
  readonly books?: readonly Book<State>[];
}

/** Something that is computed from all channels and kept up to date as they change. */
export interface Book<State> {
  /** All channels will now be read from the store: earlier records are dropped. */
  readonly open: () => void;
  readonly found: (channel: ChannelId, state: State) => void;
  /** A channel after a step, once it is stored; also when the step did not change it. */
  readonly stored: (channel: ChannelId, state: State) => void;
  readonly viewed?: (channel: ChannelId, view: ChainView) => void;
}

/** One side's channels: runs their state machines and tells them about the chain. */
export interface Engine<State, Input> extends Driver<State, Input> {
  readonly follower: Follower;
  /** Complete from the first poll on. */
  readonly exposure: Exposure;
}

export type PayeeEngine = Engine<PayeeState, PayeeInput>;
export type PayerEngine = Engine<PayerState, PayerInput>;

export function payeeEngine(options: EngineOptions<PayeeState>): PayeeEngine {
  return engine(payeeRole, (view) => view, options);
}

export function payerEngine(options: EngineOptions<PayerState>): PayerEngine {
  return engine(payerRole, (view) => view, options);
}

function engine<State extends { readonly kind: string }, Input extends object>(
  party: ChannelRole<State, Input>,
  asInput: (view: ChainView) => Input,
  options: EngineOptions<State>,
): Engine<State, Input> {
  const { chain, store, keys, verify, clock, keyOf = () => undefined, onEvent, books = [], beforeStored } = options;
  const exposure = new ExposureLedger(options.exposure ?? ZERO, options.young);
  const machine: Driver<State, Input> = driver({
    party,
    store,
    chain,
    keys,
    world: () => {
      const { tip, medianTime, feeRate } = follow.seen();
      return { tip: tip.height, medianTime, feeRate, now: clock.now(), verify, keyOf };
    },
    exposure,
    ...(beforeStored && { beforeStored }),
    onState: (channel, state) => {
      follow.track(channel, party.watch(state));
      for (const book of books) book.stored(channel, state);
    },
  });
  const followed: FollowedChannels = {
    all: async function* () {
      for (const book of books) book.open();
      for await (const [channel, state] of machine.all()) {
        exposure.set(channel, party.exposed(state));
        for (const book of books) book.found(channel, state);
        yield [channel, party.watch(state)];
      }
    },
    observe: async (channel, view) => {
      for (const book of books) book.viewed?.(channel, view);
      const before = await machine.get(channel).catch(() => undefined);
      const event = await machine
        .drive(channel, asInput(view))
        .catch((error: unknown) => (error instanceof Error ? error : new Error(String(error))));
      const isQuiet = !(isRefusal(event) || event instanceof Error) && event.broadcasts.length === 0 && event.state?.kind === before?.kind;
      if (!isQuiet) onEvent?.(channel, event);
      return !(event instanceof Error);
    },
  };
  const follow: Follower = follower(chain, store, followed, clock, options);
  return { ...machine, follower: follow, exposure };
}
