import assert from 'node:assert/strict';
import { z } from 'zod';
import { amount } from '../../../src/core/base/amount.ts';
import { height } from '../../../src/core/base/height.ts';
import { isRefusal, type Refusal } from '../../../src/core/base/refusal.ts';
import { penaltySecret } from '../../../src/core/channel/payer-revocation.ts';
import { channelIdOf } from '../../../src/core/contract/contract.ts';
import {
  heldRevocationSecret,
  type RevocationSecrets,
  revocationSecret,
  shownIndices,
} from '../../../src/core/contract/revocation-secrets.ts';
import { hash160 } from '../../../src/core/tx/script.ts';
import { signer } from '../../../src/core/tx/sign.ts';
import { outpointKey, type Transaction } from '../../../src/core/tx/transaction.ts';
import { PENALTY_FORMAT, type PenaltyFile, readPenaltyFile, writePenaltyFile } from '../../../src/payer/watchtower/file-format.ts';
import { recordChecksum } from '../../../src/store/checksum.ts';
import { isUnreadable } from '../../../src/store/folder-files.ts';
import type { Channel } from '../../conformance/suite/codec.ts';
import { payerKey, returnScript } from '../../world/sample.ts';
import { mutateJson } from '../http.ts';
import { channels } from '../samples.ts';
import { ACCEPTED, type Target, textOf, utf8 } from '../target.ts';

const seed = new Uint8Array(32).fill(9);
const DOGE = 100_000_000n;

function secretsOf(count: number): RevocationSecrets {
  return shownIndices(count).map((index) => ({ index, secret: revocationSecret(seed, index) }));
}

function fileOf({ terms, deposits }: Channel, count: number): PenaltyFile {
  return {
    channel: channelIdOf(terms.coin, terms.contract.redeemScript(terms)),
    terms,
    deposits: deposits.map(({ outpoint, value }) => ({ outpoint, value })),
    returnScript,
    revocation: { index: count, secrets: secretsOf(count) },
    since: height(1_000),
    penaltyKey: penaltySecret(payerKey),
  };
}

const others = channels.filter(({ terms }) => terms.contract.revocation === undefined).slice(0, 1);
const revocable = channels.filter(({ terms }) => terms.contract.revocation !== undefined);
const written = [
  ...revocable.flatMap((one) => [1, 2, 7, 1_000].map((count) => fileOf(one, count))),
  ...others.map((one) => fileOf(one, 1)),
];

/** The file again with the checksum that belongs to what it says: anyone can reckon it. */
function checked(text: string): string {
  const read = z.looseObject({ penalty: z.unknown() }).safeParse(parsed(text));
  if (read.data?.penalty === undefined) return text;
  const check = recordChecksum('penalty', '', PENALTY_FORMAT, JSON.stringify(read.data.penalty));
  return JSON.stringify({ ...read.data, check });
}

/** A penalty can be made of every file that is taken, with any secret that it holds. */
function punished({ terms, revocation: { index, secrets }, penaltyKey, returnScript: script, deposits: [first] }: PenaltyFile): void {
  const { revocation } = terms.contract;
  const [oldest, newest] = [0, index - 1].map((at) => heldRevocationSecret(secrets, at));
  assert.ok(revocation !== undefined && first !== undefined && oldest !== undefined && newest !== undefined);
  for (const secret of [oldest, newest]) {
    const held = { outpoint: first.outpoint, value: amount(10n * DOGE), hash: hash160(secret), secret };
    const made: Transaction | Refusal = revocation.penalty(
      terms,
      [held],
      { script, feeRate: terms.coin.policy.feeRate },
      signer(penaltyKey),
    );
    if (isRefusal(made)) continue;
    assert.deepEqual(
      made.inputs.map(({ outpoint }) => outpointKey(outpoint)),
      [outpointKey(first.outpoint)],
    );
  }
}

/** Files of a payer's watcher: one channel's, whole and with its own key, or unreadable. */
export const penaltyFile: Target = {
  name: 'penalty-file',
  files: ['payer/watchtower/file-format.ts'],
  corpus: written.map((file) => utf8(writePenaltyFile(file))),
  mutate: (input, chance, other) => {
    const made = textOf(mutateJson(input, chance, other));
    return utf8(chance.happens(0.8) ? checked(made) : made);
  },
  check: (input) => {
    const read = readPenaltyFile(textOf(input));
    if (isUnreadable(read)) return { code: read.newer ? 'newer' : 'unreadable', path: read.reason };
    const once = writePenaltyFile(read);
    const again = readPenaltyFile(once);
    assert.equal(isUnreadable(again) ? again.reason : writePenaltyFile(again), once);
    punished(read);
    return ACCEPTED;
  },
};

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
