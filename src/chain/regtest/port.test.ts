import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Owned, ownedBy, purseScript, type SpendOptions, spend, UNIT } from '../../../test/regtest/world.ts';
import { amount } from '../../core/base/amount.ts';
import { txId } from '../../core/base/bytes.ts';
import { height } from '../../core/base/height.ts';
import { dogecoinRegtest } from '../../core/coin/dogecoin.ts';
import { litecoinRegtest } from '../../core/coin/litecoin.ts';
import { script } from '../../core/tx/script.ts';
import type { Transaction } from '../../core/tx/transaction.ts';
import type { Chain } from '../../engine/ports.ts';
import { asChain } from './port.ts';
import { createRegtest, type Regtest } from './regtest.ts';

const coins = [dogecoinRegtest, litecoinRegtest] as const;

function opened(coin = dogecoinRegtest): { readonly regtest: Regtest; readonly chain: Chain; readonly take: () => Owned } {
  const regtest = createRegtest({ coin, now: () => 1_700_000_000_000 });
  regtest.mine(coin.coinbaseMaturity + 20, { payTo: purseScript });
  let at = 0;
  const take = (): Owned => ownedBy(regtest.block(++at)?.transactions[0]?.transaction ?? assert.fail(), 0);
  return { regtest, chain: asChain(regtest), take };
}

const back = (from: Owned, fee: bigint): { value: bigint; script: Uint8Array }[] => [
  { value: from.output.value - fee, script: purseScript },
];

test('an engine sees tip, blocks, outputs and transactions', async () => {
  for (const coin of coins) {
    const { regtest, chain, take } = opened(coin);
    assert.equal(chain.coin, coin);
    assert.deepEqual(await chain.tip(), regtest.tip);
    assert.equal((await chain.block(height(0)))?.hash, coin.genesis);
    assert.equal((await chain.block(height(1)))?.previous, coin.genesis);
    assert.equal(await chain.block(height(9_999)), undefined);
    assert.equal(await chain.feeRate(), coin.policy.feeRate);
    const from = take();
    const tx = spend([from], back(from, 50_000n));
    const made = ownedBy(tx, 0);
    assert.deepEqual(await chain.output(from.outpoint), {
      value: from.output.value,
      script: purseScript,
      depth: coin.coinbaseMaturity + 20,
      coinbase: true,
    });
    assert.deepEqual(await chain.broadcast(tx), { kind: 'accepted' });
    assert.deepEqual(await chain.broadcast(tx), { kind: 'already-known' });
    assert.equal(await chain.output(from.outpoint), undefined);
    assert.equal((await chain.output(made.outpoint))?.depth, 0);
    assert.equal((await chain.transaction(made.outpoint.txid))?.depth, 0);
    assert.deepEqual(await chain.mempool(), [made.outpoint.txid]);
    regtest.mineBlock([tx]);
    regtest.mine(1);
    assert.deepEqual(await chain.broadcast(tx), { kind: 'already-mined' });
    assert.equal((await chain.output(made.outpoint))?.depth, 2);
    assert.equal((await chain.transaction(made.outpoint.txid))?.depth, 2);
    assert.equal(await chain.transaction(from.outpoint.txid), undefined, 'mined, and nothing of it is left');
  }
});

test('every way to be refused has its kind', async () => {
  const { regtest, chain, take } = opened();
  const kindOf = async (tx: Transaction): Promise<string> => (await chain.broadcast(tx)).kind;
  const make = (from: Owned, fee: bigint, options: SpendOptions = {}): Transaction => spend([from], back(from, fee), options);
  const from = take();
  const rival = take();
  assert.equal(await kindOf(make(rival, 50_000n)), 'accepted');
  assert.equal(await kindOf(make(rival, 90_000n)), 'conflict');
  assert.equal(await kindOf(make({ ...from, outpoint: { txid: txId('ab'.repeat(32)), vout: 0 } }, 50_000n)), 'missing-inputs');
  assert.equal(await kindOf(make(from, 50_000n, { lockTime: regtest.tip.height + 1 })), 'non-final');
  assert.equal(await kindOf(make(from, 0n)), 'fee-too-low');
  assert.equal(await kindOf(make(from, 101n * UNIT)), 'fee-too-high');
  assert.equal(await kindOf(spend([from], [...back(from, UNIT), { value: 1n, script: purseScript }])), 'dust');
  assert.equal(await kindOf(spend([from], [{ value: UNIT, script: script('OP_1') }])), 'invalid');
  assert.equal(await kindOf(make(from, 50_000n)), 'accepted');
});

test('the faucet funds an address or a script, and says when it is empty', () => {
  for (const coin of coins) {
    const regtest = createRegtest({ coin, now: () => 1_700_000_000_000 });
    assert.equal(regtest.fund(purseScript, amount(UNIT)), undefined);
    regtest.mine(coin.coinbaseMaturity + 5);
    const funded = regtest.fund(purseScript, amount(UNIT));
    assert.ok(funded);
    assert.equal(regtest.output({ txid: funded.txid, vout: 0 })?.value, UNIT);
    const whole = regtest.faucet.balance();
    assert.equal(regtest.fund(regtest.newAddress(), whole), undefined, 'the fee is not in it');
    const rest = regtest.fund(regtest.newAddress(), amount(whole - UNIT / 10n));
    assert.ok(rest);
    regtest.mine(1);
    assert.equal(regtest.output({ txid: rest.txid, vout: 0 })?.depth, 1);
    assert.throws(() => regtest.fund('nowhere', amount(UNIT)), /no address/);
  }
});
