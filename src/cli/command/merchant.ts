import { existsSync } from 'node:fs';
import type { Command } from 'commander';
import { type Amount, formatAmount } from '../../core/base/amount.ts';
import { blocksOn } from '../../core/base/lock-time.ts';
import { contractById, contracts } from '../../core/contract/registry.ts';
import { WorldError } from '../../engine/ports.ts';
import type { Item, PriceList } from '../../merchant/invoice.ts';
import { defaultTerms, type MerchantTerms } from '../../merchant/terms.ts';
import { isLoopback } from '../../net/host-check.ts';
import type { Place } from '../../transport/listen.ts';
import type { CommonFlags } from '../config.ts';
import { destinationOf } from '../flag/address.ts';
import { type HostPort, hostPort, placeOf } from '../flag/host-port.ts';
import { MOST_BLOCKS, WholeNumber } from '../flag/number.ts';
import { keepShop } from '../merchant/shop.ts';
import { command, run, type Shell } from '../run-command.ts';
import { createSeed, openNode, random, seedPath } from '../setup.ts';
import { atOnce, forEver } from '../wait-for-node.ts';
import { closeOrderCommand, merchantChannelsCommand } from './merchant-orders.ts';
import { amountOf } from './wallet.ts';

interface MerchantFlags extends CommonFlags {
  readonly listen: string;
  readonly bitcoinj?: string;
  readonly price: readonly string[];
  readonly payout?: string;
  readonly contract: string;
  readonly fixedFee?: string;
  readonly depth?: number;
  readonly unconfirmed?: string;
  readonly exposure?: string;
  readonly lifetime?: number;
  readonly allowPublic?: boolean;
  readonly trustProxy?: number | boolean;
  readonly hostName: readonly string[];
  readonly metrics?: string;
  readonly watchTo?: string;
  readonly backupTo?: string;
  readonly backupEvery: number;
  readonly recover?: boolean;
  readonly wait: boolean;
  readonly verbose?: boolean;
}

const appended = (text: string, all: readonly string[]): readonly string[] => [...all, text];

export function merchantCommand(): Command {
  const merchant = command('merchant', 'Sell through channels: serves payers over HTTP, follows the chain, closes in time', [
    'pawment merchant --price tea=0.1 --price coffee=0.2 --payout <address>',
    'pawment merchant --price tea=0.1 --unconfirmed 5 --exposure 100',
    'pawment merchant --price tea=0.1 --bitcoinj :4242',
    'pawment merchant close <channel>',
  ])
    .option('--listen <place>', 'where to serve: host:port, or unix: and the path of a socket', '127.0.0.1:8402')
    .option('--bitcoinj <host:port>', 'also serve payers of bitcoinj there; without a host at the loopback address')
    .option('--price <item=coins>', 'something for sale; may be given again', appended, [])
    .option('--payout <address>', "where closes pay to; an address of the merchant's own seed unless said")
    .option('--contract <id>', 'kind of channel', 'cltv-multisig')
    .option('--fixed-fee <coins>', 'payers sign a fixed closing fee, for signers that know no other way')
    .addOption(new WholeNumber('--depth <blocks>', 'confirmations of any deposit, instead of by amount', 1, MOST_BLOCKS))
    .option('--unconfirmed <coins>', 'what each channel delivers before its deposits are that deep; it then opens at once')
    .option(
      '--exposure <coins>',
      'the most that all channels together deliver so; without --unconfirmed, what they may besides on young deposits',
    )
    .addOption(new WholeNumber('--lifetime <blocks>', 'the fewest blocks a channel lives', 1, MOST_BLOCKS))
    .option('--allow-public', 'listen on other than the loopback address, without TLS')
    .addOption(
      new WholeNumber(
        '--trust-proxy [hops]',
        'so many proxies in front, 1 unless said, add to X-Forwarded-For who asks, for limits by address',
        0,
        16,
      ),
    )
    .option('--host-name <name>', 'a name that a proxy in front passes on as the Host; may be given again', appended, [])
    .option('--metrics <host:port>', 'where to show figures, for Prometheus and pawment status; not where payers come')
    .option('--watch-to <folder>', 'keep signed closes there for pawment watch')
    .option('--backup-to <folder>', 'save the channels there again and again, for pawment restore')
    .addOption(new WholeNumber('--backup-every <minutes>', 'how often', 1).default(60))
    .option(
      '--recover',
      'take up what payers bring back from a store of these words that is gone, or go on from a copy; nothing else may serve under them',
    )
    .option('--no-wait', 'end at once when the node is not there yet, or not ready, instead of waiting for it')
    .option('--verbose', 'log every request')
    .action((flags: MerchantFlags) => run(flags, (shell) => serve(shell, flags)));
  merchant.addCommand(closeOrderCommand());
  merchant.addCommand(merchantChannelsCommand());
  return merchant;
}

async function serve(shell: Shell, flags: MerchantFlags): Promise<void> {
  const { config, print } = shell;
  const place = placeFor(flags);
  const { exposure, ...unconfirmed } = risksOf(flags);
  const wait = flags.wait ? forEver(print.note) : atOnce;
  const chain = await openNode(config, wait);
  if (!existsSync(seedPath(config, 'merchant'))) {
    await createSeed(config, 'merchant', (await chain.tip()).height);
    print.note(`made ${seedPath(config, 'merchant')}; write its words down: pawment wallet words --merchant`);
  }
  const payout = flags.payout === undefined ? undefined : destinationOf(config.coin, flags.payout).script;
  const common = {
    place,
    trustProxy: Number(flags.trustProxy ?? 0),
    hostNames: flags.hostName,
    isRecovering: flags.recover === true,
    prices: pricesOf(flags.price),
    terms: { ...termsOf(shell, flags), ...unconfirmed },
    random,
    wait,
    logLevel: flags.verbose === true ? 'debug' : 'info',
    ...(flags.bitcoinj === undefined ? {} : { bitcoinj: addressOf(flags.bitcoinj, BITCOINJ, flags) }),
    ...(flags.metrics === undefined ? {} : { metrics: addressOf(flags.metrics, HTTP, flags) }),
    ...(flags.watchTo === undefined ? {} : { watchTo: flags.watchTo }),
    ...(flags.backupTo === undefined ? {} : { backups: { folder: flags.backupTo, interval: flags.backupEvery * 60_000 } }),
    ...(exposure === undefined ? {} : { exposure }),
  } as const;
  if ('path' in place && flags.trustProxy === undefined)
    print.note('All who come by the socket share one share of requests: see --trust-proxy.');
  if (flags.recover === true)
    print.note('With --recover nothing else may serve under these words: not the store that this one is a copy of, either.');
  await keepShop(shell, chain, payout === undefined ? common : { ...common, payout });
}

/** What can be read and changed on its way. */
interface InTheClear {
  readonly spoken: string;
  readonly remedy: string;
}

const HTTP: InTheClear = { spoken: 'plain HTTP', remedy: 'Put TLS in front, or give --allow-public.' };
const BITCOINJ: InTheClear = {
  spoken: 'plain TCP there',
  remedy: "bitcoinj's peers speak no TLS: have them come through a tunnel, such as ssh or a VPN, or give --allow-public.",
};

/** Where payers come: a Unix socket is no address that others can reach. */
function placeFor(flags: MerchantFlags): Place {
  const place = placeOf(flags.listen);
  return 'path' in place ? place : addressOf(flags.listen, HTTP, flags);
}

/** @throws WorldError `config` for a public address without leave. */
function addressOf(listen: string, { spoken, remedy }: InTheClear, { allowPublic }: MerchantFlags): HostPort {
  const address = hostPort(listen);
  if (isLoopback(address.host) || allowPublic === true) return address;
  throw new WorldError('config', `${address.host} can be reached by others, and pawment speaks ${spoken}.`, remedy);
}

/** @throws WorldError `config` for what is no price, and for two of one item. */
export function pricesOf(texts: readonly string[]): PriceList {
  const prices = new Map<string, Item>();
  for (const text of texts) {
    const [, name = '', price = ''] = /^([^=]+)=([^=]+)$/.exec(text) ?? [];
    if (name === '') throw new WorldError('config', `${text} is no price.`, 'Write the item, =, and whole coins: --price tea=0.1.');
    if (prices.has(name)) throw new WorldError('config', `The price of ${name} is given twice.`, 'Give it once.');
    const value = amountOf(price);
    prices.set(name, { text: `${name} for ${formatAmount(value)}`, price: value });
  }
  return prices;
}

/** @throws WorldError `config` when nothing is said of all channels: whoever opens many is bounded by nothing else. */
function risksOf({ unconfirmed, exposure }: MerchantFlags): { readonly unconfirmed?: Amount; readonly exposure?: Amount } {
  if (unconfirmed === undefined) return exposure === undefined ? {} : { exposure: amountOf(exposure) };
  if (exposure !== undefined) return { unconfirmed: amountOf(unconfirmed), exposure: amountOf(exposure) };
  throw new WorldError(
    'config',
    'What is delivered before deposits are deep needs two limits.',
    'Give --exposure for all channels beside --unconfirmed for each.',
  );
}

function termsOf({ config }: Shell, { contract: id, fixedFee, depth, lifetime }: MerchantFlags): MerchantTerms {
  const contract = contractById(id);
  if (contract === undefined) throw new WorldError('config', `${id} is no contract.`, `Use ${contracts.map((one) => one.id).join(', ')}.`);
  const usual = defaultTerms(config.coin, contract, fixedFee === undefined ? undefined : { kind: 'fixed', fee: amountOf(fixedFee) });
  const blocksOf = (span: number): number => Math.ceil(span / blocksOn(contract.expiresBy, 1, config.coin.blockSeconds));
  const [margin, most] = [blocksOf(usual.closingMargin), blocksOf(usual.maxLifetime)];
  if (lifetime !== undefined && (lifetime <= margin || lifetime > most)) {
    const bounds = `Give more than ${margin} blocks, at which closing begins, and at most ${most}.`;
    throw new WorldError('config', `A channel can not live for ${lifetime} blocks.`, bounds);
  }
  return {
    ...usual,
    ...(depth === undefined ? {} : { depth: usual.depth.map((step) => ({ ...step, blocks: depth })) }),
    ...(lifetime === undefined ? {} : { minLifetime: blocksOn(contract.expiresBy, lifetime, config.coin.blockSeconds) }),
  };
}
