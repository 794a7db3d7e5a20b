import assert from 'node:assert/strict';
import { test } from 'node:test';
import { asChain } from '../chain/regtest/port.ts';
import { createRegtest } from '../chain/regtest/regtest.ts';
import { amount } from '../core/base/amount.ts';
import { height } from '../core/base/height.ts';
import { isRefusal } from '../core/base/refusal.ts';
import type { PayeeState } from '../core/channel/payee-state.ts';
import { payeeSnapshot } from '../core/channel/snapshot.ts';
import { dogecoinRegtest as coin } from '../core/coin/dogecoin.ts';
import { cltvMultisig } from '../core/contract/cltv-multisig.ts';
import { capacityOf, channelIdOf, type Payment, type Terms } from '../core/contract/contract.ts';
import type { Pay } from '../core/message/message.ts';
import { p2pkh } from '../core/tx/script.ts';
import { signer, verifyPortable } from '../core/tx/sign.ts';
import { type MemoryDisk, memoryStore } from '../store/memory.ts';
import { type Driven, type Driver, driver } from './channel-driver.ts';
import { payeeRole } from './channel-role.ts';
import { type Store, WorldError } from './ports.ts';

const payer = signer(new Uint8Array(32).fill(1));
const payeeSigner = signer(new Uint8Array(32).fill(2));
const terms: Terms = {
  coin,
  contract: cltvMultisig,
  payerKey: payer.publicKey,
  payeeKey: payeeSigner.publicKey,
  expiry: height(5000),
  closingMargin: 120,
  signing: { kind: 'flexible', slot: 0 },
  payeeScript: p2pkh(payeeSigner.publicKey),
};
const channel = channelIdOf(coin, terms.contract.redeemScript(terms));
const deposits = [{ outpoint: { txid: 'ab'.repeat(32) as never, vout: 0 }, value: amount(100_00000000n) }];
const open: PayeeState = {
  kind: 'open',
  channel,
  terms,
  keyName: 'test',
  deposits,
  limits: { maxDeposit: capacityOf(deposits), depth: [{ upTo: amount(10n ** 18n), blocks: 1 }] },
  spent: amount(0n),
};

async function opened(disk: MemoryDisk = new Map()): Promise<MemoryDisk> {
  await memoryStore(disk).commit([{ kind: 'payee-channel', id: channel, expected: 0, value: payeeSnapshot.encode(open) }]);
  return disk;
}

function driverOn(
  store: Store,
  onState?: (channel: string, state: PayeeState) => void,
): Driver<PayeeState, Parameters<typeof payeeRole.transition>[1]> {
  const chain = asChain(createRegtest({ coin }));
  const keys = { signer: () => payeeSigner };
  const world = () => ({
    tip: height(2000),
    medianTime: 0,
    now: 0,
    feeRate: coin.policy.feeRate,
    verify: verifyPortable,
    keyOf: () => undefined,
  });
  return driver({ party: payeeRole, store, chain, keys, world, ...(onState && { onState }) });
}

function payment(total: bigint): { readonly kind: 'payment'; readonly pay: Pay } {
  const signed = terms.contract.sign(terms, deposits, amount(total), payer);
  assert.ok(!isRefusal(signed));
  return { kind: 'payment', pay: { kind: 'payment', channel, payment: signed } };
}

const versionOf = async (disk: MemoryDisk): Promise<number> => (await memoryStore(disk).get('payee-channel', channel))?.version ?? 0;

/** A store that gives other work a turn before each answer, as a disk or a network would. */
function slow(store: Store): Store {
  const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
  return {
    ...store,
    get: async (kind, id) => {
      await turn();
      return store.get(kind, id);
    },
    commit: async (writes) => {
      await turn();
      return store.commit(writes);
    },
  };
}

test('64 payments of one total at once, through one process: one advances, the others get its receipt', async () => {
  const disk = await opened();
  const { drive } = driverOn(slow(memoryStore(disk)));
  const results = await Promise.all(Array.from({ length: 64 }, () => drive(channel, payment(5_00000000n))));
  assert.equal(await versionOf(disk), 2);
  const receipts = results.map((result) => (isRefusal(result) ? result.code : result.reply));
  assert.equal(
    new Set(receipts.map((reply) => JSON.stringify(reply, (_, value) => (typeof value === 'bigint' ? `${value}` : value)))).size,
    1,
  );
  assert.ok(!isRefusal(results[0] ?? assert.fail()));
});

test('64 different payments at once, through 64 processes: the best wins, no step is lost, no lower one comes after', async () => {
  const disk = await opened();
  const totals = Array.from({ length: 64 }, (_, i) => 5_00000000n + BigInt((i * 37) % 64));
  const results = await Promise.all(totals.map((total) => driverOn(slow(memoryStore(disk))).drive(channel, payment(total))));
  const accepted = results.filter((result): result is Driven<PayeeState> => !isRefusal(result));
  assert.equal(await versionOf(disk), 1 + accepted.length);
  const refusals = results.filter(isRefusal).map(({ code }) => code);
  assert.deepEqual([...new Set(refusals)], refusals.length > 0 ? ['total-lower'] : []);
  const final = payeeSnapshot.decode((await memoryStore(disk).get('payee-channel', channel))?.value ?? '');
  assert.equal(final.best?.total, 5_00000063n);
});

test('64 payments of one total for 64 invoices at once: one is bought', async () => {
  const disk = await opened();
  const { invoiceSnapshot } = await import('../core/channel/snapshot.ts');
  const ids = Array.from({ length: 64 }, (_, i) => i.toString(16).padStart(32, '0'));
  const texts = ids.map((id) => ({
    id,
    value: invoiceSnapshot.encode({
      invoice: { kind: 'invoice', id, channel, item: 'tea', text: 'tea', amount: amount(5_00000000n), address: 'x', expires: 1 },
    }),
  }));
  await memoryStore(disk).commit(texts.map(({ id, value }) => ({ kind: 'invoice', id, expected: 0, value })));
  const one = payment(5_00000000n);
  const results = await Promise.all(
    ids.map((invoice) => driverOn(slow(memoryStore(disk))).drive(channel, { ...one, pay: { ...one.pay, invoice } })),
  );
  assert.equal(results.filter((result) => !isRefusal(result)).length, 1);
  const kept = await Promise.all(ids.map((id) => memoryStore(disk).get('invoice', id)));
  assert.equal(kept.filter((record) => record !== undefined && invoiceSnapshot.decode(record.value).paidTotal !== undefined).length, 1);
});

test('a commit that fails answers nobody, and what the disk holds is what counts afterwards', async () => {
  for (const happened of [false, true]) {
    const disk = await opened();
    const store = memoryStore(disk);
    let fails = true;
    const flaky: Store = {
      ...store,
      commit: async (writes) => {
        const failing = fails;
        fails = false;
        if (!failing) return store.commit(writes);
        if (happened) await store.commit(writes);
        throw new WorldError('store-full', 'the disk is full', 'Make room.');
      },
    };
    const told: (bigint | undefined)[] = [];
    const { drive, get } = driverOn(flaky, (_, { best }) => void told.push(best?.total));
    await assert.rejects(drive(channel, payment(5_00000000n)), { code: 'store-full' });
    assert.deepEqual(told, [happened ? 5_00000000n : undefined]);
    assert.equal((await get(channel))?.best?.total, happened ? 5_00000000n : undefined);
    const again = await drive(channel, payment(5_00000000n));
    assert.ok(!isRefusal(again) && again.reply?.kind === 'receipt');
    assert.equal(await versionOf(disk), 2);
  }
});

test('a refusal changes nothing, not even the version', async () => {
  const disk = await opened();
  const { drive } = driverOn(memoryStore(disk));
  const wrong: Payment = { total: amount(5_00000000n), signatures: payment(6_00000000n).pay.payment.signatures };
  const refused = await drive(channel, { kind: 'payment', pay: { kind: 'payment', channel, payment: wrong } });
  assert.equal(isRefusal(refused) && refused.code, 'signature-wrong');
  assert.equal(await versionOf(disk), 1);
  assert.ok(!isRefusal(await drive(channel, payment(5_00000000n))));
  assert.equal(await versionOf(disk), 2);
});

test('a damaged or newer record is an error, never an empty channel', async () => {
  for (const [value, code] of [
    ['{"format":1,"value":{}}', 'store-damaged'],
    ['not json', 'store-damaged'],
    ['{"format":2,"value":{}}', 'store-newer'],
  ] as const) {
    const store = memoryStore();
    await store.commit([{ kind: 'payee-channel', id: channel, expected: 0, value }]);
    await assert.rejects(driverOn(store).drive(channel, payment(5_00000000n)), { code });
    assert.equal((await store.get('payee-channel', channel))?.value, value);
  }
});
