import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  type Owned,
  ownedBy,
  purseScript,
  sign,
  spend,
  testKey,
  UNIT,
  unsigned,
  withHighS,
  withInputScript,
} from '../../../test/regtest/world.ts';
import { concatBytes } from '../../core/base/bytes.ts';
import type { Coin } from '../../core/coin/coin.ts';
import { dogecoin, dogecoinRegtest } from '../../core/coin/dogecoin.ts';
import { litecoinRegtest } from '../../core/coin/litecoin.ts';
import { OP, p2sh, script } from '../../core/tx/script.ts';
import { SIGHASH } from '../../core/tx/sighash.ts';
import type { Transaction } from '../../core/tx/transaction.ts';
import { makeBlock, merkleRoot, type RawBlock, withHash } from './block.ts';
import { BlockChain, type TipChange } from './chain.ts';
import { assemble } from './miner.ts';
import { createRegtest, type Mined, type Regtest } from './regtest.ts';

const START = 1_700_000_000;
const coins = [dogecoinRegtest, litecoinRegtest] as const;
const FEE = UNIT / 100n;
const KEY = testKey(0).publicKey;

function grown(coin: Coin, height: number): Regtest {
  const regtest = createRegtest({ coin, now: () => START * 1000 });
  regtest.mine(height, { payTo: purseScript });
  return regtest;
}

/** The coinbase of a block, which pays the purse. */
function coinbaseAt(regtest: Regtest, height: number): Owned {
  const coinbase = regtest.block(height)?.transactions[0]?.transaction;
  assert.ok(coinbase);
  return ownedBy(coinbase, 0);
}

/** Mines an output of `outputScript` past all policy; the way to test what blocks alone ask. */
function planted(regtest: Regtest, from: Owned, ...outputScripts: readonly Uint8Array[]): Owned[] {
  const value = (from.output.value - FEE) / BigInt(outputScripts.length);
  const tx = spend(
    [from],
    outputScripts.map((outputScript) => ({ value, script: outputScript })),
  );
  assert.equal(regtest.mineBlock([tx], { payTo: purseScript }).kind, 'mined');
  return outputScripts.map((_, vout) => ownedBy(tx, vout));
}

function unlock(
  owned: Owned,
  inputScript: (tx: Transaction) => Uint8Array,
  options: { lockTime?: number; sequence?: number; version?: number } = {},
): Transaction {
  const tx = unsigned([owned], [{ value: owned.output.value - FEE, script: purseScript }], options);
  return withInputScript(tx, 0, inputScript(tx));
}

const mine = (regtest: Regtest, ...transactions: readonly Transaction[]): Mined => regtest.mineBlock(transactions, { payTo: purseScript });
const reasonOf = (mined: Mined): string => (mined.kind === 'refused' ? mined.reason : 'mined');

describe('block 0', () => {
  for (const coin of coins) {
    test(`${coin.id}: its header hashes to the coin's genesis`, () => {
      const chain = new BlockChain({ coin, now: () => START * 1000 });
      assert.equal(chain.tip.block.hash, coin.genesis);
      assert.equal(chain.tip.height, 0);
      assert.equal(chain.coins.transactions, 0);
    });
  }

  test('a coin whose regtest is not modelled is refused', () => {
    assert.throws(() => new BlockChain({ coin: dogecoin, now: () => 0 }), /not dogecoin/);
  });
});

describe('mining', () => {
  test('rewards halve as on each regtest', () => {
    const rewards: readonly (readonly [Coin, number, bigint])[] = [
      [dogecoinRegtest, 1, 500_000n],
      [dogecoinRegtest, 149, 500_000n],
      [dogecoinRegtest, 150, 250_000n],
      [dogecoinRegtest, 899, 15_625n],
      [dogecoinRegtest, 900, 10_000n],
      [dogecoinRegtest, 5_000_000, 10_000n],
      [litecoinRegtest, 149, 50n],
      [litecoinRegtest, 150, 25n],
      [litecoinRegtest, 300, 12n],
    ];
    for (const [coin, height, whole] of rewards) {
      const { rules } = new BlockChain({ coin, now: () => 0 });
      assert.equal(rules.subsidy(height) / UNIT, whole, `${coin.id} ${height}`);
    }
  });

  test('the same calls at the same clock make the same chain', () => {
    for (const coin of coins) assert.equal(grown(coin, 20).tip.hash, grown(coin, 20).tip.hash);
  });

  test('a coinbase may take reward and fees and not a unit more', () => {
    for (const coin of coins) {
      const regtest = grown(coin, coin.coinbaseMaturity + 1);
      const from = coinbaseAt(regtest, 1);
      const tx = spend([from], [{ value: from.output.value - 1_000n, script: purseScript }]);
      const make = (fees: bigint): RawBlock => assemble(regtest.chain, { payTo: purseScript, transactions: [tx], fees });
      assert.deepEqual(regtest.submit(make(1_001n)), { kind: 'refused', reason: 'bad-cb-amount' });
      assert.equal(regtest.submit(make(1_000n)).kind, 'connected');
    }
  });

  test('coinbases mature after 60 blocks on Dogecoin, 100 on Litecoin', () => {
    for (const coin of coins) {
      const regtest = grown(coin, coin.coinbaseMaturity - 1);
      const from = coinbaseAt(regtest, 1);
      const tx = spend([from], [{ value: from.output.value - FEE, script: purseScript }]);
      assert.equal(reasonOf(mine(regtest, tx)), 'bad-txns-premature-spend-of-coinbase');
      regtest.mine(1);
      assert.equal(reasonOf(mine(regtest, tx)), 'mined');
    }
  });
});

/** A valid block that `change` has had its hands on. */
function spoiled(regtest: Regtest, change: (block: RawBlock) => RawBlock): ReturnType<Regtest['submit']> {
  return regtest.submit(change(assemble(regtest.chain, { payTo: purseScript, transactions: [], fees: 0n })));
}

describe('a block from elsewhere', () => {
  const header = (fields: Partial<RawBlock['header']>): ((block: RawBlock) => RawBlock) => {
    return (block) => withHash({ ...block.header, ...fields }, block.transactions);
  };
  const wrong: readonly (readonly [string, (block: RawBlock) => RawBlock])[] = [
    ['bad-prevblk', header({ previous: 'ab'.repeat(32) })],
    ['high-hash', header({ version: 0x0063_0004 })],
    ['high-hash', header({ version: 4 })],
    ['high-hash', header({ version: 0x0062_0104 })],
    ['bad-diffbits', header({ bits: 0x1d00_ffff })],
    ['time-too-old', header({ time: START })],
    ['time-too-new', header({ time: START + 7_300 })],
    ['bad-txnmrklroot', header({ merkleRoot: 'ab'.repeat(32) })],
    ['bad-cb-missing', (block) => makeBlock(block.header, [unsigned([], [])])],
    ['bad-cb-multiple', twice((coinbase) => ({ ...coinbase, lockTime: 1 }))],
    ['bad-txns-duplicate', twice((coinbase) => coinbase)],
    ['bad-cb-length', changed((tx) => withInputScript(tx, 0, Uint8Array.of(1)))],
    ['bad-txns-vout-empty', changed((tx) => ({ ...tx, outputs: [] }))],
    ['bad-blk-sigops', changed((tx) => ({ ...tx, outputs: [{ value: 0n, script: new Uint8Array(1_001).fill(OP.CHECKMULTISIG) }] }))],
    ['bad-blk-length', changed((tx) => ({ ...tx, outputs: many(10, { value: 0n, script: new Uint8Array(99_990) }) }))],
    ['bad-txns-nonfinal', changed((tx) => ({ ...withSequence(tx, 0), lockTime: 500 }))],
  ];

  function changed(change: (coinbase: Transaction) => Transaction): (block: RawBlock) => RawBlock {
    return ({ header: fields, transactions }) =>
      makeBlock(
        fields,
        transactions.map(({ transaction }) => change(transaction)),
      );
  }
  function twice(change: (coinbase: Transaction) => Transaction): (block: RawBlock) => RawBlock {
    return ({ header: fields, transactions }) =>
      makeBlock(
        fields,
        transactions.flatMap(({ transaction }) => [transaction, change(transaction)]),
      );
  }
  function withSequence(tx: Transaction, sequence: number): Transaction {
    return { ...tx, inputs: tx.inputs.map((input) => ({ ...input, sequence })) };
  }
  function many<T>(count: number, value: T): T[] {
    return Array.from({ length: count }, () => value);
  }

  for (const [reason, change] of wrong) {
    test(`${reason}, beside the same block untouched`, () => {
      const regtest = grown(dogecoinRegtest, 12);
      const before = regtest.tip;
      assert.deepEqual(spoiled(regtest, change), { kind: 'refused', reason });
      assert.deepEqual(regtest.tip, before);
      assert.equal(spoiled(regtest, (block) => block).kind, 'connected');
    });
  }

  test('a block is younger than the median of the eleven before it', () => {
    const regtest = grown(dogecoinRegtest, 30);
    const { medianTime } = regtest.chain.tip;
    assert.deepEqual(spoiled(regtest, header({ time: medianTime })), { kind: 'refused', reason: 'time-too-old' });
    assert.equal(spoiled(regtest, header({ time: medianTime + 1 })).kind, 'connected');
  });

  test('a merkle root of an odd number of transactions hashes the last with itself', () => {
    // Block 100,002 of Bitcoin would do as well; this one is from the definition.
    const regtest = grown(dogecoinRegtest, 3);
    const ids = [1, 2, 3].map((at) => coinbaseAt(regtest, at).outpoint.txid);
    const [a, b, c] = ids;
    assert.ok(a && b && c);
    assert.equal(merkleRoot([a, b, c]), merkleRoot([a, b, c, c]));
    assert.notEqual(merkleRoot([a, b, c]), merkleRoot([a, c, b]));
  });

  test('Litecoin wants the height in the coinbase from block 500, Dogecoin never', () => {
    const strip = changed((tx) => withInputScript(tx, 0, Uint8Array.of(2, 1, 1)));
    const litecoin = grown(litecoinRegtest, 498);
    assert.equal(spoiled(litecoin, strip).kind, 'connected');
    assert.deepEqual(spoiled(litecoin, strip), { kind: 'refused', reason: 'bad-cb-height' });
    assert.equal(spoiled(litecoin, (block) => block).kind, 'connected');
    assert.equal(spoiled(grown(dogecoinRegtest, 501), strip).kind, 'connected');
  });

  test('on Dogecoin every block bears the chain’s id from block 20 on; on Litecoin versions are free', () => {
    for (const version of [1, 2]) {
      const regtest = grown(dogecoinRegtest, 18);
      assert.equal(spoiled(regtest, header({ version })).kind, 'connected');
      assert.deepEqual(spoiled(regtest, header({ version })), { kind: 'refused', reason: 'late-legacy-block' });
      assert.equal(spoiled(regtest, (block) => block).kind, 'connected');
    }
    const litecoin = grown(litecoinRegtest, 18);
    for (const version of [1, 0x0063_0004, 0x0062_0104, -1]) assert.equal(spoiled(litecoin, header({ version })).kind, 'connected');
    assert.deepEqual(spoiled(litecoin, header({ previous: 'ab'.repeat(32) })), { kind: 'refused', reason: 'prev-blk-not-found' });
  });

  test('what a block holds is looked at before where it stands, unless it is one’s own', () => {
    const regtest = grown(dogecoinRegtest, 12);
    const both = header({ merkleRoot: 'ab'.repeat(32), time: START });
    assert.deepEqual(spoiled(regtest, both), { kind: 'refused', reason: 'bad-txnmrklroot' });
    assert.deepEqual(spoiled(regtest, header({ version: 0x0063_0004, previous: 'ab'.repeat(32) })), {
      kind: 'refused',
      reason: 'high-hash',
    });
    const nobody = unsigned([], []);
    assert.deepEqual(regtest.mineBlock([nobody], { time: START + 7_300 }), { kind: 'refused', reason: 'time-too-new' });
    assert.deepEqual(regtest.mineBlock([nobody]), { kind: 'refused', reason: 'bad-txns-vin-empty' });
  });

  test('two hours ahead of the clock, not of the chain, which may itself be ahead', () => {
    const regtest = grown(dogecoinRegtest, 12);
    for (let i = 0; i < 12; i++) assert.equal(regtest.mineBlock([], { time: START + 7_200 }).kind, i < 6 ? 'mined' : 'refused');
    assert.deepEqual(regtest.mineBlock([], { time: START + 7_201 }), { kind: 'refused', reason: 'time-too-new' });
  });

  test('old block versions end with the rules they lack', () => {
    const young = grown(litecoinRegtest, 498);
    assert.equal(spoiled(young, header({ version: 1 })).kind, 'connected');
    assert.deepEqual(spoiled(young, header({ version: 1 })), { kind: 'refused', reason: 'bad-version(0x00000001)' });
    assert.equal(spoiled(young, header({ version: 2 })).kind, 'connected');
    for (const [coin, one] of [
      [dogecoinRegtest, 0x0062_0003],
      [litecoinRegtest, 3],
    ] as const) {
      const regtest = grown(coin, 1_349);
      const old = header({ version: one });
      assert.equal(spoiled(regtest, old).kind, 'connected');
      const refused = spoiled(regtest, old);
      assert.deepEqual(refused, { kind: 'refused', reason: 'bad-version(0x00000003)' });
      assert.equal(spoiled(regtest, (block) => block).kind, 'connected');
    }
  });
});

/** An input that spends P2SH of `redeem`: what goes before the redeem script, and the fields around it. */
interface Attempt {
  readonly redeem: Uint8Array;
  readonly before: (tx: Transaction) => Uint8Array;
  readonly options?: { readonly lockTime?: number; readonly sequence?: number };
}

interface BindingRule {
  readonly name: string;
  readonly breaks: Attempt;
  readonly keeps: Attempt;
  /** From which block a break is refused; absent: never. */
  readonly binds: { readonly dogecoin?: number; readonly litecoin?: number };
  readonly reason: RegExp;
}

const single = script(KEY, 'CHECKSIG');
const multi = script('OP_1', KEY, 'OP_1', 'CHECKMULTISIG');
const lock = script(400, 'CHECKLOCKTIMEVERIFY', 'DROP', KEY, 'CHECKSIG');
const wait = script('OP_3', 'CHECKSEQUENCEVERIFY', 'DROP', KEY, 'CHECKSIG');
const by = (redeem: Uint8Array, options: Attempt['options'] = {}): Attempt => ({
  redeem,
  options,
  before: (tx) => script(sign(tx, 0, redeem)),
});
const withZero = (der: Uint8Array): Uint8Array =>
  concatBytes(Uint8Array.of(0x30, (der[1] ?? 0) + 1, 2, (der[3] ?? 0) + 1, 0), der.subarray(4));

const bindingRules: readonly BindingRule[] = [
  {
    name: 'CLTV (BIP65)',
    breaks: by(lock, { lockTime: 399 }),
    keeps: by(lock, { lockTime: 400 }),
    binds: { dogecoin: 1351, litecoin: 1351 },
    reason: /^non-mandatory-script-verify-flag \(Locktime requirement not satisfied\)$/,
  },
  {
    name: 'CSV (BIP112)',
    breaks: by(wait, { sequence: 0x8000_0003 }),
    keeps: by(wait, { sequence: 3 }),
    binds: { litecoin: 432 },
    reason: /^non-mandatory-script-verify-flag \(Locktime requirement not satisfied\)$/,
  },
  {
    name: 'a relative lock (BIP68)',
    breaks: by(single, { sequence: 0xffff }),
    keeps: by(single, { sequence: 2 }),
    binds: { litecoin: 432 },
    reason: /bad-txns-nonfinal/,
  },
  {
    name: 'strict DER (BIP66)',
    breaks: { redeem: single, before: (tx) => script(withZero(sign(tx, 0, single))) },
    keeps: by(single),
    binds: { dogecoin: 1251, litecoin: 1251 },
    reason: /^non-mandatory-script-verify-flag \(Non-canonical DER signature\)$/,
  },
  {
    name: 'low s (BIP62)',
    breaks: { redeem: single, before: (tx) => script(withHighS(sign(tx, 0, single))) },
    keeps: by(single),
    binds: {},
    reason: /never/,
  },
  {
    name: 'a clean stack (BIP62)',
    breaks: { redeem: single, before: (tx) => script('OP_1', sign(tx, 0, single)) },
    keeps: by(single),
    binds: {},
    reason: /never/,
  },
  {
    name: 'empty failing signatures (BIP146)',
    breaks: { redeem: script(KEY, 'CHECKSIG', 'NOT'), before: (tx) => script(sign(tx, 0, single, 1)) },
    keeps: { redeem: script(KEY, 'CHECKSIG', 'NOT'), before: () => script('OP_0') },
    binds: {},
    reason: /never/,
  },
  {
    name: 'an empty dummy (BIP147)',
    breaks: { redeem: multi, before: (tx) => script('OP_1', sign(tx, 0, multi)) },
    keeps: { redeem: multi, before: (tx) => script('OP_0', sign(tx, 0, multi)) },
    binds: { litecoin: 0 },
    reason: /^non-mandatory-script-verify-flag \(Dummy CHECKMULTISIG argument must be zero\)$/,
  },
];

describe('what binds blocks, and what binds relay alone', () => {
  const attempt = (owned: Owned, { redeem, before, options = {} }: Attempt): Transaction =>
    unlock(owned, (tx) => concatBytes(before(tx), script(redeem)), options);

  for (const coin of coins) {
    for (const rule of bindingRules) {
      const binds = rule.binds[coin.name === 'Dogecoin' ? 'dogecoin' : 'litecoin'];
      test(`${coin.id}: ${rule.name} ${binds === undefined ? 'never binds' : `binds from block ${binds}`}`, () => {
        const regtest = grown(coin, 405);
        const outputs = [rule.breaks, rule.breaks, rule.keeps].map(({ redeem }) => p2sh(redeem));
        const [early, late, kept] = planted(regtest, coinbaseAt(regtest, 1), ...outputs);
        assert.ok(early && late && kept);
        const edge = binds === undefined ? 1_400 : Math.max(binds, regtest.tip.height + 3);
        regtest.mine(edge - 2 - regtest.tip.height, { payTo: purseScript });
        assert.equal(regtest.broadcast(attempt(early, rule.breaks), { relay: 'local' }).kind, 'refused', 'relay minds at any height');
        if (binds === 0) assert.match(reasonOf(mine(regtest, attempt(early, rule.breaks))), rule.reason);
        else assert.equal(reasonOf(mine(regtest, attempt(early, rule.breaks))), 'mined');
        regtest.mine(edge - 1 - regtest.tip.height, { payTo: purseScript });
        if (binds === undefined) assert.equal(reasonOf(mine(regtest, attempt(late, rule.breaks))), 'mined');
        else assert.match(reasonOf(mine(regtest, attempt(late, rule.breaks))), rule.reason);
        assert.equal(reasonOf(mine(regtest, attempt(kept, rule.keeps))), 'mined');
      });
    }
  }

  test('time locks: a Dogecoin miner opens them by its own clock, two hours early; Litecoin from 432 asks the median (BIP113)', () => {
    const at = START + 3_600;
    for (const [coin, height, expected] of [
      [dogecoinRegtest, 500, 'mined'],
      [litecoinRegtest, 430, 'mined'],
      [litecoinRegtest, 431, 'bad-txns-nonfinal'],
    ] as const) {
      const regtest = grown(coin, height);
      const from = coinbaseAt(regtest, 1);
      const tx = spend([from], [{ value: from.output.value - FEE, script: purseScript }], { lockTime: at });
      const outcome = regtest.broadcast(tx);
      assert.ok(outcome.kind === 'refused' && outcome.reason === 'non-final');
      assert.equal(reasonOf(regtest.mineBlock([tx], { payTo: purseScript, time: at })), 'bad-txns-nonfinal');
      assert.equal(reasonOf(regtest.mineBlock([tx], { payTo: purseScript, time: at + 1 })), expected);
    }
  });

  test('height locks: mined in the first block above the lock, everywhere', () => {
    for (const coin of coins) {
      const regtest = grown(coin, 200);
      const from = coinbaseAt(regtest, 1);
      const tx = spend([from], [{ value: from.output.value - FEE, script: purseScript }], { lockTime: 201 });
      assert.equal(reasonOf(mine(regtest, tx)), 'bad-txns-nonfinal');
      regtest.mine(1);
      assert.equal(reasonOf(mine(regtest, tx)), 'mined');
    }
  });

  test('SINGLE without its output signs the constant 1: the same signature opens any output, in blocks and in relay', () => {
    for (const coin of coins) {
      const regtest = grown(coin, coin.coinbaseMaturity + 10);
      const pay = { value: UNIT, script: purseScript };
      const make = (first: Owned, second: Owned, signature: Uint8Array): Transaction => {
        const tx = unsigned([first, second], [pay]);
        const one = withInputScript(tx, 0, script(sign(tx, 0, first.output.script), KEY));
        return withInputScript(one, 1, script(signature, KEY));
      };
      const [a, b, c, d] = [1, 2, 3, 4].map((height) => coinbaseAt(regtest, height));
      assert.ok(a && b && c && d);
      const stolen = sign(unsigned([a, b], [pay]), 1, b.output.script, 0, SIGHASH.SINGLE);
      assert.equal(reasonOf(mine(regtest, make(a, b, stolen))), 'mined');
      assert.equal(regtest.broadcast(make(c, d, stolen), { relay: 'local', maxFee: 0n }).kind, 'accepted');
      // The control: with an output at its index the signature is bound to its transaction.
      const [e, f] = [5, 6].map((height) => coinbaseAt(regtest, height));
      assert.ok(e && f);
      const bound = { ...make(e, f, stolen), outputs: [pay, pay] };
      assert.match(reasonOf(mine(regtest, bound)), /^mandatory-script-verify-flag-failed/);
    }
  });

  test('a Litecoin block may not spend a witness program without a witness; a Dogecoin block may', () => {
    const program = script('OP_0', new Uint8Array(20).fill(5));
    for (const coin of coins) {
      const regtest = grown(coin, 120);
      const [owned] = planted(regtest, coinbaseAt(regtest, 1), program);
      assert.ok(owned);
      const reason = reasonOf(
        mine(
          regtest,
          unlock(owned, () => new Uint8Array()),
        ),
      );
      assert.match(reason, coin.name === 'Dogecoin' ? /^mined$/ : /Witness program hash mismatch/);
    }
  });
});

describe('reorganisations', () => {
  /** `count` blocks on top of `from`, made by another miner. */
  function branch(regtest: Regtest, from: number, count: number, payTo: Uint8Array = script('OP_1')): RawBlock[] {
    const other = createRegtest({ coin: regtest.coin, now: () => START * 1000 });
    for (let height = 1; height <= from; height++) {
      const block = regtest.chain.at(height)?.block;
      assert.ok(block);
      other.submit(block);
    }
    other.mine(count, { payTo });
    return Array.from({ length: count }, (_, i) => other.chain.at(from + 1 + i)?.block).filter((block) => block !== undefined);
  }

  test('a longer branch takes over, a branch as long does not', () => {
    const changes: TipChange[] = [];
    const regtest = grown(dogecoinRegtest, 20);
    const rival = branch(regtest, 17, 4);
    const chain = new BlockChain({ coin: dogecoinRegtest, now: () => START * 1000, onChange: (change) => changes.push(change) });
    for (let height = 1; height <= 20; height++) chain.submit(regtest.chain.at(height)?.block ?? assert.fail());
    const before = chain.tip;
    changes.length = 0;
    for (const block of rival.slice(0, 3)) assert.equal(chain.submit(block).kind, 'side-branch');
    assert.equal(chain.tip, before);
    assert.equal(chain.submit(rival[3] ?? assert.fail()).kind, 'connected');
    assert.equal(chain.tip.height, 21);
    assert.deepEqual(
      changes.map(({ disconnected, connected }) => [disconnected.map(({ height }) => height), connected.map(({ height }) => height)]),
      [
        [
          [20, 19, 18],
          [18, 19, 20, 21],
        ],
      ],
    );
    assert.equal(chain.submit(rival[3] ?? assert.fail()).kind, 'duplicate');
  });

  test('unspent outputs after a reorganisation are those of a chain that never saw the loser', () => {
    const regtest = grown(dogecoinRegtest, 70);
    const rival = branch(regtest, 68, 5);
    planted(regtest, coinbaseAt(regtest, 1), purseScript, purseScript);
    const fresh = createRegtest({ coin: dogecoinRegtest, now: () => START * 1000 });
    for (let height = 1; height <= 68; height++) fresh.submit(regtest.chain.at(height)?.block ?? assert.fail());
    for (const block of rival) {
      regtest.submit(block);
      fresh.submit(block);
    }
    assert.equal(regtest.tip.hash, fresh.tip.hash);
    const outputs = (one: Regtest): Map<string, unknown> => {
      const all = [...one.chain.coins.all()];
      return new Map(all.map(({ outpoint, coin }) => [`${outpoint.txid}:${outpoint.vout}`, coin]));
    };
    assert.deepEqual(outputs(regtest), outputs(fresh));
  });

  test('a branch with a bad block in it is left again, and the best of the rest stays', () => {
    const regtest = grown(dogecoinRegtest, 20);
    const rival = branch(regtest, 17, 2);
    const last = rival[1];
    assert.ok(last);
    // The third block of the branch overpays its miner, which shows only once it would connect.
    const greedy = makeBlock(
      { ...last.header, previous: last.hash, time: last.header.time + 1 },
      last.transactions.map(({ transaction }) => ({ ...transaction, outputs: [{ value: 600_000n * UNIT, script: script('OP_1') }] })),
    );
    const onTop = makeBlock(
      { ...last.header, previous: greedy.hash, time: last.header.time + 2 },
      last.transactions.map(({ transaction }) => ({ ...transaction, lockTime: 0, version: 2 })),
    );
    const before = regtest.tip;
    for (const block of [...rival, greedy]) assert.equal(regtest.submit(block).kind, 'side-branch');
    assert.deepEqual(regtest.submit(onTop), { kind: 'refused', reason: 'bad-cb-amount' });
    assert.deepEqual(regtest.tip, before);
    assert.equal(regtest.submit(onTop).kind, 'refused');
    regtest.mine(1);
    assert.equal(regtest.tip.height, 21);
  });

  test('a block invalidated leaves with all after it; reconsidered, it comes back', () => {
    const regtest = grown(dogecoinRegtest, 30);
    const tip = regtest.tip;
    const hash = regtest.block(25)?.hash ?? '';
    assert.equal(regtest.invalidate(hash), true);
    assert.equal(regtest.tip.height, 24);
    const child = regtest.mine(1)[0];
    assert.notEqual(child, hash, 'the same second, another block');
    assert.deepEqual(regtest.submit(regtest.chain.find(tip.hash)?.block ?? assert.fail()), {
      kind: 'refused',
      reason: 'duplicate-invalid',
    });
    assert.equal(regtest.reconsider(hash), true);
    assert.deepEqual(regtest.tip, tip);
    assert.equal(regtest.invalidate('ab'.repeat(32)), false);
    assert.equal(regtest.reconsider('ab'.repeat(32)), false);
    assert.equal(regtest.invalidate(dogecoinRegtest.genesis), false);
  });

  test('of branches as high as each other the first seen is taken', () => {
    const regtest = grown(dogecoinRegtest, 20);
    const [first, second] = [branch(regtest, 17, 3), branch(regtest, 17, 3, script('OP_2'))];
    for (const block of [...first, ...second]) assert.equal(regtest.submit(block).kind, 'side-branch');
    regtest.invalidate(regtest.block(18)?.hash ?? '');
    assert.equal(regtest.tip.hash, first[2]?.hash);
    regtest.invalidate(first[0]?.hash ?? '');
    assert.equal(regtest.tip.hash, second[2]?.hash);
  });

  test('scripts that passed under the rules of a lower block are asked again under those of a higher one', () => {
    const regtest = grown(dogecoinRegtest, 1_248);
    const [owned] = planted(regtest, coinbaseAt(regtest, 1), single);
    assert.ok(owned);
    const lax = unlock(owned, (tx) => script(withZero(sign(tx, 0, single))));
    const mined = mine(regtest, lax);
    assert.ok(mined.kind === 'mined');
    assert.equal(regtest.tip.height, 1_250);
    regtest.invalidate(mined.hash);
    regtest.mine(1);
    assert.match(reasonOf(mine(regtest, lax)), /Non-canonical DER signature/);
    assert.equal(
      reasonOf(
        mine(
          regtest,
          unlock(owned, (tx) => script(sign(tx, 0, single))),
        ),
      ),
      'mined',
    );
  });

  test('a transaction that a reorganisation freed is mined again', () => {
    for (const coin of coins) {
      const regtest = grown(coin, coin.coinbaseMaturity + 5);
      const from = coinbaseAt(regtest, 1);
      const tx = spend([from], [{ value: from.output.value - FEE, script: purseScript }]);
      regtest.broadcast(tx);
      const [hash = ''] = regtest.mine(1);
      const { outpoint } = ownedBy(tx, 0);
      assert.equal(regtest.output(outpoint)?.depth, 1);
      regtest.invalidate(hash);
      assert.deepEqual(regtest.mempool(), [outpoint.txid]);
      assert.equal(regtest.output(outpoint)?.depth, 0);
      regtest.mine(2);
      assert.equal(regtest.output(outpoint)?.depth, 2);
    }
  });
});
