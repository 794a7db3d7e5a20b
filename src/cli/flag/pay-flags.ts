import { WorldError } from '../../engine/ports.ts';
import type { CommonFlags } from '../config.ts';

export interface PayFlags extends CommonFlags {
  readonly item?: string;
  readonly max?: string;
  readonly amount?: string;
  readonly times?: number;
  readonly via?: string;
  readonly psbt?: boolean;
  readonly bitcoinj?: string;
  readonly deposit?: string;
  readonly info?: string;
  readonly protocol?: number;
  readonly settle?: boolean;
  readonly watchTo?: string | false;
}

type Given = Readonly<Record<string, string | number | boolean | undefined>>;

/** No given flag is ignored silently. @throws WorldError `config` for the first that has no meaning with the others. */
export function checkPayFlags(channel: string | undefined, flags: PayFlags): void {
  const { item, amount, times, via, psbt, bitcoinj, deposit, info, protocol, settle, watchTo } = flags;
  if (via !== undefined) {
    none({ '--amount': amount, '--psbt': psbt, '--bitcoinj': bitcoinj }, 'means nothing together with --via', 'Leave it out.');
    if (channel === undefined || !/^https?:/.test(channel) || item === undefined)
      throw new WorldError('config', '--via needs to know whom to pay, and for what.', 'pawment pay <merchant> --item <name> --via <hub>');
  }
  if (bitcoinj === undefined) {
    const theirs = { '--deposit': deposit, '--info': info, '--protocol': protocol, '--settle': settle };
    none(theirs, 'means nothing without --bitcoinj', 'Add --bitcoinj, or leave it out.');
    if (item !== undefined)
      none({ '--amount': amount }, 'means nothing together with --item', 'The merchant sets the price: leave it out. --max limits it.');
    return;
  }
  const ours = { '[channel]': channel, '--item': item, '--psbt': psbt, '--watch-to': watchTo };
  none(
    ours,
    'means nothing together with --bitcoinj',
    'Leave it out: the channel is the one with that server, and --info says what is bought.',
  );
  if (amount === undefined) {
    none({ '--info': info, '--times': times }, 'means nothing where nothing is paid', 'Add --amount, or leave it out.');
  }
}

function none(given: Given, why: string, hint: string): void {
  for (const [name, value] of Object.entries(given)) if (value !== undefined) throw new WorldError('config', `${name} ${why}.`, hint);
}
