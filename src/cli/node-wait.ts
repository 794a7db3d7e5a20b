import { setTimeout } from 'node:timers/promises';
import { type Clock, WorldError } from '../engine/ports.ts';
import { isLoopback } from '../net/callers.ts';
import type { Config } from './config.ts';

/** Asks a node that may not be there yet: again and again, for as long as that is worth it. @throws what the last asking threw. */
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
/** Milliseconds that a program which is started beside this one may need. */
const LITTLE = 10_000;

/** A node that is away, still loads or has to catch up may be there later; one that refuses, or is of another chain, will not. */
const PASSING: ReadonlySet<string> = new Set(['node-down', 'node-behind']);

export function nodeWait({ most, note, clock = { now: Date.now }, pause = setTimeout }: WaitOptions): NodeWait {
  return async (ask) => {
    const since = clock.now();
    const tell = teller(note, clock);
    for (;;) {
      try {
        return await ask();
      } catch (error) {
        if (!(error instanceof WorldError && PASSING.has(error.code)) || clock.now() - since >= most) throw error;
        tell(error);
      }
      await pause(INTERVAL);
    }
  };
}

/** How far a node has come is no news. */
function teller(note: WaitOptions['note'], clock: Clock): (error: WorldError) => void {
  let told: { readonly what: string; readonly at: number } | undefined;
  return ({ message, hint }) => {
    const what = message.replaceAll(/\d+/g, '');
    if (told?.what === what && clock.now() - told.at < REMIND) return;
    told = { what, at: clock.now() };
    note(`Waiting for the node: ${message.replace(/\.$/, '')}. ${hint}`);
  };
}

export const atOnce: NodeWait = (ask) => ask();

/** For what runs for years: it outlasts every start of the node. */
export function forEver(note: WaitOptions['note']): NodeWait {
  return nodeWait({ most: Number.POSITIVE_INFINITY, note });
}

/** For a command: a node on this machine may just have been started, one elsewhere is there or not. */
export function aLittle({ rpc }: Pick<Config, 'rpc'>, note: WaitOptions['note']): NodeWait {
  const isHere = rpc !== undefined && isLoopback(new URL(rpc.url).hostname.replace(/^\[|\]$/g, ''));
  return isHere ? nodeWait({ most: LITTLE, note }) : atOnce;
}
