import type { FundingView } from '../core/channel/announce.ts';
import type { ChainView, DepositView } from '../core/channel/machine.ts';
import type { Deposit } from '../core/contract/contract.ts';
import { outpointKey, type Transaction } from '../core/tx/transaction.ts';
import type { Chain } from './ports.ts';

/** What this side's own node says of announced deposits. It alone is believed. */
export async function lookUpFunding(chain: Chain, deposits: readonly Deposit[]): Promise<readonly FundingView[]> {
  return Promise.all(deposits.map((deposit) => lookUpDeposit(chain, deposit)));
}

async function lookUpDeposit(chain: Chain, { outpoint }: Deposit): Promise<FundingView> {
  const output = await chain.output(outpoint);
  if (output !== undefined) {
    const { value, script, depth, coinbase } = output;
    return { kind: 'unspent', value, script, depth, isImmature: coinbase && depth < chain.coin.coinbaseMaturity };
  }
  // A node without an index forgets a transaction all of whose outputs are spent: it then looks like one that never was.
  const known = await chain.transaction(outpoint.txid);
  if (known === undefined) return { kind: 'missing' };
  return known.transaction.outputs.length <= outpoint.vout ? { kind: 'no-such-output' } : { kind: 'spent' };
}

/** A spend of a deposit that was met in a block or in the mempool (depth 0). */
export interface SeenSpend {
  readonly transaction: Transaction;
  readonly depth: number;
}

/** The chain as it concerns these deposits; `spends` are known from reading blocks, since nodes do not say who spent an output. */
export async function viewOf(
  chain: Chain,
  deposits: readonly Deposit[],
  spends: (outpoint: string) => SeenSpend | undefined,
  found: ChainView['found'],
): Promise<ChainView> {
  const views = new Map<string, DepositView>();
  for (const { outpoint } of deposits) {
    const key = outpointKey(outpoint);
    const spend = spends(key);
    if (spend !== undefined) views.set(key, { kind: 'spent', ...spend });
    else {
      const output = await chain.output(outpoint);
      views.set(key, output === undefined ? { kind: 'missing' } : { kind: 'unspent', depth: output.depth });
    }
  }
  return { kind: 'view', deposits: views, found };
}
