import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { test } from 'node:test';
import { createRegtest } from '../src/chain/regtest/regtest.ts';
import { amount } from '../src/core/base/amount.ts';
import { bytesToHex, hexToBytes } from '../src/core/base/bytes.ts';
import { isTime, lockTime } from '../src/core/base/height.ts';
import { dogecoinRegtest as coin } from '../src/core/coin/dogecoin.ts';
import { contractById, contracts } from '../src/core/contract/registry.ts';
import { p2sh } from '../src/core/tx/script.ts';
import { signer } from '../src/core/tx/sign.ts';
import { decodeTransaction } from '../src/core/tx/transaction.ts';
import { seedKeyRing } from '../src/wallet/keyring.ts';
import { seedOf } from '../src/wallet/mnemonic.ts';
import { PacedChain } from './world/paced-chain.ts';

const WORDS = 'abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon about';
const DOGE = 100_000_000n;

interface Run {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

function refundByHand(words: string, ...args: readonly string[]): Promise<Run> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ['examples/refund-by-hand/main.ts', ...args]);
    const [out, err]: [string[], string[]] = [[], []];
    child.stdout.on('data', (data) => out.push(String(data)));
    child.stderr.on('data', (data) => err.push(String(data)));
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, out: out.join('').trim(), err: err.join('') }));
    child.stdin.end(words);
  });
}

test('contracts of both kinds of expiry are among those', () => {
  const kinds = contracts.filter(({ expiryIn }) => expiryIn === 'script').map(({ expiresBy }) => expiresBy);
  assert.deepEqual(new Set(kinds), new Set(['height', 'time']));
});

for (const contract of contracts.filter(({ expiryIn }) => expiryIn === 'script')) {
  test(`${contract.id}: words, redeem script and a node are enough to get a deposit back`, async () => {
    let seconds = 1_700_000_000;
    const regtest = createRegtest({ coin, now: () => seconds++ * 1_000 });
    regtest.mine(1400);
    const chain = new PacedChain(regtest);
    const expiry = chain.lockIn(contract.expiresBy, 20);
    const payerKey = seedKeyRing(coin, seedOf(WORDS)).signer("m/44'/1'/1'/0/3").publicKey;
    const terms = { payerKey, payeeKey: signer(new Uint8Array(32).fill(5)).publicKey, expiry };
    const redeemScript = contract.redeemScript(terms);
    const funding = regtest.fund(p2sh(redeemScript), amount(25n * DOGE));
    assert.ok(funding);
    const vout = funding.transaction.outputs.findIndex(({ value }) => value === 25n * DOGE);
    chain.mine(1);
    const args = [coin.id, bytesToHex(redeemScript), `${funding.txid}:${vout}`, '25', regtest.newAddress()];

    const made = await refundByHand(WORDS, ...args);
    assert.equal(made.code, 0, made.err);
    const refund = decodeTransaction(hexToBytes(made.out));
    assert.ok(refund);
    assert.match(made.err, isTime(expiry) ? /once the time of blocks has passed 2023-11-1\d \d\d:\d\d UTC/ : /reached block 1420\n/);
    chain.mineBefore(expiry);
    assert.deepEqual(regtest.broadcast(refund), { kind: 'refused', code: 64, reason: 'non-final' }, 'one block before the expiry');
    chain.mine(1);
    assert.ok(chain.reached(expiry) >= expiry);
    assert.equal(regtest.broadcast(refund).kind, 'accepted');

    const foreign = await refundByHand('legal winner thank year wave sausage worth useful legal winner thank yellow', ...args);
    assert.notEqual(foreign.code, 0);
    assert.match(foreign.err, /do not hold the payer key/);
  });
}

test('where the payee signs the refund, words and script are not enough, and that is said', async () => {
  const contract = contractById('presigned-refund') ?? assert.fail();
  const [payerKey, payeeKey] = [1, 2].map((fill) => signer(new Uint8Array(32).fill(fill)).publicKey);
  assert.ok(payerKey && payeeKey);
  const redeemScript = contract.redeemScript({ payerKey, payeeKey, expiry: lockTime(1_700_000_000) });
  const address = createRegtest({ coin }).newAddress();
  const { code, err } = await refundByHand(WORDS, coin.id, bytesToHex(redeemScript), `${'ab'.repeat(32)}:0`, '25', address);
  assert.notEqual(code, 0);
  assert.match(err, /one whose refund the payee signs/);
});
