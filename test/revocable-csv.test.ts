import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { createRegtest, type Regtest } from '../src/chain/regtest/regtest.ts';
import { bytesToHex, equalBytes, txId } from '../src/core/base/bytes.ts';
import { isRefusal } from '../src/core/base/refusal.ts';
import type { Coin } from '../src/core/coin/coin.ts';
import { dogecoinRegtest } from '../src/core/coin/dogecoin.ts';
import { litecoinRegtest } from '../src/core/coin/litecoin.ts';
import {
  csvCommitScript,
  csvDepositScript,
  csvUnlock,
  readCsvCommitScript,
  readCsvDepositScript,
  spendSecretIn,
} from '../src/core/contract/revocable-csv-script.ts';
import { completeCsvCommit, csvCommit, csvCommitOutput, signCsvCommit } from '../src/core/contract/revocable-csv-tx.ts';
import { script } from '../src/core/tx/script.ts';
import { verifyPortable } from '../src/core/tx/sign.ts';
import type { Transaction } from '../src/core/tx/transaction.ts';
import {
  commitOf,
  commitTerms,
  csvCases,
  depositOf,
  depositTerms,
  EXPIRY,
  payoutOf,
  revokeSecret,
  spendSecret,
  timeoutOf,
} from './regtest/csv-cases.ts';
import { embedded, ownedBy, purseScript, sign, testKey, UNIT, World } from './regtest/world.ts';

const { payerKey, payeeKey, spendHash } = depositTerms;
const parties = { payerKey, payeeKey, spendHash };
const payer = testKey(1);
const payee = testKey(2);

const said = (regtest: Regtest, tx: Transaction): string => {
  const outcome = regtest.broadcast(tx, { relay: 'peer' });
  return outcome.kind === 'refused' ? outcome.reason : outcome.kind;
};
/** What a block says that somebody mines with the transaction in it, past all policy. */
const mined = (regtest: Regtest, tx: Transaction): string => {
  const outcome = regtest.mineBlock([tx], { payTo: purseScript });
  return outcome.kind === 'refused' ? outcome.reason : outcome.kind;
};

/** A chain with a deposit in its newest block. */
function deposited(coin: Coin, height: number): { readonly regtest: Regtest; readonly deposit: Transaction } {
  const regtest = createRegtest({ coin, now: () => 1_700_000_000_000 });
  regtest.mine(height, { payTo: purseScript });
  const coinbase = regtest.block(1)?.transactions[0]?.transaction ?? assert.fail();
  const deposit = depositOf(ownedBy(coinbase, 0));
  assert.equal(said(regtest, deposit), 'accepted');
  regtest.mine(1, { payTo: purseScript });
  return { regtest, deposit };
}

describe('picopayments’ channel on the embedded Litecoin', () => {
  for (const { name, run } of csvCases) {
    test(name, async () => {
      const world = await World.open(embedded(litecoinRegtest, 'peer'), 4);
      await world.mine(440 - (await world.height()));
      await run(world);
    });
  }
});

describe('where relative locks bind nobody', () => {
  for (const [coin, height] of [
    [dogecoinRegtest, 500],
    [litecoinRegtest, 300],
  ] as const) {
    test(`${coin.id} at ${height}: a payout and a timeout without waiting are not relayed, and mined all the same`, () => {
      const { regtest, deposit } = deposited(coin, height);
      const second = deposited(coin, height);
      assert.equal(said(second.regtest, timeoutOf(second.deposit)), 'non-BIP68-final');
      assert.equal(mined(second.regtest, timeoutOf(second.deposit)), 'mined');
      const commit = commitOf(deposit);
      assert.equal(mined(regtest, commit), 'mined');
      assert.equal(said(regtest, payoutOf(commit)), 'non-BIP68-final');
      assert.equal(mined(regtest, payoutOf(commit)), 'mined');
    });
  }
});

const hashes = fc.uint8Array({ minLength: 20, maxLength: 20 });
const locks = fc.oneof(fc.integer({ min: 1, max: 0xffff }), fc.constantFrom(1, 16, 17, 127, 128, 255, 256, 32_767, 32_768, 65_535));

describe('the csv scripts', () => {
  test('are read as they were written, with every lock; whatever else is read is written the same', () => {
    const reads = [
      [csvDepositScript, readCsvDepositScript],
      [csvCommitScript, readCsvCommitScript],
    ] as const;
    fc.assert(
      fc.property(hashes, hashes, locks, fc.nat(), fc.nat(255), (spendHash, revokeHash, lock, where, byte) => {
        const deposit = { ...parties, spendHash, expiry: lock };
        const commit = { ...parties, spendHash, revokeHash, delay: lock };
        assert.deepEqual(readCsvDepositScript(csvDepositScript(deposit)), deposit);
        assert.deepEqual(readCsvCommitScript(csvCommitScript(commit)), commit);
        for (const bytes of [csvDepositScript(deposit), csvCommitScript(commit)]) {
          const changed = bytes.slice();
          changed[where % changed.length] = byte;
          for (const other of [changed, bytes.subarray(1), bytes.subarray(0, -1), script('OP_1', bytes)]) {
            const isSame = equalBytes(other, bytes);
            const [ofDeposit, ofCommit] = [readCsvDepositScript(other), readCsvCommitScript(other)];
            if (!isRefusal(ofDeposit)) assert.equal(bytesToHex(reads[0][0](ofDeposit)), bytesToHex(other));
            if (!isRefusal(ofCommit)) assert.equal(bytesToHex(reads[1][0](ofCommit)), bytesToHex(other));
            assert.ok(!isSame || !isRefusal(ofDeposit) || !isRefusal(ofCommit));
          }
        }
      }),
    );
  });

  test('with swapped, repeated or broken keys, opcodes behind them or numbers that are too long are refused or read as what they are', () => {
    const { payerKey, payeeKey, spendHash } = parties;
    const written = csvDepositScript(depositTerms);
    const code = (bytes: Uint8Array): string => {
      const read = readCsvDepositScript(bytes);
      return isRefusal(read) ? read.code : 'accepted';
    };
    const body = (first: Uint8Array, second: Uint8Array, third: Uint8Array, hash: Uint8Array, lock: number | Uint8Array): Uint8Array =>
      script(
        ...(['IF', 2, first, second, 2, 'CHECKMULTISIG', 'ELSE', 'IF', 'HASH160', hash, 'EQUALVERIFY', first, 'CHECKSIG'] as const),
        ...(['ELSE', lock, 'CHECKSEQUENCEVERIFY', 'DROP', third, 'CHECKSIG', 'ENDIF', 'ENDIF'] as const),
      );
    assert.deepEqual(body(payerKey, payeeKey, payerKey, spendHash, EXPIRY), written);
    assert.equal(code(written), 'accepted');
    assert.equal(code(body(payeeKey, payerKey, payeeKey, spendHash, EXPIRY)), 'accepted', 'of the other side');
    assert.equal(code(body(payerKey, payeeKey, payeeKey, spendHash, EXPIRY)), 'script-unknown', 'a refund to the payee');
    assert.equal(code(body(payerKey, payerKey, payerKey, spendHash, EXPIRY)), 'key-repeated');
    assert.equal(code(body(payerKey, new Uint8Array(33).fill(5), payerKey, spendHash, EXPIRY)), 'key-invalid');
    assert.equal(code(body(payerKey, payeeKey, payerKey, spendHash.subarray(1), EXPIRY)), 'script-unknown');
    assert.equal(code(body(payerKey, payeeKey, payerKey, spendHash, 0)), 'expiry-malformed');
    assert.equal(code(body(payerKey, payeeKey, payerKey, spendHash, 65_536)), 'expiry-malformed');
    assert.equal(code(body(payerKey, payeeKey, payerKey, spendHash, 0x40_0001)), 'expiry-malformed', 'a lock by time');
    assert.equal(code(body(payerKey, payeeKey, payerKey, spendHash, Uint8Array.of(EXPIRY, 0))), 'expiry-malformed', 'not minimal');
    assert.equal(code(Uint8Array.of(...written, ...script('DROP', 'OP_1'))), 'script-unknown');
  });

  test('the secret of a payout is found however a miner rewrote its scriptSig', () => {
    const commitScript = csvCommitScript(commitTerms);
    const signature = sign({ version: 2, inputs: [], outputs: [], lockTime: 0 }, 0, commitScript);
    const payout = csvUnlock.payout(commitScript, signature, spendSecret);
    assert.deepEqual(spendSecretIn(payout, commitTerms), spendSecret);
    const rewritten = script('OP_3', signature, spendSecret, Uint8Array.of(7, 0), commitScript);
    assert.deepEqual(spendSecretIn(rewritten, commitTerms), spendSecret);
    for (const none of [
      csvUnlock.revoke(commitScript, signature, revokeSecret),
      csvUnlock.revoke(commitScript, signature, spendSecret),
      csvUnlock.payout(commitScript, signature, revokeSecret),
      csvUnlock.payout(csvDepositScript(depositTerms), signature, spendSecret),
      script(commitScript),
      new Uint8Array(),
      payout.subarray(0, -1),
    ]) {
      assert.equal(spendSecretIn(none, commitTerms), undefined);
    }
  });

  test('a commit is completed only over the payer’s own signatures, one for each input', () => {
    const txid = txId('ab'.repeat(32));
    const drafted = csvCommit(
      [
        { txid, vout: 0 },
        { txid, vout: 1 },
      ],
      csvCommitOutput(commitTerms, UNIT),
      [],
    );
    const signatures = signCsvCommit(depositTerms, drafted, payer);
    const [first = assert.fail(), second = assert.fail()] = signatures;
    const code = (given: typeof signatures): string => {
      const whole = completeCsvCommit(depositTerms, drafted, given, payee, verifyPortable);
      return isRefusal(whole) ? whole.code : 'completed';
    };
    assert.equal(code(signatures), 'completed');
    assert.equal(code([first]), 'signature-missing');
    assert.equal(code([first, second, second]), 'signature-surplus');
    assert.equal(code([second, first]), 'signature-wrong');
    assert.equal(code(signCsvCommit(depositTerms, drafted, payee)), 'signature-wrong');
  });
});
