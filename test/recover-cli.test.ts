import assert from 'node:assert/strict';
import { after as afterAll, before, test } from 'node:test';
import { z } from 'zod';
import { dogecoinRegtest as coin } from '../src/core/coin/dogecoin.ts';
import { CommandLine } from './command-line.ts';
import { fund, openShop, type TestShop } from './shop.ts';

const WORDS = 'legal winner thank year wave sausage worth useful legal winner thank yellow';
const DOGE = 100_000_000n;

let cli: CommandLine;
let shop: TestShop;

before(async () => {
  cli = await CommandLine.open();
  shop = await openShop(cli);
});

afterAll(async () => {
  await shop.close();
  await cli.close();
});

/** A command that succeeds, in a data folder. @returns what it prints. */
async function pawment(folder: string, words: readonly string[], input = ''): Promise<unknown> {
  const { code, out, said } = await cli.tell(input, folder, ...words);
  assert.equal(code, 0, JSON.stringify(out) + said);
  return out;
}

const opened = z.object({ channel: z.string(), expiry: z.int() });
const report = z.object({
  channels: z.array(
    z.object({ channel: z.string(), state: z.string(), paid: z.string(), how: z.string().optional(), returned: z.string().optional() }),
  ),
});
const balance = z.object({ confirmed: z.coerce.bigint() });

/** A channel of 50 DOGE, three cups of tea bought from it. */
async function open(): Promise<z.output<typeof opened>> {
  const made = opened.parse(await pawment('lost', ['open', shop.url, '--deposit', '50', '--no-wait']));
  await shop.mine(3);
  await pawment('lost', ['open', '--resume', made.channel]);
  await pawment('lost', ['pay', made.channel, '--item', 'tea', '--times', '3']);
  return made;
}

test('the words and a node alone, then the words and the merchant, bring every channel back', async () => {
  await pawment('lost', ['wallet', 'restore', '--birthday', '1390'], WORDS);
  for (let coins = 0; coins < 2; coins++) await fund(cli, 'lost', 60n);
  const channels = [await open(), await open()];
  const ids = channels.map(({ channel }) => channel).toSorted((a, b) => (a < b ? -1 : 1));

  // With the merchant: its best state, and the end of one channel at once.
  await pawment('with-merchant', ['wallet', 'restore', '--birthday', '1390'], WORDS);
  const asked = report.parse(await pawment('with-merchant', ['recover', '--merchant', shop.url]));
  assert.deepEqual(asked.channels.map(({ channel }) => channel).sort(), ids);
  assert.deepEqual(
    asked.channels.map(({ state, paid }) => [state, paid]),
    [
      ['open', String((3n * DOGE) / 10n)],
      ['open', String((3n * DOGE) / 10n)],
    ],
  );
  const [first, second] = channels;
  await pawment('with-merchant', ['close', first?.channel ?? '']);
  await shop.mine(coin.channel.buried + 1);

  // With nothing but the node: the one has ended, the other is refunded from its expiry on.
  await pawment('alone', ['wallet', 'restore', '--birthday', '1390'], WORDS);
  const alone = report.parse(await pawment('alone', ['recover']));
  const kept = report.parse(await pawment('alone', ['channels']));
  assert.deepEqual(
    kept.channels.map(({ channel, returned }) => [channel, returned]).toSorted(),
    alone.channels.map(({ channel, returned }) => [channel, returned]).toSorted(),
  );
  const stateOf = (id: string | undefined) => alone.channels.find(({ channel }) => channel === id);
  assert.deepEqual([stateOf(first?.channel)?.how, stateOf(second?.channel)?.state], ['closed', 'funding']);
  // By an agreed end, to another address of the same words.
  assert.ok(BigInt(stateOf(first?.channel)?.returned ?? 0) > 49n * DOGE);
  cli.regtest.mine((second?.expiry ?? 0) - cli.regtest.tip.height);
  const before = balance.parse(await pawment('alone', ['wallet', 'balance'])).confirmed;
  cli.regtest.mine(coin.channel.buried + 1);
  const after = report.parse(await pawment('alone', ['recover']));
  const refunded = after.channels.find(({ channel }) => channel === second?.channel);
  assert.equal(refunded?.how, 'refunded');
  const returned = BigInt(refunded?.returned ?? 0);
  assert.ok(returned > 49n * DOGE && returned < 50n * DOGE, `${returned}`);
  assert.equal(balance.parse(await pawment('alone', ['wallet', 'balance'])).confirmed, before + returned);
});
