import { type Transaction, transactionId, transactionSize } from '../../core/tx/transaction.ts';
import { type Acceptance, type AcceptOptions, type Candidate, REJECT, refuse, type TxRefusal } from './candidate.ts';
import type { BlockChain } from './chain.ts';
import { allSigOps, blameScript, checkScripts, checkSpend, valueIn, valueOut } from './check-inputs.ts';
import { checkTransaction, isCoinbase } from './check-transaction.ts';
import { isFinal, sequenceLocksPassed } from './lock-time.ts';
import type { MempoolEntry, MempoolGraph } from './mempool-graph.ts';
import { checkChainLimits, checkReplacement, isReplaceable } from './mempool-limits.ts';
import { areInputsStandard, checkStandard, coinAge, feeAt, isFree, MAX_STANDARD_SIGOPS, softDustFee, virtualSize } from './policy.ts';
import { isP2sh, witnessProgram } from './script-shape.ts';
import { isUnspendable, type UnspentCoin } from './utxo-set.ts';

type Check = (candidate: Candidate) => TxRefusal | undefined;

/** Whether the mempool accepts the transaction (`AcceptToMemoryPool`); changes nothing. Checks run in the order of the chain's node. */
export function examine(chain: BlockChain, graph: MempoolGraph, tx: Transaction, options: AcceptOptions): Acceptance {
  const early = checkAlone(chain, graph, tx, options);
  if (early !== undefined) return early;
  const conflicts = [...new Set(tx.inputs.map(({ outpoint }) => graph.spenderOf(outpoint)).filter((entry) => entry !== undefined))];
  if (!conflicts.every((entry) => isReplaceable(entry, chain.coin))) return refuse(REJECT.CONFLICT, 'txn-mempool-conflict');
  const found = findCoins(chain, graph, tx);
  if (found.kind !== 'found') return found;
  const { coins } = found;
  const sigOps = allSigOps(tx, coins);
  const size = virtualSize(transactionSize(tx), sigOps);
  const candidate: Candidate = {
    coin: chain.coin,
    chain,
    graph,
    options,
    transaction: tx,
    txid: transactionId(tx),
    coins,
    conflicts,
    sigOps,
    size,
    age: coinAge(tx, coins, size, chain.tip.height),
    fee: valueIn(coins) - valueOut(tx),
  };
  for (const check of chain.rules.dialect === 'dogecoin' ? DOGECOIN_ORDER : LITECOIN_ORDER) {
    const refusal = check(candidate);
    if (refusal !== undefined) return refusal;
  }
  const { txid, fee, age } = candidate;
  const entry: MempoolEntry = { txid, transaction: tx, size, fee, sigOps, age, time: chain.clock, height: chain.tip.height };
  return { kind: 'accepted', entry, replaces: conflicts };
}

/** Checks that need only the transaction and the tip. */
function checkAlone(chain: BlockChain, graph: MempoolGraph, tx: Transaction, { hasWitness }: AcceptOptions): TxRefusal | undefined {
  const invalid = checkTransaction(tx, chain.rules.maxMoney) ?? (isCoinbase(tx) ? 'coinbase' : undefined);
  if (invalid !== undefined) return refuse(REJECT.INVALID, invalid);
  if (hasWitness === true && chain.coin.rules.segwit === undefined) return refuse(REJECT.NONSTANDARD, 'no-witness-yet');
  const nonstandard = checkStandard(tx, chain.rules);
  if (nonstandard !== undefined) return refuse(REJECT.NONSTANDARD, nonstandard);
  // Relay compares time locks with the median time on every chain, even where blocks do not (STANDARD_LOCKTIME_VERIFY_FLAGS).
  if (!isFinal(tx, chain.tip.height + 1, chain.tip.medianTime)) return refuse(REJECT.NONSTANDARD, 'non-final');
  return graph.get(transactionId(tx)) === undefined ? undefined : refuse(REJECT.ALREADY_KNOWN, 'txn-already-in-mempool');
}

type Found = { readonly kind: 'found'; readonly coins: readonly UnspentCoin[] } | { readonly kind: 'missing-inputs' } | TxRefusal;

/** Dogecoin Core 1.14 knows transactions, not outputs: a spent output whose sibling is unspent is `spent`, anything else is missing. */
function findCoins(chain: BlockChain, graph: MempoolGraph, tx: Transaction): Found {
  const outpoints = tx.inputs.map(({ outpoint }) => outpoint);
  const coins = outpoints.map((outpoint) => findCoin(chain, graph, outpoint)).filter((coin): coin is UnspentCoin => coin !== undefined);
  if (coins.length === outpoints.length) return { kind: 'found', coins };
  const isKnown = outpoints.every(({ txid }) => graph.get(txid) !== undefined || chain.coins.knows(txid));
  if (chain.rules.dialect === 'dogecoin' && isKnown) return refuse(REJECT.DUPLICATE, 'bad-txns-inputs-spent');
  return { kind: 'missing-inputs' };
}

/** An output of the mempool or the chain, whether or not the mempool spends it. */
export function findCoin(
  chain: BlockChain,
  graph: MempoolGraph,
  outpoint: Transaction['inputs'][number]['outpoint'],
): UnspentCoin | undefined {
  const parent = graph.get(outpoint.txid)?.transaction;
  if (parent === undefined) return chain.coins.find(outpoint);
  const output = parent.outputs[outpoint.vout];
  if (output === undefined || isUnspendable(output.script)) return undefined;
  return { output, height: chain.tip.height + 1, coinbase: false, version: parent.version };
}

const relativeLocks: Check = ({ chain, transaction, coins }) => {
  const context = {
    height: chain.tip.height + 1,
    medianTime: chain.tip.medianTime,
    medianTimeAt: (height: number) => chain.medianTimeAt(height),
  };
  const heights = coins.map(({ height }) => height);
  return sequenceLocksPassed(transaction, heights, context) ? undefined : refuse(REJECT.NONSTANDARD, 'non-BIP68-final');
};

const standardInputs: Check = ({ chain, transaction, coins }) =>
  areInputsStandard(transaction, coins, chain.rules.dialect) ? undefined : refuse(REJECT.NONSTANDARD, 'bad-txns-nonstandard-inputs');

/** Witnesses need inputs that ask for one (`IsWitnessStandard`); here it is enough that one input does. */
const standardWitness: Check = ({ options, coins }) => {
  const isAsked = coins.some(({ output }) => isP2sh(output.script) || witnessProgram(output.script) !== undefined);
  return options.hasWitness === true && !isAsked ? refuse(REJECT.NONSTANDARD, 'bad-witness-nonstandard') : undefined;
};

const sigOpLimit: Check = ({ sigOps }) =>
  sigOps > MAX_STANDARD_SIGOPS ? refuse(REJECT.NONSTANDARD, 'bad-txns-too-many-sigops', `${sigOps * 4}`) : undefined;

const dogecoinFee: Check = ({ coin, chain, transaction, age, size, fee, options }) => {
  const least = feeAt(coin.policy.minRelayFeeRate, size);
  if (fee < least && !isFree(age.priority + age.growth)) return refuse(REJECT.INSUFFICIENT_FEE, 'insufficient priority');
  const isLimited = options.relay === 'peer' && fee < least + softDustFee(transaction, chain.rules);
  return isLimited ? refuse(REJECT.INSUFFICIENT_FEE, 'rate limited free transaction') : undefined;
};

const litecoinFee: Check = ({ coin, size, fee }) => {
  const least = feeAt(coin.policy.minRelayFeeRate, size);
  return fee < least ? refuse(REJECT.INSUFFICIENT_FEE, 'min relay fee not met', `${fee} < ${least}`) : undefined;
};

const absurdFee: Check = ({ chain, size, fee, options }) => {
  const most = chain.rules.dialect === 'dogecoin' ? options.maxFee : feeAt(options.maxFee, size);
  return options.maxFee > 0n && fee > most ? refuse(REJECT.HIGH_FEE, 'absurdly-high-fee', `${fee} > ${most}`) : undefined;
};

const spends: Check = ({ coin, chain, transaction, coins }) => {
  const context = { height: chain.tip.height + 1, coinbaseMaturity: coin.coinbaseMaturity, maxMoney: chain.rules.maxMoney };
  const spend = checkSpend(transaction, coins, context);
  return spend.kind === 'refused' ? refuse(REJECT.INVALID, spend.reason, spend.debug) : undefined;
};

const scripts: Check = ({ chain, transaction, txid, coins }) => {
  const flags = chain.rules.standardFlags;
  const failure = checkScripts(transaction, coins, flags, chain.verify);
  if (failure !== undefined) return { kind: 'refused', ...blameScript(transaction, coins, failure, chain) };
  chain.scripts.add(txid, flags);
  return undefined;
};

const DOGECOIN_ORDER: readonly Check[] = [
  relativeLocks,
  standardInputs,
  sigOpLimit,
  dogecoinFee,
  absurdFee,
  checkChainLimits,
  checkReplacement,
  spends,
  scripts,
];

const LITECOIN_ORDER: readonly Check[] = [
  relativeLocks,
  spends,
  standardInputs,
  standardWitness,
  sigOpLimit,
  litecoinFee,
  checkChainLimits,
  scripts,
  absurdFee,
];
