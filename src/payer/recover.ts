import * as z from 'zod';
import type { ChannelId } from '../core/base/bytes.ts';
import { after, type Height } from '../core/base/height.ts';
import { recoverChannel } from '../core/channel/payer-recover.ts';
import { payerSnapshot } from '../core/channel/snapshot.ts';
import { channelIdOf } from '../core/contract/contract.ts';
import { heightField, transactionField } from '../core/message/fields.ts';
import type { Transaction } from '../core/tx/transaction.ts';
import { payerRole } from '../engine/channel-role.ts';
import { type Block, type Chain, type SeedRing, type Store, type Tip, WorldError, type Write } from '../engine/ports.ts';
import { followFrom } from '../engine/sync-cursor.ts';
import { markAt } from '../wallet/sync.ts';
import type { Wallet } from '../wallet/wallet.ts';
import { ChannelScan, type FoundChannel } from './channel-scan.ts';

export interface RecoverOptions {
  readonly chain: Chain;
  /** The payer's store. In this process nothing may have followed the chain on it yet: channels that are found here change where following begins. */
  readonly store: Store;
  readonly keys: SeedRing;
  readonly wallet: Wallet;
  /** No channel was funded in a block up to this one. */
  readonly birthday: Height;
  /** Called after every hundred blocks. */
  readonly onProgress?: (scanned: Height, tip: Height) => void;
}

/**
 * Finds the channels of a seed on the chain by the notes in their funding transactions, and stores those that the store does not have. It can be
 * interrupted anywhere, and continues there. Then they are normal channels: the follower reads what happened to their deposits since, ends those that
 * have ended, and refunds what has expired. @returns all channels that were found, including those already in the store. @throws WorldError
 */
export async function recoverChannels(options: RecoverOptions): Promise<readonly ChannelId[]> {
  const scan = await scanned(options);
  const finder = finderOf(options, scan);
  const indices = finder.channels.map(({ keyIndex }) => keyIndex);
  // Before anything asks the wallet for a key.
  if (indices.length > 0) await options.wallet.keepChannelKeys(Math.max(...indices));
  await keep(options, scan, finder.channels);
  return finder.channels.map(idOf);
}

/** How far the blocks were read, and the deposits in them. */
interface Scan {
  readonly head: Tip;
  readonly funding: readonly { readonly height: Height; readonly transaction: Transaction }[];
}

const RECORD = { kind: 'recovery', id: 'scan' };
const BLOCKS_PER_COMMIT = 100;

const scanField = z.strictObject({
  head: z.strictObject({ height: heightField, hash: z.string() }),
  funding: z.array(z.strictObject({ height: heightField, transaction: transactionField })),
});

async function scanned(options: RecoverOptions): Promise<Scan> {
  const { chain, store, birthday, onProgress } = options;
  for (;;) {
    const record = await store.get(RECORD.kind, RECORD.id);
    const before = record === undefined ? await scanFrom(chain, birthday) : readScan(record.value);
    const tip = await chain.tip();
    if (before.head.hash === tip.hash) return before;
    const scan = await further(options, before);
    const value = JSON.stringify(z.encode(scanField, { ...scan, funding: [...scan.funding] }));
    if (!(await store.commit([{ ...RECORD, expected: record?.version ?? 0, value }]))) {
      throw new WorldError('store-busy', 'Another process recovers on this store.', 'Run only one process per store.');
    }
    onProgress?.(scan.head.height, tip.height);
  }
}

async function scanFrom(chain: Chain, birthday: Height): Promise<Scan> {
  const { height } = await chain.tip();
  return { head: await markAt(chain, birthday < height ? birthday : height), funding: [] };
}

function readScan(text: string): Scan {
  const read = scanField.safeParse(JSON.parse(text));
  if (read.success) return read.data;
  throw new WorldError('store-damaged', 'The record of the searched blocks is damaged.', 'Recover into an empty data folder.', read.error);
}

/** Reads some more blocks; or goes back, if a block is not in the chain any more. */
async function further(options: RecoverOptions, { head, funding }: Scan): Promise<Scan> {
  const { chain } = options;
  const finder = finderOf(options, { head, funding });
  const found = [...funding];
  let last = head;
  for (let block = await blockAfter(chain, last); block !== undefined; block = await blockAfter(chain, last)) {
    const { height } = block;
    for (const { transaction } of block.transactions) if (finder.take(transaction)) found.push({ height, transaction });
    last = { height, hash: block.hash };
    if (height - head.height >= BLOCKS_PER_COMMIT) break;
  }
  if (last !== head) return { head: last, funding: found };
  const mark = await markAt(chain, after(head.height, -chain.coin.channel.buried));
  return { head: mark, funding: funding.filter(({ height }) => height <= mark.height) };
}

async function blockAfter(chain: Chain, { height, hash }: Tip): Promise<Block | undefined> {
  const block = await chain.block(after(height, 1));
  return block?.previous === hash ? block : undefined;
}

function finderOf({ chain, keys }: RecoverOptions, { funding }: Scan): ChannelScan {
  const finder = new ChannelScan(chain.coin, keys);
  for (const { transaction } of funding) finder.take(transaction);
  return finder;
}

function idOf({ terms }: FoundChannel): ChannelId {
  return channelIdOf(terms.coin, terms.contract.redeemScript(terms));
}

/** Stores the channels together with the block before them, from which following the chain begins, in one commit. */
async function keep({ chain, store }: RecoverOptions, { head, funding }: Scan, channels: readonly FoundChannel[]): Promise<void> {
  const writes: Write[] = [];
  for (const channel of channels) {
    const id = idOf(channel);
    if ((await store.get(payerRole.recordKind, id)) !== undefined) continue;
    writes.push({ kind: payerRole.recordKind, id, expected: 0, value: payerSnapshot.encode(recoverChannel(channel)) });
  }
  if (writes.length === 0) return;
  // Oldest first; a reorganisation may have moved it.
  const [first = { height: head.height }] = funding;
  const locator = await followFrom(store, await markAt(chain, after(first.height, -chain.coin.channel.buried)));
  if (!(await store.commit([...writes, ...locator]))) {
    throw new WorldError('store-busy', 'Another process works on this store.', 'Run only one process per store.');
  }
}
