import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MachinePair } from '../../../test/world/machine-pair.ts';
import { must, payeeKey, payeeScript } from '../../../test/world/sample.ts';
import { amount } from '../base/amount.ts';
import { equalBytes } from '../base/bytes.ts';
import { height } from '../base/height.ts';
import { closingAt } from '../contract/contract.ts';
import { revocable } from '../contract/revocable.ts';
import { shownIndices } from '../contract/revocation-secrets.ts';
import type { Reply, Request } from '../message/message.ts';
import { transactionId } from '../tx/transaction.ts';

const DOGE = 100_000_000n;

/** The payee has stored a payment for less, and stops before its answer, or the files of its watchers, are out. */
function stoppedBefore(value: bigint): { readonly pair: MachinePair; readonly request: Request } {
  const pair = new MachinePair({ contract: revocable }).open(100n * DOGE);
  pair.pay(30n * DOGE);
  must(pair.tellPayee({ kind: 'give-back', order: 'one', amount: amount(value) }));
  const state = pair.exchange({ kind: 'resync' });
  const offered = (state.kind === 'state' ? state.revocation?.giveBack : undefined) ?? assert.fail();
  const request = pair.request({ kind: 'take-back', ...offered });
  pair.ask(request);
  return { pair, request };
}

/** How many secrets an answer shows: the newest tells all before. */
function shownBy(reply: Reply): number {
  if (reply.kind === 'receipt') return reply.secret === undefined ? 0 : 1;
  return reply.kind === 'state' ? (reply.revocation?.secrets?.at(-1)?.index ?? -1) + 1 : 0;
}

const late: Readonly<Record<string, (pair: MachinePair) => void>> = {
  'in the margin': (pair) => {
    pair.tip = height(closingAt(pair.terms) - 10);
  },
  'once it closes': (pair) => {
    must(pair.tellPayee({ kind: 'close' }));
  },
};

for (const [when, come] of Object.entries(late)) {
  for (const value of [20n, 30n]) {
    if (value === 30n && when === 'once it closes') continue;
    test(`a secret that may not have been shown yet is not shown ${when}, when watchers may have closed with what it revokes: ${value}`, () => {
      const { pair, request } = stoppedBefore(value * DOGE);
      const resync = (): Reply => pair.ask(pair.request({ kind: 'resync' }));
      assert.deepEqual([shownBy(pair.ask(request)), shownBy(resync())], [1, 1], 'in time it is');
      come(pair);
      assert.deepEqual([shownBy(pair.ask(request)), shownBy(resync())], [0, 0]);
      pair.answer('payment', pair.ask(request));
      pair.answer('state-request', resync());
      assert.equal(pair.payerState().signed, 30n * DOGE, 'for the payer nothing has come back');
    });
  }
}

test('secrets that were shown before are told in the margin too', () => {
  const { pair, request } = stoppedBefore(10n * DOGE);
  pair.answer('payment', pair.ask(request));
  for (let i = 0; i < 4; i++) {
    must(pair.tellPayee({ kind: 'give-back', order: `more ${i}`, amount: amount(DOGE) }));
    const state = pair.exchange({ kind: 'resync' });
    const offered = (state.kind === 'state' ? state.revocation?.giveBack : undefined) ?? assert.fail();
    pair.exchange({ kind: 'take-back', ...offered });
  }
  pair.tip = height(closingAt(pair.terms) - 10);
  const state = pair.ask(pair.request({ kind: 'resync' }));
  assert.deepEqual(state.kind === 'state' && state.revocation?.secrets?.map(({ index }) => index), shownIndices(4));
});

test('the payee is paid by a close of its watcher whose secret never went out', () => {
  const pair = new MachinePair({ contract: revocable }).open(100n * DOGE);
  pair.pay(30n * DOGE);
  const { best: payment = assert.fail(), terms, deposits } = pair.payeeState();
  must(pair.tellPayee({ kind: 'give-back', order: 'one', amount: amount(20n * DOGE) }));
  const state = pair.exchange({ kind: 'resync' });
  const offered = (state.kind === 'state' ? state.revocation?.giveBack : undefined) ?? assert.fail();
  pair.ask(pair.request({ kind: 'take-back', ...offered }));
  const way = { script: terms.payeeScript, feeRate: pair.feeRate };
  const close = must(terms.contract.close([{ terms, deposits, payment, signer: payeeKey }], way));
  pair.tip = height(closingAt(terms));
  pair.spend(close, 1);
  pair.confirm({ outpoint: { txid: transactionId(close), vout: 1 }, value: amount(30n * DOGE) }, 1);
  must(pair.tellPayee(pair.view()));
  pair.spend(close, 70);
  must(pair.tellPayee(pair.view()));
  assert.notEqual(pair.payeeState().kind, 'ended');
  pair.broadcasts.length = 0;
  pair.tip = revocable.revocation?.payoutAt(terms) ?? assert.fail();
  must(pair.tellPayee(pair.view()));
  const paid = pair.broadcasts.at(-1)?.outputs[0] ?? assert.fail('nothing is paid out');
  assert.ok(paid.value > 29n * DOGE && equalBytes(paid.script, payeeScript));
});
