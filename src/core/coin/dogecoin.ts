import { amount, MAX_AMOUNT } from '../base/amount.ts';
import { height } from '../base/height.ts';
import type { ChannelDefaults, Coin, Policy } from './coin.ts';

const DOGE = 100_000_000n;

// Dogecoin Core 1.14 policy/policy.h, dogecoin-fees.cpp: nodes relay from 0.001 DOGE/kB, default miners ask for 0.01; outputs below 0.01 DOGE cost a
// surcharge.
const policy: Policy = {
  minRelayFeeRate: amount(DOGE / 1000n),
  feeRate: amount(DOGE / 100n),
  dust: amount(DOGE / 100n),
  maxFee: amount(100n * DOGE),
  // validation.h, DEFAULT_ANCESTOR_LIMIT and DEFAULT_DESCENDANT_SIZE_LIMIT.
  family: { count: 25, size: 101_000, spare: 0 },
  maxTransactionSize: 99_999,
  replacement: 'opt-in',
};

const channel: ChannelDefaults = {
  span: {
    height: { closingMargin: 120, minLifetime: 240, maxLifetime: 129_600 },
    time: { closingMargin: 21_600, minLifetime: 43_200, maxLifetime: 7_776_000 },
  },
  depth: [
    { upTo: amount(1_000n * DOGE), blocks: 3 },
    { upTo: amount(100_000n * DOGE), blocks: 20 },
    { upTo: MAX_AMOUNT, blocks: 60 },
  ],
  buried: 60,
};

const common = { name: 'Dogecoin', ticker: 'DOGE', uriScheme: 'dogecoin', blockSeconds: 60, policy, channel } as const;

// CSV (BIP68/112/113) and SegWit can't activate on Dogecoin: merge mining uses the version bits (chainparams.cpp, versionbits.cpp, validation.cpp).
export const dogecoin: Coin = {
  ...common,
  id: 'dogecoin',
  network: 'main',
  genesis: '1a91e3dace36e2be3bf030a65679fe821aa1d6ef92e7c9902eb318182c355691',
  prefix: { p2pkh: 30, p2sh: [22], wif: 158, bip32: { public: 0x02facafd, private: 0x02fac398 } },
  slip44: 3,
  rpcPort: 22555,
  coinbaseMaturity: 240,
  rules: { cltv: height(3_464_751) },
};

export const dogecoinTest: Coin = {
  ...common,
  id: 'dogecoin-test',
  network: 'test',
  genesis: 'bb0a78264637406b6360aad926284d544d7049f45189db5664f3c4d07350559e',
  prefix: { p2pkh: 113, p2sh: [196], wif: 241, bip32: { public: 0x043587cf, private: 0x04358394 } },
  slip44: 1,
  rpcPort: 44555,
  coinbaseMaturity: 240,
  rules: { cltv: height(1_854_705) },
};

export const dogecoinRegtest: Coin = {
  ...common,
  id: 'dogecoin-regtest',
  network: 'regtest',
  genesis: '3d2160a3b5dc4a9d62e7e66a295f70313ac808440ef7400d6c0772171ce973a5',
  prefix: { p2pkh: 111, p2sh: [196], wif: 239, bip32: { public: 0x043587cf, private: 0x04358394 } },
  slip44: 1,
  rpcPort: 18332,
  coinbaseMaturity: 60,
  rules: { cltv: height(1351) },
};
