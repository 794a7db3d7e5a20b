import type { Command } from 'commander';
import { formatAmount, isAmount, ZERO } from '../../core/base/amount.ts';
import type { CommonFlags } from '../config.ts';
import { command, run, type Shell } from '../run-command.ts';
import { openPayer } from '../setup.ts';
import { channelFacts, channelLine } from '../terminal/channel-print.ts';
import { granted } from '../terminal/print.ts';

export function refreshCommand(): Command {
  return command('refresh', 'Ask the merchant how a channel stands, and take what it gives back', [
    'pawment refresh',
    'pawment refresh 1f0c…',
  ])
    .argument('[channel]', 'its id, the beginning of it, or the merchant; the only one unless named')
    .action((name: string | undefined, flags: CommonFlags) => run(flags, (shell) => refresh(shell, name)));
}

async function refresh({ config, print, stop }: Shell, name: string | undefined): Promise<void> {
  const payer = await openPayer(config, { print, mempool: 'when-missing' });
  try {
    const before = await payer.channel(name);
    const { channel, terms, best } = before;
    stop.say(async () => ({ message: 'Stopped.', advice: `Go on with: pawment refresh ${channel.slice(0, 16)}`, facts: { channel } }));
    const { state } = granted(await payer.agent.refresh(channel, await payer.payeeOf(channel)));
    const back = (best?.total ?? ZERO) - (state.best?.total ?? ZERO);
    const gained = isAmount(back) ? back : ZERO;
    print.result({ ...channelFacts(state), gaveBack: gained }, [
      gained > 0n ? `${formatAmount(gained)} ${terms.coin.ticker} were given back.` : 'Nothing was given back.',
      channelLine(state),
    ]);
  } finally {
    await payer.close();
  }
}
