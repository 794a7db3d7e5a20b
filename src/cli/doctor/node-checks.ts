import type { NodeReport } from '../../chain/node-report.ts';
import { type Amount, formatAmount } from '../../core/base/amount.ts';
import { type Check, type Facts, type Finding, ok, problem, warning } from './facts.ts';

/** The first version of each that pawment supports, in the nodes' own number form. */
const OLDEST = { Dogecoin: 1_140_000, Litecoin: 210_000, Bitcoin: 280_000 } as const;
/** Headers are one or two ahead of blocks while a block is being fetched. */
const MOST_HEADERS_AHEAD = 10;

/** A check of what a node of the coin says. */
function ofNode(check: (said: NodeReport, facts: Facts) => readonly Finding[]): Check {
  return (facts) => {
    const { node, coin } = facts;
    return node.said?.genesis === coin.genesis ? check(node.said, facts) : [];
  };
}

const reachable: Check = ({ node: { url, said, trouble }, coin }) => {
  if (url === undefined) {
    const advice = 'Use --rpc-url, PAWMENT_RPC_URL, or a config file. On a main network it should be your own.';
    return problem('node', `No node for ${coin.id} is given.`, advice);
  }
  if (trouble !== undefined) return problem('node', trouble.message, trouble.hint);
  return ok('node', `${said?.network?.subversion ?? 'a node'} answers at ${url}`);
};

const network: Check = ({ node: { said }, coin }) => {
  if (said === undefined) return [];
  const { genesis } = said;
  const advice = `Use a node of ${coin.id}, or the --coin of this node.`;
  return genesis === coin.genesis
    ? ok('network', `it is on ${coin.id}`)
    : problem('network', `The node is not on ${coin.id}: its block 0 is ${genesis}.`, advice);
};

const sync = ofNode(({ height, headers, isCatchingUp }, { coin }) => {
  if ((isCatchingUp && coin.network !== 'regtest') || headers - height > MOST_HEADERS_AHEAD)
    return problem('sync', `The node is at block ${height} of ${headers}.`, 'Wait until it has caught up.');
  return ok('sync', `it is at block ${height}, the last one that it knows`);
});

const peers = ofNode(({ network: said }, { coin }) => {
  if (said === undefined || coin.network === 'regtest') return [];
  const advice = 'Check its connection to the internet, and its -connect and -proxy.';
  return said.connections === 0
    ? problem('peers', 'The node is connected to no other node.', advice)
    : ok('peers', `it is connected to ${said.connections} others`);
});

const version = ofNode(({ network: said }, { coin }) => {
  if (said === undefined) return warning('version', 'The node does not say its version.', 'Allow getnetworkinfo, if it has a whitelist.');
  return said.version < OLDEST[coin.name]
    ? warning(
        'version',
        `${said.subversion} is older than the versions that pawment supports.`,
        'Use Dogecoin Core 1.14, Litecoin Core 0.21, Bitcoin Core 28, or later.',
      )
    : ok('version', `${said.subversion} is supported by pawment`);
});

const pruning = ofNode(({ isPruned, lowest }) => {
  if (!isPruned) return ok('pruning', 'it keeps all blocks');
  const from = lowest === undefined ? 'It does not say which blocks it keeps' : `It keeps blocks from ${lowest} on`;
  return warning(
    'pruning',
    `${from}.`,
    'That is enough for a program that runs all the time. After a longer break, or for a recovery, you need a node with all blocks.',
  );
});

const fees = ofNode(({ estimate, mempool, network: said }, { coin }) => {
  const { feeRate, minRelayFeeRate } = coin.policy;
  const rate = (value: Amount): string => `${formatAmount(value)} ${coin.ticker} per 1,000 bytes`;
  const own = estimate === undefined || estimate < feeRate ? feeRate : estimate;
  const least = mempool?.mempoolminfee ?? said?.relayfee ?? minRelayFeeRate;
  if (least > own)
    return warning(
      'fees',
      `The node accepts nothing below ${rate(least)}, but ${rate(own)} would be paid.`,
      'Wait, or raise its -maxmempool; check its -minrelaytxfee.',
    );
  const waiting = mempool === undefined ? '' : `; ${mempool.size} transactions wait`;
  return ok('fees', estimate === undefined ? `no estimate: ${rate(own)} is paid${waiting}` : `${rate(own)} is paid${waiting}`);
});

export const nodeChecks: readonly Check[] = [reachable, network, sync, peers, version, pruning, fees];
