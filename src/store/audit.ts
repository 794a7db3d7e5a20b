import { type Amount, add, formatAmount, ZERO } from '../core/base/amount.ts';
import { isRefusal } from '../core/base/refusal.ts';
import type { PayeeState } from '../core/channel/payee-state.ts';
import type { PayerState } from '../core/channel/payer-state.ts';
import { invoiceSnapshot, payeeSnapshot, payerSnapshot, SnapshotError } from '../core/channel/snapshot.ts';
import type { Deposit, Payment, Terms } from '../core/contract/contract.ts';
import type { Verify } from '../core/tx/sign.ts';
import type { Store, StoredRecord } from '../engine/ports.ts';

/** How much a store knows of one channel. In a store that has lost nothing, these numbers never fall. */
export interface ChannelMark {
  /** How often its record was written. */
  readonly version: number;
  /** How many secrets were shown that take payments back: then the total may have fallen. */
  readonly revoked: number;
  /** Payee: the best total. Payer: the largest that was ever signed. */
  readonly total: Amount;
  readonly ticker: string;
  readonly isEnded: boolean;
}

/** Everything that a store holds, read and checked. */
export interface Audit {
  /** By record kind and channel id. */
  readonly channels: ReadonlyMap<string, ChannelMark>;
  readonly total: Amount;
  readonly records: number;
  /** What can't be read, and payments with wrong signatures. */
  readonly faults: readonly string[];
}

/** Kinds of records, as the engine and the merchant write them. */
const KINDS = ['payee-channel', 'payer-channel', 'invoice', 'opposite/payee-channel', 'opposite/payer-channel'] as const;

/** Reads every channel and invoice of a store, and checks the payer's signatures on every payment. */
export async function audit(store: Pick<Store, 'list'>, verify: Verify): Promise<Audit> {
  const channels = new Map<string, ChannelMark>();
  const faults: string[] = [];
  let records = 0;
  for (const kind of KINDS) {
    for await (const record of store.list(kind)) {
      records++;
      const name = `${kind} ${record.id}`;
      try {
        const mark = markOf(kind, record, verify, (fault) => faults.push(`${name}: ${fault}`));
        if (mark !== undefined) channels.set(name, mark);
      } catch (error) {
        if (!(error instanceof SnapshotError)) throw error;
        faults.push(`${name}: ${error.message}`);
      }
    }
  }
  const total = [...channels.values()].reduce((sum, mark) => add(sum, mark.total), ZERO);
  return { channels, total, records, faults };
}

function markOf(
  kind: (typeof KINDS)[number],
  { version, value }: StoredRecord,
  verify: Verify,
  onFault: (fault: string) => void,
): ChannelMark | undefined {
  if (kind === 'invoice') {
    invoiceSnapshot.decode(value);
    return undefined;
  }
  const state = kind.endsWith('payee-channel') ? payeeSnapshot.decode(value) : payerSnapshot.decode(value);
  const { ticker } = state.terms.coin;
  for (const payment of paymentsOf(state)) {
    if (!isSigned(state.terms, state.deposits, payment, verify))
      onFault(`the payment of ${formatAmount(payment.total)} ${ticker} is not signed by the payer`);
  }
  const total = 'signed' in state ? state.signed : (state.best?.total ?? ZERO);
  const revoked = 'signed' in state ? (state.revocation?.index ?? 0) : (state.revoked ?? 0);
  return { version, revoked, total, ticker, isEnded: state.kind === 'ended' };
}

function paymentsOf(state: PayeeState | PayerState): readonly Payment[] {
  const pending = 'pending' in state && state.pending !== undefined ? [state.pending.payment] : [];
  return state.best === undefined ? pending : [state.best, ...pending];
}

/** What gives all back needs no signature. */
function isSigned(terms: Terms, deposits: readonly Deposit[], { total, signatures, hash, locks }: Payment, verify: Verify): boolean {
  if (total === ZERO && hash !== undefined) return true;
  return !isRefusal(
    terms.contract.verify(terms, deposits, { total, signatures, ...(hash && { hash }), ...(locks && { locks }) }, undefined, verify),
  );
}

/** What `known` knows and `other` does not, line by line; empty when `other` knows at least as much of every channel. */
export function lostIn(known: Audit, other: Audit): readonly string[] {
  return [...known.channels].flatMap(([name, mark]) => {
    const found = other.channels.get(name);
    if (found === undefined) return [`${name} is missing (total ${formatAmount(mark.total)} ${mark.ticker})`];
    if (found.revoked < mark.revoked) return [`${name} has given back ${found.revoked} times and had ${mark.revoked} times`];
    if (found.revoked === mark.revoked && found.total < mark.total)
      return [`${name} has a total of ${formatAmount(found.total)} ${mark.ticker}, but had ${formatAmount(mark.total)} ${mark.ticker}`];
    if (mark.isEnded && !found.isEnded) return [`${name} had ended`];
    return found.version < mark.version ? [`${name} has version ${found.version}, but had ${mark.version}`] : [];
  });
}
