import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type Owned, ownedBy, purseScript, sign, spend, testKey, UNIT } from '../../../test/regtest/world.ts';
import { amount } from '../../core/base/amount.ts';
import type { TxId } from '../../core/base/bytes.ts';
import type { Coin } from '../../core/coin/coin.ts';
import { dogecoinRegtest } from '../../core/coin/dogecoin.ts';
import { litecoinRegtest } from '../../core/coin/litecoin.ts';
import { script } from '../../core/tx/script.ts';
import { type Transaction, type TxOutput, transactionId, transactionSize } from '../../core/tx/transaction.ts';
import { createRegtest, type Outcome, type Regtest } from './regtest.ts';

const START = 1_700_000_000;
const HOUR = 3_600;
const KEY = testKey(0).publicKey;
const PURSE_UNIT = { value: UNIT, script: purseScript };
const coins = [dogecoinRegtest, litecoinRegtest] as const;

/** A chain whose purse has mature coins, and its clock in seconds. */
function opened(coin: Coin): { readonly regtest: Regtest; readonly clock: { seconds: number }; readonly take: () => Owned } {
  const clock = { seconds: START };
  const regtest = createRegtest({ coin, now: () => clock.seconds * 1000 });
  regtest.mine(coin.coinbaseMaturity + 40, { payTo: purseScript });
  let height = 0;
  const take = (): Owned => {
    const coinbase = regtest.block(++height)?.transactions[0]?.transaction;
    assert.ok(coinbase);
    return ownedBy(coinbase, 0);
  };
  return { regtest, clock, take };
}

const back = (from: Owned, fee: bigint, ...more: readonly TxOutput[]): TxOutput[] => [
  { value: from.output.value - fee - more.reduce((sum, { value }) => sum + value, 0n), script: purseScript },
  ...more,
];
const reason = (outcome: Outcome): string => (outcome.kind === 'refused' ? `${outcome.code} ${outcome.reason}` : outcome.kind);
const id = (tx: Transaction): TxId => transactionId(tx);

describe('what peers drop and the node itself takes, on Dogecoin', () => {
  const LEAST = 100n;

  test('a free transaction of an old coin', () => {
    const { regtest, take } = opened(dogecoinRegtest);
    const coin = take();
    const free = spend([coin], back(coin, 0n));
    assert.equal(reason(regtest.broadcast(free)), '66 rate limited free transaction');
    assert.equal(reason(regtest.broadcast(free, { relay: 'local' })), 'accepted');
  });

  test('soft dust costs 0.01 each among peers', () => {
    const { regtest, take } = opened(dogecoinRegtest);
    const soft = { value: UNIT / 100n - 1n, script: purseScript };
    for (const count of [1, 2]) {
      const coin = take();
      const make = (fee: bigint): Transaction => spend([coin], back(coin, fee, ...Array.from({ length: count }, () => soft)));
      const least = (tx: Transaction): bigint => LEAST * BigInt(transactionSize(tx)) + (BigInt(count) * UNIT) / 100n;
      const cheap = make(least(make(0n)) - 1_000n);
      assert.equal(reason(regtest.broadcast(cheap)), '66 rate limited free transaction');
      assert.equal(reason(regtest.broadcast(make(least(make(0n)) + 1_000n))), 'accepted');
    }
  });

  test('an output of exactly 0.01 is no dust, and data is none either', () => {
    const { regtest, take } = opened(dogecoinRegtest);
    const coin = take();
    const tx = spend(
      [coin],
      back(coin, 40_000n, { value: UNIT / 100n, script: purseScript }, { value: 0n, script: script('RETURN', Uint8Array.of(1)) }),
    );
    assert.equal(reason(regtest.broadcast(tx)), 'accepted');
  });

  test('on Litecoin both ways are one', () => {
    const { regtest, take } = opened(litecoinRegtest);
    const coin = take();
    const free = spend([coin], back(coin, 0n));
    assert.equal(reason(regtest.broadcast(free)), '66 min relay fee not met');
    assert.equal(reason(regtest.broadcast(free, { relay: 'local' })), '66 min relay fee not met');
    assert.equal(reason(regtest.broadcast(spend([coin], back(coin, 300n)))), 'accepted');
  });
});

describe('a coin with another policy is a node started with other limits', () => {
  const limits = (coin: Coin): Coin => ({ ...coin, policy: { ...coin.policy, minRelayFeeRate: amount(1_000n), dust: amount(546n) } });
  const withOutput = (from: Owned, value: bigint): Transaction => spend([from], back(from, 600n, { value, script: purseScript }));

  test('-minrelaytxfee: 600 is enough for some 200 bytes', () => {
    const { regtest, take } = opened(limits(dogecoinRegtest));
    assert.equal(reason(regtest.broadcast(withOutput(take(), 546n))), 'accepted');
    const usual = opened(dogecoinRegtest);
    assert.equal(reason(usual.regtest.broadcast(withOutput(usual.take(), UNIT))), '66 rate limited free transaction');
  });

  test('dust limits: below them each coin refuses in its own way', () => {
    for (const [coin, least, why] of [
      [dogecoinRegtest, 54n, '64 dust'],
      [dogecoinRegtest, 546n, '66 rate limited free transaction'],
      [litecoinRegtest, 546n, '64 dust'],
    ] as const) {
      const { regtest, take } = opened(limits(coin));
      assert.equal(reason(regtest.broadcast(withOutput(take(), least - 1n))), why);
      assert.equal(reason(regtest.broadcast(withOutput(take(), least), { relay: 'local' })), 'accepted');
    }
    const usual = opened(litecoinRegtest);
    assert.equal(reason(usual.regtest.broadcast(withOutput(usual.take(), 5_459n))), '64 dust');
    assert.equal(reason(usual.regtest.broadcast(withOutput(usual.take(), 5_460n))), 'accepted');
  });
});

test('a time in CLTV opens as a time lock does, and not with a height', () => {
  for (const coin of coins) {
    const { regtest, clock, take } = opened(coin);
    const output = { value: UNIT, script: script(START + HOUR, 'CHECKLOCKTIMEVERIFY') };
    const from = take();
    const holding = spend([from], back(from, 50_000n, output, output));
    assert.equal(regtest.mineBlock([holding]).kind, 'mined');
    const mined = (vout: number, lockTime: number): string => {
      const inputs = [{ outpoint: { txid: id(holding), vout }, script: new Uint8Array(), sequence: 0xffff_fffe }];
      const tx = { version: 1, inputs, outputs: [{ value: UNIT - 100_000n, script: purseScript }], lockTime };
      const outcome = regtest.mineBlock([tx]);
      return outcome.kind === 'mined' ? outcome.kind : outcome.reason;
    };
    regtest.mine(1_360 - regtest.tip.height);
    clock.seconds = START + 2 * HOUR;
    assert.equal(mined(1, START + HOUR), coin === dogecoinRegtest ? 'mined' : 'bad-txns-nonfinal', 'the time of the block, or BIP113');
    regtest.mine(6);
    assert.match(mined(2, START + HOUR - 1), /Locktime requirement not satisfied/, 'an earlier time');
    assert.match(mined(2, regtest.tip.height), /Locktime requirement not satisfied/, 'a height');
    assert.equal(mined(2, START + HOUR), 'mined');
  }
});

test('a time lock opens by the median of blocks, not by the clock', () => {
  for (const coin of coins) {
    const { regtest, clock, take } = opened(coin);
    const from = take();
    const tx = spend([from], back(from, 50_000n), { lockTime: START + HOUR });
    clock.seconds += 2 * HOUR;
    assert.equal(reason(regtest.broadcast(tx)), '64 non-final');
    regtest.mine(5);
    assert.equal(reason(regtest.broadcast(tx)), '64 non-final', 'five of eleven blocks are no majority');
    regtest.mine(1);
    assert.equal(reason(regtest.broadcast(tx)), 'accepted');
  }
});

describe('replacement on Dogecoin (BIP125)', () => {
  const RBF = { sequence: 0xffff_fffd };

  test('a better one takes the place of the first and of all that built on it', () => {
    const { regtest, take } = opened(dogecoinRegtest);
    const coin = take();
    const first = spend([coin], back(coin, 100_000n), RBF);
    const child = spend([ownedBy(first, 0)], back(ownedBy(first, 0), 100_000n));
    regtest.broadcast(first);
    regtest.broadcast(child);
    const poor = spend([coin], back(coin, 200_000n), RBF);
    assert.equal(reason(regtest.broadcast(poor)), '66 insufficient fee', 'as much as both, and nothing for its own way');
    const better = spend([coin], back(coin, 210_000n), RBF);
    assert.equal(reason(regtest.broadcast(better)), 'accepted');
    assert.deepEqual(regtest.mempool(), [id(better)]);
  });

  test('its own way costs 0.0001 per 1,000 bytes, to the unit', () => {
    const { regtest, take } = opened(dogecoinRegtest);
    const coin = take();
    regtest.broadcast(spend([coin], back(coin, 100_000n), RBF));
    const make = (fee: bigint): Transaction => spend([coin], back(coin, fee), RBF);
    const way = (tx: Transaction): bigint => (10_000n * BigInt(transactionSize(tx))) / 1000n;
    const short = make(100_000n + way(make(0n)) - 20n);
    assert.equal(reason(regtest.broadcast(short)), '66 insufficient fee');
    assert.equal(reason(regtest.broadcast(make(100_000n + way(make(0n)) + 20n))), 'accepted');
  });

  test('the same rate is not enough, however much more it comes to', () => {
    const { regtest, take } = opened(dogecoinRegtest);
    const coin = take();
    const RATE = 1_000n;
    // Signatures differ in length, so the split is varied until the fee is the rate to the unit.
    const at = (rate: bigint, outputs: number): Transaction => {
      for (let extra = 0n; ; extra++) {
        const fee = rate * BigInt(157 + 34 * outputs);
        const more = Array.from({ length: outputs - 1 }, (_, i) => ({ value: UNIT + (i === 0 ? extra : 0n), script: purseScript }));
        const tx = spend([coin], back(coin, fee, ...more), { ...RBF, lockTime: outputs === 1 ? Number(extra) : 0 });
        if (BigInt(transactionSize(tx)) * rate === fee) return tx;
      }
    };
    assert.equal(reason(regtest.broadcast(at(RATE, 1))), 'accepted');
    assert.equal(reason(regtest.broadcast(at(RATE, 3))), '66 insufficient fee');
    assert.equal(reason(regtest.broadcast(at(RATE + 1n, 3))), 'accepted');
  });

  test('a replacement may not lean on the unconfirmed, nor on what it replaces', () => {
    const { regtest, take } = opened(dogecoinRegtest);
    const [coin, other] = [take(), take()];
    const first = spend([coin], back(coin, 100_000n), RBF);
    const aside = spend([other], back(other, 100_000n));
    regtest.broadcast(first);
    regtest.broadcast(aside);
    const pay = { value: UNIT, script: purseScript };
    const fresh = ownedBy(aside, 0);
    assert.equal(reason(regtest.broadcast(spend([coin, fresh], [pay], RBF), { maxFee: 0n })), '64 replacement-adds-unconfirmed');
    const own = ownedBy(first, 0);
    assert.equal(reason(regtest.broadcast(spend([coin, own], [pay], RBF), { maxFee: 0n })), '16 bad-txns-spends-conflicting-tx');
    assert.equal(reason(regtest.broadcast(spend([coin], back(coin, 300_000n), RBF))), 'accepted');
  });

  test('Litecoin replaces nothing', () => {
    const { regtest, take } = opened(litecoinRegtest);
    const coin = take();
    regtest.broadcast(spend([coin], back(coin, 10_000n), RBF));
    assert.equal(reason(regtest.broadcast(spend([coin], back(coin, 100_000n), RBF))), '258 txn-mempool-conflict');
  });
});

/** A miner that gives old coins nothing. */
const BY_FEE = { prioritySize: 0 };

describe('what gets mined', () => {
  test('what pays below the miner floor waits; what pays it is taken', () => {
    const { regtest, take } = opened(dogecoinRegtest);
    const [one, two] = [take(), take()];
    const low = spend([one], back(one, 150_000n));
    const high = spend([two], back(two, 250_000n));
    regtest.broadcast(low);
    regtest.broadcast(high);
    regtest.mine(3, BY_FEE);
    assert.deepEqual(regtest.mempool(), [id(low)]);
    assert.equal(regtest.output(ownedBy(high, 0).outpoint)?.depth, 3);
  });

  test('a child can pay for its parent', () => {
    const { regtest, take } = opened(dogecoinRegtest);
    const coin = take();
    const parent = spend([coin], back(coin, 30_000n));
    const child = spend([ownedBy(parent, 0)], back(ownedBy(parent, 0), 500_000n));
    regtest.broadcast(parent);
    regtest.mine(1, BY_FEE);
    assert.deepEqual(regtest.mempool(), [id(parent)]);
    regtest.broadcast(child);
    regtest.mine(1, BY_FEE);
    assert.deepEqual(regtest.mempool(), []);
    const mined = regtest.block(regtest.tip.height)?.transactions.map(({ txid }) => txid);
    assert.deepEqual(mined?.slice(1), [id(parent), id(child)]);
  });

  test('a rich parent does not carry a poor child', () => {
    const { regtest, take } = opened(dogecoinRegtest);
    const coin = take();
    const parent = spend([coin], back(coin, 300_000n));
    const child = spend([ownedBy(parent, 0)], back(ownedBy(parent, 0), 150_000n));
    regtest.broadcast(parent);
    regtest.broadcast(child);
    regtest.mine(1, BY_FEE);
    assert.deepEqual(regtest.mempool(), [id(child)]);
  });

  test('the best paying first when a block is full', () => {
    const { regtest, take } = opened(dogecoinRegtest);
    const big = Array.from({ length: 9 }, (_, i) => {
      const coin = take();
      const outputs = Array.from({ length: 2_800 }, () => ({ value: UNIT / 10n, script: purseScript }));
      return spend([coin], back(coin, BigInt(2 + i) * UNIT, ...outputs));
    });
    for (const tx of big) assert.equal(reason(regtest.broadcast(tx)), 'accepted');
    regtest.mine(1, BY_FEE);
    assert.deepEqual(regtest.mempool(), big.slice(0, 2).map(id), '95 kB each, 750 kB a block: the two poorest wait');
    regtest.mine(1, BY_FEE);
    assert.deepEqual(regtest.mempool(), []);
  });
});

describe('what gets mined for the age of its coins', () => {
  const mined = (regtest: Regtest): TxId[] => (regtest.block(regtest.tip.height)?.transactions ?? []).slice(1).map(({ txid }) => txid);

  test('one a block whatever it pays, the oldest first: on Dogecoin, by default miners', () => {
    const { regtest, take } = opened(dogecoinRegtest);
    const [one, two] = [take(), take()];
    // Coins of a single unit of 10^8, one block and two blocks deep: not old at all.
    const [small, other] = [spend([one], back(one, 300_000n, PURSE_UNIT)), spend([two], back(two, 300_000n, PURSE_UNIT))];
    regtest.broadcast(small);
    regtest.mine(1);
    regtest.broadcast(other);
    regtest.mine(1);
    const [older, younger] = [small, other].map((tx) => ownedBy(tx, 1));
    assert.ok(older && younger);
    const [late, early] = [spend([younger], back(younger, 30_000n)), spend([older], back(older, 25_000n))];
    for (const tx of [late, early]) assert.equal(reason(regtest.broadcast(tx)), 'accepted');
    regtest.mine(1, BY_FEE);
    assert.deepEqual(mined(regtest), []);
    regtest.mine(1);
    assert.deepEqual(mined(regtest), [id(early)]);
    regtest.mine(1);
    assert.deepEqual(mined(regtest), [id(late)]);
  });

  test('never on Litecoin, nor by a miner that was given a rate', () => {
    const { regtest, take } = opened(litecoinRegtest);
    const coin = take();
    regtest.broadcast(spend([coin], back(coin, 200n)));
    regtest.mine(1, { minFeeRate: amount(2_000n) });
    assert.equal(regtest.mempool().length, 1);
    const doge = opened(dogecoinRegtest);
    const old = doge.take();
    doge.regtest.broadcast(spend([old], back(old, 100_000n)));
    doge.regtest.mine(1, { minFeeRate: dogecoinRegtest.policy.feeRate });
    assert.equal(doge.regtest.mempool().length, 1);
    doge.regtest.mine(1, { minFeeRate: dogecoinRegtest.policy.feeRate, prioritySize: 1 });
    assert.equal(doge.regtest.mempool().length, 0);
  });

  test('old ones up to 27,000 bytes, and the one that goes beyond', () => {
    const { regtest, take } = opened(dogecoinRegtest);
    const long = Array.from({ length: 6 }, () => {
      const coin = take();
      const outputs = Array.from({ length: 290 }, () => ({ value: UNIT / 10n, script: purseScript }));
      return spend([coin], back(coin, 1_500_000n, ...outputs));
    });
    for (const tx of long) assert.equal(reason(regtest.broadcast(tx)), 'accepted');
    regtest.mine(1);
    assert.deepEqual(mined(regtest).length, 3, '10 kB each, after the 1,000 bytes of the coinbase');
    regtest.mine(1);
    assert.deepEqual(regtest.mempool(), []);
  });

  test('a child comes after its parent, and what was unconfirmed when it came is never old', () => {
    const { regtest, take } = opened(dogecoinRegtest);
    const coin = take();
    const parent = spend([coin], back(coin, 30_000n));
    const child = spend([ownedBy(parent, 0)], back(ownedBy(parent, 0), 30_000n));
    const grandchild = spend([ownedBy(child, 0)], back(ownedBy(child, 0), 30_000n));
    for (const tx of [parent, child, grandchild]) assert.equal(reason(regtest.broadcast(tx)), 'accepted');
    regtest.mine(1);
    // The parent is old; the child is the one that every block may hold.
    assert.deepEqual(mined(regtest), [id(parent), id(child)]);
    const rival = take();
    const old = spend([rival], back(rival, 30_000n));
    regtest.mine(300, BY_FEE);
    regtest.broadcast(old);
    regtest.mine(1, { prioritySize: 1 });
    assert.deepEqual(mined(regtest), [id(old)], 'first, though the other has waited for 300 blocks');
    assert.deepEqual(regtest.mempool(), [id(grandchild)]);
  });

  test('a block holds no more signature checks than it may', () => {
    const { regtest, take } = opened(dogecoinRegtest);
    const heavy = Array.from({ length: 6 }, () => {
      const coin = take();
      const checks = Array.from({ length: 199 }, () => ({ value: UNIT, script: script('OP_1', KEY, 'OP_1', 'CHECKMULTISIG') }));
      return spend([coin], back(coin, 10n * UNIT, ...checks));
    });
    for (const tx of heavy) assert.equal(reason(regtest.broadcast(tx)), 'accepted');
    for (const prioritySize of [0, 27_000]) {
      regtest.mine(1, { prioritySize });
      assert.ok(mined(regtest).length >= 1 && mined(regtest).length < 6);
    }
    assert.deepEqual(regtest.mempool(), []);
  });
});

describe('what leaves the mempool', () => {
  test('after 24 hours on Dogecoin, 336 on Litecoin, with all that builds on it', () => {
    for (const coin of coins) {
      const { regtest, clock, take } = opened(coin);
      const from = take();
      const parent = spend([from], back(from, 50_000n));
      regtest.broadcast(parent);
      const hours = coin.name === 'Dogecoin' ? 24 : 336;
      clock.seconds += hours * HOUR;
      const child = spend([ownedBy(parent, 0)], back(ownedBy(parent, 0), 50_000n));
      assert.equal(reason(regtest.broadcast(child)), 'accepted');
      assert.equal(regtest.mempool().length, 2);
      clock.seconds += 1;
      assert.deepEqual(regtest.mempool(), []);
      assert.equal(reason(regtest.broadcast(parent)), 'accepted');
    }
  });

  test('what a block made impossible, with all that builds on it', () => {
    const { regtest, take } = opened(dogecoinRegtest);
    const coin = take();
    const loser = spend([coin], back(coin, 300_000n));
    const child = spend([ownedBy(loser, 0)], back(ownedBy(loser, 0), 300_000n));
    const bystander = take();
    const other = spend([bystander], back(bystander, 300_000n));
    for (const tx of [loser, child, other]) regtest.broadcast(tx);
    const winner = spend([coin], back(coin, 400_000n));
    assert.equal(regtest.mineBlock([winner]).kind, 'mined');
    assert.deepEqual(regtest.mempool(), [id(other)]);
    assert.equal(reason(regtest.broadcast(loser)), 'missing-inputs', 'the coinbase had no other output');
  });

  test('after a reorganisation: what has become too early or rests on nothing', () => {
    const { regtest, take } = opened(dogecoinRegtest);
    const [one, two] = [take(), take()];
    const early = regtest.tip.height;
    const [hash = ''] = regtest.mine(1);
    const locked = spend([one], back(one, 300_000n), { lockTime: early + 1 });
    const plain = spend([two], back(two, 300_000n), { lockTime: early - 1 });
    assert.equal(reason(regtest.broadcast(locked)), 'accepted');
    assert.equal(reason(regtest.broadcast(plain)), 'accepted');
    regtest.invalidate(hash);
    assert.deepEqual(regtest.mempool(), [id(plain)]);
    const young = regtest.block(regtest.tip.height - dogecoinRegtest.coinbaseMaturity + 1)?.transactions[0]?.transaction;
    assert.ok(young);
    const fresh = spend([ownedBy(young, 0)], back(ownedBy(young, 0), 300_000n));
    assert.equal(reason(regtest.broadcast(fresh)), 'accepted');
    regtest.invalidate(regtest.tip.hash);
    assert.deepEqual(regtest.mempool(), [id(plain)]);
  });

  test('a freed transaction wins over the one that came while it was mined', () => {
    const { regtest, take } = opened(dogecoinRegtest);
    const coin = take();
    const first = spend([coin], back(coin, 300_000n));
    const [funded = ''] = [regtest.mineBlock([first])].map((mined) => (mined.kind === 'mined' ? mined.hash : ''));
    const child = spend([ownedBy(first, 0)], back(ownedBy(first, 0), 300_000n));
    regtest.broadcast(child);
    regtest.invalidate(funded);
    assert.deepEqual(regtest.mempool(), [id(first), id(child)]);
    assert.equal(reason(regtest.broadcast(spend([coin], back(coin, 900_000n)))), '258 txn-mempool-conflict');
  });

  test('the age of what waits survives a reorganisation', () => {
    const { regtest, clock, take } = opened(dogecoinRegtest);
    const coin = take();
    const tx = spend([coin], back(coin, 150_000n));
    regtest.broadcast(tx);
    clock.seconds += 23 * HOUR;
    const [hash = ''] = regtest.mine(1, BY_FEE);
    regtest.invalidate(hash);
    assert.deepEqual(regtest.mempool(), [id(tx)]);
    clock.seconds += 2 * HOUR;
    assert.deepEqual(regtest.mempool(), []);
  });
});

describe('what a miner put into a block and nodes do not relay', () => {
  for (const coin of coins) {
    test(`${coin.id}: a bare multisig that asks for no signature, beside one that asks for one`, () => {
      const { regtest, take } = opened(coin);
      const coinbase = take();
      const of = (required: 'OP_0' | 'OP_1'): TxOutput => ({ value: UNIT, script: script(required, KEY, 'OP_1', 'CHECKMULTISIG') });
      const made = spend([coinbase], back(coinbase, 0n, of('OP_0'), of('OP_1')));
      assert.equal(regtest.mineBlock([made]).kind, 'mined');
      const free = spend([ownedBy(made, 1)], [{ value: UNIT / 2n, script: purseScript }]);
      const unlocked = { ...free, inputs: free.inputs.map((input) => ({ ...input, script: script('OP_0') })) };
      assert.equal(reason(regtest.broadcast(unlocked, { maxFee: 0n })), '64 bad-txns-nonstandard-inputs');
      assert.equal(regtest.mineBlock([unlocked]).kind, 'mined', 'consensus has nothing against it');
      const unsigned = { ...free, inputs: free.inputs.map((input) => ({ ...input, outpoint: { ...input.outpoint, vout: 2 } })) };
      const signed = {
        ...unsigned,
        inputs: unsigned.inputs.map((input) => ({ ...input, script: script('OP_0', sign(unsigned, 0, of('OP_1').script)) })),
      };
      assert.equal(reason(regtest.broadcast(signed, { maxFee: 0n })), 'accepted');
    });
  }
});
