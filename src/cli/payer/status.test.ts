import assert from 'node:assert/strict';
import { test } from 'node:test';
import { shortTerms } from '../../../test/world/short-terms.ts';
import { TwoDisks } from '../../../test/world/two-disks.ts';
import { serveRegtest } from '../../chain/regtest/server.ts';
import { dogecoinRegtest } from '../../core/coin/dogecoin.ts';
import { litecoinRegtest } from '../../core/coin/litecoin.ts';
import { contractById } from '../../core/contract/registry.ts';
import { fastestVerifier } from '../../engine/verifier.ts';
import { memoryStore } from '../../store/memory.ts';
import type { Status } from '../merchant/status.ts';
import { payerStatus } from './status.ts';

const { verify } = await fastestVerifier();

test('revocable-csv: no refund is missed while deposits may still be locked by their age; a day later one is', async (t) => {
  const contract = contractById('revocable-csv') ?? assert.fail();
  const world = await TwoDisks.open({ verify, coin: litecoinRegtest, terms: { ...shortTerms(litecoinRegtest, contract), contract } });
  const channel = await world.opened();
  const { expiry } = (await world.payerState(channel)).terms;
  for (const side of ['payer', 'payee'] as const) world.leave(side);
  const node = await serveRegtest(world.regtest);
  t.after(() => node.close());
  const attention = async (): Promise<string> => {
    const config = { coin: world.coin, datadir: '', passphrase: undefined, json: false, rpc: { url: node.url } };
    return (await payerStatus(config, memoryStore(world.disks.payer))).attention.join();
  };
  await world.mineBefore(expiry);
  await world.mine(2);
  assert.equal(await attention(), '');
  await world.mine(Math.ceil(86_400 / world.coin.blockSeconds) + world.coin.channel.buried);
  assert.match(await attention(), /not refunded yet/);
});

for (const id of ['cltv', 'cltv-time']) {
  test(`${id}: a refund is said to be due from when on it is taken, which is by the chain and not by the clock`, async (t) => {
    const contract = contractById(id) ?? assert.fail(id);
    const world = await TwoDisks.open({ verify, terms: { ...shortTerms(dogecoinRegtest, contract), contract } });
    const channel = await world.opened(40);
    const { expiry } = (await world.payerState(channel)).terms;
    for (const side of ['payer', 'payee'] as const) world.leave(side);
    const node = await serveRegtest(world.regtest);
    t.after(() => node.close());
    const status = (): Promise<Status> =>
      payerStatus(
        { coin: world.coin, datadir: '', passphrase: undefined, json: false, rpc: { url: node.url } },
        memoryStore(world.disks.payer),
      );

    await world.mineBefore(expiry);
    assert.deepEqual((await status()).attention, [], 'this computer’s clock is years ahead of the chain');
    await world.mine(1);
    assert.match((await status()).attention.join(), /expired at .* but is not refunded yet: pawment refund/);

    await node.close();
    const { attention, lines } = await status();
    assert.deepEqual(attention, []);
    assert.match(lines.join('\n'), /No node answers/);
  });
}
