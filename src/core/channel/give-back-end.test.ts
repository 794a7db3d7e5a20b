import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MachinePair } from '../../../test/world/machine-pair.ts';
import { assertRefused, must, payeeKey } from '../../../test/world/sample.ts';
import { amount } from '../base/amount.ts';
import { isRefusal, type RefusalCode, refuse } from '../base/refusal.ts';
import { revocable } from '../contract/revocable.ts';
import type { End, RevocationState } from '../message/message.ts';

const DOGE = 100_000_000n;

function opened(): MachinePair {
  const pair = new MachinePair({ contract: revocable }).open(100n * DOGE);
  pair.pay(30n * DOGE);
  return pair;
}

function order(pair: MachinePair, value: bigint): NonNullable<RevocationState['giveBack']> {
  must(pair.tellPayee({ kind: 'give-back', order: `${value}`, amount: amount(value) }));
  const state = pair.exchange({ kind: 'resync' });
  return (state.kind === 'state' ? state.revocation?.giveBack : undefined) ?? assert.fail('nothing is given back');
}

/** The payer signs an end, which the payee keeps to itself. */
function keptEnd(pair: MachinePair, code: RefusalCode = 'agreement-slow'): End {
  const request = pair.request({ kind: 'end' });
  pair.answer('end', refuse(code));
  assert.equal(pair.payerState().kind, 'open');
  return request.kind === 'end' ? request : assert.fail(request.kind);
}

for (const code of ['agreement-slow', 'funding-unconfirmed'] as const) {
  test(`a payee that keeps a signed end, and says ${code}, can’t take by it what it gives back later`, () => {
    const pair = opened();
    const { agreement, signatures } = keptEnd(pair, code);
    const { terms, deposits } = pair.openPayer();
    const agreed = must(revocable.agree(terms, deposits, agreement));
    const own = revocable.signAgreement(terms, agreed, payeeKey);
    const stolen = revocable.completeAgreement(terms, agreed, signatures, own);
    const paid = stolen.outputs.at(-1)?.value ?? assert.fail();
    assert.equal(paid, 30n * DOGE);
    const offered = order(pair, 20n * DOGE);
    const step = pair.tellPayer({ kind: 'take-back', ...offered });
    if (isRefusal(step)) return assertRefused(step, 'give-back-other');
    const given = pair.request({ kind: 'resend' });
    pair.answer('payment', pair.ask(given));
    assert.ok(
      pair.openPayer().signed >= paid,
      `the payee takes ${paid} by the end, and the payer has counted on ${pair.openPayer().signed}`,
    );
  });
}

test('nothing goes below the end that was signed', () => {
  const pair = opened();
  pair.exchange({ kind: 'take-back', ...order(pair, 20n * DOGE) });
  keptEnd(pair);
  pair.pay(40n * DOGE);
  assertRefused(pair.tellPayer({ kind: 'take-back', ...order(pair, 31n * DOGE) }), 'give-back-other');
});

test('what is given back down to the end that was signed counts', () => {
  const pair = opened();
  pair.exchange({ kind: 'take-back', ...order(pair, 20n * DOGE) });
  keptEnd(pair);
  pair.pay(40n * DOGE);
  assert.equal(pair.exchange({ kind: 'take-back', ...order(pair, 30n * DOGE) }).kind, 'receipt');
  assert.equal(pair.openPayer().signed, 10n * DOGE);
});

test('a payee that shows a lower payment under the next hash than was signed is still believed to hold the higher', () => {
  const pair = opened();
  const offered = order(pair, 20n * DOGE);
  const low = pair.request({ kind: 'take-back', ...offered });
  pair.answer('payment', refuse('give-back-other'));
  must(pair.tellPayer({ kind: 'take-back', total: amount(15n * DOGE), hash: offered.hash }));
  pair.ask(low);
  pair.exchange({ kind: 'resync' });
  assert.deepEqual([pair.openPayer().best?.total, pair.openPayer().signed], [10n * DOGE, 15n * DOGE]);
});

test('nothing shown at all leaves what was signed under the next hash', () => {
  const pair = opened();
  const offered = order(pair, 20n * DOGE);
  pair.ask(pair.request({ kind: 'take-back', ...offered }));
  const state = pair.ask(pair.request({ kind: 'resync' }));
  if (state.kind !== 'state') assert.fail(state.kind);
  const { best: _, ...without } = state;
  pair.answer('state-request', without);
  assert.ok(pair.openPayer().signed >= 10n * DOGE || pair.openPayer().best?.total !== undefined, `${pair.openPayer().signed}`);
});
