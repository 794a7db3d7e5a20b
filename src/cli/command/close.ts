import type { Command } from 'commander';
import { formatAmount } from '../../core/base/amount.ts';
import { bytesToHex } from '../../core/base/bytes.ts';
import { after, type Height, isTime } from '../../core/base/height.ts';
import { certain } from '../../core/base/lock-time.ts';
import { type Refusal, refuse } from '../../core/base/refusal.ts';
import { refundable } from '../../core/channel/payer-refund-signatures.ts';
import { allDeposits, type PayerState } from '../../core/channel/payer-state.ts';
import { capacityOf, type Deposit } from '../../core/contract/contract.ts';
import { verifyPortable } from '../../core/tx/sign.ts';
import { encodeTransaction, type Transaction, transactionId } from '../../core/tx/transaction.ts';
import type { CommonFlags } from '../config.ts';
import type { Account } from '../interrupt.ts';
import { command, run, type Shell } from '../run-command.ts';
import { clock, type OpenPayer, openPayer } from '../setup.ts';
import { channelFacts, channelLine } from '../terminal/channel-print.ts';
import { granted, Refused } from '../terminal/print.ts';
import { span } from '../terminal/screen.ts';
import { describeExpiry } from '../terminal/time-left.ts';
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
    .argument('[channel]', 'its id, the beginning of it, or the merchant; the only one unless given')
    .option('--wait', 'wait until it is buried')
    .action((name: string | undefined, flags: EndFlags) =>
      run(flags, (shell) =>
        withChannel(shell, name, flags, async (payer, { channel }) => {
          shell.stop.say(async () => accountOf(await payer.channel(channel), 'close'));
          granted(await payer.agent.end(channel, await payer.payeeOf(channel)));
          return finish(shell, payer, channel, flags);
        }),
      ),
    );
}

/** What to report when the command is stopped before the channel has ended. */
export function accountOf(state: PayerState, command: 'close' | 'refund'): Account {
  const { channel, kind } = state;
  const sent = endingOf(state);
  const again = `pawment ${command} ${channel.slice(0, 16)} --wait`;
  if (sent === undefined)
    return { message: `Stopped. Channel ${channel} is ${kind}.`, advice: `Continue with: ${again}`, facts: { channel, state: kind } };
  const transaction = transactionId(sent);
  return {
    message: `Stopped. Channel ${channel} is ${kind}, by transaction ${transaction}.`,
    advice: `It continues by itself. To wait until it is buried: ${again}`,
    facts: { channel, state: kind, transaction },
  };
}

export function refundCommand(): Command {
  return command('refund', 'Take back what a channel holds after its expiry; needs no merchant', [
    'pawment refund',
    'pawment refund 1f0c… --wait',
    'pawment refund 1f0c… --print > refund.hex',
  ])
    .argument('[channel]', 'its id or the beginning of it; the only one unless given')
    .option('--wait', 'wait until it is buried')
    .option('--print', 'print only the signed refund in hex, to send it with any node')
    .action((name: string | undefined, flags: EndFlags) =>
      run(flags, (shell) =>
        withChannel(shell, name, flags, async (payer, { channel, terms, kind }) => {
          shell.stop.say(async () => accountOf(await payer.channel(channel), 'refund'));
          // To open the payer, the chain was read: so what is due has been sent already.
          const { tip, medianTime } = payer.agent.engine.follower.seen();
          const reached = certain(terms.expiry, { tip: tip.height, medianTime, now: clock.now() });
          if (kind !== 'ended' && reached < terms.expiry) throw new Refused(tooEarly(terms, reached));
          const now = await payer.channel(channel);
          const refusal = await unrefundable(payer, now);
          // With --print the stored transaction is enough.
          if (refusal !== undefined && !(flags.print === true && endingOf(now) !== undefined)) throw new Refused(refusal);
          if (refusal !== undefined) shell.print.note(`${refusal.message} ${refusal.advice}`);
          return finish(shell, payer, channel, flags);
        }),
      ),
    );
}

function tooEarly({ expiry, contract, coin }: PayerState['terms'], reached: number): Refusal {
  const seconds = (expiry - reached) * (contract.expiresBy === 'time' ? 1 : coin.blockSeconds);
  const advice = `It can be sent, and printed, from ${describeExpiry(expiry)} on: in about ${span(seconds * 1000)}. Sooner, with the merchant: pawment close`;
  return { ...refuse('refund-too-early', { tip: reached, expiry }), advice };
}

/** Why coins of an expired channel are not coming back yet; undefined when all coins that it still has are. */
async function unrefundable({ chain }: OpenPayer, state: PayerState): Promise<Refusal | undefined> {
  if (state.kind === 'ended') return undefined;
  const all = allDeposits(state);
  const unspent: Deposit[] = [];
  const depths: number[] = [];
  for (const deposit of all) {
    const output = await chain.output(deposit.outpoint);
    if (output === undefined) continue;
    unspent.push(deposit);
    depths.push(output.depth);
  }
  const signed = refundable(state, unspent, { verify: verifyPortable });
  const unsigned = unspent.filter((deposit) => !signed.includes(deposit));
  const sent = endingOf(state);
  const facts = { deposits: unsigned.length, value: capacityOf(unsigned), ...(sent && { transaction: transactionId(sent) }) };
  if (unsigned.length > 0) return { ...refuse('refund-unsigned', facts), advice: ASK_MERCHANT };
  if (sent !== undefined) return undefined;
  const locked = depths.length > 0 ? stillLocked(state, Math.max(...depths), (await chain.tip()).height) : undefined;
  if (locked !== undefined) return locked;
  if (unspent.length > 0) return refuse('fee-unaffordable', { value: capacityOf(unspent) });
  // Deposits that counted once and are spent now come back with the merchant's close.
  return state.deposits.length > 0 ? undefined : refuse('funding-missing', { deposits: all.length });
}

/** A deposit that is locked by its own age opens after the channel expires. */
function stillLocked({ terms }: PayerState, depth: number, tip: Height): Refusal | undefined {
  const opens = terms.contract.refundAt(terms, after(tip, 1 - depth));
  return !isTime(opens) && opens > tip ? tooEarly({ ...terms, expiry: opens }, tip) : undefined;
}

const ASK_MERCHANT = 'The merchant can still sign it: run pawment recover --merchant <url>, then this command again.';

async function withChannel(
  shell: Shell,
  name: string | undefined,
  flags: EndFlags,
  work: (payer: OpenPayer, state: PayerState) => Promise<PayerState>,
): Promise<void> {
  const payer = await openPayer(shell.config, { print: shell.print, mempool: 'always' });
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
  const { buried } = now.terms.coin.channel;
  shell.print.note(`waiting until it is ${buried} blocks deep`);
  const work = shell.print.work('waiting for confirmations');
  return until(async () => {
    await payer.sync();
    const state = await payer.channel(channel);
    if (state.kind === 'ended') return state;
    const depth = await depthOf(payer, endingOf(state));
    work.at(depth, buried, (buried - depth) * state.terms.coin.blockSeconds * 1000);
    return undefined;
  }, LOOK).finally(work.done);
}

async function depthOf({ chain }: OpenPayer, transaction: Transaction | undefined): Promise<number> {
  return transaction === undefined ? 0 : ((await chain.transaction(transactionId(transaction), 0))?.depth ?? 0);
}
