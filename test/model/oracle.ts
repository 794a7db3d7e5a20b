import { equalBytes } from '../../src/core/base/bytes.ts';
import { payerScript, type Terms } from '../../src/core/contract/contract.ts';
import type { Transaction } from '../../src/core/tx/transaction.ts';
import { payeeScript, returnScript } from '../world/sample.ts';
import { claimOf, isExpired, isMined, spendOf, THIEF } from './chain.ts';
import { type Machines, type Node, type Side, signedOf } from './node.ts';
import { CAPACITY } from './setting.ts';

/** A rule of money that was broken. */
export class Broken extends Error {}

function paidTo(transaction: Transaction, scripts: readonly Uint8Array[]): bigint {
  const own = transaction.outputs.filter(({ script }) => scripts.some((mine) => equalBytes(mine, script)));
  return own.reduce((sum, { value }) => sum + value, 0n);
}

/** What the outputs leave to others than the payer, fee included. */
function takenFrom(value: bigint, transaction: Transaction, terms: Terms): bigint {
  return value - paidTo(transaction, [returnScript, payerScript(terms)]);
}

/** I6, and no refund before its time: asked of everything that is broadcast. */
export function checkBroadcast(node: Node, side: Side, transaction: Transaction, { book }: Machines): void {
  const number = book.number(transaction);
  if (number <= THIEF) return;
  const { terms } = book.setting;
  const isSpend = book.closeOf(number) === undefined;
  if (side === 'payee' && isSpend && takenFrom(CAPACITY, transaction, terms) < (node.payee?.best?.total ?? 0n)) {
    throw new Broken('I6: the payee broadcasts what pays it less than its best payment');
  }
  const isRefund = isSpend && paidTo(transaction, [payeeScript]) === 0n && transaction.lockTime > 0;
  if (side === 'payer' && isRefund && !isExpired(node.chain, book)) throw new Broken('the payer broadcasts a refund before the expiry');
}

/** I1 and I4, asked of every state. */
export function checkNode(node: Node): void {
  const { payee, payer, acknowledged } = node;
  const signed = signedOf(node);
  if (acknowledged > (payee?.best?.total ?? 0n)) throw new Broken('I1: a total was acknowledged that is not stored');
  if (signed > payer.signed) throw new Broken('I1: a payment was sent that is not stored');
  if (acknowledged > signed) throw new Broken('I4: more was acknowledged than signed');
}

export function isOver({ payee, payer, down }: Node): boolean {
  return (payee === undefined || payee.kind === 'ended') && payer.kind === 'ended' && down.payee === undefined && down.payer === undefined;
}

/** I2 and I4, asked at the end: who got what by the transaction that was buried. */
export function checkEnd(node: Node, { book }: Machines): string {
  const { chain, acknowledged, payee, payer, hasCheated } = node;
  const how = `payee ${payee?.kind === 'ended' ? payee.how : 'none'}, payer ${payer.kind === 'ended' ? payer.how : payer.kind}`;
  if (isMined(chain, THIEF)) return `funding stolen: ${how}`;
  const number = spendOf(chain, book);
  if (number === undefined) {
    if (isMined(chain, 0)) throw new Broken('I7: over for both, and the deposit is unspent');
    return `never funded: ${how}`;
  }
  const spends = [number, claimOf(chain, book)].flatMap((each) => (each === undefined ? [] : [each]));
  const { terms } = book.setting;
  const sum = (values: readonly bigint[]): bigint => values.reduce((total, value) => total + value, 0n);
  const toPayee = sum(spends.map((each) => paidTo(book.transaction(each), [payeeScript])));
  const toPayer = sum(spends.map((each) => paidTo(book.transaction(each), [returnScript, payerScript(terms)])));
  const fees = sum(spends.map((each) => book.feeOf(each)));
  const signed = signedOf(node);
  if (!hasCheated && toPayee + fees < acknowledged) throw new Broken(`I2: the payee got ${toPayee} of ${acknowledged} acknowledged`);
  if (toPayer + fees < CAPACITY - signed) throw new Broken(`I4: the payer got ${toPayer} back and had signed ${signed}`);
  if (payer.kind === 'ended' && payer.returned !== toPayer) throw new Broken(`the payer counts ${payer.returned} and got ${toPayer}`);
  return how;
}
