import type { Amount } from '../base/amount.ts';
import type { ChainTime } from '../base/lock-time.ts';
import type { Refusal } from '../base/refusal.ts';
import type { Deposit } from '../contract/contract.ts';
import type { Cost } from '../contract/fee.ts';
import type { Invoice, Reply, Request } from '../message/message.ts';
import type { Signer, Verify } from '../tx/sign.ts';
import type { Outpoint, Transaction } from '../tx/transaction.ts';

/** All that a machine may know of the world, as values: it never asks, waits or draws lots. */
export interface Env extends ChainTime {
  /** Units per 1,000 bytes for what has to be confirmed. */
  readonly feeRate: Amount;
  readonly verify: Verify;
  /** This side's key of the channel. */
  readonly signer: Signer;
  /** The key of a P2PKH output that this side can spend. */
  readonly keyOf: KeyOf;
  /** How much more may be delivered, over all channels, that the chain could undo. Nothing unless given. */
  readonly room?: Amount;
  /** The same for what rests on deposits that are less than so many blocks deep, for each such depth. Not bounded unless given. */
  readonly young?: readonly YoungRoom[];
}

/** How much more may be delivered, over all channels, that rests on deposits less than so many blocks deep. */
export interface YoungRoom {
  readonly below: number;
  readonly room: Amount;
}

/** The key that an output script pays to, where it is at hand. */
export type KeyOf = (script: Uint8Array) => Signer | undefined;

/**
 * What the chain says of one deposit. Depth 0 is the mempool. `replaced`: the output never came to be, or is no more, because `transaction`
 * spends what was to fund it; a `source` says what that is. `depositDepth`: that of the deposit itself, while its spend is in the mempool and where
 * the node can say. `cost`: what the node says that such a spend pays, and all that builds on it.
 */
export type DepositView =
  | { readonly kind: 'missing' }
  | { readonly kind: 'unspent'; readonly depth: number }
  | {
      readonly kind: 'spent';
      readonly transaction: Transaction;
      readonly depth: number;
      readonly depositDepth?: number;
      readonly cost?: Cost;
    }
  | { readonly kind: 'replaced'; readonly transaction: Transaction; readonly depth: number };

/** What the payee's own node says of an announced deposit. */
export type FundingView =
  | { readonly kind: 'missing' }
  | { readonly kind: 'spent' }
  | { readonly kind: 'no-such-output' }
  | {
      readonly kind: 'unspent';
      readonly value: Amount;
      readonly script: Uint8Array;
      readonly depth: number;
      readonly isImmature: boolean;
      /** What its transaction spends, where the node knows. */
      readonly spends?: readonly Outpoint[];
      /** Of one in the mempool, where the node tells. */
      readonly waits?: FundingWait;
    };

/** What a funding that waits pays, on how many others in the mempool it builds, and whether it says that it may be replaced (BIP125). */
export interface FundingWait extends Cost {
  readonly ancestors: number;
  readonly isReplaceable: boolean;
}

/** What the transaction that made a deposit spends: who spends that otherwise takes the deposit away. */
export interface Source {
  readonly deposit: Outpoint;
  readonly spends: readonly Outpoint[];
}

/** The chain as it concerns one channel, whole each time: what matters is what is so, not what happened. */
export interface ChainView {
  readonly kind: 'view';
  /** By outpoint key; a deposit that is not in here is missing. */
  readonly deposits: ReadonlyMap<string, DepositView>;
  /** Outputs to the channel's script that it does not know of, each with its whole transaction. */
  readonly found: readonly { readonly deposit: Deposit; readonly transaction: Uint8Array }[];
}

/** An invoice as the payee keeps it, with the receipt that paid it. */
export interface KeptInvoice {
  readonly invoice: Invoice;
  readonly paidTotal?: Amount;
}

/** What is to be done once the new state is stored. Each can be derived again from the state after a crash. */
export type Effect =
  | { readonly kind: 'reply'; readonly message: Reply }
  | { readonly kind: 'send'; readonly message: Request }
  | { readonly kind: 'broadcast'; readonly transaction: Transaction };

/** A new state and what follows from it. An undefined state is one that is not worth storing. */
export interface Step<State> {
  readonly kind: 'step';
  readonly state: State;
  readonly effects: readonly Effect[];
  /** Stored together with the state or not at all. */
  readonly invoice?: KeptInvoice;
  /** What a payment adds to all that the payee was paid before. Nothing unless given: it was stored already. */
  readonly added?: Amount;
}

/** The protocol: a state and an input give a step, or a refusal that changes nothing. */
export type Transition<State, Input> = (state: State | undefined, input: Input, env: Env) => Step<State | undefined> | Refusal;

export function stay<State>(state: State, ...effects: readonly Effect[]): Step<State> {
  return { kind: 'step', state, effects };
}
