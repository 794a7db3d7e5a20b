import type { Amount } from '../base/amount.ts';
import type { ChainTime } from '../base/lock-time.ts';
import type { Refusal } from '../base/refusal.ts';
import type { Deposit } from '../contract/contract.ts';
import type { Cost } from '../contract/fee.ts';
import type { Invoice, Reply, Request } from '../message/message.ts';
import type { Signer, Verify } from '../tx/sign.ts';
import type { Outpoint, Transaction } from '../tx/transaction.ts';

/** Everything that a state machine may know of its surroundings, as values: it never asks, waits or uses randomness. */
export interface Env extends ChainTime {
  /** Fee rate per 1,000 bytes that gets a transaction confirmed. */
  readonly feeRate: Amount;
  readonly verify: Verify;
  /** This side's key of the channel. */
  readonly signer: Signer;
  /** The key of a P2PKH output that this side can spend. */
  readonly keyOf: KeyOf;
  /** How much more value, over all channels, may be delivered that the chain could undo. None unless given. */
  readonly room?: Amount;
  /** The same for value on deposits less than so many blocks deep, for each such depth. No limit unless given. */
  readonly young?: readonly YoungRoom[];
}

/** How much more value, over all channels, may rest on deposits less than so many blocks deep. */
export interface YoungRoom {
  readonly below: number;
  readonly room: Amount;
}

/** The key that an output script pays to, where it is available. */
export type KeyOf = (script: Uint8Array) => Signer | undefined;

/**
 * What the chain says of one deposit. Depth 0 is the mempool.
 * `replaced`: the output never existed or is gone, because `transaction` spends an input of its funding; a `source` names that input.
 * `depositDepth`: depth of the deposit itself while its spend is in the mempool, where the node knows it.
 * `cost`: what that spend and its descendants pay, according to the node.
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
      /** In the channel's unit: of an asset, what the payee's indexer says is at the script. */
      readonly value: Amount;
      readonly script: Uint8Array;
      readonly depth: number;
      /** As in `Deposit`. */
      readonly coins?: Amount;
      /** Depth of the oldest coin at the script, where any coin there can move what the channel holds. */
      readonly oldest?: number;
      readonly isImmature: boolean;
      /** Inputs of its transaction, where the node knows them. */
      readonly spends?: readonly Outpoint[];
      /** For one in the mempool, where the node says it. */
      readonly waits?: FundingWait;
    };

/** What an unconfirmed funding pays, how many unconfirmed ancestors it has, and whether it signals that it may be replaced (BIP125). */
export interface FundingWait extends Cost {
  readonly ancestors: number;
  readonly isReplaceable: boolean;
}

/** The inputs of the transaction that made a deposit: whoever spends one of them in another transaction takes the deposit away. */
export interface Source {
  readonly deposit: Outpoint;
  readonly spends: readonly Outpoint[];
}

/** The complete state of the chain for one channel, each time: only the present state matters, not the events before it. */
export interface ChainView {
  readonly kind: 'view';
  /** By outpoint key; a deposit that is not in this map is missing. */
  readonly deposits: ReadonlyMap<string, DepositView>;
  /** Outputs to the channel's script that it does not know, each with its whole transaction. */
  readonly found: readonly { readonly deposit: Deposit; readonly transaction: Uint8Array }[];
}

/** An invoice as the payee keeps it, with the receipt that paid it. */
export interface KeptInvoice {
  readonly invoice: Invoice;
  readonly paidTotal?: Amount;
}

/** What to do once the new state is stored. After a crash, effects can be derived again from the state. */
export type Effect =
  | { readonly kind: 'reply'; readonly message: Reply }
  | { readonly kind: 'send'; readonly message: Request }
  | { readonly kind: 'broadcast'; readonly transaction: Transaction };

/** A new state and its effects. An undefined state means there is nothing to store. */
export interface Step<State> {
  readonly kind: 'step';
  readonly state: State;
  readonly effects: readonly Effect[];
  /** Stored in the same commit as the state. */
  readonly invoice?: KeptInvoice;
  /** How much a payment adds to everything that the payee was paid before. Absent: it was stored already. */
  readonly added?: Amount;
}

/** The protocol: a state and an input give a step, or a refusal that changes nothing. */
export type Transition<State, Input> = (state: State | undefined, input: Input, env: Env) => Step<State | undefined> | Refusal;

export function stay<State>(state: State, ...effects: readonly Effect[]): Step<State> {
  return { kind: 'step', state, effects };
}
