import type { Command } from 'commander';
import { type Amount, formatAmount, subtract, ZERO } from '../../core/base/amount.ts';
import type { Refusal } from '../../core/base/refusal.ts';
import type { PayerState } from '../../core/channel/payer-state.ts';
import type { Connection } from '../../engine/ports.ts';
import { WorldError } from '../../engine/ports.ts';
import type { Agree } from '../../payer/agent.ts';
import type { Exchange } from '../../payer/request.ts';
import { wholeNumber } from '../flag/number.ts';
import { checkPayFlags, type PayFlags } from '../flag/pay-flags.ts';
import { paidSince, tellingPaid } from '../payer/paid-so-far.ts';
import { type BitcoinjPayment, payBitcoinj } from '../payer/pay-bitcoinj.ts';
import { payVia } from '../payer/pay-via.ts';
import { agreeToRaise, consent } from '../payer/price-consent.ts';
import { withWatchTo } from '../payer/watch-to.ts';
import { command, run, type Shell } from '../run-command.ts';
import { type OpenPayer, openPayer } from '../setup.ts';
import { channelFacts, channelLine } from '../terminal/channel-print.ts';
import { granted } from '../terminal/print.ts';
import { promptYes } from '../terminal/prompt.ts';
import { amountOf } from './wallet.ts';

export function payCommand(): Command {
  const paying = command('pay', 'Pay through a channel', [
    'pawment pay --item tea',
    'pawment pay --item tea --max 0.1 --times 100',
    'pawment pay http://127.0.0.1:8402 --item tea --times 1000',
    'pawment pay 1f0c… --amount 2.5 --psbt',
    'pawment pay http://127.0.0.1:8402 --item tea --via http://127.0.0.1:8406',
    'pawment pay --bitcoinj 127.0.0.1:4242 --deposit 10 --amount 0.1 --max 0.1 --info tea',
  ])
    .argument('[channel]', "its id, the beginning of it, or the merchant's address; the only one unless given")
    .option('--item <name>', 'buy this item by invoice')
    .option(
      '--max <coins>',
      'pay no more than this with each payment; unless given: what the item has cost before, --amount, or what you agree to when asked',
    )
    .option('--amount <coins>', 'or pay this much in advance')
    .option('--times <count>', 'how many times; once unless given', wholeNumber(1))
    .option('--via <hub>', 'pay the merchant at that address through a hub, in the channel with the hub')
    .option('--psbt', 'send the payments as PSBTs')
    .option('--bitcoinj <host:port>', 'pay a bitcoinj server, through an existing channel with it or a new one')
    .option('--deposit <coins>', 'how much goes into a new channel with it')
    .option('--info <text>', 'text to send with each payment')
    .option(
      '--protocol <version>',
      'version of its protocol, 1 or 2; 2 unless given. In 1 the refund needs a signature of the server',
      wholeNumber(1, 2),
    )
    .option('--settle', 'let the server settle the channel afterwards');
  return withWatchTo(paying).action((name: string | undefined, flags: PayFlags) => run(flags, (shell) => pay(shell, name, flags)));
}

async function pay(shell: Shell, name: string | undefined, flags: PayFlags): Promise<void> {
  checkPayFlags(name, flags);
  const { via, item } = flags;
  if (via !== undefined) return payVia(shell, { payee: name ?? '', item: item ?? '', hub: via, times: flags.times ?? 1 }, boundOf(flags));
  if (flags.bitcoinj !== undefined) return payBitcoinj(shell, bitcoinjPayment(flags.bitcoinj, flags));
  const { times = 1 } = flags;
  const max = boundOf(flags);
  const payer = await openPayer(shell.config, {
    ...{ print: shell.print, watching: flags, form: flags.psbt === true ? 'psbt' : 'compact' },
    raised: agreeToRaise({ ask: promptYes(shell.print) }, shell.config.coin.ticker, max),
  });
  try {
    const state = await payer.channel(name);
    const payee = await payer.payeeOf(state.channel);
    const before = state.best?.total ?? ZERO;
    let made = 0;
    const once = async (buy: ReturnType<typeof purchaseOf>): Promise<PayerState> => {
      const { state: last } = granted(await buy());
      made++;
      return last;
    };
    const payAll = async (): Promise<PayerState> => {
      const buy = purchaseOf(shell, payer, state, payee, flags);
      // The first payment may have to ask the owner: nothing is shown before.
      let last = await once(buy);
      const work = shell.print.work('payments');
      try {
        for (; made < times; work.at(made, times)) last = await once(buy);
      } finally {
        work.done();
      }
      return last;
    };
    if (state.kind === 'open' && state.pending !== undefined) {
      const unanswered = formatAmount(subtract(state.pending.payment.total, before));
      shell.print.note(`a payment of ${unanswered} ${shell.config.coin.ticker} that got no answer is sent again first`);
    }
    const last = await tellingPaid(shell, { before, now: () => payer.channel(state.channel), times, made: () => made }, payAll);
    const paid = paidSince(before, last);
    shell.print.result({ ...channelFacts(last), payments: times, paidNow: paid }, [
      `${times} payments, ${formatAmount(paid)} ${shell.config.coin.ticker} in all`,
      channelLine(last),
    ]);
  } finally {
    await payer.close();
  }
}

/** The most that one payment may cost. @throws WorldError `config` when --amount is more. */
function boundOf({ max, amount: ahead }: PayFlags): Amount | undefined {
  const most = max === undefined ? undefined : amountOf(max);
  if (most !== undefined && ahead !== undefined && amountOf(ahead) > most)
    throw new WorldError('config', `--amount ${ahead} is more than --max ${max}.`, 'Use a smaller amount, or a higher --max.');
  return most;
}

function bitcoinjPayment(server: string, flags: PayFlags): BitcoinjPayment {
  const { amount: value, deposit, info, protocol, times = 1, settle = false } = flags;
  const max = boundOf(flags);
  return {
    ...{ server, times, isLast: settle },
    ...(max === undefined ? {} : { max }),
    ...(value === undefined ? {} : { value: amountOf(value) }),
    ...(deposit === undefined ? {} : { deposit: amountOf(deposit) }),
    ...(info === undefined ? {} : { info }),
    ...(protocol === undefined ? {} : { major: protocol }),
  };
}

/** One purchase of a command: the owner agrees to the price of the first, and none of the others may cost more. */
function purchaseOf(
  { print }: Shell,
  payer: OpenPayer,
  state: PayerState,
  payee: Connection,
  { item, amount: ahead, times = 1, max }: PayFlags,
): () => Promise<Exchange | Refusal> {
  const { agent } = payer;
  if (item === undefined) {
    if (ahead === undefined) throw new WorldError('config', 'Nothing is given to pay for.', 'Use --item or --amount.');
    const purchase = { amount: amountOf(ahead) };
    return () => agent.pay(state.channel, purchase, payee);
  }
  const bound = max === undefined ? {} : { max: amountOf(max) };
  let most: Amount | undefined;
  const agree: Agree = async ({ amount: price }) => {
    const ware = { merchant: await payer.merchantOf(state.channel), item };
    most ??= granted(await consent({ prices: payer.prices, print, ask: promptYes(print) }, state, { ware, price, times, ...bound }));
    return most;
  };
  return () => agent.buy(state.channel, item, agree, payee);
}
