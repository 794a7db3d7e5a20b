import { utf8ToBytes } from '@noble/hashes/utils.js';
import { type Amount, add, formatAmount, ZERO } from '../core/base/amount.ts';
import type { Contract } from '../core/contract/contract.ts';
import { bitcoinjContracts, contractOf } from '../core/message/bitcoinj/version.ts';
import { transactionId } from '../core/tx/transaction.ts';
import { WorldError } from '../engine/ports.ts';
import { type Acknowledged, type BitcoinjChannel, openBitcoinj } from '../payer/bitcoinj.ts';
import { connectTcp } from '../transport/tcp/connect.ts';
import type { Shell } from './action.ts';
import { channelFacts, channelLine } from './channel-print.ts';
import { hostPort } from './host-port.ts';
import { clock, type OpenPayer, openPayer } from './open.ts';
import { granted } from './print.ts';

export interface BitcoinjPayment {
  /** Address of the server, `host:port`. */
  readonly server: string;
  /** What each payment adds; nothing is paid without. */
  readonly value?: Amount;
  readonly times: number;
  /** Of a new channel, where there is none that can be gone on with. */
  readonly deposit?: Amount;
  /** Goes with every payment. */
  readonly info?: string;
  readonly major?: number;
  /** Ask for the settlement afterwards. */
  readonly isLast: boolean;
}

const SCHEME = 'bitcoinj://';

/** Goes on with the channel that there is with a server, or makes one; pays; and hangs up, or has it settled. */
export async function payBitcoinj({ config, print }: Shell, payment: BitcoinjPayment): Promise<void> {
  const payer = await openPayer(config);
  try {
    const opened = await open(payer, payment);
    print.note(`channel ${opened.channel} ${opened.isResumed ? 'goes on' : 'is open'}`);
    const paid = await pay(opened, payment);
    for (const { info } of paid.slice(-1)) if (info !== undefined) print.note(`answer: ${new TextDecoder().decode(info)}`);
    const settlement = payment.isLast ? await opened.settle() : await opened.hangUp();
    const state = await payer.channel(opened.channel);
    const sum = add(ZERO, ...paid.map((one) => one.paid));
    const end = settlement === undefined ? {} : { settlement: transactionId(settlement) };
    print.result({ ...channelFacts(state), payments: paid.length, paidNow: sum, ...end }, [
      `${paid.length} payments, ${formatAmount(sum)} ${config.coin.ticker} in all`,
      ...(settlement === undefined ? [] : [`settled by ${transactionId(settlement)}`]),
      channelLine(state),
    ]);
  } finally {
    await payer.close();
  }
}

async function open(payer: OpenPayer, { server, deposit, major }: BitcoinjPayment): Promise<BitcoinjChannel> {
  const { host, port } = hostPort(server);
  const url = `${SCHEME}${host}:${port}`;
  const { agent, chain, wallet, keys } = payer;
  const order = { contracts: contractsFor(major), ...(deposit === undefined ? {} : { capacity: deposit }) };
  const known = (): ReturnType<OpenPayer['channelsWith']> => payer.channelsWith(url);
  const remember = (channel: BitcoinjChannel['channel']): Promise<void> => payer.remember(channel, url);
  return granted(await openBitcoinj(await connectTcp(host, port), order, { agent, chain, wallet, keys, clock, known, remember }));
}

/** @throws WorldError `config` */
function contractsFor(major: number | undefined): readonly [Contract, ...Contract[]] {
  if (major === undefined) return bitcoinjContracts;
  const contract = contractOf(major);
  if (contract === undefined) throw new WorldError('config', `There is no version ${major} of the protocol.`, 'Leave it away.');
  return [contract];
}

async function pay(channel: BitcoinjChannel, { value, times, info }: BitcoinjPayment): Promise<readonly Acknowledged[]> {
  const paid: Acknowledged[] = [];
  if (value === undefined) return paid;
  for (let count = 0; count < times; count++) {
    paid.push(granted(await channel.pay(value, info === undefined ? undefined : utf8ToBytes(info))));
  }
  return paid;
}
