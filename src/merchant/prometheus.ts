import { Counter, Gauge, Registry } from 'prom-client';
import type { Figures } from './stats.ts';

const UNITS_PER_COIN = 1e8;

/**
 * The figures as Prometheus metrics. Money is in whole coins (`_coins`), since the metric has no other base unit; a double has about sixteen digits,
 * which is good for graphs but not for accounts. Heights and blocks are counts. Every label has a short fixed list of values.
 */
export function metricsOf(read: () => Figures): Registry {
  const registry = new Registry();
  registerMoney(registry, read);
  registerChain(registry, read);
  registerWork(registry, read);
  return registry;
}

type Rows = readonly (readonly [labels: Readonly<Record<string, string>>, value: number])[];

function gauge(registry: Registry, name: string, help: string, labelNames: readonly string[], rows: () => Rows): void {
  const made: Gauge = new Gauge({
    name: `pawment_${name}`,
    help,
    labelNames: [...labelNames],
    registers: [registry],
    collect: () => {
      made.reset();
      // A gauge without labels shows 0 after a reset; but no value is not the same as 0.
      if (labelNames.length === 0) made.remove();
      for (const [labels, value] of rows()) made.set({ ...labels }, value);
    },
  });
}

function counter(registry: Registry, name: string, help: string, labelNames: readonly string[], rows: () => Rows): void {
  const made: Counter = new Counter({
    name: `pawment_${name}_total`,
    help,
    labelNames: [...labelNames],
    registers: [registry],
    collect: () => {
      made.reset();
      for (const [labels, value] of rows()) made.inc({ ...labels }, value);
    },
  });
}

function single(value: number | undefined): Rows {
  return value === undefined ? [] : [[{}, value]];
}

function by(label: string, values: Readonly<Partial<Record<string, number>>>): Rows {
  return Object.entries(values).map(([name, value = 0]) => [{ [label]: name }, value]);
}

function coins(units: bigint): number {
  return Number(units) / UNITS_PER_COIN;
}

function registerMoney(registry: Registry, read: () => Figures): void {
  const money = (name: string, help: string, of: (figures: Figures) => bigint): void =>
    gauge(registry, `${name}_coins`, help, [], () => single(coins(of(read()))));
  money('at_risk', 'What would be lost if no channel were ever closed.', ({ atRisk }) => atRisk);
  money('pinnable', 'What thieves could take by pinning closes: totals too small to outbid them.', ({ pinnable }) => pinnable);
  money('capacity', 'Deposits of channels that have not ended.', ({ capacity }) => capacity);
  money('exposure', 'Delivered value that the chain could still undo.', ({ exposure }) => exposure.total);
  money('exposure_most', 'Limit of the exposure; at the limit nothing more is delivered on it.', ({ exposure }) => exposure.most);
  money('written_off', 'What was delivered on deposits that have been in no block for too long.', ({ writtenOff }) => writtenOff);
  gauge(registry, 'young_coins', 'What rests on deposits that are less than so many blocks deep.', ['below'], () =>
    read().young.map(({ below, total }) => [{ below: String(below) }, coins(total)]),
  );
  gauge(registry, 'young_most_coins', 'Limit of what may rest on deposits that are less than so many blocks deep.', ['below'], () =>
    read().young.map(({ below, most }) => [{ below: String(below) }, coins(most)]),
  );
  money('unmined_at_risk', 'Totals of closes that are in no block yet.', ({ unmined }) =>
    unmined.reduce((sum, one) => sum + one.atRisk, 0n),
  );
  gauge(registry, 'channels', 'Channels that have not ended, by state.', ['state'], () => by('state', read().channels));
  gauge(registry, 'channels_ended', 'Ended channels, by how they ended.', ['how'], () => by('how', read().ends));
  gauge(registry, 'closes_unmined', 'Closes that are in no block yet.', [], () => single(read().unmined.length));
}

function registerChain(registry: Registry, read: () => Figures): void {
  const left = (to: (figures: Figures) => number | undefined) => (): Rows => {
    const figures = read();
    const height = to(figures);
    return figures.chain === undefined || height === undefined ? [] : single(height - figures.chain.height);
  };
  gauge(registry, 'chain_height', 'The last block that was read.', [], () => single(read().chain?.height));
  gauge(registry, 'chain_read_age_seconds', 'Seconds since the node was last read completely.', [], () => single(read().chain?.age));
  gauge(registry, 'chain_trusted', '1 while the node can be relied on for new promises.', [], () => {
    const { chain, doubt } = read();
    return single(chain !== undefined && doubt === undefined ? 1 : 0);
  });
  gauge(registry, 'ready', '1 while something new can be sold: what /v1/ready says.', [], () => {
    const { chain, doubt, unkept } = read();
    return single(chain !== undefined && doubt === undefined && unkept === undefined ? 1 : 0);
  });
  const nearest = 'of channels that hold a payment; negative when it is past.';
  gauge(
    registry,
    'nearest_closing_blocks',
    `Blocks to the nearest closing height ${nearest}`,
    [],
    left((one) => one.nearestClosing),
  );
  gauge(
    registry,
    'nearest_expiry_blocks',
    `Blocks to the nearest expiry ${nearest}`,
    [],
    left((one) => one.nearestExpiry),
  );
  gauge(
    registry,
    'nearest_unmined_expiry_blocks',
    'Blocks to the nearest expiry of a channel whose close is in no block yet.',
    [],
    left(({ unmined }) => (unmined.length === 0 ? undefined : unmined.reduce((least, { expiry }) => Math.min(least, expiry), Infinity))),
  );
}

function registerWork(registry: Registry, read: () => Figures): void {
  counter(registry, 'answers', 'Answers given, by kind.', ['kind'], () => by('kind', read().answers));
  counter(registry, 'refusals', 'Refusals given, by code.', ['code'], () => by('code', read().refusals));
  counter(registry, 'failures', 'Requests without an answer because node or store failed.', [], () => single(read().failures));
  gauge(registry, 'job_alive', '1 while a job succeeds as often as it has to.', ['job'], () =>
    read().jobs.map(({ name, isAlive }) => [{ job: name }, isAlive ? 1 : 0]),
  );
  gauge(registry, 'job_failures', 'Failures of a job since its last success.', ['job'], () =>
    read().jobs.map(({ name, failures }) => [{ job: name }, failures]),
  );
  gauge(registry, 'job_last_success_timestamp_seconds', 'Unix time of the last success of a job.', ['job'], () =>
    read().jobs.flatMap(({ name, lastSuccess }) => (lastSuccess === undefined ? [] : [[{ job: name }, lastSuccess / 1000] as const])),
  );
  gauge(registry, 'watch_files_behind', 'Channels whose files for watchers are out of date.', [], () => single(read().unwatched));
  gauge(registry, 'info', 'Always 1.', ['coin', 'backend'], () => {
    const { coin, backend } = read();
    return [[{ coin: coin.id, backend }, 1]];
  });
}
