import type { Command } from 'commander';
import { formatAmount, ZERO } from '../../core/base/amount.ts';
import { type ChannelId, channelId, type TxId } from '../../core/base/bytes.ts';
import { refuse } from '../../core/base/refusal.ts';
import { isActive, type PayeeState } from '../../core/channel/payee-state.ts';
import { payeeSnapshot } from '../../core/channel/snapshot.ts';
import { capacityOf } from '../../core/contract/contract.ts';
import { transactionId } from '../../core/tx/transaction.ts';
import { storedGiveBack } from '../../duplex/stored-pairs.ts';
import { decodeStored } from '../../engine/decode-state.ts';
import { type Store, WorldError } from '../../engine/ports.ts';
import { lastRead } from '../../engine/sync-cursor.ts';
import { isLocked } from '../../store/datadir-lock.ts';
import type { CommonFlags } from '../config.ts';
import { CLOSE_ORDER } from '../merchant/orders.ts';
import { command, run, type Shell } from '../run-command.ts';
import { openKnownStore } from '../setup.ts';
import { Refused } from '../terminal/print.ts';
import { describeExpiry } from '../terminal/time-left.ts';
import { until } from '../wait.ts';

interface OrderFlags extends CommonFlags {
  readonly all?: boolean;
  readonly wait: boolean;
}

/** Milliseconds between two looks at the store. */
const LOOK = 200;

export function closeOrderCommand(): Command {
  return command('close', 'Tell the merchant to close channels with their best payments', [
    'pawment merchant close 1f0c…',
    'pawment merchant close --all',
  ])
    .argument('[channel]', 'its id or the beginning of it')
    .option('--all', 'all that hold a payment; those with nothing left for the payer share one transaction')
    .option('--no-wait', 'do not wait until the running merchant has done it')
    .action((name: string | undefined, flags: OrderFlags) => run(flags, (shell) => order(shell, name, flags)));
}

async function order({ config, print, stop }: Shell, name: string | undefined, flags: OrderFlags): Promise<void> {
  if ((name === undefined) !== (flags.all === true))
    throw new WorldError('config', 'Which channel should be closed?', 'Give one, or --all.');
  const isRunning = isLocked(config.datadir, 'merchant');
  const wait = flags.wait && isRunning;
  const store = openKnownStore(config, 'merchant');
  try {
    const ids = name === undefined ? await paidChannels(store) : [await findChannel(store, name)];
    await Promise.all(ids.map((id) => ordered(store, id)));
    stop.say(async () => ({
      message: `Stopped. ${ids.length === 1 ? 'The order to close is stored' : `The orders to close ${ids.length} channels are stored`}.`,
      advice: 'The running merchant does it; to see the result: pawment merchant channels',
      facts: { ordered: ids },
    }));
    if (!isRunning) print.note('No merchant is running on this data folder: it will close the channels when it runs.');
    if (wait) for (const id of ids) await until(async () => ((await store.get(CLOSE_ORDER, id)) === undefined ? true : undefined), LOOK);
    const states = await Promise.all(ids.map((id) => stateOf(store, id)));
    if (wait && name !== undefined && states.some(({ kind }) => kind === 'open')) throw new Refused(refuse('nothing-to-close'));
    const [only] = states;
    print.result(
      name === undefined || only === undefined ? { channels: states.map(facts) } : facts(only),
      states.length === 0 ? ['No channel holds a payment.'] : states.map(line),
    );
  } finally {
    await store.close();
  }
}

async function ordered(store: Store, id: ChannelId): Promise<void> {
  const expected = (await store.get(CLOSE_ORDER, id))?.version ?? 0;
  await store.commit([{ kind: CLOSE_ORDER, id, expected, value: '{}' }]);
}

/** Channels that hold a payment and are not closing yet. */
async function paidChannels(store: Store): Promise<readonly ChannelId[]> {
  const found: ChannelId[] = [];
  for await (const { value } of store.list('payee-channel')) {
    const state = decodeStored(payeeSnapshot, value);
    if (isActive(state) && state.best !== undefined) found.push(state.channel);
  }
  return found;
}

export function merchantChannelsCommand(): Command {
  return command('channels', "List the merchant's channels", ['pawment merchant channels']).action((flags: CommonFlags) =>
    run(flags, async ({ config, print }) => {
      const store = openKnownStore(config, 'merchant');
      const shown: { readonly facts: object; readonly line: string }[] = [];
      for await (const { value } of store.list('payee-channel')) shown.push(await withGiveBack(store, decodeStored(payeeSnapshot, value)));
      const tip = (await lastRead(store))?.height;
      await store.close();
      const isRunning = isLocked(config.datadir, 'merchant');
      const age =
        tip === undefined ? 'The chain was not read yet.' : `As of block ${tip}${isRunning ? '' : ': no merchant is running now'}.`;
      print.result({ isRunning, ...(tip !== undefined && { tip }), channels: shown.map((one) => one.facts) }, [
        ...(shown.length === 0 ? ['no channels'] : shown.map((one) => one.line)),
        age,
      ]);
    }),
  );
}

export async function findChannel(store: Store, name: string): Promise<ChannelId> {
  const found: ChannelId[] = [];
  for await (const { id } of store.list('payee-channel')) if (id.startsWith(name)) found.push(channelId(id));
  const [only, ...others] = found;
  if (only === undefined || others.length > 0) throw new Refused(refuse('channel-unknown', { name, found: found.length }));
  return only;
}

export async function stateOf(store: Store, id: ChannelId): Promise<PayeeState> {
  const record = await store.get('payee-channel', id);
  if (record === undefined) throw new Refused(refuse('channel-unknown', { channel: id }));
  return decodeStored(payeeSnapshot, record.value);
}

function facts(state: PayeeState): object {
  const { channel, kind, terms, deposits, best, spent } = state;
  const common = {
    ...{ channel, state: kind, capacity: capacityOf(deposits), total: best?.total ?? ZERO, spent, expiry: terms.expiry },
    ...(state.giveBack !== undefined && { giveBack: state.giveBack }),
  };
  const txid = txidOf(state);
  if (txid === undefined) return common;
  return kind === 'closing' ? { ...common, ownClose: txid } : { ...common, transaction: txid };
}

/** A channel, with what is paid back in the one the other way. */
async function withGiveBack(store: Store, state: PayeeState): Promise<{ readonly facts: object; readonly line: string }> {
  const pair = await storedGiveBack(store, state.channel);
  if (pair === undefined) return { facts: facts(state), line: line(state) };
  const { ordered, paidBack, opposite } = pair;
  const balance = (state.best?.total ?? 0n) - paidBack;
  const text = `, ${formatAmount(paidBack)} of ${formatAmount(ordered)} ${state.terms.coin.ticker} paid back`;
  return { facts: { ...facts(state), ordered, paidBack, balance, ...(opposite && { opposite }) }, line: line(state) + text };
}

function line(state: PayeeState): string {
  const { channel, kind, terms, deposits, best } = state;
  const txid = txidOf(state);
  // Several may be closed in one transaction, which none of them stores.
  const ending = txid === undefined ? '' : `, ${kind === 'closing' ? 'its own close is' : 'by'} ${txid}`;
  const total = `${formatAmount(best?.total ?? ZERO)} of ${formatAmount(capacityOf(deposits))} ${terms.coin.ticker}`;
  const back = state.giveBack === undefined ? '' : `, ${formatAmount(state.giveBack)} ${terms.coin.ticker} to give back`;
  return `${channel.slice(0, 16)}  ${kind.padEnd(9)}  ${total}, expires at ${describeExpiry(terms.expiry)}${back}${ending}`;
}

function txidOf(state: PayeeState): TxId | undefined {
  return 'transaction' in state && state.transaction !== undefined ? transactionId(state.transaction) : undefined;
}
