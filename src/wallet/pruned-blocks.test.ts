import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { asChain } from '../chain/regtest/port.ts';
import { createRegtest, type Regtest } from '../chain/regtest/regtest.ts';
import { type Amount, amount, ZERO } from '../core/base/amount.ts';
import { height } from '../core/base/height.ts';
import { dogecoinRegtest as coin } from '../core/coin/dogecoin.ts';
import { p2pkh } from '../core/tx/script.ts';
import { type Chain, WorldError } from '../engine/ports.ts';
import { memoryStore } from '../store/memory.ts';
import { seedKeyRing } from './keyring.ts';
import { openWallet, type Wallet } from './wallet.ts';

const doge = (value: number): Amount => amount(BigInt(value) * 100_000_000n);
const keys = seedKeyRing(coin, new Uint8Array(32).fill(1));
/** Blocks that the node keeps. */
const KEPT = 10;

interface World {
  readonly regtest: Regtest;
  readonly wallet: Wallet;
  /** The same wallet on another disk, which sees all blocks. */
  readonly other: Wallet;
}

/** A wallet of 30 coins in three outputs, whose node keeps few blocks. */
async function start(): Promise<World> {
  const regtest = createRegtest({ coin });
  regtest.mine(coin.coinbaseMaturity + 1);
  const chain = asChain(regtest);
  let kept = Number.MAX_SAFE_INTEGER;
  const block: Chain['block'] = async (height) => {
    if (height + kept <= regtest.tip.height) throw new WorldError('node-pruned', `block ${height} is deleted`, 'None.');
    return chain.block(height);
  };
  const wallet = await openWallet({ chain: { ...chain, block }, store: memoryStore(), keys });
  const other = await openWallet({ chain, store: memoryStore(), keys, birthday: regtest.tip.height });
  for (let i = 0; i < 3; i++) regtest.fund(await wallet.receiveAddress(), doge(10));
  regtest.mine(1);
  await wallet.sync();
  kept = KEPT;
  return { regtest, wallet, other };
}

const confirmed = async (wallet: Wallet): Promise<Amount> => (await wallet.balance()).confirmed;

describe('a wallet that was away for longer than its node keeps blocks', () => {
  test('goes on with what it has, sees what comes in the blocks that are kept, and says how many it never saw', async () => {
    const { regtest, wallet } = await start();
    assert.equal((await wallet.sync()).unread, 0);
    const address = await wallet.receiveAddress();
    regtest.fund(address, doge(7));
    regtest.mine(20);
    regtest.fund(address, doge(5));
    regtest.mine(KEPT);
    assert.equal((await wallet.sync()).unread, 20);
    assert.equal(await confirmed(wallet), doge(35));
    await wallet.send(regtest.newAddress(), doge(33));
    regtest.mine(1);
    assert.equal((await wallet.sync()).unread, 20);
    assert.ok((await confirmed(wallet)) < doge(2));
  });

  test('takes its own transaction of that time for mined, and its change for money', async () => {
    const { regtest, wallet, other } = await start();
    await wallet.send(regtest.newAddress(), doge(12));
    regtest.mine(40);
    await Promise.all([wallet.sync(), other.sync()]);
    assert.deepEqual(await wallet.balance(), await other.balance());
    assert.equal((await wallet.balance()).pending, ZERO);
    assert.deepEqual(
      (await wallet.transactions()).map(({ stage }) => stage.kind),
      ['mined'],
    );
  });

  test('sends a transaction again that nobody has mined', async () => {
    const { regtest, wallet } = await start();
    const { txid } = await wallet.fund([{ script: p2pkh(keys.signer("m/44'/1'/5'/0/0").publicKey), value: doge(12) }]);
    regtest.mine(40);
    await wallet.publish(txid);
    await wallet.sync();
    regtest.mine(1);
    await wallet.sync();
    assert.deepEqual(
      (await wallet.transactions()).map(({ stage }) => stage.kind),
      ['mined'],
    );
  });

  test('does not count what another wallet of the seed has spent meanwhile', async () => {
    const { regtest, wallet, other } = await start();
    await other.sync();
    await other.sweep(regtest.newAddress());
    regtest.mine(40);
    await wallet.sync();
    assert.deepEqual(await wallet.balance(), { confirmed: ZERO, pending: ZERO, immature: ZERO });
  });

  test('counts what was spent in blocks that are kept by those blocks', async () => {
    const { regtest, wallet, other } = await start();
    regtest.mine(30);
    await other.sync();
    await other.send(regtest.newAddress(), doge(12));
    regtest.mine(2);
    await Promise.all([wallet.sync(), other.sync()]);
    assert.deepEqual(await wallet.balance(), await other.balance());
  });

  test('is the same after a start on the same disk, and reads on from there', async () => {
    const { regtest, wallet, other } = await start();
    regtest.mine(40);
    await wallet.sync();
    regtest.fund(await wallet.receiveAddress(), doge(5));
    regtest.mine(5);
    await Promise.all([wallet.sync(), other.sync()]);
    assert.deepEqual(await wallet.balance(), await other.balance());
  });
});

test('a wallet that is new to its disk reads from its birthday on, or is told which blocks are missing; nearer to the tip it opens', async () => {
  const regtest = createRegtest({ coin });
  regtest.mine(300);
  const whole = asChain(regtest);
  const lowest = 200;
  const block: Chain['block'] = async (at) => {
    if (at < lowest) throw new WorldError('node-pruned', `block ${at} is deleted`, 'None.');
    return whole.block(at);
  };
  const openAt = (birthday: number): Promise<Wallet> =>
    openWallet({ chain: { ...whole, block }, store: memoryStore(), keys, birthday: height(birthday) });
  await assert.rejects(openAt(lowest + coin.channel.buried - 1), { code: 'node-pruned' });
  const wallet = await openAt(lowest + coin.channel.buried);
  regtest.fund(await wallet.receiveAddress(), doge(10));
  regtest.mine(1);
  await wallet.sync();
  assert.equal(await confirmed(wallet), doge(10));
});
