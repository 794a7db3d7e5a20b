import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ownedBy, purseScript, spend } from '../../test/regtest/world.ts';
import { asChain } from '../chain/regtest/port.ts';
import { createRegtest, type Regtest } from '../chain/regtest/regtest.ts';
import { amount } from '../core/base/amount.ts';
import { txId } from '../core/base/bytes.ts';
import { dogecoinRegtest as coin } from '../core/coin/dogecoin.ts';
import type { Deposit } from '../core/contract/contract.ts';
import type { Transaction } from '../core/tx/transaction.ts';
import { lookUpFunding } from './deposit-lookup.ts';
import type { Chain } from './ports.ts';

const value = amount(1_000_000_000n);

function funded(): { readonly regtest: Regtest; readonly transaction: Transaction; readonly deposit: Deposit } {
  const regtest = createRegtest({ coin });
  regtest.mine(300);
  const { txid, transaction } = regtest.fund(purseScript, value) ?? assert.fail();
  const vout = transaction.outputs.findIndex((output) => output.value === value);
  return { regtest, transaction, deposit: { outpoint: { txid, vout }, value } };
}

async function kindOf(chain: Chain, deposit: Deposit): Promise<string | undefined> {
  return (await lookUpFunding(chain, [deposit]))[0]?.kind;
}

test('a deposit is unspent, spent or missing, or its transaction has no such output', async () => {
  const { regtest, transaction, deposit } = funded();
  const chain = asChain(regtest);
  const { txid, vout } = deposit.outpoint;
  assert.equal(await kindOf(chain, deposit), 'unspent');
  regtest.mine(1);
  assert.equal(await kindOf(chain, deposit), 'unspent');
  assert.equal(await kindOf(chain, { ...deposit, outpoint: { txid, vout: 7 } }), 'no-such-output');
  assert.equal(await kindOf(chain, { ...deposit, outpoint: { txid: txId('ab'.repeat(32)), vout } }), 'missing');
  const taking = spend([ownedBy(transaction, vout)], [{ value: value - 10_000_000n, script: purseScript }]);
  assert.equal(regtest.broadcast(taking).kind, 'accepted');
  assert.equal(await kindOf(chain, deposit), 'spent');
});

test('a deposit that reaches the node between two questions is not taken for one that is spent', async () => {
  const { regtest, deposit } = funded();
  const node = asChain(regtest);
  let asked = 0;
  const late = async <T>(answer: Promise<T>): Promise<T | undefined> => (asked++ === 0 ? undefined : answer);
  const chain: Chain = { ...node, output: (at) => late(node.output(at)), transaction: (txid) => late(node.transaction(txid)) };
  assert.equal(await kindOf(chain, deposit), 'unspent');
  assert.equal(asked, 2);
});

test('a transaction that makes many deposits is asked for once, and again only where the node does not find it by the first', async () => {
  const { regtest, deposit } = funded();
  const { txid } = deposit.outpoint;
  const node = asChain(regtest);
  const asked: (number | undefined)[] = [];
  let isFound: boolean = true;
  const chain: Chain = {
    ...node,
    transaction: (id, vout) => {
      asked.push(vout);
      return isFound || vout === deposit.outpoint.vout ? node.transaction(id, vout) : Promise.resolve(undefined);
    },
  };
  const many = Array.from({ length: 16 }, (_, vout) => ({ ...deposit, outpoint: { txid, vout: vout + 7 } }));
  const kinds = async (): Promise<readonly string[]> => (await lookUpFunding(chain, [...many, deposit])).map(({ kind }) => kind);
  assert.deepEqual(await kinds(), [...many.map(() => 'no-such-output'), 'unspent']);
  assert.deepEqual(asked, [7]);
  isFound = false;
  assert.deepEqual(await kinds(), [...many.map(() => 'missing'), 'unspent']);
});
