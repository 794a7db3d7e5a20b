import { bytesToHex, txId } from '../src/core/base/bytes.ts';
import { isRefusal } from '../src/core/base/refusal.ts';
import { type CsvCommitTerms, csvCommitScript, csvDepositScript } from '../src/core/contract/revocable-csv-script.ts';
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
import { hash160, OP, readScript } from '../src/core/tx/script.ts';
import { verifyPortable } from '../src/core/tx/sign.ts';
import { type Transaction, transactionId } from '../src/core/tx/transaction.ts';
import { payeeKey, payeeScript, payerKey, returnScript } from '../test/world/sample.ts';
import { tableOf } from './made-parts.ts';
import { longestSize, signatureOf, stepsOf, type Written } from './protocol-signatures.ts';

const SPEND_SECRET = new Uint8Array(32).fill(7);
const REVOKE_SECRET = new Uint8Array(32).fill(8);
/** A relative lock of two bytes, as most are. */
const LOCK = 1_024;
const terms: CsvCommitTerms & { readonly expiry: number } = {
  payerKey: payerKey.publicKey,
  payeeKey: payeeKey.publicKey,
  spendHash: hash160(SPEND_SECRET),
  revokeHash: hash160(REVOKE_SECRET),
  expiry: LOCK,
  delay: LOCK,
};

interface MadeCsv {
  readonly name: string;
  readonly spends: string;
  readonly outputs: string;
  /** Who signs, in the order of the scriptSig. */
  readonly signers: readonly string[];
  readonly transaction: Transaction;
}

/** The six transactions of picopayments, as the code makes them. */
function csvTransactions(): readonly MadeCsv[] {
  const coin = { txid: txId('11'.repeat(32)), vout: 0 };
  const toPayer = [{ value: 1n, script: returnScript }];
  const deposit = signCsvDeposit(csvDeposit([coin], csvDepositOutput(terms, 10n), toPayer), payerKey);
  const onDeposit = { txid: transactionId(deposit), vout: 0 };
  const drafted = csvCommit([onDeposit], csvCommitOutput(terms, 5n), [csvDepositOutput(terms, 4n)]);
  const commit = completeCsvCommit(terms, drafted, signCsvCommit(terms, drafted, payerKey), payeeKey, verifyPortable);
  if (isRefusal(commit)) throw new Error(commit.code);
  const [held, rest] = [0, 1].map((vout) => ({ txid: transactionId(commit), vout }));
  if (held === undefined || rest === undefined) throw new Error('a commit has two outputs');
  const payout = csvPayout(held, [{ value: 1n, script: payeeScript }], terms);
  const paid = { signers: ['payer'], outputs: 'to the payer' };
  return [
    { name: 'deposit', spends: '1 P2PKH', outputs: 'deposit, change', signers: ['payer'], transaction: deposit },
    {
      name: 'commit',
      spends: 'deposit',
      outputs: 'commit, change to the deposit’s script',
      signers: ['payer', 'payee'],
      transaction: commit,
    },
    {
      name: 'payout',
      spends: 'commit',
      outputs: 'to the payee',
      signers: ['payee'],
      transaction: signCsvPayout(terms, payout, payeeKey, SPEND_SECRET),
    },
    { ...paid, name: 'change', spends: 'change', transaction: signCsvChange(terms, csvChange([rest], toPayer), payerKey, SPEND_SECRET) },
    { ...paid, name: 'revoke', spends: 'commit', transaction: signCsvRevoke(terms, csvRevoke(held, toPayer), payerKey, REVOKE_SECRET) },
    {
      ...paid,
      name: 'timeout',
      spends: 'deposit, or change',
      transaction: signCsvTimeout(terms, csvTimeout([onDeposit], toPayer, terms), payerKey),
    },
  ];
}

/** Both scripts of picopayments, one a row. */
export function csvScriptTable(): string {
  const rows = [['deposit', csvDepositScript(terms), 'expiry'] as const, ['commit', csvCommitScript(terms), 'delay'] as const].map(
    ([name, code, lock]) => [name, `\`${wordsOf(code, lock)}\``, `${code.length}`],
  );
  return tableOf(['script', 'as opcodes', 'bytes'], rows);
}

export function csvTransactionTable(): string {
  const rows = csvTransactions().map(({ name, spends, outputs, signers, transaction }) => {
    const [{ sequence, script } = NO_INPUT] = transaction.inputs;
    const lock = spends === 'commit' ? 'delay' : 'expiry';
    const unlock = `\`${unlockOf(stepsOf(script), signers)}\``;
    const waits = sequence === LOCK ? lock : `0x${sequence.toString(16)}`;
    return [name, spends, outputs, `${transaction.version}`, waits, unlock, `${longestSize(transaction)}`];
  });
  return tableOf(['transaction', 'spends', 'outputs', 'version', 'sequence', 'what unlocks it', 'bytes, at most'], rows);
}

const NO_INPUT = { sequence: 0, script: new Uint8Array() };

const NAMES: ReadonlyMap<string, string> = new Map([
  [bytesToHex(terms.payerKey), '<payer key>'],
  [bytesToHex(terms.payeeKey), '<payee key>'],
  [bytesToHex(terms.spendHash), '<hash of the spend secret>'],
  [bytesToHex(terms.revokeHash), '<hash of the revocation secret>'],
  [bytesToHex(SPEND_SECRET), '<spend secret>'],
  [bytesToHex(REVOKE_SECRET), '<revocation secret>'],
]);

function wordsOf(code: Uint8Array, lock: string): string {
  const parts = readScript(code) ?? [];
  return parts.map((part) => (part instanceof Uint8Array ? (NAMES.get(bytesToHex(part)) ?? `<${lock}>`) : `${part}`)).join(' ');
}

function unlockOf(steps: readonly Written[], signers: readonly string[]): string {
  const left = [...signers];
  return steps
    .map((step) => {
      if (signatureOf(step) !== undefined) return `<${left.shift()} signature>`;
      if (step.data === undefined || step.data.length === 0) return step.opcode === OP.OP_0 ? '0' : `${step.opcode - OP.OP_1 + 1}`;
      return NAMES.get(bytesToHex(step.data)) ?? '<script>';
    })
    .join(' ');
}
