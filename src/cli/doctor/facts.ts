import type { NodeReport } from '../../chain/node-report.ts';
import type { Coin } from '../../core/coin/coin.ts';
import type { Role } from '../setup.ts';

/** What went wrong during a look-up, in the words of a `WorldError`. */
export interface Trouble {
  readonly message: string;
  readonly hint: string;
}

export interface NodeFacts {
  /** Undefined where no node is given. */
  readonly url?: string;
  /** The node runs on this computer, so both use the same clock. */
  readonly isHere: boolean;
  readonly said?: NodeReport;
  readonly trouble?: Trouble;
}

export interface FolderFacts {
  readonly kind: 'folder' | 'missing' | 'other';
  /** Permissions, where the system has such bits. */
  readonly mode?: number;
  readonly isOwn: boolean;
  /** Free bytes and files; undefined where the disk does not say. */
  readonly freeBytes?: number;
  readonly freeFiles?: number;
  /** Why a small file could not be written there. */
  readonly trouble?: Trouble;
}

/** What is stored for one role. */
export interface RoleFacts {
  readonly role: Role;
  /** Whether a program holds the folder in that role, or why that is unknown. */
  readonly running: boolean | Trouble;
  /** Permissions of the seed file; undefined where there is none. */
  readonly seedMode?: number;
  readonly store: 'none' | 'lost' | 'foreign' | { readonly format: number } | Trouble;
  readonly backupsIn: string;
  /** Unix time in milliseconds of the newest. */
  readonly newestBackup?: number;
}

/** Which program uses an address where the merchant should serve. */
export interface PlaceFacts {
  /** The flag, and the address that it gives. */
  readonly flag: string;
  readonly place: string;
  readonly holder: 'nobody' | 'merchant' | 'other' | Trouble;
}

export interface WatchFacts {
  readonly folder: string;
  readonly isThere: boolean;
  /** Unix time in milliseconds of the merchant's last heartbeat. */
  readonly heartbeat?: number;
  readonly trouble?: Trouble;
}

/** Everything that the doctor looks at. */
export interface Facts {
  /** Unix time in milliseconds, by this computer's clock. */
  readonly now: number;
  readonly coin: Coin;
  readonly datadir: string;
  readonly node: NodeFacts;
  readonly folder: FolderFacts;
  readonly roles: readonly RoleFacts[];
  readonly places: readonly PlaceFacts[];
  /** For the folder of the watchers, where one is given. */
  readonly watch?: WatchFacts;
  /** For a watcher's figures, where their file is given: the Unix time in milliseconds when they were written; undefined when they were not. */
  readonly figures?: { readonly file: string; readonly writtenAt?: number };
}

/** The result of one check. */
export interface Finding {
  /** Never changes, for programs. */
  readonly check: string;
  readonly state: 'ok' | 'warning' | 'problem';
  readonly message: string;
  /** What a person should do. */
  readonly advice?: string;
}

/** Looks at the facts only; empty where there is nothing to report. */
export type Check = (facts: Facts) => readonly Finding[];

export function ok(check: string, message: string): readonly Finding[] {
  return [{ check, state: 'ok', message }];
}

export function warning(check: string, message: string, advice: string): readonly Finding[] {
  return [{ check, state: 'warning', message, advice }];
}

export function problem(check: string, message: string, advice: string): readonly Finding[] {
  return [{ check, state: 'problem', message, advice }];
}

/** A time span in words, in its two largest units at most. */
export function ago(milliseconds: number): string {
  const minutes = Math.floor(Math.max(0, milliseconds) / 60_000);
  if (minutes < 2) return `${Math.floor(Math.max(0, milliseconds) / 1_000)} seconds`;
  if (minutes < 120) return `${minutes} minutes`;
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${hours} hours` : `${Math.floor(hours / 24)} days`;
}
