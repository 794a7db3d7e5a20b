import assert from 'node:assert/strict';
import { secp256k1 } from '@noble/curves/secp256k1.js';
import { concatBytes, hexToBytes, txId } from '../../src/core/base/bytes.ts';
import { addressOf } from '../../src/core/tx/address.ts';
import { OP, p2pkh, p2sh, script } from '../../src/core/tx/script.ts';
import { SIGHASH } from '../../src/core/tx/sighash.ts';
import { type Transaction, type TxOutput, transactionId, transactionSize } from '../../src/core/tx/transaction.ts';
import {
  hexOf,
  list,
  member,
  type Owned,
  ownedBy,
  purseScript,
  sign,
  spend,
  testKey,
  UNIT,
  unsigned,
  type World,
  withHighS,
  withInputScript,
} from './world.ts';

/** What both nodes answer: `code: message`, or only the message where the code is -26, whose reject number Dogecoin Core puts before it. */
interface Words {
  readonly dogecoin: string;
  readonly litecoin: string;
}

/** One reason to refuse, with the nearest thing that is accepted beside it. Runs on any node by its calls alone. */
export interface OutcomeCase {
  readonly name: string;
  readonly run: (world: World) => Promise<void>;
}

const KEY = testKey(0).publicKey;

function words(reason: string, code = 64, detail = ''): Words {
  return { dogecoin: `-26: ${code}: ${reason}`, litecoin: `-26: ${reason}${detail}` };
}

const mandatory = (why: string): Words => words(`mandatory-script-verify-flag-failed (${why})`, 16);
const policy = (why: string): Words => words(`non-mandatory-script-verify-flag (${why})`);

async function refused(world: World, tx: Transaction | string, expected: Words, ...rest: readonly unknown[]): Promise<void> {
  assert.equal(await world.send(tx, ...rest), world.coin.name === 'Dogecoin' ? expected.dogecoin : expected.litecoin);
}

async function accepted(world: World, tx: Transaction, ...rest: readonly unknown[]): Promise<void> {
  assert.equal(await world.send(tx, ...rest), transactionId(tx));
}

const isDogecoin = (world: World): boolean => world.coin.name === 'Dogecoin';
/** Well above every floor for a transaction of a few hundred bytes. */
const feeOf = (world: World): bigint => world.coin.policy.feeRate * 2n;
/** One output to the purse that leaves `fee`. */
const back = (inputs: readonly Owned[], fee: bigint): TxOutput[] => [
  { value: inputs.reduce((sum, { output }) => sum + output.value, 0n) - fee, script: purseScript },
];
const some = (world: World): bigint => (isDogecoin(world) ? 10n * UNIT : UNIT / 10n);

const MISSING: Words = { dogecoin: '-25: Missing inputs', litecoin: '-25: bad-txns-inputs-missingorspent' };

const inputs: readonly OutcomeCase[] = [
  {
    name: 'the parent is unknown',
    run: async (world) => {
      const coin = world.take();
      const nowhere = { ...coin, outpoint: { txid: txId('ab'.repeat(32)), vout: 0 } };
      await refused(world, spend([nowhere], back([coin], feeOf(world))), MISSING);
      await accepted(world, spend([coin], back([coin], feeOf(world))));
    },
  },
  {
    name: 'every output of the parent is spent',
    run: async (world) => {
      const coin = world.take();
      const first = spend([coin], back([coin], feeOf(world)));
      await accepted(world, first);
      await world.mine(1);
      await refused(world, spend([coin], back([coin], feeOf(world) * 2n)), MISSING);
      const next = ownedBy(first, 0);
      await accepted(world, spend([next], back([next], feeOf(world))));
    },
  },
  {
    name: 'the output is spent and a sibling is not',
    run: async (world) => {
      const [one, two] = await world.fund({ value: some(world), script: purseScript }, { value: some(world), script: purseScript });
      assert.ok(one && two);
      await accepted(world, spend([one], back([one], feeOf(world))));
      await world.mine(1);
      const spent = { dogecoin: '-26: 18: bad-txns-inputs-spent', litecoin: MISSING.litecoin };
      await refused(world, spend([one], back([one], feeOf(world) * 2n)), spent);
      await accepted(world, spend([two], back([two], feeOf(world))));
    },
  },
  {
    name: 'it is known already, or mined already',
    run: async (world) => {
      const coin = world.take();
      const tx = spend([coin], back([coin], feeOf(world)));
      await accepted(world, tx);
      await accepted(world, tx);
      await world.mine(1);
      await refused(world, tx, {
        dogecoin: '-27: transaction already in block chain',
        litecoin: '-27: Transaction already in block chain',
      });
    },
  },
  {
    name: 'an unconfirmed transaction that opted out spends the same',
    run: async (world) => {
      const coin = world.take();
      await accepted(world, spend([coin], back([coin], feeOf(world)), { sequence: 0xffff_fffe }));
      await refused(world, spend([coin], back([coin], feeOf(world) * 5n)), words('txn-mempool-conflict', 258));
    },
  },
  {
    name: 'the coinbase is too young',
    run: async (world) => {
      const young = await world.newest();
      const wait = world.coin.coinbaseMaturity;
      const tx = spend([young], back([young], feeOf(world)));
      const reason = 'bad-txns-premature-spend-of-coinbase';
      // Dogecoin counts its age before its maturity, so the fee is the usual one.
      await refused(world, tx, words(reason, 16, ', tried to spend coinbase at depth 1'));
      await world.mine(wait - 2);
      await refused(world, tx, words(reason, 16, `, tried to spend coinbase at depth ${wait - 1}`));
      await world.mine(1);
      await accepted(world, tx);
    },
  },
  {
    name: 'it spends more than it has',
    run: async (world) => {
      const coin = world.take();
      const detail = `, value in (${money(coin.output.value)}) < value out (${money(coin.output.value + 1n)})`;
      await refused(world, spend([coin], back([coin], -1n)), words('bad-txns-in-belowout', 16, detail));
      await accepted(world, spend([coin], back([coin], feeOf(world))));
    },
  },
];

function money(units: bigint): string {
  return `${units / UNIT}.${(units % UNIT)
    .toString()
    .padStart(8, '0')
    .replace(/0{1,6}$/, '')}`;
}

const DECODE: Words = { dogecoin: '-22: TX decode failed', litecoin: '-22: TX decode failed. Make sure the tx has at least one input.' };

/** SegWit's form of a transaction, with these bytes as the witnesses. */
function segwitForm(tx: Transaction, witnesses: string): string {
  const hex = hexOf(tx);
  return `${hex.slice(0, 8)}0001${hex.slice(8, -8)}${witnesses}${hex.slice(-8)}`;
}

const formats: readonly OutcomeCase[] = [
  {
    name: 'it is no transaction',
    run: async (world) => {
      for (const hex of ['', '00', 'zz', 'deadbeef']) await refused(world, hex, DECODE);
    },
  },
  {
    name: 'a witness comes with it, which no input asks for',
    run: async (world) => {
      const coin = world.take();
      const tx = spend([coin], back([coin], feeOf(world)));
      const expected = { dogecoin: '-26: 64: no-witness-yet', litecoin: '-26: bad-witness-nonstandard' };
      await refused(world, segwitForm(tx, '010101'), expected);
      await accepted(world, tx);
    },
  },
  {
    name: 'it is of SegWit’s form and has no witness: plain on Dogecoin, superfluous on Litecoin',
    run: async (world) => {
      const [one, two] = await world.fund({ value: some(world), script: purseScript }, { value: some(world), script: purseScript });
      assert.ok(one && two);
      const tx = spend([one, two], back([one, two], feeOf(world)));
      for (const form of [segwitForm(tx, '00'), segwitForm(tx, '000000'), segwitForm(tx, '0001')]) await refused(world, form, DECODE);
      if (isDogecoin(world)) assert.equal(await world.send(segwitForm(tx, '0000')), transactionId(tx));
      else {
        await refused(world, segwitForm(tx, '0000'), DECODE);
        await accepted(world, tx);
      }
    },
  },
  {
    name: 'it has no inputs, or marks of later forms',
    run: async (world) => {
      const coin = world.take();
      const tx = spend([coin], back([coin], feeOf(world)));
      await refused(world, '01000000000000000000', words('bad-txns-vin-empty', 16));
      const [output = ''] = [hexOf({ ...tx, inputs: [] }).slice(10)];
      await refused(world, `0100000000${output}`, DECODE);
      await refused(world, `${hexOf(tx)}00`, DECODE);
      await refused(world, `${hexOf(tx).slice(0, 8)}0002${hexOf(tx).slice(8)}`, DECODE);
      await accepted(world, tx);
    },
  },
  {
    name: 'its parts are out of range',
    run: async (world) => {
      const coin = world.take();
      const [output] = back([coin], feeOf(world));
      assert.ok(output);
      const most = isDogecoin(world) ? 10_000_000_000n * UNIT : 84_000_000n * UNIT;
      await refused(world, spend([coin], [{ ...output, value: most + 1n }]), words('bad-txns-vout-toolarge', 16));
      await refused(world, spend([coin], [{ ...output, value: most }, output]), words('bad-txns-txouttotal-toolarge', 16));
      await refused(world, spend([coin], [{ ...output, value: 2n ** 64n - 1n }]), words('bad-txns-vout-negative', 16));
      await refused(world, spend([coin], []), words('bad-txns-vout-empty', 16));
      await refused(world, spend([coin, coin], [output]), words('bad-txns-inputs-duplicate', 16));
      await accepted(world, spend([coin], [output]));
    },
  },
  {
    name: 'it is a coinbase',
    run: async (world) => {
      const coin = world.take();
      const tx = spend([coin], back([coin], feeOf(world)));
      const nothing = { txid: txId('0'.repeat(64)), vout: 0xffff_ffff };
      const made = { ...tx, inputs: [{ outpoint: nothing, script: Uint8Array.of(1, 1), sequence: 0 }] };
      await refused(world, made, words('coinbase', 16));
      await accepted(world, tx);
    },
  },
  {
    name: 'the version is not 1 or 2',
    run: async (world) => {
      const [one, two] = [world.take(), world.take()];
      for (const version of [0, 3, -1]) await refused(world, spend([one], back([one], feeOf(world)), { version }), words('version'));
      await accepted(world, spend([one], back([one], feeOf(world)), { version: 1 }));
      await accepted(world, spend([two], back([two], feeOf(world)), { version: 2 }));
    },
  },
  {
    name: 'it is longer than 99,999 bytes, or 100,000 on Litecoin',
    run: async (world) => {
      const coin = world.take();
      const longest = isDogecoin(world) ? 99_999 : 100_000;
      await refused(world, padded(world, coin, longest + 1), words('tx-size'));
      await accepted(world, padded(world, coin, longest));
    },
  },
  {
    name: 'it is shorter than 82 bytes, on Litecoin',
    run: async (world) => {
      const [owned] = await world.fund({ value: isDogecoin(world) ? some(world) : 6_000n, script: p2sh(script('OP_1')) });
      assert.ok(owned);
      const make = (data: Uint8Array): Transaction => {
        const tx = unsigned([owned], [{ value: 0n, script: concatBytes(Uint8Array.of(OP.RETURN), data) }]);
        return withInputScript(tx, 0, script(script('OP_1')));
      };
      const short = make(new Uint8Array(18).fill(OP.OP_1));
      assert.equal(transactionSize(short), 81);
      if (isDogecoin(world)) await accepted(world, short);
      else {
        await refused(world, short, words('tx-size-small'));
        await accepted(world, make(new Uint8Array(19).fill(OP.OP_1)));
      }
    },
  },
];

/** Exactly `size` bytes, give or take nothing: signatures vary, so it is signed until it fits. */
function padded(world: World, coin: Owned, size: number): Transaction {
  const count = 2_900;
  const value = isDogecoin(world) ? UNIT / 50n : 5_460n;
  const fee = world.coin.policy.feeRate * 110n;
  const many = Array.from({ length: count }, () => ({ value, script: purseScript }));
  for (let tries = 0, filler = 0; tries < 50; tries++) {
    const extra = Array.from({ length: Math.floor(filler / 34) }, () => ({ value, script: purseScript }));
    const rest = { value: 0n, script: concatBytes(Uint8Array.of(OP.RETURN), new Uint8Array(filler % 34).fill(OP.OP_1)) };
    const sum = BigInt(count + extra.length) * value;
    const tx = spend([coin], [{ value: coin.output.value - sum - fee - BigInt(tries), script: purseScript }, ...many, ...extra, rest]);
    const missing = size - transactionSize(tx);
    if (missing === 0) return tx;
    filler += missing;
  }
  throw new Error('no transaction of that size');
}

const outputs: readonly OutcomeCase[] = [
  {
    name: 'an output is dust',
    run: async (world) => {
      const limits: readonly (readonly [Uint8Array, bigint])[] = isDogecoin(world)
        ? [
            [purseScript, 100_000n],
            [p2sh(purseScript), 100_000n],
          ]
        : [
            [purseScript, 5_460n],
            [p2sh(purseScript), 5_400n],
            [script(KEY, 'CHECKSIG'), 5_760n],
          ];
      for (const [outputScript, limit] of limits) {
        const coin = world.take();
        const make = (value: bigint): Transaction =>
          spend([coin], [...back([coin], feeOf(world) + limit), { value, script: outputScript }]);
        await refused(world, make(limit - 1n), words('dust'));
        await refused(world, make(0n), words('dust'));
        await accepted(world, make(limit));
      }
    },
  },
  {
    name: 'it carries too much data, or data twice',
    run: async (world) => {
      const coin = world.take();
      const data = (length: number): TxOutput => ({ value: 0n, script: script('RETURN', new Uint8Array(length).fill(7)) });
      const make = (...more: readonly TxOutput[]): Transaction => spend([coin], [...back([coin], feeOf(world)), ...more]);
      await refused(world, make(data(81)), words('scriptpubkey'));
      await refused(world, make(data(1), data(2)), words('multi-op-return'));
      await accepted(world, make(data(80)));
    },
  },
  {
    name: 'an output script is of no known form',
    run: async (world) => {
      const coin = world.take();
      const make = (outputScript: Uint8Array): Transaction =>
        spend([coin], [...back([coin], feeOf(world) + UNIT / 100n), { value: UNIT / 100n, script: outputScript }]);
      const keys = [0, 1, 2, 3].map((n) => testKey(n).publicKey);
      await refused(world, make(script('OP_1')), words('scriptpubkey'));
      await refused(world, make(script('DUP', 'DROP', KEY, 'CHECKSIG')), words('scriptpubkey'));
      await refused(world, make(script('OP_1', ...keys, 'OP_4', 'CHECKMULTISIG')), words('scriptpubkey'));
      await accepted(world, make(script('OP_1', ...keys.slice(0, 3), 'OP_3', 'CHECKMULTISIG')));
    },
  },
  {
    name: 'an output is a witness program, on Dogecoin',
    run: async (world) => {
      const coin = world.take();
      const make = (outputScript: Uint8Array): Transaction =>
        spend([coin], [...back([coin], feeOf(world) + UNIT / 100n), { value: UNIT / 100n, script: outputScript }]);
      const program = script('OP_0', new Uint8Array(20).fill(1));
      if (isDogecoin(world)) {
        await refused(world, make(program), words('scriptpubkey'));
        await accepted(world, make(script(KEY, 'CHECKSIG')));
      } else await accepted(world, make(program));
    },
  },
  {
    name: 'a key or its hash is pushed by other bytes than usual, or is none: only Dogecoin looks past that',
    run: async (world) => {
      const hash = purseScript.subarray(3, 23);
      const odd = [
        concatBytes(Uint8Array.of(OP.DUP, OP.HASH160, OP.PUSHDATA1, 20), hash, Uint8Array.of(OP.EQUALVERIFY, OP.CHECKSIG)),
        concatBytes(Uint8Array.of(OP.PUSHDATA1, 33), KEY, Uint8Array.of(OP.CHECKSIG)),
        script(new Uint8Array(33).fill(5), 'CHECKSIG'),
        script(new Uint8Array(34).fill(2), 'CHECKSIG'),
        script('OP_1', new Uint8Array(40).fill(4), 'OP_1', 'CHECKMULTISIG'),
      ];
      const coin = world.take();
      const make = (...scripts: readonly Uint8Array[]): Transaction => {
        const outputs = scripts.map((outputScript) => ({ value: UNIT / 100n, script: outputScript }));
        return spend([coin], [...outputs, ...back([coin], feeOf(world) + BigInt(scripts.length) * (UNIT / 100n))]);
      };
      if (isDogecoin(world)) await accepted(world, make(...odd));
      else {
        for (const one of odd) await refused(world, make(one), words('scriptpubkey'));
        await accepted(world, make(script(KEY, 'CHECKSIG')));
      }
    },
  },
  {
    name: 'none of several keys has to sign',
    run: async (world) => {
      const coin = world.take();
      const make = (required: 'OP_0' | 'OP_1'): Transaction =>
        spend(
          [coin],
          [...back([coin], feeOf(world) + UNIT / 100n), { value: UNIT / 100n, script: script(required, KEY, 'OP_1', 'CHECKMULTISIG') }],
        );
      await refused(world, make('OP_0'), words('scriptpubkey'));
      await accepted(world, make('OP_1'));
    },
  },
  {
    name: 'it makes too many signature checks',
    run: async (world) => {
      const [one, two] = [world.take(), world.take()];
      const many = { value: UNIT / 100n, script: script('OP_1', KEY, 'OP_1', 'CHECKMULTISIG') };
      const value = isDogecoin(world) ? UNIT / 100n : UNIT / 1000n;
      const make = (from: Owned, count: number): Transaction => {
        const checks = Array.from({ length: count }, () => ({ ...many, value }));
        return spend([from], [...checks, ...back([from], value * BigInt(count) + world.coin.policy.feeRate * 100n)]);
      };
      // Each counts 20 and the change one more.
      await refused(world, make(one, 200), words('bad-txns-too-many-sigops', 64, ', 16004'));
      await accepted(world, make(two, 199));
    },
  },
];

const fees: readonly OutcomeCase[] = [
  {
    name: 'the fee is below the relay minimum',
    run: async (world) => {
      const { owned } = await world.fundUnconfirmed({ value: some(world), script: purseScript });
      const [coin] = owned;
      assert.ok(coin);
      const make = (fee: bigint): Transaction => spend([coin], back([coin], fee));
      const least = (tx: Transaction): bigint => (world.coin.policy.minRelayFeeRate * BigInt(transactionSize(tx))) / 1000n;
      const cheap = make((least(make(0n)) * 9n) / 10n);
      const paid = some(world) - (cheap.outputs[0]?.value ?? 0n);
      const short = `min relay fee not met, ${paid} < ${least(cheap)}`;
      await refused(world, cheap, { dogecoin: '-26: 66: insufficient priority', litecoin: `-26: ${short}` });
      await accepted(world, firstPaying(make, least, world.coin.policy.minRelayFeeRate / 1000n));
    },
  },
  {
    name: 'it pays nothing, yet spends an old coin: free on Dogecoin by the node itself',
    run: async (world) => {
      const coin = world.take();
      const free = spend([coin], back([coin], 0n));
      if (isDogecoin(world)) await accepted(world, free);
      else {
        await refused(world, free, { dogecoin: '', litecoin: `-26: min relay fee not met, 0 < ${transactionSize(free)}` });
        await accepted(world, spend([coin], back([coin], feeOf(world))));
      }
    },
  },
  {
    name: 'the fee is absurd',
    run: async (world) => {
      const [one, two] = [world.take(), world.take()];
      const absurd = {
        dogecoin: '-26: 256: absurdly-high-fee',
        litecoin: '-25: Fee exceeds maximum configured by user (e.g. -maxtxfee, maxfeerate)',
      };
      if (isDogecoin(world)) {
        const tooMuch = spend([one], back([one], 100n * UNIT + 1n));
        await refused(world, tooMuch, absurd);
        await refused(world, tooMuch, absurd, false);
        await accepted(world, spend([two], back([two], 100n * UNIT)));
        await accepted(world, tooMuch, true);
      } else {
        const tooMuch = spend([one], back([one], UNIT / 10n));
        await refused(world, tooMuch, absurd);
        await refused(world, tooMuch, absurd, '0.0001');
        await accepted(world, spend([two], back([two], UNIT / 100n)));
        await accepted(world, tooMuch, 0);
      }
    },
  },
  {
    name: 'the second argument is of the wrong type',
    run: async (world) => {
      const coin = world.take();
      const tx = spend([coin], back([coin], feeOf(world)));
      if (isDogecoin(world)) await refused(world, tx, { dogecoin: '-3: Expected type bool, got number', litecoin: '' }, 0);
      else await refused(world, tx, { dogecoin: '', litecoin: '-3: Amount is not a number or string' }, true);
      await accepted(world, tx, isDogecoin(world) ? false : '0.1');
    },
  },
  {
    name: 'a replacement pays too little',
    run: async (world) => {
      const coin = world.take();
      const first = spend([coin], back([coin], feeOf(world)), { sequence: 0xffff_fffd });
      await accepted(world, first);
      const poor = { dogecoin: '-26: 66: insufficient fee', litecoin: '-26: txn-mempool-conflict' };
      await refused(world, spend([coin], [...back([coin], feeOf(world) + UNIT), { value: UNIT, script: purseScript }]), poor);
      // Enough for a better rate, but not for the way of the replacement itself.
      await refused(world, spend([coin], back([coin], feeOf(world) + 1_500n)), poor);
      const better = spend([coin], back([coin], feeOf(world) * 3n));
      if (isDogecoin(world)) await accepted(world, better);
      else await refused(world, better, poor);
    },
  },
  {
    name: 'the 26th of a chain',
    run: async (world) => {
      let coin = world.take();
      for (let i = 0; i < 25; i++) {
        const tx = spend([coin], back([coin], feeOf(world)));
        await accepted(world, tx);
        coin = ownedBy(tx, 0);
      }
      const next = spend([coin], back([coin], feeOf(world)));
      await refused(world, next, words('too-long-mempool-chain', 64, ', too many unconfirmed ancestors [limit: 25]'));
      await world.mine(1);
      await accepted(world, next);
    },
  },
];

const families: readonly OutcomeCase[] = [
  {
    name: 'the 25th child of one parent, with Litecoin letting one small child more in',
    run: async (world) => {
      const wide = Array.from({ length: 27 }, () => ({ value: some(world) / 10n, script: purseScript }));
      const { owned, transaction } = await world.fundUnconfirmed(...wide);
      const children = owned.slice(0, 27).map((coin) => spend([coin], back([coin], feeOf(world))));
      for (const child of children.slice(0, 24)) await accepted(world, child);
      const [next, last] = children.slice(24);
      assert.ok(next && last);
      const detail = `, too many descendants for tx ${transactionId(transaction)} [limit: 25]`;
      if (!isDogecoin(world)) await accepted(world, next);
      await refused(world, isDogecoin(world) ? next : last, words('too-long-mempool-chain', 64, detail));
      await world.mine(1);
      await accepted(world, last);
    },
  },
];

/** The first transaction whose fee is enough for its own size: signatures differ in length by the fee they sign. */
function firstPaying(make: (fee: bigint) => Transaction, least: (tx: Transaction) => bigint, step: bigint): Transaction {
  for (let fee = least(make(0n)) - 5n * step; ; fee += step) {
    const tx = make(fee);
    if (least(tx) <= fee) return tx;
  }
}

const locks: readonly OutcomeCase[] = [
  {
    name: 'the height lock has not run out',
    run: async (world) => {
      const coin = world.take();
      const make = (lockTime: number): Transaction => spend([coin], back([coin], feeOf(world)), { lockTime });
      const height = await world.height();
      await refused(world, make(height + 1), words('non-final'));
      await accepted(world, make(height));
    },
  },
  {
    name: 'the time lock has not run out by the median time',
    run: async (world) => {
      const coin = world.take();
      const make = (lockTime: number): Transaction => spend([coin], back([coin], feeOf(world)), { lockTime });
      const time = await world.medianTime();
      await refused(world, make(time), words('non-final'));
      await accepted(world, make(time - 1));
    },
  },
  {
    name: 'the relative lock has not run out',
    run: async (world) => {
      const [coin] = await world.fund({ value: some(world), script: purseScript });
      assert.ok(coin);
      const make = (sequence: number, version = 2): Transaction => spend([coin], back([coin], feeOf(world)), { sequence, version });
      await refused(world, make(2), words('non-BIP68-final'));
      await refused(world, make(0x40_0001), words('non-BIP68-final'));
      await accepted(world, make(1));
    },
  },
  {
    name: 'a relative lock binds version 2 only',
    run: async (world) => {
      const [coin] = await world.fund({ value: some(world), script: purseScript });
      assert.ok(coin);
      const make = (version: number): Transaction => spend([coin], back([coin], feeOf(world)), { sequence: 100, version });
      await refused(world, make(2), words('non-BIP68-final'));
      await accepted(world, make(1));
    },
  },
];

/** A spend of a P2SH output: the redeem script, and what goes before it. */
interface Attempt {
  readonly redeem: Uint8Array;
  readonly unlock: (tx: Transaction, redeem: Uint8Array) => Uint8Array;
  readonly options?: { readonly lockTime?: number; readonly sequence?: number };
  /** What the output pays to instead of the redeem script. */
  readonly paysTo?: Uint8Array;
}

interface ScriptCase {
  readonly name: string;
  readonly bad: Attempt;
  readonly good: Attempt;
  readonly expected: Words;
}

const nothing = (): Uint8Array => new Uint8Array();
const signed = (tx: Transaction, redeem: Uint8Array): Uint8Array => script(sign(tx, 0, redeem));
const single: Attempt = { redeem: script(KEY, 'CHECKSIG'), unlock: signed };
const multi: Attempt = {
  redeem: script('OP_1', KEY, 'OP_1', 'CHECKMULTISIG'),
  unlock: (tx, redeem) => script('OP_0', sign(tx, 0, redeem)),
};
const NULLFAIL = 'Signature must be zero for failed CHECK(MULTI)SIG operation';
const LOCKED = 'Locktime requirement not satisfied';

/** A key in OpenSSL's third form, valid in blocks. */
function hybridKey(): Uint8Array {
  const uncompressed = secp256k1.getPublicKey(hexToBytes('1'.padStart(64, '0')), false);
  return concatBytes(Uint8Array.of(6 + ((uncompressed[64] ?? 0) & 1)), uncompressed.subarray(1));
}

const scriptCases: readonly ScriptCase[] = [
  {
    name: 'a signature is by another key',
    bad: { ...single, unlock: (tx, redeem) => script(sign(tx, 0, redeem, 1)) },
    good: single,
    expected: mandatory(NULLFAIL),
  },
  {
    name: 'a signature signs something else',
    bad: { ...single, unlock: (tx, redeem) => script(sign({ ...tx, lockTime: 1 }, 0, redeem)) },
    good: single,
    expected: mandatory(NULLFAIL),
  },
  {
    name: 'a signature is empty',
    bad: { ...single, unlock: () => script('OP_0') },
    good: single,
    expected: mandatory('Script evaluated without error but finished with a false/empty top stack element'),
  },
  {
    name: 'the redeem script is another',
    bad: { ...single, paysTo: script('OP_1') },
    good: single,
    expected: mandatory('Script evaluated without error but finished with a false/empty top stack element'),
  },
  {
    name: 'a signature has a high s',
    bad: { ...single, unlock: (tx, redeem) => script(withHighS(sign(tx, 0, redeem))) },
    good: single,
    expected: policy('Non-canonical signature: S value is unnecessarily high'),
  },
  {
    name: 'a hash type is none of the six',
    bad: { ...single, unlock: (tx, redeem) => script(sign(tx, 0, redeem, 0, 4)) },
    good: { ...single, unlock: (tx, redeem) => script(sign(tx, 0, redeem, 0, SIGHASH.NONE | SIGHASH.ANYONECANPAY)) },
    expected: policy('Signature hash type missing or not understood'),
  },
  {
    name: 'a signature is no strict DER',
    bad: { ...single, unlock: (tx, redeem) => script(withNeedlessZero(sign(tx, 0, redeem))) },
    good: single,
    expected: policy('Non-canonical DER signature'),
  },
  {
    name: 'a key is of the hybrid form',
    bad: { redeem: script(hybridKey(), 'CHECKSIG'), unlock: signed },
    good: single,
    expected: policy('Public key is neither compressed or uncompressed'),
  },
  {
    name: 'the item below a CHECKMULTISIG is not empty',
    bad: { ...multi, unlock: (tx, redeem) => script('OP_1', sign(tx, 0, redeem)) },
    good: multi,
    expected: policy('Dummy CHECKMULTISIG argument must be zero'),
  },
  {
    name: 'a failing signature is not empty',
    bad: { redeem: script(KEY, 'CHECKSIG', 'NOT'), unlock: (tx, redeem) => script(sign(tx, 0, redeem, 1)) },
    good: { redeem: script(KEY, 'CHECKSIG', 'NOT'), unlock: () => script('OP_0') },
    expected: policy(NULLFAIL),
  },
  {
    name: 'an item is left on the stack',
    bad: { ...single, unlock: (tx, redeem) => script('OP_1', sign(tx, 0, redeem)) },
    good: single,
    expected: {
      dogecoin: policy('unknown error').dogecoin,
      litecoin: policy('Stack size must be exactly one after execution').litecoin,
    },
  },
  {
    name: 'a push is longer than it needs to be',
    bad: { ...single, unlock: (tx, redeem) => withLongPush(sign(tx, 0, redeem)) },
    good: single,
    expected: policy('Data push larger than necessary'),
  },
  {
    name: 'a script runs a NOP kept for later',
    bad: { redeem: script('NOP10', 'OP_1'), unlock: nothing },
    good: { redeem: script('NOP', 'OP_1'), unlock: nothing },
    expected: policy('NOPx reserved for soft-fork upgrades'),
  },
  {
    name: 'an absolute lock is later than the lock time',
    bad: { redeem: script(50, 'CHECKLOCKTIMEVERIFY'), unlock: nothing, options: { lockTime: 49 } },
    good: { redeem: script(50, 'CHECKLOCKTIMEVERIFY'), unlock: nothing, options: { lockTime: 50 } },
    expected: policy(LOCKED),
  },
  {
    name: 'an absolute lock is of another kind than the lock time',
    bad: { redeem: script(500_000_000, 'CHECKLOCKTIMEVERIFY'), unlock: nothing, options: { lockTime: 50 } },
    good: { redeem: script(500_000_000, 'CHECKLOCKTIMEVERIFY'), unlock: nothing, options: { lockTime: 500_000_000 } },
    expected: policy(LOCKED),
  },
  {
    name: 'an absolute lock stands and the sequence is final',
    bad: { redeem: script(50, 'CHECKLOCKTIMEVERIFY'), unlock: nothing, options: { lockTime: 50, sequence: 0xffff_ffff } },
    good: { redeem: script(50, 'CHECKLOCKTIMEVERIFY'), unlock: nothing, options: { lockTime: 50, sequence: 0 } },
    expected: policy(LOCKED),
  },
  {
    name: 'an absolute lock is below zero',
    bad: { redeem: script(-1, 'CHECKLOCKTIMEVERIFY'), unlock: nothing },
    good: { redeem: script(0, 'CHECKLOCKTIMEVERIFY', 'DROP', 'OP_1'), unlock: nothing },
    expected: policy('Negative locktime'),
  },
  {
    name: 'a relative lock is longer than the sequence',
    bad: { redeem: script('OP_2', 'CHECKSEQUENCEVERIFY'), unlock: nothing, options: { sequence: 1 } },
    good: { redeem: script('OP_1', 'CHECKSEQUENCEVERIFY'), unlock: nothing, options: { sequence: 1 } },
    expected: policy(LOCKED),
  },
  {
    name: 'a redeem script has 16 signature checks',
    bad: { redeem: script('OP_0', 'IF', ...repeat(16, 'CHECKSIG' as const), 'ENDIF', 'OP_1'), unlock: nothing },
    good: { redeem: script('OP_0', 'IF', ...repeat(15, 'CHECKSIG' as const), 'ENDIF', 'OP_1'), unlock: nothing },
    expected: words('bad-txns-nonstandard-inputs'),
  },
  {
    name: 'an input script is longer than 1,650 bytes',
    bad: { redeem: script('2DROP', '2DROP', 'NOP', 'OP_1'), unlock: () => script(...repeat(3, new Uint8Array(520)), new Uint8Array(76)) },
    good: { redeem: script('2DROP', '2DROP', 'NOP', 'OP_1'), unlock: () => script(...repeat(3, new Uint8Array(520)), new Uint8Array(75)) },
    expected: words('scriptsig-size'),
  },
  {
    name: 'an input script does more than push',
    bad: { ...single, unlock: (tx, redeem) => concatBytes(script('NOP'), signed(tx, redeem)) },
    good: single,
    expected: words('scriptsig-not-pushonly'),
  },
  {
    name: 'a branch is chosen by a number that is not 1: allowed, MINIMALIF binds witnesses only',
    bad: { redeem: script('IF', 'OP_1', 'ELSE', 'OP_0', 'ENDIF'), unlock: () => Uint8Array.of(1, 0x80) },
    good: { redeem: script('IF', 'OP_1', 'ELSE', 'OP_0', 'ENDIF'), unlock: () => Uint8Array.of(1, 0x7f) },
    expected: mandatory('Script evaluated without error but finished with a false/empty top stack element'),
  },
];

function repeat<T>(count: number, value: T): T[] {
  return Array.from({ length: count }, () => value);
}

function withNeedlessZero(der: Uint8Array): Uint8Array {
  return concatBytes(Uint8Array.of(0x30, (der[1] ?? 0) + 1, 2, (der[3] ?? 0) + 1, 0), der.subarray(4));
}

function withLongPush(data: Uint8Array): Uint8Array {
  return concatBytes(Uint8Array.of(OP.PUSHDATA1, data.length), data);
}

function asOutcome({ name, bad, good, expected }: ScriptCase): OutcomeCase {
  const run = async (world: World): Promise<void> => {
    const [one, two] = await world.fund(
      { value: some(world), script: p2sh(bad.paysTo ?? bad.redeem) },
      { value: some(world), script: p2sh(good.paysTo ?? good.redeem) },
    );
    assert.ok(one && two);
    await refused(world, attempt(world, one, bad), expected);
    await accepted(world, attempt(world, two, good));
  };
  return { name, run };
}

function attempt(world: World, owned: Owned, { redeem, unlock, options = {} }: Attempt): Transaction {
  const tx = unsigned([owned], back([owned], feeOf(world)), options);
  return withInputScript(tx, 0, concatBytes(unlock(tx, redeem), script(redeem)));
}

const calls: readonly OutcomeCase[] = [
  {
    name: 'arguments of another type, or more of them',
    run: async (world) => {
      const say = async (...params: readonly unknown[]): Promise<unknown> => world.node.call('sendrawtransaction', ...params);
      const coin = world.take();
      const tx = spend([coin], back([coin], feeOf(world)));
      for (const [given, name] of [
        [null, 'null'],
        [true, 'bool'],
        [5, 'number'],
        [[], 'array'],
        [{}, 'object'],
      ] as const) {
        assert.deepEqual(await say(given), { error: `-3: Expected type string, got ${name}` });
        if (isDogecoin(world) && given !== true) {
          assert.deepEqual(await say(hexOf(tx), given), { error: `-3: Expected type bool, got ${name}` });
        }
      }
      for (const wrong of [await say(), await say(hexOf(tx), false, 5)]) {
        assert.match(String(member(wrong, 'error')), /^-1: sendrawtransaction "hexstring" \( /);
      }
      await accepted(world, tx);
    },
  },
];

const branches: readonly OutcomeCase[] = [
  {
    name: 'a block that is taken back in is the tip again, if it was seen before the one that is as high',
    run: async (world) => {
      const [first = ''] = await world.mine(1);
      await world.ask('invalidateblock', first);
      const second = list(await world.ask('generatetoaddress', 1, addressOf(world.coin, p2pkh(testKey(1).publicKey)))).map(String)[0] ?? '';
      assert.equal(await world.ask('getbestblockhash'), second);
      await world.ask('reconsiderblock', first);
      assert.equal(await world.ask('getbestblockhash'), first);
      await world.ask('invalidateblock', first);
      assert.equal(await world.ask('getbestblockhash'), second);
      await world.mine(1);
      const higher = await world.ask('getbestblockhash');
      await world.ask('reconsiderblock', first);
      assert.equal(await world.ask('getbestblockhash'), higher, 'not when another is higher');
    },
  },
];

/** Every reason a node has to refuse a transaction, in the nodes' own words; the same table for the embedded chain and the real ones. */
export const outcomeCases: readonly OutcomeCase[] = [
  ...inputs,
  ...formats,
  ...outputs,
  ...fees,
  ...families,
  ...locks,
  ...scriptCases.map(asOutcome),
  ...calls,
  ...branches,
];
