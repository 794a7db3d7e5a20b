import { type Amount, add } from '../core/base/amount.ts';
import type { Coin } from '../core/coin/coin.ts';
import { outpointKey } from '../core/tx/transaction.ts';
import { locatorTip } from '../engine/block-locator.ts';
import type { Mempool } from './mempool.ts';
import type { OwnOutput } from './state.ts';
import { cursorOf, type StoredWallet } from './stored-wallet.ts';

/** The wallet's money as of the last scan. Money that own transactions spend is not included; their change is pending. */
export interface Balance {
  /** Can be spent now. */
  readonly confirmed: Amount;
  /** Not confirmed yet: incoming payments in the mempool, and change of own transactions that no block holds yet. */
  readonly pending: Amount;
  /** Block rewards that are not old enough to be spent. */
  readonly immature: Amount;
}

export function balanceOf(coin: Coin, ledger: StoredWallet, mempool: Mempool): Balance {
  const pending = [...ledger.outputs.all().filter((output) => isPendingChange(ledger, mempool, output)), ...mempool.incoming(ledger)];
  const immature = ledger.outputs.all().filter((output) => output.use.kind === 'free' && isImmature(coin, ledger, output));
  return { confirmed: total(spendableOutputs(coin, ledger, mempool, false)), pending: total(pending), immature: total(immature) };
}

/** Outputs that a new transaction may spend; with `ownChange`, also change of own transactions that no block holds yet. */
export function spendableOutputs(coin: Coin, ledger: StoredWallet, mempool: Mempool, ownChange: boolean): readonly OwnOutput[] {
  return ledger.outputs.all().filter((output) => {
    if (output.use.kind !== 'free' || mempool.spends(ledger, outpointKey(output.outpoint))) return false;
    if (output.place.kind === 'mined') return !isImmature(coin, ledger, output);
    return ownChange && isPendingChange(ledger, mempool, output);
  });
}

/**
 * A coinbase may be spent `coinbaseMaturity` blocks after its own (`tx_verify.cpp`, CheckTxInputs); the spend can be in the next block at the
 * earliest.
 */
function isImmature(coin: Coin, ledger: StoredWallet, { coinbase, place }: OwnOutput): boolean {
  if (!coinbase || place.kind !== 'mined') return false;
  return locatorTip(cursorOf(ledger).trail).height + 1 - place.height < coin.coinbaseMaturity;
}

/** An altered copy of an own transaction in the mempool pays its change too; then the copy's change counts. */
function isPendingChange(ledger: StoredWallet, mempool: Mempool, { outpoint, place, use }: OwnOutput): boolean {
  if (place.kind !== 'unconfirmed' || use.kind !== 'free') return false;
  const inputs = ledger.transactions.get(outpoint.txid)?.transaction.inputs ?? [];
  return !inputs.some((input) => mempool.spends(ledger, outpointKey(input.outpoint)));
}

function total(outputs: readonly OwnOutput[]): Amount {
  return add(...outputs.map(({ value }) => value));
}
