import { type Height, height, isTime, LOCK_TIME_THRESHOLD } from '../base/height.ts';
import { isRefusal, type Refusal, refuse } from '../base/refusal.ts';
import type { Coin } from '../coin/coin.ts';
import { p2sh } from '../tx/script.ts';
import { ageLockOf, MAX_BLOCKS, spendSecret } from './age-lock.ts';
import { heldOutputs, revocationOf } from './commit-output.ts';
import type { ChangeBySecret, Contract, Revocation, RevocationHash, Terms } from './contract.ts';
import { blocksToAnswer, paysToHeld, REVOCABLE, refuseWindows } from './revocable.ts';
import {
  type CsvCommitTerms,
  type CsvDepositTerms,
  csvCommitScript,
  csvDepositScript,
  csvUnlock,
  readCsvDepositScript,
  spendSecretIn,
} from './revocable-csv-script.ts';
import type { AgeLock, WrittenTerms } from './script-terms.ts';
import { bySelector } from './spend-branch.ts';
import { FRAME_BYTES, INPUT_BYTES, type Taken, takeOutputs } from './take-outputs.ts';
import { SIGNATURE_BYTES } from './tx-size.ts';
import { LONGEST_KEYS, type RedeemScript, unidirectional } from './unidirectional.ts';

function depositTerms(terms: WrittenTerms): CsvDepositTerms {
  const { payerKey, payeeKey } = terms;
  const { blocks: expiry, spendHash } = ageLockOf(terms);
  return { payerKey, payeeKey, spendHash, expiry };
}

function readTerms(bytes: Uint8Array): WrittenTerms | Refusal {
  const read = readCsvDepositScript(bytes);
  if (isRefusal(read)) return read;
  const { payerKey, payeeKey, spendHash, expiry: blocks } = read;
  return { payerKey, payeeKey, ageLock: { blocks, spendHash } };
}

const LONGEST_LOCK: AgeLock = { blocks: MAX_BLOCKS, spendHash: new Uint8Array(20) };

const redeem: RedeemScript = {
  expiresBy: 'height',
  expiryIn: 'age',
  write: (terms) => csvDepositScript(depositTerms(terms)),
  read: readTerms,
  longest: csvDepositScript(depositTerms({ ...LONGEST_KEYS, ageLock: LONGEST_LOCK })),
};

/** The payer's key in a commit is its penalty key: whoever is given that can take nothing else. */
function commitTerms(terms: Terms, revokeHash: RevocationHash): CsvCommitTerms {
  const { payoutDelay: delay, penaltyKey: payerKey } = revocationOf(terms);
  return { payerKey, payeeKey: terms.payeeKey, spendHash: ageLockOf(terms).spendHash, revokeHash, delay };
}

function commitScript(terms: Terms, revokeHash: RevocationHash): Uint8Array {
  return csvCommitScript(commitTerms(terms, revokeHash));
}

const longestCommit = csvCommitScript({
  ...LONGEST_KEYS,
  spendHash: LONGEST_LOCK.spendHash,
  revokeHash: new Uint8Array(20),
  delay: MAX_BLOCKS,
});
const PENALTY_INPUT_BYTES = INPUT_BYTES + csvUnlock.revoke(longestCommit, new Uint8Array(SIGNATURE_BYTES), new Uint8Array(32)).length;
const CHANGE_INPUT_BYTES = INPUT_BYTES + csvUnlock.change(redeem.longest, new Uint8Array(SIGNATURE_BYTES), new Uint8Array(32)).length;
const PAYOUT_INPUT_BYTES = INPUT_BYTES + csvUnlock.payout(longestCommit, new Uint8Array(SIGNATURE_BYTES), new Uint8Array(32)).length;

/** The payer looks at the chain all the time: a close can come at any height, and its payout is that much later. */
function leastPayoutDelay(coin: Coin): number {
  return blocksToAnswer(coin) + coin.channel.buried;
}

/** The payout shows the spend secret: it goes out only when the close is buried, whatever the delay is. */
function payoutAt(terms: Terms, mined?: Height): Height {
  const { coin, expiry } = terms;
  const { payoutDelay } = revocationOf(terms);
  if (isTime(expiry)) throw new Error('the expiry of this contract is a height');
  return height(Math.min((mined ?? expiry) + Math.max(payoutDelay, coin.channel.buried) - 1, LOCK_TIME_THRESHOLD - 1));
}

const revocation: Revocation = {
  refuseTerms: (terms) => {
    const { payoutDelay = 0 } = terms;
    const tooShort = refuseWindows(terms, leastPayoutDelay(terms.coin));
    // With other bits a sequence means a time, or nothing (BIP68).
    return tooShort ?? (payoutDelay > MAX_BLOCKS ? refuse('window-too-long', { payoutDelay, most: MAX_BLOCKS }) : undefined);
  },
  leastPayoutDelay,
  opensBy: 'age',
  heldScript: commitScript,
  outputs: heldOutputs(commitScript),
  payoutAt,
  payout: (terms, held, to, payee) => {
    const secret = spendSecret(payee);
    const taken = held.map((output): Taken => {
      const code = commitScript(terms, output.hash);
      return { output, code, bytes: PAYOUT_INPUT_BYTES, unlock: (signature) => csvUnlock.payout(code, signature, secret) };
    });
    return takeOutputs(terms, taken, { lockTime: 0, sequence: revocationOf(terms).payoutDelay }, to, payee);
  },
  penalty: (terms, held, to, payer) => {
    const taken = held.map(({ secret, ...output }): Taken => {
      const code = commitScript(terms, output.hash);
      return { output, code, bytes: PENALTY_INPUT_BYTES, unlock: (signature) => csvUnlock.revoke(code, signature, secret) };
    });
    return takeOutputs(terms, taken, { lockTime: 0, sequence: terms.contract.form.sequence }, to, payer);
  },
  payoutSize: FRAME_BYTES + PAYOUT_INPUT_BYTES,
  penaltySize: FRAME_BYTES + PENALTY_INPUT_BYTES,
};

/** The deposits' script is the same for all that lies there: what no close took, and what came later. */
const change: ChangeBySecret = {
  secretIn: (terms, { hash }, unlock) => spendSecretIn(unlock, commitTerms(terms, hash)),
  take: (terms, deposits, secret, to, payer) => {
    const code = csvDepositScript(depositTerms(terms));
    const unlock = (signature: Uint8Array): Uint8Array => csvUnlock.change(code, signature, secret);
    const taken = deposits.map((output): Taken => ({ output, code, bytes: CHANGE_INPUT_BYTES, unlock }));
    return takeOutputs(terms, taken, { lockTime: 0, sequence: terms.contract.form.sequence }, to, payer);
  },
};

/**
 * picopayments' channel with its own two scripts, for chains that keep relative locks (BIP112). A deposit opens to the payer when it is old enough; a
 * close holds the payee's part for a number of blocks from its own. The change goes to the payer at once; what else lies at the deposits' script it takes when
 * a payout has shown the spend secret.
 */
export const revocableCsv: Contract = {
  ...unidirectional({
    id: 'revocable-csv',
    number: 6,
    needs: ['csv'],
    form: REVOCABLE,
    redeem,
    output: p2sh,
    recogniser: bySelector,
    unlocks: { close: csvUnlock.commit, refund: (redeemScript, payer) => csvUnlock.timeout(redeemScript, payer) },
  }),
  paysTo: paysToHeld(commitScript),
  change,
  revocation,
};
