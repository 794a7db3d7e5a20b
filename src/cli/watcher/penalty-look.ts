import { penaltyAlarmText } from '../../payer/watchtower/alarm-text.ts';
import { penaltyMetrics } from '../../payer/watchtower/prometheus.ts';
import type { PenaltyReport } from '../../payer/watchtower/watcher.ts';
import { type Look, linesOf, sentFacts } from './look.ts';

const STANDS = {
  quiet: 'no close that was revoked',
  punishing: 'a revoked close; its penalty is in no block yet',
  punished: 'a revoked close is punished',
  lost: 'the payee took what a revoked close held',
  over: 'nothing is left to do',
} as const;

/** What a payer's watcher reports. */
export function penaltyLook(report: PenaltyReport): Look {
  const { tip, channels, sent } = report;
  const alarms = report.alarms.map((alarm) => ({ ...alarm, text: penaltyAlarmText(alarm, tip.height) }));
  const facts = {
    tip: tip.height,
    channels: channels.map(({ file: { channel, terms, revocation }, standing }) => ({
      ...{ channel, standing, revoked: revocation.index, expiry: terms.expiry },
    })),
    sent: sentFacts(sent),
    alarms,
  };
  const common = { what: 'penalty', alarms, sent } as const;
  const lines = channels.map(({ file, standing }) => `${file.channel.slice(0, 16)}  ${standing.padEnd(10)}  ${STANDS[standing]}`);
  return { ...common, facts, lines: linesOf(common, lines), metrics: () => penaltyMetrics(report) };
}
