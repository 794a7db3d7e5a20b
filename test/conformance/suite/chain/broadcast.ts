import assert from 'node:assert/strict';
import { amount } from '../../../../src/core/base/amount.ts';
import { txId } from '../../../../src/core/base/bytes.ts';
import { p2pkh } from '../../../../src/core/tx/script.ts';
import { type Transaction, transactionId } from '../../../../src/core/tx/transaction.ts';
import type { Broadcast } from '../../../../src/engine/ports.ts';
import { spend } from '../../../world/p2pkh.ts';
import { type Case, outputOf } from './world.ts';

const IS_ON_ITS_WAY: readonly Broadcast['kind'][] = ['accepted', 'already-known'];
const FINAL = 0xffff_ffff;

/** What a chain takes, what it refuses and under which name, and what becomes of it. */
export const broadcastCases: readonly Case[] = [
  [
    'a transaction sent again is on its way still, and then already mined',
    async (world) => {
      const tx = spend(world.coin, await world.confirmed());
      await world.accepts(tx);
      assert(IS_ON_ITS_WAY.includes((await world.chain.broadcast(tx)).kind));
      await world.subject.mine(1);
      assert.deepEqual(await world.chain.broadcast(tx), { kind: 'already-mined' });
    },
  ],
  [
    'a second spend of an output is a conflict when the first is final',
    async (world) => {
      const output = await world.confirmed();
      await world.accepts(spend(world.coin, output, { sequence: FINAL }));
      await world.refuses(spend(world.coin, output, { sequence: FINAL, fee: amount(output.value / 2n) }), 'conflict');
    },
  ],
  [
    'a replaceable transaction gives way to one that pays more, where the coin has replacement',
    async (world) => {
      const output = await world.confirmed();
      const first = spend(world.coin, output);
      await world.accepts(first);
      const fee = output.value - (first.outputs[0]?.value ?? 0n);
      const better = spend(world.coin, output, { fee: amount(fee * 3n) });
      if (world.coin.policy.replacement === 'never') return world.refuses(better, 'conflict');
      await world.refuses(spend(world.coin, output, { fee: amount(fee + 1n) }), 'fee-too-low');
      await world.accepts(better);
      assert.equal(await world.chain.transaction(transactionId(first)), undefined);
    },
  ],
  [
    'inputs that nobody knows, or that a block has spent, are missing',
    async (world) => {
      const output = await world.confirmed();
      await world.refuses(spend(world.coin, { ...output, outpoint: { txid: txId('5a'.repeat(32)), vout: 0 } }), 'missing-inputs');
      await world.accepts(spend(world.coin, output));
      await world.subject.mine(1);
      await world.refuses(spend(world.coin, output, { fee: amount(output.value / 2n) }), 'missing-inputs');
    },
  ],
  [
    'a lock to the height of the tip is taken, one block more is not yet',
    async (world) => {
      const output = await world.confirmed();
      const tip = await world.height();
      const locked = spend(world.coin, output, { lockTime: tip + 1 });
      await world.refuses(locked, 'non-final');
      await world.subject.mine(1);
      await world.accepts(locked);
      await world.subject.mine(1);
      assert.equal((await world.chain.transaction(transactionId(locked)))?.depth, 1);
    },
  ],
  [
    'a coinbase can be spent when it is mature and no block before',
    async (world) => {
      const owner = world.key();
      await world.subject.mine(1, world.address(owner));
      const [coinbase] = (await world.block(await world.height())).transactions;
      assert(coinbase !== undefined);
      const reward = spend(world.coin, { ...outputOf(coinbase.transaction, owner), owner });
      await world.subject.mine(world.coin.coinbaseMaturity - 2);
      await world.refuses(reward, 'non-final');
      await world.subject.mine(1);
      await world.accepts(reward);
    },
  ],
  [
    "a fee below what is relayed is too low, the coin's own rate is not",
    async (world) => {
      const output = await world.confirmed();
      await world.refuses(spend(world.coin, output, { fee: amount(0n) }), 'fee-too-low');
      await world.accepts(spend(world.coin, output));
    },
  ],
  [
    'a fee that must be a mistake is too high, a tenth of that is not',
    async (world) => {
      const { maxFee } = world.coin.policy;
      const output = await world.confirmed(amount(maxFee * 3n));
      await world.refuses(spend(world.coin, output, { fee: amount(maxFee * 2n) }), 'fee-too-high');
      await world.accepts(spend(world.coin, output, { fee: amount(maxFee / 10n) }));
    },
  ],
  [
    'an output too small to be worth its spending is dust, the smallest that pawment makes is not',
    async (world) => {
      const output = await world.confirmed();
      const paying = (value: bigint): Transaction =>
        spend(world.coin, output, {
          outputs: [
            { value, script: p2pkh(output.owner.publicKey) },
            { value: output.value - world.coin.policy.dust * 100n, script: p2pkh(output.owner.publicKey) },
          ],
        });
      await world.refuses(paying(1n), 'dust');
      await world.accepts(paying(world.coin.policy.dust));
    },
  ],
  [
    "a stranger's signature is invalid, the owner's is not",
    async (world) => {
      const output = await world.confirmed();
      await world.refuses(spend(world.coin, output, { signer: world.key() }), 'invalid');
      await world.accepts(spend(world.coin, output));
    },
  ],
  [
    'a chain of 25 unconfirmed transactions is taken, the next has to wait for a block',
    async (world) => {
      let output = await world.confirmed();
      for (let i = 0; i < 25; i++) {
        const tx = spend(world.coin, output);
        await world.accepts(tx);
        output = outputOf(tx, output.owner);
      }
      const next = spend(world.coin, output);
      await world.refuses(next, 'non-final');
      await world.subject.mine(1);
      await world.accepts(next);
    },
  ],
  [
    'a block that is undone gives its transactions back to the mempool, and another takes its place',
    async (world) => {
      const { chain, subject, coin } = world;
      const output = await world.confirmed();
      const tx = spend(coin, output);
      await world.accepts(tx);
      await subject.mine(1);
      const undone = await chain.tip();
      const { outpoint } = outputOf(tx, output.owner);
      assert.equal((await chain.output(outpoint))?.depth, 1);
      await subject.invalidate(undone.hash);
      assert.equal(await world.height(), undone.height - 1);
      assert.equal(await chain.block(undone.height), undefined);
      assert.equal((await chain.output(outpoint))?.depth, 0);
      assert.equal((await chain.transaction(transactionId(tx)))?.depth, 0);
      assert((await chain.mempool()).includes(transactionId(tx)));
      await subject.mine(2);
      assert.equal((await chain.output(outpoint))?.depth, 2);
      assert.notEqual((await world.block(undone.height)).hash, undone.hash);
    },
  ],
];
