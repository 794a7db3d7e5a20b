import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { after as afterAll, before, test } from 'node:test';
import { z } from 'zod';
import { asChain } from '../src/chain/regtest/port.ts';
import { amount } from '../src/core/base/amount.ts';
import { channelId } from '../src/core/base/bytes.ts';
import { revocable } from '../src/core/contract/revocable.ts';
import { CommandLine, type Ran } from './command-line.ts';
import { fund, openShop } from './shop.ts';
import { must } from './world/sample.ts';

const DOGE = 100_000_000n;
const opened = z.object({ channel: z.string() });
const refreshed = z.object({ gaveBack: z.string() });
const watched = z.object({
  channels: z.array(z.object({ channel: z.string(), standing: z.string(), revoked: z.int() })),
  sent: z.array(z.object({ outcome: z.string() })),
  alarms: z.array(z.unknown()),
});

function ok<Given extends Ran>(ran: Given): Given {
  assert.equal(ran.code, 0, ran.said + JSON.stringify(ran.out));
  return ran;
}

let cli: CommandLine;
before(async () => {
  cli = await CommandLine.open();
});
afterAll(() => cli.close());

test('a payer that takes money back writes files for pawment watch, which punishes a revoked close with them and nothing else', async (t) => {
  const shop = await openShop(cli, revocable);
  t.after(shop.close);
  const folder = cli.folder('watched');
  ok(await cli.run('payer', 'wallet', 'init'));
  await fund(cli, 'payer', 500n);
  const { channel } = opened.parse(ok(await cli.run('payer', 'open', shop.url, '--deposit', '100', '--no-wait')).out);
  const id = channelId(channel);
  await shop.mine(3);
  ok(await cli.run('payer', 'open', '--resume', channel));
  ok(await cli.run('payer', 'pay', '--amount', '10', '--watch-to', folder));
  const { terms, deposits, best, keyName } = (await shop.merchant.engine.get(id)) ?? assert.fail();
  const signer = shop.keys.signer(keyName);
  must(await shop.merchant.giveBack(id, amount(9n * DOGE), 'one'));
  // The folder is remembered.
  assert.equal(refreshed.parse(ok(await cli.run('payer', 'refresh')).out).gaveBack, String(9n * DOGE));
  assert.deepEqual((await readdir(folder)).toSorted(), [`${channel}.penalty.json`, 'payer.json'].toSorted());

  const look = async (): Promise<z.output<typeof watched>> => watched.parse(ok(await cli.run('watcher', 'watch', folder, '--once')).out);
  assert.deepEqual(await look(), { channels: [{ channel, standing: 'quiet', revoked: 1 }], sent: [], alarms: [] });
  const payout = { script: terms.payeeScript, feeRate: terms.coin.policy.feeRate };
  const close = must(terms.contract.close([{ terms, deposits, payment: best ?? assert.fail(), signer }], payout));
  assert.deepEqual(await asChain(cli.regtest).broadcast(close), { kind: 'accepted' });
  cli.regtest.mine(1);
  const punishing = await look();
  assert.deepEqual(
    [punishing.channels[0]?.standing, punishing.sent[0]?.outcome, cli.regtest.mempool().length],
    ['punishing', 'accepted', 1],
  );
  cli.regtest.mine(1);
  assert.equal((await look()).channels[0]?.standing, 'punished');

  cli.regtest.mine(cli.regtest.coin.channel.buried);
  // At the first look the payer finds what the close held, at the second what became of it.
  const balance = { folder: 'payer', words: ['wallet', 'balance'] };
  for (const ran of await cli.each([balance, balance])) ok(ran);
  assert.deepEqual(await readdir(folder), ['payer.json']);
  assert.deepEqual(await look(), { channels: [], sent: [], alarms: [] });
});
