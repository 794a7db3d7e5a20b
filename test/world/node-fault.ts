import { amount, MAX_AMOUNT } from '../../src/core/base/amount.ts';
import { txId } from '../../src/core/base/bytes.ts';
import { after, height } from '../../src/core/base/height.ts';
import { outpointKey } from '../../src/core/tx/transaction.ts';
import type { Broadcast, Chain, Tip } from '../../src/engine/ports.ts';

/** What is asked of a node. */
export type Calls = Omit<Chain, 'coin'>;

/** A node that answers nothing but this error. */
export function failing(error: () => Error): Calls {
  const fail = async (): Promise<never> => {
    throw error();
  };
  return {
    tip: fail,
    status: fail,
    block: fail,
    output: fail,
    transaction: fail,
    mempool: fail,
    unconfirmed: fail,
    waiting: fail,
    broadcast: fail,
    feeRate: fail,
  };
}

/** A node whose answers come when `end` does, as errors. */
export function silent(end: () => Promise<never>): Calls {
  return {
    tip: end,
    status: end,
    block: end,
    output: end,
    transaction: end,
    mempool: end,
    unconfirmed: end,
    waiting: end,
    broadcast: end,
    feeRate: end,
  };
}

/** A node that is passed on to, and one that gives the last such answer to the same question again; the first one's where there was none. */
export function remembered(node: Calls): { readonly live: Calls; readonly stale: Calls } {
  const tips = memory(node.tip);
  const statuses = memory(node.status);
  const blocks = memory(node.block);
  const outputs = memory(node.output, outpointKey);
  const transactions = memory(node.transaction);
  const mempools = memory(node.mempool);
  const unconfirmed = memory(node.unconfirmed);
  const entries = memory(node.waiting);
  const rates = memory(node.feeRate);
  const of = (which: 'live' | 'stale'): Calls => ({
    tip: tips[which],
    status: statuses[which],
    block: blocks[which],
    output: outputs[which],
    transaction: transactions[which],
    mempool: mempools[which],
    unconfirmed: unconfirmed[which],
    waiting: entries[which],
    broadcast: node.broadcast,
    feeRate: rates[which],
  });
  return { live: of('live'), stale: of('stale') };
}

type Ask<Question extends readonly unknown[], Answer> = (...question: Question) => Promise<Answer>;

function memory<Question extends readonly unknown[], Answer>(
  ask: Ask<Question, Answer>,
  keyOf: (...question: Question) => string = (...question) => question.join(),
): { readonly live: Ask<Question, Answer>; readonly stale: Ask<Question, Answer> } {
  const answers = new Map<string, Promise<Answer>>();
  const live = (...question: Question): Promise<Answer> => {
    const answer = ask(...question);
    answers.set(keyOf(...question), answer);
    return answer;
  };
  return { live, stale: (...question) => answers.get(keyOf(...question)) ?? live(...question) };
}

/** Blocks by which a lagging node is behind. */
export const LAG = 12;

/** The node as it was `LAG` blocks ago, as far as that shows: what was spent since is gone all the same. */
export function lagging(coin: Chain['coin'], node: Calls): Calls {
  const tip = async (): Promise<Tip> => {
    const { height: now } = await node.tip();
    return (await node.block(after(now, -LAG))) ?? node.tip();
  };
  const earlier = <Deep extends { readonly depth: number }>(found: Deep | undefined): Deep | undefined =>
    found === undefined || found.depth <= LAG ? undefined : { ...found, depth: found.depth - LAG };
  return {
    tip,
    status: async () => ({ ...(await node.status()), tip: await tip() }),
    block: async (at) => (at > (await tip()).height ? undefined : node.block(at)),
    output: async (outpoint) => earlier(await node.output(outpoint)),
    transaction: async (txid) => earlier(await node.transaction(txid)),
    mempool: async () => [],
    unconfirmed: async () => undefined,
    waiting: async () => undefined,
    broadcast: async () => ({ kind: 'missing-inputs', reason: 'Missing inputs' }),
    feeRate: async () => coin.policy.feeRate,
  };
}

const NOWHERE = txId('ef'.repeat(32));

/** A node whose answers are of the right shape and false; each is another lie than the one before. */
export function lying(node: Calls, seed: number): Calls {
  let told = seed;
  const oneOf = <Lie>(lies: readonly [Lie, ...Lie[]]): Lie => lies[told++ % lies.length] ?? lies[0];
  const tip = async (): Promise<Tip> => {
    const { height: at, hash } = await node.tip();
    return oneOf<Tip>([
      { height: at, hash: NOWHERE },
      { height: after(at, 100_000), hash },
      { height: height(1), hash: NOWHERE },
    ]);
  };
  return {
    tip,
    status: async () => {
      const { medianTime, ...status } = await node.status();
      return oneOf([
        { ...status, medianTime, tip: await tip() },
        { ...status, medianTime: 0, headers: 0 },
        { ...status, medianTime: medianTime * 2, headers: status.headers * 2, isCatchingUp: true },
      ]);
    },
    block: async (at) => {
      const block = await node.block(at);
      const other = await node.block(after(at, -1));
      return oneOf([undefined, other, block && { ...block, previous: NOWHERE }, block && { ...block, hash: NOWHERE, transactions: [] }]);
    },
    output: async (outpoint) => {
      const found = await node.output(outpoint);
      const lie = { value: amount(1n), script: new Uint8Array(), depth: 1_000_000, coinbase: true };
      return oneOf([undefined, lie, found && { ...found, depth: 0 }]);
    },
    transaction: async (txid) => {
      const found = await node.transaction(txid);
      const without = found && { ...found, transaction: { ...found.transaction, inputs: [], outputs: [] } };
      return oneOf([undefined, without, found && { ...found, depth: 1_000_000 }]);
    },
    unconfirmed: async (txid) => {
      const found = await node.unconfirmed(txid);
      return oneOf([undefined, found && { ...found, inputs: [], outputs: [] }]);
    },
    mempool: async () => oneOf([[], [NOWHERE], [...(await node.mempool()), NOWHERE, NOWHERE]]),
    waiting: async () =>
      oneOf([
        undefined,
        { fee: MAX_AMOUNT, size: 1, burden: MAX_AMOUNT, ancestors: 0 },
        { fee: amount(0n), size: 1_000_000, ancestors: 1_000 },
      ]),
    broadcast: async (transaction) => {
      const isPassedOn = oneOf([true, false, false]);
      if (isPassedOn) await node.broadcast(transaction);
      return oneOf<Broadcast>([
        { kind: 'accepted' },
        { kind: 'conflict', reason: 'txn-mempool-conflict' },
        { kind: 'already-mined' },
        { kind: 'invalid', reason: 'bad-txns' },
      ]);
    },
    feeRate: async () => oneOf([amount(1n), amount((await node.feeRate()) * 100n)]),
  };
}
