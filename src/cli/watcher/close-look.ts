import { formatAmount } from '../../core/base/amount.ts';
import { counted } from '../../core/base/counted.ts';
import { alarmText } from '../../merchant/watchtower/alarm-text.ts';
import { watchMetrics } from '../../merchant/watchtower/prometheus.ts';
import type { WatchReport } from '../../merchant/watchtower/watcher.ts';
import { type Look, linesOf, sentFacts } from './look.ts';

/** What a merchant's watcher reports. `now` is Unix time in milliseconds. */
export function closeLook(report: WatchReport, now: number): Look {
  const { tip, heartbeat, channels, sent } = report;
  const alarms = report.alarms.map((alarm) => ({ ...alarm, text: alarmText(alarm, tip.height, now) }));
  const lines = channels.map(({ watched: { channel, total, terms }, standing, closing, expiry }) => {
    const left = closing - tip.height;
    const when =
      left > 0 ? `closes at block ${closing}; ${counted(left, 'block')} left` : `its payer can take it back from block ${expiry} on`;
    return `${channel.slice(0, 16)}  ${standing.padEnd(10)}  ${formatAmount(total)} ${terms.coin.ticker}, ${when}`;
  });
  const facts = {
    tip: tip.height,
    merchantSeen: heartbeat?.at,
    channels: channels.map(({ watched: { channel, total }, standing, closing, expiry }) => ({ channel, standing, total, closing, expiry })),
    sent: sentFacts(sent),
    alarms,
  };
  const common = { what: 'close', alarms, sent } as const;
  return { ...common, facts, lines: linesOf(common, lines), metrics: () => watchMetrics(report) };
}
