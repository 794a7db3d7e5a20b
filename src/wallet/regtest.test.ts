import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { asChain } from '../chain/regtest/port.ts';
import { createRegtest, type Regtest } from '../chain/regtest/regtest.ts';
import { type Amount, amount, ZERO } from '../core/base/amount.ts';
import { height } from '../core/base/height.ts';
import { isRefusal } from '../core/base/refusal.ts';
import type { Coin } from '../core/coin/coin.ts';
import { dogecoinRegtest } from '../core/coin/dogecoin.ts';
import { litecoinRegtest } from '../core/coin/litecoin.ts';
import { payerScript, type Terms } from '../core/contract/contract.ts';
import { contracts } from '../core/contract/registry.ts';
import { p2pkh } from '../core/tx/script.ts';
import { memoryStore } from '../store/memory.ts';
import { seedKeyRing } from './keyring.ts';
import { openWallet, type Wallet } from './wallet.ts';

const WHOLE = 100_000_000n;
const coins = (value: number): Amount => amount(BigInt(value) * WHOLE);
const confirmed = async (wallet: Wallet): Promise<Amount> => (await wallet.balance()).confirmed;

for (const coin of [dogecoinRegtest, litecoinRegtest] satisfies Coin[]) {
  describe(`the wallet on the embedded ${coin.id}`, () => {
    const keys = seedKeyRing(coin, new Uint8Array(32).fill(1));

    const start = async (): Promise<{ readonly regtest: Regtest; readonly wallet: Wallet }> => {
      let seconds = 1_700_000_000;
      const regtest = createRegtest({ coin, now: () => seconds++ * 1_000 });
      regtest.mine(coin.coinbaseMaturity + 1);
      return { regtest, wallet: await openWallet({ chain: asChain(regtest), store: memoryStore(), keys }) };
    };

    test('receives, sends, loses a block, and sends again until it is mined', async () => {
      const { regtest, wallet } = await start();
      regtest.fund(await wallet.receiveAddress(), coins(20));
      await wallet.sync();
      assert.deepEqual(await wallet.balance(), { confirmed: ZERO, pending: coins(20), immature: ZERO });
      regtest.mine(1);
      await wallet.sync();
      const { txid, fee } = await wallet.send(regtest.newAddress(), coins(5));
      const [block = assert.fail()] = regtest.mine(1);
      assert.equal(regtest.output({ txid, vout: 0 })?.depth, 1);
      await wallet.sync();
      assert.equal(await confirmed(wallet), coins(15) - fee);
      regtest.invalidate(block);
      await wallet.sync();
      assert.deepEqual(await wallet.balance(), { confirmed: ZERO, pending: amount(coins(15) - fee), immature: ZERO });
      regtest.mine(2);
      await wallet.sync();
      assert.equal(await confirmed(wallet), coins(15) - fee);
      const swept = await wallet.sweep(regtest.newAddress());
      assert.equal(swept.length, 1);
      regtest.mine(1);
      await wallet.sync();
      assert.deepEqual(await wallet.balance(), { confirmed: ZERO, pending: ZERO, immature: ZERO });
    });

    test('block rewards are spent at the first height that consensus allows', async () => {
      const { regtest, wallet } = await start();
      regtest.mine(1, { payTo: await wallet.receiveAddress() });
      regtest.mine(coin.coinbaseMaturity - 2);
      await wallet.sync();
      assert.equal(await confirmed(wallet), 0n);
      assert.ok((await wallet.balance()).immature > 0n);
      regtest.mine(1);
      await wallet.sync();
      await wallet.sweep(regtest.newAddress());
    });

    test('funds a channel, and the refund to the channel key is the wallet’s again, also restored from the seed', async () => {
      const { regtest, wallet } = await start();
      regtest.fund(await wallet.receiveAddress(), coins(20));
      regtest.mine(1);
      await wallet.sync();
      const payer = keys.signer(await wallet.nextChannelKey());
      const [contract] = contracts;
      const expiry = height(Number(coin.rules.cltv ?? 0) + 20);
      const payeeKey = keys.signer(`offer:${'00'.repeat(32)}`).publicKey;
      const terms: Terms = {
        coin,
        contract,
        payerKey: payer.publicKey,
        payeeKey,
        expiry,
        signing: { kind: 'flexible', slot: 0 },
        closingMargin: 10,
        payeeScript: p2pkh(payeeKey),
      };
      const { txid } = await wallet.fund([{ script: contract.outputScript(terms), value: coins(10) }], { label: 'channel' });
      await wallet.publish(txid);
      regtest.mine(expiry - regtest.tip.height);
      await wallet.sync();
      const before = await confirmed(wallet);
      const deposits = [{ outpoint: { txid, vout: 0 }, value: coins(10) }];
      const refund = contract.refund(terms, deposits, { script: payerScript(terms), feeRate: coin.policy.feeRate }, payer);
      if (isRefusal(refund)) assert.fail(refund.code);
      assert.equal(regtest.broadcast(refund).kind, 'accepted');
      regtest.mine(1);
      await wallet.sync();
      assert.equal(await confirmed(wallet), before + (refund.outputs[0]?.value ?? 0n));

      const restored = await openWallet({ chain: asChain(regtest), store: memoryStore(), keys, birthday: height(0) });
      await restored.sync();
      assert.deepEqual(await restored.balance(), await wallet.balance());
      assert.notEqual(await restored.nextChannelKey(), "m/44'/1'/1'/0/0");
      await restored.sweep(regtest.newAddress());
      regtest.mine(1);
      await wallet.sync();
      assert.equal(await confirmed(wallet), 0n);
    });
  });
}
