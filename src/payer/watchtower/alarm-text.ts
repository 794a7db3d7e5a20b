import type { PenaltyAlarm } from './watcher.ts';

/** An alarm as a sentence that says what is at stake and what to do. */
export function penaltyAlarmText(alarm: PenaltyAlarm, tip: number): string {
  switch (alarm.code) {
    case 'node-doubted':
      return `This watcher's node can't be relied on: ${alarm.reason}`;
    case 'blocks-missed':
      return `The node had deleted ${alarm.blocks} blocks that were not read: revoked closes in them are not seen. Use a node that keeps more blocks.`;
    case 'folder-unreadable':
      return `The folder can't be read: ${alarm.reason}. What was read before still counts.`;
    case 'file-unreadable':
      return `The file of channel ${short(alarm.channel)} can't be used: ${alarm.reason}. Let the payer write it again: pawment refresh.`;
    case 'file-gone':
      return `The file of channel ${short(alarm.channel)} is gone, but ${alarm.reason}. Let the payer write it again: pawment refresh.`;
    case 'penalty-refused':
      return `The node refused the penalty of channel ${short(alarm.channel)}: ${alarm.reason}. Check the node and its fees.`;
    case 'penalty-late':
      return `The penalty of channel ${short(alarm.channel)} is in no block yet; ${leftText(alarm.payout, tip)}. Get it mined: send it through another node, or ask a miner.`;
    case 'penalty-lost':
      return `What a revoked close of channel ${short(alarm.channel)} held was taken by somebody else.`;
  }
}

function short(channel: string): string {
  return channel.slice(0, 16);
}

function leftText(payout: number, tip: number): string {
  return payout > tip ? `the payee can take the output at block ${payout}, in ${payout - tip} blocks` : 'the payee can take the output now';
}
