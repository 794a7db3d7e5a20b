import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Regtest } from '../src/chain/regtest/regtest.ts';
import { amount, ZERO } from '../src/core/base/amount.ts';
import { isRefusal, refuse } from '../src/core/base/refusal.ts';
import { dogecoinRegtest } from '../src/core/coin/dogecoin.ts';
import { litecoinRegtest } from '../src/core/coin/litecoin.ts';
import { capacityOf, closingAt } from '../src/core/contract/contract.ts';
import type { Request } from '../src/core/message/message.ts';
import { saidBy } from '../src/core/message/sync-json.ts';
import { outpointKey } from '../src/core/tx/transaction.ts';
import { duplexAgent } from '../src/duplex/agent.ts';
import { type Connection, WorldError } from '../src/engine/ports.ts';
import { fastestVerifier } from '../src/engine/verifier.ts';
import { memoryStore } from '../src/store/memory.ts';
import { DEPTH, priceOn } from './world/channel-sides.ts';
import { codeOf } from './world/channel-world.ts';
import { type DuplexOptions, DuplexWorld } from './world/duplex-world.ts';
import { embedded } from './world/embedded.ts';
import { must } from './world/sample.ts';

const verifier = await fastestVerifier();
const FATES = ['request-lost', 'reply-lost'] as const;

for (const coin of [dogecoinRegtest, litecoinRegtest]) {
  describe(`money back in a channel the other way, ${coin.id}`, () => {
    const open = async (options: DuplexOptions = {}): Promise<DuplexWorld> => {
      const regtest = new Regtest({ coin, verify: verifier.verify });
      regtest.mine(1_360);
      return DuplexWorld.open(embedded(regtest, verifier), options);
    };

    test('it is opened, paid in, and closed in time by the payer', async () => {
      const world = await open();
      const channel = await world.openChannel();
      await world.buy(channel, 10);
      await world.giveBack(channel, 4n);
      const { payee, payer } = await world.opposite(channel);
      assert.deepEqual([payee.best?.total, payer.best?.total], [world.price * 4n, world.price * 4n], world.refused.join());
      await world.giveBack(channel, 3n);
      assert.equal((await world.opposite(channel)).payee.best?.total, world.price * 7n);
      const { height } = await world.subject.chain.tip();
      await world.mine(closingAt(payee.terms) - height);
      await world.mine(coin.channel.buried + 1);
      const ended = (await world.opposite(channel)).payee;
      assert.ok(ended.kind === 'ended' && ended.how === 'closed', JSON.stringify(ended.kind));
    });

    test('one transaction ends both channels, and pays each side its net', async () => {
      const world = await open();
      const channel = await world.openChannel();
      await world.buy(channel, 10);
      await world.giveBack(channel, 4n);
      const { payee } = await world.opposite(channel);
      const fwd = (await world.merchant.engine.get(channel)) ?? assert.fail();
      const { reply } = must(await world.agent.end(channel, world.road));
      const one = reply.kind === 'ended' ? reply.transaction : assert.fail(reply.kind);
      assert.deepEqual(
        new Set(one.inputs.map(({ outpoint }) => outpointKey(outpoint))),
        new Set([...fwd.deposits, ...payee.deposits].map(({ outpoint }) => outpointKey(outpoint))),
      );
      assert.equal(one.outputs.length, 2);
      const [ofMerchant, ofPayer] = (['merchant', 'payer'] as const).map((who) => world.paidTo(one, world.scriptOf(who)));
      const locked = capacityOf(payee.deposits);
      const fee = capacityOf(fwd.deposits) + locked - (ofMerchant ?? 0n) - (ofPayer ?? 0n);
      assert.ok(fee > 0n && fee < coin.policy.maxFee, String(fee));
      assert.ok((ofMerchant ?? 0n) <= locked + world.price * 6n && (ofMerchant ?? 0n) + fee >= locked + world.price * 6n);
      await world.mine(1);
      await world.mine(coin.channel.buried + 1);
      assert.equal((await world.merchant.engine.get(channel))?.kind, 'ended');
      const over = await world.opposite(channel);
      assert.deepEqual([over.payee.kind, over.payer.kind, (await world.agent.engine.get(channel))?.kind], ['ended', 'ended', 'ended']);
    });

    test('whatever is lost at whatever step, and whoever starts anew, nothing is paid twice and nothing is left out', async () => {
      const world = await open();
      const channel = await world.openChannel();
      await world.buy(channel, 2);
      let at = 0;
      let lost = 0;
      let ordered = 0n;
      // Of one exchange after the other the request is lost, or the reply; every third time a program starts anew.
      const losing = (which: number): void => {
        let seen = 0;
        world.fate = ({ kind }) => (kind === 'sync' && seen++ === which ? (FATES[which % 2] ?? 'whole') : 'whole');
      };
      while (at < 12) {
        ordered += 3n;
        must(await world.merchant.giveBack(channel, amount(world.price * 3n), `order ${at}`));
        losing(at % 5);
        await world.refresh(channel).catch((error: unknown) => {
          assert.ok(error instanceof WorldError && error.code === 'peer-unreachable', String(error));
          lost++;
        });
        if (at % 3 === 0) await world.start(at % 2 === 0 ? 'merchant' : 'payer');
        await world.mine(DEPTH);
        at++;
      }
      world.fate = () => 'whole';
      await world.refresh(channel);
      await world.mine(DEPTH);
      await world.refresh(channel);
      assert.ok(lost > 3, `${lost} were lost`);
      const { payee, payer } = await world.opposite(channel);
      const total = world.price * ordered;
      assert.deepEqual([payee.best?.total, payer.best?.total, payer.signed], [total, total, total], world.refused.join());
      // Once more changes nothing.
      await world.refresh(channel);
      must(await world.merchant.giveBack(channel, amount(world.price * 3n), `order ${at - 1}`));
      await world.refresh(channel);
      assert.equal((await world.opposite(channel)).payer.signed, total);
    });

    test('what was asked waits to the byte until it is answered; an answer that fits nothing changes nothing', async () => {
      const world = await open();
      const channel = await world.openChannel();
      await world.buy(channel, 2);
      must(await world.merchant.giveBack(channel, amount(world.price * 3n), 'one'));
      const asks = async (): Promise<unknown> => {
        const driven = must(await world.agent.engine.drive(channel, { kind: 'sync' }));
        return world.merchant.answer(driven.send ?? assert.fail());
      };
      const first = await asks();
      assert.deepEqual(await asks(), first);
      const answer = { to: 'ab'.repeat(16), reply: refuse('funding-spent') };
      const said = saidBy(answer);
      const stray = must(await world.agent.engine.drive(channel, { kind: 'sync', answer, said })).send ?? assert.fail();
      assert.deepEqual(await world.merchant.answer(stray), first);
      // Without the payer's key nothing is told, and the proof of one answer is none for another.
      const strays = [
        { kind: 'sync', channel },
        { ...stray, answer: { ...answer, to: 'cd'.repeat(16) } },
      ] as const;
      for (const one of strays) assert.equal(codeOf(await world.merchant.answer(one as Request)), 'proof-wrong');
    });

    test('two syncs at once, by two roads, pay once', async () => {
      const world = await open();
      const channel = await world.openChannel();
      await world.buy(channel, 2);
      await world.giveBack(channel, 3n);
      must(await world.merchant.giveBack(channel, amount(world.price * 5n), 'two roads'));
      const other = duplexAgent({ agent: world.agent, payee: world.agent.payee, store: memoryStore() });
      await Promise.all([world.refresh(channel), other.refresh(channel, world.road), world.refresh(channel)]);
      await world.refresh(channel);
      const { payee, payer } = await world.opposite(channel);
      assert.deepEqual([payee.best?.total, payer.signed], [world.price * 8n, world.price * 8n]);
    });

    test('a payer that goes back to an older store is handed over what it was paid', async () => {
      const world = await open();
      const channel = await world.openChannel();
      await world.buy(channel, 2);
      await world.giveBack(channel, 3n);
      const older = world.copyOf('payer');
      await world.giveBack(channel, 4n);
      await world.start('payer', older);
      assert.equal((await world.opposite(channel)).payee.best?.total, world.price * 3n);
      await world.refresh(channel);
      assert.equal((await world.opposite(channel)).payee.best?.total, world.price * 7n);
    });

    test('a merchant that was set back pays nothing that it had paid once more', async () => {
      const world = await open();
      const channel = await world.openChannel();
      await world.buy(channel, 2);
      await world.giveBack(channel, 3n);
      const older = world.copyOf('merchant');
      await world.giveBack(channel, 4n, 'forgotten');
      await world.start('merchant', older);
      await world.refresh(channel);
      const { payer } = await world.opposite(channel);
      assert.deepEqual([payer.best?.total, payer.signed], [world.price * 7n, world.price * 7n]);
      await world.giveBack(channel, 4n, 'forgotten');
      await world.giveBack(channel, 1n, 'new');
      assert.equal((await world.opposite(channel)).payee.best?.total, world.price * 8n);
    });

    test('a stranger that leaves has no more locked than the terms allow, and than it has locked itself; the coins come back at the expiry', async () => {
      const price = priceOn(coin);
      const world = await open({ lending: { percent: 50, each: amount(price * 800n), all: amount(price * 1_100n) } });
      const young = await world.openChannel(price * 1_000n);
      const [over, most] = [501n, 499n].map((times) => amount(price * times));
      assert.equal(codeOf(await world.merchant.giveBack(young, over ?? ZERO, 'over half of its own')), 'give-back-uncovered');
      must(await world.merchant.giveBack(young, most ?? ZERO, 'half of its own'));
      const second = await world.openChannel(price * 4_000n);
      assert.equal(codeOf(await world.merchant.giveBack(second, amount(price * 601n), 'all together')), 'give-back-uncovered');
      must(await world.merchant.giveBack(second, amount(price * 599n), 'the rest'));
      await world.refresh(second);
      // It never comes for the money: nothing is paid, and the refund brings all back.
      const { opposite = assert.fail() } = await world.pair(second);
      const { terms, kind } = (await world.merchant.agent.engine.get(opposite)) ?? assert.fail();
      assert.equal(kind, 'funding');
      world.awake.delete('payer');
      const { height } = await world.subject.chain.tip();
      await world.mine(terms.expiry + 1 - height);
      await world.mine(1);
      await world.mine(coin.channel.buried + 1);
      const ended = (await world.merchant.agent.engine.get(opposite)) ?? assert.fail();
      assert.ok(ended.kind === 'ended' && ended.how === 'refunded', ended.kind);
    });

    test('one end for both that is not answered leaves each channel its own close', async () => {
      for (const step of [0, 1]) {
        for (const fate of FATES) {
          const world = await open();
          const channel = await world.openChannel();
          await world.buy(channel, 10);
          await world.giveBack(channel, 4n);
          let joins = 0;
          world.fate = ({ kind }) => (kind === 'join' && joins++ === step ? fate : 'whole');
          await assert.rejects(world.agent.end(channel, world.road), WorldError);
          world.fate = () => 'whole';
          const isTold = step === 1 && fate === 'reply-lost';
          // The payee of each channel closes it by itself, or the one transaction is there already.
          await world.mine(1);
          const { payee } = await world.opposite(channel);
          assert.equal(payee.kind, step === 0 ? 'open' : 'closing');
          const fwd = (await world.merchant.engine.get(channel)) ?? assert.fail();
          assert.equal(fwd.kind, isTold ? 'closing' : 'open');
          // Asked again, it is done.
          if (step === 0) must(await world.agent.end(channel, world.road));
          else await world.agent.end(channel, world.road);
          await world.mine(1);
          await world.mine(coin.channel.buried + 1);
          const over = await world.opposite(channel);
          assert.deepEqual(
            [over.payee.kind, over.payer.kind, (await world.merchant.engine.get(channel))?.kind],
            ['ended', 'ended', 'ended'],
            `${step} ${fate}`,
          );
        }
      }
    });

    test('payments stop in both channels before the one end is signed; a channel that closes opens none the other way', async () => {
      const world = await open();
      const channel = await world.openChannel();
      await world.buy(channel, 10);
      await world.giveBack(channel, 4n);
      must(await world.agent.end(channel, world.road));
      assert.equal(codeOf(await world.agent.pay(channel, { amount: amount(world.price) }, world.road)), 'channel-ending');
      assert.equal(codeOf(await world.merchant.giveBack(channel, amount(world.price), 'late')), 'channel-ending');
      const bare = await world.openChannel();
      await world.buy(bare, 3);
      must(await world.merchant.close(bare));
      assert.equal(codeOf(await world.agent.refresh(bare, world.road)), 'channel-ending');
    });

    test('one end for both that is never mined stands before no deadline: the own closes go out', async () => {
      const world = await open();
      const channel = await world.openChannel();
      await world.buy(channel, 10);
      await world.giveBack(channel, 4n);
      // The nodes take nothing of it: the merchant's broadcast is lost, and so is the payer's.
      world.holding = (transaction) => transaction.inputs.length > 1;
      must(await world.agent.end(channel, world.road));
      await world.mine(1);
      world.holding = () => false;
      await world.mine(1);
      const { payee } = await world.opposite(channel);
      const fwd = (await world.merchant.engine.get(channel)) ?? assert.fail();
      assert.deepEqual([payee.kind, fwd.kind], ['closing', 'closing']);
      for (const state of [payee, fwd]) {
        const outputs = await Promise.all(state.deposits.map(({ outpoint }) => world.subject.chain.output(outpoint)));
        assert.ok(
          outputs.every((output) => output === undefined),
          'taken',
        );
      }
      await world.mine(coin.channel.buried + 1);
      const over = await world.opposite(channel);
      assert.deepEqual([over.payee.kind, over.payer.kind, (await world.agent.engine.get(channel))?.kind], ['ended', 'ended', 'ended']);
    });

    test('a merchant that pays itself more than its net, or the payer less, is not signed for', async () => {
      const world = await open();
      const channel = await world.openChannel();
      await world.buy(channel, 10);
      await world.giveBack(channel, 4n);
      const honest = world.road;
      let isLying = true;
      const lying: Connection = {
        exchange: async (request) => {
          const reply = await honest.exchange(request);
          if (!isLying || reply.kind !== 'joined' || reply.end === undefined) return reply;
          const { agreement } = reply.end;
          const lie = { ...agreement, total: amount(agreement.total - world.price) };
          return { ...reply, end: { ...reply.end, agreement: lie } };
        },
      };
      const payee = async (): Promise<string> => (await world.opposite(channel)).payee.kind;
      const alone = await world.agent.end(channel, lying);
      // Each channel is ended by itself then, and the payer has all that it was paid.
      assert.ok(!isRefusal(alone) || alone.code === 'channel-ending', isRefusal(alone) ? alone.code : '');
      assert.equal(await payee(), 'closing');
      isLying = false;
      await world.mine(1);
      await world.mine(coin.channel.buried + 1);
      const over = (await world.opposite(channel)).payee;
      assert.ok(over.kind === 'ended' && (over.received ?? 0n) + coin.policy.maxFee >= world.price * 4n, over.kind);
    });
  });
}
