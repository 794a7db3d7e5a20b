import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { assertRefused, contractsOn, keyNumber, must } from '../../test/world/sample.ts';
import { TwoDisks } from '../../test/world/two-disks.ts';
import { type ChannelId, channelId } from '../core/base/bytes.ts';
import { type Height, height } from '../core/base/height.ts';
import { dogecoinRegtest } from '../core/coin/dogecoin.ts';
import { contracts } from '../core/contract/registry.ts';
import { type Proof, proofFor, readProof, writeProof } from '../core/message/key-proof.ts';
import type { InvoiceRequest, StateRequest } from '../core/message/message.ts';
import type { Signer } from '../core/tx/sign.ts';
import { fastestVerifier } from '../engine/verifier.ts';

const { verify } = await fastestVerifier();
const A_DAY = 1_440;

interface Opened {
  readonly world: TwoDisks;
  readonly channel: ChannelId;
  readonly own: Signer;
  readonly tip: Height;
}

async function opened(contract = contracts[0]): Promise<Opened> {
  const world = await TwoDisks.open({ verify, terms: { contract } });
  const channel = await world.opened();
  await world.buy(channel);
  const { keyName } = await world.payerState(channel);
  return { world, channel, own: world.keys.payer.signer(keyName), tip: height(world.regtest.tip.height) };
}

type Question = (channel: ChannelId, proof: Proof | undefined) => StateRequest | InvoiceRequest;

const questions: Readonly<Record<'state-request' | 'invoice-request', Question>> = {
  'state-request': (channel, proof) => ({ kind: 'state-request', channel, ...(proof && { proof }) }),
  'invoice-request': (channel, proof) => ({ kind: 'invoice-request', channel, item: 'tea', ...(proof && { proof }) }),
};

for (const contract of contractsOn(dogecoinRegtest)) {
  describe(`${contract.id}: whoever knows the id of a channel, and not its key`, () => {
    for (const [kind, other] of [
      ['state-request', 'invoice-request'],
      ['invoice-request', 'state-request'],
    ] as const) {
      test(`is told nothing by a ${kind}; the payer is, as often as it asks`, async () => {
        const { world, channel, own, tip } = await opened(contract);
        const ask = (proof: Proof | undefined) => world.merchant.answer(questions[kind](channel, proof));
        const right = proofFor(kind, channel, tip, own);
        const elsewhere = await world.opened();
        const wrong: Readonly<Record<string, Proof | undefined>> = {
          'no proof': undefined,
          'by another key': proofFor(kind, channel, tip, keyNumber(77)),
          'for another channel': proofFor(kind, elsewhere, tip, own),
          'for another question': proofFor(other, channel, tip, own),
          'of another block than it says': { ...right, height: height(tip + 1) },
        };
        for (const [how, proof] of Object.entries(wrong)) {
          const refused = await ask(proof);
          assertRefused(refused, 'proof-wrong', how);
          assert.deepEqual(Object.keys(refused.kind === 'refusal' ? refused.detail : {}), ['tip'], how);
        }
        for (const proof of [
          right,
          right,
          proofFor(kind, channel, height(tip - 1_000), own),
          proofFor(kind, channel, height(tip + 9), own),
        ])
          assert.equal(must(await ask(proof)).kind, kind === 'state-request' ? 'state' : 'invoice');
      });
    }
  });
}

test('a captured proof is good for a day of blocks', async () => {
  const { world, channel, own, tip } = await opened();
  const proof = proofFor('state-request', channel, tip, own);
  assert.equal((await world.merchant.answer({ kind: 'state-request', channel, proof })).kind, 'state');
  world.regtest.mine(A_DAY + 1);
  await world.merchant.engine.follower.poll();
  assertRefused(await world.merchant.answer({ kind: 'state-request', channel, proof }), 'proof-wrong');
  await world.agent.poll();
  must(await world.agent.resync(channel, world.payee));
});

test('strangers push out no invoice of a payer', async () => {
  const { world, channel } = await opened();
  const invoice = must(await world.agent.invoice(channel, 'tea', world.payee));
  for (let i = 0; i < 100; i++)
    assertRefused(await world.merchant.answer({ kind: 'invoice-request', channel, item: 'tea' }), 'proof-wrong');
  must(await world.agent.pay(channel, { ...invoice, most: invoice.amount }, world.payee));
});

test('a proof is written and read; what is none is not', () => {
  const proof = proofFor('state-request', channelId('ab'.repeat(32)), height(5), keyNumber(1));
  assert.deepEqual(readProof(writeProof(proof)), proof);
  const text = writeProof(proof);
  for (const wrong of [
    '',
    '5',
    '.',
    text.slice(0, -1),
    `0${text}`,
    `-${text}`,
    text.toUpperCase(),
    `${text}0`,
    text.replace(/^5/, '999999999'),
  ])
    assert.equal(readProof(wrong), undefined, wrong);
});
