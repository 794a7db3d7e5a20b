import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MachinePair } from '../../../test/world/machine-pair.ts';
import { assertRefused, must, payeeKey } from '../../../test/world/sample.ts';
import { amount } from '../base/amount.ts';
import { revocable } from '../contract/revocable.ts';
import type { State } from '../message/message.ts';
import { transactionId } from '../tx/transaction.ts';

const DOGE = 100_000_000n;
let orders = 0;

function giveBack(pair: MachinePair, value: bigint): void {
  must(pair.tellPayee({ kind: 'give-back', order: `${orders++}`, amount: amount(value) }));
  const state = pair.exchange({ kind: 'resync' });
  const offered = (state.kind === 'state' ? state.revocation?.giveBack : undefined) ?? assert.fail('nothing is given back');
  assert.equal(pair.exchange({ kind: 'take-back', ...offered }).kind, 'receipt');
}

/** A payer's older copy: since it was made, money came back `times` times. */
function setBack(times: number, before = 0): MachinePair {
  const pair = new MachinePair({ contract: revocable }).open(100n * DOGE);
  pair.pay(30n * DOGE);
  for (let i = 0; i < before; i++) giveBack(pair, DOGE);
  const copy = pair.payer;
  for (let i = 0; i < times; i++) giveBack(pair, 5n * DOGE);
  pair.payer = copy;
  return pair;
}

for (const [times, before] of [
  [1, 0],
  [3, 0],
  [2, 1],
  [1, 3],
] as const) {
  test(`a payer that was set back goes on from what its payee shows: ${times} times after ${before}`, () => {
    const pair = setBack(times, before);
    const left = BigInt(30 - before - 5 * times) * DOGE;
    assertRefused(pair.pay(31n * DOGE), 'hash-outdated');
    pair.exchange({ kind: 'resync' });
    const { best, revocation, signed } = pair.openPayer();
    assert.deepEqual([best?.total, revocation?.index, signed], [left, before + times, 100n * DOGE]);
    assert.equal(pair.pay(left + DOGE).kind, 'receipt');
    giveBack(pair, 2n * DOGE);
    assert.equal(pair.openPayer().best?.total, left - DOGE);
  });
}

test('it punishes what was revoked while it was away', () => {
  const pair = new MachinePair({ contract: revocable }).open(100n * DOGE);
  pair.pay(30n * DOGE);
  const { best: payment = assert.fail(), terms, deposits } = pair.payeeState();
  const copy = pair.payer;
  for (let i = 0; i < 3; i++) giveBack(pair, DOGE);
  pair.payer = copy;
  pair.exchange({ kind: 'resync' });
  const way = { script: terms.payeeScript, feeRate: pair.feeRate };
  const stolen = must(revocable.close([{ terms, deposits, payment, signer: payeeKey }], way));
  pair.spend(stolen, 1);
  pair.confirm({ outpoint: { txid: transactionId(stolen), vout: 1 }, value: amount(30n * DOGE) }, 1);
  pair.broadcasts.length = 0;
  must(pair.tellPayer(pair.view()));
  assert.ok(pair.broadcasts.some(({ outputs }) => (outputs[0]?.value ?? 0n) > 29n * DOGE));
});

test('secrets that are not of the hashes it knows, or do not follow, move nothing', () => {
  const pair = setBack(3, 1);
  const reply = pair.ask(pair.request({ kind: 'resync' }));
  if (reply.kind !== 'state') assert.fail(reply.kind);
  const { revocation: { hash, secrets = [] } = assert.fail() } = reply;
  const before = pair.openPayer();
  const told = (revocation: State['revocation'], best = reply.best): void => {
    pair.answer('state-request', { ...reply, ...(best && { best }), ...(revocation && { revocation }) });
    assert.deepEqual([pair.openPayer().revocation, pair.openPayer().best?.total], [before.revocation, 29n * DOGE]);
  };
  const forged = secrets.map((one) => ({ ...one, secret: new Uint8Array(32).fill(7) }));
  for (const wrong of [forged, secrets.slice(1), secrets.slice(0, -1), []]) told({ hash, secrets: wrong });
  const { best = assert.fail() } = reply;
  told({ hash, secrets }, { ...best, total: amount(best.total + DOGE) });
  told({ hash: new Uint8Array(20).fill(3), secrets });
});

test('an end for more than is left is not signed: the payer has forgotten what came back', () => {
  const pair = setBack(1);
  assertRefused(pair.exchange({ kind: 'end' }), 'agreement-short');
  pair.exchange({ kind: 'resync' });
  const reply = pair.exchange({ kind: 'end' });
  assert.deepEqual(reply.kind === 'ended' && reply.transaction.outputs.at(-1)?.value, 25n * DOGE);
});
