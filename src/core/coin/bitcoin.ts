import { amount, MAX_AMOUNT } from '../base/amount.ts';
import { height } from '../base/height.ts';
import type { ChannelDefaults, Coin, Policy } from './coin.ts';

const BTC = 100_000_000n;

// Bitcoin Core 28 policy/policy.h: 1 sat/vB relay, P2PKH dust 546, full replacement.
const policy: Policy = {
  minRelayFeeRate: amount(1_000n),
  feeRate: amount(2_000n),
  dust: amount(546n),
  maxFee: amount(BTC / 10n),
  // validation.h, DEFAULT_ANCESTOR_LIMIT and DEFAULT_DESCENDANT_SIZE_LIMIT.
  family: { count: 25, size: 101_000, spare: 10_000 },
  maxTransactionSize: 99_999,
  replacement: 'always',
};

const channel: ChannelDefaults = {
  span: {
    height: { closingMargin: 18, minLifetime: 36, maxLifetime: 12_960 },
    time: { closingMargin: 25_200, minLifetime: 50_400, maxLifetime: 7_776_000 },
  },
  depth: [
    { upTo: amount(BTC / 100n), blocks: 1 },
    { upTo: amount(BTC), blocks: 3 },
    { upTo: MAX_AMOUNT, blocks: 6 },
  ],
  buried: 12,
};

const common = { name: 'Bitcoin', ticker: 'BTC', uriScheme: 'bitcoin', blockSeconds: 600, coinbaseMaturity: 100, policy, channel } as const;

export const bitcoin: Coin = {
  ...common,
  id: 'bitcoin',
  network: 'main',
  genesis: '000000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26f',
  prefix: { p2pkh: 0, p2sh: [5], wif: 128, bech32: 'bc', bip32: { public: 0x0488b21e, private: 0x0488ade4 } },
  slip44: 0,
  rpcPort: 8332,
  rules: { cltv: height(388_381), csv: height(419_328), segwit: height(481_824) },
};

/** testnet4 (BIP94). */
export const bitcoinTest: Coin = {
  ...common,
  id: 'bitcoin-test',
  network: 'test',
  genesis: '00000000da84f2bafbbc53dee25a72ae507ff4914b867c565be350b0da8bf043',
  prefix: { p2pkh: 111, p2sh: [196], wif: 239, bech32: 'tb', bip32: { public: 0x043587cf, private: 0x04358394 } },
  slip44: 1,
  rpcPort: 48332,
  rules: { cltv: height(1), csv: height(1), segwit: height(1) },
};

export const bitcoinRegtest: Coin = {
  ...common,
  id: 'bitcoin-regtest',
  network: 'regtest',
  genesis: '0f9188f13cb7b2c71f2a335e3a4fc328bf5beb436012afca590b1a11466e2206',
  prefix: { p2pkh: 111, p2sh: [196], wif: 239, bech32: 'bcrt', bip32: { public: 0x043587cf, private: 0x04358394 } },
  slip44: 1,
  rpcPort: 18443,
  rules: { cltv: height(1), csv: height(1), segwit: height(0) },
};
