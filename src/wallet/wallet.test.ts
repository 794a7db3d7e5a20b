import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { sha256 } from '@noble/hashes/sha2.js';
import fc from 'fast-check';
import { type Amount, add, amount, feeFor, ZERO } from '../core/base/amount.ts';
import { bytesToHex, type TxId, txId } from '../core/base/bytes.ts';
import { type Height, height } from '../core/base/height.ts';
import { dogecoinRegtest as coin } from '../core/coin/dogecoin.ts';
import { addressOf, scriptOf } from '../core/tx/address.ts';
import { OP, p2pkh, p2sh, script } from '../core/tx/script.ts';
import { SIGHASH, signatureHash } from '../core/tx/sighash.ts';
import { decodeSignature, publicKey, verifyPortable } from '../core/tx/sign.ts';
import { type Outpoint, outpointKey, type Transaction, transactionId, transactionSize } from '../core/tx/transaction.ts';
import { type Block, type Broadcast, type Chain, type Store, type WorldCode, WorldError } from '../engine/ports.ts';
import { type MemoryDisk, memoryStore } from '../store/memory.ts';
import { RETAINED_BLOCKS } from './apply-block.ts';
import { keyName, offerKeyName, seedKeyRing } from './keyring.ts';
import { openWallet, type Wallet, type WalletOptions } from './wallet.ts';

const DOGE = 100_000_000n;
const doge = (value: number): Amount => amount(BigInt(value) * DOGE);
const keys = seedKeyRing(coin, new Uint8Array(32).fill(1));
const elsewhere = p2pkh(seedKeyRing(coin, new Uint8Array(32).fill(2)).signer("m/44'/1'/0'/0/0").publicKey);
const elsewhereAddress = addressOf(coin, elsewhere) ?? assert.fail();
const scriptAt = (account: number, change: 0 | 1, index: number): Uint8Array =>
  p2pkh(keys.signer(keyName(coin, { account, change, index })).publicKey);
const scriptFor = (address: string): Uint8Array => scriptOf(coin, address) ?? assert.fail(address);

const failsWith =
  (code: WorldCode, message = /./) =>
  (error: unknown): boolean =>
    error instanceof WorldError && error.code === code && message.test(error.message) && error.hint !== '';

interface World {
  readonly chain: FakeChain;
  readonly disk: MemoryDisk;
  readonly wallet: Wallet;
  readonly open: (options?: Partial<WalletOptions>) => Promise<Wallet>;
}

/** A wallet that has seen `payments` in a block each. */
async function worldWith(...payments: readonly Amount[]): Promise<World> {
  const chain = fakeChain();
  const disk: MemoryDisk = new Map();
  const open: World['open'] = (options = {}) => openWallet({ chain, store: memoryStore(disk), keys, ...options });
  chain.mine();
  const wallet = await open();
  for (const payment of payments) chain.mine([chain.gift(scriptFor(await wallet.receiveAddress()), payment)]);
  await wallet.sync();
  return { chain, disk, wallet, open };
}

const confirmed = async (wallet: Wallet): Promise<Amount> => (await wallet.balance()).confirmed;

describe('receiving', () => {
  test('a payment is pending in the mempool and confirmed in a block', async () => {
    const { chain, wallet } = await worldWith();
    const address = await wallet.receiveAddress();
    assert.ok(/^[mn]/.test(address));
    chain.pool(chain.gift(scriptFor(address), doge(5)));
    chain.pool(chain.gift(elsewhere, doge(7)));
    await wallet.sync();
    assert.deepEqual(await wallet.balance(), { confirmed: ZERO, pending: doge(5), immature: ZERO });
    chain.mine();
    assert.equal((await wallet.sync()).height, 2);
    assert.deepEqual(await wallet.balance(), { confirmed: doge(5), pending: ZERO, immature: ZERO });
  });

  test('a payment that leaves the mempool is no longer pending', async () => {
    const { chain, wallet } = await worldWith();
    chain.pool(chain.gift(scriptFor(await wallet.receiveAddress()), doge(5)));
    await wallet.sync();
    chain.forget();
    await wallet.sync();
    assert.equal((await wallet.balance()).pending, 0n);
  });

  test('addresses are fresh, and one that was paid is not given again', async () => {
    const { chain, wallet } = await worldWith();
    const first = [await wallet.receiveAddress(), await wallet.receiveAddress(), await wallet.receiveAddress()];
    assert.equal(new Set(first).size, 3);
    chain.mine([chain.gift(scriptAt(0, 0, 10), doge(1))]);
    await wallet.sync();
    const later = await Promise.all(Array.from({ length: 30 }, () => wallet.receiveAddress()));
    const paid = addressOf(coin, scriptAt(0, 0, 10));
    assert.ok(!later.includes(paid ?? ''));
    assert.equal(later[0], addressOf(coin, scriptAt(0, 0, 11)));
  });

  test('the gap limit: the 20th unused key is found, the 21st is not until one before it is used', async () => {
    const { chain, wallet } = await worldWith();
    chain.mine([chain.gift(scriptAt(0, 0, 20), doge(1))]);
    await wallet.sync();
    assert.equal(await confirmed(wallet), 0n);
    // One block moves the limit twice, whatever the order of its transactions.
    chain.mine([chain.gift(scriptAt(0, 0, 39), doge(4)), chain.gift(scriptAt(0, 0, 19), doge(2))]);
    await wallet.sync();
    assert.equal(await confirmed(wallet), doge(6));
    assert.equal(await wallet.receiveAddress(), addressOf(coin, scriptAt(0, 0, 40)));
  });

  test('block rewards count once they are old enough to be spent', async () => {
    const { chain, wallet } = await worldWith();
    chain.mine([], scriptAt(0, 0, 0));
    await wallet.sync();
    assert.deepEqual(await wallet.balance(), { confirmed: ZERO, pending: ZERO, immature: doge(10_000) });
    for (let i = 0; i < coin.coinbaseMaturity - 2; i++) chain.mine();
    await wallet.sync();
    assert.equal((await wallet.balance()).immature, doge(10_000));
    await assert.rejects(wallet.send(elsewhereAddress, doge(1)), failsWith('wallet-short'));
    chain.mine();
    await wallet.sync();
    assert.deepEqual(await wallet.balance(), { confirmed: doge(10_000), pending: ZERO, immature: ZERO });
    await wallet.send(elsewhereAddress, doge(1));
  });

  test('money at channel keys and at watched keys is the wallet’s, and is spent like any other', async () => {
    const { chain, wallet } = await worldWith();
    const channelKey = await wallet.nextChannelKey();
    assert.equal(channelKey, "m/44'/1'/1'/0/0");
    const offer = offerKeyName(new Uint8Array(32).fill(9));
    const scripts = [channelKey, offer, offerKeyName(new Uint8Array(32).fill(8))].map((name) => p2pkh(keys.signer(name).publicKey));
    await wallet.watch(offer);
    chain.mine(scripts.map((at) => chain.gift(at, doge(10))));
    await wallet.sync();
    assert.equal(await confirmed(wallet), doge(20), 'the third key nobody asked for');
    await wallet.sweep(elsewhereAddress);
    chain.mine();
    await wallet.sync();
    assert.equal(await confirmed(wallet), 0n);
  });

  test('a long chain is read in several commits, and progress is told', async () => {
    const { chain, wallet } = await worldWith();
    for (let i = 0; i < 250; i++) chain.mine(i % 50 === 0 ? [chain.gift(scriptAt(0, 0, i / 50), doge(1))] : []);
    const told: (readonly [Height, Height])[] = [];
    await wallet.sync((...step) => told.push(step));
    assert.deepEqual(told, [
      [101, 251],
      [201, 251],
      [251, 251],
    ]);
    assert.equal(await confirmed(wallet), doge(5));
  });
});

describe('restoring from the seed', () => {
  test('finds the money, and gives out no key that was used', async () => {
    const { chain, wallet } = await worldWith(doge(30), doge(40));
    for (let i = 0; i < 3; i++) await wallet.nextChannelKey();
    chain.mine([chain.gift(scriptAt(1, 0, 2), doge(5))]);
    await wallet.sync();
    await wallet.send(elsewhereAddress, doge(10));
    for (let i = 0; i < coin.channel.buried + 10; i++) chain.mine();
    await wallet.sync();
    const address = await wallet.receiveAddress();

    const restored = await openWallet({ chain, store: memoryStore(), keys, birthday: height(0) });
    assert.equal(await restored.nextChannelKey(), "m/44'/1'/1'/0/3", 'it reads the chain before it gives out a key');
    assert.equal(await restored.receiveAddress(), address);
    await restored.sync();
    assert.deepEqual(await restored.balance(), await wallet.balance());

    const young = await openWallet({ chain, store: memoryStore(), keys });
    await young.sync();
    assert.equal(await confirmed(young), 0n, 'without a birthday the seed is taken for fresh');
  });

  test('a channel that left nothing to return is recognised by the key in its redeem script', async () => {
    const { chain } = await worldWith();
    const key = keys.signer("m/44'/1'/1'/0/57").publicKey;
    const redeem = script('IF', 1000, 'CHECKLOCKTIMEVERIFY', 'DROP', key, 'CHECKSIG', 'ELSE', 2, key, key, 2, 'CHECKMULTISIG', 'ENDIF');
    const unlock = script(0, new Uint8Array(71), new Uint8Array(71), 0, redeem);
    chain.mine([chain.gift(elsewhere, doge(1), unlock)]);
    const restored = await openWallet({ chain, store: memoryStore(), keys, birthday: height(0) });
    assert.equal(await restored.nextChannelKey(), "m/44'/1'/1'/0/58");
  });
});

describe('funding', () => {
  test('the transaction is what was asked for: outputs in order, change last, replaceable, valid', async () => {
    const { chain, wallet } = await worldWith(doge(100), doge(50));
    const payees = [
      { script: p2sh(Uint8Array.of(OP.OP_1)), value: doge(90) },
      { script: elsewhere, value: doge(20) },
    ];
    const { txid, transaction, fee } = await wallet.fund(payees, { label: 'channel one' });
    assert.equal(txid, transactionId(transaction));
    assert.deepEqual([transaction.version, transaction.lockTime], [2, 0]);
    assert.ok(transaction.inputs.every(({ sequence }) => sequence === 0xffff_fffe));
    assert.deepEqual(transaction.outputs.slice(0, 2), payees);
    assert.deepEqual(transaction.outputs[2], { script: scriptAt(0, 1, 0), value: doge(40) - fee });
    assert.ok(fee >= feeFor(transactionSize(transaction), coin.policy.feeRate));
    assert.deepEqual(await wallet.balance(), { confirmed: ZERO, pending: amount(doge(40) - fee), immature: ZERO });
    assert.deepEqual(
      (await wallet.transactions()).map(({ label, stage }) => [label, stage.kind]),
      [['channel one', 'reserved']],
    );
    assert.deepEqual(await chain.broadcast(transaction), { kind: 'accepted' });
    chain.mine();
    await wallet.sync();
    assert.equal(await confirmed(wallet), doge(40) - fee);
    assert.deepEqual((await wallet.transactions())[0]?.stage, { kind: 'mined', height: height(4) });
  });

  test('the node’s fee rate is followed upwards, never below the coin’s own', async () => {
    const { chain, wallet } = await worldWith(doge(100), doge(100), doge(100));
    const payees = [{ script: elsewhere, value: doge(10) }];
    const usual = await wallet.fund(payees);
    chain.feeRateIs(amount(coin.policy.feeRate * 3n));
    const dear = await wallet.fund(payees);
    assert.equal(dear.fee, usual.fee * 3n);
    assert.equal((await wallet.fund(payees, { feeRate: amount(1n) })).fee, usual.fee);
  });

  test('concurrent calls, in one process and in several, never take the same output', async () => {
    const { wallet, open } = await worldWith(doge(10), doge(10), doge(10), doge(10));
    const wallets = [wallet, await open(), await open()];
    const calls = wallets.flatMap((each) => [1, 2].map(() => each.fund([{ script: elsewhere, value: doge(9) }])));
    const results = await Promise.allSettled(calls);
    const funded = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
    assert.equal(funded.length, 4, 'as many as there are outputs');
    const spent = funded.flatMap(({ transaction }) => transaction.inputs.map(({ outpoint }) => outpointKey(outpoint)));
    assert.equal(new Set(spent).size, 4);
    for (const result of results) if (result.status === 'rejected') assert.ok(failsWith('wallet-short', /short of/)(result.reason));
  });

  test('what can not be paid is refused with what to do, and reserves nothing', async () => {
    const { chain, wallet } = await worldWith(doge(10));
    const before = await wallet.balance();
    await assert.rejects(wallet.send(elsewhereAddress, doge(10)), failsWith('wallet-short', /short of 0\.0/));
    await assert.rejects(wallet.send(elsewhereAddress, amount(coin.policy.dust - 1n)), failsWith('config', /too little/));
    await assert.rejects(wallet.send('DBus3bamQjgJULBJtYXpEzDWQRwF5iwxgC', doge(1)), failsWith('config', /not an address/));
    chain.feeRateIs(doge(1_000));
    await assert.rejects(wallet.send(elsewhereAddress, doge(1)), failsWith('wallet-short', /short of \d{3} DOGE/));
    assert.deepEqual(await wallet.balance(), before);
    assert.deepEqual(await wallet.transactions(), []);
    const rich = (await worldWith(doge(1_000))).wallet;
    await assert.rejects(rich.send(elsewhereAddress, doge(1), { feeRate: doge(1_000) }), failsWith('config', /fee would be 22\d DOGE/));
    await wallet.send(elsewhereAddress, doge(1), { feeRate: coin.policy.feeRate });
  });

  test('the error for too little money names what is on its way', async () => {
    const { chain, wallet } = await worldWith();
    chain.pool(chain.gift(scriptFor(await wallet.receiveAddress()), doge(5)));
    await wallet.sync();
    await assert.rejects(
      wallet.send(elsewhereAddress, doge(1)),
      (error) => error instanceof WorldError && /5 DOGE more can be used/.test(error.hint),
    );
  });

  test('unconfirmed change is spent only on request', async () => {
    const { chain, wallet } = await worldWith(doge(10));
    await wallet.send(elsewhereAddress, doge(1));
    await assert.rejects(wallet.send(elsewhereAddress, doge(1)), failsWith('wallet-short'));
    await wallet.send(elsewhereAddress, doge(1), { unconfirmedChange: true });
    chain.mine();
    await wallet.sync();
    assert.ok((await confirmed(wallet)) > doge(7));
  });

  test('unconfirmed money of strangers is never spent', async () => {
    const { chain, wallet } = await worldWith();
    chain.pool(chain.gift(scriptFor(await wallet.receiveAddress()), doge(5)));
    await wallet.sync();
    await assert.rejects(wallet.send(elsewhereAddress, doge(1), { unconfirmedChange: true }), failsWith('wallet-short'));
  });

  test('what another wallet on the same seed spends in the mempool is left alone', async () => {
    const { chain, wallet } = await worldWith(doge(10));
    const twin = await openWallet({ chain, store: memoryStore(), keys, birthday: height(0) });
    await twin.sync();
    await twin.send(elsewhereAddress, doge(1));
    await wallet.sync();
    assert.equal(await confirmed(wallet), 0n);
    await assert.rejects(wallet.fund([{ script: elsewhere, value: doge(1) }]), failsWith('wallet-short'));
    chain.mine();
    await wallet.sync();
    assert.deepEqual(await wallet.balance(), await twin.sync().then(() => twin.balance()));
  });

  test('a released transaction gives its money back; one that the node holds can not be released', async () => {
    const { chain, wallet } = await worldWith(doge(10), doge(10));
    const given = await wallet.fund([{ script: elsewhere, value: doge(5) }]);
    assert.equal(await wallet.release(given.txid), true);
    assert.equal(await wallet.release(given.txid), false);
    assert.equal(await confirmed(wallet), doge(20));
    assert.deepEqual(await wallet.transactions(), []);
    const sent = await wallet.fund([{ script: elsewhere, value: doge(5) }]);
    await wallet.publish(sent.txid);
    assert.equal(await wallet.release(sent.txid), false);
    chain.mine();
    await wallet.sync();
    assert.equal(await wallet.release(sent.txid), false);
    assert.equal(await confirmed(wallet), doge(15) - sent.fee);
  });

  test('a transaction that the node refuses gives its money back', async () => {
    const { chain, wallet } = await worldWith(doge(10));
    chain.answerWith({ kind: 'fee-too-low', reason: 'insufficient priority' });
    await assert.rejects(wallet.send(elsewhereAddress, doge(1)), failsWith('node-refused', /insufficient priority/));
    assert.equal(await confirmed(wallet), doge(10));
    chain.answerWith(undefined);
    await wallet.send(elsewhereAddress, doge(1));
    assert.equal(chain.pooled(), 1);
  });

  test('a published transaction that the node refuses is reserved as before', async () => {
    const { chain, wallet } = await worldWith(doge(10));
    const { txid } = await wallet.fund([{ script: elsewhere, value: doge(1) }]);
    chain.answerWith({ kind: 'missing-inputs', reason: 'Missing inputs' });
    await assert.rejects(wallet.publish(txid), failsWith('node-refused'));
    assert.deepEqual((await wallet.transactions())[0]?.stage, { kind: 'reserved' });
    chain.answerWith(undefined);
    await wallet.publish(txid);
    assert.deepEqual((await wallet.transactions())[0]?.stage, { kind: 'published' });
    await assert.rejects(wallet.publish(txId('00'.repeat(32))), (error) => error instanceof WorldError && error.code === 'node-refused');
  });

  test('a sweep moves everything, in several transactions when there are many outputs', async () => {
    const { chain, wallet } = await worldWith();
    const at = scriptFor(await wallet.receiveAddress());
    chain.mine([...Array.from({ length: 260 }, () => chain.gift(at, doge(1))), chain.gift(at, amount(1_000n))]);
    await wallet.sync();
    const swept = await wallet.sweep(elsewhereAddress);
    assert.deepEqual(
      swept.map(({ transaction }) => transaction.inputs.length),
      [250, 10],
    );
    assert.equal(await confirmed(wallet), 1_000n, 'what costs more than it brings stays');
    for (const { transaction, fee } of swept) {
      assert.deepEqual(transaction.outputs, [{ script: elsewhere, value: doge(transaction.inputs.length) - fee }]);
    }
    await assert.rejects(wallet.sweep(elsewhereAddress), failsWith('wallet-short'));
  });

  test('money swept to the wallet itself is pending until it is mined', async () => {
    const { chain, wallet } = await worldWith(doge(10), doge(20));
    const [{ fee } = assert.fail()] = await wallet.sweep(await wallet.receiveAddress());
    const kept = amount(doge(30) - fee);
    assert.deepEqual(await wallet.balance(), { confirmed: ZERO, pending: kept, immature: ZERO });
    await wallet.sync();
    assert.deepEqual(await wallet.balance(), { confirmed: ZERO, pending: kept, immature: ZERO });
    chain.mine();
    await wallet.sync();
    assert.equal(await confirmed(wallet), kept);
  });
});

describe('channel keys', () => {
  test('no key is given twice, by one process or by several', async () => {
    const { wallet, open } = await worldWith();
    const wallets = [wallet, await open(), await open()];
    const names = await Promise.all(wallets.flatMap((each) => Array.from({ length: 15 }, () => each.nextChannelKey())));
    assert.equal(new Set(names).size, 45);
    assert.equal(await (await open()).nextChannelKey(), "m/44'/1'/1'/0/45");
  });

  test('a crash at any moment loses a key at most', async () => {
    const { chain, disk } = await worldWith();
    const seen = new Set<string>();
    let completed = false;
    for (let call = 0; !completed; call++) {
      const crashing = crashAt(call, chain, memoryStore(disk));
      await openWallet({ ...crashing, keys })
        .then(async (wallet) => {
          // A key counts as given when the store has it, even if the crash comes before the caller hears of it.
          const name = await wallet.nextChannelKey();
          assert.ok(!seen.has(name), name);
          seen.add(name);
          completed = true;
        })
        .catch(onlyCrashes);
      const next = await (await openWallet({ chain, store: memoryStore(disk), keys })).nextChannelKey();
      assert.ok(!seen.has(next), next);
      seen.add(next);
    }
    assert.ok(seen.size > 4, 'several moments were tried');
  });
});

describe('crashes', () => {
  test('between storing and broadcasting: the payment is neither lost nor made twice', async () => {
    const { chain, wallet, open } = await worldWith(doge(10));
    chain.goDown();
    await assert.rejects(wallet.send(elsewhereAddress, doge(4), { feeRate: coin.policy.feeRate }), failsWith('node-down'));
    chain.comeUp();
    assert.equal(chain.pooled(), 0);
    const reopened = await open();
    assert.equal(await confirmed(reopened), 0n, 'its inputs are still its own');
    assert.deepEqual((await reopened.sync()).refused, []);
    assert.equal(chain.pooled(), 1);
    chain.mine();
    await reopened.sync();
    assert.equal(chain.paid(elsewhere), doge(4));
  });

  test('a transaction for somebody else to broadcast waits for its owner', async () => {
    const { chain, wallet, open } = await worldWith(doge(10));
    const { txid } = await wallet.fund([{ script: elsewhere, value: doge(4) }], { label: 'channel seven' });
    const reopened = await open();
    await reopened.sync();
    assert.equal(chain.pooled(), 0);
    const [found] = await reopened.transactions();
    assert.deepEqual([found?.txid, found?.label, found?.stage.kind], [txid, 'channel seven', 'reserved']);
    await reopened.publish(txid);
    assert.equal(chain.pooled(), 1);
  });

  test('at every call to store or node: whatever was paid was paid once, and no money is stuck', async () => {
    let completed = false;
    let moments = 0;
    for (let call = 0; !completed; call++) {
      const { chain, disk, open } = await worldWith(doge(10), doge(20));
      const crashing = crashAt(call, chain, memoryStore(disk));
      await openWallet({ ...crashing, keys })
        .then(async (wallet) => {
          await wallet.sync();
          await wallet.send(elsewhereAddress, doge(4));
          completed = true;
        })
        .catch(onlyCrashes);
      moments++;
      const reopened = await open();
      await reopened.sync();
      chain.mine();
      await reopened.sync();
      const paid = chain.paid(elsewhere);
      assert.ok(paid === doge(4) || (paid === 0n && !completed), `call ${call}: ${paid}`);
      const { confirmed: left, pending } = await reopened.balance();
      assert.equal(pending, 0n);
      assert.equal(left + paid + chain.fees(), doge(30), `call ${call}`);
    }
    assert.ok(moments > 10, `${moments} moments were tried`);
  });

  test('a chain of forgotten payments is broadcast again in one go, parents first', async () => {
    const { chain, wallet } = await worldWith(doge(10));
    for (let i = 0; i < 6; i++) await wallet.send(elsewhereAddress, doge(1), { unconfirmedChange: true });
    chain.forget();
    assert.deepEqual((await wallet.sync()).refused, []);
    assert.equal(chain.pooled(), 6);
  });

  test('a mempool that forgets is reminded until the payment is mined', async () => {
    const { chain, wallet } = await worldWith(doge(10));
    await wallet.send(elsewhereAddress, doge(4));
    for (let i = 0; i < 3; i++) {
      chain.forget();
      await wallet.sync();
      assert.equal(chain.pooled(), 1);
    }
    chain.mine();
    await wallet.sync();
    chain.forget();
    await wallet.sync();
    assert.equal(chain.pooled(), 0);
  });
});

describe('reorganisations', () => {
  test('a payment that loses its block is gone, and comes back with another', async () => {
    const { chain, wallet } = await worldWith(doge(10), doge(20));
    chain.reorganise(1, 0);
    chain.mine([]);
    await wallet.sync();
    assert.deepEqual(await wallet.balance(), { confirmed: doge(10), pending: doge(20), immature: ZERO });
    chain.mine();
    await wallet.sync();
    assert.equal(await confirmed(wallet), doge(30));
  });

  test('an own payment that loses its block waits for the next one', async () => {
    const { chain, wallet } = await worldWith(doge(10));
    const { fee } = await wallet.send(elsewhereAddress, doge(4));
    chain.mine();
    await wallet.sync();
    chain.reorganise(1, 2);
    chain.forget();
    await wallet.sync();
    assert.equal(chain.pooled(), 1, 'broadcast again');
    assert.deepEqual(await wallet.balance(), { confirmed: ZERO, pending: amount(doge(6) - fee), immature: ZERO });
    chain.mine();
    await wallet.sync();
    assert.equal(await confirmed(wallet), doge(6) - fee);
  });

  test('a spend of another wallet on the same seed that loses its block gives the money back', async () => {
    const { chain, wallet } = await worldWith(doge(10));
    const twin = await openWallet({ chain, store: memoryStore(), keys, birthday: height(0) });
    await twin.sync();
    await twin.sweep(elsewhereAddress);
    chain.mine();
    await wallet.sync();
    assert.equal(await confirmed(wallet), 0n);
    chain.reorganise(1, 2);
    chain.forget();
    await wallet.sync();
    assert.equal(await confirmed(wallet), doge(10));
  });

  test('money that comes back is still reserved for the transaction that waits for it', async () => {
    const { chain, wallet } = await worldWith(doge(10));
    const { txid } = await wallet.fund([{ script: elsewhere, value: doge(9) }]);
    chain.reorganise(1, 0);
    await wallet.sync();
    chain.mine();
    await wallet.sync();
    assert.equal(await confirmed(wallet), 0n);
    await assert.rejects(wallet.fund([{ script: elsewhere, value: doge(9) }]), failsWith('wallet-short'));
    assert.equal(await wallet.release(txid), true);
    assert.equal(await confirmed(wallet), doge(10));
  });

  test('a shorter chain is followed too', async () => {
    const { chain, wallet } = await worldWith(doge(10), doge(20), doge(30));
    chain.reorganise(2, 0);
    chain.forget();
    assert.equal((await wallet.sync()).height, 2);
    assert.equal(await confirmed(wallet), doge(10));
  });

  test('a block that spends an input otherwise makes an own transaction and its child impossible', async () => {
    const { chain, wallet } = await worldWith(doge(10), doge(100));
    const parent = await wallet.fund([{ script: elsewhere, value: doge(99) }]);
    assert.equal(parent.transaction.inputs.length, 1);
    const child = await wallet.fund([{ script: elsewhere, value: doge(10) }], { unconfirmedChange: true });
    const twin = await openWallet({ chain, store: memoryStore(), keys, birthday: height(0) });
    await twin.sync();
    await twin.send(elsewhereAddress, doge(50));
    chain.mine();
    const { dead } = await wallet.sync();
    assert.deepEqual(new Set(dead), new Set([parent.txid, child.txid]));
    assert.deepEqual(await wallet.transactions(), []);
    await twin.sync();
    assert.deepEqual(await wallet.balance(), await twin.balance());
  });

  test('an own transaction that was altered on the way is recognised by what it spends', async () => {
    const { chain, wallet } = await worldWith(doge(10));
    const { txid, transaction, fee } = await wallet.send(elsewhereAddress, doge(4));
    const [input = assert.fail()] = transaction.inputs;
    // A longer push of the same key: another id, the same meaning (BIP62 rule 3; relay drops it, a miner may not).
    const altered = {
      ...transaction,
      inputs: [{ ...input, script: Uint8Array.of(...input.script.slice(0, -34), OP.PUSHDATA1, ...input.script.slice(-34)) }],
    };
    chain.forget();
    chain.pool(altered);
    await wallet.sync();
    assert.equal((await wallet.balance()).pending, doge(6) - fee, 'its change counts once');
    chain.mine([altered]);
    assert.deepEqual((await wallet.sync()).dead, [txid]);
    assert.equal(await confirmed(wallet), doge(6) - fee);
  });

  test('one that is deeper than anything remembered means a scan from the birthday', async () => {
    const { chain, wallet } = await worldWith(doge(10), doge(20));
    for (let i = 0; i < 140; i++) chain.mine();
    await wallet.sync();
    await wallet.sweep(elsewhereAddress);
    for (let i = 0; i < RETAINED_BLOCKS + 50; i++) chain.mine();
    await wallet.sync();
    assert.deepEqual(await wallet.transactions(), [], 'forgotten');
    chain.reorganise(RETAINED_BLOCKS + 55, RETAINED_BLOCKS + 60);
    chain.forget();
    await wallet.sync();
    assert.equal(await confirmed(wallet), doge(30), 'the spend is undone although it was forgotten');
  });

  test('a node that is far behind is not believed', async () => {
    const { chain, wallet } = await worldWith(doge(10));
    for (let i = 0; i < RETAINED_BLOCKS + 50; i++) chain.mine();
    await wallet.sync();
    const restore = chain.reorganise(RETAINED_BLOCKS + 48, 0);
    await assert.rejects(wallet.sync(), failsWith('node-down', /at block 4/));
    assert.equal(await confirmed(wallet), doge(10));
    restore();
    await wallet.sync();
  });

  test('whatever happens, the wallet ends where a wallet restored from the seed ends', async () => {
    const step = fc.oneof(
      {
        weight: 3,
        arbitrary: fc.record({ kind: fc.constant('pay' as const), value: fc.integer({ min: 1, max: 50 }), mined: fc.boolean() }),
      },
      { weight: 3, arbitrary: fc.record({ kind: fc.constant('send' as const), value: fc.integer({ min: 1, max: 30 }) }) },
      {
        weight: 2,
        arbitrary: fc.record({ kind: fc.constant('fund' as const), value: fc.integer({ min: 1, max: 30 }), release: fc.boolean() }),
      },
      { weight: 3, arbitrary: fc.record({ kind: fc.constant('mine' as const) }) },
      {
        weight: 2,
        arbitrary: fc.record({ kind: fc.constant('reorganise' as const), depth: fc.nat(5), length: fc.nat(7), forget: fc.boolean() }),
      },
      { weight: 2, arbitrary: fc.record({ kind: fc.constant('twin' as const), value: fc.integer({ min: 1, max: 30 }) }) },
      { weight: 4, arbitrary: fc.record({ kind: fc.constant('sync' as const) }) },
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
        const { chain, wallet, open } = await worldWith(doge(40), doge(60));
        const twin = await openWallet({ chain, store: memoryStore(), keys, birthday: height(0) });
        for (const each of steps) {
          if (each.kind === 'pay') {
            const gift = chain.gift(scriptFor(await wallet.receiveAddress()), doge(each.value));
            if (each.mined) chain.mine([gift]);
            else chain.pool(gift);
          } else if (each.kind === 'send') {
            await wallet.send(elsewhereAddress, doge(each.value), { unconfirmedChange: each.value % 2 === 0 }).catch(onlyRefusals);
          } else if (each.kind === 'twin') {
            await twin.sync();
            await twin.send(elsewhereAddress, doge(each.value)).catch(onlyRefusals);
          } else if (each.kind === 'fund') {
            // One unit more: the twin might sign the very same transaction, and then it is in the mempool.
            const funding = await wallet.fund([{ script: elsewhere, value: amount(doge(each.value) + 1n) }]).catch(onlyRefusals);
            if (funding !== undefined && each.release) assert.equal(await wallet.release(funding.txid), true);
          } else if (each.kind === 'mine') {
            chain.mine();
          } else if (each.kind === 'reorganise') {
            chain.reorganise(each.depth, each.length);
            if (each.forget) chain.forget();
          } else {
            await (each === steps.at(-1) ? await open() : wallet).sync();
          }
        }
        await wallet.sync();
        chain.mine();
        await wallet.sync();
        for (const { txid } of await wallet.transactions()) await wallet.release(txid);
        const restored = await openWallet({ chain, store: memoryStore(), keys, birthday: height(0) });
        await restored.sync();
        assert.deepEqual(await wallet.balance(), await restored.balance());
        assert.equal(await confirmed(wallet), chain.unspentOf(keys));
      }),
      { numRuns: 60 },
    );
  });
});

describe('the store', () => {
  test('of another seed is refused', async () => {
    const { chain, disk, open } = await worldWith(doge(10));
    const stranger = seedKeyRing(coin, new Uint8Array(32).fill(3));
    await assert.rejects(openWallet({ chain, store: memoryStore(disk), keys: stranger }), failsWith('config', /another seed/));
    assert.equal(await confirmed(await open()), doge(10));
  });

  test('a damaged record stops the wallet instead of emptying it', async () => {
    const { disk, wallet } = await worldWith(doge(10));
    const [[id, record] = assert.fail()] = disk.get('wallet-output:dogecoin-regtest') ?? assert.fail();
    disk.get('wallet-output:dogecoin-regtest')?.set(id, { ...record, value: record.value.slice(1) });
    await assert.rejects(wallet.balance(), failsWith('store-damaged'));
    disk.get('wallet-output:dogecoin-regtest')?.set(id, record);
    assert.equal(await confirmed(wallet), doge(10));
  });
});

function onlyCrashes(error: unknown): void {
  if (!(error instanceof Crash)) throw error;
}

function onlyRefusals(error: unknown): undefined {
  if (!(error instanceof WorldError) || (error.code !== 'wallet-short' && error.code !== 'node-refused')) throw error;
}

class Crash extends Error {}

/** The process dies at the `moment`-th call to node or store: before the call for even moments, after it took effect for odd ones. */
function crashAt(moment: number, chain: Chain, store: Store): { readonly chain: Chain; readonly store: Store } {
  let calls = 0;
  const guard = async <T>(call: () => Promise<T>): Promise<T> => {
    const now = calls++ - Math.floor(moment / 2);
    if (now > 0 || (now === 0 && moment % 2 === 0)) throw new Crash();
    const result = await call();
    if (now === 0) throw new Crash();
    return result;
  };
  return {
    chain: {
      coin: chain.coin,
      tip: () => guard(chain.tip),
      status: () => guard(chain.status),
      block: (at) => guard(() => chain.block(at)),
      output: (outpoint) => guard(() => chain.output(outpoint)),
      transaction: (txid) => guard(() => chain.transaction(txid)),
      mempool: () => guard(chain.mempool),
      unconfirmed: (txid) => guard(() => chain.unconfirmed(txid)),
      waiting: (txid) => guard(() => chain.waiting(txid)),
      broadcast: (transaction) => guard(() => chain.broadcast(transaction)),
      feeRate: () => guard(chain.feeRate),
    },
    store: {
      get: (kind, id) => guard(() => store.get(kind, id)),
      list: async function* (kind) {
        await guard(async () => undefined);
        yield* store.list(kind);
      },
      commit: (writes) => guard(() => store.commit(writes)),
      close: store.close,
    },
  };
}

interface FakeChain extends Chain {
  /** A transaction out of nowhere that pays to `script`. */
  readonly gift: (to: Uint8Array, value: Amount, unlock?: Uint8Array) => Transaction;
  /** Puts a transaction into the mempool unchecked. */
  readonly pool: (transaction: Transaction) => void;
  readonly pooled: () => number;
  readonly forget: () => void;
  /** One more block with these transactions, or all of the mempool. */
  readonly mine: (transactions?: readonly Transaction[], reward?: Uint8Array) => void;
  /** Takes `depth` blocks off, their transactions back into the mempool, and puts `length` empty ones on. Answers how to undo it. */
  readonly reorganise: (depth: number, length: number) => () => void;
  readonly feeRateIs: (rate: Amount) => void;
  readonly answerWith: (answer: Broadcast | undefined) => void;
  readonly goDown: () => void;
  readonly comeUp: () => void;
  /** What blocks pay to a script, and what mined transactions of known inputs left to miners. */
  readonly paid: (to: Uint8Array) => bigint;
  readonly fees: () => bigint;
  /** What lies unspent in blocks at the first 100 keys of each branch. */
  readonly unspentOf: (ring: typeof keys) => bigint;
}

/** Blocks and a mempool that checks inputs, P2PKH signatures, dust and fee as a node does; no proof of work. */
function fakeChain(): FakeChain {
  let blocks: readonly Block[] = [{ height: height(0), hash: coin.genesis, previous: '00'.repeat(32), transactions: [] }];
  const mempool = new Map<TxId, Transaction>();
  let serial = 0;
  let rate = coin.policy.feeRate;
  let answer: Broadcast | undefined;
  let down = false;

  const hash = (): string => bytesToHex(sha256(new TextEncoder().encode(`${serial++}`)));
  const mined = (): readonly { readonly txid: TxId; readonly transaction: Transaction }[] =>
    blocks.flatMap(({ transactions }) => transactions);
  const known = (txid: TxId): Transaction | undefined => mempool.get(txid) ?? mined().find((each) => each.txid === txid)?.transaction;
  const outputAt = ({ txid, vout }: Outpoint): Transaction['outputs'][number] | undefined => known(txid)?.outputs[vout];
  const spendersIn = (transactions: readonly Transaction[], outpoint: Outpoint): boolean =>
    transactions.some(({ inputs }) => inputs.some((input) => outpointKey(input.outpoint) === outpointKey(outpoint)));
  const call = async <T>(result: () => T): Promise<T> => {
    if (down) throw new WorldError('node-down', 'connection refused', 'Start the node.');
    return result();
  };
  const feeOf = (transaction: Transaction): bigint =>
    transaction.inputs.reduce((sum, { outpoint }) => sum + (outputAt(outpoint)?.value ?? 0n), 0n) -
    transaction.outputs.reduce((sum, { value }) => sum + value, 0n);

  const judge = (transaction: Transaction): Broadcast => {
    const txid = transactionId(transaction);
    if (mempool.has(txid)) return { kind: 'already-known' };
    const inBlocks = mined().map((each) => each.transaction);
    if (mined().some((each) => each.txid === txid)) return { kind: 'already-mined' };
    const { inputs, outputs } = transaction;
    if (inputs.some(({ outpoint }) => outputAt(outpoint) === undefined || spendersIn(inBlocks, outpoint))) {
      return { kind: 'missing-inputs', reason: 'Missing inputs' };
    }
    if (inputs.some(({ outpoint }) => spendersIn([...mempool.values()], outpoint)))
      return { kind: 'conflict', reason: 'txn-mempool-conflict' };
    if (outputs.some(({ value }) => value < coin.policy.dust)) return { kind: 'dust', reason: 'dust' };
    if (feeOf(transaction) < feeFor(transactionSize(transaction), coin.policy.feeRate)) return { kind: 'fee-too-low', reason: 'fee' };
    if (!inputs.every((_, i) => isSigned(transaction, i, outputAt)))
      return { kind: 'invalid', reason: 'mandatory-script-verify-flag-failed' };
    return { kind: 'accepted' };
  };

  const put = (transactions: readonly Transaction[], reward: Uint8Array = elsewhere): void => {
    const at = blocks.length;
    const coinbase: Transaction = {
      version: 1,
      inputs: [{ outpoint: { txid: txId('00'.repeat(32)), vout: 0xffff_ffff }, script: script(at, serial++), sequence: 0xffff_ffff }],
      outputs: [{ value: reward === elsewhere ? 0n : doge(10_000), script: reward }],
      lockTime: 0,
    };
    const content = [coinbase, ...transactions].map((transaction) => ({ txid: transactionId(transaction), transaction }));
    blocks = [...blocks, { height: height(at), hash: hash(), previous: blocks.at(-1)?.hash ?? '', transactions: content }];
    for (const { txid } of content) mempool.delete(txid);
    const spent = new Set(transactions.flatMap(({ inputs }) => inputs.map(({ outpoint }) => outpointKey(outpoint))));
    for (const [txid, { inputs }] of mempool) if (inputs.some(({ outpoint }) => spent.has(outpointKey(outpoint)))) mempool.delete(txid);
  };

  return {
    coin,
    tip: () => call(() => blocks.at(-1) ?? assert.fail()),
    status: () => assert.fail('a wallet asks no more than the tip'),
    block: (at) => call(() => blocks[at]),
    output: () => call(() => undefined),
    transaction: (txid) =>
      call(() => {
        const transaction = known(txid);
        return transaction && { transaction, depth: mempool.has(txid) ? 0 : 1 };
      }),
    unconfirmed: (txid) => call(() => known(txid)),
    mempool: () => call(() => [...mempool.keys()]),
    waiting: () => assert.fail('a wallet does not ask what others pay'),
    broadcast: (transaction) =>
      call(() => {
        const judged = answer ?? judge(transaction);
        if (judged.kind === 'accepted') mempool.set(transactionId(transaction), transaction);
        return judged;
      }),
    feeRate: () => call(() => rate),
    gift: (to, value, unlock = new Uint8Array()) => ({
      version: 1,
      inputs: [{ outpoint: { txid: txId(hash()), vout: 0 }, script: unlock, sequence: 0 }],
      outputs: [{ value, script: to }],
      lockTime: 0,
    }),
    pool: (transaction) => mempool.set(transactionId(transaction), transaction),
    pooled: () => mempool.size,
    forget: () => mempool.clear(),
    mine: (transactions = [...mempool.values()], reward) => put(transactions, reward),
    reorganise: (depth, length) => {
      const before = blocks;
      const kept = Math.max(1, blocks.length - depth);
      const undone = blocks.slice(kept).flatMap(({ transactions }) => transactions.slice(1));
      blocks = blocks.slice(0, kept);
      // Parents go before children, as a node puts them back.
      const waiting = [...mempool];
      mempool.clear();
      for (const { txid, transaction } of undone) mempool.set(txid, transaction);
      for (const [txid, transaction] of waiting) mempool.set(txid, transaction);
      for (let i = 0; i < length; i++) put([]);
      return () => {
        blocks = before;
        mempool.clear();
      };
    },
    feeRateIs: (next) => {
      rate = next;
    },
    answerWith: (next) => {
      answer = next;
    },
    goDown: () => {
      down = true;
    },
    comeUp: () => {
      down = false;
    },
    paid: (to) =>
      mined()
        .flatMap(({ transaction }) => transaction.outputs)
        .reduce((sum, output) => (bytesToHex(output.script) === bytesToHex(to) ? sum + output.value : sum), 0n),
    fees: () =>
      mined()
        .filter(({ transaction }) => transaction.inputs.every(({ outpoint }) => outputAt(outpoint) !== undefined))
        .reduce((sum, { transaction }) => sum + feeOf(transaction), 0n),
    unspentOf: (ring) => {
      const ours = new Set(
        [
          [0, 0],
          [0, 1],
          [1, 0],
        ].flatMap(([account = 0, change]) =>
          Array.from({ length: 100 }, (_, index) =>
            bytesToHex(p2pkh(ring.signer(keyName(coin, { account, change: change === 1 ? 1 : 0, index })).publicKey)),
          ),
        ),
      );
      const inBlocks = mined().map(({ transaction }) => transaction);
      const unspent = mined().flatMap(({ txid, transaction }) =>
        transaction.outputs.filter((output, vout) => ours.has(bytesToHex(output.script)) && !spendersIn(inBlocks, { txid, vout })),
      );
      return add(...unspent.map(({ value }) => amount(value)));
    },
  };
}

/** True for inputs out of nowhere, and for P2PKH inputs with a valid signature of the right key. */
function isSigned(
  transaction: Transaction,
  index: number,
  outputAt: (outpoint: Outpoint) => Transaction['outputs'][number] | undefined,
): boolean {
  const input = transaction.inputs[index] ?? assert.fail();
  const spent = outputAt(input.outpoint) ?? assert.fail();
  const length = input.script[0] ?? 0;
  const decoded = decodeSignature(input.script.slice(1, 1 + length));
  const key = publicKey(input.script.slice(-33));
  if (typeof decoded === 'string' || key === undefined || decoded.hashType !== SIGHASH.ALL) return false;
  if (bytesToHex(p2pkh(key)) !== bytesToHex(spent.script)) return false;
  return verifyPortable(decoded.signature, signatureHash(transaction, index, spent.script, SIGHASH.ALL), key);
}
