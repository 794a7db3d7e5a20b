import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { MachinePair } from '../../../test/world/machine-pair.ts';
import { assertRefused, fundingOf, must, payeeKey, returnScript } from '../../../test/world/sample.ts';
import { amount } from '../base/amount.ts';
import { after, height } from '../base/height.ts';
import type { Deposit } from '../contract/contract.ts';
import { contracts } from '../contract/registry.ts';
import type { Provisional } from '../message/message.ts';
import { verifyPortable } from '../tx/sign.ts';
import { encodeTransaction, outpointKey, transactionId } from '../tx/transaction.ts';
import type { ChainView } from './state-machine.ts';

const DOGE = 100_000_000n;

/** A deposit to the channel that nobody has broadcast. */
function signedDeposit(pair: MachinePair, value: bigint, salt: number): { readonly deposit: Deposit; readonly transaction: Uint8Array } {
  const transaction = fundingOf(pair.terms, [value], salt);
  return {
    deposit: { outpoint: { txid: transactionId(transaction), vout: 0 }, value: amount(value) },
    transaction: encodeTransaction(transaction),
  };
}

function fund(pair: MachinePair, value: bigint, salt: number): Deposit {
  const { deposit, transaction } = signedDeposit(pair, value, salt);
  must(pair.tellPayer({ kind: 'fund', deposits: [deposit], transaction }));
  return deposit;
}

function isBroadcast(pair: MachinePair, { outpoint }: Deposit): boolean {
  return pair.broadcasts.some((one) => transactionId(one) === outpoint.txid);
}

/** An answer to an announcement, with other releases in it. */
function answered(pair: MachinePair, releases: Provisional['releases']): void {
  const request = pair.request({ kind: 'announce' });
  const reply = pair.ask(request);
  assert.ok(reply.kind === 'provisional' || reply.kind === 'accepted');
  const { releases: _, ...bare } = reply;
  pair.answer('announce', { ...bare, ...(releases === undefined ? {} : { releases }) });
}

for (const contract of contracts.filter(({ expiryIn }) => expiryIn === 'releases')) {
  const planned = (): MachinePair => {
    const pair = new MachinePair({ contract });
    pair.create();
    return pair;
  };

  describe(`${contract.id}: no coin leaves the payer before its way back is signed`, () => {
    test('launched before the payee has signed the refund: refund-unsigned; after it the funding goes out', () => {
      const pair = planned();
      const deposit = fund(pair, 10n * DOGE, 1);
      assertRefused(pair.tellPayer({ kind: 'launch' }), 'refund-unsigned');
      assert.equal(pair.payerState().kind, 'planned');
      assert.ok(!isBroadcast(pair, deposit));
      assert.equal(pair.exchange({ kind: 'announce' }).kind, 'provisional');
      must(pair.tellPayer({ kind: 'launch' }));
      assert.ok(isBroadcast(pair, deposit));
    });

    test('a payee that signs nothing, by another key, for another deposit or another expiry: refund-unsigned', () => {
      const pair = planned();
      const deposit = fund(pair, 10n * DOGE, 1);
      const { terms } = pair;
      const other = signedDeposit(pair, 10n * DOGE, 2).deposit;
      const later = { ...terms, expiry: after(terms.expiry, 1) };
      for (const releases of [
        undefined,
        [],
        [payeeKey.sign(new Uint8Array(32).fill(1))],
        contract.release(terms, [other], payeeKey),
        contract.release(later, [deposit], payeeKey),
      ]) {
        answered(pair, releases);
        assertRefused(pair.tellPayer({ kind: 'launch' }), 'refund-unsigned');
      }
      assert.ok(!isBroadcast(pair, deposit));
      answered(pair, contract.release(terms, [deposit], payeeKey));
      must(pair.tellPayer({ kind: 'launch' }));
      assert.ok(isBroadcast(pair, deposit));
    });

    test('a top-up is not broadcast either, neither when ordered nor when it is looked for and missing', () => {
      const pair = new MachinePair({ contract }).open(10n * DOGE);
      const topUp = fund(pair, 5n * DOGE, 50);
      assertRefused(pair.tellPayer({ kind: 'launch' }), 'refund-unsigned');
      must(pair.tellPayer(pair.view()));
      assert.ok(!isBroadcast(pair, topUp));
      assert.equal(pair.exchange({ kind: 'announce' }).kind, 'provisional');
      must(pair.tellPayer(pair.view()));
      assert.ok(!isBroadcast(pair, topUp), 'signed, and not agreed to');
      must(pair.tellPayer({ kind: 'launch' }));
      assert.ok(isBroadcast(pair, topUp));
    });
  });

  describe(`${contract.id}: under one key there is one expiry`, () => {
    test('an offer that leaves a choice of the expiry is refused by both sides: offer-malformed', () => {
      const open = new MachinePair({ contract }, { minExpiry: after(new MachinePair({ contract }).terms.expiry, -60) });
      const create = {
        kind: 'create',
        expiry: open.terms.expiry,
        keyName: 'm/1',
        returnScript,
        offer: open.offer,
        limits: { expiryIn: open.offer.contract.expiryIn },
      } as const;
      assertRefused(open.tellPayer(create), 'offer-malformed');
      const { deposit } = signedDeposit(open, 10n * DOGE, 1);
      const announce = {
        kind: 'announce',
        offer: open.offer,
        payerKey: open.terms.payerKey,
        expiry: open.terms.expiry,
        deposits: [deposit],
      } as const;
      assertRefused(open.ask(announce), 'offer-malformed');
      const control = new MachinePair({ contract });
      assert.equal(control.ask({ ...announce, offer: control.offer }).kind, 'provisional');
    });

    // Else a payer had the refund signed for a moment in the margin, opened the channel for a later one, and took all back while it was being served.
    test('the same keys and deposits at an earlier expiry get no signature, before the channel is open and after', () => {
      const pair = planned();
      const deposit = fund(pair, 10n * DOGE, 1);
      const request = pair.request({ kind: 'announce' });
      assert.ok(request.kind === 'announce');
      const early = { ...request, expiry: after(request.expiry, -1) };
      assertRefused(pair.ask(early), 'expiry-too-near');
      assertRefused(pair.ask({ ...request, expiry: after(request.expiry, 1) }), 'expiry-too-far');
      pair.confirm(deposit);
      assert.equal(pair.ask(request).kind, 'accepted');
      for (const by of [-1, 1, -7_200]) assertRefused(pair.ask({ ...request, expiry: after(request.expiry, by) }), 'channel-exists');
      const again = pair.ask(request);
      assert.ok(again.kind === 'accepted');
      const [release] = again.releases ?? [];
      assert.ok(release !== undefined && contract.isRefundable(pair.terms, { ...deposit, release }, verifyPortable));
    });
  });

  test(`${contract.id}: a deposit that comes to light under another id when it is too late to be taken still gets its way back`, () => {
    const pair = planned();
    fund(pair, 10n * DOGE, 1);
    assert.equal(pair.exchange({ kind: 'announce' }).kind, 'provisional');
    must(pair.tellPayer({ kind: 'launch' }));
    const other = signedDeposit(pair, 10n * DOGE, 2);
    pair.confirm(other.deposit);
    pair.tip = height(1_990);
    must(pair.tellPayer(pair.view([other])));
    pair.broadcasts.length = 0;
    must(pair.tellPayer({ kind: 'launch' }));
    assert.ok(!isBroadcast(pair, other.deposit));
    const late = pair.exchange({ kind: 'announce' });
    assert.ok(late.kind === 'provisional');
    assert.deepEqual([late.waitingFor.code, pair.payee], ['expiry-too-near', undefined]);
    pair.tip = height(2_000);
    must(pair.tellPayer(pair.view()));
    assert.equal(pair.payerState().kind, 'refunding');
  });

  test(`${contract.id}: money that somebody sends to the script is refunded once the payee has signed for it, and holds up nothing until then`, () => {
    const pair = new MachinePair({ contract }).open(10n * DOGE);
    const stray = signedDeposit(pair, 5n * DOGE, 70);
    pair.confirm(stray.deposit);
    const found: ChainView['found'] = [stray];
    must(pair.tellPayer(pair.view(found)));
    pair.tip = height(2_000);
    pair.broadcasts.length = 0;
    must(pair.tellPayer(pair.view()));
    const refunded = pair.broadcasts.flatMap(({ inputs }) => inputs.map(({ outpoint }) => outpointKey(outpoint)));
    assert.deepEqual(refunded, [outpointKey(pair.payerState().deposits[0]?.outpoint ?? assert.fail())]);
    const [refund] = pair.broadcasts;
    pair.spend(refund ?? assert.fail(), 60);
    must(pair.tellPayer(pair.view()));
    assert.equal(pair.payerState().kind, 'refunding', 'not over: there is something left');
    const late = pair.exchange({ kind: 'announce' });
    assert.ok(late.kind === 'provisional');
    assert.equal(late.waitingFor.code, 'margin-reached');
    assertRefused(pair.tellPayer({ kind: 'announce' }), 'channel-ending', 'signed by now');
    pair.broadcasts.length = 0;
    must(pair.tellPayer(pair.view()));
    assert.deepEqual(
      pair.broadcasts.flatMap(({ inputs }) => inputs.map(({ outpoint }) => outpointKey(outpoint))),
      [outpointKey(stray.deposit.outpoint)],
    );
  });
}
