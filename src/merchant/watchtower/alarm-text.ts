import type { Alarm } from './watcher.ts';

/** An alarm as a sentence that says what is at stake and what to do. */
export function alarmText(alarm: Alarm, tip: number, now: number): string {
  switch (alarm.code) {
    case 'merchant-silent':
      return alarm.lastSeen === undefined
        ? 'The merchant has left no sign of life here: it is closed for without waiting.'
        : `The merchant was last seen ${Math.round((now - alarm.lastSeen) / 60_000)} minutes ago: it is closed for without waiting. Start it again.`;
    case 'node-doubted':
      return `This watcher's node can not be relied on: ${alarm.reason}`;
    case 'file-unreadable':
      return `The file of channel ${short(alarm.channel)} can not be used, ${alarm.reason}: have the merchant write it again.`;
    case 'file-gone':
      return `The file of channel ${short(alarm.channel)} is gone, and ${alarm.reason}: have the merchant write it again.`;
    case 'close-refused':
      return `The node refused the close of channel ${short(alarm.channel)}, ${alarm.reason}. Look at the node and its fees.`;
    case 'close-late':
      return `The close of channel ${short(alarm.channel)} is in no block yet; ${leftText(alarm.expiry, tip)}. Have it mined: another node, a higher fee, a miner.`;
    case 'deposit-missing':
      return `A deposit of channel ${short(alarm.channel)} is not in the chain of this node; ${leftText(alarm.expiry, tip)}.`;
    case 'worse-spend':
      return `${spendText(alarm.by)} takes the deposit of channel ${short(alarm.channel)} for less than is held (${alarm.txid}, ${depthText(alarm.depth)}).`;
  }
}

function short(channel: string): string {
  return channel.slice(0, 16);
}

function leftText(expiry: number, tip: number): string {
  return expiry > tip
    ? `the payer may take it back at block ${expiry}, ${expiry - tip} blocks from now`
    : `the payer may take it back since block ${expiry}`;
}

function spendText(by: string): string {
  if (by === 'refund') return "The payer's refund";
  return by === 'close' ? 'An older close' : 'A foreign transaction';
}

function depthText(depth: number): string {
  return depth === 0 ? 'not in a block yet' : `${depth} blocks deep`;
}
