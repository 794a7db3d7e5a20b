import type { Command } from 'commander';
import { type Amount, formatAmount, ZERO } from '../../core/base/amount.ts';
import { after } from '../../core/base/height.ts';
import { blocksOn, present } from '../../core/base/lock-time.ts';
import { isRefusal, type Refusal, refuse } from '../../core/base/refusal.ts';
import type { OfferLimits } from '../../core/channel/offer-limits.ts';
import { allDeposits, type PayerState, unsentOf } from '../../core/channel/payer-state.ts';
import { capacityOf } from '../../core/contract/contract.ts';
import { addressOf } from '../../core/tx/address.ts';
import { type Connection, WorldError } from '../../engine/ports.ts';
import type { CommonFlags } from '../config.ts';
import { destinationOf } from '../flag/address.ts';
import { blockCount } from '../flag/number.ts';
import type { Account } from '../interrupt.ts';
import { merchantAt } from '../payer/connect-merchant.ts';
import { command, run, type Shell } from '../run-command.ts';
import { clock, type OpenPayer, openPayer } from '../setup.ts';
import { channelFacts, channelLine } from '../terminal/channel-print.ts';
import { granted, Refused } from '../terminal/print.ts';
import { describeExpiry } from '../terminal/time-left.ts';
import { until } from '../wait.ts';
import { requestOffer } from './offer.ts';
import { amountOf } from './wallet.ts';

interface OpenFlags extends CommonFlags {
  readonly deposit?: string;
  readonly blocks?: number;
  readonly maxMargin?: number;
  readonly maxDepth?: number;
  readonly return?: string;
  readonly signedRefund?: boolean;
  readonly psbt?: boolean;
  readonly wait: boolean;
  readonly resume?: string;
  readonly topUp?: string;
}

/** Milliseconds between two looks at the chain. */
const LOOK = 1_000;

export function openCommand(): Command {
  return command('open', 'Open a channel with a merchant, or continue with one', [
    'pawment open http://127.0.0.1:8402 --deposit 100',
    'pawment open http://127.0.0.1:8402 --deposit 100 --no-wait',
    'pawment open --resume 1f0c…',
    'pawment open --top-up 1f0c… --deposit 50',
  ])
    .argument('[url]', "the merchant's address")
    .option('--deposit <coins>', 'how much goes into the channel')
    .option(
      '--blocks <count>',
      'blocks until the channel expires; unless given, the least that the merchant accepts and a day more, but at most 90 days',
      blockCount(),
    )
    .option(
      '--max-margin <count>',
      'accept up to this many blocks before the expiry without payments; ten times the usual number unless given',
      blockCount(),
    )
    .option(
      '--max-depth <count>',
      'accept up to this many confirmations for the deposit; ten times what buries a close unless given',
      blockCount(),
    )
    .option('--return <address>', 'address for a refund and for the rest of an agreed end; a new one of the wallet unless given')
    .option(
      '--signed-refund',
      'accept a contract whose refund the merchant has to sign: only the merchant can give back deposits without its signature',
    )
    .option('--psbt', 'announce with a PSBT')
    .option('--no-wait', 'do not wait until the deposit is deep enough')
    .option('--resume <channel>', 'wait for a channel that is not open yet')
    .option('--top-up <channel>', 'add a deposit to an open channel')
    .action((url: string | undefined, flags: OpenFlags) => run(flags, (shell) => open(shell, url, flags)));
}

async function open(shell: Shell, url: string | undefined, flags: OpenFlags): Promise<void> {
  // Checked before anything is planned with the merchant.
  const deposit = flags.resume === undefined ? depositOf(flags) : undefined;
  const payer = await openPayer(shell.config, { print: shell.print, form: flags.psbt === true ? 'psbt' : 'compact' });
  try {
    const known = flags.resume ?? flags.topUp;
    const state = known === undefined ? await plan(shell, payer, url, flags, deposit) : await payer.channel(known);
    const { channel } = state;
    shell.stop.say(async () => accountOf(await payer.channel(channel)));
    const payee = await payer.payeeOf(channel);
    if (deposit !== undefined) await fund(shell, payer, state, payee, deposit);
    // Interrupted between signing the deposit and broadcasting it.
    else if (state.kind === 'planned' || unsentOf(state).size > 0) granted(await payer.agent.launch(state.channel, payee));
    const opened = flags.wait ? await accepted(shell, payer, state, payee) : await payer.channel(state.channel);
    shell.print.result(channelFacts(opened), [
      channelLine(opened),
      ...(opened.kind === 'open' ? [] : [`continue with: pawment open --resume ${nameOf(opened)}`]),
    ]);
  } finally {
    await payer.close();
  }
}

/** What to report about a channel when its opening is stopped. */
export function accountOf(state: PayerState): Account {
  const { channel, kind, terms } = state;
  const value = capacityOf(allDeposits(state));
  const facts = { channel, state: kind, deposited: value };
  if (value === 0n) return { message: 'Stopped. Nothing was deposited.', advice: 'The same command starts again.', facts };
  const money = `${formatAmount(value)} ${terms.coin.ticker}`;
  return {
    message: kind === 'planned' ? `Stopped. ${money} are signed for channel ${channel}.` : `Stopped. ${money} are in channel ${channel}.`,
    advice: kind === 'open' ? `It is open: pawment pay ${nameOf(state)} …` : `Continue with: pawment open --resume ${nameOf(state)}`,
    facts,
  };
}

function nameOf({ channel }: PayerState): string {
  return channel.slice(0, 16);
}

async function plan(
  { config, print }: Shell,
  payer: OpenPayer,
  url: string | undefined,
  flags: OpenFlags,
  minDeposit: Amount = ZERO,
): Promise<PayerState> {
  const { blocks, maxMargin, maxDepth, signedRefund } = flags;
  if (url === undefined) throw new WorldError('config', 'No merchant is given.', 'pawment open <url> --deposit <coins>');
  const named = flags.return === undefined ? undefined : destinationOf(config.coin, flags.return);
  const offer = await requestOffer(merchantAt(url, print.note));
  if (offer.coin.id !== config.coin.id)
    throw new WorldError('config', `The merchant takes payments in ${offer.coin.id}.`, `Use --coin ${offer.coin.id}.`);
  const { expiresBy } = offer.contract;
  const as = (count: number): number => blocksOn(expiresBy, count, config.coin.blockSeconds);
  const latest = Math.min(offer.maxExpiry, offer.minExpiry + as(Math.ceil(86_400 / config.coin.blockSeconds)));
  const { tip, medianTime } = payer.agent.engine.follower.seen();
  const now = present(expiresBy, { tip: tip.height, medianTime, now: clock.now() });
  const expiry = blocks === undefined ? after(offer.minExpiry, latest - offer.minExpiry) : after(now, as(blocks));
  const { script: returnScript } = named ?? destinationOf(config.coin, await payer.wallet.receiveAddress());
  const limits = {
    minDeposit,
    ...(blocks === undefined ? {} : { lifetime: as(blocks) }),
    ...(maxMargin === undefined ? {} : { closingMargin: as(maxMargin) }),
    ...(maxDepth === undefined ? {} : { depth: maxDepth }),
    ...(signedRefund === true ? { expiryIn: 'releases' as const } : {}),
  };
  const planned = await payer.agent.plan(offer, expiry, returnScript, limits);
  const state = granted(isRefusal(planned) ? withFlag(planned) : planned);
  await payer.remember(state.channel, url);
  const { terms } = state;
  const address = addressOf(config.coin, terms.contract.outputScript(terms)) ?? 'a script without an address';
  print.note(`channel ${state.channel} at ${address}, expiry ${describeExpiry(expiry)}`);
  return state;
}

const FLAGS: Readonly<Record<Exclude<keyof OfferLimits, 'asset'>, string>> = {
  lifetime: '--blocks',
  closingMargin: '--max-margin',
  depth: '--max-depth',
  minDeposit: '--deposit',
  expiryIn: '--signed-refund',
};

/** Adds the flag that accepts more of what an offer asks for. */
function withFlag(refusal: Refusal): Refusal {
  const flag = Object.entries(FLAGS).find(([term]) => term === refusal.detail['term'])?.[1];
  if (refusal.code !== 'offer-excessive' || flag === undefined) return refusal;
  return { ...refusal, advice: `Use another merchant, or accept it: ${flag}.` };
}

async function fund({ config, print }: Shell, payer: OpenPayer, { channel }: PayerState, payee: Connection, value: Amount): Promise<void> {
  const { state } = granted(await payer.agent.fund(channel, value, payee));
  const [made] = state.offered.slice(-1);
  print.note(`deposited ${formatAmount(value)} ${config.coin.ticker} by ${made?.outpoint.txid ?? ''}`);
}

/** @throws WorldError `config` */
function depositOf({ deposit }: OpenFlags): Amount {
  if (deposit === undefined) throw new WorldError('config', 'No deposit is given.', 'pawment open <url> --deposit <coins>');
  return amountOf(deposit);
}

/** Announces after every block until the payee counts the deposits. */
async function accepted({ print }: Shell, payer: OpenPayer, { channel, terms }: PayerState, payee: Connection): Promise<PayerState> {
  let said = '';
  const work = print.work('waiting for confirmations');
  return until(async () => {
    await payer.sync();
    const answer = await payer.agent.announce(channel, payee);
    if (isRefusal(answer)) throw new Refused(answer);
    if (answer.reply.kind === 'accepted') return answer.state;
    const { message, detail } = answer.reply.kind === 'provisional' ? answer.reply.waitingFor : refuse('channel-not-open');
    const [depth, needed] = [Number(detail['depth']), Number(detail['needed'])];
    if (depth < needed) work.at(depth, needed, (needed - depth) * terms.coin.blockSeconds * 1000);
    const text = waiting(message, detail);
    if (text !== said) print.note(text);
    said = text;
    return undefined;
  }, LOOK).finally(work.done);
}

function waiting(message: string, { depth, needed }: Partial<Record<'depth' | 'needed', string>>): string {
  return depth === undefined ? `waiting: ${message}` : `waiting: ${depth} of ${needed} confirmations`;
}
