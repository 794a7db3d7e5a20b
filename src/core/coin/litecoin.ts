import { amount, MAX_AMOUNT } from '../base/amount.ts';
import { height } from '../base/height.ts';
import type { ChannelDefaults, Coin, Policy } from './coin.ts';

const LTC = 100_000_000n;

// Litecoin Core 0.21 policy/policy.h: 1 litoshi/vB relay, P2PKH dust 5,460; no replacement.
const policy: Policy = {
  minRelayFeeRate: amount(1_000n),
  feeRate: amount(10_000n),
  dust: amount(5_460n),
  maxFee: amount(LTC / 10n),
  // validation.h, DEFAULT_ANCESTOR_LIMIT and DEFAULT_DESCENDANT_SIZE_LIMIT.
  family: { count: 25, size: 101_000, spare: 10_000 },
  maxTransactionSize: 99_999,
  replacement: 'never',
};

const channel: ChannelDefaults = {
  span: {
    height: { closingMargin: 48, minLifetime: 96, maxLifetime: 51_840 },
    time: { closingMargin: 21_600, minLifetime: 43_200, maxLifetime: 7_776_000 },
  },
  depth: [
    { upTo: amount(LTC), blocks: 2 },
    { upTo: amount(100n * LTC), blocks: 6 },
    { upTo: MAX_AMOUNT, blocks: 24 },
  ],
  buried: 24,
};

const common = {
  name: 'Litecoin',
  ticker: 'LTC',
  uriScheme: 'litecoin',
  blockSeconds: 150,
  coinbaseMaturity: 100,
  policy,
  channel,
} as const;

export const litecoin: Coin = {
  ...common,
  id: 'litecoin',
  network: 'main',
  genesis: '12a765e31ffd4059bada1e25190f6e98c99d9714d334efa41a195a7e7e04bfe2',
  prefix: { p2pkh: 48, p2sh: [50, 5], wif: 176, bech32: 'ltc', bip32: { public: 0x0488b21e, private: 0x0488ade4 } },
  slip44: 2,
  rpcPort: 9332,
  rules: { cltv: height(918_684), csv: height(1_201_536), segwit: height(1_201_536) },
};

export const litecoinTest: Coin = {
  ...common,
  id: 'litecoin-test',
  network: 'test',
  genesis: '4966625a4b2851d9fdee139e56211a0d88575f59ed816ff5e6a63deb4e3e29a0',
  prefix: { p2pkh: 111, p2sh: [58, 196], wif: 239, bech32: 'tltc', bip32: { public: 0x043587cf, private: 0x04358394 } },
  slip44: 1,
  rpcPort: 19332,
  rules: { cltv: height(76), csv: height(6_048), segwit: height(6_048) },
};

export const litecoinRegtest: Coin = {
  ...common,
  id: 'litecoin-regtest',
  network: 'regtest',
  genesis: '530827f38f93b43ed12af0b3ad25a288dc02ed74d6d7857862df51fc56c416f9',
  prefix: { p2pkh: 111, p2sh: [58, 196], wif: 239, bech32: 'rltc', bip32: { public: 0x043587cf, private: 0x04358394 } },
  slip44: 1,
  rpcPort: 19443,
  rules: { cltv: height(1351), csv: height(432), segwit: height(0) },
};
