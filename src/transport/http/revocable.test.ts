import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fakePayee } from '../../../test/world/http-messages.ts';
import { must, payerKey, sampleFunding, sampleOffer, sampleTerms } from '../../../test/world/sample.ts';
import { amount, ZERO } from '../../core/base/amount.ts';
import { channelIdOf } from '../../core/contract/contract.ts';
import { revocable } from '../../core/contract/revocable.ts';
import type { Accepted, Announce, Pay, Receipt, Reply, Request, State } from '../../core/message/message.ts';
import { decodePsbt } from '../../core/message/psbt-codec.ts';
import { announcePsbt, paymentPsbt, readPayment } from '../../core/message/psbt-payment.ts';
import { httpConnection } from './client.ts';
import { httpRoutes } from './routes.ts';

const DOGE = 100_000_000n;
const HASH = new Uint8Array(20).fill(9);
const SECRET = new Uint8Array(32).fill(8);
const terms = sampleTerms({ contract: revocable });
const offer = sampleOffer(terms);
const channel = channelIdOf(terms.coin, revocable.redeemScript(terms));
const { deposits, transactions } = sampleFunding(terms, [10n * DOGE]);
const payment = must(revocable.sign(terms, deposits, amount(3n * DOGE), payerKey, HASH));
const penaltyKey = terms.revocation?.penaltyKey ?? assert.fail();

const announce: Announce = { kind: 'announce', offer, payerKey: terms.payerKey, expiry: terms.expiry, deposits, penaltyKey };
const pay: Pay = { kind: 'payment', channel, payment };
const allBack: Pay = { kind: 'payment', channel, payment: { total: ZERO, signatures: [], hash: HASH } };
const sums = { capacity: amount(10n * DOGE), spent: ZERO };
const accepted: Accepted = { kind: 'accepted', channel, capacity: sums.capacity, hash: HASH };
const receipt: Receipt = { kind: 'receipt', channel, total: ZERO, ...sums, secret: SECRET, giveBack: amount(DOGE) };
const secrets = [{ index: 0, secret: SECRET }];
const state: State = {
  kind: 'state',
  channel,
  status: 'open',
  ...sums,
  deposits,
  best: payment,
  revocation: { hash: HASH, secrets, giveBack: { total: ZERO, hash: HASH } },
};

/** What arrives of a request and its answer. */
async function carried(request: Request, reply: Reply, psbt?: Uint8Array): Promise<readonly [unknown, unknown]> {
  let heard: Request | undefined;
  const payee = fakePayee((message) => {
    heard = message;
    return reply;
  });
  const readPsbt: typeof payee.readPsbt = async (_, bytes) => {
    const read = decodePsbt(bytes);
    return 'kind' in read ? read : readPayment(read, terms, deposits);
  };
  const app = httpRoutes({ payee: { ...payee, readPsbt } });
  const { exchange } = httpConnection('http://shop.example', { fetch: async (url, init) => app.request(url, init) });
  const answer = await exchange(request, psbt);
  return [heard, answer];
}

test('hash, penalty key, secret and what is given back travel both ways, in both forms', async () => {
  const psbts = [undefined, announcePsbt(terms, deposits, transactions)];
  for (const psbt of psbts) assert.deepEqual(await carried(announce, accepted, psbt), [announce, accepted]);
  for (const psbt of [undefined, paymentPsbt(terms, deposits, payment, transactions)])
    assert.deepEqual(await carried(pay, receipt, psbt), [pay, receipt]);
  assert.deepEqual(await carried(allBack, receipt), [allBack, receipt]);
  assert.deepEqual((await carried({ kind: 'state-request', channel }, state))[1], state);
  assert.deepEqual((await carried({ kind: 'offer-request' }, offer))[1], offer);
});
