import { equalBytes } from '../base/bytes.ts';
import { isRefusal, type Refusal, refuse } from '../base/refusal.ts';
import { hash160, script } from '../tx/script.ts';
import type { PublicKey } from '../tx/sign.ts';
import { isBlocks, MAX_BLOCKS } from './age-lock.ts';
import { readSlots, type ScriptTemplate, writeTemplate } from './script-template.ts';
import { pushesOf, selects } from './spend-branch.ts';

interface Parties {
  readonly payerKey: PublicKey;
  readonly payeeKey: PublicKey;
  /** HASH160 of the secret that the payee shows when it takes its payout. The payer then takes its change with that secret. */
  readonly spendHash: Uint8Array;
}

/** The values in the deposit's script. */
export interface CsvDepositTerms extends Parties {
  /** Blocks, 1 … 65,535, after the block of the deposit, from which the payer may take the deposit back alone (BIP112). */
  readonly expiry: number;
}

/** The values in a commit's script. */
export interface CsvCommitTerms extends Parties {
  /** HASH160 of the secret that revokes this commit. */
  readonly revokeHash: Uint8Array;
  /** Blocks, 1 … 65,535, that the payee waits for its payout. In that time the payer can take a revoked commit. */
  readonly delay: number;
}

/** picopayments' deposit script. */
const DEPOSIT: ScriptTemplate = [
  ...(['IF', 2, '<payer>', '<payee>', 2, 'CHECKMULTISIG', 'ELSE'] as const),
  ...(['IF', 'HASH160', '<spend>', 'EQUALVERIFY', '<payer>', 'CHECKSIG'] as const),
  ...(['ELSE', '<expiry>', 'CHECKSEQUENCEVERIFY', 'DROP', '<payer>', 'CHECKSIG', 'ENDIF', 'ENDIF'] as const),
];

/** picopayments' commit script, which a commit pays to. */
const COMMIT: ScriptTemplate = [
  ...(['IF', '<expiry>', 'CHECKSEQUENCEVERIFY', 'DROP', 'HASH160', '<spend>', 'EQUALVERIFY', '<payee>', 'CHECKSIG'] as const),
  ...(['ELSE', 'HASH160', '<revoke>', 'EQUALVERIFY', '<payer>', 'CHECKSIG', 'ENDIF'] as const),
];

/** @throws RangeError when the expiry is not a lock of 1 … 65,535 blocks. */
export function csvDepositScript(terms: CsvDepositTerms): Uint8Array {
  return writeTemplate(DEPOSIT, { ...terms, expiry: blocks(terms.expiry) });
}

/** @throws RangeError when the delay is not a lock of 1 … 65,535 blocks. */
export function csvCommitScript({ delay, ...terms }: CsvCommitTerms): Uint8Array {
  return writeTemplate(COMMIT, { ...terms, expiry: blocks(delay) });
}

function blocks(lock: number): number {
  if (!isBlocks(lock)) throw new RangeError(`${lock} is not a lock of 1 to ${MAX_BLOCKS} blocks`);
  return lock;
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

/** The five ways to spend. Signatures are as scripts hold them: DER, then the hash type. */
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
 * The secret that a payout of the commit shows; undefined when the input is not its payout. The payout is read from a block, where a miner may have
 * written "true" in another form or put more on the stack.
 */
export function spendSecretIn(unlock: Uint8Array, terms: CsvCommitTerms): Uint8Array | undefined {
  const pushes = pushesOf(unlock) ?? [];
  const [secret, selector, commitScript] = pushes.slice(-3);
  if (secret === undefined || commitScript === undefined || !equalBytes(commitScript, csvCommitScript(terms))) return undefined;
  return selects(selector) && equalBytes(hash160(secret), terms.spendHash) ? secret : undefined;
}
