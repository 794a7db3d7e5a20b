import type { ChannelId } from '../../core/base/bytes.ts';
import { type Transaction, transactionId } from '../../core/tx/transaction.ts';
import type { Broadcast } from '../../engine/ports.ts';

/** What a person has to look at, and its sentence. */
export interface ToldAlarm {
  readonly code: string;
  readonly channel?: ChannelId;
  readonly text: string;
}

export interface SentTransaction {
  /** What it is; as the look says unless given. */
  readonly what?: Look['what'];
  readonly channel: ChannelId;
  readonly transaction: Transaction;
  readonly outcome: Broadcast;
}

/** What a watcher found and did, whoever it watches for. */
export interface Look {
  /** What it sends. */
  readonly what: 'close' | 'penalty';
  readonly alarms: readonly ToldAlarm[];
  readonly sent: readonly SentTransaction[];
  /** All of it, for `--json` and for people. */
  readonly facts: object;
  readonly lines: readonly string[];
  /** As Prometheus text. */
  readonly metrics: () => Promise<string>;
}

export function sentFacts(sent: readonly SentTransaction[]): readonly object[] {
  return sent.map(({ channel, transaction, outcome }) => ({ channel, transaction: transactionId(transaction), outcome: outcome.kind }));
}

/** The channels' lines, then what was sent and what is wrong. */
export function linesOf({ what, alarms, sent }: Pick<Look, 'what' | 'alarms' | 'sent'>, channels: readonly string[]): readonly string[] {
  const made = sent.map(
    ({ channel, transaction, outcome }) =>
      `sent ${transactionId(transaction)}, the ${what} of channel ${channel.slice(0, 16)}: ${outcome.kind}`,
  );
  return [...(channels.length === 0 ? ['no channels'] : channels), ...made, ...alarms.map(({ text }) => `ALARM ${text}`)];
}
