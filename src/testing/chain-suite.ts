import assert from 'node:assert/strict';
import { type Amount, amount } from '../core/base/amount.ts';
import { type TxId, txId } from '../core/base/bytes.ts';
import { after, type Height, height } from '../core/base/height.ts';
import type { Coin } from '../core/coin/coin.ts';
import { coins } from '../core/coin/registry.ts';
import { addressOf } from '../core/tx/address.ts';
import { p2pkh } from '../core/tx/script.ts';
import { type Signer, signer } from '../core/tx/sign.ts';
import { type Transaction, transactionId } from '../core/tx/transaction.ts';
import { type Block, type Broadcast, type Chain, WorldError } from '../engine/ports.ts';
import { type KeyOutput, spend } from './p2pkh.ts';
import type { Register } from './register.ts';

/** A regtest chain of its own, past the height where the coin's rules bind blocks, with a wallet that can pay. */
export interface ChainSubject {
  readonly chain: Chain;
  /** Mines blocks that were never mined before; pays the reward to the address when one is given. */
  readonly mine: (blocks: number, address?: string) => Promise<void>;
  /** Pays to an address; the transaction waits in the mempool. */
  readonly fund: (address: string, value: Amount) => Promise<TxId>;
  /** Takes a block and all above it off the best chain. */
  readonly invalidate: (hash: string) => Promise<void>;
}

export interface RemoteChain {
  /** Another port on the same chain, for the coin that is there or for one that is not. */
  readonly connect: (as: Coin) => Chain;
  readonly stop: () => Promise<void>;
}

/** What every `Chain` must do. The cases share one subject. */
export function chainSuite(register: Register, subject: () => ChainSubject): void {
  for (const [name, run] of [...reading, ...broadcasting]) register(name, () => run(new World(subject())));
}

/** What a `Chain` must do besides when the chain is in another process: notice the wrong one, and silence. Stops the subject. */
export function remoteChainSuite(register: Register, subject: () => ChainSubject & RemoteChain): void {
  const on = (name: string, run: (subject: ChainSubject & RemoteChain) => Promise<void>): unknown => register(name, () => run(subject()));
  on('another coin than the one of the chain is refused', refusesOtherChains);
  on('a chain that has stopped is down, for every question', isDownWhenStopped);
}

type Case = readonly [name: string, run: (world: World) => Promise<void>];

const IS_ON_ITS_WAY: readonly Broadcast['kind'][] = ['accepted', 'already-known'];
const FINAL = 0xffff_ffff;
let keys = 1;

class World {
  readonly subject: ChainSubject;
  readonly coin: Coin;
  readonly chain: Chain;
  /** Far above dust on every coin, and small beside what the wallet has. */
  readonly value: Amount;

  constructor(subject: ChainSubject) {
    this.subject = subject;
    this.chain = subject.chain;
    this.coin = subject.chain.coin;
    this.value = amount(this.coin.policy.dust * 1000n);
  }

  /** A key nobody has used yet. */
  key(): Signer {
    const bytes = new Uint8Array(32);
    new DataView(bytes.buffer).setUint32(28, keys++);
    return signer(bytes);
  }

  address(owner: Signer): string {
    return addressOf(this.coin, p2pkh(owner.publicKey)) ?? assert.fail('a P2PKH script has an address');
  }

  /** An output of a fresh key, still in the mempool. */
  async unconfirmed(value: Amount = this.value): Promise<KeyOutput> {
    const owner = this.key();
    const txid = await this.subject.fund(this.address(owner), value);
    const found = await this.chain.transaction(txid);
    const vout = found?.transaction.outputs.findIndex((output) => output.value === value) ?? -1;
    assert.notEqual(vout, -1);
    return { outpoint: { txid, vout }, value, owner };
  }

  async confirmed(value: Amount = this.value): Promise<KeyOutput> {
    const output = await this.unconfirmed(value);
    await this.subject.mine(1);
    return output;
  }

  async height(): Promise<Height> {
    return (await this.chain.tip()).height;
  }

  async block(at: Height): Promise<Block> {
    return (await this.chain.block(at)) ?? assert.fail(`no block ${at}`);
  }

  async accepts(tx: Transaction): Promise<void> {
    assert.deepEqual(await this.chain.broadcast(tx), { kind: 'accepted' });
  }

  async refuses(tx: Transaction, kind: Broadcast['kind']): Promise<void> {
    const outcome = await this.chain.broadcast(tx);
    assert.equal(outcome.kind, kind, JSON.stringify(outcome));
    assert('reason' in outcome && outcome.reason !== '');
  }
}

const outputOf = (tx: Transaction, owner: Signer): KeyOutput => {
  return { outpoint: { txid: transactionId(tx), vout: 0 }, value: amount(tx.outputs[0]?.value ?? 0n), owner };
};

const reading: readonly Case[] = [
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
    'the mempool lists what waits, and no longer what is mined',
    async (world) => {
      const { outpoint } = await world.unconfirmed();
      assert((await world.chain.mempool()).includes(outpoint.txid));
      await world.subject.mine(1);
      assert(!(await world.chain.mempool()).includes(outpoint.txid));
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

const broadcasting: readonly Case[] = [
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

async function refusesOtherChains({ chain, connect }: ChainSubject & RemoteChain): Promise<void> {
  for (const other of coins.filter(({ genesis }) => genesis !== chain.coin.genesis)) {
    await assert.rejects(connect(other).tip(), { name: 'WorldError', code: 'node-wrong-chain' });
  }
  assert.deepEqual(await connect(chain.coin).tip(), await chain.tip());
}

async function isDownWhenStopped({ chain, connect, stop }: ChainSubject & RemoteChain): Promise<void> {
  await stop();
  const txid = txId('00'.repeat(32));
  const questions = [
    chain.tip(),
    chain.block(height(1)),
    chain.output({ txid, vout: 0 }),
    chain.transaction(txid),
    chain.mempool(),
    chain.broadcast({ version: 2, inputs: [], outputs: [], lockTime: 0 }),
    chain.feeRate(),
    connect(chain.coin).tip(),
  ];
  for (const result of await Promise.allSettled(questions)) {
    assert(result.status === 'rejected' && result.reason instanceof WorldError);
    assert.equal(result.reason.code, 'node-down');
  }
}
