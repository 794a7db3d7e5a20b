import { bytesToHex } from '../../core/base/bytes.ts';
import { encodeTransaction } from '../../core/tx/transaction.ts';
import { JsonNumber } from '../json-number.ts';
import { encodeBlock, encodeHeader } from './block.ts';
import type { BlockEntry } from './chain.ts';
import type { Methods, NodeContext } from './rpc.ts';
import { RPC, RpcError } from './rpc-error.ts';
import { coinsOf, type Json } from './rpc-json.ts';
import type { Params } from './rpc-params.ts';
import { chainWork, DIFFICULTY, printBlock, printHeader, printScript, printTransaction } from './rpc-print.ts';

function blockInfo({ regtest }: NodeContext): Json {
  const { chain } = regtest;
  const { height, medianTime, block } = chain.tip;
  const common = {
    chain: 'regtest',
    blocks: height,
    headers: height,
    bestblockhash: block.hash,
    difficulty: DIFFICULTY,
    mediantime: medianTime,
    verificationprogress: 1,
    initialblockdownload: false,
    chainwork: chainWork(height),
    size_on_disk: 0,
    pruned: false,
  };
  return { ...common, ...softForks(chain.rules.dialect, regtest.coin.rules, height, chain.rules.bip66), warnings: '' };
}

function softForks(
  dialect: string,
  rules: { cltv?: number; csv?: number; segwit?: number },
  height: number,
  bip66: number,
): { readonly [key: string]: Json } {
  const cltv = rules.cltv ?? Number.POSITIVE_INFINITY;
  if (dialect === 'dogecoin') {
    const fork = (id: string, version: number, status: boolean): Json => ({ id, version, reject: { status } });
    const started = (bit: number): Json => ({ status: 'started', bit, startTime: 0, timeout: new JsonNumber('999999999999'), since: 144 });
    return {
      softforks: [fork('bip34', 2, false), fork('bip66', 3, height >= bip66), fork('bip65', 4, height >= cltv)],
      // Never more than `started`: see the coin's rules.
      bip9_softforks: { csv: started(0), segwit: started(1) },
    };
  }
  const buried = (from: number): Json => ({ type: 'buried', active: height >= from, height: from });
  return {
    softforks: {
      bip34: buried(500),
      bip66: buried(bip66),
      bip65: buried(cltv),
      csv: buried(rules.csv ?? 0),
      segwit: buried(rules.segwit ?? 0),
    },
  };
}

function find({ regtest }: NodeContext, params: Params): BlockEntry {
  const entry = regtest.chain.find(params.hash(0, 'blockhash'));
  if (entry === undefined) throw new RpcError(RPC.INVALID_ADDRESS_OR_KEY, 'Block not found');
  return entry;
}

function blockHash({ regtest }: NodeContext, params: Params): Json {
  const entry = regtest.chain.at(params.integer(0));
  if (entry === undefined) throw new RpcError(RPC.INVALID_PARAMETER, 'Block height out of range');
  return entry.block.hash;
}

function block(context: NodeContext, params: Params): Json {
  const verbosity = params.level(1, 1);
  const entry = find(context, params);
  if (verbosity <= 0) return bytesToHex(encodeBlock(entry.block));
  return printBlock(context.regtest.chain, entry, verbosity >= 2);
}

function header(context: NodeContext, params: Params): Json {
  const isVerbose = params.flag(1, true);
  const entry = find(context, params);
  return isVerbose ? printHeader(context.regtest.chain, entry) : bytesToHex(encodeHeader(entry.block.header));
}

function txOut({ regtest }: NodeContext, params: Params): Json {
  const { chain, pool } = regtest;
  const outpoint = { txid: params.hash(0, 'txid'), vout: params.integer(1) };
  const coin = params.flag(2, true) ? pool.unspent(outpoint) : chain.coins.find(outpoint);
  if (coin === undefined) return null;
  return {
    bestblock: chain.tip.block.hash,
    confirmations: chain.tip.height - coin.height + 1,
    value: coinsOf(coin.output.value),
    scriptPubKey: printScript(regtest.coin, coin.output.script),
    ...(chain.rules.dialect === 'dogecoin' ? { version: coin.version } : {}),
    coinbase: coin.coinbase,
  };
}

function rawTransaction({ regtest }: NodeContext, params: Params): Json {
  const txid = params.hash(0, 'parameter 1');
  const isDogecoin = regtest.chain.rules.dialect === 'dogecoin';
  const isVerbose = params.level(1, 0) !== 0;
  const named = isDogecoin || params.at(2) === undefined ? undefined : regtest.chain.find(params.hash(2, 'parameter 3'));
  const known = regtest.transaction(txid);
  const found =
    named === undefined
      ? // Litecoin Core 0.21 looks for mined transactions only in the given block.
        known !== undefined && (isDogecoin || known.depth === 0)
        ? known
        : undefined
      : inBlock(named, txid, regtest.chain.tip.height);
  if (found === undefined) throw new RpcError(RPC.INVALID_ADDRESS_OR_KEY, notFound(isDogecoin, named !== undefined));
  const hex = bytesToHex(encodeTransaction(found.transaction));
  if (!isVerbose) return hex;
  const isActive = named === undefined ? {} : { in_active_chain: regtest.chain.isBest(named) };
  const printed = { ...isActive, ...printTransaction(regtest.coin, found.transaction), hex };
  const entry = found.block === undefined ? undefined : regtest.chain.find(found.block);
  if (entry === undefined) return printed;
  const { time } = entry.block.header;
  return { ...printed, blockhash: entry.block.hash, confirmations: found.depth, time, blocktime: time };
}

type Found = NonNullable<ReturnType<NodeContext['regtest']['transaction']>>;

function inBlock(entry: BlockEntry, txid: string, tipHeight: number): Found | undefined {
  const found = entry.block.transactions.find((one) => one.txid === txid);
  return found === undefined ? undefined : { transaction: found.transaction, depth: tipHeight - entry.height + 1, block: entry.block.hash };
}

function notFound(isDogecoin: boolean, inBlockOnly: boolean): string {
  const wallet = 'Use gettransaction for wallet transactions.';
  if (inBlockOnly) return `No such transaction found in the provided block. ${wallet}`;
  if (isDogecoin) return `No such mempool transaction. Use -txindex to enable blockchain transaction queries. ${wallet}`;
  return `No such mempool transaction. Use -txindex or provide a block hash to enable blockchain transaction queries. ${wallet}`;
}

function changeChain(change: 'invalidate' | 'reconsider'): (context: NodeContext, params: Params) => Json {
  return (context, params) => {
    const { hash } = find(context, params).block;
    context.regtest[change](hash);
    return null;
  };
}

/** Calls about blocks, outputs and the mempool, and the two calls that undo and redo blocks. */
export const chainMethods: Methods = {
  getblockchaininfo: { usage: 'getblockchaininfo', most: 0, answer: blockInfo },
  getblockcount: { usage: 'getblockcount', most: 0, answer: ({ regtest }) => regtest.tip.height },
  getbestblockhash: { usage: 'getbestblockhash', most: 0, answer: ({ regtest }) => regtest.tip.hash },
  getblockhash: { usage: 'getblockhash height', most: 1, answer: blockHash },
  getblockheader: { usage: 'getblockheader "hash" ( verbose )', most: 2, answer: header },
  getblock: { usage: 'getblock "blockhash" ( verbosity )', most: 2, answer: block },
  gettxout: { usage: 'gettxout "txid" n ( include_mempool )', most: 3, answer: txOut },
  getrawtransaction: { usage: 'getrawtransaction "txid" ( verbose )', most: 3, answer: rawTransaction },
  invalidateblock: { usage: 'invalidateblock "blockhash"', most: 1, answer: changeChain('invalidate') },
  reconsiderblock: { usage: 'reconsiderblock "blockhash"', most: 1, answer: changeChain('reconsider') },
};
