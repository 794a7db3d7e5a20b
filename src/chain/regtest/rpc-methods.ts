import type { Regtest } from './regtest.ts';
import type { Methods } from './rpc.ts';
import { chainMethods } from './rpc-chain.ts';
import { mempoolMethods } from './rpc-mempool.ts';
import { dogecoinSendMethods, litecoinSendMethods, sendMethods } from './rpc-send.ts';
import { litecoinWalletMethods, walletMethods } from './rpc-wallet.ts';

/** Every call of this chain's node, except those for the server itself. */
export function methodsFor(regtest: Regtest): Methods {
  const common = { ...chainMethods, ...mempoolMethods, ...sendMethods, ...walletMethods };
  return regtest.chain.rules.dialect === 'dogecoin'
    ? { ...common, ...dogecoinSendMethods }
    : { ...common, ...litecoinSendMethods, ...litecoinWalletMethods };
}
