import { type Amount, subtract } from '../base/amount.ts';
import type { ChannelId, TxId } from '../base/bytes.ts';
import { type Refusal, refuse } from '../base/refusal.ts';
import {
  capacityOf,
  type Deposit,
  type HeldOutput,
  type LockedOutput,
  type Payment,
  type RevocationHash,
  type Terms,
} from '../contract/contract.ts';
import { type HashLock, worthOf } from '../contract/pending.ts';
import type { RevocationSecrets } from '../contract/revocation-secrets.ts';
import type { End, Offer } from '../message/message.ts';
import { decodeTransaction, type Outpoint, outpointKey, type Transaction, transactionId } from '../tx/transaction.ts';
import type { Source } from './state-machine.ts';

/** A payment that is signed and stored, and may or may not have arrived. */
export interface PendingPayment {
  readonly payment: Payment;
  /** The price of what it buys; 0 for credit. */
  readonly price: Amount;
  readonly invoice?: string;
  /** The item of that invoice: a new request for this item, after no answer came, means this payment. */
  readonly item?: string;
  /** The amount to pay ahead, as asked for; the total may have had to rise by more. */
  readonly ahead?: Amount;
  /** Data sent with it, unsigned, where the payee's protocol allows that: it belongs to this payment only, and is sent again with it. */
  readonly info?: Uint8Array;
}

/** An amount that this payer has signed for as pending, and that the payee may still get. */
export interface SentLock {
  readonly lock: HashLock;
  /** The most that any payment with it is worth to the payee: once the total has reached that, a close with it pays no more. */
  readonly ceiling: Amount;
  /** The payee has refused it, or given it up. */
  readonly isFailed?: true;
  /** As the payee, or its claim on the chain, has shown it. */
  readonly preimage?: Uint8Array;
}

/** What every state of a channel has. */
export interface PayerChannel {
  readonly channel: ChannelId;
  readonly terms: Terms;
  /** Missing where only the seed brought the channel back: then it can't be announced again, or topped up. */
  readonly offer?: Offer;
  /** Path of the channel key. */
  readonly keyName: string;
  /** Output script of refunds and agreed ends. */
  readonly returnScript: Uint8Array;
  /** Accepted by the payee, in its order. */
  readonly deposits: readonly Deposit[];
  /** Made or found, not accepted yet. */
  readonly offered: readonly Deposit[];
  /** Those of them that somebody else made and that are not deep yet: nothing waits for them. */
  readonly found?: readonly Outpoint[];
  /** Every funding transaction, complete, because a PSBT includes them. */
  readonly funding: readonly Uint8Array[];
  /** Those of them that the payee has not agreed to yet: they are not broadcast. While the channel is planned, this is true of all. */
  readonly unsent?: readonly TxId[];
  /** The largest total ever signed: the most that the payee can take. */
  readonly signed: Amount;
  /** How much of the best total has bought something. */
  readonly spent: Amount;
  /** The best payment that the payee has acknowledged. */
  readonly best?: Payment;
  /** Where payments can be taken back, once the payee has named the first hash. */
  readonly revocation?: PayerRevocation;
  /** Where payments can be taken back, the largest total of an end that this payer has signed: whatever the payee answered, it can complete that. */
  readonly endSigned?: Amount;
  /** What closes of payments that were taken back hold, as of the last view. */
  readonly held?: readonly HeldOutput[];
  /** What closes of payments that stand hold for the payee, as of the last view, where its payout shows a secret that opens the other deposits. */
  readonly unrevoked?: readonly HeldOutput[];
  /** What is pending, and what was and may still be closed with. */
  readonly locks?: readonly SentLock[];
  /** Outputs of closes that are pending, as of the last view. */
  readonly locked?: readonly LockedOutput[];
}

/** What the payer knows of the payee's secrets. It does not grow with the number of payments, nor with that of secrets. */
export interface PayerRevocation {
  /** The hash that payments are made under. */
  readonly hash: RevocationHash;
  /** How many hashes came before it: the number of its secret. */
  readonly index: number;
  /** All secrets before. */
  readonly secrets: RevocationSecrets;
  /** The hash that comes next, once a payment was signed under it: then there is no other, or what was signed could never be taken back. */
  readonly next?: { readonly hash: RevocationHash; readonly signed: Amount };
}

export type PayerEnd = 'closed' | 'refunded' | 'lost' | 'abandoned' | 'punished';

/**
 * `planned`: keys and address exist, no coin has been sent. `funding`: coins are sent or announced. `open`: accepted. `ending`: an agreed end is
 * proposed; `transaction` is there once both have signed. `refunding`: the expiry has passed. `ended`: final.
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

/** The channel without the fields of its present state only. */
export function channelOf(state: PayerState): PayerChannel {
  const {
    channel,
    terms,
    offer,
    keyName,
    returnScript,
    deposits,
    offered,
    found,
    funding,
    signed,
    spent,
    best,
    revocation,
    endSigned,
    held,
    unrevoked,
    locks,
    locked,
  } = state;
  const unsent = state.kind === 'planned' ? [...unsentOf(state)] : state.unsent;
  const common = { channel, terms, keyName, returnScript, deposits, offered, funding, signed, spent };
  const known = { ...(offer && { offer }), ...(found && { found }), ...(unsent && { unsent }), ...(best && { best }) };
  return {
    ...common,
    ...known,
    ...(revocation && { revocation }),
    ...(endSigned && { endSigned }),
    ...(held && { held }),
    ...(unrevoked && { unrevoked }),
    ...(locks && { locks }),
    ...(locked && { locked }),
  };
}

/** Signed funding transactions that must not be broadcast yet: the payee has not agreed to their deposits. */
export function unsentOf({ kind, funding, unsent = [] }: PayerState): ReadonlySet<TxId> {
  return new Set(kind === 'planned' ? funding.flatMap((bytes) => fundingId(bytes) ?? []) : unsent);
}

export function fundingId(bytes: Uint8Array): TxId | undefined {
  const transaction = decodeTransaction(bytes);
  return transaction && transactionId(transaction);
}

/** What is still unsent once the payee counts these deposits. */
export function unsentWithout(state: PayerState, deposits: readonly Deposit[]): Pick<PayerState, 'unsent'> {
  const counted = new Set(deposits.map(({ outpoint }) => outpoint.txid));
  const unsent = [...unsentOf(state)].filter((txid) => !counted.has(txid));
  return unsent.length === 0 && state.unsent === undefined ? {} : { unsent };
}

/** Every coin that the channel may still have to get back. */
export function allDeposits(state: PayerState): readonly Deposit[] {
  return [...state.deposits, ...state.offered];
}

/** Deposits that count: the payer's own, and those of strangers once they are deep. */
export function standing({ deposits, offered, found = [] }: PayerState): readonly Deposit[] {
  const young = new Set(found.map(outpointKey));
  return [...deposits, ...offered.filter(({ outpoint }) => !young.has(outpointKey(outpoint)))];
}

/** Deposits that had not come when the channel ended: anyone who has their funding transaction can still get it mined. */
export function stillToCome(state: EndedPayer): readonly Deposit[] {
  const spent = new Set(state.transactions.flatMap(({ inputs }) => inputs.map(({ outpoint }) => outpointKey(outpoint))));
  return allDeposits(state).filter(({ outpoint }) => !spent.has(outpointKey(outpoint)));
}

/** The inputs of the funding transaction of each deposit. */
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
  return subtract(capacityOf(state.deposits), worthOf(state.best));
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
