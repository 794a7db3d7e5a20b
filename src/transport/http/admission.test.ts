import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { type FakePayee, fakePayee, pay, replies } from '../../../test/world/http-messages.ts';
import { amount } from '../../core/base/amount.ts';
import { Quotas, USUAL_QUOTA } from '../rate-limit.ts';
import { type HttpRoutes, httpRoutes } from './routes.ts';
import { writeBody } from './write-request.ts';

/** A payee that takes every payment, behind the usual quotas; each adds something unless said. */
function opened(added: bigint = 1n): { readonly routes: HttpRoutes; readonly payee: FakePayee } {
  const payee = fakePayee(
    ({ kind }) => replies[kind][0],
    () => amount(added),
  );
  return { routes: httpRoutes({ payee, quota: { quotas: new Quotas(), proxies: 0 } }), payee };
}

async function asks(routes: HttpRoutes, remote: string): Promise<Response> {
  return routes.fetch(new Request('http://shop/v1/offer'), { remote });
}

async function pays(routes: HttpRoutes, remote: string): Promise<Response> {
  const init = { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(writeBody(pay)) };
  return routes.fetch(new Request(`http://shop/v1/channels/${pay.channel}/payments`, init), { remote });
}

function crowd(routes: HttpRoutes, size: number): readonly Promise<Response>[] {
  return Array.from({ length: size }, (_, i) => asks(routes, `10.0.${i >> 8}.${i & 255}`));
}

test('who has paid is answered before a crowd of strangers that came first; a payer not known yet comes after them', async () => {
  const { routes, payee } = opened();
  assert.equal((await pays(routes, '192.0.2.1')).status, 200);
  for (const [remote, place] of [
    ['192.0.2.1', 'before'],
    ['192.0.2.2', 'after'],
  ] as const) {
    payee.asked.length = 0;
    const responses = await Promise.all([...crowd(routes, 400), pays(routes, remote)]);
    assert.ok(responses.every(({ status }) => status === 200));
    const before = payee.asked.findIndex(({ kind }) => kind === 'payment');
    assert.ok(place === 'before' ? before < 100 : before > 300, `${before} strangers came before ${remote}`);
  }
});

test('who is given a receipt that adds nothing, because it was given before, comes with the strangers', async () => {
  const { routes, payee } = opened(0n);
  assert.equal((await pays(routes, '192.0.2.1')).status, 200);
  payee.asked.length = 0;
  await Promise.all([...crowd(routes, 400), pays(routes, '192.0.2.1')]);
  assert.ok(payee.asked.findIndex(({ kind }) => kind === 'payment') > 300);
});

test('a crowd too large to wait is told when to come back, and who has paid is served all the same', async () => {
  const { routes } = opened();
  await pays(routes, '192.0.2.1');
  for (let i = 0; i < 2; i++) await turn();
  const responses = crowd(routes, 1_200);
  const paid = await pays(routes, '192.0.2.1');
  assert.equal(paid.status, 200);
  const statuses = await Promise.all(responses);
  const refused = statuses.filter(({ status }) => status === 429);
  assert.equal(refused.length, 1_200 - 1_000 - 4);
  assert.equal(statuses.filter(({ status }) => status === 200).length, 1_004);
  assert.deepEqual([refused[0]?.headers.get('retry-after'), refused[0]?.headers.get('connection')], ['5', 'close']);
});

test('Forwarded is not read, whatever stands in front: what a proxy does not write, a client does', async () => {
  for (const proxies of [0, 1]) {
    // No time passes: what is used up stays so.
    const quota = { quotas: new Quotas(USUAL_QUOTA, () => 0), proxies };
    const routes = httpRoutes({ payee: fakePayee(({ kind }) => replies[kind][0]), quota });
    const asked = async (forwarded: string, seen: string): Promise<number> => {
      const headers = { forwarded: `for=${forwarded}`, 'x-forwarded-for': seen };
      return (await routes.fetch(new Request('http://shop/v1/live', { headers }), { remote: proxies === 0 ? seen : '127.0.0.1' })).status;
    };
    for (let i = 0; i < USUAL_QUOTA.burst; i++) assert.equal(await asked(`10.0.0.${i % 250}`, '192.0.2.1'), 200);
    assert.equal(await asked('10.0.1.1', '192.0.2.1'), 429);
    assert.equal(await asked('192.0.2.1', '192.0.2.2'), 200);
  }
});
