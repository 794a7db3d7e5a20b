import assert from 'node:assert/strict';
import { mkdir } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import { CommandLine } from './command-line.ts';
import { Terminal } from './terminal.ts';
import { type CrowdedNode, crowdedNode, strangers } from './world/crowded-node.ts';

const CROWD = 2_000;
const ROW = /reading unconfirmed transactions \[█+░+\] \d+ of 2000/;
const crowd = strangers(CROWD);
let cli: CommandLine;
let watched: string;

before(async () => {
  cli = await CommandLine.open();
  watched = cli.folder('watched');
  await mkdir(watched);
  assert.equal((await cli.run('payer', 'wallet', 'init')).code, 0);
});
after(() => cli.close());

/** A node that gives half of its crowded mempool, and the rest once it is let. */
async function slowNode(): Promise<CrowdedNode & { readonly goOn: () => void }> {
  let goOn = (): void => undefined;
  const gate = new Promise<void>((resolve) => {
    goOn = resolve;
  });
  const node = await crowdedNode(cli.regtest, crowd, (asked) => (asked >= CROWD / 2 ? gate : undefined));
  return { ...node, goOn };
}

const commands: readonly { readonly folder: string; readonly words: readonly string[]; readonly last: string }[] = [
  { folder: 'payer', words: ['recover'], last: '0 channels found' },
  { folder: 'payer', words: ['close'], last: 'pawment open' },
  { folder: 'shop', words: ['merchant', '--listen', '127.0.0.1:0'], last: 'Selling' },
  { folder: 'watcher', words: ['watch', 'watched'], last: ' warn  ALARM ' },
  { folder: 'watcher', words: ['watch', 'watched', '--once'], last: 'ALARM ' },
];

for (const { folder, words, last } of commands)
  test(`pawment ${words.join(' ')} shows on a terminal how far it has come with a crowded mempool`, { timeout: 240_000 }, async (t) => {
    const node = await slowNode();
    t.after(node.close);
    const path = process.env['PATH'] ?? '';
    const env = { PATH: path, TERM: 'xterm', PAWMENT_PASSPHRASE: 'much secret', PAWMENT_COIN: cli.regtest.coin.id };
    const named = words.map((word) => (word === 'watched' ? watched : word));
    const terminal = new Terminal(
      [process.execPath, 'bin/pawment.js', ...named, '--rpc-url', node.url, '--datadir', cli.folder(folder)],
      env,
    );
    t.after(() => terminal.type('\u0003'));
    await terminal.saw(ROW);
    node.goOn();
    await terminal.saw(last);
    terminal.type('\u0003');
    await terminal.over;
  });

test('on a pipe nothing of it is said', { timeout: 240_000 }, async (t) => {
  const node = await crowdedNode(cli.regtest, crowd);
  t.after(node.close);
  const { code, said } = await cli.run('payer', 'recover', '--rpc-url', node.url);
  assert.deepEqual([code, said], [0, '']);
  assert.ok(node.asked() >= CROWD);
  const shop = await cli.serve('shop', 'merchant', '--listen', '127.0.0.1:0', '--rpc-url', node.url);
  assert.deepEqual(shop.notes, []);
  await shop.kill();
});
