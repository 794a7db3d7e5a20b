import { after, before, describe, test } from 'node:test';
import { litecoinRegtest } from '../../src/core/coin/litecoin.ts';
import { csvCases } from '../regtest/csv-cases.ts';
import { World } from '../regtest/world.ts';
import { callsOf, type Daemon, startDaemon, WITHOUT_MWEB } from './daemon.ts';
import { litecoind, whyLeftOut } from './program.ts';

/** Past the block from which relative locks are kept: 432 on Litecoin's regtest. */
const HEIGHT = 440;
/** Several threads that check a block do not say which script failed, and how. */
const ONE_THREAD = '-par=1';

describe('picopayments’ channel on litecoind', { skip: whyLeftOut(litecoind) ?? false }, () => {
  let daemon: Daemon | undefined;
  let opened: World | undefined;
  before(async () => {
    daemon = await startDaemon(litecoind, [WITHOUT_MWEB, ONE_THREAD]);
    opened = await World.open(await callsOf(daemon, litecoinRegtest));
    await opened.mine(HEIGHT - (await opened.height()));
  });
  after(() => daemon?.stop());
  for (const { name, run } of csvCases) {
    test(name, async () => {
      if (opened === undefined) throw new Error('litecoind has not started');
      await run(opened);
    });
  }
});
