import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { asChain } from '../src/chain/regtest/port.ts';
import { createRegtest, type Regtest } from '../src/chain/regtest/regtest.ts';
import { amount } from '../src/core/base/amount.ts';
import { height } from '../src/core/base/height.ts';
import { payeeSnapshot, payerSnapshot } from '../src/core/channel/snapshot.ts';
import { dogecoinRegtest as coin } from '../src/core/coin/dogecoin.ts';
import { closingAt } from '../src/core/contract/contract.ts';
import { p2pkh } from '../src/core/tx/script.ts';
import { outpointKey, type Transaction, transactionSize } from '../src/core/tx/transaction.ts';
import { payeeRole, payerRole } from '../src/engine/channel-role.ts';
import { payeeEngine, payerEngine } from '../src/engine/engine.ts';
import type { Chain } from '../src/engine/ports.ts';
import { fastestVerifier } from '../src/engine/verifier.ts';
import { feeLadder } from '../src/merchant/watchtower/fee-ladder.ts';
import { Watcher } from '../src/merchant/watchtower/watcher.ts';
import { memoryStore } from '../src/store/memory.ts';
import { MinedPair } from './world/mined-pair.ts';
import { spend } from './world/p2pkh.ts';
import { keyNumber, must, payeeKey, payerKey } from './world/sample.ts';

const { verify } = await fastestVerifier();
const { dust } = coin.policy;
const stranger = keyNumber(77);
const clock = { now: Date.now };

function chain(): Regtest {
  const regtest = createRegtest({ coin, relay: 'peer', verify });
  regtest.mine(1_360);
  return regtest;
}

/** One standard transaction with so many outputs to the address of a channel; a block takes it, or none does. */
function stuff(regtest: Regtest, script: Uint8Array, { count, value, isCheap }: { count: number; value: bigint; isCheap: boolean }): void {
  const rate = isCheap ? coin.policy.minRelayFeeRate : coin.policy.feeRate;
  const fee = amount((rate * BigInt(count * 34 + 200)) / 1_000n);
  const coins = regtest.fund(p2pkh(stranger.publicKey), amount(value * BigInt(count) + fee)) ?? assert.fail('the faucet is empty');
  const outputs = Array.from({ length: count }, () => ({ value, script }));
  const output = { outpoint: { txid: coins.txid, vout: 0 }, value: amount(coins.transaction.outputs[0]?.value ?? 0n), owner: stranger };
  const stuffing = spend(coin, output, { outputs });
  assert.ok(transactionSize(stuffing) <= coin.policy.maxTransactionSize);
  assert.equal(regtest.broadcast(stuffing).kind, 'accepted');
}

/** A node, and what is asked of it. */
function asked(regtest: Regtest): { readonly node: Chain; readonly calls: string[] } {
  const calls: string[] = [];
  const whole = asChain(regtest);
  const noting = <Rest extends readonly unknown[], Answer>(name: string, call: (...rest: Rest) => Answer): ((...rest: Rest) => Answer) => {
    return (...rest) => {
      calls.push(name);
      return call(...rest);
    };
  };
  const node: Chain = {
    ...whole,
    block: noting('block', whole.block),
    output: noting('output', whole.output),
    transaction: noting('transaction', whole.transaction),
    mempool: noting('mempool', whole.mempool),
    broadcast: noting('broadcast', whole.broadcast),
  };
  return { node, calls };
}

function paidPair(regtest: Regtest): MinedPair {
  const pair = new MinedPair(regtest).openMined(2_000n);
  pair.pay(pair.money(1_800n));
  return pair;
}

/** A look of the side that is to close, over this node. */
const closers = {
  merchant: async (pair: MinedPair, node: Chain) => {
    const state = pair.payeeState();
    const store = memoryStore();
    await store.commit([{ kind: payeeRole.recordKind, id: state.channel, expected: 0, value: payeeSnapshot.encode(state) }]);
    const engine = payeeEngine({ chain: node, store, keys: { signer: () => payeeKey }, verify, clock });
    return async () => void (await engine.follower.poll());
  },
  watcher: async (pair: MinedPair, node: Chain) => {
    const state = pair.payeeState();
    const { channel, terms, deposits } = state;
    const watched = { channel, terms, deposits, total: pair.money(1_800n), since: height(1), closes: must(feeLadder(state, payeeKey)) };
    const watcher = new Watcher({
      chain: node,
      clock,
      folder: {
        channels: async () => [channel],
        read: async () => watched,
        stamp: async () => '1',
        heartbeat: async () => undefined,
        write: async () => undefined,
        empty: async () => undefined,
        remove: async () => undefined,
        beat: async () => undefined,
      },
    });
    return async () => void (await watcher.poll());
  },
};

describe('thousands of outputs to the address of a channel that is about to be closed', () => {
  for (const [side, closer] of Object.entries(closers)) {
    test(`a ${side} closes before it reads any of them, and asks the node no more for them`, async () => {
      const regtest = chain();
      const pair = paidPair(regtest);
      const script = pair.terms.contract.outputScript(pair.terms);
      pair.mineTo(closingAt(pair.terms) - 1, []);
      const { node, calls } = asked(regtest);
      const poll = await closer(pair, node);
      await poll();
      // Some in the block that the margin begins with, others in none.
      stuff(regtest, script, { count: 2_800, value: dust, isCheap: false });
      regtest.mine(1);
      for (let i = 0; i < 3; i++) stuff(regtest, script, { count: 2_800, value: dust, isCheap: true });
      calls.length = 0;
      await poll();
      const sent = calls.indexOf('broadcast');
      assert.deepEqual(calls.slice(0, sent), ['block', 'output']);
      assert.ok(calls.length <= 20, calls.join(' '));
      calls.length = 0;
      await poll();
      assert.ok(calls.length <= 10, calls.join(' '));
      regtest.mine(1);
      const [deposit] = pair.payeeState().deposits;
      assert.equal(deposit && regtest.output(deposit.outpoint), undefined, 'the close is mined');
    });
  }
});

test('a payer whose address was stuffed has its money back by transactions that nodes take, and ends', async () => {
  const regtest = chain();
  const pair = paidPair(regtest);
  const { terms, channel } = pair.payerState();
  const script = terms.contract.outputScript(terms);
  const store = memoryStore();
  const value = payerSnapshot.encode(pair.payerState());
  await store.commit([{ kind: payerRole.recordKind, id: channel, expected: 0, value }]);
  const refunds: Transaction[] = [];
  const node = asChain(regtest);
  const engine = payerEngine({
    ...{ chain: node, store, keys: { signer: () => payerKey }, verify, clock },
    onEvent: (_, event) => {
      if ('broadcasts' in event) refunds.push(...event.broadcasts.map(({ transaction }) => transaction));
    },
  });
  await engine.follower.poll();
  stuff(regtest, script, { count: 700, value: (dust * 3n) / 2n, isCheap: false });
  regtest.mine(1);
  await engine.follower.poll();
  const size = payerSnapshot.encode((await engine.get(channel)) ?? assert.fail('no state')).length;
  assert.ok(size < 120_000, `${size} characters are stored`);
  while (regtest.tip.height < terms.expiry) regtest.mine(1);
  for (let block = 0; block < 64; block++) {
    await engine.follower.poll();
    regtest.mine(1);
  }
  await engine.follower.poll();
  const [deposit] = pair.payerState().deposits;
  const state = (await engine.get(channel)) ?? assert.fail('no state');
  assert.ok(state.kind === 'ended' && state.how === 'refunded', state.kind);
  assert.ok(state.returned >= pair.money(1_900n));
  assert.ok(
    refunds.some(({ inputs }) => inputs.some(({ outpoint }) => deposit && outpointKey(outpoint) === outpointKey(deposit.outpoint))),
  );
});

test('one refund of 700 deposits is none that a node takes; a part of them is', () => {
  const regtest = chain();
  const pair = new MinedPair(regtest).openMined(2_000n);
  const script = pair.terms.contract.outputScript(pair.terms);
  stuff(regtest, script, { count: 700, value: (dust * 3n) / 2n, isCheap: false });
  const [txid] = regtest.mempool().slice(-1);
  assert.ok(txid !== undefined);
  regtest.mine(pair.expiry - regtest.tip.height);
  const deposits = Array.from({ length: 700 }, (_, vout) => ({ outpoint: { txid, vout }, value: amount((dust * 3n) / 2n) }));
  const refund = (count: number): Transaction =>
    must(
      pair.terms.contract.refund(
        pair.terms,
        deposits.slice(0, count),
        { script: p2pkh(payerKey.publicKey), feeRate: coin.policy.feeRate },
        payerKey,
      ),
    );
  assert.equal(regtest.broadcast(refund(700)).kind, 'refused');
  assert.equal(regtest.broadcast(refund(100)).kind, 'accepted');
});
