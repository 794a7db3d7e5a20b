import type { Command } from 'commander';
import { formatAmount } from '../../core/base/amount.ts';
import { bytesToHex } from '../../core/base/bytes.ts';
import { certain } from '../../core/base/lock-time.ts';
import { refuse } from '../../core/base/refusal.ts';
import type { PayerState } from '../../core/channel/payer-state.ts';
import { encodeTransaction, type Transaction, transactionId } from '../../core/tx/transaction.ts';
import { command, run, type Shell } from '../action.ts';
import { channelFacts, channelLine } from '../channel-print.ts';
import type { CommonFlags } from '../config.ts';
import { clock, type OpenPayer, openPayer } from '../open.ts';
import { granted, Refused } from '../print.ts';
import { until } from '../wait.ts';

interface EndFlags extends CommonFlags {
  readonly wait?: boolean;
  readonly print?: boolean;
}

/** Milliseconds between two looks at the chain. */
const LOOK = 1_000;

export function closeCommand(): Command {
  return command('close', 'End a channel now, by agreement with the merchant: the rest comes back at once', [
    'pawment close',
    'pawment close 1f0c… --wait',
  ])
    .argument('[channel]', 'its id, the beginning of it, or the merchant; the only one unless named')
    .option('--wait', 'until it is buried')
    .action((name: string | undefined, flags: EndFlags) =>
      run(flags, (shell) =>
        withChannel(shell, name, flags, async (payer, { channel }) => {
          granted(await payer.agent.end(channel, await payer.payeeOf(channel)));
          return finish(shell, payer, channel, flags);
        }),
      ),
    );
}

export function refundCommand(): Command {
  return command('refund', 'Take back what a channel holds after its expiry; needs no merchant', [
    'pawment refund',
    'pawment refund 1f0c… --wait',
    'pawment refund 1f0c… --print > refund.hex',
  ])
    .argument('[channel]', 'its id or the beginning of it; the only one unless named')
    .option('--wait', 'until it is buried')
    .option('--print', 'print the signed refund in hex and nothing else, for whichever node takes it')
    .action((name: string | undefined, flags: EndFlags) =>
      run(flags, (shell) =>
        withChannel(shell, name, flags, async (payer, { channel, terms, kind }) => {
          // Opening the payer has read the chain: what is due is on its way already.
          const { tip, medianTime } = payer.agent.engine.follower.seen();
          const reached = certain(terms.expiry, { tip: tip.height, medianTime, now: clock.now() });
          if (kind !== 'ended' && reached < terms.expiry)
            throw new Refused(refuse('refund-too-early', { tip: reached, expiry: terms.expiry }));
          return finish(shell, payer, channel, flags);
        }),
      ),
    );
}

async function withChannel(
  shell: Shell,
  name: string | undefined,
  flags: EndFlags,
  work: (payer: OpenPayer, state: PayerState) => Promise<PayerState>,
): Promise<void> {
  const payer = await openPayer(shell.config);
  try {
    const state = await work(payer, await payer.channel(name));
    const transaction = endingOf(state);
    const hex = transaction === undefined ? undefined : bytesToHex(encodeTransaction(transaction));
    const told = [
      channelLine(state),
      ...(transaction === undefined ? [] : [`transaction ${transactionId(transaction)}`]),
      ...(state.kind === 'ended' ? [`${formatAmount(state.returned)} ${state.terms.coin.ticker} are back`] : []),
    ];
    const isHexOnly = flags.print === true && hex !== undefined;
    shell.print.result({ ...channelFacts(state), ...(hex === undefined ? {} : { hex }) }, isHexOnly ? [hex] : told);
  } finally {
    await payer.close();
  }
}

function endingOf(state: PayerState): Transaction | undefined {
  if (state.kind === 'ended') return state.transactions.at(-1);
  return 'transaction' in state ? state.transaction : undefined;
}

async function finish(shell: Shell, payer: OpenPayer, channel: PayerState['channel'], { wait }: EndFlags): Promise<PayerState> {
  const now = await payer.channel(channel);
  if (wait !== true) return now;
  shell.print.note(`waiting until it is ${now.terms.coin.channel.buried} blocks deep`);
  return until(async () => {
    await payer.sync();
    const state = await payer.channel(channel);
    return state.kind === 'ended' ? state : undefined;
  }, LOOK);
}
