import { formatAmount, ZERO } from '../../core/base/amount.ts';
import { bytesToHex } from '../../core/base/bytes.ts';
import { isTime, type LockTime } from '../../core/base/height.ts';
import { allDeposits, type PayerState, remainingOf } from '../../core/channel/payer-state.ts';
import type { Coin } from '../../core/coin/coin.ts';
import { capacityOf } from '../../core/contract/contract.ts';
import { addressOf } from '../../core/tx/address.ts';
import { outpointKey, transactionId } from '../../core/tx/transaction.ts';
import { describeExpiry } from './time-left.ts';

/** A channel as one object, for `--json`. Amounts in the smallest unit. */
export function channelFacts(state: PayerState): Record<string, unknown> {
  const { channel, kind, terms, deposits, best, spent, keyName } = state;
  const redeemScript = terms.contract.redeemScript(terms);
  return {
    channel,
    state: kind,
    coin: terms.coin.id,
    contract: terms.contract.id,
    ...addressFact(terms.coin, terms.contract.outputScript(terms)),
    capacity: capacityOf(kind === 'ended' ? allDeposits(state) : deposits),
    paid: best?.total ?? ZERO,
    spent,
    remaining: remainingOf(state),
    expiry: terms.expiry,
    closingMargin: terms.closingMargin,
    ...(terms.contract.revocation && { payoutAt: terms.contract.revocation.payoutAt(terms) }),
    deposits: allDeposits(state).map(({ outpoint, value }) => ({ outpoint: outpointKey(outpoint), value })),
    redeemScript: bytesToHex(redeemScript),
    key: keyName,
    ...('transaction' in state && state.transaction !== undefined ? { transaction: transactionId(state.transaction) } : {}),
    ...(state.kind === 'ended' ? { how: state.how, returned: state.returned, transactions: state.transactions.map(transactionId) } : {}),
  };
}

/** The address of deposits; a script that is not hashed has none. */
function addressFact(coin: Coin, outputScript: Uint8Array): Record<string, string> {
  const address = addressOf(coin, outputScript);
  return address === undefined ? {} : { address };
}

export function channelLine(state: PayerState): string {
  const { channel, kind, terms, deposits, best } = state;
  const { ticker } = terms.coin;
  const name = `${channel.slice(0, 16)}  ${kind.padEnd(9)}`;
  if (state.kind === 'ended') {
    const back = `${formatAmount(state.returned)} of ${formatAmount(capacityOf(allDeposits(state)))} ${ticker} back`;
    return `${name}  ${state.how}, ${best === undefined ? '' : `${formatAmount(best.total)} paid, `}${back}`;
  }
  return `${name}  ${formatAmount(best?.total ?? ZERO)} of ${formatAmount(capacityOf(deposits))} ${ticker} paid, expires at ${describeExpiry(terms.expiry)}`;
}

/** What was paid the other way, and what is left of both. */
export function backText({ ticker }: Coin, paidBack: bigint, balance: bigint): string {
  if (paidBack === 0n) return '';
  return `; ${formatUnits(paidBack)} ${ticker} paid back, ${formatUnits(balance)} ${ticker} in all`;
}

/** A channel with everything that a person may want to know of it. */
export function channelLines(state: PayerState): readonly string[] {
  const { ticker } = state.terms.coin;
  return Object.entries(channelFacts(state)).flatMap(([name, value]) => {
    if (name === 'deposits')
      return allDeposits(state).map((deposit) =>
        line('deposit', `${outpointKey(deposit.outpoint)}  ${formatAmount(deposit.value)} ${ticker}`),
      );
    if (name === 'expiry') return [line(name, expiryText(state.terms.expiry))];
    return [line(name, typeof value === 'bigint' ? `${formatUnits(value)} ${ticker}` : String(value))];
  });
}

/** Includes the number that the script has, for a refund by hand. */
function expiryText(expiry: LockTime): string {
  return isTime(expiry) ? `${expiry}, ${describeExpiry(expiry)}` : String(expiry);
}

function formatUnits(value: bigint): string {
  if (value < 0n) return `-${formatUnits(-value)}`;
  const text = value.toString().padStart(9, '0');
  return `${text.slice(0, -8)}.${text.slice(-8)}`.replace(/\.?0+$/, '');
}

function line(name: string, value: string): string {
  return `${name.padEnd(14)} ${value}`;
}
