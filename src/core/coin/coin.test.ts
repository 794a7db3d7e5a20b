import assert from 'node:assert/strict';
import { test } from 'node:test';
import { amount, MAX_AMOUNT } from '../base/amount.ts';
import { height } from '../base/height.ts';
import { caip2, depthFor, hasRule, type Rule } from './coin.ts';
import { dogecoin } from './dogecoin.ts';
import { litecoinRegtest } from './litecoin.ts';
import { coinByGenesis, coinById, coins } from './registry.ts';

const NEVER = undefined;

/** Numbers of each node's `chainparams.cpp`: CAIP-2 reference, P2PKH, P2SH, WIF, BIP32 public and private, BIP44 number, RPC port, CLTV, CSV, SegWit. */
const published = {
  dogecoin: ['1a91e3dace36e2be3bf030a65679fe82', 30, [22], 158, 0x02facafd, 0x02fac398, 3, 22555, 3_464_751, NEVER, NEVER],
  'dogecoin-test': ['bb0a78264637406b6360aad926284d54', 113, [196], 241, 0x043587cf, 0x04358394, 1, 44555, 1_854_705, NEVER, NEVER],
  'dogecoin-regtest': ['3d2160a3b5dc4a9d62e7e66a295f7031', 111, [196], 239, 0x043587cf, 0x04358394, 1, 18332, 1351, NEVER, NEVER],
  litecoin: ['12a765e31ffd4059bada1e25190f6e98', 48, [50, 5], 176, 0x0488b21e, 0x0488ade4, 2, 9332, 918_684, 1_201_536, 1_201_536],
  'litecoin-test': ['4966625a4b2851d9fdee139e56211a0d', 111, [58, 196], 239, 0x043587cf, 0x04358394, 1, 19332, 76, 6048, 6048],
  'litecoin-regtest': ['530827f38f93b43ed12af0b3ad25a288', 111, [58, 196], 239, 0x043587cf, 0x04358394, 1, 19443, 1351, 432, 0],
  bitcoin: ['000000000019d6689c085ae165831e93', 0, [5], 128, 0x0488b21e, 0x0488ade4, 0, 8332, 388_381, 419_328, 481_824],
  'bitcoin-test': ['00000000da84f2bafbbc53dee25a72ae', 111, [196], 239, 0x043587cf, 0x04358394, 1, 48332, 1, 1, 1],
  'bitcoin-regtest': ['0f9188f13cb7b2c71f2a335e3a4fc328', 111, [196], 239, 0x043587cf, 0x04358394, 1, 18443, 1, 1, 0],
};

test('every coin has the numbers its node has', () => {
  assert.deepEqual(
    coins.map(({ id }) => id),
    Object.keys(published),
  );
  const ours = coins.map((coin) => {
    const { id, prefix, slip44, rpcPort, rules } = coin;
    const { p2pkh, p2sh, wif, bip32 } = prefix;
    const numbers = [p2pkh, p2sh, wif, bip32.public, bip32.private, slip44, rpcPort, rules.cltv, rules.csv, rules.segwit];
    return [id, [caip2(coin).replace(/^bip122:/, ''), ...numbers]];
  });
  assert.deepEqual(Object.fromEntries(ours), published);
});

test('block times and coinbase maturities are those of the nodes', () => {
  const times = { Dogecoin: 60, Litecoin: 150, Bitcoin: 600 };
  for (const coin of coins) {
    assert.equal(coin.blockSeconds, times[coin.name], coin.id);
    const onDogecoin = coin.network === 'regtest' ? 60 : 240;
    assert.equal(coin.coinbaseMaturity, coin.name === 'Dogecoin' ? onDogecoin : 100, coin.id);
  }
});

test('a coin is found by id and by genesis hash, and by nothing else', () => {
  for (const coin of coins) {
    assert.match(coin.genesis, /^[0-9a-f]{64}$/);
    assert.equal(coinById(coin.id), coin);
    assert.equal(coinByGenesis(coin.genesis), coin);
  }
  assert.equal(new Set(coins.map(({ genesis }) => genesis)).size, coins.length);
  assert.equal(coinById('Dogecoin'), undefined);
  assert.equal(coinById('constructor'), undefined);
  assert.equal(coinByGenesis(dogecoin.genesis.toUpperCase()), undefined);
});

test('a rule binds from its height on, and an absent one never', () => {
  assert.ok(!hasRule(dogecoin, 'cltv', height(3_464_750)));
  assert.ok(hasRule(dogecoin, 'cltv', height(3_464_751)));
  assert.ok(hasRule(litecoinRegtest, 'segwit', height(0)));
  for (const rule of ['csv', 'segwit'] satisfies Rule[]) assert.ok(!hasRule(dogecoin, rule, height(499_999_999)));
});

test('larger deposits must be deeper, on every coin', () => {
  const { depth } = dogecoin.channel;
  assert.equal(depthFor(depth, amount(100_000_000_000n)), 3);
  assert.equal(depthFor(depth, amount(100_000_000_001n)), 20);
  assert.equal(depthFor(depth, amount(10_000_000_000_000n)), 20);
  assert.equal(depthFor(depth, MAX_AMOUNT), 60);
  for (const { id, channel } of coins) {
    for (const [i, step] of channel.depth.entries()) {
      const before = channel.depth[i - 1];
      assert.ok(before === undefined || (before.upTo < step.upTo && before.blocks < step.blocks), id);
    }
    assert.equal(channel.depth.at(-1)?.upTo, MAX_AMOUNT);
  }
});

test('the last step covers what is larger than all steps; no steps ask for one block', () => {
  assert.equal(depthFor([{ upTo: amount(5n), blocks: 2 }], amount(6n)), 2);
  assert.equal(depthFor([], amount(6n)), 1);
});

test('the numbers of a coin fit each other', () => {
  for (const { id, policy, channel } of coins) {
    assert.ok(policy.minRelayFeeRate <= policy.feeRate, id);
    assert.ok(policy.dust > 0n && policy.dust < policy.maxFee, id);
    for (const { closingMargin, minLifetime, maxLifetime } of Object.values(channel.span)) {
      assert.ok(closingMargin < minLifetime && minLifetime < maxLifetime, id);
    }
  }
});
