import { existsSync } from 'node:fs';
import { type Command, Option } from 'commander';
import { type Amount, amount, formatAmount } from '../../core/base/amount.ts';
import { blocksOn } from '../../core/base/lock-time.ts';
import { contractById, contracts } from '../../core/contract/registry.ts';
import type { LendingTerms } from '../../duplex/lending.ts';
import { WorldError } from '../../engine/ports.ts';
import type { Item, PriceList } from '../../merchant/invoice.ts';
import { defaultTerms, fixedSigning, type MerchantTerms } from '../../merchant/terms.ts';
import { isLoopback } from '../../net/host-check.ts';
import type { Place } from '../../transport/listen.ts';
import type { CommonFlags } from '../config.ts';
import { destinationOf } from '../flag/address.ts';
import { type HostPort, hostPort, placeOf } from '../flag/host-port.ts';
import { MOST_BLOCKS, WholeNumber } from '../flag/number.ts';
import type { HubTerms } from '../merchant/hub.ts';
import { keepShop } from '../merchant/shop.ts';
import { command, run, type Shell } from '../run-command.ts';
import { createSeed, openNode, random, seedPath } from '../setup.ts';
import { atOnce, forEver } from '../wait-for-node.ts';
import { giveBackCommand } from './give-back.ts';
import { closeOrderCommand, merchantChannelsCommand } from './merchant-orders.ts';
import { amountOf } from './wallet.ts';

export interface MerchantFlags extends CommonFlags {
  readonly listen: string;
  readonly bitcoinj?: string;
  readonly price: readonly string[];
  readonly payout?: string;
  readonly contract: string;
  readonly fixedFee?: string;
  readonly viaHubs?: boolean;
  readonly depth?: number;
  readonly unconfirmed?: string;
  readonly exposure?: string;
  readonly lifetime?: number;
  readonly duplex?: string;
  readonly duplexEach?: string;
  readonly duplexPercent: number;
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

function repeated(flags: string, description: string): Option {
  return new Option(flags, description).argParser((text: string, all: readonly string[]) => [...all, text]).default([], 'none');
}

export function merchantCommand(): Command {
  const merchant = withShopOptions(
    command('merchant', 'Sell through channels: serves payers over HTTP, follows the chain, closes in time', [
      'pawment merchant --price tea=0.1 --price coffee=0.2 --payout <address>',
      'pawment merchant --price tea=0.1 --unconfirmed 5 --exposure 100',
      'pawment merchant --price tea=0.1 --bitcoinj :4242',
      'pawment merchant close <channel>',
    ]),
  )
    .option('--via-hubs', 'can be paid through hubs: payers sign a fixed closing fee, ten times the usual one unless --fixed-fee is given')
    .action((flags: MerchantFlags) => run(flags, (shell) => serve(shell, flags)));
  for (const child of [closeOrderCommand(), giveBackCommand(), merchantChannelsCommand()]) merchant.addCommand(child);
  return merchant;
}

/** What everybody is asked who has a shop. */
export function withShopOptions(command: Command): Command {
  return command
    .option('--listen <place>', 'where to serve: host:port, or unix: and the path of a socket', '127.0.0.1:8402')
    .option('--bitcoinj <host:port>', 'also serve payers of bitcoinj there; without a host, on the loopback address')
    .addOption(repeated('--price <item=coins>', 'an item for sale; may be given several times'))
    .option('--payout <address>', "address that closes pay to; one of the merchant's own seed unless given")
    .option('--contract <id>', 'kind of channel', 'cltv-multisig')
    .option('--fixed-fee <coins>', 'payers sign a fixed closing fee, for signers that support nothing else')
    .addOption(new WholeNumber('--depth <blocks>', 'confirmations of every deposit; by amount unless given', 1, MOST_BLOCKS))
    .option('--unconfirmed <coins>', 'how much each channel delivers before its deposits are that deep; it then opens at once')
    .option('--exposure <coins>', 'the limit for that, over all channels; without --unconfirmed, the limit for delivery on young deposits')
    .addOption(new WholeNumber('--lifetime <blocks>', 'the least lifetime of a channel in blocks', 1, MOST_BLOCKS))
    .option('--duplex <coins>', 'give back where payments are final, by channels the other way; locks at most this much of its own coins')
    .option('--duplex-each <coins>', 'the most that it locks for one payer; a tenth of --duplex unless given')
    .addOption(
      new WholeNumber(
        '--duplex-percent <percent>',
        'the most for one payer, in percent of what that payer has deposited',
        1,
        1_000,
      ).default(100),
    )
    .option('--allow-public', 'listen on an address other than loopback, without TLS')
    .addOption(
      new WholeNumber(
        '--trust-proxy [hops]',
        'number of proxies in front (1 without a number) that add the client to X-Forwarded-For, for limits by address',
        0,
        16,
      ),
    )
    .addOption(repeated('--host-name <name>', 'a name that a proxy in front passes on as the Host; may be given several times'))
    .option('--metrics <host:port>', 'where to show figures, for Prometheus and pawment status; not where payers come')
    .option('--watch-to <folder>', 'write signed closes there for pawment watch')
    .option('--backup-to <folder>', 'save the channels there regularly, for pawment restore')
    .addOption(new WholeNumber('--backup-every <minutes>', 'time between two backups', 1).default(60))
    .option(
      '--recover',
      'accept channels that payers bring back from a lost store of these words, or continue with a copy; no other merchant may use them',
    )
    .option('--no-wait', 'end at once if the node is not there or not ready, instead of waiting for it')
    .option('--verbose', 'log every request');
}

/** A shop, which is a hub too if terms are given for that. */
export async function serve(shell: Shell, flags: MerchantFlags, hub?: HubTerms): Promise<void> {
  const { config, print } = shell;
  const place = placeFor(flags);
  const { exposure, ...unconfirmed } = risksOf(flags);
  const wait = flags.wait ? forEver(print.note) : atOnce;
  const chain = await openNode(config, wait);
  if (!existsSync(seedPath(config, 'merchant'))) {
    await createSeed(config, 'merchant', (await chain.tip()).height);
    print.note(`made ${seedPath(config, 'merchant')}; write down its words: pawment wallet words --merchant`);
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
    ...lendingOf(flags),
    ...(hub === undefined ? {} : { hub }),
  } as const;
  if ('path' in place && flags.trustProxy === undefined)
    print.note('All clients of the socket together have the limits of one address: see --trust-proxy.');
  if (flags.recover === true)
    print.note('With --recover no other merchant may use these words, nor the store that this one was copied from.');
  await keepShop(shell, chain, payout === undefined ? common : { ...common, payout });
}

/** @throws WorldError `config` for a limit of something that was not asked for. */
function lendingOf({ duplex, duplexEach, duplexPercent: percent }: MerchantFlags): { readonly lending?: LendingTerms } {
  if (duplex === undefined && duplexEach !== undefined)
    throw new WorldError(
      'config',
      '--duplex-each is a limit of what --duplex locks.',
      'Add --duplex <coins>, the limit for all payers together.',
    );
  if (duplex === undefined) return {};
  const all = amountOf(duplex);
  return { lending: { percent, all, each: duplexEach === undefined ? amount(all / 10n) : amountOf(duplexEach) } };
}

/** A protocol that others can read and change on its way. */
interface InTheClear {
  readonly spoken: string;
  readonly remedy: string;
}

const HTTP: InTheClear = { spoken: 'plain HTTP', remedy: 'Put a TLS proxy in front, or add --allow-public.' };
const BITCOINJ: InTheClear = {
  spoken: 'plain TCP there',
  remedy: "bitcoinj's peers do not support TLS: let them use a tunnel, such as ssh or a VPN, or add --allow-public.",
};

/** Where payers connect; other machines can't reach a Unix socket. */
function placeFor(flags: MerchantFlags): Place {
  const place = placeOf(flags.listen);
  return 'path' in place ? place : addressOf(flags.listen, HTTP, flags);
}

/** @throws WorldError `config` for a public address without permission. */
function addressOf(listen: string, { spoken, remedy }: InTheClear, { allowPublic }: MerchantFlags): HostPort {
  const address = hostPort(listen);
  if (isLoopback(address.host) || allowPublic === true) return address;
  throw new WorldError('config', `${address.host} can be reached by others, but pawment uses ${spoken}.`, remedy);
}

/** @throws WorldError `config` for a text that is no price, and for two prices of one item. */
export function pricesOf(texts: readonly string[]): PriceList {
  const prices = new Map<string, Item>();
  for (const text of texts) {
    const [, name = '', price = ''] = /^([^=]+)=([^=]+)$/.exec(text) ?? [];
    if (name === '') throw new WorldError('config', `${text} is not a price.`, 'Write the item, =, and whole coins: --price tea=0.1.');
    if (prices.has(name)) throw new WorldError('config', `The price of ${name} is given twice.`, 'Give it once.');
    const value = amountOf(price);
    prices.set(name, { text: `${name} for ${formatAmount(value)}`, price: value });
  }
  return prices;
}

/** @throws WorldError `config` without a limit for all channels: a payer can open any number of them. */
function risksOf({ unconfirmed, exposure }: MerchantFlags): { readonly unconfirmed?: Amount; readonly exposure?: Amount } {
  if (unconfirmed === undefined) return exposure === undefined ? {} : { exposure: amountOf(exposure) };
  if (exposure !== undefined) return { unconfirmed: amountOf(unconfirmed), exposure: amountOf(exposure) };
  throw new WorldError(
    'config',
    'Delivery before deposits are deep needs two limits.',
    'Use --exposure for all channels together with --unconfirmed for each.',
  );
}

const PENDING = contracts.filter(({ hashLocks }) => hashLocks !== undefined).map(({ id }) => id);

function termsOf({ config }: Shell, { contract: id, fixedFee, viaHubs, depth, lifetime }: MerchantFlags): MerchantTerms {
  const contract = contractById(id);
  if (contract === undefined)
    throw new WorldError('config', `${id} is not a contract.`, `Use ${contracts.map((one) => one.id).join(', ')}.`);
  const missing = contract.needs.find((rule) => config.coin.rules[rule] === undefined);
  if (missing !== undefined) {
    const others = contracts.filter(
      ({ needs, revocation }) => !needs.includes(missing) && (revocation === undefined) === (contract.revocation === undefined),
    );
    throw new WorldError(
      'config',
      `${config.coin.name} does not enforce ${missing.toUpperCase()}, which ${id} needs: nodes would not relay a spend that is too early, but a miner could put it into a block.`,
      `Use ${others.map((one) => one.id).join(', ')}.`,
    );
  }
  if (viaHubs === true && contract.hashLocks === undefined)
    throw new WorldError('config', `No payment of ${id} can be pending.`, `Use ${PENDING.join(', ')}.`);
  const asked = fixedFee === undefined ? undefined : ({ kind: 'fixed', fee: amountOf(fixedFee) } as const);
  const usual = defaultTerms(config.coin, contract, asked ?? (viaHubs === true ? fixedSigning(config.coin, contract) : undefined));
  const blocksOf = (span: number): number => Math.ceil(span / blocksOn(contract.expiresBy, 1, config.coin.blockSeconds));
  const [margin, most] = [blocksOf(usual.closingMargin), blocksOf(usual.maxLifetime)];
  if (lifetime !== undefined && (lifetime <= margin || lifetime > most)) {
    const bounds = `Use more than ${margin} blocks, where closing begins, and at most ${most}.`;
    throw new WorldError('config', `A channel can't live for ${lifetime} blocks.`, bounds);
  }
  return {
    ...usual,
    ...(depth === undefined ? {} : { depth: usual.depth.map((step) => ({ ...step, blocks: depth })) }),
    ...(lifetime === undefined ? {} : { minLifetime: blocksOn(contract.expiresBy, lifetime, config.coin.blockSeconds) }),
  };
}
