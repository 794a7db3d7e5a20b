import type { Command } from 'commander';
import type { ChannelId } from '../../core/base/bytes.ts';
import { counted } from '../../core/base/counted.ts';
import { height } from '../../core/base/height.ts';
import { isRefusal } from '../../core/base/refusal.ts';
import type { PayerState } from '../../core/channel/payer-state.ts';
import type { Connection, Store } from '../../engine/ports.ts';
import { recoverChannels } from '../../payer/recover.ts';
import { keepReturns } from '../../payer/returns.ts';
import type { CommonFlags } from '../config.ts';
import { wholeNumber } from '../flag/number.ts';
import { merchantAt } from '../payer/connect-merchant.ts';
import { command, run, type Shell } from '../run-command.ts';
import { type OpenPayer, openPayer } from '../setup.ts';
import { channelFacts, channelLine } from '../terminal/channel-print.ts';
import { fromFirst } from '../terminal/show-reading.ts';

interface RecoverFlags extends CommonFlags {
  readonly merchant?: string;
  readonly birthday?: number;
}

export function recoverCommand(): Command {
  return command('recover', "Find the seed's channels on the chain, when only the words are left", [
    'pawment wallet restore < words.txt && pawment recover',
    'pawment recover --birthday 5000000',
    'pawment recover --merchant http://127.0.0.1:8402 && pawment close',
  ])
    .option('--merchant <url>', 'ask this merchant what it knows: then its channels can be used for payments, and ended at once')
    .option(
      '--birthday <height>',
      'no channel was funded in a block up to this one; unless given, the block in the seed file',
      wholeNumber(),
    )
    .action((flags: RecoverFlags) => run(flags, (shell) => recover(shell, flags)));
}

async function recover({ config, print, stop }: Shell, { merchant, birthday }: RecoverFlags): Promise<void> {
  const found: ChannelId[] = [];
  let store: Store | undefined;
  let reached: readonly [number, number] | undefined;
  stop.say(async () => ({
    message: reached === undefined ? 'Stopped before the search.' : `Stopped at block ${reached[0]} of ${reached[1]}.`,
    advice: 'The progress is stored, and nothing was sent: the same command continues from there.',
  }));
  const payer = await openPayer(config, {
    print,
    mempool: 'always',
    ...(birthday === undefined ? {} : { birthday: height(birthday) }),
    first: async (parts, from) => {
      store = parts.store;
      const work = print.work('searching blocks for channels');
      const show = fromFirst(work);
      const onProgress = (scanned: number, tip: number): void => {
        reached = [scanned, tip];
        show(scanned, tip);
      };
      found.push(...(await recoverChannels({ ...parts, birthday: from, onProgress }).finally(work.done)));
    },
  });
  try {
    const payee = merchant === undefined ? undefined : merchantAt(merchant, print.note);
    const states: PayerState[] = [];
    for (const channel of found) {
      if (merchant !== undefined && payee !== undefined) await ask(payer, channel, merchant, payee);
      if (store !== undefined) await keepReturns(store, channel, (script) => payer.wallet.keyOf(script) !== undefined);
      states.push(await payer.channel(channel));
    }
    const { height: tip } = await payer.chain.tip();
    print.result({ tip, channels: states.map(channelFacts) }, [
      `${counted(states.length, 'channel')} found up to block ${tip}`,
      ...states.map(channelLine),
    ]);
  } finally {
    await payer.close();
  }
}

/** This merchant does not know channels of other merchants. */
async function ask(payer: OpenPayer, channel: ChannelId, url: string, payee: Connection): Promise<void> {
  const answer = await payer.agent.resync(channel, payee);
  if (!isRefusal(answer)) await payer.remember(channel, url);
}
