import assert from 'node:assert/strict';
import { after as afterAll, before, test } from 'node:test';
import { z } from 'zod';
import { asChain } from '../src/chain/regtest/port.ts';
import { amount } from '../src/core/base/amount.ts';
import { dogecoinRegtest as coin } from '../src/core/coin/dogecoin.ts';
import { scriptOf } from '../src/core/tx/address.ts';
import { fastestSigner } from '../src/engine/signer.ts';
import { fastestVerifier } from '../src/engine/verifier.ts';
import { type Merchant, openMerchant } from '../src/merchant/merchant.ts';
import { defaultTerms } from '../src/merchant/terms.ts';
import { memoryStore } from '../src/store/memory.ts';
import { type HttpServer, serveMerchant } from '../src/transport/http/serve.ts';
import { seedKeyRing } from '../src/wallet/keyring.ts';
import { CommandLine } from './command-line.ts';

const WORDS = 'legal winner thank year wave sausage worth useful legal winner thank yellow';
const DOGE = 100_000_000n;
const random = { bytes: (length: number) => crypto.getRandomValues(new Uint8Array(length)) };

let cli: CommandLine;
let merchant: Merchant;
let shop: HttpServer;

before(async () => {
  cli = await CommandLine.open();
  const { verify } = await fastestVerifier();
  merchant = openMerchant({
    ...{ chain: asChain(cli.regtest), verify, clock: { now: Date.now }, random, store: memoryStore() },
    keys: seedKeyRing(coin, random.bytes(32), fastestSigner()),
    identity: random.bytes(16),
    terms: defaultTerms(coin),
    prices: new Map([['tea', { text: 'A cup of tea', price: amount(DOGE / 10n) }]]),
    payeeScript: scriptOf(coin, cli.regtest.newAddress()) ?? assert.fail(),
  });
  await merchant.engine.follower.poll();
  shop = await serveMerchant(merchant, { onError: (error) => assert.fail(String(error)) });
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

const address = z.object({ address: z.string() });
const opened = z.object({ channel: z.string(), expiry: z.int() });
const report = z.object({
  channels: z.array(
    z.object({ channel: z.string(), state: z.string(), paid: z.string(), how: z.string().optional(), returned: z.string().optional() }),
  ),
});
const balance = z.object({ confirmed: z.coerce.bigint() });

async function mine(blocks: number): Promise<void> {
  cli.regtest.mine(blocks);
  await merchant.engine.follower.poll();
}

/** A channel of 50 DOGE, three cups of tea bought from it. */
async function open(): Promise<z.output<typeof opened>> {
  const made = opened.parse(await pawment('lost', ['open', shop.url, '--deposit', '50', '--no-wait']));
  await mine(3);
  await pawment('lost', ['open', '--resume', made.channel]);
  await pawment('lost', ['pay', made.channel, '--item', 'tea', '--times', '3']);
  return made;
}

test('the words and a node alone, then the words and the merchant, bring every channel back', async () => {
  await pawment('lost', ['wallet', 'restore', '--birthday', '1390'], WORDS);
  for (let coins = 0; coins < 2; coins++) {
    cli.regtest.fund(address.parse(await pawment('lost', ['wallet', 'address'])).address, amount(60n * DOGE));
    await mine(1);
  }
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
  await mine(coin.channel.buried + 1);

  // With nothing but the node: the one has ended, the other is refunded from its expiry on.
  await pawment('alone', ['wallet', 'restore', '--birthday', '1390'], WORDS);
  const alone = report.parse(await pawment('alone', ['recover']));
  const stateOf = (id: string | undefined) => alone.channels.find(({ channel }) => channel === id);
  assert.deepEqual([stateOf(first?.channel)?.how, stateOf(second?.channel)?.state], ['closed', 'funding']);
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
