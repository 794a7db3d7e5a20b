import type { Command } from 'commander';
import { type Amount, formatAmount, isAmount, ZERO } from '../../core/base/amount.ts';
import type { ChannelId } from '../../core/base/bytes.ts';
import { hubService } from '../../payer/hub-service.ts';
import type { CommonFlags } from '../config.ts';
import { goOn } from '../payer/pay-via.ts';
import { type WatchToFlags, withWatchTo } from '../payer/watch-to.ts';
import { command, run, type Shell } from '../run-command.ts';
import { type OpenPayer, openPayer } from '../setup.ts';
import { backText, channelFacts, channelLine } from '../terminal/channel-print.ts';
import { granted } from '../terminal/print.ts';

type RefreshFlags = CommonFlags & WatchToFlags;

export function refreshCommand(): Command {
  const refreshing = command('refresh', 'Ask the merchant for the state of a channel, and take what it gives back', [
    'pawment refresh',
    'pawment refresh 1f0c…',
    'pawment refresh --watch-to ./watched',
  ]).argument('[channel]', 'its id, the beginning of it, or the merchant; the only one unless given');
  return withWatchTo(refreshing).action((name: string | undefined, flags: RefreshFlags) =>
    run(flags, (shell) => refresh(shell, name, flags)),
  );
}

async function refresh({ config, print, stop }: Shell, name: string | undefined, watching: WatchToFlags): Promise<void> {
  const payer = await openPayer(config, { print, watching, mempool: 'when-missing' });
  try {
    const before = await payer.channel(name);
    const { channel, terms, best } = before;
    const had = await paidBackOf(payer, channel);
    stop.say(async () => ({ message: 'Stopped.', advice: `Continue with: pawment refresh ${channel.slice(0, 16)}`, facts: { channel } }));
    const connection = await payer.payeeOf(channel);
    await goOn({ config, print }, payer, { channel, connection, hub: hubService(payer.agent, connection) });
    const { state } = granted(await payer.agent.refresh(channel, connection));
    const paidBack = await paidBackOf(payer, channel);
    const back = (best?.total ?? ZERO) - (state.best?.total ?? ZERO) + (paidBack - had);
    const gained = isAmount(back) ? back : ZERO;
    const balance = (state.best?.total ?? ZERO) - paidBack;
    if (await payer.agent.isOpening(channel))
      print.note('The merchant opens a channel the other way: refresh again once its deposit is deep enough.');
    print.result({ ...channelFacts(state), gaveBack: gained, ...(paidBack > 0n && { paidBack, balance }) }, [
      gained > 0n ? `${formatAmount(gained)} ${terms.coin.ticker} were given back.` : 'Nothing was given back.',
      channelLine(state) + backText(terms.coin, paidBack, balance),
    ]);
  } finally {
    await payer.close();
  }
}

/** What was paid to this payer in the channel the other way. */
async function paidBackOf({ agent }: OpenPayer, channel: ChannelId): Promise<Amount> {
  return (await agent.opposite(channel))?.best?.total ?? ZERO;
}
