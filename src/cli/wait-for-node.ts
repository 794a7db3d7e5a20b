import { setTimeout } from 'node:timers/promises';
import { type Clock, WorldError } from '../engine/ports.ts';
import { isLoopback } from '../net/host-check.ts';
import type { Config } from './config.ts';

/** Asks something that may not be there yet, repeatedly, as long as waiting makes sense. @throws the last error. */
export type NodeWait = <T>(ask: () => Promise<T>) => Promise<T>;

export interface WaitOptions {
  /** Milliseconds after which it gives up. */
  readonly most: number;
  /** Called with what is waited for: when that changes, and once a minute. */
  readonly note: (text: string) => void;
  readonly clock?: Clock;
  /** Waits so many milliseconds; a timer unless given. */
  readonly pause?: (milliseconds: number) => Promise<unknown>;
}

/** Milliseconds between two attempts, and between two messages about the same. */
const INTERVAL = 500;
const REMIND = 60_000;
/** Milliseconds that a program started together with this one may need, on a slow or busy machine. */
const LITTLE = 30_000;

/** A node that is away, still loading or catching up may be ready later; one that refuses, or is on another chain, will not. */
const PASSING: ReadonlySet<string> = new Set(['node-down', 'node-behind']);
/** Where no node was given, another program may use the port, and the test chain may be about to start at another. */
const PASSING_UNNAMED: ReadonlySet<string> = new Set([...PASSING, 'node-refused', 'node-wrong-chain']);

/** An error that may disappear by itself, for the message; undefined for any other. */
type Passing = (error: unknown) => WorldError | undefined;

export function nodeWait(options: WaitOptions, codes: ReadonlySet<string> = PASSING): NodeWait {
  return waiting('the node', (error) => (error instanceof WorldError && codes.has(error.code) ? error : undefined), options);
}

function waiting(whom: string, passing: Passing, { most, note, clock = { now: Date.now }, pause = setTimeout }: WaitOptions): NodeWait {
  return async (ask) => {
    const since = clock.now();
    const tell = teller(whom, note, clock);
    for (;;) {
      try {
        return await ask();
      } catch (error) {
        const passes = passing(error);
        if (passes === undefined) throw error;
        if (clock.now() - since >= most) throw passes;
        tell(passes);
      }
      await pause(INTERVAL);
    }
  };
}

/** A change in how far the node has come is no news. */
function teller(whom: string, note: WaitOptions['note'], clock: Clock): (error: WorldError) => void {
  let told: { readonly what: string; readonly at: number } | undefined;
  return ({ message, hint }) => {
    const what = message.replaceAll(/\d+/g, '');
    if (told?.what === what && clock.now() - told.at < REMIND) return;
    told = { what, at: clock.now() };
    note(`Waiting for ${whom}: ${message.replace(/\.$/, '')}. ${hint}`);
  };
}

export const atOnce: NodeWait = (ask) => ask();

/** For programs that run for years: waits through every start of the node. */
export function forEver(note: WaitOptions['note']): NodeWait {
  return nodeWait({ most: Number.POSITIVE_INFINITY, note });
}

/** For a command: a node on this machine may just have been started; one elsewhere is either there or not. */
export function aLittle(
  { rpc, isUnnamed = false }: Pick<Config, 'rpc' | 'isUnnamed'>,
  note: WaitOptions['note'],
  time: Pick<WaitOptions, 'clock' | 'pause'> = {},
): NodeWait {
  if (rpc === undefined || !isHere(new URL(rpc.url).hostname)) return atOnce;
  return nodeWait({ ...time, most: LITTLE, note }, isUnnamed ? PASSING_UNNAMED : PASSING);
}

/**
 * For a command that talks to a merchant: one on this machine may just have been started. Once it has answered, it is not waited for again: then it
 * has ended. @param where the address as the owner gave it
 */
export function aLittleForPeer(host: string, where: string, options: Omit<WaitOptions, 'most'>): NodeWait {
  if (!isHere(host)) return atOnce;
  const hint = 'Start the merchant, or use the address that it prints when it starts.';
  const absent: Passing = (error) =>
    isRefused(error) ? new WorldError('peer-unreachable', `Nothing listens at ${where}.`, hint, error) : undefined;
  const wait = waiting('the merchant', absent, { ...options, most: LITTLE });
  let hasAnswered = false;
  return async (ask) => {
    const answer = await (hasAnswered ? ask() : wait(ask));
    hasAnswered = true;
    return answer;
  };
}

function isHere(host: string): boolean {
  return isLoopback(host.replace(/^\[|\]$/g, ''));
}

/** Nothing was sent then, so asking again repeats nothing. */
function isRefused(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  return ('code' in error && error.code === 'ECONNREFUSED') || isRefused(error.cause);
}
