import { closeSync, existsSync, ftruncateSync, openSync, readFileSync, writeSync } from 'node:fs';
import { bytesToHex, parseHex } from '../../core/base/bytes.ts';
import { decodeTransaction, encodeTransaction } from '../../core/tx/transaction.ts';
import { WorldError } from '../../engine/ports.ts';
import { decodeHeader, encodeHeader, HEADER_SIZE, name, type RawBlock, withHash } from './block.ts';
import { type ChainEvent, createRegtest, type Regtest, type RegtestOptions } from './regtest.ts';

const VERSION = 1;

export interface PersistentRegtest {
  readonly regtest: Regtest;
  /** Closes the file; later changes are not saved. */
  readonly close: () => void;
}

/**
 * A chain saved in a text file: one line for each block (header and transactions in hex) or mark, replayed at start. The mempool is not saved. An
 * incomplete last line after a crash is dropped. @throws WorldError `store-damaged` when the file belongs to another chain, or has a line that the
 * chain could not have written.
 */
export function openRegtest(file: string, options: Omit<RegtestOptions, 'record'>): PersistentRegtest {
  const title = `pawment chain ${VERSION} ${options.coin.id}`;
  const kept = existsSync(file) ? completeLines(readFileSync(file)) : NOTHING;
  if (kept.lines.length === 0 && !title.startsWith(kept.rest)) throw damaged(file, 1, `it does not begin with "${title}"`);
  const descriptor = openSync(file, existsSync(file) ? 'r+' : 'w+');
  let end = kept.length;
  const append = (line: string): void => {
    end += writeSync(descriptor, `${line}\n`, end);
  };
  let isOpen = true;
  let isReplaying = true;
  const record = (event: ChainEvent): void => {
    if (isOpen && !isReplaying) append(writeEvent(event));
  };
  const regtest = createRegtest({ ...options, record });
  const [first, ...lines] = kept.lines;
  try {
    if (first !== undefined && first !== title) throw damaged(file, 1, `it begins with "${first}", not "${title}"`);
    for (const [i, line] of lines.entries()) replay(regtest, line, (why) => damaged(file, i + 2, why));
    // Only now is it certain that the file is a chain's, so the incomplete line at its end can be removed.
    ftruncateSync(descriptor, end);
    if (first === undefined) append(title);
  } catch (error) {
    closeSync(descriptor);
    throw error;
  }
  regtest.setTime(undefined);
  isReplaying = false;
  const close = (): void => {
    if (isOpen) closeSync(descriptor);
    isOpen = false;
  };
  return { regtest, close };
}

interface Kept {
  readonly lines: readonly string[];
  /** Total bytes of the complete lines. */
  readonly length: number;
  /** What follows them. */
  readonly rest: string;
}

const NOTHING: Kept = { lines: [], length: 0, rest: '' };

function completeLines(bytes: Buffer): Kept {
  const length = bytes.lastIndexOf('\n') + 1;
  const lines = bytes.subarray(0, length).toString('utf8').split('\n').slice(0, -1);
  return { lines, length, rest: bytes.subarray(length).toString('utf8') };
}

function damaged(file: string, line: number, why: string): WorldError {
  return new WorldError('store-damaged', `line ${line} of ${file} can't be replayed: ${why}`, 'Remove the file to begin a new chain.');
}

function writeEvent(event: ChainEvent): string {
  switch (event.kind) {
    case 'block': {
      const { header, transactions } = event.block;
      const parts = [encodeHeader(header), ...transactions.map(({ transaction }) => encodeTransaction(transaction))];
      return ['block', ...parts.map(bytesToHex)].join(' ');
    }
    case 'invalidate':
    case 'reconsider':
      return `${event.kind} ${event.hash}`;
    case 'key':
      return 'key';
  }
}

function replay(regtest: Regtest, line: string, damage: (why: string) => WorldError): void {
  const [kind = '', ...words] = line.split(' ');
  if (kind === 'block') {
    const block = readBlock(words);
    if (block === undefined) throw damage('it is no block');
    // A block is checked against the time when it was made, not the present clock.
    regtest.setTime(block.header.time);
    const submission = regtest.submit(block);
    if (submission.kind === 'refused') throw damage(submission.reason);
  } else if (kind === 'invalidate' || kind === 'reconsider') {
    if (!regtest[kind](words[0] ?? '')) throw damage('it names no block');
  } else if (kind === 'key') regtest.newAddress();
  else throw damage(`"${kind}" is no kind of line`);
}

function readBlock(words: readonly string[]): RawBlock | undefined {
  const [header, ...encoded] = words.map(parseHex);
  const transactions = encoded.map((bytes) => (bytes === undefined ? undefined : decodeTransaction(bytes)));
  const whole = transactions.filter((transaction) => transaction !== undefined);
  if (header?.length !== HEADER_SIZE || whole.length !== words.length - 1) return undefined;
  return withHash(decodeHeader(header), whole.map(name));
}
