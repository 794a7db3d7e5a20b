import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { createRegtest, type Regtest } from '../src/chain/regtest/regtest.ts';
import { bytesToHex, equalBytes } from '../src/core/base/bytes.ts';
import { isRefusal } from '../src/core/base/refusal.ts';
import type { Coin } from '../src/core/coin/coin.ts';
import { dogecoinRegtest } from '../src/core/coin/dogecoin.ts';
import { litecoinRegtest } from '../src/core/coin/litecoin.ts';
import {
  type CsvCommitTerms,
  type CsvDepositTerms,
  csvCommitScript,
  csvDepositScript,
  csvUnlock,
  readCsvCommitScript,
  readCsvDepositScript,
  spendSecretIn,
} from '../src/core/contract/revocable-csv-script.ts';
import {
  completeCsvCommit,
  csvChange,
  csvCommit,
  csvCommitOutput,
  csvDeposit,
  csvDepositOutput,
  csvPayout,
  csvRevoke,
  csvTimeout,
  signCsvChange,
  signCsvCommit,
  signCsvDeposit,
  signCsvPayout,
  signCsvRevoke,
  signCsvTimeout,
} from '../src/core/contract/revocable-csv-tx.ts';
import { hash160, p2pkh, script } from '../src/core/tx/script.ts';
import { verifyPortable } from '../src/core/tx/sign.ts';
import { type Transaction, type TxOutput, transactionId } from '../src/core/tx/transaction.ts';
import { ownedBy, purseScript, sign, testKey, UNIT } from './regtest/world.ts';

const EXPIRY = 30;
const DELAY = 10;
const FEE = UNIT / 100n;
const [payer, payee, purse] = [testKey(1), testKey(2), testKey(0)];
const spendSecret = new Uint8Array(32).fill(0x51);
const revokeSecret = new Uint8Array(32).fill(0x52);
const parties = { payerKey: payer.publicKey, payeeKey: payee.publicKey, spendHash: hash160(spendSecret) };
const depositTerms: CsvDepositTerms = { ...parties, expiry: EXPIRY };
const commitTerms: CsvCommitTerms = { ...parties, revokeHash: hash160(revokeSecret), delay: DELAY };

const said = (regtest: Regtest, tx: Transaction): string => {
  const outcome = regtest.broadcast(tx, { relay: 'peer' });
  return outcome.kind === 'refused' ? outcome.reason : outcome.kind;
};
/** What a block says that somebody mines with the transaction in it, past all policy. */
const mined = (regtest: Regtest, tx: Transaction): string => {
  const outcome = regtest.mineBlock([tx], { payTo: purseScript });
  return outcome.kind === 'refused' ? outcome.reason : outcome.kind;
};
const to = (key: { readonly publicKey: Uint8Array }, from: Transaction, vout: number): TxOutput[] => [
  { value: (from.outputs[vout]?.value ?? 0n) - FEE, script: p2pkh(key.publicKey) },
];
const at = (tx: Transaction, vout: number) => ({ txid: transactionId(tx), vout });

/** A chain past the height from which Litecoin keeps relative locks, with a deposit of the payer in its newest block. */
function deposited(coin: Coin, height = 500): { readonly regtest: Regtest; readonly deposit: Transaction } {
  const regtest = createRegtest({ coin, now: () => 1_700_000_000_000 });
  regtest.mine(height, { payTo: purseScript });
  const coinbase = regtest.block(1)?.transactions[0]?.transaction ?? assert.fail();
  const { outpoint, output } = ownedBy(coinbase, 0);
  const rest = [{ value: output.value - 10n * UNIT - FEE, script: p2pkh(payer.publicKey) }];
  const deposit = signCsvDeposit(csvDeposit([outpoint], csvDepositOutput(depositTerms, 10n * UNIT), rest), purse);
  assert.equal(said(regtest, deposit), 'accepted');
  regtest.mine(1, { payTo: purseScript });
  return { regtest, deposit };
}

/** A commit of four coins, signed by both; the change goes back to the deposit's script. */
function committed(deposit: Transaction, terms = commitTerms): Transaction {
  const change = csvDepositOutput(depositTerms, 6n * UNIT - FEE);
  const drafted = csvCommit([at(deposit, 0)], csvCommitOutput(terms, 4n * UNIT), [change]);
  const whole = completeCsvCommit(depositTerms, drafted, signCsvCommit(depositTerms, drafted, payer), payee, verifyPortable);
  assert.ok(!isRefusal(whole));
  return whole;
}

function payoutOf(commit: Transaction, change: Partial<Transaction['inputs'][number] & { version: number }> = {}): Transaction {
  const drafted = csvPayout(at(commit, 0), to(payee, commit, 0), commitTerms);
  const { version = drafted.version, ...input } = change;
  const changed = { ...drafted, version, inputs: drafted.inputs.map((one) => ({ ...one, ...input })) };
  return signCsvPayout(commitTerms, changed, payee, spendSecret);
}

function timeoutOf(deposit: Transaction, sequence = EXPIRY): Transaction {
  const drafted = csvTimeout([at(deposit, 0)], to(payer, deposit, 0), depositTerms);
  return signCsvTimeout(depositTerms, { ...drafted, inputs: drafted.inputs.map((one) => ({ ...one, sequence })) }, payer);
}

function changeOf(commit: Transaction): Transaction {
  return signCsvChange(depositTerms, csvChange([at(commit, 1)], to(payer, commit, 1)), payer, spendSecret);
}

const LOCKED = 'non-mandatory-script-verify-flag (Locktime requirement not satisfied)';

describe('the csv form on Litecoin, by relay and mined directly', () => {
  test('commit, payout after the delay, and the change with the secret that the payout has shown', () => {
    const { regtest, deposit } = deposited(litecoinRegtest);
    const commit = committed(deposit);
    assert.equal(said(regtest, commit), 'accepted');
    regtest.mine(1, { payTo: purseScript });

    const payout = payoutOf(commit);
    // The commit has one confirmation; the payout may be in the block in which it would have eleven.
    for (let depth = 1; depth < DELAY; depth++) {
      assert.equal(said(regtest, payout), 'non-BIP68-final', `${depth} deep`);
      assert.equal(mined(regtest, payout), 'bad-txns-nonfinal', `${depth} deep`);
      regtest.mine(1, { payTo: purseScript });
    }
    // Who shortens the lock, or does without it, fails in the script.
    for (const early of [
      payoutOf(commit, { sequence: DELAY - 1 }),
      payoutOf(commit, { sequence: 0xffff_ffff }),
      payoutOf(commit, { version: 1 }),
    ]) {
      assert.equal(said(regtest, early), LOCKED);
      assert.equal(mined(regtest, early), LOCKED);
    }
    assert.equal(said(regtest, payout), 'accepted');
    regtest.mine(1, { payTo: purseScript });

    const shown = spendSecretIn(payout.inputs[0]?.script ?? assert.fail(), commitTerms);
    assert.deepEqual(shown, spendSecret);
    assert.equal(said(regtest, changeOf(commit)), 'accepted');
    regtest.mine(1, { payTo: purseScript });
    assert.equal(regtest.output(at(changeOf(commit), 0))?.depth, 1);
  });

  test('timeout: not before the expiry, then at once; the change of a commit too, by its own age', () => {
    const { regtest, deposit } = deposited(litecoinRegtest);
    const timeout = timeoutOf(deposit);
    for (let depth = 1; depth < EXPIRY; depth++) {
      if (depth === 1 || depth === EXPIRY - 1) {
        assert.equal(said(regtest, timeout), 'non-BIP68-final', `${depth} deep`);
        assert.equal(mined(regtest, timeout), 'bad-txns-nonfinal', `${depth} deep`);
        assert.equal(said(regtest, timeoutOf(deposit, depth)), LOCKED);
        assert.equal(mined(regtest, timeoutOf(deposit, depth)), LOCKED);
      }
      regtest.mine(1, { payTo: purseScript });
    }
    assert.equal(said(regtest, timeout), 'accepted');
    assert.equal(mined(regtest, timeout), 'mined');

    const later = deposited(litecoinRegtest);
    const commit = committed(later.deposit);
    assert.equal(mined(later.regtest, commit), 'mined');
    const drafted = csvTimeout([at(commit, 1)], to(payer, commit, 1), depositTerms);
    const back = signCsvTimeout(depositTerms, drafted, payer);
    assert.equal(said(later.regtest, back), 'non-BIP68-final');
    later.regtest.mine(EXPIRY - 1, { payTo: purseScript });
    assert.equal(said(later.regtest, back), 'accepted');
  });

  test('revoke: a commit that was taken back is taken at once, before its payout can be', () => {
    const { regtest, deposit } = deposited(litecoinRegtest);
    const commit = committed(deposit);
    assert.equal(said(regtest, commit), 'accepted');
    const revoke = signCsvRevoke(commitTerms, csvRevoke(at(commit, 0), to(payer, commit, 0)), payer, revokeSecret);
    assert.equal(said(regtest, payoutOf(commit)), 'non-BIP68-final');
    assert.equal(said(regtest, revoke), 'accepted', 'already on top of the commit in the mempool');
    regtest.mine(1, { payTo: purseScript });
    regtest.mine(DELAY, { payTo: purseScript });
    assert.equal(said(regtest, payoutOf(commit)), 'missing-inputs');
    assert.equal(regtest.output(at(revoke, 0))?.depth, DELAY + 1);
  });

  test('a wrong secret opens nothing, nor does the right one with the wrong key', () => {
    const { regtest, deposit } = deposited(litecoinRegtest);
    const commit = committed(deposit);
    assert.equal(mined(regtest, commit), 'mined');
    regtest.mine(DELAY, { payTo: purseScript });
    const wrong = new Uint8Array(32).fill(1);
    const draftOf = (taker: typeof payer): Transaction => csvRevoke(at(commit, 0), to(taker, commit, 0));
    const payoutDraft = csvPayout(at(commit, 0), to(payee, commit, 0), commitTerms);
    const changeDraft = csvChange([at(commit, 1)], to(payer, commit, 1));
    for (const thief of [
      signCsvRevoke(commitTerms, draftOf(payer), payer, wrong),
      signCsvRevoke(commitTerms, draftOf(payee), payee, revokeSecret),
      signCsvPayout(commitTerms, payoutDraft, payee, wrong),
      signCsvPayout(commitTerms, payoutDraft, payer, spendSecret),
      signCsvChange(depositTerms, changeDraft, payer, wrong),
      signCsvChange(depositTerms, changeDraft, payee, spendSecret),
    ]) {
      assert.match(said(regtest, thief), /script-verify-flag/);
      assert.match(mined(regtest, thief), /script-verify-flag/);
    }
    assert.equal(said(regtest, payoutOf(commit)), 'accepted');
    assert.equal(said(regtest, changeOf(commit)), 'accepted');
  });

  test('two commits of one deposit exclude each other', () => {
    const { regtest, deposit } = deposited(litecoinRegtest);
    const other = committed(deposit, { ...commitTerms, revokeHash: hash160(new Uint8Array(32).fill(9)) });
    assert.equal(said(regtest, committed(deposit)), 'accepted');
    assert.equal(said(regtest, other), 'txn-mempool-conflict');
    regtest.mine(1, { payTo: purseScript });
    assert.match(mined(regtest, other), /bad-txns-inputs/);
  });
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
      const commit = committed(deposit);
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
    const { deposit } = deposited(litecoinRegtest);
    const drafted = csvCommit([at(deposit, 0), at(deposit, 1)], csvCommitOutput(commitTerms, UNIT), []);
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
