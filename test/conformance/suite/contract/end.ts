import assert from 'node:assert/strict';
import { type Amount, amount, feeFor, ZERO } from '../../../../src/core/base/amount.ts';
import { hexToBytes } from '../../../../src/core/base/bytes.ts';
import type { Agreement } from '../../../../src/core/contract/agreement.ts';
import { refundSize } from '../../../../src/core/contract/tx-size.ts';
import { p2pkh, p2sh, readScript, script } from '../../../../src/core/tx/script.ts';
import type { Transaction } from '../../../../src/core/tx/transaction.ts';
import { assertRefused, must } from '../../../world/sample.ts';
import { altered, type Case, type Channel, feeOf, spoilt, type World } from './world.ts';

function agreed(world: World, { terms, deposits }: Channel, agreement: Agreement): Transaction {
  return must(world.contract.agree(terms, deposits, agreement));
}

function endsByAgreement(world: World): void {
  for (const [deposits, dusts] of [
    [[1_000n], 0n],
    [[1_000n], 300n],
    [[500n, 300n], 0n],
    [[500n, 300n], 600n],
  ] as const) {
    const channel = world.channel({ deposits });
    const { terms, payer, payee } = channel;
    const total = world.money(dusts);
    const fee = world.closingFee(deposits.length, dusts === 0n ? 1 : 2);
    const payerScript = p2pkh(world.key().publicKey);
    const unsigned = agreed(world, channel, { total, payerScript, fee });
    const rest = { value: world.money(deposits.reduce((sum, value) => sum + value, 0n)) - total - fee, script: payerScript };
    assert.deepEqual(unsigned.outputs, dusts === 0n ? [rest] : [rest, { value: total, script: terms.payeeScript }]);
    const ofPayer = world.contract.signAgreement(terms, unsigned, payer);
    const ofPayee = world.contract.signAgreement(terms, unsigned, payee);
    assert.ok(world.contract.verifyAgreement(terms, unsigned, ofPayer, world.subject.verify));
    world.refuses(world.contract.completeAgreement(terms, unsigned, ofPayer, ofPayer), /script-verify-flag/);
    const whole = world.contract.completeAgreement(terms, unsigned, ofPayer, ofPayee);
    assert.equal(feeOf(whole, channel.deposits), fee);
    world.assertCost(whole, channel.deposits, Number.MAX_SAFE_INTEGER);
    world.accepts(whole);
  }
}

function checksAgreedSignatures(world: World): void {
  const channel = world.channel({ deposits: [500n, 300n] });
  const { terms, payer, payee } = channel;
  const agreement = { total: world.money(600n), payerScript: p2pkh(payer.publicKey), fee: world.closingFee(2, 2) };
  const unsigned = agreed(world, channel, agreement);
  const right = world.contract.signAgreement(terms, unsigned, payer);
  const other = agreed(world, channel, { ...agreement, total: world.money(601n) });
  const [first, second] = right;
  assert.ok(first !== undefined && second !== undefined);
  const wrong = [
    [],
    [first],
    [first, second, second],
    [second, first],
    [spoilt(first), second],
    [first, spoilt(second)],
    world.contract.signAgreement(terms, unsigned, payee),
    world.contract.signAgreement(terms, other, payer),
  ];
  const { verify } = world.subject;
  for (const [i, signatures] of wrong.entries()) {
    assert.ok(!world.contract.verifyAgreement(terms, unsigned, signatures, verify), `wrong ${i}`);
  }
  assert.ok(world.contract.verifyAgreement(terms, unsigned, right, verify), 'control');
}

function edgesOfAgreements(world: World): void {
  const { dust } = world;
  const channel = world.channel();
  const payerScript = p2pkh(channel.payer.publicKey);
  const all = world.money(1_000n);
  const refuses = (agreement: Agreement, label: string): void =>
    assertRefused(world.contract.agree(channel.terms, channel.deposits, agreement), 'agreement-malformed', label);
  const edge = (total: Amount, fee: Amount): Agreement => ({ total, fee, payerScript });
  const [one, two] = [world.closingFee(1, 1), world.closingFee(1, 2)];
  refuses(edge(ZERO, amount(one - 1n)), 'a fee too low, one output');
  refuses(edge(dust, amount(two - 1n)), 'a fee too low, two outputs');
  refuses(edge(amount(dust - 1n), two), 'a total below dust');
  refuses(edge(amount(1n), two), 'a total of one');
  const most = amount(all - two - dust);
  refuses(edge(amount(most + 1n), two), 'a rest below dust');
  refuses(edge(all, two), 'nothing for the fee');
  refuses(edge(dust, amount(world.coin.policy.maxFee + 1n)), 'a fee too high');
  refuses({ ...edge(dust, two), payerScript: hexToBytes('6a') }, 'a script nobody relays');
  refuses({ ...edge(dust, two), payerScript: new Uint8Array() }, 'no script');
  assertRefused(world.contract.agree(channel.terms, [], edge(ZERO, one)), 'agreement-malformed', 'no deposits');
  for (const fine of [edge(ZERO, one), edge(dust, two), { ...edge(dust, two), payerScript: p2sh(payerScript) }])
    agreed(world, channel, fine);
  const unsigned = agreed(world, channel, edge(most, two));
  assert.equal(unsigned.outputs[0]?.value, dust);
  const [ofPayer, ofPayee] = [channel.payer, channel.payee].map((side) => world.contract.signAgreement(channel.terms, unsigned, side));
  world.accepts(world.contract.completeAgreement(channel.terms, unsigned, ofPayer ?? [], ofPayee ?? []));
}

function refundsAtExpiry(world: World): void {
  for (const deposits of [[1_000n], [500n, 300n]]) {
    const channel = world.channel({ deposits, life: 10 });
    const { terms, payer, payee } = channel;
    const tx = must(world.contract.refund(terms, channel.deposits, world.payout, payer));
    world.assertCost(tx, channel.deposits, refundSize(terms, deposits.length));
    assert.deepEqual(
      tx.outputs.map(({ script: output }) => output),
      [world.payout.script],
    );
    const opens = world.opensAt(channel);
    world.paced.mineBefore(opens);
    world.refuses(tx, /non-(BIP68-)?final/);
    world.refuses(
      altered(channel, payer, tx, (whole) => ({ ...whole, lockTime: world.paced.reached(opens) })),
      LATE,
    );
    world.refuses(
      altered(channel, payer, tx, (whole) => ({ ...whole, lockTime: 0 })),
      LATE,
    );
    const final = (whole: Transaction): Transaction => ({
      ...whole,
      inputs: whole.inputs.map((input) => ({ ...input, sequence: 0xffff_ffff })),
    });
    world.refuses(altered(channel, payer, tx, final), LATE);
    world.paced.mine(1);
    world.refuses(must(world.contract.refund(terms, channel.deposits, world.payout, payee)), /script-verify-flag/);
    world.accepts(tx);
  }
}

/** What a refund is told that is not locked to the expiry: by the script's lock, or since the payee has signed no such refund. */
const LATE = /Locktime|BIP68|Signature|evaluated|script-verify-flag/;

/** The payee may close after expiry too, as long as the refund is not there first. */
function closesAfterExpiry(world: World): void {
  const channel = world.channel({ life: 10 });
  const tx = world.closed(channel, world.money(300n));
  world.paced.mineBefore(world.opensAt(channel));
  world.paced.mine(2);
  world.accepts(tx);
  const refund = must(world.contract.refund(channel.terms, channel.deposits, world.payout, channel.payer));
  world.refuses(refund, /inputs/);
}

function edgesOfRefunds(world: World): void {
  const channel = world.channel({ life: 10 });
  const { terms, payer } = channel;
  assertRefused(world.contract.refund(terms, [], world.payout, payer), 'nothing-to-close');
  const least = amount(world.dust + feeFor(refundSize(terms, 1), world.coin.policy.feeRate));
  const worth = (value: bigint): typeof channel.deposits => channel.deposits.map((deposit) => ({ ...deposit, value: amount(value) }));
  assertRefused(world.contract.refund(terms, worth(least - 1n), world.payout, payer), 'fee-unaffordable');
  assert.equal(must(world.contract.refund(terms, worth(least), world.payout, payer)).outputs[0]?.value, world.dust);
  const absurd = { ...world.payout, feeRate: amount(world.coin.policy.maxFee * 10n) };
  assertRefused(world.contract.refund(terms, worth(world.coin.policy.maxFee * 100n), absurd, payer), 'fee-unaffordable');
  const made = world.released(channel, [world.coinFor(world.contract.outputScript(terms), least)]);
  world.paced.mineBefore(world.opensAt({ terms, deposits: made }));
  world.paced.mine(1);
  world.accepts(must(world.contract.refund(terms, made, world.payout, payer)));
}

function recognises(world: World): void {
  const channel = world.channel({ life: 10 });
  const close = world.closed(channel, world.money(300n)).inputs[0]?.script ?? assert.fail('an input');
  const refund =
    must(world.contract.refund(channel.terms, channel.deposits, world.payout, channel.payer)).inputs[0]?.script ?? assert.fail();
  assert.equal(world.contract.recognise(close), 'close');
  assert.equal(world.contract.recognise(refund), 'refund');
  const redeemScript = world.contract.redeemScript(channel.terms);
  const foreign = {
    nothing: new Uint8Array(),
    'a P2PKH input': script(new Uint8Array(72), channel.payer.publicKey),
    'the script alone': script(redeemScript),
    'cut off': close.subarray(0, close.length - 1),
    'another last push, as for a close': script(...(readScript(close) ?? []).slice(0, -1), new Uint8Array(redeemScript.length)),
    'another last push, as for a refund': script(...(readScript(refund) ?? []).slice(0, -1), new Uint8Array(redeemScript.length)),
    'bytes behind': Uint8Array.of(...close, 0x51),
    'an opcode in front': Uint8Array.of(0x61, ...refund),
    'an opcode nobody knows': Uint8Array.of(0xff, ...refund),
  };
  for (const [label, unlock] of Object.entries(foreign)) assert.equal(world.contract.recognise(unlock), 'foreign', label);
}

/** Blocks may hold what peers would not relay (BIP62, CLEANSTACK, MINIMALIF, NULLDUMMY). */
function recognisesWhatMinersMade(world: World): void {
  const { disguises } = world.subject;
  const count = disguises(Uint8Array.of(0x51, 0x51, 0x51)).length;
  for (let way = 0; way < count; way++) {
    const channel = world.channel({ deposits: [500n, 500n], life: 10 });
    const [first, second] = channel.deposits;
    assert.ok(first !== undefined && second !== undefined);
    const malleate = (unlock: Uint8Array): Uint8Array => disguises(unlock)[way] ?? assert.fail();
    const one = { ...channel, deposits: [first] };
    const close = malleated(world.closed(one, world.money(300n)), malleate);
    const refund = malleated(must(world.contract.refund(channel.terms, [second], world.payout, channel.payer)), malleate);
    world.paced.mineBefore(world.opensAt(channel));
    world.paced.mine(1);
    for (const [tx, spend] of [
      [close, 'close'],
      [refund, 'refund'],
    ] as const) {
      assert.equal(world.regtest.mineBlock([tx]).kind, 'mined');
      assert.equal(world.contract.recognise(tx.inputs[0]?.script ?? new Uint8Array()), spend);
    }
  }
}

function malleated(tx: Transaction, malleate: (unlock: Uint8Array) => Uint8Array): Transaction {
  return { ...tx, inputs: tx.inputs.map((input) => ({ ...input, script: malleate(input.script) })) };
}

export const endCases: readonly Case[] = [
  ['an agreed end at zero and at a total, over one deposit and over two, is taken when both signed', endsByAgreement],
  ["an agreed end needs the payer's signature over every input", checksAgreedSignatures],
  ['an agreed end that would not be relayed is refused at each edge', edgesOfAgreements],
  ['a refund is refused by relay and by a block until the expiry has come for certain, and taken from then on', refundsAtExpiry],
  ['a refund is refused when it would not be worth an output', edgesOfRefunds],
  ['a close is still good after expiry, and then there is nothing to refund', closesAfterExpiry],
  ['close, refund and foreign scriptSigs are told apart', recognises],
  ['close and refund are told apart also when a miner changed what no signature covers', recognisesWhatMinersMade],
];
