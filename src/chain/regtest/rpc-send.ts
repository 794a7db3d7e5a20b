import { parseHex } from '../../core/base/bytes.ts';
import { scriptOf } from '../../core/tx/address.ts';
import type { Transaction } from '../../core/tx/transaction.ts';
import type { TxRefusal } from './candidate.ts';
import type { Outcome } from './regtest.ts';
import type { Methods, NodeContext } from './rpc.ts';
import { RPC, RpcError } from './rpc-error.ts';
import { coinsOf, type Json } from './rpc-json.ts';
import type { Params } from './rpc-params.ts';
import { readSubmitted, type Submitted } from './wire.ts';

const ONE_INPUT = 'Make sure the tx has at least one input.';

/** What sendrawtransaction answers, by dialect and case, according to both nodes' `rpc/rawtransaction.cpp`. */
function answerOutcome(isDogecoin: boolean, outcome: Outcome): Json {
  switch (outcome.kind) {
    case 'accepted':
    case 'already-known':
      return outcome.txid;
    case 'already-mined':
      throw new RpcError(RPC.ALREADY_IN_CHAIN, isDogecoin ? 'transaction already in block chain' : 'Transaction already in block chain');
    case 'missing-inputs':
      throw new RpcError(RPC.VERIFY, isDogecoin ? 'Missing inputs' : 'bad-txns-inputs-missingorspent');
    case 'refused':
      throw isDogecoin ? new RpcError(RPC.VERIFY_REJECTED, `${outcome.code}: ${outcome.reason}`) : litecoinRefusal(outcome);
  }
}

function litecoinRefusal({ reason, debug }: TxRefusal): RpcError {
  if (reason === 'absurdly-high-fee') {
    return new RpcError(RPC.VERIFY, 'Fee exceeds maximum configured by user (e.g. -maxtxfee, maxfeerate)');
  }
  return new RpcError(RPC.VERIFY_REJECTED, debug === undefined ? reason : `${reason}, ${debug}`);
}

function send(context: NodeContext, params: Params): Json {
  const { regtest, relay } = context;
  const isDogecoin = regtest.chain.rules.dialect === 'dogecoin';
  const given = isDogecoin ? params.check('string', 'bool') : params.check('string');
  const submitted = readTransaction(context, given.text(0));
  if (submitted === undefined) {
    throw new RpcError(RPC.DESERIALIZATION, isDogecoin ? 'TX decode failed' : `TX decode failed. ${ONE_INPUT}`);
  }
  const { transaction, hasWitness } = submitted;
  const maxFee = isDogecoin ? dogecoinMaxFee(context, params) : litecoinMaxFee(context, params);
  return answerOutcome(isDogecoin, regtest.broadcast(transaction, { relay, maxFee, hasWitness }));
}

/** Dogecoin Core's argument says whether high fees are allowed. */
function dogecoinMaxFee({ regtest }: NodeContext, params: Params): bigint {
  return params.flag(1, false) ? 0n : regtest.coin.policy.maxFee;
}

/** Litecoin Core's argument is the highest fee per 1,000 bytes; zero allows any. */
function litecoinMaxFee({ regtest }: NodeContext, params: Params): bigint {
  return params.at(1) === undefined ? regtest.coin.policy.maxFee : params.amount(1);
}

function readTransaction({ regtest }: NodeContext, hex: string): Submitted | undefined {
  const bytes = parseHex(hex);
  return bytes === undefined ? undefined : readSubmitted(bytes, regtest.chain.rules.dialect);
}

function generateTo({ regtest }: NodeContext, count: number, address?: string): Json {
  const payTo = address === undefined ? undefined : scriptOf(regtest.coin, address);
  if (address !== undefined && payTo === undefined) throw new RpcError(RPC.INVALID_ADDRESS_OR_KEY, 'Error: Invalid address');
  return regtest.mine(count, payTo === undefined ? {} : { payTo });
}

/** One block of exactly these transactions, without the mempool's policy (Litecoin Core 0.21 `generateblock`). */
function generateBlock({ regtest }: NodeContext, params: Params): Json {
  const payTo = scriptOf(regtest.coin, params.text(0));
  if (payTo === undefined) throw new RpcError(RPC.INVALID_ADDRESS_OR_KEY, 'Error: Invalid address or descriptor');
  const transactions = params.list(1).map((item) => listed({ regtest, relay: 'local' }, item));
  const mined = regtest.mineBlock(transactions, { payTo });
  if (mined.kind === 'refused') throw new RpcError(RPC.VERIFY, `TestBlockValidity failed: ${mined.reason}`);
  return { hash: mined.hash };
}

function listed(context: NodeContext, item: unknown): Transaction {
  if (typeof item !== 'string') throw new RpcError(RPC.MISC, 'JSON value is not a string as expected');
  const pooled = context.regtest.pool.entries().find(({ txid }) => txid === item)?.transaction;
  const transaction = pooled ?? (item.length === 64 ? undefined : readTransaction(context, item)?.transaction);
  if (transaction !== undefined) return transaction;
  if (item.length === 64) throw new RpcError(RPC.INVALID_ADDRESS_OR_KEY, `Transaction ${item} not in mempool.`);
  throw new RpcError(RPC.DESERIALIZATION, `Transaction decode failed for ${item}. ${ONE_INPUT}`);
}

function setMockTime({ regtest }: NodeContext, params: Params): Json {
  const seconds = params.check('number').integer(0);
  if (seconds < 0) throw new RpcError(RPC.INVALID_PARAMETER, `Mocktime can not be negative: ${seconds}.`);
  regtest.setTime(seconds === 0 ? undefined : seconds);
  return null;
}

function networkInfo({ regtest }: NodeContext): Json {
  const { coin, chain } = regtest;
  const isDogecoin = chain.rules.dialect === 'dogecoin';
  return {
    version: isDogecoin ? 1_140_700 : 210_201,
    subversion: '/pawment-regtest/',
    protocolversion: isDogecoin ? 70_015 : 70_017,
    localservices: '0000000000000000',
    localrelay: false,
    timeoffset: 0,
    networkactive: false,
    connections: 0,
    networks: [],
    relayfee: coinsOf(coin.policy.minRelayFeeRate),
    incrementalfee: coinsOf(chain.rules.replacementFeeRate),
    ...(isDogecoin ? { softdustlimit: coinsOf(chain.rules.softDust ?? 0n), harddustlimit: coinsOf(chain.rules.hardDust(0, false)) } : {}),
    localaddresses: [],
    warnings: '',
  };
}

/** This node collects no fee data, so it answers as a node with too little of it. */
function smartFee({ regtest }: NodeContext, params: Params): Json {
  const blocks = params.check('number').integer(0);
  if (regtest.chain.rules.dialect === 'dogecoin') return { feerate: -1, blocks };
  return { errors: ['Insufficient data or no feerate found'], blocks };
}

function plainFee(_context: NodeContext, params: Params): Json {
  params.check('number').integer(0);
  return -1;
}

/** Sending and mining, and the calls before sending. */
export const sendMethods: Methods = {
  generatetoaddress: {
    usage: 'generatetoaddress nblocks "address" ( maxtries )',
    most: 3,
    answer: (context, params) => generateTo(context, params.integer(0), params.text(1)),
  },
  setmocktime: { usage: 'setmocktime timestamp', most: 1, answer: setMockTime },
  getnetworkinfo: { usage: 'getnetworkinfo', most: 0, answer: networkInfo },
  estimatesmartfee: { usage: 'estimatesmartfee nblocks', most: 2, answer: smartFee },
};

export const dogecoinSendMethods: Methods = {
  sendrawtransaction: { usage: 'sendrawtransaction "hexstring" ( allowhighfees )', most: 2, answer: send },
  generate: { usage: 'generate nblocks ( maxtries )', most: 2, answer: (context, params) => generateTo(context, params.integer(0)) },
  estimatefee: { usage: 'estimatefee nblocks', most: 1, answer: plainFee },
};

export const litecoinSendMethods: Methods = {
  sendrawtransaction: { usage: 'sendrawtransaction "hexstring" ( maxfeerate )', most: 2, answer: send },
  generateblock: { usage: 'generateblock "output" ["rawtx/txid",...]', most: 2, answer: generateBlock },
};
