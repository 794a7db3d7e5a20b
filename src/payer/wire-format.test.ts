import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { assertRefused, must } from '../../test/world/sample.ts';
import { TwoDisks } from '../../test/world/two-disks.ts';
import type { ChannelId } from '../core/base/bytes.ts';
import { after } from '../core/base/height.ts';
import { refuse } from '../core/base/refusal.ts';
import { cltvMultisig } from '../core/contract/cltv-multisig.ts';
import type { Contract } from '../core/contract/contract.ts';
import { presignedRefund } from '../core/contract/presigned-refund.ts';
import type { Connection } from '../engine/ports.ts';
import { fastestVerifier } from '../engine/verifier.ts';

const { verify } = await fastestVerifier();

/** A payer that announces by PSBT, and a channel that is planned. */
async function planned(contract: Contract): Promise<{ readonly world: TwoDisks; readonly channel: ChannelId }> {
  const world = await TwoDisks.open({ verify, form: 'psbt', terms: { contract } });
  const offer = must(await world.payee.exchange({ kind: 'offer-request' }));
  if (offer.kind !== 'offer') assert.fail(offer.kind);
  const expiry = offer.minExpiry < offer.maxExpiry ? after(offer.minExpiry, 10) : offer.minExpiry;
  return {
    world,
    channel: must(await world.agent.plan(offer, expiry, await world.freshScript(), { expiryIn: contract.expiryIn })).channel,
  };
}

/** What a payee is shown with each announcement: a PSBT has the funding transaction whole, signed. */
function showing(payee: Connection, refuses: boolean): Connection & { readonly forms: readonly string[] } {
  const forms: string[] = [];
  return {
    forms,
    exchange: async (request, psbt) => {
      if (request.kind !== 'announce') return payee.exchange(request, psbt);
      forms.push(psbt === undefined ? 'compact' : 'psbt');
      return refuses ? refuse('deposit-too-large') : payee.exchange(request, psbt);
    },
  };
}

describe('a funding transaction that is not broadcast yet is shown to no payee, which could have it mined', () => {
  for (const contract of [cltvMultisig, presignedRefund]) {
    test(`${contract.id}: a payee that refuses the first deposit, or a further one, has nothing to hand to a miner`, async () => {
      const { world, channel } = await planned(contract);
      const liar = showing(world.payee, true);
      assertRefused(await world.agent.fund(channel, world.deposit, liar), 'deposit-too-large');
      assert.deepEqual(liar.forms, ['compact']);
      const honest = showing(world.payee, false);
      must(await world.agent.fund(channel, world.deposit, honest));
      await world.mine(2);
      must(await world.agent.announce(channel, honest));
      assert.deepEqual(honest.forms, ['compact', 'psbt'], 'what is in the chain is shown');
      assertRefused(await world.agent.fund(channel, world.deposit, liar), 'deposit-too-large');
      assert.deepEqual(liar.forms, ['compact', 'compact']);
      await world.buy(channel);
    });
  }

  test('a deposit whose refund is not signed is not shown either when it is announced again', async () => {
    const { world, channel } = await planned(presignedRefund);
    // Cut off between the reservation and the answer: the disk has the deposit, and no refund of it.
    let disk = world.copy('payer');
    const cut: Connection = {
      exchange: async () => {
        disk = world.copy('payer');
        throw new Error('cut off');
      },
    };
    await assert.rejects(world.agent.fund(channel, world.deposit, cut), /cut off/);
    await world.start('payer', disk);
    const liar = showing(world.payee, true);
    assertRefused(await world.agent.announce(channel, liar), 'deposit-too-large');
    assert.deepEqual(liar.forms, ['compact']);
  });
});
