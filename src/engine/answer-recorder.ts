import { isNoAnswer, type NodeHealth } from './node-health.ts';
import type { Chain } from './ports.ts';

/** The same node, but `trust` is told of every question and every answer, refusals included. */
export function recordAnswers(chain: Chain, trust: Pick<NodeHealth, 'asked' | 'answered'>): Chain {
  const heard = async <T>(asking: Promise<T>): Promise<T> => {
    trust.asked();
    try {
      const answer = await asking;
      trust.answered();
      return answer;
    } catch (error) {
      if (!isNoAnswer(error)) trust.answered();
      throw error;
    }
  };
  return {
    coin: chain.coin,
    tip: () => heard(chain.tip()),
    status: () => heard(chain.status()),
    block: (height) => heard(chain.block(height)),
    output: (outpoint) => heard(chain.output(outpoint)),
    transaction: (txid, vout) => heard(chain.transaction(txid, vout)),
    mempool: () => heard(chain.mempool()),
    unconfirmed: (txid) => heard(chain.unconfirmed(txid)),
    waiting: (txid) => heard(chain.waiting(txid)),
    broadcast: (transaction) => heard(chain.broadcast(transaction)),
    feeRate: () => heard(chain.feeRate()),
  };
}
