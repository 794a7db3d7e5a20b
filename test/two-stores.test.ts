import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type Amount, amount } from '../src/core/base/amount.ts';
import { type ChannelId, txId } from '../src/core/base/bytes.ts';
import { height } from '../src/core/base/height.ts';
import { isRefusal } from '../src/core/base/refusal.ts';
import { keyNameOf } from '../src/core/channel/payee-open.ts';
import { dogecoinRegtest } from '../src/core/coin/dogecoin.ts';
import { contracts } from '../src/core/contract/registry.ts';
import type { Offer, OfferedTerms } from '../src/core/message/message.ts';
import { p2pkh } from '../src/core/tx/script.ts';
import { signer } from '../src/core/tx/sign.ts';
import { fastestVerifier } from '../src/engine/verifier.ts';
import type { MerchantTerms } from '../src/merchant/terms.ts';
import { assertRefused, contractsOn, must } from './world/sample.ts';
import { SHORT } from './world/short-terms.ts';
import { TwoDisks } from './world/two-disks.ts';

const { verify } = await fastestVerifier();
/** Blocks in which an offer can be taken. */
const OFFERED_FOR = 180;
const AN_HOUR = 60;
const LONG = { minLifetime: 400, maxLifetime: 2_000 };

async function world(terms: Partial<MerchantTerms> = {}): Promise<TwoDisks> {
  return TwoDisks.open({ verify, terms });
}

/** The shop goes on with other terms, on the same disk unless another is given. */
async function reopen(at: TwoDisks, terms: Partial<MerchantTerms> = {}, disk = at.disks.payee): Promise<void> {
  Object.assign(at.terms, terms);
  await at.start('payee', disk);
}

/** A channel that is planned under an offer of the shop as it is now. */
async function planned(at: TwoDisks): Promise<{ readonly channel: ChannelId; readonly offer: Offer }> {
  const offer = must(await at.payee.exchange({ kind: 'offer-request' }));
  if (offer.kind !== 'offer') assert.fail(offer.kind);
  const { channel } = must(await at.agent.plan(offer, offer.minExpiry, await at.freshScript()));
  return { channel, offer };
}

async function codeOf(answer: Promise<unknown>): Promise<string> {
  const reply = await answer;
  return isRefusal(reply) ? `${reply.code} ${reply.detail['changed'] ?? ''}`.trim() : 'taken';
}

describe('one seed, two stores', () => {
  for (const contract of contractsOn(dogecoinRegtest)) {
    test(`${contract.id}: the deposit that one has taken the other refuses, and before the node is asked`, async () => {
      const at = await world({ contract });
      const channel = await at.opened();
      await at.buy(channel);
      const first = at.disks.payee;
      await at.start('payee', new Map());
      assertRefused(await at.agent.announce(channel, at.payee), 'offer-elsewhere');
      assert.equal(await at.merchant.engine.get(channel), undefined);
      // Its own channels it takes, and so does the other its own still.
      await at.buy(await at.opened());
      await at.start('payee', first);
      must(await at.agent.announce(channel, at.payee));
      await at.buy(channel);
    });
  }

  test('when the owner orders it, what payers bring back from a store that is gone is taken up', async () => {
    const at = await world();
    const channel = await at.opened();
    await at.buy(channel);
    const { best } = await at.payerState(channel);
    at.ordered = { isRecovering: true };
    await at.start('payee', new Map());
    must(await at.agent.resync(channel, at.payee));
    assert.equal((await at.payeeState(channel)).best?.total, best?.total);
    await at.buy(channel);
  });

  test('a payer that is refused there has lost nothing: no deposit of its leaves before the store agrees', async () => {
    const at = await world();
    const { channel } = await planned(at);
    const before = await at.wallet.balance();
    await at.start('payee', new Map());
    assertRefused(await at.agent.fund(channel, at.deposit, at.payee), 'offer-elsewhere');
    assert.deepEqual(await at.wallet.balance(), before);
  });

  test('an altered origin names a key that nobody has', async () => {
    const at = await world();
    const { offer } = await planned(at);
    const { origin = assert.fail(), ...rest } = offer;
    const others: readonly Offer[] = [
      rest,
      { ...offer, origin: { ...origin, until: height(origin.until + 1) } },
      { ...offer, origin: { ...origin, store: new Uint8Array(16) } },
    ];
    const deposits = [{ outpoint: { txid: txId('00'.repeat(32)), vout: 0 }, value: at.deposit }];
    for (const altered of others) {
      const key = signer(new Uint8Array(32).fill(5)).publicKey;
      const reply = await at.answer({ kind: 'announce', offer: altered, payerKey: key, expiry: offer.minExpiry, deposits });
      assertRefused(reply, 'offer-unknown');
    }
  });
});

describe('offers collected in better days', () => {
  test('can be taken for three hours, and not a block longer', async () => {
    const at = await world(LONG);
    const { channel, offer } = await planned(at);
    const { payerKey, expiry } = (await at.payerState(channel)).terms;
    const deposits = [{ outpoint: { txid: txId('00'.repeat(32)), vout: 0 }, value: at.deposit }];
    const announce = { kind: 'announce', offer, payerKey, expiry, deposits } as const;
    await at.mine(OFFERED_FOR);
    assert.equal((await at.answer(announce)).kind, 'provisional');
    await at.mine(1);
    assertRefused(await at.answer(announce), 'offer-outdated');
  });

  test('a payer broadcasts no deposit that could be mined too late', async () => {
    for (const [blocks, expected] of [
      [OFFERED_FOR - AN_HOUR, 'taken'],
      [OFFERED_FOR - AN_HOUR + 1, 'offer-outdated'],
    ] as const) {
      const at = await world(LONG);
      const { channel } = await planned(at);
      const before = await at.wallet.balance();
      await at.mine(blocks);
      assert.equal(await codeOf(at.agent.fund(channel, at.deposit, at.payee)), expected);
      if (expected !== 'taken') assert.deepEqual(await at.wallet.balance(), before);
    }
  });

  test('a deposit that was mined in time is taken when it is deep, whenever that is; one mined later is not', async () => {
    for (const [blocks, expected] of [
      [OFFERED_FOR - 1, 'accepted'],
      [OFFERED_FOR, 'offer-outdated'],
    ] as const) {
      const at = await world(LONG);
      const { channel } = await planned(at);
      const { terms } = await at.payerState(channel);
      await at.mine(blocks);
      // By a wallet elsewhere.
      at.regtest.fund(terms.contract.outputScript(terms), at.deposit);
      await at.mine(50);
      const answer = await at.agent.announce(channel, at.payee);
      assert.equal(isRefusal(answer) ? answer.code : answer.reply.kind, expected);
    }
  });

  test('hold no longer once the shop is paid elsewhere, or sells by another contract; what is open goes on', async () => {
    const at = await world(LONG);
    const open = await at.opened(LONG.minLifetime);
    const { channel } = await planned(at);
    const { payeeScript } = at;
    at.payeeScript = p2pkh(signer(new Uint8Array(32).fill(78)).publicKey);
    await reopen(at);
    assert.equal(await codeOf(at.agent.fund(channel, at.deposit, at.payee)), 'offer-outdated payout');
    await at.topUp(open);
    await at.buy(open);
    at.payeeScript = payeeScript;
    const [, other = assert.fail()] = contracts;
    await reopen(at, { contract: other });
    assert.equal(await codeOf(at.agent.fund(channel, at.deposit, at.payee)), 'offer-outdated contract');
    await reopen(at, { contract: contracts[0], signing: { kind: 'fixed', fee: amount(10n ** 6n) } });
    assert.equal(await codeOf(at.agent.fund(channel, at.deposit, at.payee)), 'offer-outdated contract');
    await reopen(at, { signing: { kind: 'flexible', slot: 0 } });
    must(await at.agent.fund(channel, at.deposit, at.payee));
  });

  test('the stricter of offered and present limits holds', async () => {
    const at = await world({ ...LONG, ...{ depth: [{ upTo: amount(10n ** 18n), blocks: 2 }] } });
    const { channel } = await planned(at);
    const fund = (value: Amount): Promise<string> => codeOf(at.agent.fund(channel, value, at.payee));
    await reopen(at, { maxDeposit: amount(at.deposit - 1n) });
    assert.equal(await fund(at.deposit), 'deposit-too-large');
    await reopen(at, { maxDeposit: amount(at.deposit * 10n), minDeposit: amount(at.deposit + 1n) });
    assert.equal(await fund(at.deposit), 'deposit-too-small');
    await reopen(at, { minDeposit: at.coin.policy.dust, depth: [{ upTo: amount(10n ** 18n), blocks: 5 }] });
    assert.equal(await fund(at.deposit), 'taken');
    for (let deep = 1; deep <= 5; deep++) {
      await at.mine(1);
      const reply = must(await at.agent.announce(channel, at.payee)).reply.kind;
      assert.equal(reply, deep < 5 ? 'provisional' : 'accepted', `${deep}`);
    }
    // And what is offered now is no easier for an offer that was stricter.
    const { channel: strict } = await planned(at);
    await reopen(at, { depth: [{ upTo: amount(10n ** 18n), blocks: 1 }] });
    must(await at.agent.fund(strict, at.deposit, at.payee));
    await at.mine(4);
    assert.equal(must(await at.agent.announce(strict, at.payee)).reply.kind, 'provisional');
    await at.mine(1);
    assert.equal(must(await at.agent.announce(strict, at.payee)).reply.kind, 'accepted');
  });

  test('so does the margin: a channel is closed as early as those that are offered now', async () => {
    const at = await world();
    const { channel } = await planned(at);
    await reopen(at, { closingMargin: SHORT.closingMargin + 5 });
    must(await at.agent.fund(channel, at.deposit, at.payee));
    await at.mine(2);
    must(await at.agent.announce(channel, at.payee));
    assert.equal((await at.payeeState(channel)).terms.closingMargin, SHORT.closingMargin + 5);
    await at.buy(channel);
  });

  test('what was delivered unconfirmed then is not now', async () => {
    const at = await world({ unconfirmed: amount(10n ** 9n) });
    const { channel: now } = await planned(at);
    const { channel: later } = await planned(at);
    must(await at.agent.fund(now, at.deposit, at.payee));
    assert.equal(must(await at.agent.announce(now, at.payee)).reply.kind, 'accepted');
    const { unconfirmed: _, ...deep } = at.terms;
    at.terms = deep;
    await at.start('payee', at.disks.payee);
    must(await at.agent.fund(later, at.deposit, at.payee));
    assert.equal(must(await at.agent.announce(later, at.payee)).reply.kind, 'provisional');
    await at.mine(2);
    assert.equal(must(await at.agent.announce(later, at.payee)).reply.kind, 'accepted');
    assert.equal((await at.payeeState(later)).limits.unconfirmed, undefined);
  });

  test('a top-up comes under the stricter limits, and what was there before is as it was', async () => {
    const at = await world(LONG);
    const channel = await at.opened(LONG.minLifetime);
    await reopen(at, { maxDeposit: amount(at.deposit + 1n) });
    must(await at.agent.announce(channel, at.payee));
    assert.equal(await codeOf(at.agent.fund(channel, at.deposit, at.payee)), 'deposit-too-large');
    await at.buy(channel);
  });

  test('an offer of an earlier version, which names no store and no time, opens no channel', async () => {
    const at = await world();
    const open = await at.opened();
    const { offer } = await planned(at);
    const { origin: _, kind: __, payeeKey: ___, ...terms } = offer;
    const old: OfferedTerms = terms;
    const early: Offer = { kind: 'offer', ...old, payeeKey: at.keys.payee.signer(keyNameOf(old)).publicKey };
    const { channel } = must(await at.agent.plan(early, early.minExpiry, await at.freshScript()));
    assert.equal(await codeOf(at.agent.fund(channel, at.deposit, at.payee)), 'offer-outdated origin');
    // Unless that is ordered: a payer may have funded its channel under the earlier version.
    at.ordered = { isRecovering: true };
    await at.start('payee', at.disks.payee);
    must(await at.agent.fund(channel, at.deposit, at.payee));
    await at.mine(2);
    must(await at.agent.announce(channel, at.payee));
    await at.buy(open);
  });
});
