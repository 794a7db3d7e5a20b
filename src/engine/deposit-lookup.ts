import type { TxId } from '../core/base/bytes.ts';
import type { ChainView, DepositView, FundingView, FundingWait, Source } from '../core/channel/state-machine.ts';
import type { Deposit } from '../core/contract/contract.ts';
import { isReplaceable } from '../core/contract/fee.ts';
import { type Outpoint, outpointKey, sameOutpoint, type Transaction, transactionId } from '../core/tx/transaction.ts';
import type { WatchedOutputs } from './channel-role.ts';
import { type Chain, type Waiting, WorldError } from './ports.ts';

/**
 * What this side's own node says of announced deposits; nothing else is believed. A transaction that makes several is requested only once: it may be
 * large.
 */
export async function lookUpFunding(chain: Chain, deposits: readonly Deposit[]): Promise<readonly FundingView[]> {
  const asked = new Map<TxId, Asked>();
  return Promise.all(
    deposits.map(({ outpoint }) => {
      const before = asked.get(outpoint.txid);
      const known = before === undefined ? chain.transaction(outpoint.txid, outpoint.vout) : askedAgain(chain, outpoint, before);
      if (before === undefined) asked.set(outpoint.txid, known);
      return before === undefined ? lookUpDeposit(chain, outpoint, known) : known.then(() => lookUpDeposit(chain, outpoint, known));
    }),
  );
}

type Asked = ReturnType<Chain['transaction']>;

/** A node without an index may find the transaction by another of its outputs. */
async function askedAgain(chain: Chain, { txid, vout }: Outpoint, before: Asked): Asked {
  return (await before) ?? chain.transaction(txid, vout);
}

/**
 * Asks for both at once: most announcements of strangers have no real deposit. The output is asked for last, so that a deposit which reaches the node
 * in between is not taken for a spent one.
 */
async function lookUpDeposit(chain: Chain, outpoint: Outpoint, asked: Asked): Promise<FundingView> {
  const [known, output] = await Promise.all([asked, chain.output(outpoint)]);
  if (output !== undefined) {
    const { value, script, depth, coinbase } = output;
    const view = { kind: 'unspent', value, script, depth, isImmature: coinbase && depth < chain.coin.coinbaseMaturity } as const;
    if (known === undefined || coinbase) return view;
    const spends = known.transaction.inputs.map((input) => input.outpoint);
    const waits = depth > 0 ? undefined : await waitOf(chain, known.transaction);
    return { ...view, spends, ...(waits && { waits }) };
  }
  // A node without an index forgets a transaction when all of its outputs are spent: then it looks as if it never existed.
  if (known === undefined) return { kind: 'missing' };
  return known.transaction.outputs.length <= outpoint.vout ? { kind: 'no-such-output' } : { kind: 'spent' };
}

async function waitOf(chain: Chain, transaction: Transaction): Promise<FundingWait | undefined> {
  const waiting = await costOf(chain, transaction);
  return waiting && { ...waiting, isReplaceable: isReplaceable(chain.coin.policy, transaction) };
}

/** A spend of a deposit, seen in a block or in the mempool (depth 0). */
export interface SeenSpend {
  readonly transaction: Transaction;
  readonly depth: number;
}

export type SpendOf = (outpoint: string) => SeenSpend | undefined;

/**
 * The chain for these deposits and for newly found ones; `spendOf` comes from reading blocks, because nodes do not say which transaction spent an
 * output.
 */
export async function viewOf(
  chain: Chain,
  { deposits, held = [], sources }: Pick<WatchedOutputs, 'deposits' | 'held' | 'sources'>,
  spendOf: SpendOf,
  found: ChainView['found'],
): Promise<ChainView> {
  const views = new Map<string, DepositView>();
  for (const deposit of [...deposits, ...held, ...found.map((one) => one.deposit)]) {
    const key = outpointKey(deposit.outpoint);
    const spend = spendOf(key);
    views.set(key, spend === undefined ? await unspentOrGone(chain, deposit, sources, spendOf) : await spentBy(chain, deposit, spend));
  }
  return { kind: 'view', deposits: views, found };
}

/** A deposit spent in the mempool may itself be back there. A mined spend says enough: the deposit is not above it. */
async function spentBy(chain: Chain, { outpoint }: Deposit, spend: SeenSpend): Promise<DepositView> {
  if (spend.depth > 0) return { kind: 'spent', ...spend };
  const [funding, cost] = await Promise.all([chain.transaction(outpoint.txid, outpoint.vout), costOf(chain, spend.transaction)]);
  return { kind: 'spent', ...spend, ...(funding && { depositDepth: funding.depth }), ...(cost && { cost }) };
}

/** Used only to see what a replacement would cost and whether the transaction will be mined: a node that does not say this delays nothing. */
async function costOf(chain: Chain, transaction: Transaction): Promise<Waiting | undefined> {
  try {
    return await chain.waiting(transactionId(transaction));
  } catch (error) {
    if (error instanceof WorldError) return undefined;
    throw error;
  }
}

async function unspentOrGone(chain: Chain, { outpoint }: Deposit, sources: readonly Source[], spendOf: SpendOf): Promise<DepositView> {
  const output = await chain.output(outpoint);
  // A coinbase that can't be spent yet is no better than an unconfirmed output.
  if (output !== undefined)
    return { kind: 'unspent', depth: output.coinbase && output.depth < chain.coin.coinbaseMaturity ? 0 : output.depth };
  const spends = sources.filter(({ deposit }) => sameOutpoint(deposit, outpoint)).flatMap((source) => source.spends);
  const others = spends.map((key) => spendOf(outpointKey(key))).filter((spend) => spend !== undefined);
  const foreign = others.filter(({ transaction }) => transactionId(transaction) !== outpoint.txid);
  const [deepest] = foreign.toSorted((a, b) => b.depth - a.depth);
  return deepest === undefined ? { kind: 'missing' } : { kind: 'replaced', ...deepest };
}
