import { utf8ToBytes } from '@noble/hashes/utils.js';
import { type Amount, formatAmount, ZERO } from '../../core/base/amount.ts';
import type { TxId } from '../../core/base/bytes.ts';
import { isRefusal, type Refusal } from '../../core/base/refusal.ts';
import type { PayerState } from '../../core/channel/payer-state.ts';
import type { Contract } from '../../core/contract/contract.ts';
import { bitcoinjContracts, contractOf, selfRefunded } from '../../core/message/bitcoinj/version.ts';
import { transactionId } from '../../core/tx/transaction.ts';
import { WorldError } from '../../engine/ports.ts';
import type { AgentOptions } from '../../payer/agent.ts';
import { type Acknowledged, type BitcoinjChannel, openBitcoinj } from '../../payer/bitcoinj.ts';
import { connectTcp } from '../../transport/tcp/connect.ts';
import { hostPort } from '../flag/host-port.ts';
import type { Shell } from '../run-command.ts';
import { clock, type OpenPayer, openPayer } from '../setup.ts';
import { channelFacts, channelLine } from '../terminal/channel-print.ts';
import { granted } from '../terminal/print.ts';
import { promptYes } from '../terminal/prompt.ts';
import { aLittleForPeer } from '../wait-for-node.ts';
import { type Paying, paidSince, tellingPaid } from './paid-so-far.ts';
import { agreeToRaise } from './price-consent.ts';

export interface BitcoinjPayment {
  /** Address of the server, `host:port`. */
  readonly server: string;
  /** What each payment adds; without it nothing is paid. */
  readonly value?: Amount;
  /** The most that one payment may cost, including the one that opens a channel; unless given, only its price, or what the owner agrees to. */
  readonly max?: Amount;
  readonly times: number;
  /** Of a new channel, if there is none that can be resumed. */
  readonly deposit?: Amount;
  /** Sent with every payment. */
  readonly info?: string;
  readonly major?: number;
  /** Ask for the settlement afterwards. */
  readonly isLast: boolean;
}

const SCHEME = 'bitcoinj://';

/** Resumes the channel with a server, or makes one; pays; then hangs up, or asks for the settlement. */
export async function payBitcoinj(shell: Shell, payment: BitcoinjPayment): Promise<void> {
  const { config, print } = shell;
  const raised = agreeToRaise({ ask: promptYes(print) }, config.coin.ticker, payment.max);
  const payer = await openPayer(config, { print, raised });
  try {
    const opened = await open(shell, payer, payment, raised);
    try {
      print.note(`channel ${opened.channel} ${openedHow(opened, payment)}`);
      const now = (): Promise<PayerState> => payer.channel(opened.channel);
      // A new channel begins with a payment.
      const opening = opened.isResumed ? undefined : paidSince(ZERO, await now());
      const before = opened.isResumed ? paidSince(ZERO, await now()) : ZERO;
      const paid: Acknowledged[] = [];
      const paying: Paying = { before, now, times: payment.value === undefined ? 0 : payment.times, made: () => paid.length };
      const done = await tellingPaid(shell, paying, () => payAndEnd(shell, opened, payment, paid));
      report(shell, await now(), { ...done, sum: paidSince(before, await now()), ...(opening === undefined ? {} : { opening }) });
    } finally {
      await opened.hangUp();
    }
  } finally {
    await payer.close();
  }
}

function openedHow({ isResumed }: BitcoinjChannel, { deposit }: BitcoinjPayment): string {
  if (!isResumed) return 'is open';
  return deposit === undefined ? 'continues' : 'continues, with its present deposit';
}

interface Done {
  readonly payments: number;
  readonly settlement?: TxId;
}

async function payAndEnd(shell: Shell, opened: BitcoinjChannel, payment: BitcoinjPayment, paid: Acknowledged[]): Promise<Done> {
  const { print } = shell;
  await pay(shell, opened, payment, paid);
  for (const { info } of paid.slice(-1)) if (info !== undefined) print.note(`answer: ${new TextDecoder().decode(info)}`);
  const settlement = payment.isLast ? await opened.settle() : undefined;
  return { payments: paid.length, ...(settlement === undefined ? {} : { settlement: transactionId(settlement) }) };
}

function report(
  { config, print }: Shell,
  state: PayerState,
  { payments, settlement, opening, sum }: Done & { readonly opening?: Amount; readonly sum: Amount },
): void {
  const first = opening === undefined ? {} : { opening };
  const end = settlement === undefined ? {} : { settlement };
  const also = opening === undefined ? '' : ` and the opening one of ${formatAmount(opening)} ${config.coin.ticker}`;
  print.result({ ...channelFacts(state), payments, ...first, paidNow: sum, ...end }, [
    `${payments} payments${also}, ${formatAmount(sum)} ${config.coin.ticker} in all`,
    ...(settlement === undefined ? [] : [`settled by ${settlement}`]),
    channelLine(state),
  ]);
}

async function open(
  { print }: Shell,
  payer: OpenPayer,
  { server, deposit, major }: BitcoinjPayment,
  raised: NonNullable<AgentOptions['raised']>,
): Promise<BitcoinjChannel> {
  const { host, port } = hostPort(server);
  const url = `${SCHEME}${host}:${port}`;
  const { agent, chain, wallet, keys } = payer;
  const wait = aLittleForPeer(host, `${host}:${port}`, print);
  const contracts = contractsFor(major, await payer.channelsWith(url));
  const order = { contracts, ...(deposit === undefined ? {} : { capacity: deposit }) };
  const known = (): ReturnType<OpenPayer['channelsWith']> => payer.channelsWith(url);
  const remember = (channel: BitcoinjChannel['channel']): Promise<void> => payer.remember(channel, url);
  return granted(
    await openBitcoinj(await wait(() => connectTcp(host, port)), order, { agent, chain, wallet, keys, clock, known, remember, raised }),
  );
}

/**
 * In version 1 the server signs the refunds: it is used only if the owner asks for it, or already has such a channel with this server. @throws
 * WorldError `config`
 */
function contractsFor(major: number | undefined, known: readonly PayerState[]): readonly [Contract, ...Contract[]] {
  if (major === undefined) {
    const isAgreed = known.some(({ kind, terms }) => kind !== 'ended' && !selfRefunded.includes(terms.contract));
    return isAgreed ? bitcoinjContracts : selfRefunded;
  }
  const contract = contractOf(major);
  if (contract === undefined) throw new WorldError('config', `There is no version ${major} of the protocol.`, 'Leave it out.');
  return [contract];
}

async function pay(
  { config, print }: Shell,
  channel: BitcoinjChannel,
  { server, value, times, info }: BitcoinjPayment,
  paid: Acknowledged[],
): Promise<void> {
  if (value === undefined) return;
  const work = print.work('payments');
  for (let count = 0; count < times; count++) {
    const answer = await channel.pay(value, info === undefined ? undefined : utf8ToBytes(info));
    const one = granted(isRefusal(answer) ? withoutTopUp(answer, server) : answer);
    if (one.resent !== undefined)
      print.note(`a payment of ${formatAmount(one.resent)} ${config.coin.ticker} that got no answer was sent again first`);
    paid.push(one);
    work.at(paid.length, times);
  }
  work.done();
}

/** bitcoinj's channels have one deposit: the advice to top up is replaced. */
function withoutTopUp(refusal: Refusal, server: string): Refusal {
  if (refusal.remedy !== 'top-up') return refusal;
  const advice = `Pay less, or settle the channel and open another: pawment pay --bitcoinj ${server} --settle, and then with --deposit.`;
  return { ...refusal, remedy: 'reopen', advice };
}
