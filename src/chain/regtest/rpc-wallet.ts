import { amount } from '../../core/base/amount.ts';
import { scriptOf } from '../../core/tx/address.ts';
import type { Methods, NodeContext } from './rpc.ts';
import { RPC, RpcError } from './rpc-error.ts';
import { coinsOf, type Json } from './rpc-json.ts';
import type { Params } from './rpc-params.ts';

function sendToAddress({ regtest }: NodeContext, params: Params): Json {
  const isDogecoin = regtest.chain.rules.dialect === 'dogecoin';
  const payTo = scriptOf(regtest.coin, params.text(0));
  if (payTo === undefined) {
    throw new RpcError(RPC.INVALID_ADDRESS_OR_KEY, isDogecoin ? 'Invalid Dogecoin address' : `Invalid Litecoin address: ${params.text(0)}`);
  }
  const units = params.amount(1);
  if (units === 0n)
    throw isDogecoin ? new RpcError(RPC.TYPE, 'Invalid amount for send') : new RpcError(RPC.WALLET_SHORT, 'Transaction amount too small');
  const transaction = regtest.faucet.prepare([{ value: amount(units), script: payTo }]);
  if (transaction === undefined) throw new RpcError(RPC.WALLET_SHORT, 'Insufficient funds');
  const outcome = regtest.broadcast(transaction);
  if (outcome.kind === 'accepted') return outcome.txid;
  const reason = outcome.kind === 'refused' ? outcome.reason : outcome.kind;
  throw new RpcError(-4, `Error: The transaction was rejected! Reason given: ${reason}`);
}

/** The faucet with the method names of a node's wallet, so that one script can fund an address on every node. */
export const walletMethods: Methods = {
  getnewaddress: { usage: 'getnewaddress ( "account" )', most: 2, answer: ({ regtest }) => regtest.newAddress() },
  getbalance: { usage: 'getbalance ( "account" minconf )', most: 3, answer: ({ regtest }) => coinsOf(regtest.faucet.balance()) },
  sendtoaddress: { usage: 'sendtoaddress "address" amount', most: 5, answer: sendToAddress },
};

/** A Litecoin node has no wallet until one is created; here it is always the faucet. */
export const litecoinWalletMethods: Methods = {
  createwallet: { usage: 'createwallet "wallet_name"', most: 8, answer: (_context, params) => ({ name: params.text(0), warning: '' }) },
  loadwallet: { usage: 'loadwallet "filename"', most: 2, answer: (_context, params) => ({ name: params.text(0), warning: '' }) },
};
