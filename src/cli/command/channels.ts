import type { Command } from 'commander';
import { type ChannelId, channelId } from '../../core/base/bytes.ts';
import type { PayerState } from '../../core/channel/payer-state.ts';
import { payerSnapshot } from '../../core/channel/snapshot.ts';
import { storedPaidBack } from '../../duplex/stored-pairs.ts';
import { decodeStored } from '../../engine/decode-state.ts';
import type { Store } from '../../engine/ports.ts';
import type { CommonFlags } from '../config.ts';
import { ageOf } from '../payer/chain-age.ts';
import { peerOf, pickChannel } from '../payer/pick-channel.ts';
import { command, run, type Shell } from '../run-command.ts';
import { clock, openKnownStore } from '../setup.ts';
import { backText, channelFacts, channelLine, channelLines } from '../terminal/channel-print.ts';

/** Shows what is stored, without asking a node. */
export function channelsCommand(): Command {
  return command('channels', 'List the channels of this payer', ['pawment channels', 'pawment channels --json']).action(
    (flags: CommonFlags) =>
      run(flags, ({ config, print }) =>
        withStore(config, async (store) => {
          const shown: Shown[] = [];
          for await (const [, state] of storedChannels(store)) shown.push(await withPaidBack(store, state));
          const { facts, lines } = await ageOf(store, clock);
          const listed = shown.length === 0 ? ['no channels'] : shown.map(({ line }) => line);
          print.result({ ...facts, channels: shown.map((one) => one.facts) }, [...listed, ...lines]);
        }),
      ),
  );
}

export function showCommand(): Command {
  return command('show', 'Show everything that is stored about a channel', ['pawment show 1f0c…', 'pawment show'])
    .argument('[channel]', 'its id or the beginning of it; the only one unless given')
    .action((name: string | undefined, flags: CommonFlags) =>
      run(flags, ({ config, print }) =>
        withStore(config, async (store) => {
          const state = await pickChannel(storedChannels(store), store, name);
          const payee = await peerOf(store, state.channel);
          const { facts, lines } = await ageOf(store, clock);
          print.result({ ...channelFacts(state), payee, ...facts }, [...channelLines(state), `payee          ${payee}`, ...lines]);
        }),
      ),
    );
}

interface Shown {
  readonly facts: object;
  readonly line: string;
}

/** A channel, with what was paid in the one the other way. */
async function withPaidBack(store: Store, state: PayerState): Promise<Shown> {
  const pair = await storedPaidBack(store, state.channel);
  const line = channelLine(state);
  if (pair === undefined) return { facts: channelFacts(state), line };
  const balance = (state.best?.total ?? 0n) - pair.paidBack;
  return { facts: { ...channelFacts(state), ...pair, balance }, line: line + backText(state.terms.coin, pair.paidBack, balance) };
}

async function withStore(config: Shell['config'], work: (store: Store) => Promise<void>): Promise<void> {
  const store = openKnownStore(config, 'payer');
  try {
    await work(store);
  } finally {
    await store.close();
  }
}

async function* storedChannels(store: Store): AsyncIterable<readonly [ChannelId, PayerState]> {
  for await (const { id, value } of store.list('payer-channel')) yield [channelId(id), decodeStored(payerSnapshot, value)];
}
