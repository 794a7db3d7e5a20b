import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';

/** Where recordings of real peers are kept; `record.ts` made them. */
export const GOLDEN: string = join(import.meta.dirname, '../../golden/bitcoinj');

interface KeyPair {
  readonly private: string;
  readonly public: string;
}

/** A whole channel between two real peers. Bytes are hex, amounts decimal text, times Unix seconds. */
export interface Recording {
  readonly coin: string;
  readonly version: number;
  /** What both clocks showed all the time. */
  readonly clock: number;
  /** Seconds that the payer asked for. */
  readonly window: number;
  readonly expiry: number;
  readonly capacity: string;
  readonly payer: KeyPair;
  readonly payee: KeyPair;
  /** Its output 0 pays the payer's wallet, and the contract spends it. */
  readonly funding: string;
  readonly contract: string;
  readonly contractId: string;
  /** What signatures sign: of v1 the output of the contract, of v2 the redeem script behind it. */
  readonly script: string;
  readonly refund: string;
  /** In order, the first of them opened the channel; signatures are DER with the hash type. */
  readonly payments: readonly { readonly total: string; readonly signature: string }[];
  readonly settlement: string;
  /** Messages without their length. */
  readonly frames: readonly { readonly from: 'client' | 'server'; readonly body: string }[];
}

const text = z.string();
const keyPair = z.object({ private: text, public: text });
const recording: z.ZodType<Recording> = z.object({
  coin: text,
  version: z.number(),
  clock: z.number(),
  window: z.number(),
  expiry: z.number(),
  capacity: text,
  payer: keyPair,
  payee: keyPair,
  funding: text,
  contract: text,
  contractId: text,
  script: text,
  refund: text,
  payments: z.array(z.object({ total: text, signature: text })),
  settlement: text,
  frames: z.array(z.object({ from: z.enum(['client', 'server']), body: text })),
});

/** The recording of protocol version 1 (refund signed beforehand) or 2 (CLTV). */
export function readRecording(version: 1 | 2): Recording {
  return recording.parse(JSON.parse(readFileSync(join(GOLDEN, `v${version}.json`), 'utf8')));
}

/** What was said in one situation. */
export interface Conversation {
  readonly title: string;
  readonly frames: Recording['frames'];
}

const conversation: z.ZodType<Conversation> = z.object({
  title: text,
  frames: z.array(z.object({ from: z.enum(['client', 'server']), body: text })),
});

export function readConversations(): readonly Conversation[] {
  return z.array(conversation).parse(JSON.parse(readFileSync(join(GOLDEN, 'conversations.json'), 'utf8')));
}
