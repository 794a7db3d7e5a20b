import { type Amount, add, formatAmount, subtract, ZERO } from '../../core/base/amount.ts';
import { after, type LockTime } from '../../core/base/height.ts';
import { type ChainTime, certain } from '../../core/base/lock-time.ts';
import { allDeposits, type PayerState } from '../../core/channel/payer-state.ts';
import { payerSnapshot } from '../../core/channel/snapshot.ts';
import { capacityOf } from '../../core/contract/contract.ts';
import { verifyPortable } from '../../core/tx/sign.ts';
import { decodeStored } from '../../engine/decode-state.ts';
import { type Store, WorldError } from '../../engine/ports.ts';
import { lastRead } from '../../engine/sync-cursor.ts';
import type { Config } from '../config.ts';
import type { Status } from '../merchant/status.ts';
import { clock, openNode } from '../setup.ts';
import { describeExpiry, timeLeft } from '../terminal/time-left.ts';

type Holding = Exclude<PayerState, { kind: 'ended' | 'planned' }>;

/** Milliseconds in which a node must say where the chain is. */
const PATIENCE = 3_000;

/** What the payer's store says, because a payer is not always running; and, if a node answers, which refunds are due. */
export async function payerStatus(config: Config, store: Store): Promise<Status> {
  const { coin } = config;
  const counts: Record<PayerState['kind'], number> = { planned: 0, funding: 0, open: 0, ending: 0, refunding: 0, ended: 0 };
  const holding: Holding[] = [];
  for await (const { value } of store.list('payer-channel')) {
    const state = decodeStored(payerSnapshot, value);
    counts[state.kind]++;
    if (state.kind !== 'ended' && state.kind !== 'planned') holding.push(state);
  }
  const tip = (await lastRead(store))?.height;
  const shown = holding.length === 0 ? undefined : await shownBy(config);
  // Block times are not stored: without a node no expiry by time counts as reached.
  const at = shown ?? (tip === undefined ? undefined : { tip, medianTime: 0, now: clock.now() });
  const returns = holding.map((state) => ({ channel: state.channel, expiry: state.terms.expiry, returns: returnsOf(state) }));
  const sorted = returns.toSorted((a, b) => a.expiry - b.expiry);
  const signed = add(ZERO, ...holding.map((state) => state.signed));
  const overdue = holding.filter(
    ({ kind, terms }) => at !== undefined && kind !== 'refunding' && certain(terms.expiry, at) >= openAtLast(terms),
  );
  const money = (value: Amount): string => `${formatAmount(value)} ${coin.ticker}`;
  return {
    facts: { coin: coin.id, ...(tip === undefined ? {} : { tip }), channels: counts, signed, returns: sorted },
    lines: [
      Object.entries(counts)
        .map(([kind, count]) => `${count} ${kind}`)
        .join(', '),
      `signed for payees, at most: ${money(signed)}`,
      ...(tip === undefined ? [] : [`last block read: ${tip}`]),
      ...(holding.length > 0 && shown === undefined ? ['No node answers: it is unknown what has expired since then.'] : []),
      ...sorted.map(
        ({ channel, expiry, returns: value }) =>
          `${money(value)} of ${channel.slice(0, 16)} come back after ${describeExpiry(expiry)} at the latest${at === undefined ? '' : `; ${timeLeft(expiry, at)}`}`,
      ),
    ],
    attention: overdue.map(
      ({ channel, terms }) =>
        `Channel ${channel.slice(0, 16)} expired at ${describeExpiry(terms.expiry)} but is not refunded yet: pawment refund ${channel.slice(0, 16)}`,
    ),
  };
}

/** Deposits that are locked by their own age open later than the expiry. The payer agrees to a day at most, and to what a reorganisation may undo. */
function openAtLast({ expiry, ageLock, coin }: PayerState['terms']): LockTime {
  return ageLock === undefined ? expiry : after(expiry, Math.ceil(86_400 / coin.blockSeconds) + coin.channel.buried);
}

/** The position of the chain; undefined where no node says it. */
async function shownBy({ coin, datadir, isUnnamed = false, rpc }: Config): Promise<ChainTime | undefined> {
  try {
    const node = await openNode({ coin, datadir, isUnnamed, rpc: rpc && { ...rpc, timeout: PATIENCE } });
    const { tip, medianTime } = await node.status();
    return { tip: tip.height, medianTime: Math.floor(medianTime / 1000), now: clock.now() };
  } catch (error) {
    if (error instanceof WorldError) return undefined;
    throw error;
  }
}

/** What comes back without the payee if the payee takes everything that was ever signed. */
function returnsOf(state: Holding): Amount {
  const { contract } = state.terms;
  const capacity = capacityOf(allDeposits(state).filter((deposit) => contract.isRefundable(state.terms, deposit, verifyPortable)));
  return capacity > state.signed ? subtract(capacity, state.signed) : ZERO;
}
