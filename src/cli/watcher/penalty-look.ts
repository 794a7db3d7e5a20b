import type { WatchReport } from '../../merchant/watchtower/watcher.ts';
import { penaltyAlarmText } from '../../payer/watchtower/alarm-text.ts';
import { penaltyMetrics } from '../../payer/watchtower/prometheus.ts';
import type { PenaltyReport } from '../../payer/watchtower/watcher.ts';
import { closeLook } from './close-look.ts';
import { type Look, linesOf, sentFacts } from './look.ts';

const STANDS = {
  quiet: 'no close that was revoked',
  punishing: 'a revoked close; its penalty is in no block yet',
  punished: 'a revoked close is punished',
  lost: 'the payee took what a revoked close held',
  over: 'nothing is left to do',
} as const;

/** What a payer's watcher reports: of closes that were revoked, and of channels the other way, where the payer is the payee. */
export function payerLook(report: PenaltyReport, back: WatchReport | undefined): Look {
  const own = penaltyLook(report);
  if (back === undefined) return own;
  const alarms = back.alarms.filter(({ code }) => code !== 'merchant-silent');
  const other = closeLook({ ...back, alarms }, 0);
  return {
    ...own,
    alarms: [...own.alarms, ...other.alarms],
    sent: [...own.sent, ...other.sent.map((one) => ({ ...one, what: other.what }))],
    facts: { ...own.facts, back: other.facts },
    lines: [...(report.channels.length === 0 ? [] : own.lines), ...other.lines],
  };
}

function penaltyLook(report: PenaltyReport): Look {
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
