import assert from 'node:assert/strict';
import { amount, feeFor, ZERO } from '../../../../src/core/base/amount.ts';
import { txId } from '../../../../src/core/base/bytes.ts';
import { after, height } from '../../../../src/core/base/height.ts';
import { p2pkh } from '../../../../src/core/tx/script.ts';
import { transactionId, transactionSize } from '../../../../src/core/tx/transaction.ts';
import { spend } from '../../../world/p2pkh.ts';
import { type Case, outputOf } from './world.ts';

/** What a chain says of its blocks, of outputs, and of what waits. */
export const readCases: readonly Case[] = [
  [
    'the tip moves on with each block, each linked to the one before',
    async ({ chain, subject }) => {
      const before = await chain.tip();
      await subject.mine(1);
      const tip = await chain.tip();
      assert.equal(tip.height, before.height + 1);
      const block = await chain.block(tip.height);
      assert.deepEqual([block?.height, block?.hash, block?.previous], [tip.height, tip.hash, before.hash]);
      assert.equal(await chain.block(after(tip.height, 1)), undefined);
    },
  ],
  [
    'blocks hold their transactions whole: each gives its id, the first is a coinbase',
    async (world) => {
      const { outpoint } = await world.confirmed();
      const tip = await world.height();
      for (let at = tip; at > tip - 10; at = after(at, -1)) {
        const { previous, transactions } = await world.block(at);
        for (const { txid, transaction } of transactions) assert.equal(transactionId(transaction), txid);
        assert.deepEqual(transactions[0]?.transaction.inputs[0]?.outpoint, { txid: '0'.repeat(64), vout: 0xffff_ffff });
        assert.equal(previous, (await world.block(after(at, -1))).hash);
      }
      assert((await world.block(tip)).transactions.some(({ txid }) => txid === outpoint.txid));
      const first = await world.block(height(0));
      assert.deepEqual([first.hash, first.previous, first.transactions.length], [world.coin.genesis, '0'.repeat(64), 1]);
    },
  ],
  [
    'an output is at depth 0 in the mempool and gains one with each block',
    async (world) => {
      const { outpoint, owner, value } = await world.unconfirmed();
      for (const depth of [0, 1, 2]) {
        assert.deepEqual(await world.chain.output(outpoint), { value, script: p2pkh(owner.publicKey), depth, coinbase: false });
        await world.subject.mine(1);
      }
      assert.equal(await world.chain.output({ txid: outpoint.txid, vout: 99 }), undefined);
      assert.equal(await world.chain.output({ txid: txId('00'.repeat(32)), vout: 0 }), undefined);
    },
  ],
  [
    'the output of a coinbase says so',
    async (world) => {
      const [coinbase] = (await world.block(await world.height())).transactions;
      const output = coinbase && (await world.chain.output({ txid: coinbase.txid, vout: 0 }));
      assert.deepEqual([output?.coinbase, output?.depth, output?.value], [true, 1, coinbase?.transaction.outputs[0]?.value]);
    },
  ],
  [
    'an output is gone as soon as the mempool spends it, and stays gone when a block does',
    async (world) => {
      const output = await world.confirmed();
      const tx = spend(world.coin, output);
      await world.accepts(tx);
      const next = outputOf(tx, output.owner);
      assert.equal(await world.chain.output(output.outpoint), undefined);
      assert.equal((await world.chain.output(next.outpoint))?.depth, 0);
      await world.subject.mine(1);
      assert.equal(await world.chain.output(output.outpoint), undefined);
      assert.equal((await world.chain.output(next.outpoint))?.depth, 1);
    },
  ],
  [
    'a transaction is found in the mempool, and in blocks as long as an output is unspent there',
    async (world) => {
      const { chain, subject, coin } = world;
      const output = await world.confirmed();
      const tx = spend(coin, output);
      const txid = transactionId(tx);
      assert.equal(await chain.transaction(txid), undefined);
      await world.accepts(tx);
      for (const depth of [0, 1, 2]) {
        const found = await chain.transaction(txid);
        assert.deepEqual([found?.transaction, found?.depth], [tx, depth]);
        await subject.mine(1);
      }
      await world.accepts(spend(coin, outputOf(tx, output.owner)));
      assert.equal((await chain.transaction(txid))?.depth, 3);
      await subject.mine(1);
      assert.equal(await chain.transaction(txid), undefined);
    },
  ],
  [
    'the mempool lists what waits, and gives it, and no longer lists what is mined',
    async (world) => {
      const output = await world.confirmed();
      const tx = spend(world.coin, output);
      const txid = transactionId(tx);
      assert.equal(await world.chain.unconfirmed(txid), undefined);
      await world.accepts(tx);
      assert((await world.chain.mempool()).includes(txid));
      assert.deepEqual(await world.chain.unconfirmed(txid), tx);
      await world.subject.mine(1);
      assert(!(await world.chain.mempool()).includes(txid));
    },
  ],
  [
    'what waits says what it pays, and what all pays that builds on it',
    async (world) => {
      const { chain, subject, coin } = world;
      const output = await world.confirmed();
      const tx = spend(coin, output);
      const txid = transactionId(tx);
      assert.equal(await chain.waiting(txid), undefined);
      await world.accepts(tx);
      const fee = feeFor(192, coin.policy.feeRate);
      const cost = { fee, size: transactionSize(tx), burden: ZERO, ancestors: 0 };
      assert.deepEqual(await chain.waiting(txid), cost);
      const child = spend(coin, outputOf(tx, output.owner));
      await world.accepts(child);
      assert.deepEqual(await chain.waiting(txid), { ...cost, burden: fee });
      assert.equal((await chain.waiting(transactionId(child)))?.ancestors, 1);
      await world.accepts(spend(coin, outputOf(child, output.owner)));
      assert.deepEqual(await chain.waiting(txid), { ...cost, burden: amount(fee * 2n) });
      await subject.mine(1);
      assert.equal(await chain.waiting(txid), undefined);
    },
  ],
  [
    "the fee rate is at least the coin's own",
    async ({ chain, coin }) => {
      const rate = await chain.feeRate();
      assert(rate >= coin.policy.feeRate && rate <= coin.policy.feeRate * 100n, String(rate));
    },
  ],
];
