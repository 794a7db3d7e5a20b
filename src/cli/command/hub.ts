import type { Command } from 'commander';
import { type Amount, formatAmount, ZERO } from '../../core/base/amount.ts';
import type { ChannelId } from '../../core/base/bytes.ts';
import { type Refusal, refuse } from '../../core/base/refusal.ts';
import { allDeposits, type PayerState } from '../../core/channel/payer-state.ts';
import { payerSnapshot } from '../../core/channel/snapshot.ts';
import { capacityOf } from '../../core/contract/contract.ts';
import { decodeStored } from '../../engine/decode-state.ts';
import { type Store, WorldError } from '../../engine/ports.ts';
import { isLocked } from '../../store/datadir-lock.ts';
import { storePart } from '../../store/part.ts';
import type { CommonFlags } from '../config.ts';
import { WholeNumber } from '../flag/number.ts';
import { HUB } from '../merchant/hub.ts';
import { OPENING, readOpening, writeOpening } from '../merchant/hub-openings.ts';
import { peerOf } from '../payer/pick-channel.ts';
import { command, run, type Shell } from '../run-command.ts';
import { openKnownStore } from '../setup.ts';
import { channelFacts, channelLine } from '../terminal/channel-print.ts';
import { Refused } from '../terminal/print.ts';
import { until } from '../wait.ts';
import { type MerchantFlags, serve, withShopOptions } from './merchant.ts';
import { amountOf } from './wallet.ts';

interface HubFlags extends MerchantFlags {
  readonly feeBase: string;
  readonly feeThousandths: number;
}

interface OpenFlags extends CommonFlags {
  readonly deposit?: string;
  readonly wait: boolean;
}

/** Milliseconds between two looks at the store. */
const LOOK = 200;

export function hubCommand(): Command {
  const hub = withShopOptions(
    command('hub', 'Forward payments: payers with a channel to the hub pay whoever the hub has a channel to', [
      'pawment hub',
      'pawment hub --fee-base 0.01 --fee-thousandths 5',
      'pawment hub open http://127.0.0.1:8402 --deposit 100',
    ]),
  )
    .option('--fee-base <coins>', 'what it takes for each payment', '0')
    .addOption(new WholeNumber('--fee-thousandths <count>', 'and so many thousandths of it', 0, 1_000).default(5))
    .action((flags: HubFlags) => run(flags, (shell) => serve(shell, { ...flags, viaHubs: true }, feeOf(flags))));
  for (const child of [openCommand(), channelsCommand()]) hub.addCommand(child);
  return hub;
}

/** @throws WorldError `config` for what a hub can't do beside. */
function feeOf({ feeBase, feeThousandths: perMille, duplex }: HubFlags): { readonly base: Amount; readonly perMille: number } {
  if (duplex !== undefined) throw new WorldError('config', 'A hub does not lend by --duplex.', 'Leave it out, or use pawment merchant.');
  return { base: amountOf(feeBase), perMille };
}

function openCommand(): Command {
  return command('open', 'Tell the hub to open a channel to somebody who is to be paid through it', [
    'pawment hub open http://127.0.0.1:8402 --deposit 100 --no-wait',
    'pawment hub open http://127.0.0.1:8402',
  ])
    .argument('<url>', "the merchant's address; it has to run with --via-hubs")
    .option('--deposit <coins>', 'how much goes into the channel; without it, waits for one that was ordered before')
    .option('--no-wait', 'do not wait until the deposit is deep enough')
    .action((url: string, flags: OpenFlags) => run(flags, (shell) => open(shell, url, flags)));
}

async function open({ config, print, stop }: Shell, url: string, { deposit, wait }: OpenFlags): Promise<void> {
  const asked = addressOf(url);
  const isRunning = isLocked(config.datadir, 'merchant');
  const whole = openKnownStore(config, 'merchant');
  try {
    const store = storePart(whole, HUB);
    if (deposit !== undefined) await order(store, asked, amountOf(deposit));
    stop.say(async () => ({
      message: 'Stopped. The order is stored.',
      advice: 'The running hub carries it out; to see the result: pawment hub channels',
      facts: { url: asked },
    }));
    if (!isRunning) print.note('No hub is running on this data folder: it will open the channel when it runs.');
    const state = isRunning ? await until(() => outcome(store, asked, wait), LOOK) : 'ordered';
    if (typeof state !== 'string') throw new Refused(state);
    print.result({ url: asked, state }, [SAID[state].replace('it', asked)]);
  } finally {
    await whole.close();
  }
}

/** @throws WorldError while an order for that address is not carried out yet. */
async function order(store: Store, url: string, deposit: Amount): Promise<void> {
  const { version, opening } = await readOpening(store, url);
  const isFree = opening === undefined || opening.refusal !== undefined;
  if (isFree && (await writeOpening(store, url, version, { deposit }))) return;
  throw new WorldError('config', `A channel to ${url} is being opened.`, 'Wait until it is open: pawment hub channels');
}

type Stage = 'ordered' | 'funding' | 'open';

const SAID: Readonly<Record<Stage, string>> = {
  ordered: 'The order to open a channel to it is stored.',
  funding: 'The deposit of a channel to it is on its way; once it is deep enough, the hub opens the channel.',
  open: 'A channel to it is open.',
};

/** Undefined while there is more to wait for. */
async function outcome(store: Store, url: string, wait: boolean): Promise<Stage | Refusal | undefined> {
  const { opening } = await readOpening(store, url);
  if (opening?.refusal !== undefined) return opening.refusal;
  if (opening === undefined) return (await isOpen(store, url)) ? 'open' : refuse('channel-unknown', { payee: url });
  return !wait && opening.channel !== undefined && (await kindOf(store, opening.channel)) === 'funding' ? 'funding' : undefined;
}

async function isOpen(store: Store, url: string): Promise<boolean> {
  for await (const { value } of store.list('payer-channel')) {
    const { channel, kind } = decodeStored(payerSnapshot, value);
    if (kind === 'open' && (await peerOf(store, channel)) === url) return true;
  }
  return false;
}

async function kindOf(store: Store, channel: ChannelId): Promise<PayerState['kind'] | undefined> {
  const record = await store.get('payer-channel', channel);
  return record && decodeStored(payerSnapshot, record.value).kind;
}

/** @throws WorldError `config` for what is no address. */
function addressOf(text: string): string {
  const url = URL.parse(text);
  if (url !== null && /^https?:$/.test(url.protocol)) return url.href.replace(/\/+$/, '');
  throw new WorldError('config', `${text} is not the address of a merchant.`, 'Give it as https://host or https://host/path.');
}

function channelsCommand(): Command {
  return command('channels', 'List the channels to those who are paid through the hub', ['pawment hub channels']).action(
    (flags: CommonFlags) => run(flags, list),
  );
}

async function list({ config, print }: Shell): Promise<void> {
  const whole = openKnownStore(config, 'merchant');
  try {
    const store = storePart(whole, HUB);
    const shown: { readonly facts: object; readonly line: string }[] = [];
    for await (const { value } of store.list('payer-channel')) shown.push(await described(store, decodeStored(payerSnapshot, value)));
    const waiting: { readonly url: string; readonly deposit: Amount; readonly refusal?: string }[] = [];
    for await (const { id: url } of store.list(OPENING)) {
      const { opening } = await readOpening(store, url);
      const { deposit = ZERO, refusal } = opening ?? {};
      waiting.push({ url, deposit, ...(refusal && { refusal: refusal.code }) });
    }
    const { ticker } = config.coin;
    print.result({ channels: shown.map(({ facts }) => facts), opening: waiting }, [
      ...(shown.length === 0 ? ['no channels'] : shown.map(({ line }) => line)),
      ...waiting.map(
        ({ url, deposit, refusal }) => `to open: ${url} with ${formatAmount(deposit)} ${ticker}${refusal ? `, refused: ${refusal}` : ''}`,
      ),
    ]);
  } finally {
    await whole.close();
  }
}

async function described(store: Store, state: PayerState): Promise<{ readonly facts: object; readonly line: string }> {
  const payee = await peerOf(store, state.channel);
  const pending = state.best?.locks?.length ?? 0;
  const deposited = capacityOf(allDeposits(state));
  return {
    facts: { ...channelFacts(state), payee, deposited, pending },
    line: `${channelLine(state)}, to ${payee}${pending === 0 ? '' : `, ${pending} pending`}`,
  };
}
