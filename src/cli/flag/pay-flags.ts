import { WorldError } from '../../engine/ports.ts';
import type { CommonFlags } from '../config.ts';

export interface PayFlags extends CommonFlags {
  readonly item?: string;
  readonly max?: string;
  readonly amount?: string;
  readonly times?: number;
  readonly psbt?: boolean;
  readonly bitcoinj?: string;
  readonly deposit?: string;
  readonly info?: string;
  readonly protocol?: number;
  readonly settle?: boolean;
}

type Given = Readonly<Record<string, string | number | boolean | undefined>>;

/** Nothing that was given is passed over in silence. @throws WorldError `config` for the first that is of no use beside the others. */
export function checkPayFlags(channel: string | undefined, flags: PayFlags): void {
  const { item, amount, times, psbt, bitcoinj, deposit, info, protocol, settle } = flags;
  if (bitcoinj === undefined) {
    const theirs = { '--deposit': deposit, '--info': info, '--protocol': protocol, '--settle': settle };
    none(theirs, 'means nothing without --bitcoinj', 'Give --bitcoinj too, or leave it out.');
    if (item !== undefined)
      none({ '--amount': amount }, 'means nothing beside --item', 'The merchant names the price: leave it out. --max bounds it.');
    return;
  }
  const ours = { '[channel]': channel, '--item': item, '--psbt': psbt };
  none(ours, 'means nothing beside --bitcoinj', 'Leave it out: the channel is the one with that server, and --info names what is bought.');
  if (amount === undefined) {
    none({ '--info': info, '--times': times }, 'means nothing where nothing is paid', 'Give --amount, or leave it out.');
  }
}

function none(given: Given, why: string, hint: string): void {
  for (const [name, value] of Object.entries(given)) if (value !== undefined) throw new WorldError('config', `${name} ${why}.`, hint);
}
