import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { MachinePair } from '../../../test/world/machine-pair.ts';
import {
  assertRefused,
  contractsOn,
  must,
  payeeKey,
  payeeScript,
  payerKey,
  returnScript,
  sampleTerms,
} from '../../../test/world/sample.ts';
import { usualSigning } from '../../merchant/terms.ts';
import { type Amount, amount } from '../base/amount.ts';
import { hexToBytes } from '../base/bytes.ts';
import { height } from '../base/height.ts';
import type { RefusalCode } from '../base/refusal.ts';
import { dogecoinRegtest } from '../coin/dogecoin.ts';
import type { Agreement } from '../contract/agreement.ts';
import type { End } from '../message/message.ts';
import { p2sh } from '../tx/script.ts';
import type { Signer } from '../tx/sign.ts';
import { outpointKey, transactionId } from '../tx/transaction.ts';

const DOGE = 100_000_000n;
const FEE: Amount = amount(DOGE / 100n);

/** An end that the payer signs, whatever it says. */
function signedEnd(pair: MachinePair, agreement: Agreement, signer: Signer = payerKey): End {
  const { terms, deposits, channel } = pair.payeeState();
  const agreed = must(terms.contract.agree(terms, deposits, agreement));
  return { kind: 'end', channel, agreement, signatures: terms.contract.signAgreement(terms, agreed, signer) };
}

function endWith(total: bigint, alter: Partial<Agreement> = {}): Agreement {
  return { total: amount(total), payerScript: returnScript, fee: FEE, ...alter };
}

for (const contract of contractsOn(dogecoinRegtest)) {
  // No less than the payee's own close pays.
  const usual = usualSigning(sampleTerms().coin, contract);
  const fee = usual.kind === 'fixed' ? usual.fee : FEE;
  const end = (total: bigint, alter: Partial<Agreement> = {}): Agreement => endWith(total, { fee, ...alter });
  const opened = (...values: readonly bigint[]): MachinePair => new MachinePair({ contract }).open(...values);

  describe(`${contract.id}: ends by agreement`, () => {
    test('at zero: all but the fee comes back', () => {
      const pair = opened(10n * DOGE, 5n * DOGE);
      const reply = pair.exchange({ kind: 'end' });
      if (reply.kind !== 'ended') assert.fail(reply.kind);
      const [output, ...others] = reply.transaction.outputs;
      assert.deepEqual([output?.script, others.length, reply.transaction.inputs.length], [returnScript, 0, 2]);
      assert.ok((output?.value ?? 0n) > 15n * DOGE - FEE);
      assert.deepEqual([pair.payer?.kind, pair.payee?.kind], ['ending', 'closing']);
    });

    test('at a total: the payee gets it whole', () => {
      const pair = opened(10n * DOGE);
      pair.pay(3n * DOGE);
      const reply = pair.exchange({ kind: 'end' });
      if (reply.kind !== 'ended') assert.fail(reply.kind);
      assert.deepEqual(reply.transaction.outputs[1], { value: 3n * DOGE, script: payeeScript });
      pair.spend(reply.transaction, 60);
      must(pair.tellPayer(pair.view()));
      must(pair.tellPayee(pair.view()));
      assert.deepEqual([pair.payer?.kind, pair.payee?.kind], ['ended', 'ended']);
    });

    test('asked again, the same is answered; another is not: channel-ending', () => {
      const pair = opened(10n * DOGE);
      const first = signedEnd(pair, end(0n));
      const other = signedEnd(pair, end(0n, { fee: amount(fee + 1n) }));
      const reply = pair.ask(first);
      assert.equal(reply.kind, 'ended');
      assert.deepEqual(pair.ask(first), reply);
      assertRefused(pair.ask(other), 'channel-ending');
    });
  });

  test(`${contract.id}: once it is over, nothing is agreed to: channel-ended`, () => {
    const pair = opened(10n * DOGE);
    const control = signedEnd(pair, end(0n));
    const open = pair.payee;
    pair.tip = height(2_000);
    must(pair.tellPayee(pair.view()));
    const unused = pair.payee;
    assertRefused(pair.ask(control), 'channel-ended');
    assert.deepEqual(pair.payee, unused);
    pair.payee = open;
    const reply = pair.ask(control);
    if (reply.kind !== 'ended') assert.fail(reply.kind);
    pair.spend(reply.transaction, 60);
    must(pair.tellPayee(pair.view()));
    assertRefused(pair.ask(control), 'channel-ended');
    assert.equal(pair.payee?.kind, 'ended');
  });

  describe(`${contract.id}: ends that are refused`, () => {
    const junk = new Uint8Array(25).fill(0x6a);
    const cases: readonly (readonly [string, RefusalCode, Partial<Agreement>])[] = [
      ['below the best total', 'agreement-short', { total: amount(2n * DOGE - 1n) }],
      ['at zero after a payment', 'agreement-short', { total: amount(0n) }],
      ['a script that only looks like one by its length, 25 bytes', 'agreement-malformed', { payerScript: junk }],
      ['a script that only looks like one by its length, 23 bytes', 'agreement-malformed', { payerScript: junk.subarray(0, 23) }],
      ['a data output', 'agreement-malformed', { payerScript: hexToBytes(`6a17${'00'.repeat(23)}`) }],
      ['no script', 'agreement-malformed', { payerScript: new Uint8Array() }],
      ['a script of any length', 'agreement-malformed', { payerScript: new Uint8Array(10_000) }],
      ['no fee', 'agreement-malformed', { fee: amount(0n) }],
      ['a fee below the coin’s rate', 'agreement-malformed', { fee: amount(100_000n) }],
      ['a fee that nodes take for a mistake', 'agreement-malformed', { fee: amount(100n * DOGE + 1n) }],
      ['nothing worth an output left for the payer', 'agreement-malformed', { total: amount(10n * DOGE - fee - 999_999n) }],
      ['more than there is', 'agreement-malformed', { total: amount(11n * DOGE) }],
    ];
    for (const [name, code, alter] of cases) {
      test(`${name}: ${code}`, () => {
        const pair = opened(10n * DOGE);
        pair.pay(2n * DOGE);
        const control = signedEnd(pair, end(2n * DOGE));
        const before = pair.payee;
        const agreement = { ...control.agreement, ...alter };
        // How much is too little is told to whoever has signed it.
        const isTold = code === 'agreement-short';
        if (isTold) assertRefused(pair.ask({ ...control, agreement }), 'signature-wrong');
        assertRefused(pair.ask(isTold ? signedEnd(pair, agreement) : { ...control, agreement }), code);
        assert.equal(pair.payee, before);
        assert.equal(pair.ask(control).kind, 'ended');
      });
    }

    test('signed by another key, or not for every deposit: signature-wrong', () => {
      const pair = opened(10n * DOGE, 5n * DOGE);
      const control = signedEnd(pair, end(0n));
      const before = pair.payee;
      const wrong: readonly End[] = [
        signedEnd(pair, end(0n), payeeKey),
        { ...control, signatures: control.signatures.slice(1) },
        { ...control, signatures: control.signatures.toReversed() },
        { ...control, signatures: [] },
        { ...control, signatures: [...control.signatures, ...control.signatures] },
        { ...control, agreement: end(0n, { payerScript: p2sh(returnScript) }) },
        { ...control, agreement: end(0n, { fee: amount(fee + 1n) }) },
      ];
      for (const one of wrong) assertRefused(pair.ask(one), 'signature-wrong');
      assert.equal(pair.payee, before);
      assert.equal(pair.ask(control).kind, 'ended');
    });

    // A fixed fee is left where nothing else is.
    const whereFlexible = usual.kind === 'flexible' ? test : () => undefined;
    whereFlexible('a payer that can not get an output’s worth back is told so: agreement-malformed', () => {
      const pair = opened(10n * DOGE);
      pair.pay(10n * DOGE);
      assertRefused(pair.tellPayer({ kind: 'end' }), 'agreement-malformed');
      assert.equal(pair.payer?.kind, 'open');
      const other = opened(10n * DOGE);
      other.pay(9n * DOGE);
      assert.equal(other.exchange({ kind: 'end' }).kind, 'ended');
    });
  });
}

test('an end is agreed while a deposit is off the chain, and broadcast until it is buried', () => {
  const pair = new MachinePair().open(10n * DOGE);
  const [deposit] = pair.payeeState().deposits;
  assert.ok(deposit !== undefined);
  pair.chain.delete(outpointKey(deposit.outpoint));
  must(pair.tellPayee(pair.view()));
  assert.equal(pair.payee?.kind, 'paused');
  const reply = pair.exchange({ kind: 'end' });
  if (reply.kind !== 'ended') assert.fail(reply.kind);
  const before = pair.broadcasts.length;
  must(pair.tellPayee(pair.view()));
  must(pair.tellPayer(pair.view()));
  assert.deepEqual(new Set(pair.broadcasts.slice(before).map(transactionId)), new Set([transactionId(reply.transaction)]));
});

test('a payee that never answers an end does not keep the payer from its refund', () => {
  const pair = new MachinePair().open(10n * DOGE);
  const request = pair.request({ kind: 'end' });
  assert.deepEqual(pair.request({ kind: 'end' }), request);
  pair.tip = height(2_000);
  must(pair.tellPayer(pair.view()));
  assert.equal(pair.payerState().kind, 'refunding');
  assert.equal(pair.broadcasts.at(-1)?.lockTime, 2_000);
});
