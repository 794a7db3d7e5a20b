import { lockTime } from '../../src/core/base/height.ts';
import type { ChainView, DepositView, FundingView } from '../../src/core/channel/state-machine.ts';
import { isReplaceable } from '../../src/core/contract/fee.ts';
import { outpointKey, sameOutpoint, type Transaction, transactionId } from '../../src/core/tx/transaction.ts';
import { blockOf } from '../world/sample.ts';
import { CAPACITY, type Setting, START } from './setting.ts';

/** A chain of blocks with at most one transaction that matters, and what waits to be mined. Transactions go by their number in the book. */
export interface Chain {
  /** From height START + 1 on: what each block holds, or nothing. */
  readonly blocks: readonly (number | undefined)[];
  /** Every transaction that was ever broadcast: some miner may still have it. In ascending order. */
  readonly known: readonly number[];
  /** The spend of the deposit that this side of the network would mine. */
  readonly waiting?: number;
  /** The spend of what that one holds, or the mined one. */
  readonly claim?: number;
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

  /** The close that holds what this transaction takes; undefined for spends of the deposit. */
  closeOf(number: number): number | undefined {
    const [input] = this.transaction(number).inputs;
    const parent = input === undefined ? undefined : this.#numbers.get(input.outpoint.txid);
    return parent === FUNDING ? undefined : parent;
  }

  feeOf(number: number): bigint {
    const { inputs, outputs } = this.transaction(number);
    const close = this.closeOf(number);
    const held = close === undefined ? undefined : this.transaction(close).outputs[inputs[0]?.outpoint.vout ?? 0];
    return (held?.value ?? CAPACITY) - outputs.reduce((sum, { value }) => sum + value, 0n);
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
export function spendOf(chain: Chain, book: Book): number | undefined {
  return chain.blocks.find((number) => number !== undefined && number > THIEF && book.closeOf(number) === undefined);
}

/** The mined spend of what the mined close holds. */
export function claimOf(chain: Chain, book: Book): number | undefined {
  return chain.blocks.find((number) => number !== undefined && number > THIEF && book.closeOf(number) !== undefined);
}

/** What a miner may put into the next block. */
export function minable(chain: Chain, book: Book): readonly number[] {
  if (isMined(chain, THIEF)) return [];
  if (!isMined(chain, FUNDING)) return [FUNDING];
  const [spend, claim] = [spendOf(chain, book), claimOf(chain, book)];
  if (claim !== undefined) return [];
  const next = tipOf(chain) + 1;
  // validation.cpp, IsFinalTx: a lock time must lie below the height of the block.
  return chain.known.filter((number) => number > THIEF && book.closeOf(number) === spend && book.opensAt(number) < next);
}

/** A broadcast, as a node with BIP125 takes it: in place of what pays less. */
export function withBroadcast(chain: Chain, number: number, book: Book): Chain {
  const known = chain.known.includes(number) ? chain.known : [...chain.known, number].sort((a, b) => a - b);
  const isNew = number > THIEF && !isMined(chain, number) && !isMined(chain, THIEF) && book.opensAt(number) <= tipOf(chain);
  const close = book.closeOf(number);
  const spend = spendOf(chain, book);
  const rival = close === undefined ? chain.waiting : chain.claim;
  const isFree = close === undefined ? spend === undefined : close === (spend ?? chain.waiting) && claimOf(chain, book) === undefined;
  const isTaken = isNew && isFree && (rival === undefined || book.gives(rival, number));
  if (!isTaken) return known === chain.known ? chain : { ...chain, known };
  if (close !== undefined) return { ...chain, known, claim: number };
  // What would take the place of a close takes that of its claim too.
  return { blocks: chain.blocks, known, waiting: number };
}

/** One more block; a transaction in it leaves the mempool, with what it makes impossible. */
export function withBlock(chain: Chain, number: number | undefined, book: Book): Chain {
  const { blocks, known, waiting, claim } = chain;
  const mined = { blocks: [...blocks, number], known };
  const isIdle = number === undefined || number === FUNDING;
  const isClaim = number !== undefined && number > THIEF && book.closeOf(number) !== undefined;
  const holds = claim !== undefined && !isClaim && (isIdle || book.closeOf(claim) === number);
  return { ...mined, ...(isIdle && waiting !== undefined && { waiting }), ...(holds && { claim }) };
}

/** The last `depth` blocks give way to as many others, of which the first holds `number`. What they held waits again. */
export function reorganised(chain: Chain, depth: number, number: number | undefined, book: Book): Chain {
  const gone = { blocks: chain.blocks.slice(-depth), known: chain.known };
  const blocks = [...chain.blocks.slice(0, -depth), number, ...Array.from({ length: depth - 1 }, () => undefined)];
  if (number !== undefined) return { blocks, known: chain.known };
  const [waiting, claim] = [spendOf(gone, book) ?? chain.waiting, claimOf(gone, book) ?? chain.claim];
  return { blocks, known: chain.known, ...(waiting !== undefined && { waiting }), ...(claim !== undefined && { claim }) };
}

/** What either side's node says of the deposit, and of the outputs of what spends it. */
export function viewOf(chain: Chain, book: Book): ChainView {
  const { deposit } = book.setting;
  const deposits = new Map([[outpointKey(deposit.outpoint), depositView(chain, book)]]);
  const close = spendOf(chain, book) ?? chain.waiting;
  if (close === undefined || isMined(chain, THIEF) || book.setting.terms.contract.revocation === undefined)
    return { kind: 'view', deposits, found: [] };
  const transaction = book.transaction(close);
  const taker = claimOf(chain, book) ?? chain.claim;
  for (const vout of transaction.outputs.keys()) {
    const outpoint = { txid: transactionId(transaction), vout };
    const by = taker === undefined ? undefined : book.transaction(taker);
    const isTaken = by?.inputs.some((input) => sameOutpoint(input.outpoint, outpoint)) === true;
    const view: DepositView =
      by && isTaken ? { kind: 'spent', transaction: by, depth: depthOf(chain, taker) } : { kind: 'unspent', depth: depthOf(chain, close) };
    deposits.set(outpointKey(outpoint), view);
  }
  return { kind: 'view', deposits, found: [] };
}

function depositView(chain: Chain, book: Book): DepositView {
  const theft = depthOf(chain, THIEF);
  if (theft > 0) return { kind: 'replaced', transaction: book.transaction(THIEF), depth: theft };
  const spend = spendOf(chain, book) ?? chain.waiting;
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

export function isExpired(chain: Chain, book: Book): boolean {
  return tipOf(chain) >= book.setting.expiresAt;
}
