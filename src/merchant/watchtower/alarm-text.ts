import { counted } from '../../core/base/counted.ts';
import type { Alarm } from './watcher.ts';

/** An alarm as a sentence that says what is at stake and what to do. */
export function alarmText(alarm: Alarm, tip: number, now: number): string {
  switch (alarm.code) {
    case 'merchant-silent':
      return alarm.lastSeen === undefined
        ? 'The merchant has left no heartbeat here: the watcher closes for it at once.'
        : `The merchant was last seen ${Math.round((now - alarm.lastSeen) / 60_000)} minutes ago: the watcher closes for it at once. Start it again.`;
    case 'node-doubted':
      return `This watcher's node can't be relied on: ${alarm.reason}`;
    case 'file-unreadable':
      return `The file of channel ${short(alarm.channel)} can't be used: ${alarm.reason}. Let the merchant write it again.`;
    case 'file-gone':
      return `The file of channel ${short(alarm.channel)} is gone, but ${alarm.reason}. Let the merchant write it again.`;
    case 'close-refused':
      return `The node refused the close of channel ${short(alarm.channel)}: ${alarm.reason}. Check the node and its fees.`;
    case 'close-late':
      return `The close of channel ${short(alarm.channel)} is in no block yet; ${leftText(alarm.expiry, tip)}. Get it mined: send it through another node, raise its fee, or ask a miner.`;
    case 'deposit-missing':
      return `A deposit of channel ${short(alarm.channel)} is not in the chain of this node; ${leftText(alarm.expiry, tip)}.`;
    case 'worse-spend':
      return `${spendText(alarm.by)} spends the deposit of channel ${short(alarm.channel)} and pays less than the best close (${alarm.txid}, ${depthText(alarm.depth)}).`;
  }
}

function short(channel: string): string {
  return channel.slice(0, 16);
}

function leftText(expiry: number, tip: number): string {
  return expiry > tip
    ? `the payer can take it back at block ${expiry}, in ${counted(expiry - tip, 'block')}`
    : `the payer has been able to take it back since block ${expiry}`;
}

function spendText(by: string): string {
  if (by === 'refund') return "The payer's refund";
  return by === 'close' ? 'An older close' : 'An unknown transaction';
}

function depthText(depth: number): string {
  return depth === 0 ? 'not in a block yet' : `${counted(depth, 'block')} deep`;
}
