import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { checkerFor } from '../src/chain/regtest/checker.ts';
import { verifyScript } from '../src/chain/regtest/interpreter.ts';
import { createRegtest, Regtest } from '../src/chain/regtest/regtest.ts';
import { STANDARD_FLAGS } from '../src/chain/regtest/script-flags.ts';
import { type Amount, amount, ZERO } from '../src/core/base/amount.ts';
import { equalBytes } from '../src/core/base/bytes.ts';
import { height } from '../src/core/base/height.ts';
import { isRefusal } from '../src/core/base/refusal.ts';
import { dogecoinRegtest } from '../src/core/coin/dogecoin.ts';
import { capacityOf, type Deposit, payerScript, type Terms } from '../src/core/contract/contract.ts';
import { revocable } from '../src/core/contract/revocable.ts';
import type { Pay } from '../src/core/message/message.ts';
import { hash160, p2pkh, readScript } from '../src/core/tx/script.ts';
import { sameOutpoint, type Transaction, transactionId } from '../src/core/tx/transaction.ts';
import { fastestVerifier } from '../src/engine/verifier.ts';
import { ChannelWorld } from './world/channel-world.ts';
import { embedded } from './world/embedded.ts';
import { MachinePair } from './world/machine-pair.ts';
import { assertRefused, keyNumber, must, payeeKey, payerKey, sampleFunding, sampleTerms } from './world/sample.ts';

const DOGE = 100_000_000n;
const HASH = hash160(new Uint8Array(32).fill(5));
const verifier = await fastestVerifier();
const { verify } = verifier;
const revocation = revocable.revocation ?? assert.fail();
const feeRate = dogecoinRegtest.policy.feeRate;
const to = { script: p2pkh(keyNumber(9).publicKey), feeRate };

function opened(...values: readonly bigint[]): MachinePair {
  return new MachinePair({ contract: revocable }).open(...values);
}

/** A commit as the payer sends it, not answered yet. */
function signed(pair: MachinePair, total: bigint): Pay {
  const request = pair.request({ kind: 'pay', total: amount(total), price: ZERO });
  return request.kind === 'payment' ? request : assert.fail(request.kind);
}

/** What the payee would close with now. */
function closeOf(pair: MachinePair): Transaction {
  const { best, terms, deposits } = pair.payeeState();
  return best === undefined ? assert.fail('nothing') : must(revocable.close([{ terms, deposits, payment: best, signer: payeeKey }], to));
}

function giveBack(pair: MachinePair, value: bigint): void {
  must(pair.tellPayee({ kind: 'give-back', order: `${value}`, amount: amount(value) }));
  const state = pair.exchange({ kind: 'resync' });
  const offered = state.kind === 'state' ? state.revocation?.giveBack : undefined;
  assert.equal(pair.exchange({ kind: 'take-back', ...(offered ?? assert.fail()) }).kind, 'receipt');
}

function chain(): Regtest {
  const regtest = createRegtest({ coin: dogecoinRegtest, relay: 'peer', verify });
  regtest.mine(1_360);
  return regtest;
}

/** A coin at the channel's script, whoever made it. */
function coinAt(regtest: Regtest, terms: Terms, value: Amount): Deposit {
  const { txid } = regtest.fund(revocable.outputScript(terms), value) ?? assert.fail('the faucet is empty');
  regtest.mine(1);
  return { outpoint: { txid, vout: 0 }, value };
}

/** Neither relayed nor taken by a block that somebody makes of it. */
function assertTakenByNobody(regtest: Regtest, tx: Transaction, reason: RegExp): void {
  for (const outcome of [regtest.broadcast(tx), regtest.mineBlock([tx], { payTo: to.script })]) {
    assert.match(outcome.kind === 'refused' ? outcome.reason : outcome.kind, reason);
  }
}

test('a commit that is not the payer’s word for just this is not taken; the one that is closes the channel', () => {
  const pair = opened(100n * DOGE);
  const right = signed(pair, 30n * DOGE);
  const { payment, channel } = right;
  const [signature = assert.fail()] = payment.signatures;
  const { terms } = pair;
  const other = sampleFunding(terms, [99n * DOGE]).deposits;
  const hash = pair.hash ?? assert.fail();
  const later = { ...terms, revocation: { ...(terms.revocation ?? assert.fail()), payoutDelay: 65_535 } };
  const elsewhere = { ...terms, payeeKey: keyNumber(50).publicKey };
  const { deposits } = pair.payeeState();
  const total = payment.total;
  const wrong: readonly (readonly [string, Pay['payment']])[] = [
    ['another total', { ...payment, total: amount(31n * DOGE) }],
    ['more than there is', { ...payment, total: amount(101n * DOGE) }],
    ['another hash', { ...payment, hash: HASH }],
    ['no signature', { ...payment, signatures: [] }],
    ['the signature twice', { ...payment, signatures: [signature, signature] }],
    ['signed by a stranger', must(revocable.sign(terms, deposits, total, keyNumber(50), hash))],
    ['of another deposit', must(revocable.sign(terms, other, total, payerKey, hash))],
    ['held for longer', must(revocable.sign(later, deposits, total, payerKey, hash))],
    ['held for another payee', must(revocable.sign(elsewhere, deposits, total, payerKey, hash))],
  ];
  for (const [name, one] of wrong) {
    assert.ok(isRefusal(pair.ask({ kind: 'payment', channel, payment: one })), name);
    assert.equal(pair.payeeState().best, undefined, name);
  }
  assert.equal(pair.ask(right).kind, 'receipt');
  const close = closeOf(pair);
  const unlock = close.inputs[0]?.script ?? assert.fail();
  assert.equal(verifyScript(unlock, revocable.outputScript(terms), STANDARD_FLAGS, checkerFor(close, 0)), undefined);
});

test('neither side opens a channel whose windows are too short, whoever names them; the least that is named will do', () => {
  for (const window of ['payoutDelay', 'closingMargin'] as const) {
    const short = new MachinePair({ contract: revocable }, { [window]: 1 });
    const created = { kind: 'create', expiry: short.terms.expiry, keyName: 'm/1', returnScript: to.script } as const;
    const refused = short.tellPayer({ ...created, offer: short.offer });
    assertRefused(refused, 'window-too-short', `payer, ${window}`);
    const least = Number(refused.detail['least']);
    const enough = new MachinePair({ contract: revocable }, { [window]: least });
    enough.create();
    enough.fund([10n * DOGE]);
    assertRefused(short.ask({ ...enough.announcement(), offer: short.offer }), 'window-too-short', `payee, ${window}`);
    const less = new MachinePair({ contract: revocable }, { [window]: least - 1 });
    assertRefused(less.tellPayer({ ...created, offer: less.offer }), 'window-too-short', `one less of ${window}`);
    assert.equal(enough.exchange({ kind: 'announce' }).kind, 'accepted');
  }
});

test('the age of a coin opens nothing: an old one at the same script is refunded no earlier than the deposit', () => {
  const regtest = chain();
  const terms = sampleTerms({ contract: revocable, expiry: height(1_460) });
  const old = coinAt(regtest, terms, amount(20n * DOGE));
  regtest.mine(80);
  const young = coinAt(regtest, terms, amount(10n * DOGE));
  const refund = (...deposits: readonly Deposit[]): Transaction => must(revocable.refund(terms, deposits, to, payerKey));
  regtest.mine(1_459 - regtest.tip.height);
  for (const tx of [refund(old), refund(young), refund(old, young)]) assertTakenByNobody(regtest, tx, /non-final|nonfinal/);
  regtest.mine(1);
  assert.equal(regtest.broadcast(refund(old, young)).kind, 'accepted');
});

test('any two commits of a channel spend the same deposit, whatever coins come to its script later', () => {
  const terms = sampleTerms({ contract: revocable });
  const values = fc.array(fc.bigInt(10n * DOGE, 1_000n * DOGE), { minLength: 1, maxLength: 6 });
  const share = fc.integer({ min: 100, max: 900 });
  let planned = 0;
  fc.assert(
    fc.property(values, share, share, fc.nat(5), (all, one, two, before) => {
      const { deposits } = sampleFunding(terms, all);
      // The first is made when fewer deposits are known.
      const known = deposits.slice(0, 1 + (before % deposits.length));
      const plans = [
        [known, one],
        [deposits, two],
      ] as const;
      for (const [of, part] of plans) {
        const plan = revocable.plan(terms, of, amount((capacityOf(of) * BigInt(part)) / 1_000n), HASH);
        if (isRefusal(plan)) continue;
        planned++;
        const [first = assert.fail()] = deposits;
        assert.ok(plan.inputs.some(({ deposit }) => sameOutpoint(deposit.outpoint, first.outpoint)));
      }
    }),
  );
  assert.ok(planned > 0);
  const regtest = chain();
  const deposits = [coinAt(regtest, terms, amount(10n * DOGE))];
  const closed = (of: readonly Deposit[], total: bigint): Transaction => {
    const payment = must(revocable.sign(terms, of, amount(total), payerKey, HASH));
    return must(revocable.close([{ terms, deposits: of, payment, signer: payeeKey }], to));
  };
  const before = closed(deposits, 5n * DOGE);
  deposits.push(coinAt(regtest, terms, amount(100n * DOGE)));
  const after = closed(deposits, 60n * DOGE);
  assert.equal(regtest.broadcast(before).kind, 'accepted');
  regtest.mine(1);
  assertTakenByNobody(regtest, after, /inputs|missing/i);
});

test('the penalty does not wait where it pays too little: it is raised as the payout nears', () => {
  const pair = opened(100n * DOGE);
  pair.pay(80n * DOGE);
  const old = closeOf(pair);
  giveBack(pair, 70n * DOGE);
  pair.spend(old, 1);
  const held = { outpoint: { txid: transactionId(old), vout: 1 }, value: amount(80n * DOGE) };
  pair.confirm(held, 1);
  const penalty = (): Transaction | undefined => {
    pair.broadcasts.length = 0;
    must(pair.tellPayer(pair.view()));
    return pair.broadcasts.find(({ inputs }) => inputs.some(({ outpoint }) => sameOutpoint(outpoint, held.outpoint)));
  };
  const feeOf = (tx: Transaction | undefined): bigint => held.value - (tx?.outputs[0]?.value ?? assert.fail('no penalty'));
  const first = penalty() ?? assert.fail('no penalty');
  assert.equal(first.lockTime, 0);
  pair.spend(first, 0);
  assert.equal(penalty(), undefined, 'one that waits is let be while there is time');
  const at = revocation.payoutAt(pair.terms);
  const fees = [2_000, 1_000, 10].map((left) => {
    pair.tip = height(at - left);
    const raised = penalty() ?? assert.fail(`${left} blocks before the payout`);
    pair.spend(raised, 0);
    return feeOf(raised);
  });
  for (const [i, fee] of fees.entries()) assert.ok(fee > (fees[i - 1] ?? feeOf(first)), `${fees}`);
});

test('a payout shows no secret, and none opens the deposit; the change of a close is the payer’s own, not at the script again', () => {
  const pair = opened(100n * DOGE);
  pair.pay(30n * DOGE);
  const close = closeOf(pair);
  const payout = must(revocation.payout(pair.terms, revocation.outputs(pair.terms, close, [pair.hash ?? assert.fail()]), to, payeeKey));
  const pushes = readScript(payout.inputs[0]?.script ?? assert.fail()) ?? assert.fail();
  assert.ok(pushes.length === 3 && !pushes.some((push) => push instanceof Uint8Array && push.length === 32));
  const deposit = readScript(revocable.redeemScript(pair.terms)) ?? assert.fail();
  assert.ok(!deposit.some((part) => typeof part === 'string' && /HASH|SHA|RIPEMD/.test(part)));
  assert.ok(close.outputs.some(({ script }) => equalBytes(script, payerScript(pair.terms))));
  assert.ok(!close.outputs.some(({ script }) => equalBytes(script, revocable.outputScript(pair.terms))));
});

test('a channel that closes takes no payment, gives nothing back and shows no secret', () => {
  const pair = opened(100n * DOGE);
  pair.pay(30n * DOGE);
  must(pair.tellPayee({ kind: 'give-back', order: 'before', amount: amount(10n * DOGE) }));
  const state = pair.exchange({ kind: 'resync' });
  const offered = (state.kind === 'state' ? state.revocation?.giveBack : undefined) ?? assert.fail();
  const lower = pair.request({ kind: 'take-back', ...offered });
  must(pair.tellPayee({ kind: 'close' }));
  assertRefused(pair.ask(lower), 'channel-ending');
  assertRefused(pair.tellPayee({ kind: 'give-back', order: 'behind', amount: amount(DOGE) }), 'channel-ending');
  assert.equal(pair.payeeState().revoked, undefined);
  const told = pair.ask({ kind: 'state-request', channel: pair.payeeState().channel });
  assert.ok(told.kind === 'state' && told.revocation?.secrets === undefined);
  const more = must(revocable.sign(pair.terms, pair.payeeState().deposits, amount(40n * DOGE), payerKey, pair.hash));
  assertRefused(pair.ask({ kind: 'payment', channel: pair.payeeState().channel, payment: more }), 'channel-ending');
});

test('a payout whose block is undone is mined again, and is the payee’s all the same', async () => {
  const regtest = new Regtest({ coin: dogecoinRegtest, verify });
  regtest.mine(1_360);
  const world = await ChannelWorld.open(embedded(regtest, verifier), { terms: { contract: revocable } });
  const channel = await world.openChannel(400);
  await world.buy(channel, 5);
  const close = await world.close(channel);
  await world.mine(1);
  const { terms } = await world.payeeState(channel);
  await world.mineBefore(revocation.payoutAt(terms));
  for (let i = 0; i < 2; i++) await world.mine(1);
  const undone = regtest.block(regtest.tip.height) ?? assert.fail();
  assert.ok(spendsHeld(close, undone.transactions));
  assert.ok(regtest.invalidate(undone.hash));
  await world.mine(1);
  assert.ok(spendsHeld(close, regtest.block(regtest.tip.height)?.transactions ?? []));
  await world.bury();
  const [payee, payer] = [await world.payeeState(channel), await world.payer(channel)];
  assert.ok(payee.kind === 'ended' && payee.how === 'closed' && (payee.received ?? ZERO) > world.price * 4n);
  assert.ok(payer.kind === 'ended' && payer.how === 'closed');
});

function spendsHeld(close: Transaction, block: readonly { readonly transaction: Transaction }[]): boolean {
  const outpoint = { txid: transactionId(close), vout: close.outputs.length - 1 };
  return block.some(({ transaction }) => transaction.inputs.some((input) => sameOutpoint(input.outpoint, outpoint)));
}
