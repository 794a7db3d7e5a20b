import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { MachinePair } from '../../../test/world/machine-pair.ts';
import { assertRefused, contractsOn, keyNumber, lockAt, must, payeeKey, payerKey, signingsOf } from '../../../test/world/sample.ts';
import { amount, MAX_AMOUNT } from '../base/amount.ts';
import { bytesToHex, channelId, equalBytes } from '../base/bytes.ts';
import { height } from '../base/height.ts';
import { isRefusal, type Refusal, type RefusalCode } from '../base/refusal.ts';
import { dogecoinRegtest } from '../coin/dogecoin.ts';
import type { Payment } from '../contract/contract.ts';
import type { Pay } from '../message/message.ts';
import { outpointKey } from '../tx/transaction.ts';
import { creditOf } from './payee-state.ts';

const DOGE = 100_000_000n;
const ID = 'a1'.repeat(16);
const OTHER_ID = 'b2'.repeat(16);

/** A signed payment as the payer would send it, without telling the payer's machine. */
function signed(pair: MachinePair, total: bigint, signer = payerKey): Pay {
  const { channel, terms, deposits } = pair.payeeState();
  return { kind: 'payment', channel, payment: must(terms.contract.sign(terms, deposits, amount(total), signer, pair.hash)) };
}

function withPayment(pay: Pay, alter: Partial<Payment>): Pay {
  return { ...pay, payment: { ...pay.payment, ...alter } };
}

/** Refused and nothing changed; then `control`, which differs in that one thing, is accepted. */
function refusedBeside(pair: MachinePair, wrong: Pay, code: RefusalCode, control: Pay, label?: string): void {
  const before = pair.payee;
  assertRefused(pair.ask(wrong), code, label);
  assert.equal(pair.payee, before);
  const reply = pair.ask(control);
  assert.equal(isRefusal(reply) ? reply.code : reply.kind, 'receipt', label);
}

for (const contract of contractsOn(dogecoinRegtest)) {
  const opened = (...values: readonly bigint[]): MachinePair => new MachinePair({ contract }).open(...values);

  describe(`${contract.id}: payments that are refused`, () => {
    test('lower than the best: total-lower, with the best and its signature', () => {
      const pair = opened(10n * DOGE);
      const lower = signed(pair, DOGE);
      pair.pay(DOGE);
      pair.pay(2n * DOGE);
      const refusal = pair.ask(lower);
      assertRefused(refusal, 'total-lower');
      const { best, spent } = pair.payeeState();
      assert.deepEqual(refusal.detail, {
        best: String(2n * DOGE),
        signatures: best?.signatures.map(bytesToHex).join(','),
        spent: String(spent),
        ...(best?.hash && { hash: bytesToHex(best.hash) }),
      });
      assert.equal(pair.ask(signed(pair, 3n * DOGE)).kind, 'receipt');
    });

    test('zero, however signed: total-not-positive', () => {
      const pair = opened(10n * DOGE);
      const control = signed(pair, DOGE);
      refusedBeside(pair, withPayment(control, { total: amount(0n) }), 'total-not-positive', control);
    });

    test('above capacity, up to the largest amount there is: total-above-capacity', () => {
      for (const total of [10n * DOGE + 1n, 2n ** 53n + 1n, MAX_AMOUNT]) {
        const pair = opened(10n * DOGE);
        const control = signed(pair, 10n * DOGE - pair.fixedFee);
        refusedBeside(pair, withPayment(control, { total: amount(total) }), 'total-above-capacity', control, String(total));
      }
    });

    test('leaving dust: total-leaves-dust', () => {
      const pair = opened(10n * DOGE);
      const most = 10n * DOGE - pair.fixedFee;
      const control = signed(pair, most - 1_000_000n);
      for (const change of [1n, 999_999n]) {
        const wrong = withPayment(control, { total: amount(most - change) });
        const refusal = pair.ask(wrong);
        assertRefused(refusal, 'total-leaves-dust');
        assert.deepEqual(refusal.detail, { all: String(most), most: String(most - 1_000_000n) });
      }
      refusedBeside(pair, withPayment(control, { total: amount(most - 1n) }), 'total-leaves-dust', control);
    });

    test('too small for its own close: total-too-small, which says what would do', () => {
      const pair = opened(10n * DOGE);
      const refusal = pair.ask(withPayment(signed(pair, DOGE), { total: amount(1n) }));
      assertRefused(refusal, 'total-too-small');
      const least = BigInt(String(refusal.detail['least']));
      refusedBeside(pair, withPayment(signed(pair, least), { total: amount(least - 1n) }), 'total-too-small', signed(pair, least));
    });

    test('signed by the payee’s key, a stranger’s key, or for another total: signature-wrong', () => {
      const pair = opened(10n * DOGE);
      const control = signed(pair, 2n * DOGE);
      const wrong: readonly Pay[] = [
        signed(pair, 2n * DOGE, payeeKey),
        signed(pair, 2n * DOGE, keyNumber(77)),
        withPayment(control, { total: amount(2n * DOGE + 1n) }),
        withPayment(control, { total: amount(10n * DOGE - pair.fixedFee) }),
      ];
      for (const pay of wrong) assertRefused(pair.ask(pay), 'signature-wrong');
      refusedBeside(pair, withPayment(control, { signatures: signed(pair, 3n * DOGE).payment.signatures }), 'signature-wrong', control);
    });

    test('no signature, or more than its inputs: signature-missing, signature-surplus', () => {
      const pair = opened(10n * DOGE);
      const control = signed(pair, 2n * DOGE);
      const [only] = control.payment.signatures;
      assert.ok(only !== undefined);
      assertRefused(pair.ask(withPayment(control, { signatures: [] })), 'signature-missing');
      refusedBeside(pair, withPayment(control, { signatures: [only, only] }), 'signature-surplus', control);
    });

    // Where the script does not say the expiry, the keys are the channel.
    const whereBound = contract.expiryIn === 'script' ? test : () => undefined;
    whereBound('of another channel with the same keys: signature-wrong', () => {
      const { terms, deposits } = opened(10n * DOGE).payeeState();
      const foreign = { ...terms, expiry: lockAt(terms, 2_500) };
      const pair = opened(10n * DOGE);
      const payment = must(contract.sign(foreign, deposits, amount(DOGE), payerKey, pair.hash));
      refusedBeside(pair, { kind: 'payment', channel: pair.payeeState().channel, payment }, 'signature-wrong', signed(pair, DOGE));
    });

    test('over another deposit: signature-wrong', () => {
      const pair = opened(10n * DOGE);
      const { terms, deposits, channel } = pair.payeeState();
      const elsewhere = deposits.map((deposit) => ({ ...deposit, outpoint: { ...deposit.outpoint, vout: 1 } }));
      const payment = must(contract.sign(terms, elsewhere, amount(DOGE), payerKey, pair.hash));
      refusedBeside(pair, { kind: 'payment', channel, payment }, 'signature-wrong', signed(pair, DOGE));
    });

    test('across deposits without the second signature: signature-missing; with a wrong one: signature-wrong', () => {
      const pair = opened(10n * DOGE, 5n * DOGE);
      pair.pay(9n * DOGE);
      const control = signed(pair, 12n * DOGE);
      const [first, second] = control.payment.signatures;
      assert.ok(first !== undefined && second !== undefined);
      assertRefused(pair.ask(withPayment(control, { signatures: [first] })), 'signature-missing');
      assertRefused(pair.ask(withPayment(control, { signatures: [second, first] })), 'signature-wrong');
      refusedBeside(pair, withPayment(control, { signatures: [first, first] }), 'signature-wrong', control);
      assert.equal(pair.payee?.best?.signatures.length, 2);
    });

    // A fixed fee is signed with all inputs every time.
    const whereHeld = signingsOf(contract).includes('flexible') ? test : () => undefined;
    whereHeld('with a worse signature in place of a held one: signature-wrong, and the held one stays', () => {
      const pair = opened(10n * DOGE, 5n * DOGE);
      pair.pay(12n * DOGE);
      const held = pair.payee?.best?.signatures[1] ?? assert.fail();
      const control = signed(pair, 13n * DOGE);
      const [first] = control.payment.signatures;
      assert.ok(first !== undefined);
      const bare = withPayment(control, { signatures: [first] });
      refusedBeside(pair, withPayment(control, { signatures: [first, first] }), 'signature-wrong', bare);
      assert.deepEqual(pair.payee?.best?.signatures[1], held);
    });
  });

  describe(`${contract.id}: the same total again`, () => {
    test('the same payment has the same answer, and changes nothing', () => {
      const pair = opened(10n * DOGE);
      const pay = signed(pair, 2n * DOGE);
      const receipt = pair.ask(pay);
      assert.equal(receipt.kind, 'receipt');
      const before = pair.payee;
      assert.deepEqual(pair.ask(pay), receipt);
      assert.deepEqual(pair.payee, before);
    });

    test('whoever has not signed a total is not told the best one, nor whether it is higher', () => {
      const pair = opened(10n * DOGE);
      pair.invoice(ID, DOGE);
      pair.invoice(OTHER_ID, 5n * DOGE);
      const best = signed(pair, 3n * DOGE);
      assert.equal(pair.ask({ ...best, invoice: ID }).kind, 'receipt');
      for (const total of [2n, 3n, 4n]) {
        const own = signed(pair, total * DOGE);
        for (const [stranger, code] of [
          [signed(pair, total * DOGE, payeeKey), 'signature-wrong'],
          [withPayment(own, { signatures: [] }), 'signature-missing'],
        ] as const) {
          for (const invoice of [ID, OTHER_ID]) {
            const refused = pair.ask({ ...stranger, invoice });
            assertRefused(refused, code);
            assert.deepEqual(Object.keys(refused.kind === 'refusal' ? refused.detail : {}), ['input']);
          }
        }
        const told = pair.ask({ ...own, invoice: OTHER_ID });
        assert.equal(told.kind === 'refusal' && told.detail['best'], String(3n * DOGE), 'the payer is');
      }
    });

    test('for another invoice: total-not-higher', () => {
      const pair = opened(10n * DOGE);
      pair.invoice(ID, DOGE);
      pair.invoice(OTHER_ID, DOGE);
      const pay = signed(pair, 2n * DOGE);
      const receipt = pair.ask({ ...pay, invoice: ID });
      for (const wrong of [pay, { ...pay, invoice: OTHER_ID }]) assertRefused(pair.ask(wrong), 'total-not-higher');
      assert.equal(pair.invoices.get(OTHER_ID)?.paidTotal, undefined);
      assert.deepEqual(pair.ask({ ...pay, invoice: ID }), receipt);
    });
  });
}

describe('invoices', () => {
  const buy = (pair: MachinePair, total: bigint, invoice: string): Pay => ({ ...signed(pair, total), invoice });

  test('an unknown one: invoice-unknown', () => {
    const pair = new MachinePair().open(10n * DOGE);
    pair.invoice(ID, DOGE);
    refusedBeside(pair, buy(pair, DOGE, OTHER_ID), 'invoice-unknown', buy(pair, DOGE, ID));
  });

  test('one of another channel: invoice-foreign', () => {
    const pair = new MachinePair().open(10n * DOGE);
    pair.invoice(ID, DOGE);
    pair.invoice(OTHER_ID, DOGE, { channel: channelId('ee'.repeat(32)) });
    refusedBeside(pair, buy(pair, DOGE, OTHER_ID), 'invoice-foreign', buy(pair, DOGE, ID));
  });

  test('one that has expired: invoice-expired; at the very moment it is still good', () => {
    const pair = new MachinePair().open(10n * DOGE);
    const { expires } = pair.invoice(ID, DOGE);
    pair.now = expires + 1;
    const before = pair.payee;
    assertRefused(pair.ask(buy(pair, DOGE, ID)), 'invoice-expired');
    assert.equal(pair.payee, before);
    pair.now = expires;
    assert.equal(pair.ask(buy(pair, DOGE, ID)).kind, 'receipt');
  });

  test('one that is paid: invoice-paid; it is charged once', () => {
    const pair = new MachinePair().open(10n * DOGE);
    pair.invoice(ID, DOGE);
    pair.invoice(OTHER_ID, DOGE);
    assert.equal(pair.ask(buy(pair, DOGE, ID)).kind, 'receipt');
    assert.equal(pair.invoices.get(ID)?.paidTotal, DOGE);
    refusedBeside(pair, buy(pair, 2n * DOGE, ID), 'invoice-paid', buy(pair, 3n * DOGE, OTHER_ID));
    assert.equal(pair.payee?.spent, 2n * DOGE);
    assert.equal(pair.invoices.get(OTHER_ID)?.paidTotal, 3n * DOGE, 'the total that paid it, credit and all');
  });

  test('less than it asks for on top of what is spent: invoice-unmet; credit counts', () => {
    const pair = new MachinePair().open(10n * DOGE);
    pair.invoice(ID, DOGE);
    pair.invoice(OTHER_ID, 2n * DOGE);
    assert.equal(pair.ask(buy(pair, DOGE, ID)).kind, 'receipt');
    refusedBeside(pair, buy(pair, 3n * DOGE - 1n, OTHER_ID), 'invoice-unmet', buy(pair, 3n * DOGE, OTHER_ID));
    assert.equal(creditOf(pair.payeeState()), 0n);
    assert.equal(pair.ask(signed(pair, 5n * DOGE)).kind, 'receipt');
    assert.equal(creditOf(pair.payeeState()), 2n * DOGE);
    const third = 'c3'.repeat(16);
    pair.invoice(third, 2n * DOGE);
    assert.equal(pair.ask(buy(pair, 5n * DOGE + 1n, third)).kind, 'receipt');
    assert.equal(creditOf(pair.payeeState()), 1n);
  });

  test('an invoice for more money than there is: invoice-unmet', () => {
    const pair = new MachinePair().open(10n * DOGE);
    pair.ask(signed(pair, DOGE));
    pair.invoice(ID, MAX_AMOUNT);
    pair.invoice(OTHER_ID, DOGE);
    refusedBeside(pair, buy(pair, 10n * DOGE, ID), 'invoice-unmet', buy(pair, 10n * DOGE, OTHER_ID));
  });

  test('a payment that is refused pays no invoice', () => {
    const pair = new MachinePair().open(10n * DOGE);
    pair.invoice(ID, DOGE);
    assertRefused(pair.ask({ ...signed(pair, DOGE, payeeKey), invoice: ID }), 'signature-wrong');
    assert.equal(pair.invoices.get(ID)?.paidTotal, undefined);
  });
});

describe('when payments are taken', () => {
  test('inside the margin: margin-reached; one block before it, accepted', () => {
    const pair = new MachinePair().open(10n * DOGE);
    pair.tip = height(1_880);
    const before = pair.payee;
    assertRefused(pair.ask(signed(pair, DOGE)), 'margin-reached');
    assert.equal(pair.payee, before);
    pair.tip = height(1_879);
    assert.equal(pair.ask(signed(pair, DOGE)).kind, 'receipt');
  });

  test('while a deposit is off the chain: funding-reorganised; what was taken is still answered', () => {
    const pair = new MachinePair().open(10n * DOGE);
    const first = signed(pair, DOGE);
    const receipt = pair.ask(first);
    const [deposit] = pair.payeeState().deposits;
    assert.ok(deposit !== undefined);
    pair.chain.delete(outpointKey(deposit.outpoint));
    must(pair.tellPayee(pair.view()));
    assert.equal(pair.payee?.kind, 'paused');
    assertRefused(pair.ask(signed(pair, 2n * DOGE)), 'funding-reorganised');
    assert.deepEqual(pair.ask(first), receipt);
    pair.confirm(deposit, 2);
    must(pair.tellPayee(pair.view()));
    assert.equal(pair.payee.kind, 'paused', 'back, but not deep enough');
    pair.confirm(deposit, 3);
    must(pair.tellPayee(pair.view()));
    assert.equal(pair.ask(signed(pair, 2n * DOGE)).kind, 'receipt');
  });

  test('of a channel that closes or is over: channel-ending, channel-ended; a lost receipt is still given', () => {
    const pair = new MachinePair().open(10n * DOGE);
    const first = signed(pair, DOGE);
    const later = signed(pair, 2n * DOGE);
    const receipt = pair.ask(first);
    must(pair.tellPayee({ kind: 'close' }));
    assertRefused(pair.ask(later), 'channel-ending');
    assert.deepEqual(pair.ask(first), receipt);
    pair.spend(pair.broadcasts.at(-1) ?? assert.fail(), 60);
    must(pair.tellPayee(pair.view()));
    assertRefused(pair.ask(later), 'channel-ended');
    assert.deepEqual(pair.ask(first), receipt);
  });

  test('without a channel nothing but an announcement is heard: channel-unknown', () => {
    const pair = new MachinePair().open(10n * DOGE);
    const pay = signed(pair, DOGE);
    const none = new MachinePair();
    for (const input of [{ kind: 'payment', pay }, { kind: 'state-request' }, { kind: 'close' }] as const) {
      assertRefused(none.tellPayee(input), 'channel-unknown');
    }
    assert.equal(pair.ask(pay).kind, 'receipt');
  });
});

describe('increments that the application makes something of at once', () => {
  test('leave no credit; what was credit before stays so, and the same again changes nothing', () => {
    const pair = new MachinePair().open(10n * DOGE);
    pair.pay(2n * DOGE);
    const before = pair.payeeState();
    const increment = { kind: 'increment', pay: signed(pair, 5n * DOGE) } as const;
    must(pair.tellPayee(increment));
    const after = pair.payeeState();
    assert.deepEqual([after.best?.total, after.spent - before.spent], [5n * DOGE, 3n * DOGE]);
    assert.equal(creditOf(after), creditOf(before));
    must(pair.tellPayee(increment));
    assert.deepEqual(pair.payeeState(), after);
    assertRefused(pair.tellPayee({ kind: 'increment', pay: signed(pair, 4n * DOGE) }), 'total-lower');
  });
});

describe('while miners ask for more than usual', () => {
  const spiked = (factor: bigint, pair: MachinePair): MachinePair => {
    pair.feeRate = amount(pair.terms.coin.policy.feeRate * factor);
    return pair;
  };

  const leastOf = ({ detail: { least = '' } }: Refusal): bigint => BigInt(least);

  test('a total that would not pay for its close at twice that is refused, with the least that does; that is taken, and paid out', () => {
    const pair = spiked(30n, new MachinePair().open(10n * DOGE));
    const refusal = pair.pay(DOGE / 20n);
    assertRefused(refusal, 'total-too-small');
    const least = leastOf(refusal);
    assertRefused(pair.pay(least - 1n), 'total-too-small');
    assert.equal(pair.pay(least).kind, 'receipt');
    must(pair.tellPayee({ kind: 'close' }));
    const close = pair.broadcasts.at(-1) ?? assert.fail();
    const paid = close.outputs.find(({ script }) => equalBytes(script, pair.terms.payeeScript))?.value ?? 0n;
    assert.ok(paid >= pair.terms.coin.policy.dust);
  });

  test('the same total is taken when it is over; a receipt that was given before is given again meanwhile', () => {
    const pair = new MachinePair().open(10n * DOGE);
    const first = signed(pair, DOGE / 20n);
    const receipt = pair.ask(first);
    assert.equal(receipt.kind, 'receipt');
    spiked(30n, pair);
    assert.deepEqual(pair.ask(first), receipt);
    assertRefused(pair.ask(signed(pair, DOGE / 10n)), 'total-too-small');
    spiked(1n, pair);
    assert.equal(pair.ask(signed(pair, DOGE / 10n)).kind, 'receipt');
  });

  test('a fee that is signed for good has to be enough by itself, or the total to pay for a child', () => {
    const fixed = (factor: bigint): MachinePair =>
      spiked(factor, new MachinePair({ signing: { kind: 'fixed', fee: amount(DOGE / 100n) } }).open(10n * DOGE));
    assert.equal(fixed(2n).pay(DOGE / 20n).kind, 'receipt');
    const pair = fixed(30n);
    assertRefused(pair.pay(DOGE), 'fee-too-low');
    pair.keyOf = () => payeeKey;
    const refusal = pair.pay(DOGE / 20n);
    assertRefused(refusal, 'total-too-small');
    assert.equal(pair.pay(leastOf(refusal)).kind, 'receipt');
  });

  test('a node that names an absurd rate breaks nothing', () => {
    const pair = new MachinePair().open(10n * DOGE);
    pair.feeRate = MAX_AMOUNT;
    assertRefused(pair.pay(DOGE), 'total-too-small');
  });
});
