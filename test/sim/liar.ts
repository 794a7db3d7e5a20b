import { amount } from '../../src/core/base/amount.ts';
import { after } from '../../src/core/base/height.ts';
import { blocksOn } from '../../src/core/base/lock-time.ts';
import { type Refusal, refuse } from '../../src/core/base/refusal.ts';
import { keyNameOf } from '../../src/core/channel/payee-open.ts';
import { dogecoinRegtest as coin } from '../../src/core/coin/dogecoin.ts';
import type { Ended, Offer, Receipt, Reply, Request, RevocationState } from '../../src/core/message/message.ts';
import type { Signature } from '../../src/core/tx/sign.ts';
import type { Chance } from './chance.ts';
import { nativeKeyRing } from './keys.ts';

const MORE = 100n * coin.policy.dust;
const MADE_UP = new Uint8Array(64).fill(5) as Signature;
const NOISE = Array.from({ length: 64 }, () => '05').join('');

/** What a payee who lies says instead. */
export function lie(chance: Chance, request: Request, reply: Reply): Reply {
  const wrong = chance.pickAny<(request: Request, reply: Reply) => Reply>([denied, demanding, raised, emptied, foreign, spentAll]);
  return wrong?.(request, reply) ?? reply;
}

/** What one who came later says: worlds with it draw from elsewhere, so that all others stay what they were. */
export function bluff(chance: Chance, reply: Reply): Reply {
  if (reply.kind === 'offer') return lasting(reply);
  return reply.kind === 'ended' ? chance.pick([unsigned, forged])(reply) : reply;
}

/** What a payee says who wants payments for less without giving up the others. */
export function withhold(chance: Chance, reply: Reply): Reply {
  const secret: Pick<Receipt, 'secret'> = chance.happens(0.5) ? {} : { secret: chance.bytes(32) };
  if (reply.kind === 'receipt' && reply.secret !== undefined) {
    const { secret: _, ...without } = reply;
    return { ...without, ...secret };
  }
  const secrets = secret.secret === undefined ? {} : { secrets: [{ index: 0, secret: secret.secret }] };
  if (reply.kind === 'state' && reply.revocation !== undefined)
    return { ...reply, revocation: misnamed(chance, reply.revocation, secrets) };
  if (reply.kind === 'accepted' && reply.hash !== undefined && chance.happens(0.2)) return { ...reply, hash: chance.bytes(20) };
  return reply.kind === 'offer' && reply.payoutDelay !== undefined && chance.happens(0.5)
    ? hurried(reply, chance.int(reply.payoutDelay))
    : reply;
}

function misnamed(
  chance: Chance,
  { secrets: _, giveBack, ...rest }: RevocationState,
  secrets: Pick<RevocationState, 'secrets'>,
): RevocationState {
  if (giveBack === undefined) return { ...rest, ...secrets };
  const other = chance.happens(0.5) ? { hash: chance.bytes(20) } : { total: amount(giveBack.total / 2n) };
  return { ...rest, ...secrets, giveBack: { ...giveBack, ...other } };
}

/** The payee's own offer, with its own key, that leaves no time for a penalty. */
function hurried(offer: Offer, payoutDelay: number): Offer {
  const made = { ...offer, payoutDelay };
  return { ...made, payeeKey: nativeKeyRing('payee').signer(keyNameOf(made)).publicKey };
}

/** Blocks that nobody lives to see. */
const AGES = 10_000_000;

/** The payee's own offer, with its own key, for a channel that lasts for ages. */
function lasting(offer: Offer): Offer {
  const by = blocksOn(offer.contract.expiresBy, AGES, coin.blockSeconds);
  const made = { ...offer, minExpiry: after(offer.minExpiry, by), maxExpiry: after(offer.maxExpiry, by) };
  return { ...made, payeeKey: nativeKeyRing('payee').signer(keyNameOf(made)).publicKey };
}

/** An agreed end that nobody has signed. */
function unsigned(reply: Ended): Reply {
  return unlockedBy(reply, () => new Uint8Array());
}

/** One that looks signed: a byte of the last signature is another. */
function forged(reply: Ended): Reply {
  return unlockedBy(reply, (script) => {
    const last = [...script.keys()].findLast((at) => script[at] === 0x02 && script[at + 1] === 0x20 && at + 34 < script.length);
    return last === undefined ? script : script.with(last + 20, (script[last + 20] ?? 0) ^ 1);
  });
}

function unlockedBy(reply: Ended, change: (script: Uint8Array) => Uint8Array): Ended {
  const { transaction } = reply;
  return { ...reply, transaction: { ...transaction, inputs: transaction.inputs.map((one) => ({ ...one, script: change(one.script) })) } };
}

/** Says no to what it took. */
function denied(_: Request, reply: Reply): Reply {
  return reply.kind === 'receipt' || reply.kind === 'ended' ? refuse('invoice-unmet') : reply;
}

/** Claims a better payment than it ever got. */
function demanding(request: Request, reply: Reply): Reply {
  if (request.kind !== 'payment' && request.kind !== 'end') return reply;
  const best = (request.kind === 'payment' ? request.payment.total : request.agreement.total) + MORE;
  return refuse('total-lower', { best, signatures: NOISE, spent: best }) as Refusal;
}

function raised(_: Request, reply: Reply): Reply {
  if (reply.kind === 'receipt') return { ...reply, total: amount(reply.total + MORE), spent: amount(reply.total + MORE) };
  if (reply.kind === 'accepted') return { ...reply, capacity: amount(reply.capacity * 2n) };
  if (reply.kind !== 'state') return reply;
  return {
    ...reply,
    best: { total: amount((reply.best?.total ?? 0n) + MORE), signatures: [MADE_UP] },
    spent: amount((reply.best?.total ?? 0n) + MORE),
  };
}

function emptied(_: Request, reply: Reply): Reply {
  if (reply.kind === 'state') return { ...reply, best: { total: amount(1n), signatures: [] } };
  if (reply.kind === 'ended') return { ...reply, transaction: { ...reply.transaction, outputs: reply.transaction.outputs.slice(-1) } };
  return reply;
}

function foreign(_: Request, reply: Reply): Reply {
  return 'channel' in reply ? { ...reply, channel: 'ab'.repeat(32) as typeof reply.channel } : reply;
}

function spentAll(_: Request, reply: Reply): Reply {
  return reply.kind === 'state' && reply.best !== undefined ? { ...reply, spent: reply.best.total } : reply;
}
