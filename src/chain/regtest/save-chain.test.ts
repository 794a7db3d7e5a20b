import assert from 'node:assert/strict';
import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { purseScript, UNIT } from '../../../test/regtest/world.ts';
import { amount } from '../../core/base/amount.ts';
import { dogecoinRegtest } from '../../core/coin/dogecoin.ts';
import { litecoinRegtest } from '../../core/coin/litecoin.ts';
import { WorldError } from '../../engine/ports.ts';
import { openRegtest } from './save-chain.ts';

const options = { coin: dogecoinRegtest, now: (): number => 1_700_000_000_000 } as const;

function fileFor(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'pawment-chain-'));
  t.after(() => rmSync(folder, { recursive: true }));
  return join(folder, 'chain.txt');
}

const isDamaged = (error: unknown): boolean => error instanceof WorldError && error.code === 'store-damaged';

test('a chain comes back with its tip, its outputs, its marks and its faucet', (t) => {
  const file = fileFor(t);
  const first = openRegtest(file, options);
  const address = first.regtest.newAddress();
  first.regtest.mine(80, { payTo: address });
  const funded = first.regtest.fund(purseScript, amount(5n * UNIT));
  assert.ok(funded);
  first.regtest.mine(3);
  first.regtest.invalidate(first.regtest.block(82)?.hash ?? '');
  const balance = first.regtest.faucet.balance();
  const { tip } = first.regtest;
  first.close();
  first.regtest.mine(1);
  const second = openRegtest(file, { ...options, now: () => 1_000_000_000_000 });
  assert.deepEqual(second.regtest.tip, tip);
  assert.equal(tip.height, 81);
  assert.equal(second.regtest.faucet.balance(), balance);
  assert.equal(second.regtest.output({ txid: funded.txid, vout: 0 })?.depth, 1);
  second.close();
  const third = openRegtest(file, options);
  third.regtest.mine(1);
  third.close();
  const fourth = openRegtest(file, options);
  assert.deepEqual(fourth.regtest.tip, third.regtest.tip);
  fourth.close();
});

test('a line cut short by a crash is dropped, and the chain goes on', (t) => {
  const file = fileFor(t);
  const first = openRegtest(file, options);
  first.regtest.mine(5);
  first.close();
  const whole = readFileSync(file);
  for (const keep of [whole.length - 1, whole.length - 100, 10, 0]) {
    writeFileSync(file, whole.subarray(0, keep));
    const again = openRegtest(file, options);
    assert.equal(again.regtest.tip.height, keep > 100 ? 4 : 0);
    again.regtest.mine(1);
    again.close();
    const last = openRegtest(file, options);
    assert.equal(last.regtest.tip.height, keep > 100 ? 5 : 1);
    last.close();
  }
});

test('what no chain wrote is refused and left as it is', (t) => {
  const file = fileFor(t);
  const first = openRegtest(file, options);
  first.regtest.mine(2);
  first.close();
  const good = readFileSync(file, 'utf8');
  const lines = good.split('\n');
  const wrong: readonly string[] = [
    'a letter to my mother',
    'a letter to my mother\n',
    good.replace('chain 1', 'chain 2'),
    `${good}nonsense\n`,
    `${good}block 00\n`,
    `${good}block zz\n`,
    `${good}invalidate ${'ab'.repeat(32)}\n`,
    [lines[0], lines[2], lines[1], ''].join('\n'),
  ];
  for (const text of wrong) {
    writeFileSync(file, text);
    assert.throws(() => openRegtest(file, options), isDamaged, text.slice(0, 40));
    assert.equal(readFileSync(file, 'utf8'), text);
  }
  writeFileSync(file, good);
  assert.throws(() => openRegtest(file, { ...options, coin: litecoinRegtest }), isDamaged);
  const again = openRegtest(file, options);
  assert.equal(again.regtest.tip.height, 2);
  again.close();
  appendFileSync(file, `reconsider ${'ab'.repeat(100)}`);
  const torn = openRegtest(file, options);
  assert.equal(torn.regtest.tip.height, 2);
  torn.regtest.newAddress();
  torn.close();
  assert.equal(readFileSync(file, 'utf8'), `${good}key\n`);
});
