import { bytesToHex, type ChannelId, equalBytes, type TxId, txId } from '../../src/core/base/bytes.ts';
import type { Terms } from '../../src/core/contract/contract.ts';
import { closingHeight } from '../../src/core/contract/contract.ts';
import type { Reply, Request } from '../../src/core/message/message.ts';
import { p2sh } from '../../src/core/tx/script.ts';
import { outpointKey, type Transaction } from '../../src/core/tx/transaction.ts';
import type { SimChain } from './chain.ts';
import type { Disk } from './disk.ts';

/** A rule of money was broken. */
export class Violation extends Error {}

/** What really happened in one channel, as only the simulator knows it. */
export interface Truth {
  readonly channel: ChannelId;
  readonly payer: string;
  readonly terms: Terms;
  readonly script: string;
  /** Scripts that pay to the payer, in hex. */
  readonly own: ReadonlySet<string>;
  /** The largest total that the payee acknowledged and must still know of. */
  acknowledged: bigint;
  /** The largest total that went out signed by the payer, ends included. */
  signed: bigint;
  /** Invoices delivered, each with the total that paid it. */
  readonly delivered: Map<string, { readonly total: bigint; readonly price: bigint }>;
  /** Height at which the payee had had time enough to close. */
  kept: number | undefined;
  /** Transactions of the deposits that the payee accepted. */
  readonly funding: Set<TxId>;
}

/** Blocks in a row, each seen by a payee whose node is sound, that are enough to get a close mined. */
const ENOUGH = 6;

/** Watches every message, broadcast and block, and knows the rules I1 to I8. */
export class Oracle {
  readonly truths: Map<ChannelId, Truth> = new Map();
  readonly #byScript = new Map<string, Truth>();
  readonly #chain: SimChain;
  readonly #disk: Disk;
  readonly #payeeScript: Uint8Array;
  readonly #prices = new Map<string, { readonly channel: ChannelId; readonly price: bigint }>();
  #soundRun = 0;

  constructor(chain: SimChain, disk: Disk, payeeScript: Uint8Array) {
    this.#chain = chain;
    this.#disk = disk;
    this.#payeeScript = payeeScript;
  }

  opened(payer: string, channel: ChannelId, terms: Terms, own: ReadonlySet<string>): void {
    if (this.truths.has(channel)) return;
    const script = bytesToHex(p2sh(terms.contract.redeemScript(terms)));
    const truth: Truth = {
      channel,
      payer,
      terms,
      script,
      own,
      acknowledged: 0n,
      signed: 0n,
      delivered: new Map(),
      kept: undefined,
      funding: new Set(),
    };
    this.truths.set(channel, truth);
    this.#byScript.set(script, truth);
  }

  sent(request: Request): void {
    if (request.kind !== 'payment' && request.kind !== 'end') return;
    const truth = this.truths.get(request.channel);
    const total = request.kind === 'payment' ? request.payment.total : request.agreement.total;
    if (truth !== undefined && total > truth.signed) truth.signed = total;
  }

  /** A reply leaves the payee: what it promises must be on the disk. */
  answered(request: Request, reply: Reply): void {
    if (reply.kind === 'invoice') this.#prices.set(reply.id, { channel: reply.channel, price: reply.amount });
    if (reply.kind === 'state' && reply.best !== undefined) this.#durable(reply.channel, reply.best.total, 'shown');
    if (reply.kind === 'accepted' && request.kind === 'announce') {
      for (const { outpoint } of request.deposits) this.#truth(reply.channel).funding.add(outpoint.txid);
    }
    if (reply.kind !== 'receipt' || request.kind !== 'payment') return;
    const truth = this.#truth(reply.channel);
    this.#durable(reply.channel, reply.total, 'acknowledged');
    if (reply.total > truth.acknowledged) truth.acknowledged = reply.total;
    if (reply.spent > reply.total) throw new Violation(`I3 ${reply.spent} is spent of ${reply.total} in ${reply.channel}`);
    if (reply.total > truth.signed) throw new Violation(`I4 ${reply.total} acknowledged, ${truth.signed} signed in ${reply.channel}`);
    if (reply.invoice !== undefined) this.#deliver(truth, reply.invoice, reply.total);
  }

  #deliver(truth: Truth, invoice: string, total: bigint): void {
    const known = truth.delivered.get(invoice);
    if (known !== undefined && known.total !== total)
      throw new Violation(`I5 invoice ${invoice} was paid by ${known.total} and by ${total}`);
    const other = [...truth.delivered].find(([id, one]) => id !== invoice && one.total === total);
    if (other !== undefined) throw new Violation(`I5 ${total} bought ${invoice} and ${other[0]}`);
    const { channel, price } = this.#prices.get(invoice) ?? { channel: undefined, price: 0n };
    if (channel !== truth.channel) throw new Violation(`I5 invoice ${invoice} of another channel was delivered`);
    truth.delivered.set(invoice, { total, price });
    const sum = [...truth.delivered.values()].reduce((all, one) => all + one.price, 0n);
    if (sum > truth.acknowledged) throw new Violation(`I3 ${sum} delivered for ${truth.acknowledged} in ${truth.channel}`);
  }

  #truth(channel: ChannelId): Truth {
    const truth = this.truths.get(channel);
    if (truth === undefined) throw new Violation(`a channel that no payer made: ${channel}`);
    return truth;
  }

  #durable(channel: ChannelId, total: bigint, how: string): void {
    const stored = this.storedBest(channel);
    if (stored < total) throw new Violation(`I1 ${total} ${how}, ${stored} on the disk in ${channel}`);
  }

  /** The payee's best total that a power cut would leave. */
  storedBest(channel: ChannelId): bigint {
    const text = this.#disk.durable('payee-channel', channel);
    const match = text && /"best":\{"total":"(\d+)"/.exec(text);
    return match ? BigInt(match[1] ?? 0) : 0n;
  }

  /** After a power cut or a restart: nothing that was acknowledged is gone. */
  checkDurable(): void {
    for (const { channel, acknowledged } of this.truths.values()) {
      const stored = this.storedBest(channel);
      if (stored < acknowledged) throw new Violation(`I1 ${acknowledged} was acknowledged, ${stored} is left in ${channel}`);
    }
  }

  /** The payee's disk was set back: it is held to what it then knows. */
  restored(): void {
    for (const truth of this.truths.values()) {
      const stored = this.storedBest(truth.channel);
      if (stored < truth.acknowledged) {
        truth.acknowledged = stored;
        for (const [id, { total }] of truth.delivered) if (total > stored) truth.delivered.delete(id);
      }
    }
  }

  /** I6: what the payee sends out leaves the payer no more than the best total does. */
  broadcast(transaction: Transaction): void {
    for (const [truth, taken] of this.#takenBy(transaction)) {
      const best = this.storedBest(truth.channel);
      if (taken < best) throw new Violation(`I6 a broadcast takes ${taken} of ${best} in ${truth.channel}`);
      if (transaction.lockTime > 0) throw new Violation('I6 the payee broadcasts a refund');
    }
  }

  /** For each channel that a transaction spends from, what does not go to the payer: payee and fee. */
  #takenBy(transaction: Transaction): Map<Truth, bigint> {
    const taken = new Map<Truth, bigint>();
    for (const { outpoint } of transaction.inputs) {
      const output = this.#outputAt(outpointKey(outpoint));
      const truth = output && this.#byScript.get(bytesToHex(output.script));
      if (output === undefined || truth === undefined) continue;
      taken.set(truth, (taken.get(truth) ?? 0n) + output.value);
    }
    for (const [truth, value] of taken) {
      const back = transaction.outputs.filter(({ script }) => truth.own.has(bytesToHex(script)));
      taken.set(truth, value - back.reduce((sum, one) => sum + one.value, 0n));
    }
    return taken;
  }

  #outputAt(key: string): { readonly value: bigint; readonly script: Uint8Array } | undefined {
    const [txid = '', vout] = key.split(':');
    const known = this.#chain.find(key);
    if (known !== undefined) return known;
    return this.#chain.mined.get(txId(txid))?.transaction.outputs[Number(vout)];
  }

  /** A block came. `isSound`: the payee had seen the one before, by a node that told the truth. */
  mined(isSound: boolean): void {
    this.#soundRun = isSound ? this.#soundRun + 1 : 0;
    const { height } = this.#chain.tip;
    for (const truth of this.truths.values()) {
      const inMargin = height - closingHeight(truth.terms);
      if (height < truth.terms.expiry && inMargin >= ENOUGH && this.#soundRun >= ENOUGH) truth.kept ??= height;
    }
  }

  /** Something took a close back, or may have: time runs anew. */
  disrupted(fork: number): void {
    this.#soundRun = 0;
    for (const truth of this.truths.values()) if (truth.kept !== undefined && fork < truth.kept) truth.kept = undefined;
  }

  /** A deposit that was replaced by another transaction can't be closed: that is what depth is for. */
  isFunded({ funding }: Truth): boolean {
    return [...funding].every((txid) => this.#chain.mined.has(txid));
  }

  /** All money is somewhere: `granted` is what there was at the start. */
  checkSum(granted: bigint): void {
    const outputs = [...this.#chain.outputs.values()].reduce((sum, { value }) => sum + value, 0n);
    if (outputs + this.#chain.fees !== granted)
      throw new Violation(`${outputs} in outputs and ${this.#chain.fees} in fees are not ${granted}`);
  }

  /** At the end of a fair chain. What was taken is read off the blocks. */
  checkEnd(): void {
    const taken = new Map<Truth, bigint>();
    const fees = new Map<Truth, bigint>();
    for (const { transaction } of this.#chain.mined.values()) {
      for (const [truth, value] of this.#takenBy(transaction)) {
        const paid = transaction.outputs
          .filter(({ script }) => equalBytes(script, this.#payeeScript))
          .reduce((sum, one) => sum + one.value, 0n);
        taken.set(truth, (taken.get(truth) ?? 0n) + value);
        fees.set(truth, (fees.get(truth) ?? 0n) + value - paid);
      }
    }
    for (const truth of this.truths.values()) {
      const [gone, fee] = [taken.get(truth) ?? 0n, fees.get(truth) ?? 0n];
      const name = `${truth.channel} of ${truth.payer}`;
      if (gone - fee > truth.signed) throw new Violation(`I4 the payee took ${gone - fee}, ${truth.signed} were signed in ${name}`);
      const isClosed = fee < gone;
      if (isClosed && truth.terms.signing.kind === 'flexible' && gone > truth.signed + fee) throw new Violation(`I4 ${gone} left ${name}`);
      if (truth.kept !== undefined && this.isFunded(truth) && gone < truth.acknowledged) {
        throw new Violation(`I2 the payee took ${gone} of ${truth.acknowledged} in ${name}, having had time since ${truth.kept}`);
      }
    }
    for (const [key, { script, value }] of this.#chain.outputs) {
      const truth = this.#byScript.get(bytesToHex(script));
      if (truth !== undefined) throw new Violation(`I7 ${value} is still locked at ${key} in ${truth.channel}`);
    }
  }
}
