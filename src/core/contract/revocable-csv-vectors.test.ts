import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { sha256 } from '@noble/hashes/sha2.js';
import { createBase58check } from '@scure/base';
import { z } from 'zod';
import { publishedVectors } from '../../../test/vector.ts';
import { checkerFor } from '../../chain/regtest/checker.ts';
import { verifyScript } from '../../chain/regtest/interpreter.ts';
import { STANDARD_FLAGS } from '../../chain/regtest/script-flags.ts';
import { bytesToHex, hexToBytes } from '../base/bytes.ts';
import { isRefusal } from '../base/refusal.ts';
import { bitcoinTest } from '../coin/bitcoin.ts';
import { addressOf } from '../tx/address.ts';
import { hash160, p2pkh, p2sh, readScript } from '../tx/script.ts';
import { signatureHash } from '../tx/sighash.ts';
import { decodeSignature, encodeSignature, publicKey, type Signer, signer, verifyPortable } from '../tx/sign.ts';
import { decodeTransaction, encodeTransaction, type Transaction, transactionId } from '../tx/transaction.ts';
import { readClose } from './read-close.ts';
import {
  type CsvCommitTerms,
  type CsvDepositTerms,
  csvCommitScript,
  csvDepositScript,
  csvUnlock,
  readCsvCommitScript,
  readCsvDepositScript,
  spendSecretIn,
} from './revocable-csv-script.ts';
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
} from './revocable-csv-tx.ts';

const hex = z.string().regex(/^(?:[0-9a-f]{2})+$/);
const input = { rawtx: hex, deposit_script_hex: hex };
const spent = <T extends z.ZodRawShape>(shape: T) => z.object({ input: z.object({ rawtx: hex, ...shape }), expected: hex });
const refused = z.object({ input: z.object({ ...input, payee_wif: z.string() }) });
const scriptsShape = z.strictObject({
  deposit: z.object({ script_hex: hex, payer_pubkey: hex, payee_pubkey: hex, expire_time: z.number(), spend_secret_hash: hex }),
  commit: z.object({
    script_hex: hex,
    payer_pubkey: hex,
    payee_pubkey: hex,
    spend_secret_hash: hex,
    revoke_secret_hash: hex,
    delay_time: z.number(),
    script_hex_lt_min_sequence: hex,
    script_hex_gt_max_sequence: hex,
  }),
  payout: z.object({ commit_script_hex: hex, spend_secret: hex, rawtx: hex, bad_rawtx: hex }),
  sign: z.strictObject({
    deposit: spent({ payer_wif: z.string() }),
    created_commit: spent({ payer_wif: z.string(), deposit_script_hex: hex }),
    finalize_commit: spent({ payee_wif: z.string(), deposit_script_hex: hex }),
    finalize_commit_bad_script: refused,
    finalize_commit_unsigned: refused,
    finalize_commit_bad_sigvalue: refused,
    finalize_commit_bad_sigformat: refused,
    revoke_recover: spent({ payer_wif: z.string(), commit_script_hex: hex, revoke_secret: hex }),
    payout_recover: spent({ payee_wif: z.string(), commit_script_hex: hex, spend_secret: hex }),
    change_recover: spent({ payer_wif: z.string(), deposit_script_hex: hex, spend_secret: hex }),
    expire_recover: spent({ payer_wif: z.string(), deposit_script_hex: hex }),
  }),
  keys: z.record(z.string(), z.string()),
  transactions: z.record(z.string(), hex),
  scripts: z.record(z.string(), hex),
  auth_compatibility: z.object({ data: hex, signature: hex, pubkey: hex }),
  commit_scriptsig: z.object({ deposit_script_hex: hex, payer_sig: hex, payee_sig: hex, scriptsig: hex }),
});
const state = z.object({ payer_wif: z.string().nullable(), deposit_script_hex: hex, deposit_rawtx: hex });
const held = state.extend({
  payee_wif: z.string(),
  spend_secret: hex,
  commits_active: z.tuple([z.object({ rawtx: hex, script: hex, revoke_secret: hex })]),
});
const channelShape = z.object({
  deposit: z.object({
    PAYER_WIF: z.string(),
    PAYEE_PUBKEY: hex,
    SPEND_SECRET_HASH: hex,
    EXPIRE_TIME: z.number(),
    EXPECTED_DEPOSIT: z.object({ rawtx: hex, script: hex }),
  }),
  timeout: z.object({
    EXPIRED_STATE: state.extend({ payer_wif: z.string() }),
    RECOVERING_STATE: state.extend({ payer_wif: z.string(), timeout_rawtx: hex }),
  }),
  change: z.object({
    PAYER_WIF: z.string(),
    PAYEE_PUBKEY: hex,
    SPEND_SECRET: hex,
    AFTER_STATE: state.extend({ change_rawtx: hex }),
  }),
  commit: z.object({
    DELAY_TIME: z.number(),
    REVOKE_SECRET_HASH: hex,
    EXPECTED_COMMIT: z.object({ rawtx: hex, script: hex }),
    CLOSE_TXID: hex,
    PAYER_BEFORE: state.extend({ payer_wif: z.string() }),
    PAYEE_AFTER_REQUEST: z.object({ commits_requested: z.tuple([hex]) }),
    PAYEE_AFTER_SET_COMMIT: held,
    PAYEE_BEFORE_CLOSE: held,
    PAYEE_AFTER_CLOSE: held,
  }),
});

const scripts = scriptsShape.parse(publishedVectors('picopayments-scripts.json'));
const channel = channelShape.parse(publishedVectors('picopayments-channel.json'));

/** Every script and transaction of the vectors that was made again, byte for byte, or was refused as it is to be. */
const accounted = new Set<string>();

function reproduces(bytes: Uint8Array, expected: string): void {
  assert.equal(bytesToHex(bytes), expected);
  accounted.add(expected);
}

const base58check = createBase58check(sha256);

function keyOf(wif: string): Signer {
  return signer(base58check.decode(wif).subarray(1, 33));
}

function tx(raw: string): Transaction {
  return decodeTransaction(hexToBytes(raw)) ?? assert.fail(raw);
}

function point(raw: string): NonNullable<ReturnType<typeof publicKey>> {
  return publicKey(hexToBytes(raw)) ?? assert.fail(raw);
}

function depositTerms(raw: string): CsvDepositTerms {
  const terms = readCsvDepositScript(hexToBytes(raw));
  assert.ok(!isRefusal(terms), raw);
  reproduces(csvDepositScript(terms), raw);
  return terms;
}

function commitTerms(raw: string): CsvCommitTerms {
  const terms = readCsvCommitScript(hexToBytes(raw));
  assert.ok(!isRefusal(terms), raw);
  reproduces(csvCommitScript(terms), raw);
  return terms;
}

const outpoints = ({ inputs }: Transaction): Transaction['inputs'][number]['outpoint'][] => inputs.map(({ outpoint }) => outpoint);
const firstOf = (one: Transaction) => one.inputs[0] ?? assert.fail('no input');

/** picopayments' libraries put the script of the spent output into inputs that are not signed. */
function unsigned(drafted: Transaction, spentScript: Uint8Array, expected: string): void {
  reproduces(encodeTransaction({ ...drafted, inputs: drafted.inputs.map((one) => ({ ...one, script: spentScript })) }), expected);
}

/** What relay says of the first input, which spends an output to that redeem script. */
function interpreted(one: Transaction, redeemScript: Uint8Array): string {
  return verifyScript(firstOf(one).script, p2sh(redeemScript), STANDARD_FLAGS, checkerFor(one, 0)) ?? 'accepted';
}

/** The signature that picopayments' libraries write where one is still missing: no key made it. */
const PLACEHOLDER = hexToBytes(
  '3045022100fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd036414002207fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a001',
);

/** Makes the payer's half of a commit again; returns its terms, its transaction without signatures, and the payer's signatures. */
function halfSigned(payer: Signer, depositScript: string, commitScript: Uint8Array | undefined, expected: string) {
  const terms = depositTerms(depositScript);
  const published = tx(expected);
  const [commit = assert.fail('no output'), ...rest] = published.outputs;
  if (commitScript !== undefined) assert.deepEqual(commit.script, p2sh(commitScript));
  assert.deepEqual(rest.at(-1)?.script, p2sh(csvDepositScript(terms)), 'the change goes back to the deposit script');
  const drafted = csvCommit(outpoints(published), commit, rest);
  const signatures = signCsvCommit(terms, drafted, payer);
  const [signature = assert.fail('no signature')] = signatures;
  const unlock = csvUnlock.commit(csvDepositScript(terms), encodeSignature(signature, 1), PLACEHOLDER);
  const half = { ...drafted, inputs: drafted.inputs.map((one) => ({ ...one, script: unlock })) };
  reproduces(encodeTransaction(half), expected);
  assert.notEqual(interpreted(half, csvDepositScript(terms)), 'accepted', 'one signature is not enough');
  return { terms, drafted, signatures };
}

/** What a stranger's commit holds, read strictly: its transaction without signatures, and the payer's signature. */
function received(terms: CsvDepositTerms, raw: string) {
  const published = tx(raw);
  const unlocks = { close: csvUnlock.commit, refund: csvUnlock.timeout };
  const signatures = readClose(unlocks, csvDepositScript(terms), firstOf(published).script);
  const [commit = assert.fail('no output'), ...rest] = published.outputs;
  return { signatures, drafted: csvCommit(outpoints(published), commit, rest) };
}

/** The payee's half put to the payer's, which is read out of a half-signed commit. */
function completed(payee: Signer, depositScript: string, half: string): Transaction | string {
  const terms = depositTerms(depositScript);
  const { signatures, drafted } = received(terms, half);
  if (signatures === undefined) return 'unreadable';
  const whole = completeCsvCommit(terms, drafted, [signatures.payer.signature], payee, verifyPortable);
  return isRefusal(whole) ? whole.code : whole;
}

function finishes(payee: Signer, depositScript: string, half: string, expected: string): void {
  const whole = completed(payee, depositScript, half);
  assert.ok(typeof whole !== 'string', String(whole));
  reproduces(encodeTransaction(whole), expected);
  assert.equal(interpreted(whole, hexToBytes(depositScript)), 'accepted');
  accounted.add(half);
}

/** Makes the deposit again, out of the same coins to the same outputs. */
function deposits(payer: Signer, depositScript: string, expected: string, blank?: string): void {
  const terms = depositTerms(depositScript);
  const published = tx(expected);
  const [first = assert.fail('no output'), ...rest] = published.outputs;
  const drafted = csvDeposit(outpoints(published), csvDepositOutput(terms, first.value), rest);
  if (blank !== undefined) unsigned(drafted, p2pkh(payer.publicKey), blank);
  reproduces(encodeTransaction(signCsvDeposit(drafted, payer)), expected);
}

describe('picopayments-scripts.json', () => {
  test('deposit: the script of these parts, and these parts of the script', () => {
    const { deposit } = scripts;
    const terms = {
      payerKey: point(deposit.payer_pubkey),
      payeeKey: point(deposit.payee_pubkey),
      spendHash: hexToBytes(deposit.spend_secret_hash),
      expiry: deposit.expire_time,
    };
    reproduces(csvDepositScript(terms), deposit.script_hex);
    assert.deepEqual(depositTerms(deposit.script_hex), terms);
  });

  test('commit: the script of these parts, and these parts of the script; locks outside BIP68 are refused', () => {
    const { commit } = scripts;
    const terms = {
      payerKey: point(commit.payer_pubkey),
      payeeKey: point(commit.payee_pubkey),
      spendHash: hexToBytes(commit.spend_secret_hash),
      revokeHash: hexToBytes(commit.revoke_secret_hash),
      delay: commit.delay_time,
    };
    reproduces(csvCommitScript(terms), commit.script_hex);
    assert.deepEqual(commitTerms(commit.script_hex), terms);
    // −1012, and 65,536: one bit more than BIP68 looks at.
    for (const wrong of [commit.script_hex_lt_min_sequence, commit.script_hex_gt_max_sequence]) {
      const read = readCsvCommitScript(hexToBytes(wrong));
      assert.equal(isRefusal(read) && read.code, 'expiry-malformed');
      accounted.add(wrong);
    }
    // picopayments takes a delay of 0 as well, in which nobody could take a commit that was taken back.
    for (const delay of [0, -1012, 65_536, 1.5]) assert.throws(() => csvCommitScript({ ...terms, delay }), RangeError);
  });

  test('payout: the spend secret is read out of a payout, and out of nothing else', () => {
    const { payout, sign } = scripts;
    const terms = commitTerms(payout.commit_script_hex);
    const secretIn = (raw: string, of = terms) => spendSecretIn(firstOf(tx(raw)).script, of);
    assert.equal(bytesToHex(secretIn(payout.rawtx) ?? assert.fail()), payout.spend_secret);
    assert.equal(secretIn(payout.bad_rawtx), undefined);
    accounted.add(payout.bad_rawtx);
    assert.equal(secretIn(payout.rawtx, commitTerms(scripts.commit.script_hex)), undefined, 'the payout of another commit');
    assert.equal(secretIn(sign.revoke_recover.expected, commitTerms(sign.revoke_recover.input.commit_script_hex)), undefined);
  });

  test('commit_scriptsig: the scriptSig of these signatures', () => {
    const { deposit_script_hex, payer_sig, payee_sig, scriptsig } = scripts.commit_scriptsig;
    const code = csvDepositScript(depositTerms(deposit_script_hex));
    reproduces(csvUnlock.commit(code, hexToBytes(payer_sig), hexToBytes(payee_sig)), scriptsig);
  });

  test('sign: deposit', () => {
    const { input: given, expected } = scripts.sign.deposit;
    deposits(keyOf(given.payer_wif), channel.deposit.EXPECTED_DEPOSIT.script, expected, given.rawtx);
  });

  test('sign: created_commit, by the payer, and finalize_commit, by the payee', () => {
    const { created_commit, finalize_commit } = scripts.sign;
    const payer = keyOf(created_commit.input.payer_wif);
    const script = created_commit.input.deposit_script_hex;
    const { terms, drafted } = halfSigned(payer, script, undefined, created_commit.expected);
    unsigned(drafted, p2sh(csvDepositScript(terms)), created_commit.input.rawtx);
    halfSigned(payer, finalize_commit.input.deposit_script_hex, undefined, finalize_commit.input.rawtx);
    const payee = keyOf(finalize_commit.input.payee_wif);
    finishes(payee, finalize_commit.input.deposit_script_hex, finalize_commit.input.rawtx, finalize_commit.expected);
  });

  for (const [name, why] of [
    ['finalize_commit_bad_script', 'unreadable'],
    ['finalize_commit_unsigned', 'unreadable'],
    ['finalize_commit_bad_sigformat', 'unreadable'],
    ['finalize_commit_bad_sigvalue', 'signature-wrong'],
  ] as const) {
    test(`sign: ${name} is refused`, () => {
      const { payee_wif, deposit_script_hex, rawtx } = scripts.sign[name].input;
      assert.equal(completed(keyOf(payee_wif), deposit_script_hex, rawtx), why);
      accounted.add(rawtx);
    });
  }

  test('sign: revoke_recover, which waits for the payout’s delay, as our own does not', () => {
    const { input: given, expected } = scripts.sign.revoke_recover;
    const terms = commitTerms(given.commit_script_hex);
    const published = tx(expected);
    const [commit = assert.fail('no input')] = outpoints(published);
    const waiting = csvPayout(commit, published.outputs, terms);
    unsigned(waiting, p2sh(csvCommitScript(terms)), given.rawtx);
    const payer = keyOf(given.payer_wif);
    const secret = hexToBytes(given.revoke_secret);
    reproduces(encodeTransaction(signCsvRevoke(terms, waiting, payer, secret)), expected);
    const own = signCsvRevoke(terms, csvRevoke(commit, published.outputs), payer, secret);
    for (const one of [tx(expected), own]) assert.equal(interpreted(one, csvCommitScript(terms)), 'accepted');
    assert.ok(own.inputs.every(({ sequence }) => sequence === 0xffff_ffff));
  });

  test('sign: payout_recover', () => {
    const { input: given, expected } = scripts.sign.payout_recover;
    const terms = commitTerms(given.commit_script_hex);
    const published = tx(expected);
    const drafted = csvPayout(outpoints(published)[0] ?? assert.fail('no input'), published.outputs, terms);
    unsigned(drafted, p2sh(csvCommitScript(terms)), given.rawtx);
    const made = signCsvPayout(terms, drafted, keyOf(given.payee_wif), hexToBytes(given.spend_secret));
    reproduces(encodeTransaction(made), expected);
    assert.equal(interpreted(made, csvCommitScript(terms)), 'accepted');
  });

  test('sign: change_recover', () => {
    const { input: given, expected } = scripts.sign.change_recover;
    const terms = depositTerms(given.deposit_script_hex);
    const published = tx(expected);
    const drafted = csvChange(outpoints(published), published.outputs);
    unsigned(drafted, p2sh(csvDepositScript(terms)), given.rawtx);
    const made = signCsvChange(terms, drafted, keyOf(given.payer_wif), hexToBytes(given.spend_secret));
    reproduces(encodeTransaction(made), expected);
    assert.equal(interpreted(made, csvDepositScript(terms)), 'accepted');
  });

  test('sign: expire_recover', () => {
    const { input: given, expected } = scripts.sign.expire_recover;
    const terms = depositTerms(given.deposit_script_hex);
    const published = tx(expected);
    const drafted = csvTimeout(outpoints(published), published.outputs, terms);
    unsigned(drafted, p2sh(csvDepositScript(terms)), given.rawtx);
    const made = signCsvTimeout(terms, drafted, keyOf(given.payer_wif));
    reproduces(encodeTransaction(made), expected);
    assert.equal(interpreted(made, csvDepositScript(terms)), 'accepted');
  });

  test('keys: each opens its address; scripts: each has its address, and is one of the two', () => {
    for (const [address, wif] of Object.entries(scripts.keys)) {
      assert.equal(addressOf(bitcoinTest, p2pkh(keyOf(wif).publicKey)), address);
    }
    for (const [address, raw] of Object.entries(scripts.scripts)) {
      assert.equal(addressOf(bitcoinTest, p2sh(hexToBytes(raw))), address);
      if (raw === scripts.commit.script_hex_lt_min_sequence || raw === scripts.commit.script_hex_gt_max_sequence) continue;
      if (isRefusal(readCsvDepositScript(hexToBytes(raw)))) commitTerms(raw);
      else depositTerms(raw);
    }
  });

  test('transactions: each has its id; its signatures hold, of deposits by the key beside them, of commits by both keys of the script', () => {
    for (const [id, raw] of Object.entries(scripts.transactions)) {
      const one = tx(raw);
      assert.equal(transactionId(one), id);
      const [first, second, third] = readScript(firstOf(one).script) ?? [];
      if (first === 0) {
        const code = readScript(firstOf(one).script)?.at(-1);
        assert.ok(second instanceof Uint8Array && third instanceof Uint8Array && code instanceof Uint8Array);
        const terms = depositTerms(bytesToHex(code));
        const { signatures, drafted } = received(terms, raw);
        const digest = signatureHash(drafted, 0, code, 1);
        assert.ok(signatures && verifyPortable(signatures.payer.signature, digest, terms.payerKey));
        assert.ok(verifyPortable(signatures.payee.signature, digest, terms.payeeKey));
        reproduces(
          encodeTransaction({ ...drafted, inputs: [{ ...firstOf(drafted), script: csvUnlock.commit(code, second, third) }] }),
          raw,
        );
        assert.equal(interpreted(one, code), 'accepted');
      } else {
        assert.ok(first instanceof Uint8Array && second instanceof Uint8Array);
        const signed = decodeSignature(first);
        assert.ok(typeof signed !== 'string');
        const code = p2pkh(second);
        assert.ok(verifyPortable(signed.signature, signatureHash(one, 0, code, signed.hashType), point(bytesToHex(second))));
        accounted.add(raw);
      }
    }
  });
});

test('picopayments-scripts.json: auth_compatibility: a signature as picopayments’ hub asks for, over a digest', () => {
  const { data, signature, pubkey } = scripts.auth_compatibility;
  const signed = decodeSignature(hexToBytes(`${signature}01`));
  assert.ok(typeof signed !== 'string' && verifyPortable(signed.signature, hexToBytes(data), point(pubkey)));
});

describe('picopayments-channel.json', () => {
  test('deposit: the script of these parts, and the transaction, signed', () => {
    const { PAYER_WIF, PAYEE_PUBKEY, SPEND_SECRET_HASH, EXPIRE_TIME, EXPECTED_DEPOSIT } = channel.deposit;
    const payer = keyOf(PAYER_WIF);
    const terms = {
      payerKey: payer.publicKey,
      payeeKey: point(PAYEE_PUBKEY),
      spendHash: hexToBytes(SPEND_SECRET_HASH),
      expiry: EXPIRE_TIME,
    };
    reproduces(csvDepositScript(terms), EXPECTED_DEPOSIT.script);
    deposits(payer, EXPECTED_DEPOSIT.script, EXPECTED_DEPOSIT.rawtx);
  });

  test('timeout: the deposits, and what takes one back', () => {
    for (const one of Object.values(channel.timeout)) deposits(keyOf(one.payer_wif), one.deposit_script_hex, one.deposit_rawtx);
    const { RECOVERING_STATE: recovering } = channel.timeout;
    const terms = depositTerms(recovering.deposit_script_hex);
    const published = tx(recovering.timeout_rawtx);
    const made = signCsvTimeout(terms, csvTimeout(outpoints(published), published.outputs, terms), keyOf(recovering.payer_wif));
    reproduces(encodeTransaction(made), recovering.timeout_rawtx);
    assert.equal(interpreted(made, csvDepositScript(terms)), 'accepted');
  });

  test('change: the deposit, and what takes the change with the secret', () => {
    const { PAYER_WIF, PAYEE_PUBKEY, SPEND_SECRET, AFTER_STATE } = channel.change;
    const payer = keyOf(PAYER_WIF);
    deposits(payer, AFTER_STATE.deposit_script_hex, AFTER_STATE.deposit_rawtx);
    const terms = depositTerms(AFTER_STATE.deposit_script_hex);
    assert.equal(bytesToHex(terms.payeeKey), PAYEE_PUBKEY);
    const published = tx(AFTER_STATE.change_rawtx);
    const made = signCsvChange(terms, csvChange(outpoints(published), published.outputs), payer, hexToBytes(SPEND_SECRET));
    reproduces(encodeTransaction(made), AFTER_STATE.change_rawtx);
    assert.equal(interpreted(made, csvDepositScript(terms)), 'accepted');
  });

  test('commit: the payer’s half for the secret that was asked for, and the payee’s whole', () => {
    const { commit } = channel;
    const payer = keyOf(commit.PAYER_BEFORE.payer_wif);
    const depositScript = commit.PAYER_BEFORE.deposit_script_hex;
    deposits(payer, depositScript, commit.PAYER_BEFORE.deposit_rawtx);
    const { payerKey, payeeKey, spendHash } = depositTerms(depositScript);
    const made = (revokeHash: Uint8Array, expected: string): Uint8Array => {
      const script = csvCommitScript({ payerKey, payeeKey, spendHash, revokeHash, delay: commit.DELAY_TIME });
      reproduces(script, expected);
      return script;
    };
    const [requested] = commit.PAYEE_AFTER_REQUEST.commits_requested;
    assert.equal(bytesToHex(hash160(hexToBytes(requested))), commit.REVOKE_SECRET_HASH);
    assert.deepEqual(hash160(hexToBytes(commit.PAYEE_AFTER_SET_COMMIT.spend_secret)), spendHash);
    const first = made(hexToBytes(commit.REVOKE_SECRET_HASH), commit.EXPECTED_COMMIT.script);
    const { value } = tx(commit.EXPECTED_COMMIT.rawtx).outputs[0] ?? assert.fail();
    const terms = { payerKey, payeeKey, spendHash, revokeHash: hexToBytes(commit.REVOKE_SECRET_HASH), delay: commit.DELAY_TIME };
    assert.deepEqual(csvCommitOutput(terms, value), { value, script: p2sh(first) });
    halfSigned(payer, depositScript, first, commit.EXPECTED_COMMIT.rawtx);

    const [before] = commit.PAYEE_BEFORE_CLOSE.commits_active;
    const [after] = commit.PAYEE_AFTER_CLOSE.commits_active;
    const second = made(hash160(hexToBytes(before.revoke_secret)), before.script);
    halfSigned(payer, depositScript, second, before.rawtx);
    finishes(keyOf(commit.PAYEE_BEFORE_CLOSE.payee_wif), depositScript, before.rawtx, after.rawtx);
    assert.equal(transactionId(tx(after.rawtx)), commit.CLOSE_TXID);
  });
});

test('there is no script and no transaction in the two files that was not made again or refused', () => {
  const left = new Set<string>();
  const walk = (value: unknown): void => {
    if (typeof value === 'string') {
      // Longer than signatures and keys.
      if (/^(?:[0-9a-f]{2}){100,}$/.test(value) && !accounted.has(value)) left.add(value);
    } else if (typeof value === 'object' && value !== null) Object.values(value).forEach(walk);
  };
  walk(publishedVectors('picopayments-scripts.json'));
  walk(publishedVectors('picopayments-channel.json'));
  assert.deepEqual([...left], []);
});
