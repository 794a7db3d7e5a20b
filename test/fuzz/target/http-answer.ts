import assert from 'node:assert/strict';
import { amount, ZERO } from '../../../src/core/base/amount.ts';
import { height } from '../../../src/core/base/height.ts';
import { isRefusal } from '../../../src/core/base/refusal.ts';
import { payer } from '../../../src/core/channel/payer.ts';
import { leastReturn, totalFor } from '../../../src/core/channel/payer-pay.ts';
import type { PayerState } from '../../../src/core/channel/payer-state.ts';
import { payerSnapshot } from '../../../src/core/channel/snapshot.ts';
import type { Offer, Reply, Request } from '../../../src/core/message/message.ts';
import { httpConnection } from '../../../src/transport/http/client.ts';
import { must } from '../../world/sample.ts';
import { httpMutator, readHttp, writeHttp } from '../http.ts';
import { playShop } from '../shop.ts';
import { assertBounded, type Outcome, orWorldError, type Target } from '../target.ts';

const shop = await playShop();
const { env, state: open } = shop.payer;
const { channel } = open;
const DOGE = 100_000_000n;

function after(state: PayerState, input: Parameters<typeof payer>[1]): PayerState {
  return must(payer(state, input, env)).state ?? assert.fail('the channel is gone');
}

/** A payer's channel in every state in which an answer can come. */
const states: readonly PayerState[] = [
  open,
  after(open, { kind: 'pay', total: amount(3n * DOGE), price: amount(DOGE / 10n), invoice: 'ab'.repeat(16) }),
  after(open, { kind: 'pay', total: amount(120n * DOGE), price: ZERO }),
  after(open, { kind: 'end' }),
];

const requests: Readonly<Record<string, Request>> = {
  'offer-request': { kind: 'offer-request' },
  announce: announcement(),
  'invoice-request': { kind: 'invoice-request', channel, item: 'tea' },
  payment: sent(1),
  'state-request': { kind: 'state-request', channel },
  end: sent(3),
};

function announcement(): Request {
  const { offer = assert.fail('announced under an offer'), terms, deposits } = open;
  return { kind: 'announce', offer, payerKey: terms.payerKey, expiry: terms.expiry, deposits };
}

function sent(at: number): Request {
  const state = states[at] ?? open;
  const { effects } = must(payer(state, { kind: state.kind === 'ending' ? 'end' : 'resend' }, env));
  return effects.flatMap((effect) => (effect.kind === 'send' ? [effect.message] : []))[0] ?? assert.fail('nothing is sent');
}

const kinds = Object.keys(requests);
const refused = ['total-lower', 'invoice-unmet', 'funding-unconfirmed', 'channel-ending', 'message-malformed', 'unheard-of'].map((code) =>
  writeHttp({
    first: 'payment 409',
    headers: [['content-type', 'application/problem+json']],
    body: JSON.stringify({ code, facts: { best: '5000000000', signatures: '00'.repeat(64), spent: '1', total: '1' } }),
  }),
);

/** What a hostile merchant answers, as the client reads it, and what the payer's machine makes of it. */
export const httpAnswer: Target = {
  name: 'http-answer',
  files: ['transport/http/client.ts', 'transport/http/read-body.ts', 'core/message/fields.ts', 'core/message/json.ts'],
  corpus: [...shop.exchanges.map(({ answer }) => answer), ...refused],
  mutate: httpMutator((line, chance) => {
    const [kind = '', status = ''] = line.split(' ');
    const statuses = ['200', '201', '202', '299', '302', '400', '404', '408', '409', '418', '425', '429', '500', '503', '599'] as const;
    return chance.happens(0.5) ? `${chance.pickAny(kinds) ?? ''} ${status}` : `${kind} ${chance.pick(statuses)}`;
  }),
  check: (input) => {
    const { first, headers, body } = readHttp(input);
    const [kind = '', status = ''] = first.split(' ');
    const request = requests[kind];
    const response = responseOf(Number(status), headers, body);
    if (request === undefined || response === undefined) return { code: 'no-answer' };
    return orWorldError(async () => {
      const { exchange } = httpConnection('http://shop.example', { fetch: async () => response });
      return taken(request, await exchange(request));
    });
  },
};

function responseOf(status: number, headers: readonly (readonly [string, string])[], body: string): Response | undefined {
  const isBroken = headers.some(([name]) => name === 'x-broken');
  const broken = new ReadableStream({ pull: (controller) => controller.error(new TypeError('terminated')) });
  try {
    const whole = headers.some(([name]) => name === 'x-large') ? body.padEnd(600_000) : body;
    return new Response(isBroken ? broken : whole === '' ? null : whole, {
      status,
      headers: headers.map(([name, value]): [string, string] => [name, value]),
    });
  } catch {
    return undefined;
  }
}

function taken(request: Request, reply: Reply): Outcome {
  assertBounded(reply, 600_000);
  if (reply.kind === 'offer') return planned(reply);
  for (const state of states) replied(state, request, reply);
  return isRefusal(reply) ? { code: reply.code, path: Object.keys(reply.detail).join() } : { code: 'accepted', path: reply.kind };
}

/** Whatever an offer asks for, the payer takes it or refuses it. */
function planned(offer: Offer): Outcome {
  const [near, far] = [offer.minExpiry, offer.maxExpiry].map((each) =>
    payer(
      undefined,
      {
        kind: 'create',
        offer,
        expiry: height(each),
        keyName: open.keyName,
        returnScript: open.returnScript,
        limits: { expiryIn: offer.contract.expiryIn },
      },
      env,
    ),
  );
  const step = near !== undefined && isRefusal(near) ? far : near;
  if (step === undefined || isRefusal(step)) return { code: step?.code ?? '', path: 'offer' };
  const state = step.state ?? assert.fail('a plan is a state');
  assertStored(state);
  return { code: 'accepted', path: 'offer' };
}

/** It comes back from the store as it went in. A zero with a sign, which JSON can hold, loses it there. */
function assertStored(state: PayerState): void {
  const text = payerSnapshot.encode(state);
  assert.equal(payerSnapshot.encode(payerSnapshot.decode(text)), text);
}

/** No answer makes the payer sign, nor believe that it paid more than it did. */
function replied(state: PayerState, request: Request, reply: Reply): void {
  const { effects, state: next } = must(payer(state, { kind: 'reply', to: request.kind, message: reply }, env));
  assert.ok(next !== undefined && effects.every(({ kind }) => kind === 'broadcast'));
  assertStored(next);
  assert.deepEqual([next.terms, next.deposits, next.funding], [state.terms, state.deposits, state.funding]);
  const [best, before] = [next.best?.total ?? 0n, state.best?.total ?? 0n];
  assert.ok(best >= before && best <= next.signed && next.spent >= state.spent && next.spent <= best);
  if (next.best !== undefined) must(next.terms.contract.verify(next.terms, next.deposits, next.best, undefined, env.verify));
  if (next.signed !== state.signed) assert.equal(next.signed, best, 'only what is shown to be signed counts as signed');
  assert.ok(leastReturn(next) >= 0n);
  if (next.kind === 'open' && reply.kind === 'invoice') totalFor(next, reply.amount);
}
