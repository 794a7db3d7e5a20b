import { lockTime } from '../../src/core/base/height.ts';
import type { ChainView, DepositView, FundingView } from '../../src/core/channel/state-machine.ts';
import { isReplaceable } from '../../src/core/contract/fee.ts';
import { outpointKey, type Transaction, transactionId } from '../../src/core/tx/transaction.ts';
import { blockOf } from '../world/sample.ts';
import { CAPACITY, EXPIRY, type Setting, START } from './setting.ts';

/** A chain of blocks with at most one transaction that matters, and what waits to be mined. Transactions go by their number in the book. */
export interface Chain {
  /** From height START + 1 on: what each block holds, or nothing. */
  readonly blocks: readonly (number | undefined)[];
  /** Every transaction that was ever broadcast: some miner may still have it. In ascending order. */
  readonly known: readonly number[];
  /** The spend of the deposit that this side of the network would mine. */
  readonly waiting?: number;
}

/** Every transaction of a model by number; 0 is the funding, 1 the thief. */
export class Book {
  readonly setting: Setting;
  readonly #transactions: Transaction[] = [];
  readonly #numbers = new Map<string, number>();
  /** The machines' answers are kept, and the transactions in them: each is encoded once. */
  readonly #met = new WeakMap<Transaction, number>();

  constructor(setting: Setting) {
    this.setting = setting;
    this.number(setting.funding);
    this.number(setting.thief);
  }

  number(transaction: Transaction): number {
    const known = this.#met.get(transaction);
    if (known !== undefined) return known;
    const id = transactionId(transaction);
    const number = this.#numbers.get(id) ?? this.#transactions.push(transaction) - 1;
    this.#numbers.set(id, number);
    this.#met.set(transaction, number);
    return number;
  }

  transaction(number: number): Transaction {
    const transaction = this.#transactions[number];
    if (transaction === undefined) throw new RangeError(`no transaction ${number}`);
    return transaction;
  }

  /** The block that the lock time comes with. */
  opensAt(number: number): number {
    const lock = this.transaction(number).lockTime;
    return lock === 0 ? 0 : blockOf(this.setting.terms, lockTime(lock));
  }

  /** Whether what waits gives way to another. */
  gives(waiting: number, number: number): boolean {
    return isReplaceable(this.setting.terms.coin.policy, this.transaction(waiting)) && this.feeOf(number) > this.feeOf(waiting);
  }

  feeOf(number: number): bigint {
    return CAPACITY - this.transaction(number).outputs.reduce((sum, { value }) => sum + value, 0n);
  }
}

export const FUNDING = 0;
export const THIEF = 1;

export function tipOf({ blocks }: Chain): number {
  return START + blocks.length;
}

function depthOf(chain: Chain, number: number | undefined): number {
  const at = number === undefined ? -1 : chain.blocks.indexOf(number);
  return at < 0 ? 0 : chain.blocks.length - at;
}

export function isMined(chain: Chain, number: number): boolean {
  return chain.blocks.includes(number);
}

/** The mined spend of the deposit. */
export function spendOf(chain: Chain): number | undefined {
  return chain.blocks.find((number) => number !== undefined && number > THIEF);
}

/** What a miner may put into the next block. */
export function minable(chain: Chain, book: Book): readonly number[] {
  if (isMined(chain, THIEF)) return [];
  if (!isMined(chain, FUNDING)) return [FUNDING];
  if (spendOf(chain) !== undefined) return [];
  const next = tipOf(chain) + 1;
  // validation.cpp, IsFinalTx: a lock time must lie below the height of the block.
  return chain.known.filter((number) => number > THIEF && book.opensAt(number) < next);
}

/** A broadcast, as a node with BIP125 takes it: in place of what pays less. */
export function withBroadcast(chain: Chain, number: number, book: Book): Chain {
  const known = chain.known.includes(number) ? chain.known : [...chain.known, number].sort((a, b) => a - b);
  const isTaken =
    number > THIEF &&
    !isMined(chain, number) &&
    spendOf(chain) === undefined &&
    !isMined(chain, THIEF) &&
    book.opensAt(number) <= tipOf(chain) &&
    (chain.waiting === undefined || book.gives(chain.waiting, number));
  if (isTaken) return { ...chain, known, waiting: number };
  return known === chain.known ? chain : { ...chain, known };
}

/** One more block; a transaction in it leaves the mempool, with what it makes impossible. */
export function withBlock(chain: Chain, number: number | undefined): Chain {
  const { blocks, known, waiting } = chain;
  const mined = { blocks: [...blocks, number], known };
  const stays = waiting !== undefined && (number === undefined || number === FUNDING);
  return stays ? { ...mined, waiting } : mined;
}

/** The last `depth` blocks give way to as many others, of which the first holds `number`. What they held waits again. */
export function reorganised(chain: Chain, depth: number, number: number | undefined): Chain {
  const gone = chain.blocks.slice(-depth);
  const spend = gone.find((mined) => mined !== undefined && mined > THIEF) ?? chain.waiting;
  const blocks = [...chain.blocks.slice(0, -depth), number, ...Array.from({ length: depth - 1 }, () => undefined)];
  const isPossible = spend !== undefined && number === undefined;
  return { blocks, known: chain.known, ...(isPossible ? { waiting: spend } : {}) };
}

/** What either side's node says of the deposit. */
export function viewOf(chain: Chain, book: Book): ChainView {
  const { deposit } = book.setting;
  return { kind: 'view', deposits: new Map([[outpointKey(deposit.outpoint), depositView(chain, book)]]), found: [] };
}

function depositView(chain: Chain, book: Book): DepositView {
  const theft = depthOf(chain, THIEF);
  if (theft > 0) return { kind: 'replaced', transaction: book.transaction(THIEF), depth: theft };
  const spend = spendOf(chain) ?? chain.waiting;
  if (spend !== undefined) return { kind: 'spent', transaction: book.transaction(spend), depth: depthOf(chain, spend) };
  return { kind: 'unspent', depth: depthOf(chain, FUNDING) };
}

export function fundingView(chain: Chain, book: Book): FundingView {
  const { terms, deposit, funding } = book.setting;
  const view = depositView(chain, book);
  if (view.kind === 'spent') return { kind: 'spent' };
  if (view.kind !== 'unspent') return { kind: 'missing' };
  const spends = funding.inputs.map(({ outpoint }) => outpoint);
  const script = terms.contract.outputScript(terms);
  return { kind: 'unspent', value: deposit.value, script, depth: view.depth, isImmature: false, spends };
}

export function isExpired(chain: Chain): boolean {
  return tipOf(chain) >= EXPIRY;
}
