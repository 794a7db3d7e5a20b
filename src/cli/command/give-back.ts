import { randomUUID } from 'node:crypto';
import type { Command } from 'commander';
import * as z from 'zod';
import { type Amount, formatAmount } from '../../core/base/amount.ts';
import type { ChannelId } from '../../core/base/bytes.ts';
import { decodeStoredJson } from '../../engine/decode-state.ts';
import { type Store, WorldError } from '../../engine/ports.ts';
import { isLocked } from '../../store/datadir-lock.ts';
import type { CommonFlags } from '../config.ts';
import { GIVE_BACK_ORDER, type GiveBackOrder, giveBackOrder } from '../merchant/orders.ts';
import { command, run, type Shell } from '../run-command.ts';
import { openKnownStore } from '../setup.ts';
import { Refused } from '../terminal/print.ts';
import { until } from '../wait.ts';
import { findChannel, stateOf } from './merchant-orders.ts';
import { amountOf } from './wallet.ts';

interface GiveBackFlags extends CommonFlags {
  readonly wait: boolean;
}

/** Milliseconds between two looks at the store. */
const LOOK = 200;

export function giveBackCommand(): Command {
  return command('give-back', 'Order the merchant to give back a part of what was paid; the payer gets it by pawment refresh', [
    'pawment merchant give-back 1f0c… 2.5',
    'pawment merchant give-back 2.5',
  ])
    .argument('<channel>', 'its id or the beginning of it; leave it out if there is only one channel')
    .argument('[coins]', 'how much, in whole coins')
    .option('--no-wait', 'do not wait until the running merchant has taken the order')
    .action((first: string, second: string | undefined, flags: GiveBackFlags) => {
      const [name, coins] = second === undefined ? ['', first] : [first, second];
      return run(flags, (shell) => giveBack(shell, name, amountOf(coins), flags));
    });
}

async function giveBack({ config, print, stop }: Shell, name: string, amount: Amount, { wait }: GiveBackFlags): Promise<void> {
  const isRunning = isLocked(config.datadir, 'merchant');
  const store = openKnownStore(config, 'merchant');
  try {
    const channel = await findChannel(store, name);
    const order = randomUUID();
    await writeOrder(store, channel, { amount, order });
    stop.say(async () => ({
      message: 'Stopped. The order to give back is stored.',
      advice: 'The running merchant carries it out: pawment merchant channels shows what became of it.',
      facts: { channel },
    }));
    if (!isRunning) print.note('No merchant is running on this data folder: it will carry out the order when it runs.');
    if (wait && isRunning) await carriedOut(store, channel, order);
    const { giveBack: left, best } = await stateOf(store, channel);
    const { ticker } = config.coin;
    print.result({ channel, amount, ...(left !== undefined && { giveBack: left }), total: best?.total ?? 0n }, [
      `${formatAmount(amount)} ${ticker} will go back to the payer of channel ${channel}, when the payer asks: pawment refresh.`,
    ]);
  } finally {
    await store.close();
  }
}

/** @throws WorldError while another order for the channel waits. */
async function writeOrder(store: Store, id: ChannelId, order: GiveBackOrder): Promise<void> {
  const before = await store.get(GIVE_BACK_ORDER, id);
  const waiting = before && decodeStoredJson(giveBackOrder, `The give-back order of channel ${id}`, before.value);
  const isFree = waiting === undefined || waiting.refusal !== undefined;
  const value = JSON.stringify(z.encode(giveBackOrder, order));
  if (isFree && (await store.commit([{ kind: GIVE_BACK_ORDER, id, expected: before?.version ?? 0, value }]))) return;
  throw new WorldError(
    'config',
    `Channel ${id} has an order to give back that is not carried out yet.`,
    'Start the merchant to carry it out, then order the rest.',
  );
}

/** @throws Refused what the merchant refuses. */
async function carriedOut(store: Store, id: ChannelId, order: string): Promise<void> {
  const refusal = await until(async () => {
    const record = await store.get(GIVE_BACK_ORDER, id);
    const left = record && decodeStoredJson(giveBackOrder, `The give-back order of channel ${id}`, record.value);
    if (left === undefined || left.order !== order) return 'done' as const;
    return left.refusal;
  }, LOOK);
  if (refusal !== 'done') throw new Refused(refusal);
}
