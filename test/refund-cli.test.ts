import assert from 'node:assert/strict';
import { after as afterAll, before, test } from 'node:test';
import { z } from 'zod';
import { amount } from '../src/core/base/amount.ts';
import { hexToBytes } from '../src/core/base/bytes.ts';
import { presignedRefund } from '../src/core/contract/presigned-refund.ts';
import { CommandLine } from './command-line.ts';
import { fund, openShop } from './shop.ts';

const DOGE = 100_000_000n;
const WORDS = 'legal winner thank year wave sausage worth useful legal winner thank yellow';
const opened = z.object({ channel: z.string(), redeemScript: z.string(), expiry: z.int() });
const refused = z.object({ error: z.string(), advice: z.string(), facts: z.record(z.string(), z.string()) });
const shown = z.object({ state: z.string(), hex: z.string() });

let cli: CommandLine;
before(async () => {
  cli = await CommandLine.open();
});
afterAll(() => cli.close());

test('coins that nobody can refund are refused with what helps, and those that can be are not', async () => {
  const shop = await openShop(cli, presignedRefund);
  try {
    const restore = ['wallet', 'restore', '--birthday', '1390'];
    assert.equal((await cli.tell(WORDS, 'whole', ...restore)).code, 0);
    await fund(cli, 'whole', 60n);
    const made = await cli.run('whole', 'open', shop.url, '--deposit', '50', '--no-wait', '--signed-refund');
    const { channel, expiry, redeemScript } = opened.parse(made.out);
    await shop.mine(3);
    assert.equal((await cli.run('whole', 'open', '--resume', channel)).code, 0);
    cli.regtest.setTime(expiry + 10);
    cli.regtest.mine(20);

    // Nothing but the words: the refunds that were signed are gone.
    assert.equal((await cli.tell(WORDS, 'bare', ...restore)).code, 0);
    assert.equal((await cli.run('bare', 'recover')).code, 0);
    const none = await cli.run('bare', 'refund', channel);
    assert.equal(none.code, 1, none.said);
    const { error, advice, facts } = refused.parse(none.out);
    assert.deepEqual([error, facts['deposits'], facts['transaction']], ['refund-unsigned', '1', undefined]);
    assert.match(advice, /pawment recover --merchant/);
    assert.deepEqual(cli.regtest.mempool(), []);

    // The merchant signs again, and nothing is left to say.
    assert.equal((await cli.run('bare', 'recover', '--merchant', shop.url)).code, 0);
    const all = await cli.run('bare', 'refund', channel);
    assert.equal(all.code, 0, JSON.stringify(all.out) + all.said);
    assert.equal(shown.parse(all.out).state, 'refunding');
    assert.equal(cli.regtest.mempool().length, 1);

    // What somebody else pays to the channel nobody has signed for; the refund of the rest can be had all the same.
    cli.regtest.fund(hexToBytes(redeemScript), amount(5n * DOGE));
    const part = await cli.run('bare', 'refund', channel);
    assert.equal(part.code, 1, part.said);
    const rest = refused.parse(part.out);
    assert.deepEqual([rest.error, rest.facts['deposits'], rest.facts['value']], ['refund-unsigned', '1', String(5n * DOGE)]);
    const printed = await cli.run('bare', 'refund', channel, '--print');
    assert.equal(printed.code, 0, printed.said);
    assert.match(printed.said, /pawment recover --merchant/);
  } finally {
    await shop.close();
  }
});
