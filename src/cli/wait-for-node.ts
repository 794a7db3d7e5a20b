import { setTimeout } from 'node:timers/promises';
import { type Clock, WorldError } from '../engine/ports.ts';
import { isLoopback } from '../net/host-check.ts';
import type { Config } from './config.ts';

/** Asks what may not be there yet: again and again, for as long as that is worth it. @throws what the last asking threw. */
export type NodeWait = <T>(ask: () => Promise<T>) => Promise<T>;

export interface WaitOptions {
  /** Milliseconds after which it is given up. */
  readonly most: number;
  /** Told what is waited for: when that changes, and once a minute. */
  readonly note: (text: string) => void;
  readonly clock?: Clock;
  /** Waits so many milliseconds; a timer unless given. */
  readonly pause?: (milliseconds: number) => Promise<unknown>;
}

/** Milliseconds between two askings, and between two words about the same. */
const INTERVAL = 500;
const REMIND = 60_000;
/** Milliseconds that a program which is started beside this one may need, on a machine that is slow or busy. */
const LITTLE = 30_000;

/** A node that is away, still loads or has to catch up may be there later; one that refuses, or is of another chain, will not. */
const PASSING: ReadonlySet<string> = new Set(['node-down', 'node-behind']);
/** Where nobody named a node, whatever has the port may be another program, and the test chain about to be at another. */
const PASSING_UNNAMED: ReadonlySet<string> = new Set([...PASSING, 'node-refused', 'node-wrong-chain']);

/** What may pass by itself, as a person is told of it; undefined for anything else. */
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

/** How far a node has come is no news. */
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

/** For what runs for years: it outlasts every start of the node. */
export function forEver(note: WaitOptions['note']): NodeWait {
  return nodeWait({ most: Number.POSITIVE_INFINITY, note });
}

/** For a command: a node on this machine may just have been started, one elsewhere is there or not. */
export function aLittle(
  { rpc, isUnnamed = false }: Pick<Config, 'rpc' | 'isUnnamed'>,
  note: WaitOptions['note'],
  time: Pick<WaitOptions, 'clock' | 'pause'> = {},
): NodeWait {
  if (rpc === undefined || !isHere(new URL(rpc.url).hostname)) return atOnce;
  return nodeWait({ ...time, most: LITTLE, note }, isUnnamed ? PASSING_UNNAMED : PASSING);
}

/**
 * For a command that speaks to a merchant: one on this machine may just have been started. What has answered once is waited for no more: it has ended.
 * @param where as the owner named it
 */
export function aLittleForPeer(host: string, where: string, options: Omit<WaitOptions, 'most'>): NodeWait {
  if (!isHere(host)) return atOnce;
  const hint = 'Start the merchant, or give the address that it says it sells at.';
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

/** Nothing was sent then, so that asking again repeats nothing. */
function isRefused(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  return ('code' in error && error.code === 'ECONNREFUSED') || isRefused(error.cause);
}
