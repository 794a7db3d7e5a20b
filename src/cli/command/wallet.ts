import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import { type Amount, add, amount, formatAmount, parseAmount } from '../../core/base/amount.ts';
import { counted } from '../../core/base/counted.ts';
import { height } from '../../core/base/height.ts';
import { addressOf } from '../../core/tx/address.ts';
import { WorldError } from '../../engine/ports.ts';
import { ownScript } from '../../wallet/keyring.ts';
import { type MnemonicReading, readMnemonic } from '../../wallet/mnemonic.ts';
import { terminalQr } from '../../wallet/qr.ts';
import { paymentUri } from '../../wallet/uri.ts';
import type { Wallet } from '../../wallet/wallet.ts';
import type { CommonFlags } from '../config.ts';
import { amountTo, destinationOf } from '../flag/address.ts';
import { wholeNumber } from '../flag/number.ts';
import { command, run, type Shell } from '../run-command.ts';
import { createSeed, keysOf, openNode, openPayer, readSeed, seedPath } from '../setup.ts';
import { isAsked } from '../terminal/passphrase.ts';
import { aLittle } from '../wait-for-node.ts';

interface WalletFlags extends CommonFlags {
  readonly merchant?: boolean;
  readonly birthday?: number;
  readonly amount?: string;
}

export function walletCommand(): Command {
  const wallet = command('wallet', "The payer's own wallet: seed, addresses, balance", ['pawment wallet init', 'pawment wallet address']);
  wallet.addCommand(
    command('init', 'Make a new seed of 24 words', ['pawment wallet init']).action((flags: CommonFlags) => run(flags, init)),
  );
  wallet.addCommand(
    command('restore', 'Make the seed file from words on standard input', ['pawment wallet restore --birthday 5000000 < words.txt'])
      .option('--birthday <height>', 'no block up to this one has money of these words', wholeNumber(), 0)
      .action((flags: WalletFlags) => run(flags, (shell) => restore(shell, flags))),
  );
  wallet.addCommand(
    command('words', 'Show the words of the seed: whoever sees them has the money', ['pawment wallet words'])
      .option('--merchant', "show those of the merchant's seed")
      .action((flags: WalletFlags) => run(flags, (shell) => words(shell, flags))),
  );
  wallet.addCommand(
    command('address', 'A new address, as text, URI and QR code', ['pawment wallet address', 'pawment wallet address --amount 100'])
      .option('--amount <coins>', 'the amount in the URI')
      .option('--merchant', 'of the wallet that a merchant gives back from (--duplex)')
      .action((flags: WalletFlags) => run(flags, (shell) => address(shell, flags))),
  );
  wallet.addCommand(
    command('balance', 'What the wallet holds', ['pawment wallet balance']).action((flags: CommonFlags) => run(flags, balance)),
  );
  wallet.addCommand(
    command('send', 'Pay to an address on chain', ['pawment wallet send <address> 10', 'pawment wallet send <address> all'])
      .argument('<address>', 'an address, or a payment URI')
      .argument('[amount]', 'in whole coins, or `all`; needed unless a URI has it')
      .action((to: string, amount: string | undefined, flags: CommonFlags) => run(flags, (shell) => send(shell, to, amount))),
  );
  wallet.addCommand(
    command('sweep', 'Move all confirmed money; without an address, into one piece in the wallet itself', [
      'pawment wallet sweep',
      'pawment wallet sweep <address>',
    ])
      .argument('[address]', 'where to send it; an address of the wallet itself unless given')
      .action((to: string | undefined, flags: CommonFlags) => run(flags, (shell) => sweep(shell, to))),
  );
  return wallet;
}

async function init({ config, print }: Shell): Promise<void> {
  const { height: birthday } = await (await openNode(config, aLittle(config, print.note))).tip();
  const mnemonic = await createSeed(config, 'payer', birthday);
  print.result({ seed: seedPath(config, 'payer'), mnemonic, birthday }, [
    'Write these words down, in order, and keep them secret. With them you get the money back if this computer is lost:',
    '',
    `  ${mnemonic}`,
    '',
    `The seed is in ${seedPath(config, 'payer')}${isAsked(config) ? ', sealed with the passphrase' : ''}.`,
  ]);
}

async function restore({ config, print }: Shell, { birthday = 0 }: WalletFlags): Promise<void> {
  const read = readMnemonic(readFileSync(0, 'utf8'));
  if (read.kind !== 'mnemonic') throw notWords(read);
  await createSeed(config, 'payer', height(birthday), read.mnemonic);
  print.result({ seed: seedPath(config, 'payer') }, [`restored into ${seedPath(config, 'payer')}`]);
}

/** The wrong word is shown: whoever sees it here sees the other words too. */
export function notWords(reading: Exclude<MnemonicReading, { kind: 'mnemonic' }>): WorldError {
  if (reading.kind === 'word-count') {
    return new WorldError(
      'config',
      `These are ${reading.count} words.`,
      'There must be 12, 15, 18, 21 or 24 seed words: is one missing, or are two joined?',
    );
  }
  if (reading.kind === 'unknown-word') {
    return new WorldError('config', `Word ${reading.position}, “${reading.word}”, is not a seed word.`, 'Check how it is spelled.');
  }
  const hint = 'One word is wrong, or two words have changed places.';
  return new WorldError('config', 'All of these are seed words, but they do not belong together.', hint);
}

async function words({ config, print }: Shell, { merchant }: WalletFlags): Promise<void> {
  const { mnemonic } = await readSeed(config, merchant === true ? 'merchant' : 'payer');
  print.result({ mnemonic }, [mnemonic]);
}

async function address({ config, print }: Shell, { amount: text, merchant }: WalletFlags): Promise<void> {
  const asked = text === undefined ? undefined : amountOf(text);
  if (merchant === true) return showAddress(config, print, await merchantAddress(config), asked);
  const payer = await openPayer(config, { print });
  const to = await payer.wallet.receiveAddress();
  await payer.close();
  showAddress(config, print, to, asked);
}

/** The first of its seed, which no running merchant has to be asked for. */
async function merchantAddress(config: Shell['config']): Promise<string> {
  const script = ownScript(config.coin, keysOf(config, await readSeed(config, 'merchant')));
  return addressOf(config.coin, script) ?? '';
}

function showAddress(config: Shell['config'], print: Shell['print'], to: string, asked: Amount | undefined): void {
  const uri = paymentUri(config.coin, asked === undefined ? { address: to } : { address: to, amount: asked });
  // A pipe gets only the address: for `$(pawment wallet address)`.
  print.result({ address: to, uri }, process.stdout.isTTY ? [to, uri, '', ...terminalQr(uri).split('\n')] : [to]);
}

async function balance({ config, print }: Shell): Promise<void> {
  const payer = await openPayer(config, { print });
  const { confirmed, pending, immature } = await payer.wallet.balance();
  await payer.close();
  const { unread } = payer;
  if (unread > 0)
    print.note(
      `The node had deleted ${counted(unread, 'block')} before they were read: payments in them are not counted. To see those, restore the words with a node that has all blocks.`,
    );
  print.result({ confirmed, pending, immature, unread }, [
    `${formatAmount(confirmed)} ${config.coin.ticker}`,
    ...(pending > 0n ? [`${formatAmount(pending)} ${config.coin.ticker} unconfirmed`] : []),
    ...(immature > 0n ? [`${formatAmount(immature)} ${config.coin.ticker} mined, not mature yet`] : []),
  ]);
}

async function send(shell: Shell, to: string, text: string | undefined): Promise<void> {
  const { config, print } = shell;
  const destination = destinationOf(config.coin, to);
  if (text === 'all') return sweep(shell, to);
  const { address } = destination;
  const value = amountTo(config.coin, destination, text === undefined ? undefined : amountOf(text));
  const { ticker } = config.coin;
  await withWallet(shell, async (wallet) => {
    const { txid, fee } = await wallet.send(address, value);
    print.result({ txid, address, value, fee }, [
      `sent ${formatAmount(value)} ${ticker} to ${address} for a fee of ${formatAmount(fee)} ${ticker}: ${txid}`,
    ]);
  });
}

/** @throws WorldError `config` for a URI with an amount: that is not the same as all. */
async function sweep(shell: Shell, to: string | undefined): Promise<void> {
  const { config, print } = shell;
  const asked = to === undefined ? undefined : destinationOf(config.coin, to);
  if (asked?.amount !== undefined) {
    throw new WorldError(
      'config',
      `The URI asks for ${formatAmount(asked.amount)} ${config.coin.ticker}, not for all.`,
      'Use the address without the URI.',
    );
  }
  await withWallet(shell, async (wallet) => {
    const address = asked?.address ?? (await wallet.receiveAddress());
    const sent = await wallet.sweep(address);
    const fee = add(...sent.map((one) => one.fee));
    const value = add(...sent.flatMap(({ transaction }) => transaction.outputs.map((output) => amount(output.value))));
    const txids = sent.map(({ txid }) => txid);
    const coins = sent.reduce((count, { transaction }) => count + transaction.inputs.length, 0);
    const { ticker } = config.coin;
    print.result({ txids, address, value, fee, coins }, [
      `sent ${formatAmount(value)} ${ticker}, from ${coins} pieces, to ${address} for a fee of ${formatAmount(fee)} ${ticker}:`,
      ...txids,
    ]);
  });
}

/** When it is stopped, it reports what was sent by then. */
async function withWallet({ config, print, stop }: Shell, work: (wallet: Wallet) => Promise<void>): Promise<void> {
  const payer = await openPayer(config, { print });
  try {
    const before = new Set((await payer.wallet.transactions()).map(({ txid }) => txid));
    stop.say(async () => {
      const txids = (await payer.wallet.transactions()).map(({ txid }) => txid).filter((txid) => !before.has(txid));
      if (txids.length === 0) return { message: 'Stopped. Nothing was sent.', advice: 'The same command starts again.' };
      const advice = 'Every wallet command broadcasts it again until it is in a block: do not send it a second time.';
      return { message: `Stopped. Signed and on its way: ${txids.join(', ')}.`, advice, facts: { txids } };
    });
    await work(payer.wallet);
  } finally {
    await payer.close();
  }
}

/** @throws WorldError `config` */
export function amountOf(text: string): NonNullable<ReturnType<typeof parseAmount>> {
  const value = parseAmount(text);
  if (value === undefined) throw new WorldError('config', `${text} is not an amount.`, 'Write it like 12.5, with eight decimals at most.');
  return value;
}
