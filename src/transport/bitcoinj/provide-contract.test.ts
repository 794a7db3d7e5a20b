import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { opened, prepared, VALUE } from '../../../test/world/bitcoinj-channel.ts';
import type { BitcoinjPayer } from '../../../test/world/bitcoinj-payer.ts';
import { BitcoinjWorld } from '../../../test/world/bitcoinj-world.ts';
import { keyNumber } from '../../../test/world/sample.ts';
import { amount } from '../../core/base/amount.ts';
import type { Initiate, ProvideContract } from '../../core/message/bitcoinj/message.ts';
import { p2pkh } from '../../core/tx/script.ts';
import { decodeTransaction, encodeTransaction, type Transaction, transactionId } from '../../core/tx/transaction.ts';

const DOGE = 100_000_000n;
const IDLE = 3_600_000;
const other = keyNumber(9);

/** A contract that a client must not be left with, and the code that says so. */
interface Bad {
  readonly name: string;
  readonly code: string;
  readonly make: (payer: BitcoinjPayer, terms: Initiate) => ProvideContract;
}

function good(payer: BitcoinjPayer, terms: Initiate): ProvideContract {
  return payer.contractOf(payer.prepare(terms, VALUE));
}

function altered(message: ProvideContract, change: (contract: Transaction) => Transaction): ProvideContract {
  const contract = decodeTransaction(message.contract) ?? assert.fail();
  return { ...message, contract: encodeTransaction(change(contract)) };
}

function flipped(bytes: Uint8Array, at: number): Uint8Array {
  return bytes.map((byte, i) => (i === at ? byte ^ 1 : byte));
}

const bad: readonly Bad[] = [
  { name: 'no transaction', code: 'BAD_TRANSACTION', make: (payer, terms) => ({ ...good(payer, terms), contract: Uint8Array.of(1, 2) }) },
  {
    name: 'a byte behind the transaction',
    code: 'BAD_TRANSACTION',
    make: (payer, terms) => {
      const message = good(payer, terms);
      return { ...message, contract: Uint8Array.of(...message.contract, 0) };
    },
  },
  { name: 'no outputs', code: 'BAD_TRANSACTION', make: (payer, terms) => altered(good(payer, terms), (tx) => ({ ...tx, outputs: [] })) },
  {
    name: 'the channel’s output second',
    code: 'BAD_TRANSACTION',
    make: (payer, terms) =>
      altered(good(payer, terms), (tx) => ({ ...tx, outputs: [{ value: DOGE, script: p2pkh(other.publicKey) }, ...tx.outputs] })),
  },
  {
    name: 'an output worth nothing (zero contract)',
    code: 'BAD_TRANSACTION',
    make: (payer, terms) => altered(good(payer, terms), (tx) => ({ ...tx, outputs: tx.outputs.map((out) => ({ ...out, value: 0n })) })),
  },
  {
    name: 'an output for another expiry',
    code: 'BAD_TRANSACTION',
    make: (payer, terms) => good(payer, { ...terms, expiry: terms.expiry + 1 }),
  },
  {
    name: 'an output for another payee',
    code: 'BAD_TRANSACTION',
    make: (payer, terms) => good(payer, { ...terms, payeeKey: other.publicKey }),
  },
  {
    name: 'payer and payee swapped',
    code: 'BAD_TRANSACTION',
    make: (payer, terms) => ({ ...good(payer, terms), payerKey: terms.payeeKey }),
  },
  { name: 'another client’s key', code: 'BAD_TRANSACTION', make: (payer, terms) => ({ ...good(payer, terms), payerKey: other.publicKey }) },
  {
    name: 'no client’s key',
    code: 'SYNTAX_ERROR',
    make: (payer, terms) => {
      const { payerKey: _, ...rest } = good(payer, terms);
      return rest;
    },
  },
  {
    name: 'less than the announced minimum',
    code: 'BAD_TRANSACTION',
    make: (payer, terms) => payer.contractOf(payer.prepare(terms, terms.minCapacity - 1n)),
  },
  {
    name: 'more than one payer may bind',
    code: 'CHANNEL_VALUE_TOO_LARGE',
    make: (payer, terms) => payer.contractOf(payer.prepare(terms, 1_000n * DOGE + 1n)),
  },
  {
    name: 'a first payment below the announced one',
    code: 'BAD_TRANSACTION',
    make: (payer, terms) => payer.contractOf(payer.prepare(terms, VALUE), 999n),
  },
  {
    name: 'a first payment of nothing',
    code: 'BAD_TRANSACTION',
    make: (payer, terms) => payer.contractOf(payer.prepare(terms, VALUE), 0n),
  },
  {
    name: 'a first payment of more than there is',
    code: 'BAD_TRANSACTION',
    make: (payer, terms) => {
      const message = good(payer, terms);
      return { ...message, initial: { ...message.initial, change: amount(VALUE + 1n) } };
    },
  },
  {
    name: 'a first payment that leaves dust',
    code: 'BAD_TRANSACTION',
    make: (payer, terms) => payer.contractOf(payer.prepare(terms, VALUE), VALUE - 546n),
  },
  {
    name: 'a first payment signed over another one',
    code: 'BAD_TRANSACTION',
    make: (payer, terms) => {
      const channel = payer.prepare(terms, VALUE);
      return { ...payer.contractOf(channel), initial: { ...payer.signed(channel, 2_000n), change: amount(VALUE - 1_000n) } };
    },
  },
  {
    name: 'a first payment with another hash type',
    code: 'BAD_TRANSACTION',
    make: (payer, terms) => {
      const message = good(payer, terms);
      const { signature } = message.initial;
      return { ...message, initial: { ...message.initial, signature: Uint8Array.of(...signature.subarray(0, -1), 1) } };
    },
  },
  {
    name: 'a first payment whose signature is no DER',
    code: 'BAD_TRANSACTION',
    make: (payer, terms) => {
      const message = good(payer, terms);
      return { ...message, initial: { ...message.initial, signature: flipped(message.initial.signature, 0) } };
    },
  },
];

describe('a contract that is not taken is not broadcast, and nothing is stored', () => {
  for (const { name, code, make } of bad) {
    test(name, async () => {
      const world = await BitcoinjWorld.open();
      const payer = world.connect();
      await payer.say(make(payer, await payer.ask()));
      await payer.hearsError(code);
      await payer.served;
      assert.deepEqual(world.regtest.mempool(), []);
      assert.deepEqual(await world.channels(), []);
      assert.deepEqual(world.faults, []);
      const control = world.connect();
      await control.say(good(control, await control.ask()));
      await control.hears('channel-open');
      assert.equal((await world.channels()).length, 1);
    });
  }
});

describe('a contract', () => {
  test('is broadcast by the merchant, and open at once where it delivers before depth', async () => {
    const { world, channel } = await opened();
    assert.deepEqual(world.regtest.mempool(), [channel.txid]);
    const { deposits, best, terms } = await world.single();
    assert.deepEqual(deposits, [{ outpoint: { txid: channel.txid, vout: 0 }, value: VALUE }]);
    assert.equal(best, undefined, 'a first payment that no close could pay out is not stored');
    assert.equal(terms.expiry, channel.expiry);
  });

  test('that is in the chain already is taken too', async () => {
    const { world, payer, channel } = await prepared();
    world.regtest.broadcast(channel.contract);
    await world.mine(1);
    await payer.say(payer.contractOf(channel));
    await payer.hears('channel-open');
  });

  test('that the node refused the contract is said so', async () => {
    const { world, payer, channel } = await prepared();
    const [input] = channel.contract.inputs;
    assert.ok(input);
    const unsigned = { ...channel.contract, inputs: [{ ...input, script: new Uint8Array() }] };
    const moved = { ...channel, contract: unsigned, txid: transactionId(unsigned) };
    await payer.say(payer.contractOf(moved));
    assert.match(await payer.hearsError('BAD_TRANSACTION'), /node refused the contract/);
    assert.deepEqual(await world.channels(), []);
  });

  test('doubleSpendContractTest: whose coins went elsewhere is not taken', async () => {
    const world = await BitcoinjWorld.open();
    const [first, second] = [world.connect(), world.connect()];
    const channel = first.prepare(await first.ask(), VALUE);
    const rival = second.prepare(await second.ask(), VALUE);
    assert.deepEqual(rival.contract.inputs[0]?.outpoint, channel.contract.inputs[0]?.outpoint, 'the faucet spends the same coin');
    await second.say(second.contractOf(rival));
    await second.hears('channel-open');
    await first.say(first.contractOf(channel));
    await first.hearsError('BAD_TRANSACTION');
    assert.equal((await world.channels()).length, 1);
  });

  test('that comes when its window has almost passed is not taken: there would be no time to close', async () => {
    const world = await BitcoinjWorld.open();
    const payer = world.connect();
    const channel = payer.prepare(await payer.ask(14_400), VALUE);
    world.turnTo(channel.expiry - 7_500);
    await world.look();
    await payer.say(payer.contractOf(channel));
    await payer.hearsError('TIME_WINDOW_UNACCEPTABLE');
    assert.deepEqual(world.regtest.mempool(), []);
  });

  test('with a first payment that can be closed with counts it, and tells the application', async () => {
    const world = await BitcoinjWorld.open();
    const channel = await world.connect().open(VALUE, DOGE);
    assert.deepEqual(world.told, [{ kind: 'opened' }, { kind: 'paid', by: DOGE, total: DOGE }]);
    assert.equal((await world.single()).best?.total, DOGE);
    assert.equal(channel.capacity, VALUE);
  });

  test('that is used up by its first payment is open, and settled', async () => {
    const world = await BitcoinjWorld.open();
    const payer = world.connect();
    await payer.open(VALUE, VALUE);
    const settlement = await payer.hearsClose();
    assert.equal(settlement?.outputs.length, 1);
    assert.ok(settlement && world.regtest.mempool().includes(transactionId(settlement)));
  });
});

describe('where nothing is delivered before the deposit is deep enough', () => {
  const unconfirmed = amount(0n);

  test('CHANNEL_OPEN comes when it is', async () => {
    const { world, payer, channel } = await prepared({ terms: { unconfirmed } });
    await payer.say(payer.contractOf(channel, DOGE));
    await world.timers.isSet(IDLE);
    assert.equal((await world.single()).best, undefined);
    await world.mine(1);
    assert.deepEqual(world.told, []);
    const opened = payer.hears('channel-open');
    await world.mine(1);
    await opened;
    assert.equal((await world.single()).best?.total, DOGE);
    await payer.pay(channel, 2n * DOGE);
  });

  test('a client that has gone meanwhile resumes, and pays all of it with its next payment', async () => {
    const { world, payer, channel } = await prepared({ terms: { unconfirmed } });
    await payer.say(payer.contractOf(channel, DOGE));
    await world.timers.isSet(IDLE);
    await payer.hangUp();
    await payer.served;
    await world.mine(1);
    const early = world.connect(1);
    await early.greet({ previous: channel.txid });
    await world.timers.isSet(IDLE);
    const opened = early.hears('channel-open');
    await world.mine(1);
    await opened;
    await early.pay(channel, 2n * DOGE);
    assert.deepEqual(world.told, [{ kind: 'opened' }, { kind: 'paid', by: 2n * DOGE, total: 2n * DOGE }]);
  });

  test('what all channels together may deliver being full, a channel waits for its depth', async () => {
    const world = await BitcoinjWorld.open({ exposure: amount(DOGE) });
    const [first, second] = [world.connect(), world.connect()];
    await first.open(VALUE, DOGE);
    await first.hangUp();
    await first.served;
    const channel = second.prepare(await second.ask(), VALUE);
    await second.say(second.contractOf(channel, DOGE));
    await world.timers.isSet(IDLE);
    assert.equal(world.told.filter(({ kind }) => kind === 'opened').length, 1);
    const opened = second.hears('channel-open');
    await world.mine(2);
    await opened;
    await second.pay(channel, 2n * DOGE);
  });

  test('setupDoS: a client that stops after the contract is owed nothing, and may have its refund', async () => {
    const world = await BitcoinjWorld.open({ terms: { unconfirmed } });
    const payer = world.connect();
    const channel = payer.prepare(await payer.ask(14_400), VALUE);
    await payer.say(payer.contractOf(channel));
    await world.timers.isSet(IDLE);
    payer.cut();
    await world.mine(2);
    world.turnTo(channel.expiry + 7_200);
    await world.mine(12);
    assert.equal((await world.single()).kind, 'ended');
    assert.deepEqual(world.faults, []);
  });
});

test('a contract that pays less than is mined soon has its channel opened when a block has it', async () => {
  let rate = 1n;
  const world = await BitcoinjWorld.open({ rate: () => rate });
  const control = world.connect();
  await control.open(VALUE, DOGE);
  await control.hangUp();
  await control.served;
  rate = 3n;
  await world.mine(1);
  const payer = world.connect();
  const channel = payer.prepare(await payer.ask(), VALUE);
  await payer.say(payer.contractOf(channel, DOGE));
  await world.timers.isSet(IDLE);
  assert.equal(world.merchant.engine.exposure.total, DOGE);
  const opened = payer.hears('channel-open');
  await world.mine(1);
  await opened;
  await payer.pay(channel, 2n * DOGE);
});
