import { equalBytes } from '../base/bytes.ts';
import { isRefusal, type Refusal, refuse } from '../base/refusal.ts';
import { hash160, script } from '../tx/script.ts';
import type { PublicKey } from '../tx/sign.ts';
import { readSlots, type ScriptTemplate, writeTemplate } from './script-template.ts';
import { pushesOf, selects } from './spend-branch.ts';

/** The most blocks that a relative lock waits (BIP68, SEQUENCE_LOCKTIME_MASK). */
const MAX_BLOCKS = 0xffff;

interface Parties {
  readonly payerKey: PublicKey;
  readonly payeeKey: PublicKey;
  /** HASH160 of the secret that the payee shows when it takes its payout; with it the payer takes its change. */
  readonly spendHash: Uint8Array;
}

/** What the deposit's script is made of. */
export interface CsvDepositTerms extends Parties {
  /** Blocks, 1 … 65,535, from the deposit's own block to when the payer may take it back alone (BIP112). */
  readonly expiry: number;
}

/** What a commit's script is made of. */
export interface CsvCommitTerms extends Parties {
  /** HASH160 of the secret that takes this commit back. */
  readonly revokeHash: Uint8Array;
  /** Blocks, 1 … 65,535, that the payee waits for its payout, and in which the payer can take a commit that was taken back. */
  readonly delay: number;
}

/** picopayments' deposit script. */
const DEPOSIT: ScriptTemplate = [
  ...(['IF', 2, '<payer>', '<payee>', 2, 'CHECKMULTISIG', 'ELSE'] as const),
  ...(['IF', 'HASH160', '<spend>', 'EQUALVERIFY', '<payer>', 'CHECKSIG'] as const),
  ...(['ELSE', '<expiry>', 'CHECKSEQUENCEVERIFY', 'DROP', '<payer>', 'CHECKSIG', 'ENDIF', 'ENDIF'] as const),
];

/** picopayments' commit script: where a commit pays to. */
const COMMIT: ScriptTemplate = [
  ...(['IF', '<expiry>', 'CHECKSEQUENCEVERIFY', 'DROP', 'HASH160', '<spend>', 'EQUALVERIFY', '<payee>', 'CHECKSIG'] as const),
  ...(['ELSE', 'HASH160', '<revoke>', 'EQUALVERIFY', '<payer>', 'CHECKSIG', 'ENDIF'] as const),
];

/** @throws RangeError when the expiry is no lock of 1 … 65,535 blocks. */
export function csvDepositScript(terms: CsvDepositTerms): Uint8Array {
  return writeTemplate(DEPOSIT, { ...terms, expiry: blocks(terms.expiry) });
}

/** @throws RangeError when the delay is no lock of 1 … 65,535 blocks. */
export function csvCommitScript({ delay, ...terms }: CsvCommitTerms): Uint8Array {
  return writeTemplate(COMMIT, { ...terms, expiry: blocks(delay) });
}

function blocks(lock: number): number {
  if (!isBlocks(lock)) throw new RangeError(`${lock} is not a lock of 1 to ${MAX_BLOCKS} blocks`);
  return lock;
}

/** Beyond the bits that BIP68 looks at, a lock would mean something else than it says; a lock of none leaves no time to answer. */
function isBlocks(lock: number): boolean {
  return Number.isInteger(lock) && lock >= 1 && lock <= MAX_BLOCKS;
}

/** Accepts exactly what `csvDepositScript` writes. */
export function readCsvDepositScript(bytes: Uint8Array): CsvDepositTerms | Refusal {
  const values = readSlots(DEPOSIT, bytes);
  if (isRefusal(values)) return values;
  const { payerKey, payeeKey, spendHash, expiry } = values;
  if (spendHash === undefined || expiry === undefined || !isBlocks(expiry)) return refuse('expiry-malformed');
  return { payerKey, payeeKey, spendHash, expiry };
}

/** Accepts exactly what `csvCommitScript` writes. */
export function readCsvCommitScript(bytes: Uint8Array): CsvCommitTerms | Refusal {
  const values = readSlots(COMMIT, bytes);
  if (isRefusal(values)) return values;
  const { payerKey, payeeKey, spendHash, revokeHash, expiry: delay } = values;
  if (spendHash === undefined || revokeHash === undefined || delay === undefined || !isBlocks(delay)) return refuse('expiry-malformed');
  return { payerKey, payeeKey, spendHash, revokeHash, delay };
}

/** The five ways to spend, from signatures as scripts carry them: hash type behind DER. */
export const csvUnlock = {
  commit: (depositScript: Uint8Array, payer: Uint8Array, payee: Uint8Array): Uint8Array => script('OP_0', payer, payee, 1, depositScript),
  change: (depositScript: Uint8Array, payer: Uint8Array, spendSecret: Uint8Array): Uint8Array =>
    script(payer, spendSecret, 1, 'OP_0', depositScript),
  timeout: (depositScript: Uint8Array, payer: Uint8Array): Uint8Array => script(payer, 'OP_0', 'OP_0', depositScript),
  payout: (commitScript: Uint8Array, payee: Uint8Array, spendSecret: Uint8Array): Uint8Array => script(payee, spendSecret, 1, commitScript),
  revoke: (commitScript: Uint8Array, payer: Uint8Array, revokeSecret: Uint8Array): Uint8Array =>
    script(payer, revokeSecret, 'OP_0', commitScript),
} as const;

/**
 * The secret that a payout of that commit shows, as it may stand in a block: miners can write true otherwise and put more on the stack. Undefined
 * when the input is no payout of it.
 */
export function spendSecretIn(unlock: Uint8Array, terms: CsvCommitTerms): Uint8Array | undefined {
  const pushes = pushesOf(unlock) ?? [];
  const [secret, selector, commitScript] = pushes.slice(-3);
  if (secret === undefined || commitScript === undefined || !equalBytes(commitScript, csvCommitScript(terms))) return undefined;
  return selects(selector) && equalBytes(hash160(secret), terms.spendHash) ? secret : undefined;
}
