import assert from 'node:assert/strict';
import type { ChannelId } from '../../src/core/base/bytes.ts';
import { isRefusal, type RefusalCode } from '../../src/core/base/refusal.ts';
import type { PayeeState } from '../../src/core/channel/payee-state.ts';
import { allDeposits, type PayerState } from '../../src/core/channel/payer-state.ts';
import type { Receipt, Reply, Request } from '../../src/core/message/message.ts';
import { outpointKey } from '../../src/core/tx/transaction.ts';
import type { Left } from './disk.ts';

/** Two sides that forget nothing are never out of step. */
const NEVER: ReadonlySet<RefusalCode> = new Set<RefusalCode>([
  'channel-unknown',
  'total-lower',
  'total-not-higher',
  'total-above-capacity',
  'invoice-unknown',
  'invoice-unmet',
  'agreement-short',
  'signature-missing',
  'signature-wrong',
]);

/** Stands between the two and sees what each says: that, at least, must be on its disk when it is killed. */
export class Witness {
  /** The largest total of each channel that the payer has let go. */
  readonly sent: Map<ChannelId, bigint> = new Map();
  /** The largest that the merchant has acknowledged. */
  readonly acknowledged: Map<ChannelId, bigint> = new Map();
  readonly receipts: Map<string, Receipt> = new Map();
  readonly accepted: Set<ChannelId> = new Set();
  /** Channels that the merchant has signed an end of. */
  readonly ended: Set<ChannelId> = new Set();
  readonly refusals: Map<string, number> = new Map();
  #payee: ReadonlyMap<ChannelId, PayeeState> = new Map();
  #payer: ReadonlyMap<ChannelId, PayerState> = new Map();

  heard(request: Request): void {
    if (request.kind === 'payment') raise(this.sent, request.channel, request.payment.total);
  }

  answered(request: Request, reply: Reply): void {
    if (isRefusal(reply)) {
      this.refusals.set(reply.code, (this.refusals.get(reply.code) ?? 0) + 1);
      assert(!NEVER.has(reply.code), `a ${request.kind} was refused: ${reply.code} ${JSON.stringify(reply.detail)}`);
    } else if (reply.kind === 'receipt') this.#receipted(reply);
    else if (reply.kind === 'accepted') this.accepted.add(reply.channel);
    else if (reply.kind === 'ended') this.ended.add(reply.channel);
  }

  /** The same purchase has the same receipt each time. */
  #receipted(receipt: Receipt): void {
    raise(this.acknowledged, receipt.channel, receipt.total);
    if (receipt.invoice === undefined) return;
    const before = this.receipts.get(receipt.invoice);
    if (before !== undefined) assert.equal(receipt.total, before.total, `invoice ${receipt.invoice} was charged for twice`);
    this.receipts.set(receipt.invoice, receipt);
  }

  /** I1: whatever the merchant has said is on its disk. I5: an invoice that was paid stays paid, at the same total. */
  checkPayee({ payee, invoices }: Left): void {
    for (const channel of this.accepted) assert(payee.has(channel), `channel ${channel} was accepted and is gone`);
    for (const [channel, total] of this.acknowledged) {
      const stored = payee.get(channel)?.best?.total ?? 0n;
      assert(stored >= total, `channel ${channel}: ${total} was acknowledged, ${stored} is stored`);
    }
    for (const channel of this.ended) {
      const { kind } = payee.get(channel) ?? assert.fail();
      assert(kind === 'closing' || kind === 'ended', `channel ${channel} had its end signed and is ${kind}`);
    }
    for (const [id, { total }] of this.receipts) assert.equal(invoices.get(id)?.paidTotal, total, `invoice ${id}`);
    for (const [channel, before] of this.#payee) checkPayeeStep(channel, before, payee.get(channel));
    this.#payee = payee;
  }

  /** Whatever the payer has let go was on its disk before. */
  checkPayer({ payer }: Left): void {
    for (const [channel, total] of this.sent) {
      const { signed } = payer.get(channel) ?? assert.fail(`channel ${channel} was paid in and is gone`);
      assert(signed >= total, `channel ${channel}: ${total} was sent, ${signed} is stored`);
    }
    for (const channel of this.accepted) assert(payer.has(channel), `channel ${channel} was accepted and is gone`);
    for (const [channel, before] of this.#payer) checkPayerStep(channel, before, payer.get(channel));
    this.#payer = payer;
  }
}

function checkPayeeStep(channel: ChannelId, before: PayeeState, after: PayeeState | undefined): void {
  assert(after !== undefined, `channel ${channel} is gone`);
  assert((after.best?.total ?? 0n) >= (before.best?.total ?? 0n), `channel ${channel} has a lower best total`);
  assert(after.spent >= before.spent, `channel ${channel} has less spent`);
  assert(before.kind !== 'ended' || after.kind === 'ended', `channel ${channel} was ended and is ${after.kind}`);
  assert(before.kind !== 'closing' || after.kind !== 'open', `channel ${channel} was closing and is open`);
}

function checkPayerStep(channel: ChannelId, before: PayerState, after: PayerState | undefined): void {
  assert(after !== undefined, `channel ${channel} is gone`);
  assert(after.signed >= before.signed, `channel ${channel} has signed less`);
  assert((after.best?.total ?? 0n) >= (before.best?.total ?? 0n), `channel ${channel} has a lower best total`);
  assert(before.kind !== 'ended' || after.kind === 'ended', `channel ${channel} was ended and is ${after.kind}`);
  if (before.kind === 'planned') return;
  const kept = new Set(allDeposits(after).map(({ outpoint }) => outpointKey(outpoint)));
  for (const { outpoint } of before.deposits) assert(kept.has(outpointKey(outpoint)), `channel ${channel} has lost a deposit`);
}

function raise(totals: Map<ChannelId, bigint>, channel: ChannelId, total: bigint): void {
  if (total > (totals.get(channel) ?? 0n)) totals.set(channel, total);
}
