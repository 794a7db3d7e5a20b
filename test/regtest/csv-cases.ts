import assert from 'node:assert/strict';
import { bytesToHex, isTxId } from '../../src/core/base/bytes.ts';
import { isRefusal } from '../../src/core/base/refusal.ts';
import { type CsvCommitTerms, type CsvDepositTerms, spendSecretIn } from '../../src/core/contract/revocable-csv-script.ts';
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
} from '../../src/core/contract/revocable-csv-tx.ts';
import { addressOf } from '../../src/core/tx/address.ts';
import { hash160, p2pkh } from '../../src/core/tx/script.ts';
import { type Signer, verifyPortable } from '../../src/core/tx/sign.ts';
import { type Outpoint, type Transaction, type TxOutput, transactionId } from '../../src/core/tx/transaction.ts';
import { hexOf, type Owned, purseScript, testKey, UNIT, type World } from './world.ts';

export const EXPIRY = 30;
export const DELAY = 10;
const FEE = UNIT / 100n;
const [payer, payee, purse] = [testKey(1), testKey(2), testKey(0)];
export const spendSecret: Uint8Array = new Uint8Array(32).fill(0x51);
export const revokeSecret: Uint8Array = new Uint8Array(32).fill(0x52);
const parties = { payerKey: payer.publicKey, payeeKey: payee.publicKey, spendHash: hash160(spendSecret) };
export const depositTerms: CsvDepositTerms = { ...parties, expiry: EXPIRY };
export const commitTerms: CsvCommitTerms = { ...parties, revokeHash: hash160(revokeSecret), delay: DELAY };

const at = (tx: Transaction, vout: number): Outpoint => ({ txid: transactionId(tx), vout });
const to = (key: Signer, from: Transaction, vout: number): TxOutput[] => [
  { value: (from.outputs[vout]?.value ?? 0n) - FEE, script: p2pkh(key.publicKey) },
];

/** Ten coins for the channel; the rest of the purse's coin goes to the payer. */
export function depositOf({ outpoint, output }: Owned): Transaction {
  const rest = [{ value: output.value - 10n * UNIT - FEE, script: p2pkh(payer.publicKey) }];
  return signCsvDeposit(csvDeposit([outpoint], csvDepositOutput(depositTerms, 10n * UNIT), rest), purse);
}

/** A commit of four coins, signed by both; the change goes back to the deposit's script. */
export function commitOf(deposit: Transaction, terms: CsvCommitTerms = commitTerms): Transaction {
  const change = csvDepositOutput(depositTerms, 6n * UNIT - FEE);
  const drafted = csvCommit([at(deposit, 0)], csvCommitOutput(terms, 4n * UNIT), [change]);
  const whole = completeCsvCommit(depositTerms, drafted, signCsvCommit(depositTerms, drafted, payer), payee, verifyPortable);
  assert.ok(!isRefusal(whole));
  return whole;
}

export function payoutOf(commit: Transaction, changed: { readonly sequence?: number; readonly version?: number } = {}): Transaction {
  const drafted = csvPayout(at(commit, 0), to(payee, commit, 0), commitTerms);
  const { sequence = DELAY, version = drafted.version } = changed;
  return signCsvPayout(
    commitTerms,
    { ...drafted, version, inputs: drafted.inputs.map((one) => ({ ...one, sequence })) },
    payee,
    spendSecret,
  );
}

/** What takes the output back to the payer alone: the deposit, or the change of a commit. */
export function timeoutOf(from: Transaction, vout: number = 0, sequence: number = EXPIRY): Transaction {
  const drafted = csvTimeout([at(from, vout)], to(payer, from, vout), depositTerms);
  return signCsvTimeout(depositTerms, { ...drafted, inputs: drafted.inputs.map((one) => ({ ...one, sequence })) }, payer);
}

function changeOf(commit: Transaction, key = payer, secret = spendSecret): Transaction {
  return signCsvChange(depositTerms, csvChange([at(commit, 1)], to(key, commit, 1)), key, secret);
}

function revokeOf(commit: Transaction, key = payer, secret = revokeSecret): Transaction {
  return signCsvRevoke(commitTerms, csvRevoke(at(commit, 0), to(key, commit, 0)), key, secret);
}

const LOCKED = /Locktime requirement not satisfied/;
const UNSIGNED = /script-verify-flag/;
const TOO_YOUNG = /non-BIP68-final/;

/** Hands the transaction to the node, which is to take it. */
async function accepted(world: World, tx: Transaction): Promise<void> {
  assert.equal(await world.send(tx), transactionId(tx));
}

/** Neither relayed, nor taken in a block that a miner makes of it past all policy. */
async function refused(world: World, tx: Transaction, relay: RegExp, block: RegExp): Promise<void> {
  const said = await world.send(tx);
  assert.ok(!isTxId(said), 'relayed');
  assert.match(said, relay);
  const answer = await world.node.call('generateblock', addressOf(world.coin, purseScript), [hexOf(tx)]);
  assert.ok('error' in answer, 'mined');
  assert.match(answer.error, block);
}

const tooYoung = (world: World, tx: Transaction): Promise<void> => refused(world, tx, TOO_YOUNG, /bad-txns-nonfinal/);

/** That an output is there, and so deep. */
async function assertDepth(world: World, { txid, vout }: Outpoint, depth: number): Promise<void> {
  const output = await world.ask('gettxout', txid, vout);
  assert.ok(typeof output === 'object' && output !== null && 'confirmations' in output, `${txid}:${vout} is not there`);
  assert.equal(output.confirmations, depth);
}

async function deposited(world: World): Promise<Transaction> {
  const deposit = depositOf(world.take());
  await accepted(world, deposit);
  await world.mine(1);
  return deposit;
}

async function committed(world: World): Promise<Transaction> {
  const commit = commitOf(await deposited(world));
  await accepted(world, commit);
  await world.mine(1);
  return commit;
}

export interface CsvCase {
  readonly name: string;
  readonly run: (world: World) => Promise<void>;
}

/** The life of the csv form on a node that keeps relative locks, by relay and mined directly. */
export const csvCases: readonly CsvCase[] = [
  {
    name: 'commit, payout after the delay and not before, and the change with the secret that the payout has shown',
    run: async (world) => {
      const commit = await committed(world);
      const payout = payoutOf(commit);
      for (let depth = 1; depth < DELAY; depth++) {
        await tooYoung(world, payout);
        await world.mine(1);
      }
      // Who shortens the lock, or does without it, fails in the script.
      for (const early of [{ sequence: DELAY - 1 }, { sequence: 0xffff_ffff }, { version: 1 }]) {
        await refused(world, payoutOf(commit, early), LOCKED, LOCKED);
      }
      await accepted(world, payout);
      await world.mine(1);
      const shown = spendSecretIn(payout.inputs[0]?.script ?? assert.fail(), commitTerms);
      assert.equal(bytesToHex(shown ?? assert.fail()), bytesToHex(spendSecret));
      await accepted(world, changeOf(commit, payer, shown));
      await world.mine(1);
      await assertDepth(world, at(payout, 0), 2);
      await assertDepth(world, at(changeOf(commit), 0), 1);
    },
  },
  {
    name: 'timeout: not before the expiry, then at once',
    run: async (world) => {
      const deposit = await deposited(world);
      const timeout = timeoutOf(deposit);
      await tooYoung(world, timeout);
      await world.mine(EXPIRY - 2);
      await tooYoung(world, timeout);
      await refused(world, timeoutOf(deposit, 0, EXPIRY - 1), LOCKED, LOCKED);
      await world.mine(1);
      await accepted(world, timeout);
      await world.mine(1);
      await assertDepth(world, at(timeout, 0), 1);
    },
  },
  {
    name: 'timeout of a commit’s change: by the change’s own age',
    run: async (world) => {
      const commit = await committed(world);
      await world.mine(EXPIRY - 2);
      await tooYoung(world, timeoutOf(commit, 1));
      await world.mine(1);
      await accepted(world, timeoutOf(commit, 1));
      await world.mine(1);
      await assertDepth(world, at(timeoutOf(commit, 1), 0), 1);
    },
  },
  {
    name: 'revoke: a commit that was taken back is taken at once, in the same block, and its payout finds nothing',
    run: async (world) => {
      const commit = commitOf(await deposited(world));
      await accepted(world, commit);
      assert.match(await world.send(payoutOf(commit)), TOO_YOUNG);
      await accepted(world, revokeOf(commit));
      await world.mine(1 + DELAY);
      assert.match(await world.send(payoutOf(commit)), /missing|Missing/);
      await assertDepth(world, at(revokeOf(commit), 0), 1 + DELAY);
    },
  },
  {
    name: 'a wrong secret opens nothing, nor does the right one with the other side’s key',
    run: async (world) => {
      const commit = await committed(world);
      await world.mine(DELAY - 1);
      const wrong = new Uint8Array(32).fill(1);
      const payoutDraft = csvPayout(at(commit, 0), to(payee, commit, 0), commitTerms);
      for (const thief of [
        revokeOf(commit, payer, wrong),
        revokeOf(commit, payee),
        signCsvPayout(commitTerms, payoutDraft, payee, wrong),
        signCsvPayout(commitTerms, payoutDraft, payer, spendSecret),
        changeOf(commit, payer, wrong),
        changeOf(commit, payee),
      ]) {
        await refused(world, thief, UNSIGNED, UNSIGNED);
      }
      await accepted(world, payoutOf(commit));
      await accepted(world, changeOf(commit));
      await world.mine(1);
    },
  },
  {
    name: 'two commits of one deposit exclude each other',
    run: async (world) => {
      const deposit = await deposited(world);
      const other = commitOf(deposit, { ...commitTerms, revokeHash: hash160(new Uint8Array(32).fill(9)) });
      await accepted(world, commitOf(deposit));
      assert.match(await world.send(other), /txn-mempool-conflict/);
      await world.mine(1);
      await refused(world, other, /missing|Missing/, /bad-txns-inputs/);
    },
  },
  {
    name: 'a block that is undone takes a payout off again: its delay counts from where the commit is mined in the end',
    run: async (world) => {
      const commit = await committed(world);
      const block = await world.ask('getbestblockhash');
      await world.mine(DELAY - 1);
      const payout = payoutOf(commit);
      await accepted(world, payout);
      await world.ask('invalidateblock', block);
      await world.ask('getmempoolentry', transactionId(commit));
      await assert.rejects(world.ask('getmempoolentry', transactionId(payout)), /not in mempool/);
      // The same reward again would be the same block, which the node has just been told to refuse.
      await accepted(world, depositOf(world.take()));
      await world.mine(DELAY - 1);
      await tooYoung(world, payout);
      await world.mine(1);
      await accepted(world, payout);
      await world.mine(1);
    },
  },
];
