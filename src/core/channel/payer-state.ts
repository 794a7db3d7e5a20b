import { type Amount, subtract, ZERO } from '../base/amount.ts';
import type { ChannelId, TxId } from '../base/bytes.ts';
import { type Refusal, refuse } from '../base/refusal.ts';
import { capacityOf, type Deposit, type Payment, type Terms } from '../contract/contract.ts';
import type { End, Offer } from '../message/message.ts';
import { decodeTransaction, type Outpoint, outpointKey, type Transaction, transactionId } from '../tx/transaction.ts';
import type { Source } from './state-machine.ts';

/** A payment that is signed and stored, and may or may not have arrived. */
export interface PendingPayment {
  readonly payment: Payment;
  /** What it buys; 0 for credit. */
  readonly price: Amount;
  readonly invoice?: string;
  /** The item of that invoice: whoever asks for it again, having had no answer, has this one. */
  readonly item?: string;
  /** What was to be paid ahead: the total may have had to be more. */
  readonly ahead?: Amount;
  /** What goes along with it, unsigned, where the payee's protocol carries that: it is for nothing else, and is sent again with it. */
  readonly info?: Uint8Array;
}

/** What is true of a channel in every state. */
export interface PayerChannel {
  readonly channel: ChannelId;
  readonly terms: Terms;
  /** Lost with everything else where the seed alone brought the channel back: then it can't be announced again, or topped up. */
  readonly offer?: Offer;
  /** Path of the channel key. */
  readonly keyName: string;
  /** Where refunds and agreed ends pay to. */
  readonly returnScript: Uint8Array;
  /** Accepted by the payee, in its order. */
  readonly deposits: readonly Deposit[];
  /** Made or found, not accepted yet. */
  readonly offered: readonly Deposit[];
  /** Those of them that somebody else made and that are not deep yet: nothing waits for them. */
  readonly found?: readonly Outpoint[];
  /** Every funding transaction, whole: a PSBT shows them. */
  readonly funding: readonly Uint8Array[];
  /** Those of them that the payee has not agreed to yet: they stay here. While the channel is planned, all do. */
  readonly unsent?: readonly TxId[];
  /** The largest total that was ever signed: the most that the payee can take. */
  readonly signed: Amount;
  /** How much of the best total has bought something. */
  readonly spent: Amount;
  /** The best payment that the payee has acknowledged. */
  readonly best?: Payment;
}

export type PayerEnd = 'closed' | 'refunded' | 'lost' | 'abandoned';

/**
 * `planned`: keys and address stand, no coin has left. `funding`: coins are on their way or announced. `open`: accepted.
 * `ending`: an end is proposed; with its transaction once both have signed. `refunding`: the expiry is past. `ended`: over for good.
 */
export type PayerState =
  | (PayerChannel & { readonly kind: 'planned' })
  | (PayerChannel & { readonly kind: 'funding' })
  | (PayerChannel & { readonly kind: 'open'; readonly pending?: PendingPayment })
  | (PayerChannel & { readonly kind: 'ending'; readonly end: End; readonly transaction?: Transaction })
  | (PayerChannel & { readonly kind: 'refunding'; readonly transaction: Transaction })
  | (PayerChannel & {
      readonly kind: 'ended';
      readonly how: PayerEnd;
      readonly returned: Amount;
      readonly transactions: readonly Transaction[];
    });

export type EndedPayer = Extract<PayerState, { kind: 'ended' }>;
export type OpenPayer = Extract<PayerState, { kind: 'open' }>;

/** The channel without what only its present state says. */
export function channelOf(state: PayerState): PayerChannel {
  const { channel, terms, offer, keyName, returnScript, deposits, offered, found, funding, signed, spent, best } = state;
  const unsent = state.kind === 'planned' ? [...unsentOf(state)] : state.unsent;
  const common = { channel, terms, keyName, returnScript, deposits, offered, funding, signed, spent };
  return { ...common, ...(offer && { offer }), ...(found && { found }), ...(unsent && { unsent }), ...(best && { best }) };
}

/** The funding transactions that are signed and not to be broadcast: the payee has not agreed to what they make. */
export function unsentOf({ kind, funding, unsent = [] }: PayerState): ReadonlySet<TxId> {
  return new Set(kind === 'planned' ? funding.flatMap((bytes) => fundingId(bytes) ?? []) : unsent);
}

export function fundingId(bytes: Uint8Array): TxId | undefined {
  const transaction = decodeTransaction(bytes);
  return transaction && transactionId(transaction);
}

/** What is unsent still, when the payee counts these deposits. */
export function unsentWithout(state: PayerState, deposits: readonly Deposit[]): Pick<PayerState, 'unsent'> {
  const counted = new Set(deposits.map(({ outpoint }) => outpoint.txid));
  const unsent = [...unsentOf(state)].filter((txid) => !counted.has(txid));
  return unsent.length === 0 && state.unsent === undefined ? {} : { unsent };
}

/** Every coin that the channel may still have to get back. */
export function allDeposits(state: PayerState): readonly Deposit[] {
  return [...state.deposits, ...state.offered];
}

/** What stands as a deposit: the payer's own, and what others made once it is deep. */
export function standing({ deposits, offered, found = [] }: PayerState): readonly Deposit[] {
  const young = new Set(found.map(outpointKey));
  return [...deposits, ...offered.filter(({ outpoint }) => !young.has(outpointKey(outpoint)))];
}

/** Deposits that an ended channel was given up without: whoever still has their funding transaction can have it mined at any time. */
export function stillToCome(state: EndedPayer): readonly Deposit[] {
  const spent = new Set(state.transactions.flatMap(({ inputs }) => inputs.map(({ outpoint }) => outpointKey(outpoint))));
  return allDeposits(state).filter(({ outpoint }) => !spent.has(outpointKey(outpoint)));
}

/** What the funding transactions spend, for each deposit that one of them makes. */
export function sourcesOf(state: PayerState): readonly Source[] {
  const made = new Map(
    state.funding.map((bytes) => decodeTransaction(bytes)).flatMap((tx) => (tx ? [[transactionId(tx), tx] as const] : [])),
  );
  return allDeposits(state).flatMap(({ outpoint }) => {
    const transaction = made.get(outpoint.txid);
    return transaction === undefined ? [] : [{ deposit: outpoint, spends: transaction.inputs.map((input) => input.outpoint) }];
  });
}

/** What can still be paid. */
export function remainingOf(state: PayerState): Amount {
  return subtract(capacityOf(state.deposits), state.best?.total ?? ZERO);
}

/** Why a channel in another state than `open` takes no payment. */
export function notOpen(state: PayerState): Refusal {
  switch (state.kind) {
    case 'planned':
    case 'funding':
    case 'open':
      return refuse('channel-not-open');
    case 'ending':
    case 'refunding':
      return refuse('channel-ending');
    case 'ended':
      return refuse('channel-ended');
  }
}
