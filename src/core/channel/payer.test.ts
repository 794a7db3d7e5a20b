import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { MachinePair } from '../../../test/world/machine-pair.ts';
import { assertRefused, fundingOf, keyNumber, must, payeeKey, payerKey, returnScript, sampleFunding } from '../../../test/world/sample.ts';
import { type Amount, amount, MAX_AMOUNT } from '../base/amount.ts';
import { bytesToHex, channelId } from '../base/bytes.ts';
import { height } from '../base/height.ts';
import { isRefusal, type RefusalCode, refuse } from '../base/refusal.ts';
import { litecoinRegtest } from '../coin/litecoin.ts';
import { leastDeposit } from '../contract/tx-size.ts';
import type { Accepted, Offer, Receipt, Reply, State } from '../message/message.ts';
import { p2pkh } from '../tx/script.ts';
import { encodeTransaction, transactionId } from '../tx/transaction.ts';
import { MAX_DEPOSITS } from './offer-fit.ts';
import type { FundInput } from './payer-open.ts';
import { leastReturn, totalFor } from './payer-pay.ts';
import { allDeposits, type PayerState } from './payer-state.ts';

const DOGE = 100_000_000n;
const OTHER = channelId('ee'.repeat(32));

function fundInput(pair: MachinePair, values: readonly bigint[], salt = 500): FundInput {
  const transaction = fundingOf(pair.terms, values, salt);
  const txid = transactionId(transaction);
  const deposits = values.map((value, vout) => ({ outpoint: { txid, vout }, value: amount(value) }));
  return { kind: 'fund', deposits, transaction: encodeTransaction(transaction) };
}

describe('an offer that the payer does not take', () => {
  const cases: readonly (readonly [string, RefusalCode, Partial<Offer>])[] = [
    ['the payer’s own key', 'key-repeated', { payeeKey: payerKey.publicKey }],
    ['an expiry below what it allows', 'expiry-too-near', { minExpiry: height(2_001) }],
    ['an expiry inside its margin', 'expiry-too-near', { closingMargin: 600 }],
    ['an expiry above what it allows', 'expiry-too-far', { maxExpiry: height(1_999) }],
    ['a payee script of any length', 'offer-malformed', { payeeScript: new Uint8Array(300).fill(0x51) }],
    ['a program on a chain without witnesses', 'offer-malformed', { payeeScript: Uint8Array.of(0, 20, ...new Uint8Array(20)) }],
    ['no payee script', 'offer-malformed', { payeeScript: new Uint8Array() }],
    ['a fixed fee for the miners to keep', 'fee-too-high', { signing: { kind: 'fixed', fee: amount(10n * DOGE) } }],
  ];
  for (const [name, code, alter] of cases) {
    test(`${name}: ${code}`, () => {
      const pair = new MachinePair();
      const input = { kind: 'create', expiry: height(2_000), keyName: 'm/1', returnScript } as const;
      assertRefused(pair.tellPayer({ ...input, offer: { ...pair.offer, ...alter } }), code);
      assert.equal(pair.payer, undefined);
      must(pair.tellPayer({ ...input, offer: pair.offer }));
      assert.equal(pair.payerState().kind, 'planned');
      assertRefused(pair.tellPayer({ ...input, offer: pair.offer }), 'channel-exists');
    });
  }

  for (const [name, payeeScript] of [
    ['P2WPKH', Uint8Array.of(0, 20, ...new Uint8Array(20).fill(7))],
    ['P2WSH', Uint8Array.of(0, 32, ...new Uint8Array(32).fill(7))],
    ['P2TR', Uint8Array.of(0x51, 32, ...new Uint8Array(32).fill(7))],
  ] as const) {
    test(`but one that pays to ${name} where the coin has that it takes`, () => {
      const pair = new MachinePair({ coin: litecoinRegtest });
      const input = { kind: 'create', expiry: height(2_000), keyName: 'm/1', returnScript } as const;
      must(pair.tellPayer({ ...input, offer: { ...pair.offer, payeeScript } }));
      const another = new MachinePair({ coin: litecoinRegtest });
      const unbound = Uint8Array.of(0x52, ...payeeScript.subarray(1));
      assertRefused(another.tellPayer({ ...input, offer: { ...another.offer, payeeScript: unbound } }), 'offer-malformed');
    });
  }

  test('a chain that does not enforce CLTV yet: contract-unfit', () => {
    const pair = new MachinePair();
    pair.tip = height(1_350);
    const input = { kind: 'create', expiry: height(2_000), keyName: 'm/1', returnScript, offer: pair.offer } as const;
    assertRefused(pair.tellPayer(input), 'contract-unfit');
    pair.tip = height(1_351);
    must(pair.tellPayer(input));
  });
});

describe('deposits', () => {
  test('what the payee would refuse is not funded', () => {
    const pair = new MachinePair({}, { minDeposit: amount(2n * DOGE), maxDeposit: amount(20n * DOGE) });
    pair.create();
    assertRefused(pair.tellPayer(fundInput(pair, [DOGE])), 'deposit-too-small');
    assertRefused(pair.tellPayer(fundInput(pair, [21n * DOGE])), 'deposit-too-large');
    assertRefused(pair.tellPayer(fundInput(pair, [MAX_AMOUNT, MAX_AMOUNT])), 'deposit-too-large');
    assertRefused(pair.tellPayer(fundInput(pair, [3n * DOGE, leastDeposit(pair.terms) - 1n])), 'deposit-too-small');
    assertRefused(
      pair.tellPayer(
        fundInput(
          pair,
          Array.from({ length: MAX_DEPOSITS + 1 }, () => DOGE),
        ),
      ),
      'deposit-too-many',
    );
    must(pair.tellPayer(fundInput(pair, [3n * DOGE])));
    assertRefused(pair.tellPayer(fundInput(pair, [3n * DOGE])), 'deposit-repeated');
    assert.equal(pair.payerState().offered.length, 1);
  });

  test('nothing is broadcast before launch; then again and again, harmlessly', () => {
    const pair = new MachinePair();
    pair.create();
    assertRefused(pair.tellPayer({ kind: 'launch' }), 'deposit-absent');
    assertRefused(pair.tellPayer({ kind: 'announce' }), 'deposit-absent');
    pair.fund([5n * DOGE]);
    pair.exchange({ kind: 'announce' });
    assert.equal(pair.broadcasts.length, 0);
    must(pair.tellPayer({ kind: 'launch' }));
    must(pair.tellPayer({ kind: 'launch' }));
    assert.deepEqual(new Set(pair.broadcasts.map(transactionId)).size, 1);
  });

  test('an abandoned channel never gets its coins: launch and announce are refused', () => {
    const pair = new MachinePair();
    pair.create();
    pair.fund([5n * DOGE]);
    must(pair.tellPayer({ kind: 'abandon' }));
    assertRefused(pair.tellPayer({ kind: 'launch' }), 'channel-ended');
    assertRefused(pair.tellPayer({ kind: 'announce' }), 'channel-ended');
    assert.equal(pair.broadcasts.length, 0);
    const other = new MachinePair().open(5n * DOGE);
    assertRefused(other.tellPayer({ kind: 'abandon' }), 'channel-ending');
  });

  test('a channel that is ending takes no more deposits, and lets go of one that was not broadcast', () => {
    const pair = new MachinePair().open(5n * DOGE);
    const input = fundInput(pair, [DOGE]);
    must(pair.tellPayer(input));
    must(pair.tellPayer({ kind: 'end' }));
    const [before] = [pair.broadcasts.length];
    assertRefused(pair.tellPayer({ kind: 'launch' }), 'channel-ending');
    assertRefused(pair.tellPayer(fundInput(pair, [DOGE], 501)), 'channel-ending');
    const [{ outpoint }] = input.deposits as readonly [FundInput['deposits'][number]];
    must(pair.tellPayer({ kind: 'withdraw', txid: outpoint.txid }));
    must(pair.tellPayer(pair.view()));
    assert.equal(pair.broadcasts.length, before);
    assert.equal(allDeposits(pair.payerState()).length, 1);
  });

  test('found outputs are taken in once, and only those worth their refund', () => {
    const pair = new MachinePair().open(5n * DOGE);
    const { deposits } = sampleFunding(pair.terms, [2n * DOGE, leastDeposit(pair.terms) - 1n, leastDeposit(pair.terms)]);
    const found = deposits.map((deposit) => ({ deposit, transaction: encodeTransaction(fundingOf(pair.terms, [deposit.value])) }));
    for (const deposit of deposits) pair.confirm(deposit);
    must(pair.tellPayer(pair.view([...found, ...found])));
    must(pair.tellPayer(pair.view(found)));
    assert.deepEqual(
      pair.payerState().offered.map(({ value }) => value),
      [2n * DOGE, leastDeposit(pair.terms)],
    );
    assert.equal(pair.exchange({ kind: 'announce' }).kind, 'accepted');
  });

  test('a stranger’s outputs can not keep a channel from being announced', () => {
    const pair = new MachinePair({}, { maxDeposit: amount(20n * DOGE) });
    pair.create();
    pair.fund([5n * DOGE]);
    const gifts = sampleFunding(pair.terms, [...Array.from({ length: 20 }, () => DOGE / 10n), 100n * DOGE]).deposits;
    for (const gift of gifts) pair.confirm(gift);
    must(pair.tellPayer({ kind: 'launch' }));
    must(pair.tellPayer(pair.view(gifts.map((deposit) => ({ deposit, transaction: new Uint8Array() })))));
    const reply = pair.exchange({ kind: 'announce' });
    assert.equal(reply.kind, 'accepted');
    assert.equal(pair.payeeState().deposits.length, MAX_DEPOSITS / 2);
    assert.deepEqual(pair.openPayer().deposits, pair.payeeState().deposits);
    assert.equal(pair.openPayer().offered.length, 22 - MAX_DEPOSITS / 2);
  });
});

/** The payer has a payment on its way that the payee has not seen. */
function pending(total: bigint): MachinePair {
  const pair = new MachinePair().open(10n * DOGE);
  pair.request({ kind: 'pay', total: amount(total), price: amount(total) });
  return pair;
}

describe('answers that are not true', () => {
  test('an acceptance whose capacity matches nothing, or of another channel, opens nothing', () => {
    const pair = new MachinePair();
    pair.create();
    pair.fund([5n * DOGE, 3n * DOGE]);
    must(pair.tellPayer({ kind: 'launch' }));
    const { channel } = pair.payerState();
    const accepted = (capacity: bigint, of = channel): Accepted => ({ kind: 'accepted', channel: of, capacity: amount(capacity) });
    for (const lie of [accepted(3n * DOGE), accepted(9n * DOGE), accepted(0n), accepted(5n * DOGE, OTHER)]) {
      pair.answer('announce', lie);
      assert.equal(pair.payerState().kind, 'funding');
    }
    pair.answer('announce', accepted(5n * DOGE));
    assert.deepEqual([pair.openPayer().deposits.length, pair.openPayer().offered.length], [1, 1]);
  });

  test('a receipt for another total, or of another channel, is no receipt', () => {
    const pair = pending(2n * DOGE);
    const { channel } = pair.payerState();
    const receipt = (total: bigint, of = channel): Receipt => ({
      ...{ kind: 'receipt', channel: of, total: amount(total), spent: amount(0n), capacity: amount(10n * DOGE) },
    });
    for (const lie of [receipt(3n * DOGE), receipt(DOGE), receipt(2n * DOGE, OTHER)]) {
      pair.answer('payment', lie);
      assert.deepEqual([pair.openPayer().best, pair.openPayer().pending?.payment.total], [undefined, 2n * DOGE]);
    }
    pair.answer('payment', receipt(2n * DOGE));
    assert.deepEqual([pair.openPayer().best?.total, pair.openPayer().spent, pair.openPayer().pending], [2n * DOGE, 2n * DOGE, undefined]);
  });

  test('a refusal that shows a best the payer never signed is not believed', () => {
    const pair = pending(2n * DOGE);
    const { terms, deposits } = pair.openPayer();
    const forged = must(terms.contract.sign(terms, deposits, amount(9n * DOGE), payeeKey));
    const lies: readonly Record<string, string>[] = [
      { best: String(9n * DOGE), signatures: forged.signatures.map(bytesToHex).join(',') },
      { best: String(9n * DOGE), signatures: '' },
      { best: String(MAX_AMOUNT), signatures: 'zz,00,' },
      { best: '-1', signatures: 'a'.repeat(4_000) },
      { best: String(11n * DOGE), signatures: bytesToHex(new Uint8Array(64)) },
    ];
    for (const detail of lies) {
      pair.answer('payment', refuse('total-lower', detail));
      assert.equal(pair.openPayer().best, undefined);
      assert.equal(pair.openPayer().signed, 2n * DOGE, 'what was signed stays signed');
    }
    assert.equal(pair.pay(2n * DOGE).kind, 'receipt');
  });

  test('a state with another’s best, or of another channel, is not believed', () => {
    const pair = new MachinePair().open(10n * DOGE);
    pair.pay(DOGE, DOGE);
    const { terms, deposits, channel } = pair.openPayer();
    const forged = must(terms.contract.sign(terms, deposits, amount(9n * DOGE), keyNumber(88)));
    const own = must(terms.contract.sign(terms, deposits, amount(3n * DOGE), payerKey));
    const state = (best: State['best'] & object, of = channel): State => ({
      ...{ kind: 'state', channel: of, status: 'open', capacity: amount(10n * DOGE), spent: best.total, deposits, best },
    });
    for (const lie of [state(forged), state(own, OTHER)]) {
      pair.answer('state-request', lie);
      assert.deepEqual([pair.openPayer().best?.total, pair.openPayer().spent], [DOGE, DOGE]);
    }
    pair.answer('state-request', state(own));
    assert.deepEqual([pair.openPayer().best?.total, pair.openPayer().spent], [3n * DOGE, 3n * DOGE]);
  });

  test('a lower best than its own does not set the payer back, nor does word of less spent', () => {
    const pair = new MachinePair().open(10n * DOGE);
    pair.pay(DOGE, DOGE);
    const { best } = pair.openPayer();
    pair.pay(3n * DOGE, 2n * DOGE);
    const before = pair.payer;
    const { channel, deposits } = pair.openPayer();
    assert.ok(best !== undefined);
    const old: State = { kind: 'state', channel, status: 'open', capacity: amount(10n * DOGE), spent: amount(0n), deposits, best };
    pair.answer('state-request', old);
    assert.deepEqual(pair.payer, before);
  });

  test('an agreed end with another transaction is not broadcast', () => {
    const pair = new MachinePair().open(10n * DOGE);
    const request = pair.request({ kind: 'end' });
    const reply = pair.ask(request);
    if (reply.kind !== 'ended') assert.fail(reply.kind);
    const { transaction } = reply;
    const [sent] = [pair.broadcasts.length];
    const [out] = transaction.outputs;
    const lies: readonly Reply[] = [
      { ...reply, transaction: { ...transaction, outputs: [] } },
      { ...reply, transaction: { ...transaction, outputs: [{ value: out?.value ?? 0n, script: p2pkh(payeeKey.publicKey) }] } },
      { ...reply, transaction: { ...transaction, lockTime: 1 } },
      { ...reply, channel: OTHER },
    ];
    for (const lie of lies) {
      pair.answer('end', lie);
      assert.equal(pair.broadcasts.length, sent);
      assert.deepEqual(pair.request({ kind: 'end' }), request);
    }
    pair.answer('end', reply);
    assert.equal(pair.broadcasts.length, sent + 1);
  });
});

describe('lost answers', () => {
  test('one payment at a time: an unanswered one is sent again, to the byte', () => {
    const pair = new MachinePair().open(10n * DOGE);
    const first = pair.request({ kind: 'pay', total: amount(DOGE), price: amount(DOGE) });
    assertRefused(pair.tellPayer({ kind: 'pay', total: amount(2n * DOGE), price: amount(DOGE) }), 'payment-unanswered');
    assertRefused(pair.tellPayer({ kind: 'end' }), 'payment-unanswered');
    pair.ask(first);
    assert.deepEqual(pair.request({ kind: 'resend' }), first);
    assert.equal(pair.exchange({ kind: 'resend' }).kind, 'receipt');
    assert.equal(pair.pay(2n * DOGE).kind, 'receipt');
  });

  test('a payer set back to an old state takes over what it signed, and can buy again', () => {
    const pair = new MachinePair().open(10n * DOGE);
    pair.pay(DOGE, DOGE);
    const old: PayerState = pair.openPayer();
    const ids = ['a1', 'b2', 'c3'].map((pairOfDigits) => pairOfDigits.repeat(16));
    for (const [i, id] of ids.slice(0, 2).entries()) {
      pair.invoice(id, DOGE);
      pair.pay(BigInt(i + 2) * DOGE, DOGE, id);
    }
    pair.payer = old;
    assertRefused(pair.pay(2n * DOGE, DOGE), 'total-lower');
    const { best, spent, signed } = pair.openPayer();
    assert.deepEqual([best?.total, spent, signed], [3n * DOGE, 2n * DOGE, 3n * DOGE]);
    const [, , third = ''] = ids;
    pair.invoice(third, DOGE);
    const total = must(totalFor(pair.openPayer(), amount(DOGE)));
    const reply = pair.pay(total, DOGE, third);
    assert.equal(isRefusal(reply) ? reply.code : reply.kind, 'receipt');
    assert.equal(pair.payee?.spent, 3n * DOGE);
  });

  test('set back, and buying more than it forgot, it is told what it forgot', () => {
    const pair = new MachinePair().open(10n * DOGE);
    const old = pair.payer;
    pair.invoice('a1'.repeat(16), DOGE);
    pair.pay(DOGE, DOGE, 'a1'.repeat(16));
    pair.payer = old;
    pair.invoice('b2'.repeat(16), 3n * DOGE);
    const buy = (): Reply => pair.pay(must(totalFor(pair.openPayer(), amount(3n * DOGE))), 3n * DOGE, 'b2'.repeat(16));
    assertRefused(buy(), 'invoice-unmet');
    assert.deepEqual([pair.openPayer().best?.total, pair.openPayer().spent], [DOGE, DOGE]);
    assert.equal(buy().kind, 'receipt');
  });

  test('a resync does the same without a payment', () => {
    const pair = new MachinePair().open(10n * DOGE);
    const old = pair.payer;
    pair.invoice('a1'.repeat(16), 2n * DOGE);
    pair.pay(3n * DOGE, 2n * DOGE, 'a1'.repeat(16));
    pair.payer = old;
    pair.exchange({ kind: 'resync' });
    assert.deepEqual([pair.openPayer().best?.total, pair.openPayer().spent], [3n * DOGE, 2n * DOGE]);
    assert.equal(must(totalFor(pair.openPayer(), amount(DOGE))), 3n * DOGE + 1n, 'its credit of 1 pays, and a payment is a new total');
  });

  test('a top-up whose acceptance was lost does not block the end for good', () => {
    const pair = new MachinePair().open(10n * DOGE);
    pair.fund([5n * DOGE]);
    must(pair.tellPayer({ kind: 'launch' }));
    pair.ask(pair.request({ kind: 'announce' }));
    assert.equal(pair.payee?.deposits.length, 2);
    const refused = pair.exchange({ kind: 'end' });
    assertRefused(refused, 'agreement-malformed');
    assert.equal(pair.payerState().kind, 'open');
    pair.exchange({ kind: 'announce' });
    assert.equal(pair.exchange({ kind: 'end' }).kind, 'ended');
  });

  test('an end below the payee’s best brings the best with it, and the next one is agreed', () => {
    const pair = new MachinePair().open(10n * DOGE);
    const old = pair.payer;
    pair.pay(2n * DOGE, 2n * DOGE);
    pair.payer = old;
    assertRefused(pair.exchange({ kind: 'end' }), 'agreement-short');
    assert.equal(pair.openPayer().best?.total, 2n * DOGE);
    assert.equal(pair.exchange({ kind: 'end' }).kind, 'ended');
  });

  test('a payee that closes by itself leaves the end to the chain', () => {
    const pair = new MachinePair().open(10n * DOGE);
    pair.pay(2n * DOGE);
    must(pair.tellPayee({ kind: 'close' }));
    assertRefused(pair.exchange({ kind: 'end' }), 'channel-ending');
    assert.equal(pair.payerState().kind, 'ending');
  });
});

describe('totals', () => {
  const opened = (...values: readonly bigint[]): MachinePair => new MachinePair().open(...values);

  test('a price is added to what is spent, and credit is used up first', () => {
    const pair = opened(10n * DOGE);
    assert.equal(must(totalFor(pair.openPayer(), amount(DOGE))), DOGE);
    pair.pay(3n * DOGE, DOGE);
    assert.equal(must(totalFor(pair.openPayer(), amount(3n * DOGE))), 4n * DOGE);
    assert.equal(must(totalFor(pair.openPayer(), amount(DOGE))), 3n * DOGE + 1n);
  });

  test('a gap too small for change is paid too; what the deposits do not hold is refused, whatever the price', () => {
    const pair = opened(10n * DOGE);
    assert.equal(must(totalFor(pair.openPayer(), amount(10n * DOGE - 1n))), 10n * DOGE);
    assert.equal(must(totalFor(pair.openPayer(), amount(10n * DOGE - 1_000_000n))), 10n * DOGE - 1_000_000n);
    pair.pay(DOGE, DOGE);
    for (const price of [10n * DOGE, 2n ** 53n, MAX_AMOUNT])
      assertRefused(totalFor(pair.openPayer(), amount(price)), 'total-above-capacity');
  });

  test('the first payment covers its own close', () => {
    const pair = opened(10n * DOGE);
    const total = must(totalFor(pair.openPayer(), amount(1n)));
    assert.equal(pair.pay(total, 1n).kind, 'receipt');
    assert.ok(total > pair.terms.coin.policy.dust);
  });

  test('what does not pay for what it buys is not signed: invoice-unmet', () => {
    const pair = opened(10n * DOGE);
    pair.pay(DOGE, DOGE);
    for (const price of [DOGE + 1n, MAX_AMOUNT]) {
      assertRefused(pair.tellPayer({ kind: 'pay', total: amount(2n * DOGE), price: amount(price) }), 'invoice-unmet');
    }
    assert.equal(pair.pay(2n * DOGE, DOGE).kind, 'receipt');
  });

  test('totals that are not higher, or come inside the margin, are not signed', () => {
    const pair = opened(10n * DOGE);
    pair.pay(2n * DOGE);
    for (const total of [0n, DOGE, 2n * DOGE]) {
      assertRefused(pair.tellPayer({ kind: 'pay', total: amount(total), price: amount(0n) }), 'total-lower');
    }
    pair.tip = height(1_880);
    assertRefused(pair.tellPayer({ kind: 'pay', total: amount(3n * DOGE), price: amount(0n) }), 'margin-reached');
    pair.tip = height(1_879);
    assert.equal(pair.pay(3n * DOGE).kind, 'receipt');
  });

  test('what the payer may get back counts every total it ever signed, refused or not', () => {
    const pair = opened(10n * DOGE);
    const least: Amount[] = [leastReturn(pair.payerState())];
    pair.request({ kind: 'pay', total: amount(4n * DOGE), price: amount(0n) });
    pair.answer('payment', refuse('funding-reorganised'));
    least.push(leastReturn(pair.payerState()));
    pair.pay(DOGE);
    least.push(leastReturn(pair.payerState()));
    assert.deepEqual(least, [10n * DOGE, 6n * DOGE, 6n * DOGE]);
  });
});
