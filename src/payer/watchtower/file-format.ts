import * as z from 'zod';
import { type ChannelId, equalBytes } from '../../core/base/bytes.ts';
import type { Height } from '../../core/base/height.ts';
import type { Punisher } from '../../core/channel/payer-revocation.ts';
import { termsField } from '../../core/channel/snapshot.ts';
import { channelIdOf } from '../../core/contract/contract.ts';
import { type RevocationSecrets, shownIndices } from '../../core/contract/revocation-secrets.ts';
import { bytesField, channelIdField, type Field, heightField, keptDepositField, shownSecretField } from '../../core/message/fields.ts';
import { type Signer, signer } from '../../core/tx/sign.ts';
import { recordChecksum } from '../../store/checksum.ts';
import type { Unreadable } from '../../store/folder-files.ts';
import { parsedJson } from '../../store/folder-files.ts';

/**
 * What it takes to punish revoked closes of one channel, and nothing else: the penalty key takes what such a close holds, with the secret of its hash,
 * and no other coin.
 */
export interface PenaltyFile extends Punisher {
  readonly channel: ChannelId;
  /** All secrets that the payee has shown, and their count. */
  readonly revocation: { readonly index: number; readonly secrets: RevocationSecrets };
  /** A height up to which nothing had spent the deposits. */
  readonly since: Height;
  /** 32 bytes. */
  readonly penaltyKey: Uint8Array;
}

export const PENALTY_FORMAT = 1;
/** A bound of our own: work grows with the count that a file names. */
const MOST_SECRETS = 1_048_576;

const penaltyField: Field<PenaltyFile> = z.strictObject({
  channel: channelIdField,
  terms: termsField,
  deposits: z.array(keptDepositField).min(1).max(1_000),
  returnScript: bytesField,
  revocation: z.strictObject({ index: z.int().min(1).max(MOST_SECRETS), secrets: z.array(shownSecretField).max(48) }),
  since: heightField,
  penaltyKey: bytesField,
});
const fileField = z.object({ format: z.int(), check: z.int(), penalty: z.unknown() });

export function writePenaltyFile(file: PenaltyFile): string {
  const penalty = z.encode(penaltyField, file);
  return `${JSON.stringify({ format: PENALTY_FORMAT, check: checkOf(penalty), penalty })}\n`;
}

/** Reads what `writePenaltyFile` wrote. Whatever the text says, the result is of one channel, with the key that its terms name. */
export function readPenaltyFile(text: string): PenaltyFile | Unreadable {
  const value = parsedJson(text);
  const outer = fileField.safeParse(value);
  if (!outer.success) return unreadable('it is not a file for a payer’s watcher, or it is incomplete');
  const { format, check, penalty } = outer.data;
  if (format > PENALTY_FORMAT) return { ...unreadable(`it has the newer format ${format}`), newer: true };
  if (check !== checkOf(penalty)) return unreadable('it is damaged');
  const inner = penaltyField.safeParse(penalty);
  if (!inner.success) return unreadable(z.prettifyError(inner.error).slice(0, 300));
  const wrong = whatIsWrong(inner.data);
  return wrong === undefined ? inner.data : unreadable(wrong);
}

/** A wrong byte in a secret or in the return script would not show otherwise. */
function checkOf(penalty: unknown): number {
  return recordChecksum('penalty', '', PENALTY_FORMAT, JSON.stringify(penalty) ?? '');
}

function whatIsWrong({ channel, terms, revocation: { index, secrets }, penaltyKey }: PenaltyFile): string | undefined {
  if (channelIdOf(terms.coin, terms.contract.redeemScript(terms)) !== channel) return 'its terms are those of another channel';
  if (terms.contract.revocation === undefined || terms.revocation === undefined) return 'nothing can be revoked in this channel';
  const key = signerOf(penaltyKey);
  if (key === undefined || !equalBytes(key.publicKey, terms.revocation.penaltyKey)) return 'its key is not the one that the terms name';
  const indices = shownIndices(index);
  const isWhole = indices.length === secrets.length && indices.every((at, i) => at === secrets[i]?.index);
  return isWhole ? undefined : 'secrets are missing';
}

function signerOf(key: Uint8Array): Signer | undefined {
  try {
    return signer(key);
  } catch {
    return undefined;
  }
}

function unreadable(reason: string): Unreadable {
  return { kind: 'unreadable', reason, newer: false };
}
