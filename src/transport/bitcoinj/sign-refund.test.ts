import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { opened, prepared, VALUE } from '../../../test/world/bitcoinj-channel.ts';
import type { BitcoinjPayer, PayerChannel } from '../../../test/world/bitcoinj-payer.ts';
import { highS } from '../../../test/world/high-s.ts';
import { keyNumber } from '../../../test/world/sample.ts';
import { txId } from '../../core/base/bytes.ts';
import { p2pkh, script } from '../../core/tx/script.ts';
import { SIGHASH, signatureHash } from '../../core/tx/sighash.ts';
import { encodeSignature } from '../../core/tx/sign.ts';
import { decodeTransaction, encodeTransaction, type Transaction, transactionId } from '../../core/tx/transaction.ts';

const DOGE = 100_000_000n;
const NOTHING = new Uint8Array();

/** bitcoinj's refund, with both signatures; what it pays is the client's to choose. */
function refundOf(payer: BitcoinjPayer, { txid, redeemScript, expiry }: PayerChannel, release: Uint8Array, fee: bigint): Transaction {
  const input = { outpoint: { txid, vout: 0 }, script: NOTHING, sequence: 0xffff_fffe };
  const refund = {
    version: 1,
    inputs: [input],
    outputs: [{ value: VALUE - fee, script: p2pkh(payer.signer.publicKey) }],
    lockTime: expiry,
  };
  const own = encodeSignature(payer.signer.sign(signatureHash(refund, 0, redeemScript, SIGHASH.ALL)), SIGHASH.ALL);
  return { ...refund, inputs: [{ ...input, script: script('OP_0', own, release) }] };
}

describe('version 1: the refund is signed before the contract is shown', () => {
  test('and holds in the chain from the expiry on, not before', async () => {
    const { world, payer, channel } = await prepared({ major: 1 });
    const release = (await payer.secure(channel)) ?? assert.fail();
    assert.deepEqual(await world.channels(), [], 'nothing is stored for it');
    assert.deepEqual(world.regtest.mempool(), []);
    await payer.say(payer.contractOf(channel));
    await payer.hears('channel-open');
    await payer.pay(channel, DOGE);
    payer.cut();
    await payer.served;
    const refund = refundOf(payer, channel, release, DOGE / 10n);
    // The merchant is away.
    world.regtest.mine(1);
    assert.equal(world.regtest.broadcast(refund).kind, 'refused');
    world.turnTo(channel.expiry + 1);
    world.regtest.mine(12);
    assert.equal(world.regtest.broadcast(refund).kind, 'accepted');
    world.regtest.mine(1);
    assert.equal(world.regtest.transaction(transactionId(refund))?.depth, 1);
  });

  const bad: Readonly<Record<string, (channel: PayerChannel) => Partial<Transaction>>> = {
    'no input': () => ({ inputs: [] }),
    'two inputs': ({ txid }) => ({
      inputs: [0, 1].map((vout) => ({ outpoint: { txid, vout }, script: NOTHING, sequence: 0xffff_fffe })),
    }),
    'another output of the contract': ({ txid }) => ({
      inputs: [{ outpoint: { txid, vout: 1 }, script: NOTHING, sequence: 0xffff_fffe }],
    }),
    'a sequence that makes the lock time void': ({ txid }) => ({
      inputs: [{ outpoint: { txid, vout: 0 }, script: NOTHING, sequence: 0xffff_ffff }],
    }),
    'another sequence': ({ txid }) => ({ inputs: [{ outpoint: { txid, vout: 0 }, script: NOTHING, sequence: 0 }] }),
    'no lock time': () => ({ lockTime: 0 }),
    'an earlier lock time': ({ expiry }) => ({ lockTime: expiry - 1 }),
    'a later lock time': ({ expiry }) => ({ lockTime: expiry + 1 }),
    'another version': () => ({ version: 2 }),
    'no output': () => ({ outputs: [] }),
    'two outputs': () => ({ outputs: [1n, 2n].map((value) => ({ value, script: p2pkh(keyNumber(9).publicKey) })) }),
  };
  for (const [name, altered] of Object.entries(bad)) {
    test(`testServerErrorHandling_badTransaction: ${name}`, async () => {
      const { world, payer, channel } = await prepared({ major: 1 });
      await payer.say(payer.refundOf(channel, altered(channel)));
      await payer.hearsError('BAD_TRANSACTION');
      assert.deepEqual(await world.channels(), []);
      await world.connect().open(VALUE);
    });
  }

  test('what is no transaction', async () => {
    const { payer, channel } = await prepared({ major: 1 });
    await payer.say({ ...payer.refundOf(channel), refund: Uint8Array.of(1) });
    await payer.hearsError('BAD_TRANSACTION');
  });

  test('one for each connection, then the contract', async () => {
    const { payer, channel } = await prepared({ major: 1 });
    await payer.secure(channel);
    await payer.say(payer.refundOf(channel));
    await payer.hearsError('SYNTAX_ERROR');
  });

  test('the contract before it: an error, and nothing is broadcast', async () => {
    const { world, payer, channel } = await prepared({ major: 1 });
    await payer.say(payer.contractOf(channel));
    await payer.hearsError('SYNTAX_ERROR');
    assert.deepEqual(world.regtest.mempool(), []);
  });

  test('another contract than the refund spends: nothing is broadcast, for nothing of it could come back', async () => {
    const { world, payer, channel } = await prepared({ major: 1 });
    await payer.say(payer.refundOf({ ...channel, txid: txId('ab'.repeat(32)) }));
    await payer.hears('return-refund');
    await payer.say(payer.contractOf(channel));
    await payer.hearsError('BAD_TRANSACTION');
    assert.deepEqual(world.regtest.mempool(), []);
  });

  test('another key than in the contract', async () => {
    const { world, payer, channel } = await prepared({ major: 1 });
    await payer.say({ ...payer.refundOf(channel), payerKey: keyNumber(9).publicKey });
    await payer.hears('return-refund');
    await payer.say(payer.contractOf(channel));
    await payer.hearsError('BAD_TRANSACTION');
    assert.deepEqual(world.regtest.mempool(), []);
  });

  test('CLOSE between the two only ends the connection', async () => {
    const { world, payer, channel } = await prepared({ major: 1 });
    await payer.secure(channel);
    await payer.say({ kind: 'close' });
    assert.equal(await payer.hear(), undefined);
    assert.deepEqual(world.faults, []);
  });

  test('in version 2 there is none to sign', async () => {
    const { payer, channel } = await prepared();
    await payer.say(payer.refundOf(channel));
    await payer.hearsError('SYNTAX_ERROR');
  });
});

describe('version 1: the channel', () => {
  test('is paid, gone on with after a restart, and settled', async () => {
    const { world, payer, channel } = await opened({ major: 1 });
    await payer.pay(channel, DOGE);
    await payer.hangUp();
    await payer.served;
    await world.restart();
    const again = world.connect(1);
    await again.resume(channel);
    await again.pay(channel, 3n * DOGE);
    const settlement = (await again.settle()) ?? assert.fail();
    assert.equal(settlement.outputs[0]?.value, 7n * DOGE);
    await world.mine(1);
    assert.equal(world.regtest.transaction(transactionId(settlement))?.depth, 1);
  });

  test('with a high s: taken, and the settlement is one that nodes relay', async () => {
    const { world, payer, channel } = await opened({ major: 1 });
    const update = payer.update(channel, DOGE);
    await payer.say({ ...update, signature: highS(update.signature) });
    await payer.hears('payment-ack');
    const settlement = (await payer.settle()) ?? assert.fail();
    await world.mine(1);
    assert.equal(world.regtest.transaction(transactionId(settlement))?.depth, 1);
  });

  test('of either version is not gone on with in the other', async () => {
    for (const [made, asked] of [
      [1, 2],
      [2, 1],
    ] as const) {
      const { world, payer, channel } = await opened({ major: made });
      await payer.pay(channel, DOGE);
      const other = world.connect(1, asked);
      await other.greet({ previous: channel.txid });
      await other.hears('initiate');
      await payer.pay(channel, 2n * DOGE);
      await world.connect(1, made).resume(channel);
    }
  });

  test('uses one key for one expiry: a merchant never signs a refund that comes before its close', async () => {
    const { world, payer, channel } = await prepared({ major: 1 });
    const release = (await payer.secure(channel)) ?? assert.fail();
    await payer.say(payer.contractOf(channel, DOGE));
    await payer.hears('channel-open');
    const earlier = refundOf(payer, { ...channel, expiry: channel.expiry - 8_000 }, release, DOGE / 10n);
    world.turnTo(channel.expiry - 7_900);
    world.regtest.mine(12);
    assert.equal(world.regtest.broadcast(earlier).kind, 'refused');
    assert.ok(decodeTransaction(encodeTransaction(earlier)));
    world.turnTo(channel.expiry - 7_500);
    await world.mine(1);
    assert.equal((await world.single()).kind, 'closing');
  });
});
