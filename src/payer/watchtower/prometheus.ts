import { Gauge, Registry } from 'prom-client';
import type { PenaltyReport } from './watcher.ts';

const STANDINGS = ['quiet', 'punishing', 'punished', 'lost', 'over'] as const;
const ALARMS = [
  ...(['node-doubted', 'blocks-missed', 'folder-unreadable', 'file-unreadable', 'file-gone'] as const),
  ...(['penalty-refused', 'penalty-late', 'penalty-lost'] as const),
];

/** The report of a payer's watcher as Prometheus text. */
export function penaltyMetrics({ tip, channels, alarms }: PenaltyReport): Promise<string> {
  const registry = new Registry();
  const gauge = (name: string, help: string, ...labelNames: string[]): Gauge =>
    new Gauge({ name: `pawment_watch_${name}`, help, labelNames, registers: [registry] });
  gauge('chain_height', 'The last block that was read.').set(tip.height);
  const standing = gauge('channels', 'Watched channels, by how they stand.', 'standing');
  for (const one of STANDINGS) standing.set({ standing: one }, channels.filter((channel) => channel.standing === one).length);
  const alarm = gauge('alarms', 'What a person has to look at.', 'code');
  for (const one of ALARMS) alarm.set({ code: one }, alarms.filter(({ code }) => code === one).length);
  return registry.metrics();
}
