import assert from 'node:assert/strict';
import { test } from 'node:test';
import { must } from '../../test/world/sample.ts';
import { copyOf, TwoDisks } from '../../test/world/two-disks.ts';
import type { ChannelId } from '../core/base/bytes.ts';
import { bytesToHex } from '../core/base/bytes.ts';
import type { Refusal } from '../core/base/refusal.ts';
import type { Reply, Request } from '../core/message/message.ts';
import type { Verify } from '../core/tx/sign.ts';
import { transactionId } from '../core/tx/transaction.ts';
import { type Connection, WorldError } from '../engine/ports.ts';
import { fastestVerifier } from '../engine/verifier.ts';

/**
 * What can happen to one message: it or its reply is lost; it arrives twice; it arrives after the next one; its reply comes as the answer to the
 * next one.
 */
const KINDS = ['request-lost', 'reply-lost', 'twice', 'late', 'late-reply'] as const;
type Kind = (typeof KINDS)[number];
type Faults = ReadonlyMap<number, Kind>;

const MOST_FAULTS = 3;

/** Carries messages to the merchant, badly. */
class BadWire implements Connection {
  readonly #faults: Faults;
  readonly #send: (request: Request) => Promise<Reply>;
  #lateRequest: Request | undefined;
  #lateReply: Reply | undefined;
  count = 0;

  constructor(faults: Faults, send: (request: Request) => Promise<Reply>) {
    this.#faults = faults;
    this.#send = send;
  }

  readonly exchange = async (request: Request): Promise<Reply> => {
    const fault = this.#faults.get(this.count++);
    const [late, old] = [this.#lateRequest, this.#lateReply];
    this.#lateRequest = undefined;
    this.#lateReply = undefined;
    const reply = await this.#carry(request, fault);
    if (late !== undefined) await this.#send(late);
    if (reply === undefined) throw new WorldError('peer-unreachable', 'no reply', 'Try again.');
    return old ?? reply;
  };

  async #carry(request: Request, fault: Kind | undefined): Promise<Reply | undefined> {
    switch (fault) {
      case 'request-lost':
        return undefined;
      case 'reply-lost':
        await this.#send(request);
        return undefined;
      case 'late':
        this.#lateRequest = request;
        return undefined;
      case 'late-reply':
        this.#lateReply = await this.#send(request);
        return undefined;
      case 'twice':
        await this.#send(request);
        return this.#send(request);
      case undefined:
        return this.#send(request);
    }
  }

  /** What is still under way arrives. */
  async settle(): Promise<void> {
    if (this.#lateRequest !== undefined) await this.#send(this.#lateRequest);
  }
}

/** Each fault costs one try at the most. */
async function patiently<T>(act: () => Promise<T | Refusal>): Promise<T> {
  for (let tries = 0; tries <= MOST_FAULTS; tries++) {
    try {
      return must(await act());
    } catch (error) {
      if (!(error instanceof WorldError)) throw error;
    }
  }
  return assert.fail('still no answer');
}

/** The same payments are signed and checked in every run. */
function remembered(verify: Verify): Verify {
  const known = new Map<string, boolean>();
  return (signature, digest, key) => {
    const name = bytesToHex(signature) + bytesToHex(digest);
    const answer = known.get(name) ?? verify(signature, digest, key);
    known.set(name, answer);
    return answer;
  };
}

const { verify } = await fastestVerifier();
const gate: { isOpen: boolean } = { isOpen: true };
/** Ends must not be mined, or seen: every run begins on the same chain. */
const world = await TwoDisks.open({
  verify: remembered(verify),
  through: (chain) => ({ ...chain, broadcast: async (tx) => (gate.isOpen ? chain.broadcast(tx) : { kind: 'accepted' }) }),
});
const channel = await world.funded();
gate.isOpen = false;
const start = { payer: world.copy('payer'), payee: world.copy('payee') };

async function buy(wire: Connection): Promise<void> {
  const invoice = await patiently(() => world.agent.invoice(channel, 'tea', wire));
  const { reply } = await patiently(() => world.agent.pay(channel, { ...invoice, most: invoice.amount }, wire));
  assert.equal(reply.kind === 'receipt' && reply.invoice, invoice.id);
}

/** Announces, buys twice, ends. @returns how many messages that took. */
async function conversation(faults: Faults): Promise<number> {
  await world.start('payer', copyOf(start.payer), world.wallet);
  await world.start('payee', copyOf(start.payee));
  const wire = new BadWire(faults, (request) => world.answer(request));
  await patiently(() => world.agent.announce(channel, wire));
  await buy(wire);
  await buy(wire);
  await patiently(() => world.agent.end(channel, wire));
  await wire.settle();
  await agreed(channel, 2n * world.price);
  return wire.count;
}

async function agreed(id: ChannelId, total: bigint): Promise<void> {
  const [payer, payee] = [await world.payerState(id), await world.payeeState(id)];
  if (payer.kind !== 'ending' || payer.transaction === undefined || payee.kind !== 'closing') assert.fail(`${payer.kind} ${payee.kind}`);
  assert.equal(transactionId(payer.transaction), transactionId(payee.transaction));
  assert.deepEqual([payer.signed, payer.spent, payer.best?.total], [total, total, total]);
  assert.deepEqual([payee.spent, payee.best?.total], [total, total]);
  const paid = [...(world.disks.payee.get('invoice')?.values() ?? [])].filter(({ value }) => value.includes('paidTotal'));
  assert.equal(paid.length, 2, 'as many invoices were paid as things bought');
  const [, toPayee] = payee.transaction.outputs;
  assert.equal(toPayee?.value, total);
}

test(`every way to lose, double and delay up to ${MOST_FAULTS} messages of a conversation`, async () => {
  let runs = 0;
  const explore = async (faults: Faults): Promise<void> => {
    const count = await conversation(faults).catch((error: unknown) => {
      throw new Error(`with ${JSON.stringify([...faults])}`, { cause: error });
    });
    runs++;
    if (faults.size === MOST_FAULTS) return;
    for (let at = Math.max(-1, ...faults.keys()) + 1; at < count; at++) {
      for (const kind of KINDS) await explore(new Map([...faults, [at, kind]]));
    }
  };
  await explore(new Map());
  assert.ok(runs > 5_000, `${runs} runs`);
});
