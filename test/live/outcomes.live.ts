import { after, before, describe, test } from 'node:test';
import type { Coin } from '../../src/core/coin/coin.ts';
import { dogecoinRegtest } from '../../src/core/coin/dogecoin.ts';
import { litecoinRegtest } from '../../src/core/coin/litecoin.ts';
import { outcomeCases } from '../regtest/outcome-cases.ts';
import { World } from '../regtest/world.ts';
import { callsOf, type Daemon, startDaemon } from './daemon.ts';
import { dogecoind, litecoind, type Program, whyLeftOut } from './program.ts';

/** Coins in the purse: enough for every case in turn on one chain, which must stay below the height where MWEB would stop it. */
const PURSE = 80;

const daemons: readonly (readonly [Program, Coin])[] = [
  [dogecoind, dogecoinRegtest],
  [litecoind, litecoinRegtest],
];

for (const [program, coin] of daemons) {
  describe(`what ${program.name} answers to a transaction`, { skip: whyLeftOut(program) ?? false }, () => {
    let daemon: Daemon | undefined;
    let opened: World | undefined;
    before(async () => {
      daemon = await startDaemon(program, []);
      opened = await World.open(await callsOf(daemon, coin), PURSE);
    });
    after(() => daemon?.stop());
    for (const { name, run } of outcomeCases) {
      test(name, async () => {
        if (opened === undefined) throw new Error(`${program.name} has not started`);
        await opened.mine(1);
        await run(opened);
      });
    }
  });
}
