import { Gauge, Registry } from 'prom-client';
import type { WatchReport } from './watcher.ts';

const STANDINGS = ['quiet', 'due', 'waiting', 'mined', 'buried', 'endangered', 'lost'] as const;
const ALARMS = [
  'node-doubted',
  'merchant-silent',
  'file-unreadable',
  'file-gone',
  'close-refused',
  'close-late',
  'deposit-missing',
  'worse-spend',
] as const;

/** A watcher's report as Prometheus text. */
export function watchMetrics({ tip, heartbeat, channels, alarms }: WatchReport): Promise<string> {
  const registry = new Registry();
  const gauge = (name: string, help: string, ...labelNames: string[]): Gauge =>
    new Gauge({ name: `pawment_watch_${name}`, help, labelNames, registers: [registry] });
  gauge('chain_height', 'The last block that was read.').set(tip.height);
  if (heartbeat !== undefined)
    gauge('heartbeat_timestamp_seconds', "Unix time of the merchant's last sign of life.").set(heartbeat.at / 1000);
  const standing = gauge('channels', 'Watched channels, by state.', 'standing');
  for (const one of STANDINGS) standing.set({ standing: one }, channels.filter((channel) => channel.standing === one).length);
  const alarm = gauge('alarms', 'What a person has to look at.', 'code');
  for (const one of ALARMS) alarm.set({ code: one }, alarms.filter(({ code }) => code === one).length);
  const open = channels.filter((channel) => channel.standing === 'quiet').map(({ closing }) => closing - tip.height);
  if (open.length > 0) gauge('nearest_closing_blocks', 'Blocks to the nearest closing height.').set(open.reduce((a, b) => Math.min(a, b)));
  return registry.metrics();
}
