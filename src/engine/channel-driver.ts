import { type Amount, ZERO } from '../core/base/amount.ts';
import { type ChannelId, channelId } from '../core/base/bytes.ts';
import { possible } from '../core/base/lock-time.ts';
import { lruCache } from '../core/base/lru.ts';
import { isRefusal, type Refusal } from '../core/base/refusal.ts';
import { invoiceSnapshot } from '../core/channel/snapshot.ts';
import type { Effect, Env, KeptInvoice, Step } from '../core/channel/state-machine.ts';
import type { Reply, Request } from '../core/message/message.ts';
import type { Transaction } from '../core/tx/transaction.ts';
import type { ChannelRole } from './channel-role.ts';
import { decodeStored } from './decode-state.ts';
import { type Exposed, ExposureLedger, NOT_EXPOSED, worse } from './exposure.ts';
import { keyedMutex } from './mutex.ts';
import { type Broadcast, type Chain, type KeyRing, type Store, WorldError, type Write } from './ports.ts';

/** What the engine knows besides the stored state. */
export type World = Pick<Env, 'tip' | 'medianTime' | 'now' | 'feeRate' | 'verify' | 'keyOf'>;

export interface DriverOptions<State, Input> {
  readonly party: ChannelRole<State, Input>;
  readonly store: Store;
  readonly chain: Chain;
  readonly keys: KeyRing;
  /** The present world; throws `WorldError` when it is not known well enough to act on. */
  readonly world: () => World;
  /** Learns of every state before and after it is stored. Without it nothing is delivered beyond what deep deposits back. */
  readonly exposure?: ExposureLedger;
  /** Done before a state replaces another; if this fails, the state is not stored. */
  readonly beforeStored?: (before: State | undefined, after: State) => Promise<void>;
  /** Called with every state once it is stored. */
  readonly onState?: (channel: ChannelId, state: State) => void;
}

/** A broadcast that an input caused. The state is stored in any case, and `follow` sends again what failed. */
export interface Sent {
  readonly transaction: Transaction;
  readonly outcome: Broadcast | WorldError;
}

export interface Driven<State> {
  readonly kind: 'driven';
  readonly state: State | undefined;
  readonly reply?: Reply;
  /** The message that the owner's connection has to send to the peer. */
  readonly send?: Request;
  readonly broadcasts: readonly Sent[];
  /** What a payment has added in this commit; nothing if it was stored before. The seller delivers for this amount only. */
  readonly added: Amount;
}

export type Given<State, Input> = Input | ((state: State | undefined) => Input | Refusal);

/** The only interpreter of steps, for both sides: load, step, compare-and-set, and only then act. */
export interface Driver<State, Input> {
  /** An input, or a function that makes one from the current state. Inputs to one channel are processed one after the other. */
  readonly drive: (channel: ChannelId, input: Input | ((state: State | undefined) => Input | Refusal)) => Promise<Driven<State> | Refusal>;
  readonly get: (channel: ChannelId) => Promise<State | undefined>;
  readonly all: () => AsyncIterable<readonly [ChannelId, State]>;
}

interface Loaded<State> {
  /** 0 where nothing is stored. */
  readonly version: number;
  readonly state: State | undefined;
}

/** How often another process may change a state first before this counts as a fault. */
const MOST_TRIES = 100;
/** Decoded states in the cache. One takes a few kilobytes. */
const MOST_CACHED = 50_000;

export function driver<State, Input extends object>(options: DriverOptions<State, Input>): Driver<State, Input> {
  const { party, store, chain, exposure = new ExposureLedger(ZERO) } = options;
  const exposed = (state: State | undefined): Exposed => (state === undefined ? NOT_EXPOSED : party.exposed(state));
  const cache = lruCache<ChannelId, Loaded<State>>(MOST_CACHED);
  const inTurn = keyedMutex<ChannelId>();

  const load = async (channel: ChannelId): Promise<Loaded<State>> => {
    const cached = cache.get(channel);
    if (cached !== undefined) return cached;
    const record = await store.get(party.recordKind, channel);
    if (record === undefined) return { version: 0, state: undefined };
    return { version: record.version, state: decodeStored(party.snapshot, record.value) };
  };

  const remember = (channel: ChannelId, loaded: Loaded<State>): void => {
    cache.set(channel, loaded);
    if (loaded.state !== undefined) options.onState?.(channel, loaded.state);
  };

  /** Until it is known what is stored, a channel counts with the larger of its exposures before and after: decided here, or at the next attempt. */
  const commit = async (
    channel: ChannelId,
    before: Loaded<State>,
    step: Step<State | undefined>,
    kept?: LoadedInvoice,
  ): Promise<boolean> => {
    const [was, is] = [exposed(before.state), exposed(step.state)];
    exposure.set(channel, worse(was, is));
    const writes = [...stateWrite(party, channel, before, step), ...invoiceWrite(step, kept)];
    // A commit that throws may have happened: only the store knows, so the cached copy is dropped first.
    cache.delete(channel);
    const tell = ({ state }: Loaded<State>): void => void (state === undefined || options.onState?.(channel, state));
    const isStored =
      writes.length === 0 ||
      (await commitStep(options, before, step, writes).catch((error: unknown) => doubted(error, load(channel).then(tell))));
    if (isStored) exposure.set(channel, is);
    return isStored;
  };

  const attempt = async (channel: ChannelId, given: Given<State, Input>): Promise<Step<State | undefined> | Refusal | 'conflict'> => {
    const before = await load(channel);
    const input = inputFrom(given, before.state);
    if (isRefusal(input)) return input;
    const kept = await loadInvoice(store, party.invoiceOf(input));
    const complete = kept === undefined ? input : party.withInvoice(input, kept.invoice);
    exposure.set(channel, exposed(before.state));
    const step = party.transition(before.state, complete, envFor(options, exposure, before.state, input));
    if (isRefusal(step)) return step;
    // No `await` is allowed between reading the room and taking it.
    const hurry = (): Promise<void> => actUnstored(options, before, step, () => load(channel));
    const isStored = await commit(channel, before, step, kept).catch((error: unknown) => doubted(error, hurry()));
    if (!isStored) return 'conflict';
    if (step.state !== undefined) remember(channel, { version: before.version + (step.state === before.state ? 0 : 1), state: step.state });
    return step;
  };

  return {
    drive: async (channel, input) => {
      const step = await inTurn(channel, () => untilStored(channel, () => attempt(channel, input)));
      return isRefusal(step) ? step : perform(chain, step);
    },
    get: async (channel) => (await load(channel)).state,
    all: async function* () {
      for await (const { id, value } of store.list(party.recordKind)) yield [channelId(id), decodeStored(party.snapshot, value)];
    },
  };
}

/** Tries again until no other process was faster. */
async function untilStored<T>(channel: ChannelId, attempt: () => Promise<T | 'conflict'>): Promise<T> {
  for (let tries = 0; tries < MOST_TRIES; tries++) {
    const step = await attempt();
    if (step !== 'conflict') return step;
  }
  throw new WorldError('store-busy', `channel ${channel} changes faster than it can be read`, 'Run only one process per channel.');
}

/**
 * A disk that refuses writes must not delay a close or refund. After the deadline nothing else is signed or accepted, so no newer state can
 * contradict what follows from the stored one; the step is made again until it can be stored too.
 */
async function actUnstored<State, Input>(
  { party, chain, world }: DriverOptions<State, Input>,
  before: Loaded<State>,
  { effects }: Step<State | undefined>,
  stored: () => Promise<Loaded<State>>,
): Promise<void> {
  const watch = before.state && party.watch(before.state);
  if (watch === undefined || possible(watch.deadline, world()) < watch.deadline || (await stored()).version !== before.version) return;
  for (const effect of effects) if (effect.kind === 'broadcast') await broadcast(chain, effect);
}

/** It may be that nobody asks for the channel again, so observers are told its state at once, if the store still answers. */
async function doubted(error: unknown, telling: Promise<void>): Promise<never> {
  await telling.catch(() => undefined);
  throw error;
}

function inputFrom<State, Input extends object>(given: Given<State, Input>, state: State | undefined): Input | Refusal {
  return typeof given === 'function' ? given(state) : given;
}

function envFor<State, Input>(
  { party, keys, world }: DriverOptions<State, Input>,
  exposure: ExposureLedger,
  state: State | undefined,
  input: Input,
): Env {
  const name = party.keyName(state, input);
  const now = world();
  return {
    ...now,
    room: exposure.room,
    young: exposure.youngRooms(now.tip),
    get signer() {
      if (name === undefined) throw new Error('a channel that does not exist has no key');
      return keys.signer(name);
    },
  };
}

/** Does not wait when nothing has to be done before the commit. */
function commitStep<State, Input>(
  { store, beforeStored }: DriverOptions<State, Input>,
  before: Loaded<State>,
  { state }: Step<State | undefined>,
  writes: readonly Write[],
): Promise<boolean> {
  if (beforeStored === undefined || state === undefined || state === before.state) return store.commit(writes);
  return beforeStored(before.state, state).then(() => store.commit(writes));
}

interface LoadedInvoice {
  readonly version: number;
  readonly invoice: KeptInvoice;
}

async function loadInvoice(store: Store, id: string | undefined): Promise<LoadedInvoice | undefined> {
  const record = id === undefined ? undefined : await store.get('invoice', id);
  return record && { version: record.version, invoice: decodeStored(invoiceSnapshot, record.value) };
}

function stateWrite<State, Input>(
  { recordKind: kind, snapshot }: ChannelRole<State, Input>,
  id: ChannelId,
  before: Loaded<State>,
  { state }: Step<State | undefined>,
): readonly Write[] {
  if (state === undefined || state === before.state) return [];
  return [{ kind, id, expected: before.version, value: snapshot.encode(state) }];
}

function invoiceWrite({ invoice }: Step<unknown>, kept: LoadedInvoice | undefined): readonly Write[] {
  if (invoice === undefined) return [];
  return [{ kind: 'invoice', id: invoice.invoice.id, expected: kept?.version ?? 0, value: invoiceSnapshot.encode(invoice) }];
}

async function perform<State>(chain: Chain, { state, effects, added = ZERO }: Step<State>): Promise<Driven<State>> {
  const broadcasts: Sent[] = [];
  let driven: Omit<Driven<State>, 'broadcasts'> = { kind: 'driven', state, added };
  for (const effect of effects) {
    if (effect.kind === 'broadcast') broadcasts.push({ transaction: effect.transaction, outcome: await broadcast(chain, effect) });
    else driven = effect.kind === 'reply' ? { ...driven, reply: effect.message } : { ...driven, send: effect.message };
  }
  return { ...driven, broadcasts };
}

/** The state stays stored when the node is down: the outcome says so, and `follow` tries again. */
async function broadcast(chain: Chain, { transaction }: Extract<Effect, { kind: 'broadcast' }>): Promise<Sent['outcome']> {
  try {
    return await chain.broadcast(transaction);
  } catch (error) {
    if (error instanceof WorldError) return error;
    throw error;
  }
}
